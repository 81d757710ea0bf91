"""`atlas lens fit` and `atlas lens eval`: weights for one model, and what they are worth."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmark.lens import Judged, TooLittleError, fit, texts_of
from benchmark.report.document import Document
from benchmark.report.lens_section import condition_of, judged_on, lens_section
from benchmark.report.stored import Measured, ReportError, load_measured
from benchmark.report.writing import as_markdown
from cli.printable import printable
from cli.report_command import fail, open_weights
from graphs.extras import install
from nodes.learned_lens import LearnedLens, LensError, as_text


def run_fit(file: str, output: Path, condition: str, folds: int, seed: int) -> int:
    """Fit on a file of runs, write the weights, say what they are worth; return the exit code."""
    try:
        measured = load_measured(file)
        name = condition_of(measured, condition)
        lens, judged = fit(
            measured.results[name],
            model=measured.selection.model,
            data=measured.data_hash,
            texts=sorted(texts_of(sheet.key for sheet in measured.sheets)),
            folds=folds,
            seed=seed,
        )
        output.write_text(as_text(lens), encoding="utf-8")
    except ImportError as error:
        return fail(ReportError(f"fitting needs the extra `report` ({error}): {install('report')}"))
    except (ReportError, TooLittleError, OSError) as error:
        return fail(error)
    _show(lens, judged, measured, name, f"{folds} folds by problem, seed {seed}")
    print(output, file=sys.stderr)
    return 0


def run_eval(lens_file: Path, file: str, condition: str) -> int:
    """Judge a file of weights on runs that it was not fitted on; return the exit code."""
    try:
        lens = open_weights(lens_file)
        measured = load_measured(file)
        judged = judged_on(lens, measured, condition)
    except (LensError, ReportError, OSError) as error:
        return fail(error)
    _show(lens, judged, measured, condition_of(measured, condition), "a run of other problems")
    return 0


def _show(lens: LearnedLens, judged: Judged, measured: Measured, condition: str, split: str) -> None:
    document = Document(
        title=f"Lens for {measured.model or lens.model[:12]}",
        facts=(("runs", f"{measured.file}, condition {condition}"), ("data-set hash", measured.data_hash)),
        sections=(lens_section(lens, judged, split),),
    )
    print(printable(as_markdown(document)))
