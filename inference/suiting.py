"""Which model suits a machine: does it fit the memory, and is it fast enough. Estimates, before anything is loaded.

Writing one text, every weight that a token passes through is read once per token, so that tokens a second are at most
memory bandwidth by bytes. The bandwidth of a core is measured here in a fraction of a second. What is said is for one
text alone; several together share the reading. Models with experts count the active ones. A processor that computes
more slowly than its memory reads is not caught, nor is what else runs at that moment. Seen on two cores: 47 tokens a
second said and measured for the 0.5B, 21 said and 31 measured for the 1.5B.
"""

from __future__ import annotations

import time
from functools import cache

import numpy as np

from inference.catalogue import Entry, entry, entry_of, reference
from inference.fit import MAIN_SHARE
from inference.machine import Machine
from inference.official import official

FAST_ENOUGH = 5.0
"""Tokens a second of one text below which a search of thousands of tokens takes too long to wait for."""
DEFAULTS = ("qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b")
"""What is offered where no model is here, the better first; the last is offered whatever the machine."""
_BITS = {"Q4_1": 5.0, "Q4_K_M": 4.85, "Q5_K_M": 5.7, "Q6_K": 6.6, "Q8_0": 8.5}
"""Bits per weight of each quantisation, scales included."""
_BESIDE = 1 << 29
"""Cache and buffers beside the weights, roughly."""
_FLOATS, _ROUNDS = 1 << 24, 6
_CORES = 4
"""Cores whose reading adds up; more of them wait for the same memory."""


def approximate_bytes(known: Entry, quantisation: str) -> int:
    """Return the size of a file: exact where it is known, else worked out from the parameters."""
    found = official(reference(f"{known.name}:{quantisation}"))
    if found is not None:
        return found.record.size
    return int(known.billions * 1e9 * _BITS.get(quantisation.upper(), 8.5) / 8)


def probably_fits(size: int, machine: Machine) -> bool:
    """Whether weights of this size, and what comes with them, find room in the memory that is free now."""
    room = machine.memory_free * MAIN_SHARE + machine.gpu_free
    return size * 1.1 + _BESIDE <= room


def tokens_a_second(repository: str, size: int, machine: Machine) -> float | None:
    """Estimate how fast one text is written on the processor; None where a GPU holds the model.

    Args:
        repository: of the model; the catalogue may know that only a part of its weights is active.
        size: bytes of its weights.
        machine: where it runs.
    """
    if machine.gpu_free > size * 1.1 + _BESIDE:
        return None
    known = entry_of(repository)
    active = known.active_billions / known.billions if known and known.active_billions else 1.0
    return bandwidth(machine.cores) / (size * active)


def fast_enough(speed: float | None) -> bool:
    """Whether a search at this estimate is bearable."""
    return speed is None or speed >= FAST_ENOUGH


def default_model(machine: Machine) -> str:
    """Return the name of the model to offer where none is here: the best that fits and is fast enough."""
    for name in DEFAULTS[:-1]:
        known = _known(name)
        size = approximate_bytes(known, known.quantisations[0])
        speed = tokens_a_second(known.repository, size, machine)
        if machine.cores > 1 and probably_fits(size, machine) and fast_enough(speed):
            return name
    return DEFAULTS[-1]


def _known(name: str) -> Entry:
    found = entry(name)
    assert found is not None, name
    return found


@cache
def bandwidth(cores: int) -> float:
    """Measure how many bytes a second one core reads from memory, and return what a few of them read together.

    By processor time, so that other programs that want the core at this moment do not count.
    """
    numbers = np.ones(_FLOATS, np.float32)
    best = 0.0
    for _ in range(_ROUNDS):
        began = time.thread_time()
        np.dot(numbers, numbers)
        best = max(best, numbers.nbytes / max(time.thread_time() - began, 1e-9))
    return best * min(cores, _CORES)
