"""Short words for records, so that a test reads as a table; and a runtime without a graph around it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from graphs.policies import POLICIES
from inference.scripted import ScriptedModel
from nodes.context import Context
from nodes.settings import Settings


class NoSandbox:
    """Stands where no program is run."""

    name, notice, workers = "none", "", 1

    def run(self, *args, **options):
        raise AssertionError("this test runs no program")

    def close(self) -> None:
        """Nothing to close."""


@dataclass
class Ride:
    """What a box gets beside the state: its context, and a writer that keeps what it is told."""

    context: Context
    told: list[dict] = field(default_factory=list)

    def stream_writer(self, event: dict) -> None:
        self.told.append(event)


@pytest.fixture
def ride():
    """Return a maker of runtimes: a script, a policy, settings."""

    def make(script=(), *, cancelled=lambda: False, profile="full", context_tokens=32_768, can_think=True, **settings):
        chosen = Settings(**settings)
        model = ScriptedModel(script, profile=profile, context_tokens=context_tokens, can_think=can_think)
        policy = POLICIES[chosen.policy]
        return Ride(Context(model=model, sandbox=NoSandbox(), policy=policy, settings=chosen, cancelled=cancelled))

    return make
