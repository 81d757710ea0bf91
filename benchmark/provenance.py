"""Where a number comes from: the code's version and the machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_SEARCH = ("graphs", "nodes", "inference", "sandbox")
_SUFFIXES = {".py", ".j2", ".txt"}
_RUNNING = ("conditions.py", "pool.py", "recorded_model.py", "recorded_sandbox.py", "runner.py")
_JUDGING = (
    "grader.py",
    "judges.py",
    "*_judge.py",
    "evalplus*.py",
    "lcb*.py",
    "inside_*.py",
    "scicode.py",
    "verdict.py",
)


def code_digest() -> str:
    """Return a name for the code that searches: equal files, equal name, whatever else a commit holds."""
    searching = (path for folder in _SEARCH for path in (ROOT / folder).rglob("*") if path.suffix in _SUFFIXES)
    running = (ROOT / "benchmark" / name for name in _RUNNING)
    return _digest_of([*searching, *running])


def grader_digest() -> str:
    """Return a name for the code that judges programs: verdicts of another one are not taken over."""
    judging = (path for pattern in _JUDGING for path in (ROOT / "benchmark").glob(pattern))
    return _digest_of([*judging, *(ROOT / "sandbox").rglob("*.py"), ROOT / "nodes" / "judging.py"])


def clock_digest() -> str:
    """Return a name for the code that measures speed: readings of another one are not set beside."""
    return _digest_of((ROOT / "benchmark" / "speed").glob("*.py"))


def commit() -> str:
    """Return the short commit, with a plus sign when files of ours differ from it; `unknown` outside a repository."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{head}+" if changed else head


def cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _digest_of(paths: Iterable[Path]) -> str:
    """Return a name for files, with their places in the repository; one that is given twice counts once."""
    digest = sha256()
    for path in sorted(set(paths)):
        digest.update(f"{path.relative_to(ROOT)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()
