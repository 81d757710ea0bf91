"""The public ATLAS's table, from an invented one of the same columns."""

from __future__ import annotations

import csv
import io

import pytest

from benchmark.report.public_atlas import CONDITIONS, imported, read_outcomes
from benchmark.report.stored import ReportError
from benchmark.report.writing import as_csv, as_html, as_markdown

# Which of A to D pass, and how often.
PATTERNS = (("ABCD", 30), ("BCD", 6), ("BD", 4), ("CD", 4), ("D", 5), ("A", 1), ("", 10))


@pytest.fixture
def outcomes(tmp_path):
    lines = [",".join(["question_id", "platform", "difficulty", *(f"{c}_{f}" for c in "ABCD" for f in FIELDS)])]
    for pattern, count in PATTERNS:
        for _ in range(count):
            place = len(lines)
            cells = [cell for c in "ABCD" for cell in one(c in pattern, c, pattern)]
            lines.append(",".join([f"q{place}", "atcoder", ("easy", "hard")[place % 2], *cells]))
    path = tmp_path / "outcomes.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


FIELDS = ("passed", "phase", "candidates", "tokens", "time_s")


def one(passed, condition, pattern):
    phase = "pr_cot" if condition == "D" and pattern == "D" else "phase1"
    return [str(int(passed)), phase if passed else "none", "3", "0" if condition == "A" and passed else "100", "2.5"]


def cells(document):
    rows = csv.DictReader(io.StringIO(as_csv(document)))
    return {(row["row"], row["column"]): row for row in rows}


def test_totals_and_differences_are_those_of_the_table(outcomes):
    found = cells(imported(outcomes))
    assert [float(found[CONDITIONS[c], "passed"]["value"]) for c in "ABCD"] == [31, 40, 40, 49]
    assert found["B − A", "points [95 %]"]["text"].startswith("+15.00 [")
    assert float(found["C − B", "points [95 %]"]["value"]) == 0.0
    assert (found["C − B", "gained"]["value"], found["C − B", "lost"]["value"]) == ("4.0", "4.0")
    assert float(found["B − A", "McNemar p"]["value"]) == pytest.approx(2 * 12 / 2**11)


def test_phase_three_is_read_inside_its_own_run(outcomes):
    found = cells(imported(outcomes))
    assert found["D: of the others, passed later", "tasks"]["value"] == "5.0"
    assert found["D: of the others, passed later", "% or points [95 %]"]["text"].startswith("31.2 [")


def test_what_the_verdicts_are_stands_above_the_numbers(outcomes):
    document = imported(outcomes)
    for text in (as_markdown(document), as_html(document, ())):
        assert text.index("not hidden tests") < text.index("Any program passed the samples")
    assert "selected pass@1" not in as_markdown(document)


def test_tasks_that_record_no_tokens_are_counted(outcomes):
    assert cells(imported(outcomes))[CONDITIONS["A"], "tasks with 0 tokens"]["value"] == "31.0"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("B_passed", "B_right"), "lacks the columns B_passed"),
        (lambda text: text.replace("q7,atcoder,hard,1,", "q7,atcoder,hard,yes,"), "line 8 is no outcome"),
        (lambda text: text.replace("q7,", "q6,"), "a task is there twice"),
        (lambda text: text.splitlines()[0] + "\n", "holds no task"),
        (lambda text: "\x00\xff", "cannot be read|lacks the columns"),
    ],
    ids=["column", "value", "twice", "empty", "binary"],
)
def test_a_table_that_is_not_the_table_is_refused(outcomes, change, said):
    outcomes.write_text(change(outcomes.read_text()))
    with pytest.raises(ReportError, match=said):
        read_outcomes(outcomes)
