"""A person may run ATLAS under `nice`: programs still start, since they are not asked to be less nice than that."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os
ours = os.nice(7)
from sandbox.base import Program
from sandbox.bubblewrap import open_bubblewrap
sandbox = open_bubblewrap(1)
source = "import os; print(os.getpriority(os.PRIO_PROCESS, 0))"
(run,) = sandbox.run(Program(source=source, mode="stdio"), [""])
sandbox.close()
print(run.status, int(run.output) - ours)
"""


@pytest.mark.bubblewrap
def test_programs_start_under_nice_and_stay_as_nice():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == ["completed", "0"], done.stderr
