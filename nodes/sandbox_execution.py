"""Run what has not run yet: every program on the public tests, those that pass on the self-tests too.

Most programs have met the public tests as soon as they were written (nodes/budgeted_generation.py).

Equal programs run once. Expected outputs stay on this side; the sandbox reports facts. Programs that fail an example
are not run on self-tests, since nothing they do there can matter; without examples every program is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from langgraph.runtime import Runtime

from nodes.context import Context
from nodes.running import Job, Place, run_on_tests
from nodes.state import Candidate, Cost, Outcome, PublicTest, SelfTest, SolveState, Update
from nodes.voting import is_question, votes

BOX = "sandbox_execution"


def sandbox_execution(state: SolveState, runtime: Runtime[Context]) -> Update:
    """Run all untried (program, test) pairs, several programs at a time; of a question only count the votes.

    Raises:
        SandboxUnavailableError: the sandbox failed; nothing is known about the programs.
    """
    if is_question(state.problem):
        return {"outcomes": votes(state)}
    began = time.monotonic()
    spent = [state.sandbox_seconds_spent]
    public = _run_all(public_jobs(state), state, runtime, spent)
    outcomes = (*public, *_run_all(self_test_jobs(state, (*state.outcomes, *public)), state, runtime, spent))
    cost = Cost(
        box=BOX,
        seconds=time.monotonic() - began,
        sandbox_seconds=sum(outcome.cpu_s for outcome in outcomes),
        programs_run=len({outcome.program_id for outcome in outcomes}),
    )
    return {"outcomes": outcomes, "costs": (cost,)}


def public_jobs(state: SolveState) -> list[Job]:
    """Return the programs that have public tests to run; an oracle that fails one has no vote."""
    return _jobs((*state.candidates, *state.oracles), state.problem.tests, state.outcomes)


def self_test_jobs(state: SolveState, outcomes: Sequence[Outcome]) -> list[Job]:
    """Return the programs, oracles included, that have self-tests to run."""
    failed = {o.program_id for o in outcomes if o.input_id in _public_ids(state) and o.status != "passed"}
    survivors = [c for c in (*state.candidates, *state.oracles) if c.program_id not in failed]
    return _jobs(survivors, state.self_tests, outcomes)


def _public_ids(state: SolveState) -> set[str]:
    return {test.id for test in state.problem.tests}


def _jobs(
    candidates: Sequence[Candidate], tests: Sequence[PublicTest | SelfTest], outcomes: Sequence[Outcome]
) -> list[Job]:
    """Return one job per distinct program, with its untried tests in order."""
    by_id = {test.id: test for test in reversed(tests)}
    distinct = [by_id[name] for name in dict.fromkeys(test.id for test in tests)]
    done = {(o.program_id, o.input_id) for o in outcomes}
    programs = {candidate.program_id: candidate for candidate in candidates}
    jobs = [
        Job(candidate=c, tests=tuple(test for test in distinct if (p, test.id) not in done))
        for p, c in programs.items()
    ]
    return [job for job in jobs if job.tests]


def _run_all(
    jobs: Sequence[Job], state: SolveState, runtime: Runtime[Context], spent: list[float]
) -> tuple[Outcome, ...]:
    """Run jobs side by side, as many as the sandbox has workers; results come in the order of the jobs."""
    if not jobs:
        return ()
    with ThreadPoolExecutor(runtime.context.sandbox.workers, thread_name_prefix="atlas-box") as pool:
        futures = [pool.submit(copy_context().run, _run, job, state, runtime, spent) for job in jobs]
        return tuple(outcome for future in futures for outcome in future.result())


def _run(job: Job, state: SolveState, runtime: Runtime[Context], spent: list[float]) -> tuple[Outcome, ...]:
    """Run one program until the run must end; none once the CPU seconds `spent` by all programs reach the budget."""
    context, problem = runtime.context, state.problem
    if sum(spent) >= context.settings.budget_sandbox_seconds or context.must_end(state):
        return ()
    place = Place(
        sandbox=context.sandbox,
        limits=context.limits(problem),
        science=context.settings.science,
        cancelled=lambda: context.must_end(state),
        writer=runtime.stream_writer,
    )
    outcomes = run_on_tests(job, problem, place)
    spent.append(sum(outcome.cpu_s for outcome in outcomes))
    return outcomes
