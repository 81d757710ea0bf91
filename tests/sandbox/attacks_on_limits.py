"""Hostile programs that hide what they use: from the account of memory, of processor time, of files, of the clock."""

from __future__ import annotations

from tests.sandbox.attacks import TRY, Attack, refused

SPIN = "import time\ndef spin(s):\n  end = time.process_time() + s\n  while time.process_time() < end: pass\n"
DROP = """
import mmap
kept = []
def hide(size):
    m = mmap.mmap(-1, size)
    for at in range(0, size, 1 << 20): m[at : at + (1 << 20)] = b'x' * (1 << 20)
    m.madvise(mmap.MADV_DONTNEED)
    kept.append(m)
"""
FILL_SOCKETS = """
def fill(pairs):
    for _ in range(pairs):
        a, b = socket.socketpair()
        held.append((a, b))
        for end in (a, b):
            end.setblocking(False)
            try:
                while True: end.send(b'x' * 65536)
            except OSError: pass
held = []
"""

MEMORY = [
    Attack(name="shared-pages-out-of-sight", source=DROP + "for _ in range(8): hide(100 << 20)\ntime.sleep(9)",
           status="memory", watched="runtime_error"),
    Attack(
        name="shared-pages-of-many-processes",
        source=DROP + "import os, time\nfor _ in range(2): os.fork()\nfor _ in range(4): hide(60 << 20)\ntime.sleep(9)",
        status="memory",
        watched="runtime_error",
    ),
    Attack(
        name="shared-pages-of-the-zero-device",
        source="import mmap, os, time\nheld, fd = [], os.open('/dev/zero', os.O_RDWR)\n"
        "for _ in range(8):\n  held.append(mmap.mmap(fd, 100 << 20))\n  held[-1][::4096] = b'x' * (100 << 8)\n"
        "time.sleep(9)",
        status="memory",
        watched="runtime_error",
    ),
    Attack(
        name="a-large-file-behind-one-page",
        source=TRY + "libc.mmap.restype = ctypes.c_void_p\n"
        "libc.mmap.argtypes = [ctypes.c_void_p] + [ctypes.c_long] * 5\n"
        "libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_long]\nsize = 50 << 20\n"
        "for _ in range(12):\n  at = libc.mmap(None, size, 3, 0x21, -1, 0)\n"
        "  if at in (None, 2**64 - 1): raise SystemExit(1)\n"
        "  ctypes.memset(at, 1, size)\n  libc.munmap(at + 4096, size - 4096)\ntime.sleep(9)",
        status="memory",
        watched="runtime_error",
    ),
    Attack(
        name="the-first-thread-has-ended",
        source=TRY + "def hoard():\n  time.sleep(0.1)\n  x = []\n  while True: x.append(b'x' * (1 << 20))\n"
        "threading.Thread(target=hoard).start()\nlibc.syscall(60, 0)",
        status="memory",
    ),
    Attack(
        name="a-child-whose-first-thread-has-ended",
        source=TRY + "def hoard():\n  time.sleep(0.1)\n  x = []\n  while True: x.append(b'x' * (1 << 20))\n"
        "for _ in range(3):\n  if os.fork() == 0:\n    threading.Thread(target=hoard).start()\n"
        "    libc.syscall(60, 0)\n"
        "time.sleep(9)",
        status="memory",
    ),
    Attack(
        name="socket-buffers",
        source=TRY + FILL_SOCKETS + "for _ in range(4): os.fork()\nfill(110)\ntime.sleep(9)",
        status="memory",
    ),
    Attack(name="a-few-sockets", source=TRY + FILL_SOCKETS + "fill(20)\nprint(len(held))", output="20"),
    Attack(
        name="pipe-buffers",
        source=TRY + "import fcntl\nheld = []\nfor _ in range(100):\n  r, w = os.pipe(); held.append((r, w))\n"
        "  try: fcntl.fcntl(w, 1031, 1 << 20)\n  except OSError: pass\n"
        "  os.set_blocking(w, False)\n  try:\n    while True: os.write(w, b'x' * 65536)\n  except OSError: pass\n"
        "print(len(held))",
        output="100",
    ),
    Attack(
        name="files-and-memory-together",
        source=TRY + "def fill(path, mb):\n  with open(path, 'wb', 0) as f:\n"
        "    for _ in range(mb): f.write(bytes(1 << 20))\n"
        "fill('/box/a', 60); fill('/tmp/a', 15); fill('/dev/shm/a', 15)\n"
        "x = [b'x' * (1 << 20) for _ in range(200)]\ntime.sleep(9)",
        status="memory",
    ),
    Attack(
        name="files-that-have-no-name",
        source=TRY + "held = []\nfor n in range(6):\n  f = open(f'/box/{n}', 'w+b', 0); held.append(f)\n"
        "  for _ in range(10): f.write(bytes(1 << 20))\n  os.unlink(f'/box/{n}')\n"
        "x = [b'x' * (1 << 20) for _ in range(220)]\ntime.sleep(9)",
        status="memory",
    ),
    Attack(
        name="copies-of-a-parents-pages",
        source="import os, time\nx = bytearray(60 << 20)\nfor _ in range(3): os.fork()\n"
        "for at in range(0, len(x), 4096): x[at] = 1\ntime.sleep(9)",
        status="memory",
    ),
    Attack(
        name="pages-that-parent-and-child-share",
        source="import os, time\nx = b'x' * (100 << 20)\nfor _ in range(6):\n"
        "  if os.fork() == 0: time.sleep(0.4); os._exit(0)\nprint(sum(os.wait()[1] for _ in range(6)))",
        output="0",
    ),
    Attack(
        name="just-below-the-limit",
        source="x = b'x' * (200 << 20)\nimport time; time.sleep(0.2)\nprint(len(x) >> 20)",
        output="200",
    ),
    Attack(
        name="die-later-than-the-host",
        source=TRY + "me = '/proc/self/oom_score_adj'\nfor n in (-1000, -1, 0, 400):\n"
        "  attempt(lambda: open(me, 'w', 1).write(f'{n}\\n'))\nprint(int(open(me).read()) >= 500)",
        output="True",
    ),
    Attack(
        name="a-child-that-dies-later-than-the-host",
        source=TRY + "me = '/proc/self/oom_score_adj'\nif os.fork() == 0:\n"
        "  attempt(lambda: open(me, 'w', 1).write('0\\n'))\n"
        "  print(int(open(me).read()) >= 500, flush=True)\n  os._exit(0)\nos.wait()",
        output="True",
    ),
]  # fmt: skip
FILES = [
    Attack(
        name=f"{what}-without-number-in{folder.replace('/', '-')}",
        source=TRY + f"os.chdir({folder!r})\nn = 0\ntry:\n  while n < 9999: {make}; n += 1\n"
        "except OSError as error: print(n < 4096, errno.errorcode[error.errno])",
        output="True ENOSPC",
    )
    for folder in ("/box", "/tmp", "/dev/shm")
    for what, make in (("files", "open(str(n), 'w').close()"), ("folders", "os.mkdir(str(n))"))
]
TIME = [
    Attack(
        name="children-whose-end-is-ignored",
        source=SPIN + "import os, signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nwhile True:\n"
        "  for _ in range(4):\n    if os.fork() == 0: spin(0.03); os._exit(0)\n"
        "  try: os.wait()\n  except ChildProcessError: pass",
        status="timeout",
        watched="runtime_error",
        cpu_s=0.5,
    ),
    Attack(
        name="children-that-nobody-may-wait-for",
        source=SPIN + TRY + "act = (ctypes.c_char * 152)()\nctypes.c_int.from_buffer(act, 136).value = 2\n"
        "libc.sigaction(17, act, None)\nwhile True:\n  try:\n    if os.fork() == 0: spin(0.02); os._exit(0)\n"
        "  except OSError: time.sleep(0.01)",
        status="timeout",
        cpu_s=0.5,
    ),
    Attack(
        name="orphans-that-spin",
        source=SPIN + "import os\nwhile True:\n  if os.fork() == 0:\n    if os.fork() == 0: spin(0.1)\n"
        "    os._exit(0)\n"
        "  os.wait()",
        status="timeout",
        cpu_s=0.5,
    ),
    Attack(
        name="many-short-children",
        source="import os\nwhile True:\n  if os.fork() == 0: sum(range(30_000)); os._exit(0)\n  os.wait()",
        status="timeout",
        cpu_s=0.5,
    ),
    Attack(
        name="children-of-no-signal",
        source=SPIN + TRY + "while True:\n  try:\n    pid = libc.syscall(56, 0, 0, 0, 0, 0)\n"
        "    if pid == 0: spin(0.05); os._exit(0)\n    if pid < 0: time.sleep(0.01)\n"
        "  except OSError: time.sleep(0.01)",
        status="timeout",
        cpu_s=0.5,
    ),
    Attack(
        name="become-oneself-again-and-again",
        source="import os, sys\nsum(range(300_000))\nos.execv(sys.executable, [sys.executable, '-S', 'main.py'])",
        status="timeout",
        cpu_s=0.5,
    ),
    Attack(
        name="spin-while-the-parent-sleeps",
        source="import os, time\nif os.fork() == 0:\n  while True: pass\ntime.sleep(60)",
        status="timeout",
        cpu_s=0.4,
    ),
    Attack(
        name="starve-oneself",
        source="import os, time\nfor _ in range(12):\n  if os.fork() == 0:\n    while True: pass\nos.nice(19)\n"
        "while True: pass",
        status="timeout",
        cpu_s=0.5,
    ),
    Attack(name="sleep-in-small-steps", source="import time\nwhile True: time.sleep(0.001)", status="timeout",
           cpu_s=0.2),
    Attack(name="wait-for-oneself", source="import os\nr, w = os.pipe()\nos.read(r, 1)", status="timeout", cpu_s=0.1),
    Attack(
        name="slow-down-by-setting-the-clock",
        source=TRY + "print(syscall(227, 0, 0), syscall(159, 0), syscall(164, 0, 0))",
        output="EPERM EPERM EPERM",
    ),
    Attack(
        name="a-better-scheduler",
        source=TRY + "import resource\nseen = [attempt(os.nice, -1), attempt(os.sched_setscheduler, 0, 1, "
        "os.sched_param(1)), attempt(os.sched_setaffinity, 0, [0])]\nprint('allowed' in seen)",
        output="False",
    ),
]  # fmt: skip
FLOODS = [
    Attack(
        name="flood-of-errors-from-many",
        source="import os\nfor _ in range(3): os.fork()\nwhile True: os.write(2, b'x' * 65536)",
        status="timeout",
        cpu_s=0.4,
    ),
    Attack(
        name="both-outputs-flooded",
        source="import os\nwhile True: os.write(2, b'x' * 65536); os.write(1, b'x' * 65536)",
        status="output_limit",
    ),
    Attack(
        name="flood-left-in-the-pipe",
        source="import fcntl, os\nfcntl.fcntl(2, 1031, 1 << 20)\nos.write(2, b'x' * (1 << 20))\nprint('end')",
        output="end",
    ),
    Attack(
        name="flood-by-a-daemon",
        source="import os\nif os.fork() == 0:\n  while True: os.write(2, b'x' * 65536)\nprint('end')",
        output="end",
    ),
    Attack(name="output-without-lines", source="print('x' * 900_000, end='')", output="x" * 900_000),
]
PLACES = [
    Attack(
        name=f"execute-from{folder.replace('/', '-')}",
        source=TRY + f"path = {folder!r} + '/program'\n"
        "open(path, 'wb').write(open('/usr/bin/env' if os.path.exists('/usr/bin/env') else sys.executable, "
        "'rb').read())\n"
        "os.chmod(path, 0o755)\nprint(attempt(os.execv, path, [path]))",
        output="EACCES",
    )
    for folder in ("/box", "/tmp", "/dev/shm")
] + [
    Attack(
        name=f"map-a-file-to-execute-from{folder.replace('/', '-')}",
        source=TRY + f"import mmap\nf = open({folder!r} + '/code', 'w+b'); f.write(bytes(4096)); f.flush()\n"
        "print(attempt(lambda: mmap.mmap(f.fileno(), 4096, prot=5)))",
        output="EPERM",
    )
    for folder in ("/box", "/tmp", "/dev/shm")
]
FACTS = [
    Attack(
        name=f"the-hosts-{name.replace('/', '-')}",
        source=TRY + f"path = '/proc/{name}'\ntry: text = open(path).read().strip()\nexcept OSError: text = ''\n"
        f"print(text)",
    )
    for name in ("sys/kernel/random/boot_id", "loadavg", "uptime", "stat", "vmstat", "cmdline", "diskstats",
                 "interrupts", "partitions", "sys/kernel/ns_last_pid")
] + [
    Attack(
        name="the-hosts-folders-of-proc",
        source=TRY + "found = []\nfor name in ('pressure', 'acpi', 'bus', 'irq', 'scsi', 'sysvipc', 'tty', 'driver'):\n"
        "  try: found += os.listdir('/proc/' + name)\n  except OSError: pass\nprint(found)",
        output="[]",
    ),
    Attack(
        name="the-group-it-is-in",
        source="print(sorted({line.rstrip().split(':')[2] for line in open('/proc/self/cgroup')}))",
        output="['/']",
    ),
    refused(
        "what-proc-lets-one-change",
        "p: attempt(lambda: open(p, 'w').write('1')) for p in ('/proc/sys/user/max_user_namespaces', "
        "'/proc/sys/kernel/hostname', '/proc/1/oom_score_adj', '/proc/1/comm', "
        "'/proc/sys/vm/overcommit_memory')",
    ),
    refused(
        "what-lies-beneath",
        "'umount tmp': syscall(166, 0, 2), 'pivot': syscall(155, 0, 0), 'shell root': attempt(os.chroot, '/'), "
        "'open_tree': syscall(428, -100, 0, 0), 'move_mount': syscall(429, 0, 0, 0, 0, 0)",
    ),
]  # fmt: skip

ALL = [*MEMORY, *FILES, *TIME, *FLOODS, *PLACES, *FACTS]
