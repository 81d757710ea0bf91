"""Where the command `atlas` begins: Ctrl-C ends it in one line, even while the command line is still being loaded."""

from __future__ import annotations

import os
import signal
import sys

INTERRUPTED = 130
_WORDS = "atlas: interrupted"


def main() -> None:
    """Run the command line."""
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        # A library that is being imported may swallow an exception; nothing is there yet that would have to be closed.
        signal.signal(signal.SIGINT, _leave)
    try:
        from cli.main import main as run

        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        run()
    except KeyboardInterrupt:
        _say_so()
        raise SystemExit(INTERRUPTED) from None
    except SystemExit as end:
        # Typer turns Ctrl-C into a silent exit; a command that handles it itself has said so already.
        if isinstance(getattr(end.__context__, "__cause__", None), KeyboardInterrupt):
            _say_so()
        raise


def _leave(*_: object) -> None:
    os.write(sys.stderr.fileno(), f"{_WORDS}\n".encode())
    os._exit(INTERRUPTED)


def _say_so() -> None:
    print(_WORDS, file=sys.stderr)


if __name__ == "__main__":
    main()
