"""Programs that are right: what they do must work in every back end."""

from __future__ import annotations

PROGRAMS = {
    "read-all-of-the-input": ("import sys\nprint(len(sys.stdin.read()))", "x" * 5_000_000, "5000000"),
    "read-bytes": ("import sys\nprint(sum(sys.stdin.buffer.read()))", "\u0001\u0002\u00e9", "367"),
    "no-input": ("try: input()\nexcept EOFError: print('end')", "", "end"),
    "text-of-the-world": ("print(input()[::-1])", "\u0436\u4e2d\U0001f600", "\U0001f600\u4e2d\u0436"),
    "separators-in-the-input": ("print(len(input()))", "a\u2028b\u2029c\u0085d", "7"),
    "long-integers-printed": ("print(7 ** 9000)", "", "exact"),
    "long-integers-read": ("print(int(input()) % 1000)", "9" * 6000, "999"),
    "deep-recursion": (
        "import sys\nsys.setrecursionlimit(20000)\nf = lambda n: n and 1 + f(n - 1)\nprint(f(9000))",
        "", "9000",
    ),
    "threads": (
        "from concurrent.futures import ThreadPoolExecutor as T\n"
        "with T(8) as t: print(sum(t.map(abs, range(99))))",
        "", "4851",
    ),
    "processes": (
        "from multiprocessing import Pool\nif __name__ == '__main__':\n"
        "  with Pool(2) as p: print(sum(p.map(abs, range(99))))",
        "", "4851",
    ),
    "a-queue-between-processes": (
        "from multiprocessing import Process, Queue\nq = Queue()\np = Process(target=q.put, args=(7,))\n"
        "p.start(); print(q.get()); p.join()",
        "", "7",
    ),
    "shared-memory": (
        "from multiprocessing.shared_memory import SharedMemory as S\n"
        "s = S(create=True, size=9); s.buf[0] = 7; print(s.buf[0]); s.close(); s.unlink()",
        "", "7",
    ),
    "an-array-between-processes": (
        "from multiprocessing import Array\na = Array('i', 3); a[1] = 5; print(list(a))",
        "", "[0, 5, 0]",
    ),
    "event-loop": (
        "import asyncio\nasync def f(): await asyncio.sleep(0.01); return 7\nprint(asyncio.run(f()))",
        "", "7",
    ),
    "another-program": (
        "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True, "
        "text=True).stdout)",
        "", "1",
    ),
    "another-program-of-the-event-loop": (
        "import asyncio, sys\nasync def f():\n"
        "  p = await asyncio.create_subprocess_exec(sys.executable, '-c', 'print(7)', stdout=-1)\n"
        "  return (await p.communicate())[0]\nprint(asyncio.run(f()))",
        "", "b'7\\n'",
    ),
    "fork-and-wait": (
        "import os\nif os.fork() == 0: os._exit(3)\nprint(os.waitstatus_to_exitcode(os.wait()[1]))",
        "", "3",
    ),
    "data-base-in-memory": (
        "import sqlite3\nprint(sqlite3.connect(':memory:').execute('select 6 * 7').fetchone()[0])",
        "", "42",
    ),
    "data-base-in-a-file": (
        "import sqlite3\nc = sqlite3.connect('x.db'); c.execute('create table t(a)'); "
        "c.execute('insert into t values (7)'); c.commit(); print(c.execute('select a from t').fetchone()[0])",
        "", "7",
    ),
    "temporary-files": (
        "import tempfile\n"
        "with tempfile.NamedTemporaryFile('w+') as f: f.write('hi'); f.seek(0); print(f.read())",
        "", "hi",
    ),
    "temporary-folders": (
        "import tempfile, pathlib\n"
        "with tempfile.TemporaryDirectory() as d: p = pathlib.Path(d) / 'a'; p.write_text('7'); "
        "print(p.read_text())",
        "", "7",
    ),
    "mapped-memory": (
        "import mmap\n"
        "m = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS); m[:2] = b'hi'; print(m[:2])",
        "", "b'hi'",
    ),
    "mapped-files": (
        "import mmap\nf = open('x', 'w+b'); f.write(b'hello'); f.flush(); print(mmap.mmap(f.fileno(), 0)[:5])",
        "", "b'hello'",
    ),
    "an-alarm": (
        "import signal, time\nsignal.signal(signal.SIGALRM, lambda *_: print('rang'))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(0.3)",
        "", "rang",
    ),
    "clocks": (
        "import time, datetime\n"
        "print(time.time() > 1e9, time.monotonic() > 0, datetime.datetime.now().year > 2000)",
        "", "True True True",
    ),
    "locks-on-files": (
        "import fcntl\n"
        "f = open('x', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); fcntl.flock(f, fcntl.LOCK_EX); print('held')",
        "", "held",
    ),
    "compression": (
        "import bz2, gzip, lzma, zlib\n"
        "print([m.decompress(m.compress(b'x' * 99)) == b'x' * 99 for m in (bz2, gzip, lzma, zlib)])",
        "", "[True, True, True, True]",
    ),
    "hashes-and-chance": (
        "import hashlib, random, secrets, uuid\nrandom.seed(1)\n"
        "print(hashlib.sha256(b'').hexdigest()[:4], len(secrets.token_hex(2)), len(str(uuid.uuid4())))",
        "", "e3b0 4 36",
    ),
    "time-zones": ("import datetime, time\nprint(time.tzname[0], datetime.timezone.utc)", "", "UTC UTC"),
    "the-order-of-sets": ("print(hash('a') == hash('a'), len({'a', 'b'}))", "", "True 2"),
    "how-many-cores": ("import os\nprint(os.cpu_count() >= 1, len(os.sched_getaffinity(0)) >= 1)", "", "True True"),
    "how-much-memory": ("import resource\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0)", "", "True"),
    "a-hundred-and-fifty-megabytes": (
        "x = bytearray(150 << 20)\nfor at in range(0, len(x), 4096): x[at] = 1\nprint(len(x) >> 20)",
        "", "150",
    ),
    "standard-error-is-free": ("import sys\nsys.stderr.write('note ' * 50_000); print('ok')", "", "ok"),
    "exit-at-the-end": ("import sys\nprint('ok'); sys.exit()", "", "ok"),
    "code-in-C": ("import ctypes\nprint(ctypes.CDLL(None).abs(-7))", "", "7"),
    "a-pair-of-sockets": ("import socket\na, b = socket.socketpair(); a.sendall(b'hi'); print(b.recv(9))", "", "b'hi'"),
    "many-files-open": ("import os\nheld = [open('/dev/null') for _ in range(200)]\nprint(len(held))", "", "200"),
    "a-thousand-files": (
        "import os\nfor n in range(1000): open(str(n), 'w').close()\nprint(len(os.listdir()))",
        "", "1001",
    ),
}  # fmt: skip
"""Source, input and output, by what each of them shows."""
