"""What one step feeds: sampled and forced tokens, drafts, and chunks of prompts, within the limits of a batch."""

from __future__ import annotations

from collections.abc import Sequence

from inference.backend import Shape
from inference.job import Job, Span
from inference.width import WidthPolicy

_CHUNK = 128
"""Prompt tokens read beside running decodes, so that those are not held up."""
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
            if job.lookup is not None and _drafts(job):
                return None
        rows = self._width.rows(len(live))
        if not 0 < rows <= min(free_cells, self._shape.rows, self._shape.outputs):
            return None
        return list(live[:rows])

    def spans(self, live: Sequence[Job], free_cells: int, *, patient: bool = True) -> list[Span]:
        """Return what the next step feeds; needs more cells than are free only where no draft is to blame.

        Few rows are dear: texts that go on wait while more wait for their prompts, or for what is left of those in one
        batch, unless they are not `patient`.
        """
        deciding = [job for job in live if not job.reading]
        reading = [job for job in live if job.reading]
        chosen = deciding[: self._width.rows(len(deciding))]
        hidden = any(job.hidden for job in chosen)
        if not reading or (hidden and not patient):
            return self._decided(deciding, chosen, free_cells)
        last = sum(job.outstanding for job in reading) <= self._shape.rows
        if hidden or (patient and (last or len(reading) > len(deciding))):
            chosen = []
        spans, room, outputs = self._feed(chosen)
        room = min(room, _CHUNK) if chosen else room
        fed = len(spans)
        for job in reading:
            span = self._read(job, room, outputs)
            if span is None or not self._fits(job, span, first=len(spans) == fed):
                continue
            spans.append(span)
            room -= len(span.tokens)
            outputs -= span.wanted
        return spans

    def _fits(self, job: Job, span: Span, *, first: bool) -> bool:
        """Say whether a chunk had better be in a batch.

        Sequences with cells of their own are read by equal lengths at a time, so that the odd end of a batch is not
        filled with the beginning of another prompt.
        """
        return first or self._shape.shares_cells or job.done + len(span.tokens) >= len(job.tokens) - 1

    def _decided(self, deciding: Sequence[Job], chosen: Sequence[Job], free_cells: int) -> list[Span]:
        """Feed the texts that are fastest together, or all of them where drafts make that faster."""
        worth, spans = self._with_drafts(*self._feed(chosen), free_cells)
        if len(chosen) == len(deciding) or not any(_drafts(job) for job in deciding):
            return spans
        more, wider = self._with_drafts(*self._feed(deciding), free_cells)
        fits = sum(len(span.tokens) for span in wider) <= free_cells
        return wider if more > worth and fits and any(span.drafts for span in wider) else spans

    def _feed(self, jobs: Sequence[Job]) -> tuple[list[Span], int, int]:
        """Return what is due of some texts, and the rows and outputs for which there is room beside it."""
        room, outputs = self._shape.rows, self._shape.outputs
        if any(job.hidden for job in jobs):
            room = min(room, outputs)  # Every row of such a step is an output.
        spans: list[Span] = []
        for job in jobs:
            span = self._fed(job, room) if outputs else None
            if span is not None:
                spans.append(span)
                room -= len(span.tokens)
                outputs -= span.wanted
        return spans, room, outputs

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

    def _with_drafts(self, spans: list[Span], room: int, outputs: int, free_cells: int) -> tuple[float, list[Span]]:
        """Add the drafts that make the step worth most, and return its worth; in exact mode none are added.

        There a text depends on its request alone, and rows of drafts are rounded otherwise.
        """
        if not self._shape.can_fork or self._segment or not any(_drafts(span.job) for span in spans):
            return self._worth(spans, [()] * len(spans), 0), spans
        room = min(room, outputs, free_cells - sum(len(span.tokens) for span in spans))
        drafts = _shared_out(spans, room)
        longest = max(len(draft) for draft in drafts)
        lengths = [0, *(length for length in _DRAFTED if length < longest), longest]
        worth = {length: self._worth(spans, drafts, length) for length in lengths}
        length = max(worth, key=worth.__getitem__)
        return worth[length], [_drafted(span, draft[:length]) for span, draft in zip(spans, drafts, strict=True)]

    def _worth(self, spans: Sequence[Span], drafts: Sequence[tuple[int, ...]], most: int) -> float:
        rows, expected = 0, 0.0
        for span, draft in zip(spans, drafts, strict=True):
            drafted = min(most, len(draft))
            rows += len(span.tokens) + drafted
            expected += span.wanted
            if drafted and span.job.lookup is not None:
                expected += span.job.lookup.expected(drafted)
        return self._width.worth(rows, expected)


def _drafts(job: Job) -> bool:
    return job.lookup is not None and not job.lookup.rests


def _shared_out(spans: Sequence[Span], room: int) -> list[tuple[int, ...]]:
    """Return what each text could go on with: an equal share of the room, and of what others leave of theirs."""
    able = [_drafts(span.job) and len(span.tokens) == 1 and span.wanted == 1 for span in spans]
    left, drafts = sum(able), []
    for span, can in zip(spans, able, strict=True):
        draft: tuple[int, ...] = ()
        if can and span.job.lookup is not None:
            draft = span.job.lookup.draft(min(room // left, span.job.most_tokens - len(span.job.tokens)))
            room, left = room - len(draft), left - 1
        drafts.append(draft)
    return drafts


def _drafted(span: Span, drafts: tuple[int, ...]) -> Span:
    if not drafts:
        return span
    return Span(job=span.job, tokens=[*span.tokens, *drafts], wanted=span.wanted + len(drafts), drafts=drafts)
