"""The `Model` protocol and its frozen records: what every box of the graph may ask of a language model.

`complete_many` is the primitive: a box that needs four texts asks once for four. How an implementation runs them
(one after another, in one batch, over HTTP) is its own business; order, token counts and stop reasons are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Profile = Literal["full", "compact"]
Stop = Literal["end", "stop_text", "complete", "loop", "length", "deadline", "cancelled"]
"""Why a text ended: the model ended it; a stop text came; what was asked for was complete (`Request.finish`); it went
round in circles (`Request.cut_loops`); its limit; a deadline; somebody cancelled it."""
BY_ITSELF: tuple[Stop, ...] = ("end", "stop_text", "complete")
"""Reasons after which a text is as whole as its writer meant it to be."""


class ModelError(RuntimeError):
    """The model itself failed; says nothing about the problem. The message is one line that says what to do."""


class ContextOverflowError(ModelError):
    """A prompt and its answer do not fit into the model's context."""


class RequestRefusedError(ModelError):
    """The model cannot do what a request asks; without the form or the option that the message names it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """Budget forcing (s1, arXiv 2501.19393) in tokens; both zero means: answer without thinking."""

    at_most: int = 0
    """True cap: at this many thinking tokens the hand-over sentence and the end mark are forced."""
    at_least: int = 0
    """True minimum: an end mark before it is replaced by "Wait" and thinking goes on."""
    waits: int = 2
    """How often "Wait" may be forced at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Where an answer is complete, so that no token is written behind it (`inference/finish.py`)."""

    block: str = ""
    """A regular expression: the closing fence of a fenced block in which it is found completes the answer."""
    item: str = ""
    """A regular expression for the beginning of a line that begins an item."""
    items: int = 0
    """So many items complete the answer, which is cut before the next one; 0: any number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One text to be generated."""

    messages: tuple[Message, ...]
    max_tokens: int
    """Most answer tokens; thinking tokens are bounded by `thinking.at_most` and counted apart."""
    thinking: Thinking = Thinking()
    temperature: float = 0.8
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    opening: str = ""
    """The beginning of the answer, given to a model that need not think first; `Completion.text` begins with it, and
    its tokens are not counted as written. A back end that cannot begin an answer leaves it out."""
    finish: Finish | None = None
    """Where the answer is complete; a back end that cannot look leaves it to the model to end."""
    cut_loops: bool = False
    """End an answer that repeats itself word for word."""
    repeat_penalty: float = 1.0
    """Divides the logits of the last 64 answer tokens; 1 is off."""
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    grammar: str = ""
    """GBNF text that the answer must match, thinking excepted; empty: no constraint."""
    json_schema: str = ""
    """A JSON schema as JSON text; the answer is JSON that fits it. Not together with `grammar`."""
    lookup: int = 0
    """Most tokens that are drafted at a time by looking in the prompt, for answers that copy from it; 0 is off. The
    engine drafts fewer, or none, where rows cost more than that brings, and none where it decodes alone."""
    confidence: bool = False
    """Ask for `Completion.confidence`, which costs a pass over each row."""
    signals: bool = False
    """Ask for `Completion.log_probability` and `entropy`, which cost another."""
    hidden: bool = False
    """Ask for `Completion.hidden`."""
    prompt: str = ""
    """A text to be continued as it stands, without messages, template and thinking; control tokens may be spelled out
    in it."""
    suffix: str = ""
    """What follows the text that is written, beside `prompt`; for models that were trained to fill in the middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One generated text and what it cost."""

    text: str
    """The answer, without thinking and without marks."""
    thinking: str = ""
    tokens: int = 0
    """Answer tokens."""
    thinking_tokens: int = 0
    prompt_tokens: int = 0
    stop: Stop = "end"
    confidence: float | None = None
    """Self-certainty of the answer in nats: the mean of the lowest tenth of its windows (ReASC, arXiv 2601.02970);
    None unless `Request.confidence` asked for it and the back end gives it, which must never be read as confident."""
    seconds: float = 0.0
    """The model's time for this text without waiting for a turn; steps that serve several texts are split by their
    tokens, so that the seconds of all texts add up to the time that the model was busy."""
    log_probability: float | None = None
    """Sum over the answer tokens of their log-probability in nats, at temperature 1 and before any truncation; None
    unless `Request.signals` asked for it."""
    entropy: float | None = None
    """Mean entropy in nats of the distributions that the answer tokens were drawn from; None unless asked for."""
    hidden: tuple[float, ...] | None = None
    """Mean of the states after the final norm from which the answer tokens were drawn; None unless `Request.hidden`
    asked for it and the back end gives them."""

    @property
    def spent(self) -> int:
        """Generated tokens of both kinds."""
        return self.tokens + self.thinking_tokens


class Model(Protocol):
    """A frozen language model."""

    @property
    def name(self) -> str:
        """A short name for people."""

    @property
    def fingerprint(self) -> str:
        """Names the weights, template and quantisation; equal fingerprints give comparable completions."""

    @property
    def profile(self) -> Profile:
        """Which prompt profile the model was made for."""

    @property
    def context_tokens(self) -> int:
        """Longest prompt and answer together."""

    @property
    def notice(self) -> str:
        """One line that a person should read before trusting the model, or an empty text."""

    @property
    def can_think(self) -> bool:
        """Whether the chat template has thinking marks, so that `Thinking` acts."""

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the length in tokens of the rendered conversation."""

    def complete_many(
        self,
        requests: Sequence[Request],
        *,
        deadline: float | None = None,
        cancelled: Callable[[], bool] | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> tuple[Completion, ...]:
        """Return one completion per request, in order. Callable from several threads at once.

        Args:
            requests: what to generate.
            deadline: `time.monotonic()` value at which decoding ends; what was written until then is returned.
            cancelled: polled between tokens; True ends decoding like a deadline.
            on_progress: called with (index of the request, tokens so far), from the generating thread.

        Raises:
            ContextOverflowError: a prompt does not fit.
            ModelError: the back end failed.
        """

    def close(self) -> None:
        """Free the weights; further calls raise `ModelError`."""
