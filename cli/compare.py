"""`atlas compare A B`: the paired difference of two runs, with its interval."""

from __future__ import annotations

from benchmark.report.comparison import compare
from benchmark.report.stored import ReportError
from benchmark.report.writing import as_markdown
from cli.printable import printable
from cli.report_command import fail


def run_compare(first: str, second: str) -> int:
    """Print the comparison in Markdown; return the exit code."""
    try:
        text = as_markdown(compare(first, second))
    except (ReportError, OSError) as error:
        return fail(error)
    print(printable(text))
    return 0
