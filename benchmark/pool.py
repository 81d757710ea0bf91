"""Completions and executions kept by content, so that what two policies share is generated and run once.

A completion from the pool costs every policy that asks for it its tokens, and the seconds that it took when it was
generated. Texts that a deadline cut are not kept, nor are executions that timed out: on a busy machine they say little
about the program.

Several runs may use one pool at the same moment: what two of them ask for is then generated once as well.

Limits: a completion is named by model, messages, sampling settings, limits and seed; a change in how the engine decodes
does not change its name, so use a new file after one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from benchmark.database import Store
from benchmark.in_flight import InFlight
from nodes.shares import Shares

SCHEMA = """
CREATE TABLE IF NOT EXISTS completions (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, request TEXT NOT NULL, completion TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS executions (
    key TEXT PRIMARY KEY, input TEXT NOT NULL, execution TEXT NOT NULL, seconds REAL NOT NULL) WITHOUT ROWID;
"""
_PLACES = 500
"""Names looked up in one query; SQLite allows a thousand."""


def name_of(*parts: Any) -> str:
    """Return a name that is equal for equal content."""
    return sha256(json.dumps(parts, sort_keys=True).encode("ascii")).hexdigest()


def named_rows(store: Store, select: str, keys: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the rows of a query over one table whose key is among these."""
    found: list[tuple[Any, ...]] = []
    for at in range(0, len(keys), _PLACES):
        part = keys[at : at + _PLACES]
        found += store.rows(f"{select} WHERE key IN ({', '.join('?' * len(part))})", part)
    return found


class Shared:
    """What the runs of one process have in common beside the pool: who makes which text, and how long all were busy."""

    def __init__(self) -> None:
        """Start with nothing in the making."""
        self.texts = InFlight()
        self.model = Shares()
        self.sandbox = Shares()
        self._lock = threading.Lock()
        self._tokens = 0

    @property
    def tokens(self) -> int:
        """Tokens that were generated so far."""
        return self._tokens

    def add_tokens(self, tokens: int) -> None:
        """Count generated tokens."""
        with self._lock:
            self._tokens += tokens
