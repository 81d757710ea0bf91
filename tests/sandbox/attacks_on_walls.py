"""Hostile programs that want out, or to cheat: network, files, kernel, signals, answers, source text."""

from __future__ import annotations

from tests.sandbox.attacks import TRY, Attack, refused

NETWORK = [
    refused(
        "every-family-but-unix",
        ", ".join(f"{family}: attempt(socket.socket, {family}, {kind})" for family, kind in
                  [(2, 1), (2, 2), (2, 3), (10, 1), (16, 3), (17, 3), (38, 5), (40, 1), (15, 3), (31, 3), (44, 2)]),
    ),
    Attack(
        name="names-of-hosts",
        source=TRY + "try: print(socket.getaddrinfo('example.org', 80))\nexcept OSError: print('no')",
        output="no",
    ),
    Attack(
        name="unix-sockets-work",
        source=TRY + "a, b = socket.socketpair(); a.send(b'hi'); print(b.recv(2))",
        output="b'hi'",
    ),
    Attack(
        name="the-engines-socket",
        source=TRY + "s = socket.socket(socket.AF_UNIX)\nprint(sorted({attempt(s.connect, p) for p in "
        "('/var/run/docker.sock', '/run/docker.sock', '/run/containerd/containerd.sock')}))",
        output="['ENOENT']",
    ),
]  # fmt: skip
FILES = [
    refused(
        "the-runner-from-inside",
        "'fd': attempt(os.listdir, '/proc/1/fd'), 'mem': attempt(open, '/proc/1/mem', 'r+b'), "
        "'environ': attempt(open, '/proc/1/environ'), 'maps': attempt(lambda: open('/proc/1/maps').read(1)), "
        "'root': attempt(os.listdir, '/proc/1/root'), 'fd0': attempt(open, '/proc/1/fd/100', 'wb'), "
        "'oom': attempt(lambda: open('/proc/1/oom_score_adj', 'w').write('1000'))",
    ),
    refused(
        "the-hosts-files",
        "p: attempt(open, p) for p in ('/etc/shadow', '/etc/gshadow', '/etc/ssh/ssh_host_rsa_key', '/home', "
        "'/root', '/dev/sda', '/dev/vda', "
        "'/dev/mem', '/dev/kmsg', '/boot/config', '/var/lib/docker', '/proc/kcore', '/sys/firmware/acpi')",
    ),
    refused(
        "the-kernels-switches",
        "p: attempt(lambda: open(p, 'w').write('1')) for p in ('/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger', "
        "'/proc/sys/vm/drop_caches', '/sys/fs/cgroup/cgroup.procs', '/sys/fs/cgroup/memory/cgroup.procs')",
    ),
    Attack(
        name="the-hosts-variables",
        source="import os\nprint([name for name in os.environ if 'SECRET' in name])",
        output="[]",
    ),
    Attack(name="who-am-i", source=TRY + "print(os.getuid(), os.geteuid(), os.getgroups() in ([], [65532], [65534]), "
           "socket.gethostname())", output="65532 65532 True sandbox"),
    Attack(name="whom-do-i-see", source=TRY + "print(sorted(int(n) for n in os.listdir('/proc') if n.isdigit()) == "
           "[1, os.getpid()])", output="True"),
]  # fmt: skip
KERNEL = [
    refused(
        "namespaces",
        "'unshare user': syscall(272, 0x10000000), 'unshare net': syscall(272, 0x40000000), 'setns': "
        "syscall(308, 0, 0), 'clone': syscall(56, 0x10000011, 0, 0, 0, 0), 'clone3': syscall(435, 0, 0)",
    ),
    refused(
        "calls-that-break-boxes",
        "n: syscall(n, 0, 0, 0, 0, 0, 0) for n in (101, 103, 155, 161, 165, 166, 167, 169, 172, 173, 175, 176, 246, "
        "248, 249, 250, 272, 298, 303, 304, 308, 310, 311, 312, 313, 317, 320, 321, 323, 425, 426, 427, 428, 429, 430, "
        "438, 440, 442, 443, 444, 446, 447)",
    ),
    refused(
        "mounts-and-devices",
        "'mount': attempt(lambda: 1 / 0 if libc.mount(b'none', b'/box', b'tmpfs', 0, 0) == 0 else open('/nowhere')), "
        "'mknod': attempt(os.mknod, 'disk', 0o60666, 0xfe00), 'chroot': attempt(os.chroot, '/box')",
    ),
    refused(
        "state-in-the-kernel",
        "'semget': syscall(64, 7, 1, 0o1666), 'msgget': syscall(68, 7, 0o1666), 'add_key': "
        "syscall(248, 0, 0, 0, 0, 0), 'mq_open': syscall(240, 0, 0x42, 0o666, 0), 'inotify': syscall(294, 0)",
    ),
    Attack(
        name="calls-of-32-bits",
        source="import ctypes, mmap\nm = mmap.mmap(-1, 4096, prot=7)\nm.write(bytes.fromhex('b814000000cd80c3'))\n"
        "f = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))\nprint(f())",
        status="runtime_error",
    ),
    Attack(
        name="no-rights-to-gain",
        source="s = dict(l.split(':', 1) for l in open('/proc/self/status'))\n"
        "print(*[int(s[k], 16) for k in ('CapEff', 'CapPrm', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp')])",
        output="0 0 0 0 1 2",
    ),
]
SIGNALS = [
    Attack(
        name="every-signal-to-the-runner",
        source=TRY + "for n in range(1, 65):\n  for _ in range(5): attempt(os.kill, 1, n)\nprint('sent')",
        output="sent",
    ),
    refused(
        "bind-the-runner",
        "'nofile': attempt(__import__('resource').prlimit, 1, 7, (4, 4)), 'cpu': "
        "attempt(__import__('resource').prlimit, 1, 0, (0, 0)), "
        "'nice': attempt(os.setpriority, os.PRIO_PROCESS, 1, 19), "
        "'idle': attempt(os.sched_setscheduler, 1, 5, os.sched_param(0)), "
        "'core': attempt(os.sched_setaffinity, 1, [0])",
    ),
    Attack(
        name="raise-ones-own-limits",
        source=TRY + "import resource\ndef more(): resource.setrlimit(7, (9999, 9999))\n"
        "try: more()\nexcept (OSError, ValueError): print('no')",
        output="no",
    ),
    Attack(name="die-of-a-signal", source="import os\nos.kill(os.getpid(), 11)", status="runtime_error"),
]
CHEATING = [
    Attack(
        name="write-into-every-descriptor",
        source=TRY + "print([fd for fd in range(3, 1024) if attempt(os.write, fd, b'x' * 99) != 'EBADF'])",
        output="[]",
    ),
    Attack(
        name="forge-an-answer-on-the-output",
        source="import json, struct, sys\n"
        "h = json.dumps({'nonce': '', 'ended': 'exit', 'code': 0, 'sizes': [1, 0]}).encode()\n"
        "sys.stdout.buffer.write(struct.pack('>II', len(h), 1) + h + b'1')\nsys.stdout.flush()\n1 / 0",
        status="runtime_error",
    ),
    Attack(
        name="look-for-answers",
        source=TRY + "print(sorted(os.listdir('/box') + os.listdir('/tmp') + os.listdir('/dev/shm')), "
        "sorted(os.listdir('/opt/sandbox/sandbox')))",
        output="['main.py'] ['__init__.py', '__pycache__', 'files.py', 'harness.py', 'launch.py', 'meters.py', "
        "'processes.py', "
        "'runner.py', 'startup', 'streams.py']",
    ),
    Attack(name="leave-early", source="import os\nprint(1, flush=True)\nos._exit(0)\nprint(2)", output="1"),
    Attack(name="pretend-an-error", source="raise SystemExit('MemoryError')", status="memory"),
    Attack(name="leave-with-a-code", source="raise SystemExit(3)", status="runtime_error"),
]
SOURCES = [
    Attack(name="nothing", source="", status="runtime_error"),
    Attack(name="only-space", source=" \n\t\n", status="runtime_error"),
    Attack(name="zero-bytes", source="print(1)\n\0\0", output="1"),
    Attack(name="lone-surrogate", source="x = '\ud800'", status="runtime_error"),
    Attack(name="many-brackets", source="(" * 100_000, status="runtime_error"),
    Attack(name="many-minus-signs", source="-" * 100_000 + "1", status="runtime_error", or_status="memory"),
    Attack(name="five-megabytes", source="#" + "x" * 5_000_000 + "\nprint(1)", output="1"),
    Attack(name="byte-order-mark", source="\ufeffprint(1)", output="1"),
    Attack(name="unknown-encoding", source="# coding: klingon\nprint(1)", status="runtime_error"),
    Attack(name="windows-line-ends", source="if True:\r\n  print(1)\r\n", output="1"),
    Attack(name="costly-constant", source="x = 9 ** 9 ** 9", status="timeout", cpu_s=0.5),
    Attack(name="bad-syntax", source="def f(:", status="runtime_error"),
    Attack(name="changes-its-own-file", source="open('main.py', 'w').write('1/0'); print(1)", output="1"),
    Attack(name="imports-itself", source="import main", status="runtime_error"),
    Attack(name="shadows-a-module", source="open('json.py', 'w').write('1/0')\nimport json; print(1)", output="1"),
]

ALL = [*NETWORK, *FILES, *KERNEL, *SIGNALS, *CHEATING, *SOURCES]
