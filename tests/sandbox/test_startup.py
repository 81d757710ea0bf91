"""The first test of a program starts its interpreter, the next ones find theirs waiting: no program can tell."""

from __future__ import annotations

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
