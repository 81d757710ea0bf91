"""What a person sees while the search runs."""

from __future__ import annotations

import io

from rich.console import Console

from cli.progress import ROWS, Lines, Screen
from graphs.events import BoxFinished, BoxStarted, CandidateArrived, CandidateRan, Spent, TextsGrew
from nodes.settings import Settings
from tests.cli.story import a_story


def drawn(events):
    """Return what the live view shows after some events, as plain text."""
    console = Console(file=io.StringIO(), width=100)
    screen = Screen(console, Settings(budget_tokens=1000))
    for event in events:
        screen.tell(event)
    console.print(screen._view())
    return console.file.getvalue()


def test_screen_shows_box_budget_and_programs():
    text = drawn([*a_story(), BoxStarted(box="repair")])
    for words in ("repair: repairing", "100 of 1000", "c1", "passes 1 of 1 examples"):
        assert words in text


def test_screen_keeps_the_newest_programs():
    text = drawn([CandidateArrived(id=f"id-{i}", origin="plain", tokens=1) for i in range(ROWS + 3)])
    assert "id-2 " not in text
    assert f"id-{ROWS + 2}" in text


def test_screen_survives_an_unknown_program():
    assert "loading the model" in drawn(
        [CandidateRan(id="ghost", passed=0, total=1, status="timeout"), Spent(tokens=1, seconds=1)]
    )


def test_lines_name_the_kind_of_failure():
    console = Console(file=io.StringIO(), width=100)
    lines = Lines(console, Settings())
    lines.tell(CandidateRan(id="c", passed=1, total=3, status="wrong_answer"))
    lines.tell(CandidateRan(id="d", passed=0, total=0, status="completed"))
    assert console.file.getvalue().splitlines() == [
        "program c: passes 1 of 3 examples (wrong answer)",
        "program d: completed (no examples)",
    ]


def test_screen_counts_what_is_being_written_and_how_fast():
    text = drawn([Spent(tokens=100, seconds=1.0), *[TextsGrew(box="repair", tokens=16)] * 5])
    assert "180 of 1000, 80 tokens a second" in text


def test_exact_count_takes_the_place_of_what_was_being_written():
    assert "150 of 1000" in drawn([TextsGrew(box="repair", tokens=160), Spent(tokens=150, seconds=1.0)])


def test_lines_say_speed_and_budget():
    console = Console(file=io.StringIO(), width=100)
    lines = Lines(console, Settings(budget_tokens=1000, budget_seconds=60))
    lines.tell(BoxFinished(box="budgeted_generation", seconds=10.0, tokens=500))
    for _ in range(2):
        lines.tell(Spent(tokens=500, seconds=11.0))
    assert console.file.getvalue().splitlines() == [
        "budgeted_generation: 500 tokens (50 a second), 10.0 s",
        "spent: 500 of 1000 tokens, 11 of 60 seconds",
    ]
