"""Where the command `atlas` begins: Ctrl-C ends it in one line, even while the command line is still being loaded."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line."""
    try:
        from cli.main import main as run

        run()
    except KeyboardInterrupt:
        print("atlas: interrupted", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None


if __name__ == "__main__":
    main()
