"""What a box contains of this project, and how its first process is started; the same for every back end."""

from __future__ import annotations

INSIDE_FILES = ("__init__.py", "runner.py", "processes.py", "streams.py", "files.py", "launch.py", "harness.py")
"""The files of this package that are shown to a box, as /opt/sandbox/sandbox/."""

USER_ID = 65532
"""User and group in a box; below 65536, so that an engine with user namespaces can map it."""

_START = "import sys; sys.path.insert(0, '/opt/sandbox'); from sandbox.runner import main; main(sys.argv[1:])"
RUNNER_OPTIONS = ("-I", "-S", "-B", "-c", _START)
"""Arguments of the interpreter that start the runner."""

RUNNER_ARGUMENTS = ("/opt/sandbox/sandbox/harness.py", "/box", "/tmp", "/dev/shm")
"""The harness, the working directory, and what else is wiped after each test."""

BUILD = "/build"
"""Where compilers put what they make: the only place from which a box may execute, and only where one compiles."""

MB = 1 << 20
WORK_BYTES = 64 * MB
TMP_BYTES = 16 * MB
SHM_BYTES = 16 * MB
BUILD_BYTES = 128 * MB
"""Sizes of the tmpfs of a box: /box, /tmp, /dev/shm and /build."""
