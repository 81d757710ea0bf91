"""Shared cells or cells of their own: which decodes faster, from what a step costs in both.

With shared cells every row of a step attends to the cells of all sequences (P + k g/2 of them on average, for a prompt
of P tokens and k texts of g), but the prompt's keys are read once for all rows. With cells of its own a row attends to
P + g/2, and reads them alone, by flash attention. Where one overtakes the other depends on machine and model, and on
how many texts are decoded together, so both are taken at their best widths (`inference/width.py`).

Limits: the expectation is two thirds of the context for the prompt and a fifth for a text, up to what the search's own
requests come to; who knows better sets `Width.streams`. A model that reads a prompt slowly gets shared cells: its
weights outweigh its cache, and they save memory.
"""

from __future__ import annotations

from inference.width import CostCurve

_LONGEST = 1024, 512


def expected_lengths(context: int) -> tuple[int, int]:
    """Return the tokens of a prompt and of a text that a context is likely made for."""
    return min(_LONGEST[0], 2 * context // 3), min(_LONGEST[1], context // 5)


def streams_pay(context: int, widths: range, shared: CostCurve, own: CostCurve) -> bool:
    """Say whether cells of their own decode faster than shared ones.

    Args:
        context: longest prompt and text together.
        widths: how many texts may be decoded together.
        shared: what a step costs over shared cells.
        own: what it costs where each sequence has cells of its own.
    """
    if shared.per_cell is None or own.per_cell is None:
        return False
    prompt, text = expected_lengths(context)
    together = max(rows / shared.cost(rows, prompt + rows * text / 2) for rows in widths)
    apart = max(rows / own.cost(rows, prompt + text / 2) for rows in widths)
    return apart > together
