"""The first test of a program starts its interpreter, the next ones find theirs waiting: no program can tell."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.base import Limits, Program

SEEN = """
import os, resource, sys
print([resource.getrlimit(number) for number in range(16)])
kept = ("Cap", "NoNewPrivs", "Seccomp", "SigBlk", "SigIgn", "SigCgt", "ShdPnd", "Threads", "Uid", "Gid", "Groups")
print([line for line in open("/proc/self/status").read().splitlines() if line.startswith(kept)])
print(open("/proc/self/oom_score_adj").read(), os.getpriority(0, 0), os.getcwd(), sorted(os.environ.items()))
print(sorted(os.listdir("/proc/self/fd")), sorted(os.listdir(".")), os.getsid(0) == os.getpid(), os.getppid())
print(sys.path, sys.argv, sys.flags, sorted(set(sys.modules) - {"resource", "sitecustomize"}))
print(open("/proc/self/cmdline").read(), [name for name in os.listdir("/proc") if name.isdigit()][2:])
"""
LEFT_BEHIND = {
    "a-folder": "import os\nos.remove('main.py'); os.mkdir('main.py')\nprint(input())",
    "a-pipe": "import os\nos.remove('main.py'); os.mkfifo('main.py')\nprint(input())",
    "modules": "import os\nnames = 'sitecustomize.py', 'usercustomize.py', 'os.py', 'resource.py', 'x.pth'\n"
    "for folder in ('/box', '/tmp', '/dev/shm'):\n"
    "  for name in names: open(f'{folder}/{name}', 'w').write('print(666)')\nprint(input())",
}


@pytest.mark.parametrize("memory_mb", [64, 256])
def test_every_test_begins_alike(sandbox, memory_mb):
    runs = sandbox.run(Program(source=SEEN, mode="stdio"), ["a", "b", "c"], Limits(memory_mb=memory_mb))
    assert [run.status for run in runs] == ["completed"] * 3
    assert runs[0].output == runs[1].output == runs[2].output
    assert "startup" not in runs[0].output


@pytest.mark.parametrize("left", LEFT_BEHIND)
def test_what_a_test_leaves_does_not_start_the_next_one(sandbox, left):
    runs = sandbox.run(Program(source=LEFT_BEHIND[left], mode="stdio"), ["1", "2", "3"])
    assert [run.output for run in runs] == ["1\n", "2\n", "3\n"]


def test_a_limit_below_what_an_interpreter_takes_is_one_of_memory(sandbox):
    source = "x = b'x' * (64 << 20)\nprint(len(x))"
    runs = sandbox.run(Program(source=source, mode="stdio"), ["", ""], Limits(memory_mb=8))
    assert [run.status for run in runs] == ["memory", "memory"]


TERMINAL = """
import os, sys, time
ours, theirs = os.openpty()
print(os.ttyname(theirs), sorted(os.listdir("/dev/pts")), flush=True)
time.sleep(float(input()))
"""


def test_programs_at_the_same_time_see_no_terminal_of_each_other(sandbox):
    if sandbox.workers < 2:
        runs = [sandbox.run(Program(source=TERMINAL, mode="stdio"), ["0"])]
    else:
        with ThreadPoolExecutor(2) as threads:
            runs = list(
                threads.map(lambda n: sandbox.run(Program(source=f"{TERMINAL}#{n}", mode="stdio"), ["1"]), range(2))
            )
    assert [run.output for (run,) in runs] == ["/dev/pts/0 ['0', 'ptmx']\n"] * len(runs)


def test_a_program_calls_itself_what_it_likes(sandbox):
    source = (
        "import ctypes, time\nlibc = ctypes.CDLL(None)\n"
        "for name in (b'x kB', b'VmRSS: 1 kB', b'\\xff\\xfe kB', b'a) R kB'):\n"
        "    libc.prctl(15, name, 0, 0, 0)\n    time.sleep(0.1)\nprint('here')"
    )
    (run,) = sandbox.run(Program(source=source, mode="stdio"), [""])
    assert (run.status, run.output) == ("completed", "here\n")
