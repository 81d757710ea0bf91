"""Which tokens of which sequences go into the next batch: continuous batching in one thread, without a clock or a lock.

A step ends what must end, admits waiting jobs, decodes one batch, and hands each row to its job's controller. Rules:

- A job is admitted when the cells that it and the live jobs are expected to need are free. The expectation is the share
  of their limits that former jobs used; when it proves wrong, cold prefixes go first, then the youngest job is pushed
  out and recomputed later. One job always fits alone.
- A job whose prompt shares more with one that is being read than with anything in the cache waits for that prefix, and
  so do those that follow it in its turn; their places are kept.
- Only so many jobs are admitted as are written soonest together (`inference/width.py`), unless some draft; of the live
  ones so many are decoded, the oldest first. The others pause with their cells, unless drafts pay for all of them.
- Prompts are read in chunks beside running decodes, in order of admission, and before those where more texts wait for
  their prompts than go on, or for one batch alone; so for a few batches at most.

Exact mode (`segment` > 0, one live job): every prompt is read in the same passes, so that a text depends on its request
alone. Where hidden states are asked for every row of a step is kept, so that no such step also reads prompts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from inference.admission import Admission
from inference.backend import Backend, Batch, NoRoomError
from inference.base import ModelError, Stop
from inference.fair_queue import FairQueue
from inference.guard import for_each
from inference.job import Job, Span
from inference.outputs import Outputs
from inference.planning import Planner
from inference.prefix_cache import PrefixCache
from inference.width import WidthPolicy

_PATIENCE = 4
"""Batches of prompts that may pass before texts go on."""
_sequence_of = attrgetter("sequence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What the scheduler has done so far."""

    steps: int = 0
    rows: int = 0
    """Tokens decoded, prompts, drafts and recomputing included."""
    prompt_rows: int = 0
    reused: int = 0
    """Prompt tokens that were in the cache already."""
    pushed_out: int = 0
    evicted: int = 0
    live: int = 0
    waiting: int = 0


class Scheduler:
    """Jobs over one back end; not safe for several threads."""

    def __init__(
        self,
        backend: Backend,
        *,
        width: WidthPolicy,
        segment: int = 0,
        most_cold_cells: int | None = None,
    ) -> None:
        """Start without jobs; `segment` > 0 is the exact mode and wants a width of one."""
        self._backend = backend
        self._width = width
        self._segment = segment
        self._planner = Planner(backend.shape, width, segment=segment)
        self._batch = Batch(backend.shape.rows)
        self.cache = PrefixCache(backend, segment=segment, most_cold_cells=most_cold_cells, most_live=width.most)
        self._live: list[Job] = []
        self._waiting = FairQueue()
        self._arrived = 0
        self._admission = Admission(backend.shape, self.cache, width)
        self._changed = False
        """Whether anything happened that lets a job in or asks for another width."""
        self._passed_over = 0
        """Batches of prompts since any text went on."""
        self._steps = self._rows = self._prompt_rows = self._pushed_out = 0

    @property
    def busy(self) -> bool:
        """Whether a job is live or waits."""
        return bool(self._live) or len(self._waiting) > 0

    @property
    def live(self) -> tuple[Job, ...]:
        """Jobs with a sequence, the oldest first."""
        return tuple(self._live)

    def unpin(self, name: int) -> None:
        """Let a prefix that was pinned go the way of the others."""
        self.cache.unpin(name)
        self._changed = True

    def counts(self) -> Counts:
        """Return what was done so far."""
        return Counts(
            steps=self._steps,
            rows=self._rows,
            prompt_rows=self._prompt_rows,
            reused=self.cache.reused,
            pushed_out=self._pushed_out,
            evicted=self.cache.evicted,
            live=len(self._live),
            waiting=len(self._waiting),
        )

    def submit(self, job: Job) -> None:
        """Queue a job, whose `most_tokens` must fit the context."""
        if job.most_tokens > min(self._backend.shape.context, self._backend.shape.cells) or not len(job.prompt):
            job.on_failure(ModelError(f"a text of {job.most_tokens} tokens does not fit: raise context_tokens"))
            job.controller.close()
            return
        if not self.busy:
            self.cache.begin()
        self._arrived += 1
        job.order = self._arrived
        self._waiting.push(job)
        self._changed = True

    def cancel(self, job: Job, stop: Stop = "cancelled") -> None:
        """End a job, if it has not ended; what it wrote stays."""
        if job in self._live or job in self._waiting:
            self._leave(job)
            job.on_end(stop)

    def fail(self, error: BaseException, *jobs: Job) -> None:
        """End jobs, all of them when none is named, with an error."""
        for job in jobs or (*self._live, *self._waiting):
            if job in self._live or job in self._waiting:
                job.keep = "nothing"
                self._leave(job)
                job.on_failure(error)

    def _fail(self, error: BaseException, job: Job) -> None:
        self.fail(error, job)

    def step(self) -> None:
        """Decode one batch.

        Raises:
            ModelError: the back end failed; the jobs are as they were.
        """
        self._end_limited()
        if self._changed or not self._live:
            self._admit()
        jobs = self._planner.plain(self._live, self.cache.free_cells)
        if jobs:
            self._passed_over = 0
            self._decode_plain(jobs)
            return
        spans = self._spans()
        while spans and not self._make_room(spans):
            spans = self._spans()
        if spans:
            passed_over = all(span.job.reading for span in spans) and not all(job.reading for job in self._live)
            self._passed_over = self._passed_over + 1 if passed_over else 0
            self._decode(spans)

    def _spans(self) -> list[Span]:
        patient = self._passed_over < _PATIENCE
        return self._planner.spans(self._live, self.cache.free_cells, patient=patient)

    def _end_limited(self) -> None:
        """End what is late or no longer wanted; a question that several jobs share is asked once."""
        limited = [job for job in self._live if job.cancelled is not None or job.deadline is not None]
        if self._waiting:
            limited += [job for job in self._waiting if job.cancelled is not None or job.deadline is not None]
        if not limited:
            return
        now = time.monotonic()
        answers: dict[Callable[[], bool], bool] = {}

        def check(job: Job, cancelled: Callable[[], bool] | None) -> None:
            if cancelled is not None:
                if cancelled not in answers:
                    answers[cancelled] = cancelled()
                if answers[cancelled]:
                    self.cancel(job)
                    return
            if job.deadline is not None and now >= job.deadline:
                self.cancel(job, "deadline")

        for_each([(job, job.cancelled) for job in limited], check, self._fail)

    def _admit(self) -> None:
        self._changed = False
        while len(self._live) < self._width.most and (job := self._next()) is not None:
            if not self._live:
                self.cache.leave_strangers(job.all_tokens())
            opened = self.cache.open(job.all_tokens())
            if opened is None:
                break
            self._waiting.remove(job)
            job.sequence, job.done = opened
            job.prompt_reused = job.done
            job.to_read = len(job.tokens)
            self._live.append(job)
        self._admission.expect(self._live)

    def _next(self) -> Job | None:
        """Return the waiting job that had better be live, if any."""
        live, waiting, admission = self._live, self._waiting, self._admission
        job, promised = None, len(live)
        for head, turn in waiting.heads():
            if not admission.waits(head, live):
                job = head
                break
            # Its place is kept: were it given to another problem, the prompt would have to be read twice.
            promised += turn
        if (
            job is None
            or promised >= self._width.most
            or not admission.is_faster(job, live, len(waiting), waiting.after(job))
        ):
            return None
        return job if admission.has_room(job, live) else None

    def _make_room(self, spans: list[Span]) -> bool:
        """Free the cells of a batch; False when a job was pushed out, so that the batch must be made anew."""
        rows = sum(len(span.tokens) for span in spans)
        while self.cache.free_cells < rows:
            if self.cache.evict():
                continue
            self._push_out()
            return False
        return True

    def _push_out(self) -> None:
        """Give the cells of the youngest job to the others; it is recomputed later."""
        if len(self._live) < 2:
            raise ModelError("the cache is too small for one text: raise context_tokens")
        job = max(self._live, key=lambda live: live.order)
        self._live.remove(job)
        self.cache.release(job.sequence)
        job.sequence, job.done, job.to_read = -1, 0, 0
        self._waiting.push(job, first=True)
        self._admission.was_wrong()
        self._pushed_out += 1
        self._changed = True

    def _decode_plain(self, jobs: list[Job]) -> None:
        """Feed one token of each of some texts: what `_decode` does, without spans."""
        if not self._backend.shape.shares_cells:
            jobs.sort(key=_sequence_of)
        self._batch.clear()
        sequences = [job.sequence for job in jobs]
        self._batch.add_rows(sequences, [job.done for job in jobs], [job.tokens[-1] for job in jobs])
        share = self._run(hidden=any(job.hidden for job in jobs))
        if share is None:
            return
        self.cache.grow_each(sequences)
        outputs = self._backend.outputs()
        for job in jobs:
            job.seconds += share
            job.done += 1
        for at, job in enumerate(jobs):
            try:
                self._ask(job, outputs, at)
            except BaseException as error:  # noqa: BLE001  # whatever a caller's code raises ends its own job alone
                self.fail(error, job)

    def _decode(self, spans: list[Span]) -> None:
        if not self._backend.shape.shares_cells:
            spans.sort(key=lambda span: span.job.sequence)
        batch = self._batch
        hidden = any(span.job.hidden and span.wanted for span in spans)
        batch.clear()
        places = [_place(batch, span, whole=hidden) for span in spans]
        share = self._run(hidden=hidden)
        if share is None:
            return
        for span in spans:
            span.job.seconds += share * len(span.tokens)
            self._fill(span)
        outputs = self._backend.outputs()

        def take(_: Job, both: tuple[Span, int]) -> None:
            self._take(both[0], outputs, both[1])

        drawn = [(span.job, (span, at)) for span, at in zip(spans, places, strict=True) if span.wanted]
        for_each(drawn, take, self._fail)

    def _run(self, *, hidden: bool) -> float | None:
        """Decode the batch; return the seconds of a row, or None when the cache was full and room has been made."""
        began = time.perf_counter()
        try:
            self._backend.decode(self._batch, hidden=hidden)
        except NoRoomError:
            if not self.cache.evict():
                self._push_out()
            return None
        self._steps += 1
        self._rows += self._batch.size
        return (time.perf_counter() - began) / self._batch.size

    def _fill(self, span: Span) -> None:
        job, before = span.job, span.job.done
        self.cache.grow(job.sequence, len(span.tokens))
        job.done += len(span.tokens)
        self._changed = self._changed or before < job.to_read
        if before < job.prompt_length:
            read = min(job.done, job.prompt_length)
            self._prompt_rows += read - before
            self.cache.name(job.sequence, job.prompt[:read])

    def _take(self, span: Span, outputs: Outputs, at: int) -> None:
        """Let the controller draw from each row as long as it says what was drafted."""
        job, accepted = span.job, 0
        while (fed := self._ask(job, outputs, at + accepted)) is not None:
            if accepted == len(span.drafts) or fed != (span.drafts[accepted],):
                break
            accepted += 1
        if span.drafts and fed is not None:
            self._settle(job, len(span.drafts), accepted)

    def _ask(self, job: Job, outputs: Outputs, at: int) -> tuple[int, ...] | None:
        """Hand a row to the controller; return what it feeds, or None when the text has ended."""
        fed = job.controller.advance(outputs, at, self._backend.hidden(at) if job.hidden else None)
        if job.on_progress is not None:
            job.on_progress(job.controller.spent)
        if isinstance(fed, str):
            self._finish(job, fed)
            return None
        job.tokens += fed
        if job.lookup is not None:
            job.lookup.extend(fed)
        return fed

    def _settle(self, job: Job, offered: int, accepted: int) -> None:
        """Take back the cells of drafts that were wrong."""
        if accepted < offered:
            job.done -= offered - accepted
            self.cache.trim(job.sequence, job.done)
        if job.lookup is not None:
            job.lookup.judge(offered, accepted)

    def _finish(self, job: Job, stop: Stop) -> None:
        self._admission.learn(job)
        self._leave(job)
        job.on_end(stop)

    def _leave(self, job: Job) -> None:
        if job in self._live:
            self._live.remove(job)
            kept = len(job.prompt) - 1 if job.keep == "prompt" else job.done if job.keep == "all" else 0
            length = min(kept, job.done, len(job.tokens))
            whole = length == kept or not self._segment
            if not whole:
                length = length // self._segment * self._segment
            self.cache.retire(job.sequence, job.tokens[:length], wanted=job.keep == "all")
        else:
            self._waiting.remove(job)
        job.sequence = -1
        job.controller.close()
        self._changed = True


def _place(batch: Batch, span: Span, *, whole: bool) -> int:
    """Add a span to a batch and return the place of its first wanted row; `whole` makes each of its rows an output."""
    outputs = len(span.tokens) if whole else span.wanted
    return batch.add(span.job.sequence, span.job.done, span.tokens, outputs) + outputs - span.wanted
