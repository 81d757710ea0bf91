"""Whether llama.cpp computes on this machine, tried in a process of its own.

A build for another processor, or one with a fault of its own there, ends the process at its first matrix: no exception
can be caught, so a child takes the risk.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from inference.backend import Batch
from inference.llama import Layout, LlamaContext

_ROWS = 32
_PATIENCE_S = 120.0


def trial(model: Path) -> str:
    """Read a few tokens with a model in a child process; return what went wrong, or an empty text."""
    command = [sys.executable, "-m", __name__, str(model)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        return f"it reads no {_ROWS} tokens within {_PATIENCE_S:.0f} s"
    if ended.returncode < 0:
        return f"it ends the process at its first matrix ({signal.Signals(-ended.returncode).name})"
    return "" if ended.returncode == 0 else (ended.stderr.strip().splitlines() or ["it fails"])[-1]


def main(model: Path) -> None:
    """Read a few tokens, one by one and together: each takes other kernels."""
    layout = Layout(sequences=1, cells=256, rows=_ROWS, outputs=1, unified=True)
    with closing(LlamaContext(model, layout=layout, gpu_layers=0, threads=1)) as context:
        batch = Batch(_ROWS)
        for position, count in ((0, 1), (1, _ROWS)):
            batch.clear()
            batch.add(0, position, list(range(count)), 1)
            context.decode(batch)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
