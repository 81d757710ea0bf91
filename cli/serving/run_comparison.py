"""Why one program won and another lost, in words, and how their texts differ."""

from __future__ import annotations

import difflib

from nodes.state import Evidence

_CONTEXT = 1_000_000
"""Lines around a change that a comparison shows: all of them."""


def difference(code: str, winner: str) -> tuple[str, ...]:
    """Return all lines of two programs, each after a blank (both have it), `-` (only `code`) or `+` (only `winner`)."""
    lines = difflib.unified_diff(code.splitlines(), winner.splitlines(), n=_CONTEXT, lineterm="")
    return tuple(lines)[3:]


def why(item: Evidence | None, winner: Evidence | None, *, is_first: bool, samples: int) -> str:
    """Return why a program won, or the first thing in which it is behind the winner.

    Args:
        item: of the program; None where it did not run.
        winner: of the program that won, or leads.
        is_first: whether they are the same.
        samples: how many programs the model wrote, equal ones counted each time.
    """
    if item is None or winner is None:
        return "it did not run"
    if is_first:
        return _strength(item, samples)
    for ours, best, words in _comparison(item, winner):
        if ours != best:
            return words if ours > best else "it came later, and the policy takes the first that passes every example"
    return "it behaves like the winner and is as likely, but came later"


def _strength(item: Evidence, samples: int) -> str:
    facts = [f"passes {item.public_passed} of {item.public_total} examples"] if item.public_total else []
    if item.confirmed_total:
        facts.append(f"{item.confirmed_passed} of {item.confirmed_total} confirmed self-tests")
    alike = f"{item.cluster_weight} of {samples} samples behave like it"
    return f"{' and '.join(facts) or 'there was no example to pass'}; {alike}; P(correct) {item.posterior:.2f}"


def _comparison(item: Evidence, winner: Evidence) -> list[tuple[float, float, str]]:
    """Return (ours, the winner's, what a greater number of ours means) in the order in which programs are ranked."""
    return [
        (item.regressed, winner.regressed, "it lost a test that the program it repairs had passed"),
        (
            -item.public_passed,
            -winner.public_passed,
            f"it passes {item.public_passed} of {item.public_total} examples, the winner {winner.public_passed}",
        ),
        (
            -item.confirmed_passed,
            -winner.confirmed_passed,
            f"it passes {item.confirmed_passed} of {item.confirmed_total} confirmed self-tests, "
            f"the winner {winner.confirmed_passed}",
        ),
        (-item.posterior, -winner.posterior, _less_likely(item, winner)),
    ]


def _less_likely(item: Evidence, winner: Evidence) -> str:
    chances = f"P(correct) is {item.posterior:.3f}, the winner's {winner.posterior:.3f}"
    if item.cluster == winner.cluster:
        return f"it behaves like the winner, but the model was less sure of its text: {chances}"
    return f"{chances}: {item.cluster_weight} samples behave like it, {winner.cluster_weight} like the winner"
