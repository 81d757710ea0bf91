"""Both comparison modes of LiveCodeBench, steps and errata are told beside the score, and never instead of it."""

from __future__ import annotations

from types import SimpleNamespace

from benchmark.readings import other_readings, readings_table
from benchmark.report.counting import counting
from benchmark.report.sets import SetBook
from benchmark.verdict import Verdict
from nodes.state import content_id


def a_result(name, right, readings=(), tags=(), code="program"):
    verdict = Verdict(right=right, status="passed" if right else "wrong_answer", readings=readings)
    return SimpleNamespace(
        sheet=SimpleNamespace(name=name, tags=tags),
        run=SimpleNamespace(code=code),
        right=right and bool(code),
        verdicts={content_id("program"): verdict},
    )


LCB = [
    a_result("a", True),
    a_result("b", False, (("tolerant", True),)),
    a_result("c", False, (("tolerant", False),), ("errata",)),
]


def test_the_tolerant_comparison_stands_beside_the_official_one():
    score, tolerant, without = other_readings({"adaptive": LCB})
    assert (score.name, score.share.value) == ("the score (official comparison)", 1 / 3)
    assert (tolerant.share.value, tolerant.otherwise) == (2 / 3, ("b",))
    assert (without.name, without.n, without.share.value) == ("without errata", 2, 1 / 2)
    text = readings_table({"adaptive": LCB})
    assert "| adaptive | tolerant comparison where a problem has several answers or floats | 3 | 66.7 " in text


def test_a_number_leads_to_the_tasks_that_are_counted_otherwise():
    book = SetBook("m1", ["a", "b", "c"])
    section = counting({"adaptive": LCB}, book)
    assert [row[4].text for row in section.tables[0].rows] == ["0", "1", "0"]
    (behind,) = [one for one in book.sets if one.name == section.tables[0].rows[1][4].tasks]
    assert behind.tasks == ("m1-task-1",)


def test_a_set_with_one_way_to_count_has_no_table():
    assert other_readings({"adaptive": LCB[:1]}) == []
    assert readings_table({"adaptive": LCB[:1]}) == ""
    assert counting({"adaptive": LCB[:1]}, SetBook("m1", ["a"])).tables == ()


def test_steps_are_counted_together_also_where_there_is_no_answer():
    steps = [
        a_result("a", False, (("step 1.1", True), ("step 1.2", False))),
        a_result("b", False, (("step 2.1", False), ("step 2.2", False)), code=""),
    ]
    _, by_step = other_readings({"baseline": steps})
    assert (by_step.name, by_step.share.value) == ("4 steps", 1 / 4)
