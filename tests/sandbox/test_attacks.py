"""One conformance suite for every back end: each attack ends as it must, and the box serves the next input as new."""

from __future__ import annotations

import os
import platform

import pytest

from sandbox.base import Limits, Program
from tests.sandbox import attacks, attacks_on_limits, attacks_on_walls

ATTACKS = [*attacks.ALL, *attacks_on_walls.ALL, *attacks_on_limits.ALL]


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("ATLAS_SECRET", "not for programs")


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack_ends_as_it_must(sandbox, attack):
    if attack.name == "calls-of-32-bits" and platform.machine() != "x86_64":
        assert os.uname().machine == "aarch64"
        return
    limits = Limits(cpu_s=attack.cpu_s, memory_mb=attack.memory_mb)
    (execution,) = sandbox.run(Program(source=attack.source, mode="stdio"), ["input\n"], limits)
    expected = attack.status if sandbox.exact else attack.watched or attack.status
    assert execution.status in (expected, attack.or_status), execution
    if expected == "completed":
        assert execution.output.strip() == attack.output
    assert len(execution.error) <= 2010
    assert len(execution.output) <= limits.output_bytes


AFTER = [
    ("files", "import os\nfor d in ('/box', '/tmp', '/dev/shm'): open(d + '/left', 'w')"),
    ("deep-folders", "import os\nfor n in range(500): os.mkdir('d'); os.chdir('d')"),
    (
        "closed-folders",
        "import os\nos.mkdir('a'); os.mkdir('a/b'); os.chmod('a', 0)\nfor d in ('/box', '/tmp'): os.chmod(d, 0)",
    ),
    ("daemons", "import os, time\nfor _ in range(9):\n  if os.fork() == 0: os.setsid(); time.sleep(99)"),
    ("fork-bomb", "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass"),
    ("signals", "import os\nfor n in range(1, 65):\n  try: os.kill(1, n)\n  except OSError: pass"),
    ("limits", "import resource\nfor n in range(16):\n  try: resource.prlimit(1, n, (0, 0))\n  except OSError: pass"),
    ("memory", "x = []\nwhile True: x.append(b'x' * (1 << 20))"),
    ("full-disk", "import os\nwhile True: open(os.urandom(4).hex(), 'wb').write(b'x' * (1 << 20))"),
    ("source", "open('main.py', 'w').write('print(666)'); import os; os.chmod('main.py', 0)"),
    ("pipe-capacity", "import fcntl, sys\nfcntl.fcntl(1, 1031, 1 << 20); sys.stdout.write('x' * 999_999)"),
    ("links", "import os\nos.symlink('/tmp', '/box/t'); os.symlink('/box', '/tmp/w'); os.link('main.py', 'again')"),
]
AFTER += [
    ("memory-of-many", "import os, time\nfor _ in range(3): os.fork()\nx = b'x' * (60 << 20)\ntime.sleep(9)"),
    ("sockets", "import socket, time\nheld = [socket.socketpair() for _ in range(120)]\ntime.sleep(9)"),
    ("named-sockets", "import socket\nsocket.socket(socket.AF_UNIX).bind('/tmp/s'); socket.socket(1).bind('\\0name')"),
    ("ignored-children", "import os, time\nfor _ in range(20):\n  if os.fork() == 0: time.sleep(9)\ntime.sleep(0.1)"),
    ("stopped-children", "import os, signal\nfor _ in range(9):\n  if os.fork() == 0: os.kill(os.getpid(), 19)"),
    ("orphans", "import os, time\nif os.fork() == 0:\n  for _ in range(9):\n    if os.fork() == 0: time.sleep(9)"),
    ("files-without-number", "import os\nos.chdir('/tmp')\nfor n in range(9999): open(str(n), 'w').close()"),
    ("open-and-unlinked", "import os\nf = open('x', 'wb'); os.unlink('x'); f.write(b'x' * (30 << 20)); f.flush()"),
    ("error-flood", "import os\nwhile True: os.write(2, b'x' * 65536)"),
    ("shared-files", "import mmap\nf = open('/dev/shm/m', 'w+b'); f.truncate(9)\nmmap.mmap(f.fileno(), 0)[0] = 7"),
    ("times", "import os\nfor d in ('/box', '/tmp', '/dev/shm'): os.utime(d, (99, 99))"),
    ("a-full-pipe", "import os, fcntl\nfcntl.fcntl(2, 1031, 1 << 20); os.write(2, b'x' * (1 << 20)); os.abort()"),
    ("links-that-turn", "import os\nos.symlink('.', 'a'); os.symlink('b', 'b'); os.symlink('/proc/self/fd', 'c')"),
    ("a-timer", "import signal, time\nsignal.setitimer(signal.ITIMER_REAL, 0.2)\ntime.sleep(9)"),
]  # fmt: skip
LOOK = """
import os
left = [n for d in ("/box", "/tmp", "/dev/shm") for n in os.listdir(d)]
seen = [int(n) for n in os.listdir("/proc") if n.isdigit()]
when = [os.stat(d).st_mtime for d in ("/tmp", "/dev/shm")]
print(left, len(seen), os.access("/tmp", os.W_OK), oct(os.stat("/box").st_mode & 0o777 | 0o055), when)
"""


@pytest.mark.parametrize(("name", "worst"), AFTER, ids=[name for name, _ in AFTER])
def test_the_next_input_finds_nothing(sandbox, name, worst):
    indented = "\n".join(f"  {line}" for line in worst.split("\n"))
    source = f"if input() == 'attack':\n{indented}\nelse:\n  exec({LOOK!r})"
    limits = Limits(cpu_s=0.8, memory_mb=200)
    _, after = sandbox.run(Program(source=source, mode="stdio"), ["attack", "look"], limits)
    assert (after.status, after.output) == ("completed", "['main.py'] 2 True 0o755 [0.0, 0.0]\n"), after


def test_the_next_candidate_finds_nothing(sandbox):
    leave = Program(source="for d in ('/box', '/tmp', '/dev/shm'): open(d + '/left', 'w')", mode="stdio")
    sandbox.run(leave, [""])
    (execution,) = sandbox.run(Program(source=LOOK, mode="stdio"), [""])
    assert execution.output == "['main.py'] 2 True 0o755 [0.0, 0.0]\n"
