"""One text in the making, as the scheduler sees it: tokens, how many of them are in the cache, and who decides.

The tokens that are not in the cache yet are all that a step knows of a job: a whole prompt, one sampled token, a forced
sentence, or everything after the job was pushed out. So reading, decoding, forcing and recomputing are one thing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from inference.base import Stop
from inference.lookup import PromptLookup
from inference.outputs import Outputs, Row
from inference.prefix_tree import Tokens, as_tokens

Keep = Literal["prompt", "all", "nothing"]


class Controller(Protocol):
    """Decides, row by row, what a sequence is fed."""

    @property
    def spent(self) -> int:
        """Tokens written so far."""

    def advance(self, outputs: Outputs, at: int, hidden: Row | None) -> tuple[int, ...] | Stop:
        """Look at the row after the last token; return the tokens to feed, at least one, or why the text ends."""

    def close(self) -> None:
        """Free what the controller holds."""


def _nothing(*_: object) -> None:
    """Take an event that nobody wants."""


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """A request in the engine."""

    prompt: Tokens
    controller: Controller
    most_tokens: int
    """Prompt and text together."""
    on_end: Callable[[Stop], None] = _nothing
    """Called once, when the text ends."""
    on_failure: Callable[[BaseException], None] = _nothing
    """Called once instead of `on_end`, when the engine failed or a callback raised."""
    on_progress: Callable[[int], None] | None = None
    """Called with the tokens so far."""
    cancelled: Callable[[], bool] | None = None
    deadline: float | None = None
    lookup: PromptLookup | None = None
    hidden: bool = False
    keep: Keep = "prompt"
    """What of the text stays in the cache for others."""
    tokens: list[int] = field(default_factory=list)
    done: int = 0
    """Tokens in the cache."""
    to_read: int = 0
    """Tokens that were there when the job got its sequence; what comes later is decoded."""
    sequence: int = -1
    order: int = 0
    """Order of arrival."""
    seconds: float = 0.0
    prompt_reused: int = 0
    prompt_length: int = 0

    def __post_init__(self) -> None:
        """Begin with the prompt."""
        self.tokens = self.prompt.tolist()
        self.prompt_length = len(self.tokens)

    @property
    def reading(self) -> bool:
        """Whether more than one token must still be read before the next one can be drawn."""
        return self.done < self.to_read - 1

    @property
    def outstanding(self) -> int:
        """Tokens that are not in the cache yet."""
        return len(self.tokens) - self.done

    @property
    def still(self) -> int:
        """Most tokens that may still be written."""
        return self.most_tokens - len(self.tokens)

    @property
    def left(self) -> int:
        """Most tokens that the job may still add to the cache."""
        return self.most_tokens - self.done

    def all_tokens(self) -> Tokens:
        """Return prompt and text as an array."""
        return as_tokens(self.tokens)


@dataclass(slots=True, kw_only=True, eq=False)
class Span:
    """What one step feeds of one job; not frozen, as one is made for every token."""

    job: Job
    tokens: list[int]
    wanted: int
    """Rows at the end whose logits are needed: none, the last one, or one more than there are drafts."""
    drafts: tuple[int, ...] = ()
