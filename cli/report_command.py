"""`atlas report`: stored runs, or the public ATLAS's outcomes, as one HTML file, Markdown and CSV."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.report.stored import ReportError
from cli.exits import Exit, one_line, wants_tracebacks
from cli.printable import printable
from graphs.configuration import SettingsError, load_settings
from graphs.extras import install
from nodes.learned_lens import LearnedLens, LensError, from_text
from nodes.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What the command line asks for."""

    runs: Sequence[str] = ()
    """Files of runs."""
    import_atlas: Path | None = None
    """Table of the public ATLAS's outcomes by task."""
    output: Path
    """The HTML file; the others get its name."""
    traces: int = 300
    lens: Path | None = None
    config: Path | None = None


def run_report(options: ReportOptions) -> int:
    """Write the report and name its files; return the exit code."""
    try:
        settings = load_settings(options.config, os.environ, {})
        written = _write(options, settings)
    except (ReportError, SettingsError, OSError, ValueError) as error:
        if wants_tracebacks():
            raise
        return fail(error)
    except KeyboardInterrupt:
        print("atlas: interrupted; nothing was written", file=sys.stderr)
        return int(Exit.INTERRUPTED)
    for path in written:
        print(path)
    return 0


def fail(error: Exception) -> int:
    """Say in one line what is wrong; return the exit code of a bad command line."""
    print(f"atlas: {printable(one_line(error))}", file=sys.stderr)
    return int(Exit.USAGE)


def _write(options: ReportOptions, settings: Settings) -> list[Path]:
    _check(options)
    _say("reading")
    texts = _imported(options.import_atlas) if options.import_atlas else _reported(options, settings)
    written = []
    for suffix, text in texts.items():
        path = options.output.with_suffix(suffix)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _check(options: ReportOptions) -> None:
    if bool(options.runs) == bool(options.import_atlas):
        raise ReportError("name the files of runs to report, or give --import-atlas PATH; see atlas report --help")
    if options.output.suffix != ".html" or not options.output.absolute().parent.is_dir():
        raise ReportError(f"{options.output}: give -o the name of an .html file in an existing folder")
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ReportError(f"plots need the extra `report`: {install('report')}") from error


def _reported(options: ReportOptions, settings: Settings) -> Mapping[str, str]:
    from benchmark.report.assembly import Terms, make_report
    from benchmark.report.shards import united
    from benchmark.report.stored import load_seeds
    from benchmark.report.writing import as_csv, as_html, as_markdown, tasks_as_csv
    from benchmark.spending import Price, api_prices

    price = Price(per_kwh=settings.price_per_kwh, apis=api_prices(settings.api_prices))
    lens = open_weights(options.lens) if options.lens else None
    terms = Terms(price=price, watts=settings.watts, traces=options.traces, lens=lens)
    measured = united([one for file in dict.fromkeys(options.runs) for one in load_seeds(file)])
    _say(f"computing on {sum(len(one.sheets) for one in measured)} tasks")
    report = make_report(measured, terms)
    _say("writing")
    return {
        ".html": as_html(report.document, report.traces),
        ".md": as_markdown(report.document),
        ".csv": as_csv(report.document),
        ".tasks.csv": tasks_as_csv(report.results),
    }


def open_weights(path: Path) -> LearnedLens:
    """Return the Lens of a file.

    Raises:
        LensError: it is none, with the file's name.
        OSError: it cannot be read.
    """
    try:
        return from_text(path.read_text(encoding="utf-8"))
    except (LensError, UnicodeDecodeError) as error:
        raise LensError(f"{path} {error}") from error


def _imported(path: Path) -> Mapping[str, str]:
    from benchmark.report.public_atlas import imported
    from benchmark.report.writing import as_csv, as_html, as_markdown

    document = imported(path)
    return {".html": as_html(document, ()), ".md": as_markdown(document), ".csv": as_csv(document)}


def _say(what: str) -> None:
    if sys.stderr.isatty():
        print(f"atlas report: {what}", file=sys.stderr)
