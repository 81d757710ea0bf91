"""`python -m sandbox.image build [--base auto|registry|local]`: build the image of the boxes; `tag` prints its name."""

from __future__ import annotations

import argparse
import sys

from sandbox.base import SandboxUnavailableError
from sandbox.image import build, tag


def main() -> int:
    """Run the command; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.image", description=__doc__)
    parser.add_argument("command", choices=("build", "tag"))
    parser.add_argument("--base", choices=("auto", "registry", "local"), default="auto")
    chosen = parser.parse_args()
    try:
        line = tag() if chosen.command == "tag" else build(chosen.base)
    except SandboxUnavailableError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{line}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
