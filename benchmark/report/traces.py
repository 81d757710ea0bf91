"""The trace of a task: plans, programs, tests, what ran, and why this answer. Texts of a model are cut, never trusted.

A data set that must not be published keeps its texts: statement, plans, programs, inputs and outputs are withheld, and
what remains are verdicts and numbers.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmark.measures import Graded
from benchmark.report.document import TaskSet
from benchmark.task import is_private
from nodes.evidence import confirmed_tests, outcomes_by_pair, public_passed
from nodes.state import Candidate, Outcome, Plan, SolveState, content_id

LONGEST_TEXT = 4000
"""Characters kept of one text."""
_SHORT = 300
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that hide or reorder text, or cannot be encoded."""
WITHHELD = "withheld"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramTrace:
    """A distinct program of a task; conditions share it."""

    label: str
    code: str
    right: bool
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateTrace:
    """A row of the candidates of one search."""

    label: str
    """Of its program."""
    number: int
    origin: str
    plan: str
    parent: str
    tokens: int
    token_confidence: str
    examples: str
    confirmed: str
    cluster: str
    posterior: str
    right: bool
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TestTrace:
    """A test and what the programs did on it."""

    input: str
    kind: str
    """`example`, or where a self-test came from, and whether it was confirmed."""
    expected: str
    """The example's output, or the votes."""
    truth: str
    """What the reference says of a confirmed self-test: right, wrong, or nothing."""
    gave: tuple[tuple[str, str], ...]
    """(labels of programs, what they gave)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTrace:
    """One condition on the task."""

    condition: str
    right: bool
    somewhere: bool
    verified: bool
    confidence: float
    reason: str
    stop: str
    moves: tuple[str, ...]
    tokens: int
    seconds: float
    answer: str
    """Label of the chosen program."""
    evidence: tuple[str, ...]
    plans: tuple[tuple[str, str, str], ...]
    """(label, what it builds on, text)."""
    candidates: tuple[CandidateTrace, ...]
    tests: tuple[TestTrace, ...]
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTrace:
    """Everything about one task."""

    anchor: str
    name: str
    tags: tuple[str, ...]
    statement: str
    programs: tuple[ProgramTrace, ...]
    searches: tuple[SearchTrace, ...]


def task_trace(anchor: str, graded: Mapping[str, Graded]) -> TaskTrace:
    """Return the trace of a task from its runs by condition."""
    sheet = next(iter(graded.values())).sheet
    tell = withheld if is_private(sheet.name, sheet.tags) else shown
    labels: dict[str, str] = {}
    programs = []
    for one in graded.values():
        for code in (one.run.code, *(c.code for c in one.run.state.candidates)):
            if code and content_id(code) not in labels:
                labels[content_id(code)] = f"P{len(labels) + 1}"
                verdict = one.verdicts[content_id(code)]
                label = labels[content_id(code)]
                programs.append(ProgramTrace(label=label, code=tell(code), right=verdict.right, status=verdict.status))
    return TaskTrace(
        anchor=anchor,
        name=shown(sheet.name, _SHORT),
        tags=sheet.tags,
        statement=tell(sheet.problem.statement),
        programs=tuple(programs),
        searches=tuple(_search(name, one, labels) for name, one in graded.items()),
    )


def shown(text: str, most: int = LONGEST_TEXT) -> str:
    """Return a text for a page: characters that hide or reorder it are spelled out, and a long one is cut."""
    cut = text if len(text) <= most else f"{text[:most]}\n… {len(text) - most} more characters"
    return "".join(
        c if c in "\n\t" or unicodedata.category(c) not in _HIDDEN else c.encode("unicode_escape").decode("ascii")
        for c in cut
    )


def withheld(text: str, most: int = LONGEST_TEXT) -> str:
    """Return that a text exists and is not shown."""
    return WITHHELD if text else ""


def _search(name: str, graded: Graded, labels: Mapping[str, str]) -> SearchTrace:
    run, state = graded.run, graded.run.state
    tell = withheld if is_private(graded.sheet.name, graded.sheet.tags) else shown
    answer = state.answer
    plans = {plan.id: f"S{i}" for i, plan in enumerate(state.plans, start=1)}
    return SearchTrace(
        condition=name,
        right=graded.right,
        somewhere=graded.right_somewhere,
        verified=run.verified,
        confidence=answer.confidence if answer else 0.0,
        reason=shown(answer.reason, _SHORT) if answer else "there is no answer",
        stop=state.stop,
        moves=state.history,
        tokens=run.tokens,
        seconds=run.seconds,
        answer=labels.get(content_id(run.code), "none") if run.code else "none",
        evidence=tuple(shown(line, _SHORT) for line in answer.evidence) if answer else (),
        plans=tuple((plans[plan.id], _basis(plan, plans), tell(plan.text)) for plan in state.plans),
        candidates=tuple(_candidate(c, graded, labels, plans) for c in sorted(state.candidates, key=lambda c: c.index)),
        tests=tuple(_tests(graded, labels)),
        error=shown(run.error, _SHORT),
    )


def _basis(plan: Plan, plans: Mapping[str, str]) -> str:
    if plan.fixed_from:
        return f"{plans.get(plan.fixed_from, 'a plan')} after criticism"
    return f"{len(plan.observations)} observations, layer {plan.layer}" if plan.observations else "the statement"


def _candidate(
    candidate: Candidate, graded: Graded, labels: Mapping[str, str], plans: Mapping[str, str]
) -> CandidateTrace:
    state = graded.run.state
    item = next((e for e in state.evidence if e.candidate_id == candidate.id), None)
    parent = next((c for c in state.candidates if c.id == candidate.parent), None)
    answer = state.answer
    return CandidateTrace(
        label=labels.get(candidate.program_id, "none"),
        number=candidate.index,
        origin=candidate.origin,
        plan=plans.get(candidate.plan_id, ""),
        parent=labels.get(parent.program_id, "") if parent else "",
        tokens=candidate.tokens + candidate.thinking_tokens,
        token_confidence="" if candidate.confidence is None else f"{candidate.confidence:.2f}",
        examples=f"{item.public_passed}/{item.public_total}" if item else "not run",
        confirmed=f"{item.confirmed_passed}/{item.confirmed_total}" if item else "",
        cluster=f"{item.cluster[:6]} ({item.cluster_weight})" if item else "",
        posterior=f"{item.posterior:.2f}" if item else "",
        right=graded.is_right(candidate.code),
        chosen=answer is not None and answer.candidate_id == candidate.id,
    )


def _tests(graded: Graded, labels: Mapping[str, str]) -> list[TestTrace]:
    """Return examples, then self-tests, with what the programs gave."""
    state = graded.run.state
    tell = withheld if is_private(graded.sheet.name, graded.sheet.tags) else shown
    outcomes = outcomes_by_pair(state)
    confirmed = _confirmed(state)
    made = [
        TestTrace(
            input=tell(test.input, _SHORT),
            kind="example",
            expected=tell(test.expected, _SHORT),
            truth="",
            gave=_gave(content_id(test.input), outcomes, labels, tell),
        )
        for test in state.problem.tests
    ]
    for test in state.self_tests:
        is_confirmed = test.id in confirmed
        votes = ", ".join(f"{output} ({weight:g})" for output, weight in test.votes)
        made.append(
            TestTrace(
                input=tell(test.input, _SHORT),
                kind=" ".join((*test.provenance, "confirmed" if is_confirmed else "unconfirmed")),
                expected=tell(votes, _SHORT),
                truth=_truth(graded, test.id, confirmed),
                gave=_gave(test.id, outcomes, labels, tell),
            )
        )
    return made


def _confirmed(state: SolveState) -> dict[str, str]:
    outcomes = outcomes_by_pair(state)
    total = len(state.problem.tests)
    programs = dict.fromkeys(candidate.program_id for candidate in state.candidates)
    trusted = [p for p in programs if total and public_passed(state, p, outcomes) == total]
    return confirmed_tests(state, trusted, outcomes)


def _truth(graded: Graded, test: str, confirmed: Mapping[str, str]) -> str:
    if test not in confirmed or test not in graded.truths:
        return ""
    return "right" if graded.truths[test] == confirmed[test] else "wrong"


def _gave(
    test: str, outcomes: Mapping[tuple[str, str], Outcome], labels: Mapping[str, str], tell: object
) -> tuple[tuple[str, str], ...]:
    """Return what programs gave on a test, those alike together."""
    groups: dict[tuple[str, str], list[str]] = {}
    for (program, input_id), run in outcomes.items():
        if input_id == test and program in labels:
            text = run.output if run.output_key else (run.error.strip().splitlines() or [""])[-1]
            groups.setdefault((run.status, tell(text, _SHORT)), []).append(labels[program])  # type: ignore[operator]
    return tuple((" ".join(sorted(who, key=len)), f"{status}: {text}") for (status, text), who in groups.items())


def traced(sets: Sequence[TaskSet]) -> set[str]:
    """Return the anchors of the tasks that some number leads to."""
    return {task for one in sets for task in one.tasks}
