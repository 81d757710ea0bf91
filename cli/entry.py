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
        _say_so()
        raise SystemExit(INTERRUPTED) from None
    except SystemExit as end:
        # Typer turns Ctrl-C into a silent exit; a command that handles it itself has said so already.
        if isinstance(getattr(end.__context__, "__cause__", None), KeyboardInterrupt):
            _say_so()
        raise


def _say_so() -> None:
    print("atlas: interrupted", file=sys.stderr)


if __name__ == "__main__":
    main()
