"""The blackboard: frozen records that the boxes read and the one state they update.

`Problem` has no field for hidden tests: what the search cannot hold it cannot leak.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar

from typing_extensions import TypedDict

from sandbox.base import Mode
from sandbox.checks import Check, How
from sandbox.sessions import is_session, written

Move = Literal["widen", "test", "separate", "repair", "release"]
Several = Literal["", "any_order", "any_answer", "interactive"]
Origin = Literal["plain", "plan", "perturbed", "self_debug", "poly_reflective", "rewrite"]
OutcomeStatus = Literal["passed", "wrong_answer", "completed", "runtime_error", "timeout", "memory", "output_limit"]
StopReason = Literal["", "verified", "policy_done", "no_gain", "tokens", "seconds", "sandbox_seconds", "rounds",
                     "programs", "cancelled", "failed"]  # fmt: skip
FORM = {"use_attribute_docstrings": True}
"""Of records that a person fills in a form: the strings below the fields explain them there."""


def content_id(*parts: str) -> str:
    """Return a short name for texts, equal for equal content."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:12]


NEXT = "\n\n"
"""Parts the statements of a script."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicTest:
    """An example from the statement: an input and the output that the person expects."""

    __pydantic_config__ = FORM

    input: str
    """Standard input, or the arguments as Python literals: `[1, 2], 'x'`; or a session, lines after `>>>`."""
    expected: str
    """Standard output, or the returned value as a Python literal; of `raises` the exception, of `shown` the text."""
    how: How = "equal"
    """What makes an output right (sandbox/checks.py)."""
    script: str = ""
    """Python that runs beside the program in the box, on the arguments `args`, in place of the plain call; a blank line
    parts its statements."""
    rel_tol: float = 0.0
    """Of `close`: the difference that is allowed, as a share of the larger number."""
    abs_tol: float = 0.0

    @property
    def is_plain(self) -> bool:
        """Whether it is a call, or an input, whose output must be equal to the expected one."""
        return self.how == "equal" and not self.script and not is_session(self.input)

    @property
    def id(self) -> str:
        """Named by the input; a check by all that it asks."""
        if self.is_plain:
            return content_id(self.input)
        tolerance = (repr(self.rel_tol), repr(self.abs_tol))
        return content_id(self.input, self.expected, self.how, self.script, *tolerance)

    @property
    def given(self) -> str:
        """What the box is handed: the input itself, or a session that runs the script on it."""
        if not self.script:
            return self.input
        return "\n".join([written(f"args = [{self.input}]"), *map(written, self.script.split(NEXT))])

    @property
    def check(self) -> Check:
        """What is expected, and how it is compared."""
        return Check(expected=self.expected, how=self.how, rel_tol=self.rel_tol, abs_tol=self.abs_tol)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A line of a statement that looks like an example and could not be read as one."""

    __pydantic_config__ = FORM

    line: int
    """Its number in the statement, from 1."""
    text: str
    why: str
    """What is in the way, and how to write it."""

    @property
    def words(self) -> str:
        """One line for people."""
        return f"line {self.line}: {self.text} ({self.why})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """All that the search may see of a task."""

    __pydantic_config__ = FORM

    # Without a default LangGraph would store a first input unread, as the plain dictionary that a server hands in.
    statement: str = ""
    """The task alone: what a test, a plan or an analysis has to know."""
    mode: Mode = "function"
    entry_point: str = ""
    """Name of the function to be written, or of the class whose methods are called; empty in `stdio` mode."""
    starter_code: str = ""
    language: str = "python"
    """What programs are run as; `python-science` has NumPy and the like (sandbox/languages.py)."""
    tests: tuple[PublicTest, ...] = ()
    also_called: tuple[str, ...] = ()
    """Other functions that the examples call: nothing checks them, so no answer is verified."""
    instruction: str = ""
    """What is asked of whoever writes the program (`Complete this function.`); no other prompt repeats it."""
    unread: tuple[Unread, ...] = ()
    """What looks like an example and could not be read: nothing checks it, so no answer is verified."""
    several: Several = ""
    """Why plain equality with an expected output would be no fair judge."""
    options: tuple[str, ...] = ()
    """Letters of the options, where the problem is a question whose answer is one of them and no program."""
    cpu_seconds: float | None = None
    """Limit that the statement sets for one test; None: the setting's."""
    memory_mb: int | None = None

    @property
    def in_any_order(self) -> bool:
        """Whether the statement says that lists may come in any order; then equal items are one behaviour."""
        return any(test.how == "unordered" for test in self.tests)

    @property
    def order(self) -> str:
        """The statement with its instruction, for the prompt that asks for the program."""
        return self.ordered(self.statement)

    def ordered(self, statement: str) -> str:
        """Return the problem in other words, with its instruction before it."""
        return f"{self.instruction}\n\n{statement}" if self.instruction else statement

    @property
    def task_id(self) -> str:
        """A name made from the content."""
        return content_id(self.statement, self.mode, self.entry_point)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A sketch of a solution, before any code."""

    id: str
    text: str
    observations: tuple[str, ...] = ()
    """What the sketch builds on; empty for a plan drawn straight from the statement."""
    layer: int = 0
    """Depth in the observation tree of its deepest observation."""
    fixed_from: str = ""
    """Id of the sketch that criticism turned into this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A request for one program: what makes this sample different from its siblings."""

    index: int
    """Running number over the whole search; it is the seed's offset."""
    kind: Literal["plain", "plan", "perturbed"] = "plain"
    plan: Plan | None = None
    perturbation: str = ""
    """A sentence that is added to the prompt (DivSampling); empty in the unperturbed slot."""
    statement: str = ""
    """The problem in other words; empty: the original statement."""
    thinking_tokens: int = 0
    thinking_min_tokens: int = 0
    max_tokens: int = 0

    def with_budget(self, *, thinking: int, least: int, answer: int) -> Slot:
        """Return the slot with its tokens: thinking at most and at least, and the answer's."""
        return replace(self, thinking_tokens=thinking, thinking_min_tokens=least, max_tokens=answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A program and where it came from."""

    id: str
    index: int
    """Running number of the slot or repair that made it; orders candidates."""
    code: str
    origin: Origin = "plain"
    plan_id: str = ""
    parent: str = ""
    """Id of the candidate that was repaired."""
    perturbation: str = ""
    tokens: int = 0
    thinking_tokens: int = 0
    confidence: float | None = None
    """Token self-certainty of the text; None where the model gives none."""

    @property
    def program_id(self) -> str:
        """Equal for equal programs, so that each text runs once."""
        return _program_id(self.code)


@lru_cache(maxsize=4096)
def _program_id(code: str) -> str:
    """Return the id of a program; weighing evidence asks for it hundreds of times per round."""
    return content_id(code)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """An input that the search wrote, with the votes for its output; never trusted by itself."""

    input: str
    votes: tuple[tuple[str, float], ...] = ()
    """(predicted output, weight); predictions of one output by several generations add up."""
    provenance: tuple[str, ...] = ()
    """Which means wrote it: `predicted`, `oracle`, `separating`."""

    @property
    def id(self) -> str:
        """Named by the input."""
        return content_id(self.input)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one program did on one input."""

    program_id: str
    input_id: str
    status: OutcomeStatus
    """`passed` and `wrong_answer` only where a person's example says what is right, else `completed`."""
    output: str = ""
    """At most `OUTPUT_KEPT` characters for people and repair; judging used the whole."""
    output_key: str = ""
    """Equal for outputs that count as equal; empty unless the run completed."""
    error: str = ""
    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_mb: float = 0.0


OUTPUT_KEPT = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known about one candidate without hidden tests."""

    candidate_id: str
    program_id: str
    public_passed: int
    public_total: int
    confirmed_passed: int
    """Confirmed self-tests that it passes."""
    confirmed_total: int
    cluster: str
    """Candidates with equal behaviour on all inputs share it."""
    cluster_weight: int
    """Candidates in the cluster."""
    agreement: float
    """CodeT score of the cluster (programs times votes of the self-tests they pass)."""
    regressed: bool
    """Whether it is a repair that lost an anchored test which its parent passed."""
    posterior: float
    """Estimate of P(correct), by the learned Lens where one is in force, else by hand-set constants."""

    @property
    def passes_examples(self) -> bool:
        """Whether every public test is passed; true as well when there is none."""
        return self.public_passed == self.public_total


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A judged pair of clusters (S*)."""

    first: str
    """Program id of one cluster's representative."""
    second: str
    points: float
    """Points of `first` out of one: 1 a win in both orders, 0.5 a tie, 0 a loss; a contradiction counts as a tie."""
    input_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a box spent; a run's cost is their sum."""

    box: str
    calls: int = 0
    tokens: int = 0
    thinking_tokens: int = 0
    prompt_tokens: int = 0
    seconds: float = 0.0
    """In the model by its own account, so that waiting slots add up to no more than it worked; in the sandbox, wall."""
    sandbox_seconds: float = 0.0
    programs_run: int = 0

    @property
    def spent(self) -> int:
        """Generated tokens of both kinds, which the budget counts."""
        return self.tokens + self.thinking_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a person gets."""

    code: str
    verified: bool
    reason: str
    """Why it is verified, or why not."""
    confidence: float
    """Estimate of P(correct); uncalibrated unless `calibrated`."""
    calibrated: bool = False
    """Whether a learned Lens made the estimate, which was checked on problems that it was not fitted on."""
    evidence: tuple[str, ...] = ()
    stop: StopReason = ""
    candidate_id: str = ""
    cost: tuple[Cost, ...] = ()
    """One entry per box."""
    seconds: float = 0.0
    sandbox: str = ""
    model: str = ""
    approved: bool | None = None
    """None when nobody was asked."""


T = TypeVar("T")


def extend(left: Sequence[T], right: Sequence[T]) -> tuple[T, ...]:
    """Append; a checkpoint hands tuples back as lists, so both sides may be either."""
    return (*left, *right)


def add_costs(left: Sequence[Cost], right: Sequence[Cost]) -> tuple[Cost, ...]:
    """Add up the costs of each box, in order of first appearance."""
    total: dict[str, Cost] = {}
    for cost in (*left, *right):
        old = total.get(cost.box, Cost(box=cost.box))
        sums = {f.name: getattr(old, f.name) + getattr(cost, f.name) for f in fields(Cost) if f.name != "box"}
        total[cost.box] = Cost(box=cost.box, **sums)
    return tuple(total.values())


def merge_tests(left: Sequence[SelfTest], right: Sequence[SelfTest]) -> tuple[SelfTest, ...]:
    """Join tests of one input: votes for equal outputs add up, provenances unite."""
    total: dict[str, SelfTest] = {}
    for test in (*left, *right):
        old = total.get(test.id)
        if old is None:
            total[test.id] = test
            continue
        votes: dict[str, float] = {}
        for output, weight in (*old.votes, *test.votes):
            votes[output] = votes.get(output, 0.0) + weight
        provenance = tuple(dict.fromkeys((*old.provenance, *test.provenance)))
        total[test.id] = replace(old, votes=tuple(votes.items()), provenance=provenance)
    return tuple(total.values())


def merge_outcomes(left: Sequence[Outcome], right: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """Append what is not known yet: what a program does on an input is told once, whoever ran it."""
    known = {(one.program_id, one.input_id): one for one in reversed((*left, *right))}
    pairs = dict.fromkeys((one.program_id, one.input_id) for one in (*left, *right))
    return tuple(known[pair] for pair in pairs)


def as_problem(old: Problem, new: Problem | dict[str, Any]) -> Problem:
    """Take the new problem; Studio and the HTTP API hand in plain dictionaries."""
    if isinstance(new, Problem):
        return new
    tests = tuple(t if isinstance(t, PublicTest) else PublicTest(**t) for t in new.get("tests", ()))
    unread = tuple(u if isinstance(u, Unread) else Unread(**u) for u in new.get("unread", ()))
    lists = {name: tuple(new.get(name, ())) for name in ("also_called", "options")}
    return Problem(**{**new, "tests": tests, "unread": unread, **lists})


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveInput:
    """What a caller hands in: a problem, or just its text."""

    __pydantic_config__ = FORM

    statement: str = ""
    """The problem as a person writes it (Markdown); once read it stands in `problem`, and this is empty again."""
    problem: Annotated[Problem, as_problem] = field(default_factory=Problem)
    """Taken when no statement is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveState(SolveInput):
    """The whole blackboard; boxes return an `Update` of it and never touch it in place."""

    started: float = 0.0
    """Unix time at which the search began; the budget of seconds counts from here."""
    move: Move = "widen"
    """What `lens_routing` decided last."""
    history: Annotated[tuple[Move, ...], extend] = ()
    plans: Annotated[tuple[Plan, ...], extend] = ()
    queue: tuple[Slot, ...] = ()
    """Slots that wait for `budgeted_generation`; replaced at each widening."""
    slots_made: int = 0
    candidates: Annotated[tuple[Candidate, ...], extend] = ()
    oracles: Annotated[tuple[Candidate, ...], extend] = ()
    """Brute-force programs whose outputs vote in self-tests; never an answer."""
    self_tests: Annotated[tuple[SelfTest, ...], merge_tests] = ()
    outcomes: Annotated[tuple[Outcome, ...], merge_outcomes] = ()
    evidence: tuple[Evidence, ...] = ()
    comparisons: Annotated[tuple[Comparison, ...], extend] = ()
    costs: Annotated[tuple[Cost, ...], add_costs] = ()
    stop: StopReason = ""
    answer: Answer | None = None

    @property
    def tokens_spent(self) -> int:
        """Generated tokens of all boxes, thinking included."""
        return sum(cost.spent for cost in self.costs)

    @property
    def sandbox_seconds_spent(self) -> float:
        """CPU seconds of all programs run."""
        return sum(cost.sandbox_seconds for cost in self.costs)


class Update(TypedDict, total=False):
    """What a box may return; its keys are fields of `SolveState` (a test compares them)."""

    statement: str
    problem: Problem
    started: float
    move: Move
    history: tuple[Move, ...]
    plans: tuple[Plan, ...]
    queue: tuple[Slot, ...]
    slots_made: int
    candidates: tuple[Candidate, ...]
    oracles: tuple[Candidate, ...]
    self_tests: tuple[SelfTest, ...]
    outcomes: tuple[Outcome, ...]
    evidence: tuple[Evidence, ...]
    comparisons: tuple[Comparison, ...]
    costs: tuple[Cost, ...]
    stop: StopReason
    answer: Answer | None
