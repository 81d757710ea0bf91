"""Which tasks are run: dates, strata, shards."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmark.sampling import Choice, choose, shard_of, stratified
from benchmark.task import Sheet, TaskError
from nodes.state import Problem


def sheets(**counts):
    return [
        Sheet(
            name=f"{kind}-{i}", problem=Problem(statement=f"{kind} {i}"), tags=(kind,), date=f"2024-{i % 12 + 1:02}-15"
        )
        for kind, count in counts.items()
        for i in range(count)
    ]


def test_a_sample_has_the_proportions_of_the_set_and_its_order():
    every = sheets(easy=60, medium=30, hard=10)
    drawn = stratified(every, 20, 1)
    assert Counter(sheet.tags[0] for sheet in drawn) == {"easy": 12, "medium": 6, "hard": 2}
    assert drawn == [sheet for sheet in every if sheet in drawn]


def test_a_sample_depends_on_its_seed_and_not_on_the_order_of_the_file():
    every = sheets(easy=20, hard=20)
    names = {sheet.name for sheet in stratified(every, 10, 1)}
    assert names == {sheet.name for sheet in stratified(every[::-1], 10, 1)}
    assert names != {sheet.name for sheet in stratified(every, 10, 2)}


@pytest.mark.parametrize("n", [1, 3, 7, 9, 50])
def test_a_sample_has_as_many_tasks_as_were_asked_for_or_all(n):
    assert len(stratified(sheets(a=5, b=3, c=1), n, 0)) == min(n, 9)


def test_shards_are_the_whole_and_share_nothing():
    every = sheets(a=10)
    parts = [choose(every, Choice(shard=f"{i}/3")) for i in (1, 2, 3)]
    assert sorted(sheet.name for part in parts for sheet in part) == sorted(sheet.name for sheet in every)
    assert [len(part) for part in parts] == [4, 3, 3]


def test_a_window_of_dates_includes_both_ends_and_leaves_out_tasks_without_a_date():
    every = [*sheets(a=12), Sheet(name="undated", problem=Problem(statement="x"))]
    chosen = choose(every, Choice(since="2024-03-15", until="2024-05-15"))
    assert [sheet.date for sheet in chosen] == ["2024-03-15", "2024-04-15", "2024-05-15"]
    assert len(choose(every, Choice(since="2024-11-01"))) == 2
    assert len(choose(every, Choice(limit=5))) == 5


@pytest.mark.parametrize("text", ["2024-8-1", "01.08.2024", "2024-02-30", "20240801", "2024", "soon"])
@pytest.mark.parametrize("end", ["since", "until"])
def test_what_is_no_date_is_refused(text, end):
    with pytest.raises(TaskError, match=f"{text} is no date: write 2024-08-01"):
        choose(sheets(a=12), Choice(**{end: text}))


def test_dates_asked_of_a_set_without_any_are_refused():
    undated = [Sheet(name="undated", problem=Problem(statement="x"))]
    with pytest.raises(TaskError, match="this set has no dates"):
        choose(undated, Choice(since="2024-08-01"))


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "a/b", "-1/2", "1/0"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(TaskError, match="is no shard"):
        shard_of(text)


def test_nothing_left_is_an_error():
    with pytest.raises(TaskError, match="no task is left of 2"):
        choose(sheets(a=2), Choice(since="2030-01-01"))
