"""What one step feeds: sampled and forced tokens, drafts, and chunks of prompts, within the limits of a batch."""

from __future__ import annotations

from collections.abc import Sequence

from inference.backend import Shape
from inference.job import Job, Span
from inference.width import WidthPolicy

_CHUNK = 128
"""Prompt tokens read beside running decodes, so that those do not stall."""


class Planner:
    """Makes the spans of a step; keeps no state between steps."""

    def __init__(self, shape: Shape, width: WidthPolicy, *, segment: int) -> None:
        """Keep the limits; `segment` > 0 cuts prompts at fixed places."""
        self._shape = shape
        self._width = width
        self._segment = segment

    def spans(self, live: Sequence[Job], free_cells: int) -> list[Span]:
        """Return what the next step feeds; needs more cells than are free only where no draft is to blame."""
        deciding = [job for job in live if not job.reading]
        chosen = deciding[: self._width.rows(len(deciding))]
        reading = [job for job in live if job.reading]
        if reading and any(job.hidden for job in chosen):
            chosen = []
        room, outputs = self._shape.rows, self._shape.outputs
        spans: list[Span] = []
        for job in chosen:
            span = self._fed(job, room) if outputs else None
            if span is not None:
                spans.append(span)
                room -= len(span.tokens)
                outputs -= span.wanted
        if not reading:
            fed = sum(len(span.tokens) for span in spans)
            spans = self._with_drafts(spans, min(room, outputs, free_cells - fed))
        room = min(room, _CHUNK) if chosen else room
        for job in reading:
            span = self._read(job, room, outputs)
            if span is not None:
                spans.append(span)
                room -= len(span.tokens)
                outputs -= span.wanted
        return spans

    def _fed(self, job: Job, room: int) -> Span | None:
        tokens = job.tokens[job.done : job.done + room]
        whole = job.done + len(tokens) == len(job.tokens)
        return Span(job=job, tokens=tokens, wanted=1 if whole else 0) if tokens else None

    def _read(self, job: Job, room: int, outputs: int) -> Span | None:
        end = min(job.done + room, len(job.tokens))
        if self._segment:
            end = min((job.done // self._segment + 1) * self._segment, job.to_read - 1)
        elif end == len(job.tokens) and (not outputs or job.hidden):
            end -= 1
        if end <= job.done or not room:
            return None
        return Span(job=job, tokens=job.tokens[job.done : end], wanted=int(end == len(job.tokens)))

    def _with_drafts(self, spans: list[Span], room: int) -> list[Span]:
        if not self._shape.can_fork or all(span.job.lookup is None for span in spans):
            return spans
        drafted: list[Span] = []
        expected = 0.0
        rows = sum(len(span.tokens) for span in spans)
        for span in spans:
            lookup = span.job.lookup
            drafts: tuple[int, ...] = ()
            if lookup is not None and len(span.tokens) == 1 and span.wanted:
                drafts = lookup.draft(min(room, span.job.most_tokens - len(span.job.tokens)))
                expected += lookup.rate * len(drafts)
                room -= len(drafts)
            tokens = [*span.tokens, *drafts]
            drafted.append(Span(job=span.job, tokens=tokens, wanted=span.wanted + len(drafts), drafts=drafts))
        more = sum(len(span.drafts) for span in drafted)
        return drafted if more and self._width.pays(rows, more, expected) else spans
