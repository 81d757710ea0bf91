"""What one step feeds: sampled and forced tokens, drafts, and chunks of prompts, within the limits of a batch."""

from __future__ import annotations

from collections.abc import Sequence

from inference.backend import Shape
from inference.job import Job, Span
from inference.width import WidthPolicy

_CHUNK = 128
"""Prompt tokens read beside running decodes, so that those do not stall."""
_DRAFTED = (1, 2, 4, 8)
"""Lengths of drafts that are compared, beside the longest."""


class Planner:
    """Makes the spans of a step; keeps no state between steps."""

    def __init__(self, shape: Shape, width: WidthPolicy, *, segment: int) -> None:
        """Keep the limits; `segment` > 0 cuts prompts at fixed places."""
        self._shape = shape
        self._width = width
        self._segment = segment

    def plain(self, live: Sequence[Job], free_cells: int) -> list[Job] | None:
        """Return the jobs of a step that feeds one token of each of some texts and nothing else, the usual one.

        None where anything else may be due: a prompt, a forced sentence, a draft, room that must be made.
        """
        for job in live:
            if len(job.tokens) - job.done != 1 or job.done < job.prompt_length:
                return None
            if job.lookup is not None and not job.lookup.rests:
                return None
        rows = self._width.rows(len(live))
        if not 0 < rows <= min(free_cells, self._shape.rows, self._shape.outputs):
            return None
        return list(live[:rows])

    def spans(self, live: Sequence[Job], free_cells: int) -> list[Span]:
        """Return what the next step feeds; needs more cells than are free only where no draft is to blame."""
        deciding = [job for job in live if not job.reading]
        chosen = deciding[: self._width.rows(len(deciding))]
        reading = [job for job in live if job.reading]
        if reading and any(job.hidden for job in chosen):
            chosen = []
        room, outputs = self._shape.rows, self._shape.outputs
        if any(job.hidden for job in chosen):
            room = min(room, outputs)  # Every row of such a step is an output.
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
        """Add the drafts that make the step worth most; in exact mode none, as their rows are rounded otherwise."""
        if not self._shape.can_fork or self._segment or all(span.job.lookup is None for span in spans):
            return spans
        drafts = self._drafts(spans, room)
        longest = max(len(draft) for draft in drafts)
        lengths = [0, *(length for length in _DRAFTED if length < longest), longest]
        length = max(lengths, key=lambda most: self._worth(spans, drafts, most))
        return [_drafted(span, draft[:length]) for span, draft in zip(spans, drafts, strict=True)]

    def _drafts(self, spans: Sequence[Span], room: int) -> list[tuple[int, ...]]:
        """Return what each span's text could go on with, as long as there is room for all."""
        drafts: list[tuple[int, ...]] = []
        for span in spans:
            draft: tuple[int, ...] = ()
            if span.job.lookup is not None and len(span.tokens) == 1 and span.wanted:
                draft = span.job.lookup.draft(min(room, span.job.most_tokens - len(span.job.tokens)))
            room -= len(draft)
            drafts.append(draft)
        return drafts

    def _worth(self, spans: Sequence[Span], drafts: Sequence[tuple[int, ...]], most: int) -> float:
        rows, expected = 0, 0.0
        for span, draft in zip(spans, drafts, strict=True):
            drafted = min(most, len(draft))
            rows += len(span.tokens) + drafted
            expected += span.wanted
            if drafted and span.job.lookup is not None:
                expected += span.job.lookup.expected(drafted)
        return self._width.worth(rows, expected)


def _drafted(span: Span, drafts: tuple[int, ...]) -> Span:
    if not drafts:
        return span
    return Span(job=span.job, tokens=[*span.tokens, *drafts], wanted=span.wanted + len(drafts), drafts=drafts)
