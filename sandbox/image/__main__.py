"""`python -m sandbox.image build [--language cpp] [--base auto|registry|local]`: build the image of the boxes.

`tag` prints its name, `packages` the Debian packages that its local base is copied from.
"""

from __future__ import annotations

import argparse
import sys

from sandbox.base import SandboxUnavailableError
from sandbox.image import build, tag
from sandbox.languages import LANGUAGES


def main() -> int:
    """Run the command; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.image", description=__doc__)
    parser.add_argument("command", choices=("build", "tag", "packages"))
    parser.add_argument("--language", choices=tuple(LANGUAGES), default="python")
    parser.add_argument("--base", choices=("auto", "registry", "local"), default="auto")
    chosen = parser.parse_args()
    language = LANGUAGES[chosen.language]
    try:
        if chosen.command == "build":
            line = build(chosen.base, language)
        else:
            line = tag(language) if chosen.command == "tag" else " ".join(language.packages)
    except SandboxUnavailableError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{line}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
