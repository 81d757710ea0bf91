"""What a page shows of a search: everything that is known without hidden tests, as records that become JSON.

Texts of a model go out as they are; whoever shows them inserts them as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cli.report import STOPS, cost_of
from cli.serving.run_comparison import difference, why
from nodes.answering import rank
from nodes.evidence import confirmed_tests, outcomes_by_pair
from nodes.reading.telling import reading_line
from nodes.state import Answer, Candidate, Evidence, Outcome, OutcomeStatus, SelfTest, SolveState


@dataclass(frozen=True, slots=True, kw_only=True)
class TestView:
    """An input on which programs ran."""

    id: str
    kind: str
    """`example` or `self-test`."""
    input: str
    expected: str | None
    """An example's output; None for a self-test."""
    votes: tuple[tuple[str, float], ...]
    """(predicted output, weight) of a self-test."""
    provenance: tuple[str, ...]
    confirmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOnTest:
    """What a program did on one input."""

    status: OutcomeStatus
    verdict: str
    """`pass`, `fail`, or empty where nothing says what is right."""
    group: int
    """Programs with equal outputs on this input share it; the most frequent output is 0. -1 for a failed run."""
    output: str
    error: str
    cpu_s: float
    wall_s: float
    peak_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleView:
    """A candidate: one sample of the model."""

    id: str
    number: int
    origin: str
    plan: str
    """Id of its plan; empty without one."""
    repairs: str
    """Label of the program that it repairs; empty where it repairs none."""
    perturbation: str
    tokens: int
    confidence: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramView:
    """A distinct program, with all samples that wrote it."""

    id: str
    label: str
    code: str
    chosen: bool
    why: str
    """Why it won, or why it lost to the one that did."""
    diff: tuple[str, ...]
    """Lines that begin with a blank, `-` (only in this program) or `+` (only in the winner); empty for the winner."""
    samples: tuple[SampleView, ...]
    evidence: Evidence | None
    runs: tuple[RunOnTest | None, ...]
    """One per test, in the order of the tests; None where it did not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """A sketch, before any code."""

    id: str
    text: str
    observations: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerView:
    """The answer, and how sure it is."""

    code: str
    verified: bool
    reason: str
    confidence: float
    calibrated: bool
    evidence: tuple[str, ...]
    stop: str
    stopped: str
    """Why the search stopped, in words."""
    seconds: float
    model: str
    sandbox: str
    approved: bool | None
    """None when nobody was asked, or has not answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchView:
    """One search as far as it came."""

    statement: str
    reading: str
    """How many examples were read in it, and what could not be read."""
    mode: str
    entry_point: str
    tests: tuple[TestView, ...]
    programs: tuple[ProgramView, ...]
    """The winner, or who leads, first; then in the order in which they would have been chosen."""
    plans: tuple[PlanView, ...]
    moves: tuple[str, ...]
    answer: AnswerView | None
    cost: Mapping[str, object]


def view_of(state: SolveState) -> SearchView:
    """Return what can be shown of a blackboard."""
    confirmed = _confirmed(state)
    tests = _tests(state, confirmed)
    return SearchView(
        statement=state.problem.statement,
        reading=reading_line(state.problem) if state.problem.statement else "",
        mode=state.problem.mode,
        entry_point=state.problem.entry_point,
        tests=tests,
        programs=_programs(state, tests, confirmed),
        plans=tuple(PlanView(id=one.id, text=one.text, observations=tuple(one.observations)) for one in state.plans),
        moves=tuple(state.history),
        answer=None if state.answer is None else _answer(state.answer),
        cost=cost_of(state.answer or Answer(code="", verified=False, reason="", confidence=0, cost=tuple(state.costs))),
    )


def _answer(answer: Answer) -> AnswerView:
    return AnswerView(
        code=answer.code,
        verified=answer.verified,
        reason=answer.reason,
        confidence=answer.confidence,
        calibrated=answer.calibrated,
        evidence=tuple(answer.evidence),
        stop=answer.stop,
        stopped=STOPS.get(answer.stop, answer.stop),
        seconds=answer.seconds,
        model=answer.model,
        sandbox=answer.sandbox,
        approved=answer.approved,
    )


def _confirmed(state: SolveState) -> dict[str, str]:
    trusted = [e.program_id for e in state.evidence if e.passes_examples and e.public_total]
    return confirmed_tests(state, list(dict.fromkeys(trusted)), outcomes_by_pair(state))


def _tests(state: SolveState, confirmed: Mapping[str, str]) -> tuple[TestView, ...]:
    """Return examples, then confirmed self-tests, then the others."""
    examples = {
        one.id: TestView(
            id=one.id,
            kind="example",
            input=one.input,
            expected=one.expected,
            votes=(),
            provenance=(),
            confirmed=False,
        )
        for one in state.problem.tests
    }
    own = [_self_test(one, confirmed) for one in state.self_tests if one.id not in examples]
    return (*examples.values(), *sorted(own, key=lambda one: not one.confirmed))


def _self_test(test: SelfTest, confirmed: Mapping[str, str]) -> TestView:
    return TestView(
        id=test.id,
        kind="self-test",
        input=test.input,
        expected=None,
        votes=tuple((output, weight) for output, weight in test.votes),
        provenance=tuple(test.provenance),
        confirmed=test.id in confirmed,
    )


def _programs(state: SolveState, tests: tuple[TestView, ...], confirmed: Mapping[str, str]) -> tuple[ProgramView, ...]:
    candidates = sorted(state.candidates, key=lambda c: c.index)
    samples: dict[str, list[Candidate]] = {}
    for one in candidates:
        samples.setdefault(one.program_id, []).append(one)
    labels = {program: f"P{number}" for number, program in enumerate(samples, start=1)}
    parents = {one.id: labels[one.program_id] for one in candidates}
    evidence = _best_evidence(state, candidates)
    order = sorted(samples, key=lambda program: _place(evidence.get(program), samples[program][0]))
    chosen = next((one.program_id for one in candidates if state.answer and one.id == state.answer.candidate_id), "")
    if chosen:
        order = [chosen, *(program for program in order if program != chosen)]
    outcomes = outcomes_by_pair(state)
    groups = {test.id: _groups(test.id, state) for test in tests}
    return tuple(
        ProgramView(
            id=program,
            label=labels[program],
            code=samples[program][0].code,
            chosen=program == chosen,
            why=why(
                evidence.get(program), evidence.get(order[0]), is_first=program == order[0], samples=len(candidates)
            ),
            diff=difference(samples[program][0].code, samples[order[0]][0].code) if program != order[0] else (),
            samples=tuple(_sample(one, parents) for one in samples[program]),
            evidence=evidence.get(program),
            runs=tuple(_run(outcomes.get((program, test.id)), confirmed, groups[test.id]) for test in tests),
        )
        for program in order
    )


def _best_evidence(state: SolveState, candidates: list[Candidate]) -> dict[str, Evidence]:
    """Return the evidence of each program's best sample; the chosen sample counts for its program."""
    by_id = {one.id: one for one in candidates}
    found: dict[str, Evidence] = {}
    for item in sorted(state.evidence, key=lambda one: _place(one, by_id[one.candidate_id]), reverse=True):
        found[item.program_id] = item
    chosen = state.answer.candidate_id if state.answer else ""
    found.update((item.program_id, item) for item in state.evidence if item.candidate_id == chosen)
    return found


def _place(item: Evidence | None, candidate: Candidate) -> tuple[float, ...]:
    """Return a key: those that were run in the order of `nodes.answering`, then the others as they came."""
    return (1, candidate.index) if item is None else (0, *rank(item, candidate))


def _sample(one: Candidate, parents: Mapping[str, str]) -> SampleView:
    return SampleView(
        id=one.id,
        number=one.index,
        origin=one.origin,
        plan=one.plan_id,
        repairs=parents.get(one.parent, ""),
        perturbation=one.perturbation,
        tokens=one.tokens + one.thinking_tokens,
        confidence=one.confidence,
    )


def _groups(test: str, state: SolveState) -> dict[str, int]:
    """Return output key -> number, by how many samples gave that output on an input."""
    outcomes = outcomes_by_pair(state)
    counts: dict[str, int] = {}
    for one in state.candidates:
        run = outcomes.get((one.program_id, test))
        if run is not None and run.output_key:
            counts[run.output_key] = counts.get(run.output_key, 0) + 1
    return {key: number for number, key in enumerate(sorted(counts, key=lambda key: -counts[key]))}


def _run(run: Outcome | None, confirmed: Mapping[str, str], groups: Mapping[str, int]) -> RunOnTest | None:
    if run is None:
        return None
    verdict = {"passed": "pass", "completed": ""}.get(run.status, "fail")
    if run.input_id in confirmed:
        verdict = "pass" if run.output_key == confirmed[run.input_id] else "fail"
    return RunOnTest(
        status=run.status,
        verdict=verdict,
        group=groups.get(run.output_key, -1),
        output=run.output,
        error=run.error,
        cpu_s=round(run.cpu_s, 4),
        wall_s=round(run.wall_s, 4),
        peak_mb=round(run.peak_mb, 1),
    )
