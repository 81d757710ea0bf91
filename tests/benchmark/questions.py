"""A model that answers questions by a vote of its seeds; importable, so that spawned processes can open it."""

from __future__ import annotations

from inference.scripted import ScriptedModel

MARK = "quagga"
"""Stands in every question, so that a leak can be found."""


def reply(request):
    """Vote for the option that says `2`, except every fourth time; repeat the question while reasoning."""
    text = request.messages[-1].content
    options = {line[4:]: line[1] for line in text.splitlines() if line[:1] == "(" and line[2:4] == ") "}
    letter = options["3"] if request.seed % 4 == 0 else options["2"]
    return f"The question says: {text}\n\nAnswer: {letter}"


def open_voter(settings):
    """Return the model."""
    return ScriptedModel(reply, name="voter")
