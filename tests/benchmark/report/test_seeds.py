"""A file that holds one ablation under several seeds is reported as one: together first, then each seed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmark.planted import a_task, write_tasks
from benchmark.report.assembly import Terms, make_report
from benchmark.report.seeds import groups_of_seeds
from benchmark.report.stored import load_measured, load_seeds
from benchmark.report.writing import as_html, as_markdown
from benchmark.spending import Price
from benchmark.table import measure
from tests.benchmark.planted import a_search

pytestmark = pytest.mark.bubblewrap

TERMS = Terms(price=Price(per_kwh=0.3), traces=4)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Return a file with two seeds of one measurement, and before them one under other settings."""
    folder = tmp_path_factory.mktemp("seeds")
    source = write_tasks(folder / "tasks.jsonl", [a_task(i) for i in range(3)])
    for changes in ({"k": 2}, {"seed": 1}, {"seed": 0}):
        search = a_search(folder, ("baseline", "phase1"))
        measure(replace(search, settings=replace(search.settings, **changes)), source, 1)
    return str(folder / "runs.sqlite")


def test_seeds_are_found_and_the_newest_is_the_measurement_of_the_file(file):
    seeds = load_seeds(file)
    assert [one.seed for one in seeds] == [1, 0]
    assert [one.name for one in seeds] == ["runs seed 1", "runs seed 0"]
    assert load_measured(file).seed == 0
    assert [[one.seed for one in group] for group in groups_of_seeds(seeds)] == [[0, 1]]


def test_the_report_gives_all_seeds_together_and_each_beside_them(file):
    report = make_report(load_seeds(file), TERMS)
    text = as_markdown(report.document)
    assert text.index("## All seeds together") < text.index("## runs seed 1: Four numbers")
    assert "2 seeds on the same 3 tasks" in text
    assert "| condition | selected pass@1, % | seed 0 | seed 1 |" in text
    assert [trace.name for trace in report.traces] == [f"runs seed {s}: twice-{i}" for s in (1, 0) for i in (0, 1)]
    assert 'href="#seeds-1"' in as_html(report.document, report.traces)


def test_numbers_of_all_seeds_lead_to_their_tasks(file):
    measured = load_seeds(file)
    document = make_report(measured, TERMS).document
    numbers, differences = document.sections[0].tables
    sets = {one.name: one for one in document.sets}
    right = sum(g.right for one in measured for g in one.results["phase1"])
    row = next(cells for cells in numbers.rows if cells[0].text == "phase1")
    assert right > 0
    assert len(sets[row[1].tasks].tasks) == right
    assert {document.task_names[task].partition(":")[0] for task in sets[row[1].tasks].tasks} <= {
        "runs seed 0",
        "runs seed 1",
    }
    for one, cell in zip(sorted(measured, key=lambda one: one.seed), row[2:4], strict=True):
        assert len(sets[cell.tasks].tasks) == sum(g.right for g in one.results["phase1"])
    unlike = sum(
        a.right != b.right
        for one in measured
        for a, b in zip(one.results["phase1"], one.results["baseline"], strict=True)
    )
    assert len(sets[differences.rows[0][1].tasks].tasks if unlike else ()) == unlike
    html = as_html(document, ())
    assert all(f'id="{name}"' in html for name in sets)


def test_one_seed_alone_is_no_group(file):
    assert groups_of_seeds([load_measured(file)]) == []


def test_what_is_true_of_all_seeds_is_said_once(file):
    document = make_report(load_seeds(file), TERMS).document
    told = [name for name, _ in document.facts]
    assert told.count("model") == told.count("settings") == 1
    assert [value for name, value in document.facts if name.endswith(": settings")] == ["seed 1", "seed 0"]
    assert document.title.startswith("ATLAS: ")
    assert "," not in document.title
