"""What rides along with a run and is never stored in its state: the model, the sandbox, settings, policy."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from inference.base import Model, Profile
from nodes.learned_lens import LearnedLens
from nodes.running import EarlyRuns
from nodes.settings import PolicyName, Settings
from nodes.state import Move, Problem, SolveState
from sandbox.base import Limits, Sandbox
from sandbox.languages import SCIENCE

TEST_GENERATIONS: dict[Profile, int] = {"full": 2, "compact": 4}
"""Texts with tests: a real model's begins with the first test and holds all that are read; of a small model's many do
not parse."""
Condition = Literal["always", "unsettled", "several_clusters", "none_right"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a fixed policy."""

    move: Move
    when: Condition = "always"
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which moves the hub may make, and when. Policies are data (graphs/policies.py)."""

    name: PolicyName
    schedule: tuple[Step, ...] = ()
    """Moves in a fixed order; empty: by expected gain per token."""
    slots: Literal["plain", "mixed"] = "mixed"
    """`plain` draws every program from the unperturbed prompt."""
    k: int = 0
    """Programs per widening; 0: the setting's."""
    opening: int = 0
    """Programs of the first widening, so that the first of them soon meets an example; 0: as many as in any other."""
    plain_first: int = 0
    """Programs that are drawn plainly before plans and perturbations are paid for."""
    choice: Literal["first", "evidence"] = "evidence"
    """`first`: the first program that passes every public test, else the first of all."""
    stop_when_verified: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The collaborators of one run."""

    model: Model
    sandbox: Sandbox
    policy: Policy
    settings: Settings = Settings()
    cancelled: Callable[[], bool] = lambda: False
    """Polled by the model and the sandbox; True ends the search with what it has."""
    lens: LearnedLens | None = None
    """Of the model's file, where one was fitted."""

    @property
    def lens_in_force(self) -> LearnedLens | None:
        """The learned Lens, if it chose better than the plain rule on problems that it was not fitted on."""
        return self.lens if self.lens is not None and self.lens.is_better else None

    early: EarlyRuns = field(default_factory=EarlyRuns)
    paused_s: float = 0.0
    """Seconds in which the run stood still, stored between two processes; they are not charged."""

    @property
    def k(self) -> int:
        """Programs per widening."""
        return self.policy.k or self.settings.k

    @property
    def test_generations(self) -> int:
        """Texts that are asked for when the search writes tests."""
        return self.settings.test_generations or TEST_GENERATIONS[self.model.profile]

    def widening(self, state: SolveState) -> int:
        """Return how many programs the next widening is to draw; the budget may allow fewer."""
        opening = self.policy.opening if self._is_real else 0
        return min(opening or self.k, self.k) if not state.slots_made else self.k

    def mixes(self, state: SolveState) -> bool:
        """Whether the next widening has slots for plans and perturbations."""
        plain_first = self.policy.plain_first if self._is_real else 0
        return self.policy.slots == "mixed" and state.slots_made >= plain_first

    @property
    def _is_real(self) -> bool:
        """Whether the model takes long enough for a program that the first of them should come soon."""
        return self.model.profile == "full"

    def science(self, problem: Problem) -> bool:
        """Whether programs may import NumPy and the like."""
        return self.settings.science or problem.language == SCIENCE.name

    def limits(self, problem: Problem) -> Limits:
        """Return what one run of a program may use."""
        return Limits(
            cpu_s=problem.cpu_seconds or self.settings.test_cpu_seconds,
            memory_mb=problem.memory_mb or self.settings.test_memory_mb,
        )

    def tokens_left(self, state: SolveState) -> int:
        """Return how many tokens may still be generated."""
        return max(0, self.settings.budget_tokens - state.tokens_spent)

    def programs_left(self, state: SolveState) -> int:
        """Return how many programs may still be written."""
        return max(0, self.settings.max_programs - len(state.candidates))

    def must_end(self, state: SolveState) -> bool:
        """Whether the run was cancelled or its wall time is used up; cheap enough to be polled."""
        return self.cancelled() or self.seconds_left(state) <= 0

    def deadline(self, state: SolveState) -> float:
        """Return the `time.monotonic()` value at which the wall-time budget ends."""
        return time.monotonic() + self.seconds_left(state)

    def seconds_left(self, state: SolveState) -> float:
        """Return the wall time left, in seconds; may be negative."""
        return self.settings.budget_seconds - self.seconds_spent(state)

    def seconds_spent(self, state: SolveState) -> float:
        """Return the wall time since the search began, without the time in which it was stored and not running."""
        return time.time() - state.started - self.paused_s if state.started else 0.0
