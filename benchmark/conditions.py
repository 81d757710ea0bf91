"""What is measured: a policy with its settings. Conditions are data, like the policies that they run.

`resample` is the control: plain samples for as many tokens as the compared condition spent on the same problem, one
sample after another, the last one cut when the tokens end. `samples` draws a fixed number of plain programs for every
problem, which unbiased pass@k needs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmark.pool import name_of
from nodes.settings import ONLY_FOR_REPORTS, PolicyName, Settings

MACHINE_SETTINGS = ("model", "model_name", "models_folder", "source", "gpu_layers", "threads", "searches",
                    "sandbox", "sandbox_workers", "log_file", "traces", "thread_file", "thread_database",
                    "approve")  # fmt: skip
"""Where and how fast, not what is searched; the model's fingerprint is kept apart."""
MANY_PROGRAMS = 10_000
PLAIN_SAMPLES = 8


def shaping(settings: Settings) -> dict[str, object]:
    """Return the settings that shape a search, by name: equal ones make equal runs, whatever machine they are for."""
    return {
        name: value for name, value in asdict(settings).items() if name not in {*MACHINE_SETTINGS, *ONLY_FOR_REPORTS}
    }


class ConditionError(ValueError):
    """Conditions that cannot be run together; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A row of the table."""

    name: str
    policy: PolicyName
    k: int = 0
    """Programs per widening; 0: the setting's."""
    programs: int = 0
    """Most programs per problem; 0: the setting's."""
    spends_like: str = ""
    """Condition whose tokens on the same problem are this one's budget."""

    def settings(self, base: Settings, tokens: int = 0) -> Settings:
        """Return the settings of one run; `tokens` is what the compared condition spent, where there is one."""
        return replace(
            base,
            policy=self.policy,
            k=self.k or base.k,
            max_programs=self.programs or base.max_programs,
            budget_tokens=tokens if self.spends_like else base.budget_tokens,
        )

    def digest(self, base: Settings) -> str:
        """Return a name for the condition under these settings, the weights of a learned Lens included.

        Raises:
            OSError: the file of the Lens cannot be read.
        """
        lens = [Path(base.lens_file).expanduser().read_text(encoding="utf-8")] if base.lens_file else []
        return name_of(asdict(self), shaping(base), *lens)[:12]


_CONDITIONS = (
    Condition(name="baseline", policy="baseline"),
    Condition(name="samples", policy="resample", k=PLAIN_SAMPLES, programs=PLAIN_SAMPLES),
    Condition(name="phase1", policy="phase1"),
    Condition(name="phase1_2", policy="phase1_2"),
    Condition(name="phase1_3", policy="phase1_3"),
    Condition(name="full", policy="full"),
    Condition(name="adaptive", policy="adaptive"),
    Condition(name="resample", policy="resample", k=1, programs=MANY_PROGRAMS, spends_like="adaptive"),
)

CONDITIONS: dict[str, Condition] = {condition.name: condition for condition in _CONDITIONS}
"""In the order in which they run: a control comes after what it is compared with."""
