"""The page: whole, offline, safe, and every number one click from its tasks."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from benchmark.report.assembly import Terms, make_report
from benchmark.report.document import points, table, word
from benchmark.report.stored import ReportError
from benchmark.report.traces import WITHHELD, task_trace
from benchmark.report.writing import as_csv, as_html, as_markdown, tasks_as_csv
from benchmark.selectors import SELECTORS
from benchmark.spending import ApiPrice, Price
from benchmark.statistics import Estimate
from nodes.learned_lens import FEATURES, LearnedLens
from tests.benchmark.report.conftest import HOSTILE

pytestmark = pytest.mark.bubblewrap
TERMS = Terms(
    price=Price(per_kwh=0.3, apis=(ApiPrice(name="a remote model", prompt=1.0, generated=10.0),)),
    watts=20.0,
)


def test_energy_is_estimated_for_the_machine_that_searched(measured):
    elsewhere = replace(measured, measurement=replace(measured.measurement, cores=64, power=None))
    told = as_markdown(make_report([elsewhere], replace(TERMS, watts=0.0)).document)
    assert "640 W for 1 processes: an estimate: 64 cores at 10 W, nothing was metered." in told
    unknown = as_markdown(make_report([replace(measured, measurement=None)], replace(TERMS, watts=0.0)).document)
    assert "; the cores are those of the reporting machine" in unknown


def test_what_unbiased_pass_at_k_needs_is_said_where_it_is_missing(measured):
    needed = "needs `samples` among the policies"
    assert needed not in as_markdown(make_report([measured], TERMS).document)
    without = {name: graded for name, graded in measured.results.items() if name != "samples"}
    assert needed in as_markdown(make_report([replace(measured, results=without)], TERMS).document)


class Page(HTMLParser):
    """Collects what a page refers to and what it can be asked for."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.names, self.links, self.loads = set(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.add(tag)
        self.names += [given["id"]] if "id" in given else []
        self.links += [v for k, v in attributes if k in ("href", "xlink:href")]
        self.loads += [v for k, v in attributes if k in ("src", "srcset", "data", "action", "poster")]
        assert not [k for k, _ in attributes if k.startswith("on")]


@pytest.fixture(scope="module")
def report(measured):
    return make_report([measured], TERMS)


@pytest.fixture(scope="module")
def page(report):
    return as_html(report.document, report.traces)


def test_the_page_loads_nothing_and_runs_nothing(page):
    read = Page(page)
    assert not read.loads
    assert not {"script", "iframe", "object", "link", "form"} & read.tags
    assert all(link.startswith("#") for link in read.links)
    assert "url(http" not in page
    assert "@import" not in page


def test_hostile_text_is_shown_and_never_obeyed(page):
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_every_link_leads_somewhere_and_no_name_is_there_twice(page):
    read = Page(page)
    assert not {link.removeprefix("#") for link in read.links} - set(read.names)
    assert len(read.names) == len(set(read.names))


def test_a_number_leads_to_its_tasks_and_a_task_to_its_programs(report, measured):
    sets = {one.title: one for one in report.document.sets}
    right = [g.sheet.name for g in measured.results["adaptive"] if g.right]
    names = report.document.task_names
    assert [names[task] for task in sets["adaptive: the answer is right"].tasks] == right
    assert {task for one in sets.values() for task in one.tasks} <= {trace.anchor for trace in report.traces}
    search = report.traces[0].searches[-1]
    assert {c.label for c in search.candidates} <= {p.label for p in report.traces[0].programs}
    assert sum(c.chosen for c in search.candidates) == 1
    assert any(test.kind.endswith(" confirmed") and test.truth == "right" for test in search.tests)


def test_points_of_a_plot_lead_to_tasks(page, report):
    plots = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(plots) == 4
    assert any(f'xlink:href="#{one.name}"' in plot for plot in plots for one in report.document.sets)


def test_the_same_runs_give_the_same_page(measured, page):
    again = make_report([measured], TERMS)
    unmade = re.compile(r"<dt>report</dt>.*")
    assert unmade.sub("", as_html(again.document, again.traces)) == unmade.sub("", page)


def test_traces_beyond_the_most_are_left_out_and_said_to_be(measured):
    report = make_report([measured], replace(TERMS, traces=1))
    assert len(report.traces) == 1
    assert ("traces", "1 of 4 tasks; more with --traces N") in report.document.facts
    read = Page(as_html(report.document, report.traces))
    assert not {link.removeprefix("#") for link in read.links} - set(read.names)


def test_two_measurements_share_no_anchor(measured):
    report = make_report([measured, measured], TERMS)
    read = Page(as_html(report.document, report.traces))
    assert len(read.names) == len(set(read.names))


def test_a_data_set_that_must_not_be_published_keeps_its_texts(measured):
    graded = {
        name: replace(runs[1], sheet=replace(runs[1].sheet, name="gpqa-7")) for name, runs in measured.results.items()
    }
    trace = task_trace("x", graded)
    assert {trace.statement, *(p.code for p in trace.programs)} == {WITHHELD}
    texts = [text for s in trace.searches for t in s.tests for text in (t.input, t.expected)]
    assert set(texts) <= {WITHHELD, ""}
    assert "twice_2" not in repr(trace)


def test_markdown_and_csv_hold_the_numbers_of_the_page(report, measured):
    text = as_markdown(report.document)
    rows = list(csv.DictReader(io.StringIO(as_csv(report.document))))
    selected = next(r for r in rows if r["row"] == "adaptive" and r["column"] == "selected pass@1, %")
    assert selected["text"] in text
    assert float(selected["value"]) == sum(g.right for g in measured.results["adaptive"]) / 4
    assert float(selected["low"]) < float(selected["value"]) <= float(selected["high"])
    tasks = list(csv.DictReader(io.StringIO(tasks_as_csv(report.results))))
    assert len(tasks) == 16
    assert sum(int(row["right"]) for row in tasks if row["condition"] == "adaptive") / 4 == float(selected["value"])


def test_boxes_add_up_to_the_clock(report):
    rows = list(csv.DictReader(io.StringIO(as_csv(report.document))))
    table = "Boxes against the clock and the meter of model and sandbox, all tasks"
    sums = {r["row"]: r for r in rows if r["table"] == table and r["column"] == "seconds, boxes"}
    clock = {r["row"]: r for r in rows if r["table"] == table and r["column"] == "seconds, clock"}
    assert sums
    for name, row in sums.items():
        assert float(row["value"]) == pytest.approx(float(clock[name]["value"]), rel=0.05)


def test_a_cell_that_a_spreadsheet_would_obey_is_disarmed(report, measured):
    graded = measured.results["baseline"][0]
    evil = replace(graded, sheet=replace(graded.sheet, name="=cmd()"))
    assert ",'=cmd()," in tasks_as_csv({"m": {"baseline": [evil]}})


def test_a_difference_is_never_shown_without_its_interval():
    cell = points(Estimate(value=0.1, low=-0.05, high=0.2))
    assert cell.text == "+10.00 [-5.00, +20.00]"
    with pytest.raises(AttributeError):
        points(0.1)


def test_a_table_with_a_short_row_is_an_error():
    with pytest.raises(ValueError, match="not as long as the head"):
        table("t", ("a", "b"), [[word("x")]])


def test_a_lens_of_another_model_is_refused(measured):
    lens = LearnedLens(
        model="another", features=FEATURES, intercept=0.0, weights=(0.0,) * len(FEATURES), problems=9, data="d",
        gain=(0.0, 0.0, 0.0),
    )  # fmt: skip
    with pytest.raises(ReportError, match="fitted for another model"):
        make_report([measured], replace(TERMS, lens=lens))
    fits = replace(lens, model=measured.selection.model)
    document = make_report([measured], replace(TERMS, lens=fits)).document
    assert "The learned Lens" in [section.title for section in document.sections]


def test_selectors_are_decided_again_in_the_page(report):
    rows = {row[0].text for s in report.document.sections if s.title == "Selectors" for t in s.tables for row in t.rows}
    assert {"random", "oracle", *SELECTORS} <= rows
