"""`ScriptedModel`: a model that says what it was told to say. Product code, so that the real graph can be tested.

It replays texts in order, or asks a function of the request, which keeps a concurrent fan-out deterministic: there the
order of arrival is not fixed, the request is. It records every request and raises when the script runs dry, because a
test that asks more often than it planned is a test that does not know what it tests.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from math import ceil

from inference.base import Completion, ContextOverflowError, Message, ModelError, Profile, Request
from inference.thinking import split_thinking

Reply = str | Completion
Script = Sequence[Reply] | Callable[[Request], Reply]

_CHARACTERS_PER_TOKEN = 4


def approximate_tokens(text: str) -> int:
    """Return a rough length in tokens: a quarter of the characters, rounded up."""
    return ceil(len(text) / _CHARACTERS_PER_TOKEN)


class ScriptedModel:
    """A `Model` that replays a script; a text may hold thinking marks, which are split off as a real model's are."""

    def __init__(
        self,
        script: Script,
        *,
        name: str = "scripted",
        profile: Profile = "full",
        context_tokens: int = 32_768,
        notice: str = "",
        can_think: bool = True,
    ) -> None:
        """Keep the script: replies in order, or a function from a request to its reply."""
        self._ask = script if callable(script) else None
        self._replies = [] if callable(script) else list(script)
        self._asked: list[Request] = []
        self._closed = False
        self._lock = threading.Lock()
        self.name = name
        self.profile: Profile = profile
        self.context_tokens = context_tokens
        self.notice = notice
        self.can_think = can_think
        content = "function" if callable(script) else repr(list(script))
        self.fingerprint = "scripted:" + sha256(f"{name}\0{profile}\0{content}".encode()).hexdigest()[:16]

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every request so far, in the order of arrival."""
        with self._lock:
            return tuple(self._asked)

    def forget(self) -> None:
        """Drop the requests so far, so that a long run takes no more memory than a short one."""
        with self._lock:
            self._asked.clear()

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return a quarter of the characters, rounded up for each message."""
        return sum(approximate_tokens(message.content) for message in messages)

    def complete_many(
        self,
        requests: Sequence[Request],
        *,
        deadline: float | None = None,
        cancelled: Callable[[], bool] | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> tuple[Completion, ...]:
        """Replay one reply per request, in order.

        Raises:
            ContextOverflowError: a prompt alone fills the context.
            ModelError: the script has run dry, or the model is closed.
        """
        completions: list[Completion] = []
        for index, request in enumerate(requests):
            completion = self._complete(request, deadline, cancelled)
            completions.append(completion)
            if on_progress is not None:
                on_progress(index, completion.spent)
        return tuple(completions)

    def close(self) -> None:
        """Refuse further requests."""
        self._closed = True

    def _complete(self, request: Request, deadline: float | None, cancelled: Callable[[], bool] | None) -> Completion:
        prompt_tokens = self.count_tokens(request.messages)
        if prompt_tokens >= self.context_tokens:
            raise ContextOverflowError(
                f"the prompt has {prompt_tokens} tokens, {self.name} holds {self.context_tokens}: shorten the problem"
            )
        if deadline is not None and time.monotonic() >= deadline:
            return Completion(text="", prompt_tokens=prompt_tokens, stop="deadline")
        if cancelled is not None and cancelled():
            return Completion(text="", prompt_tokens=prompt_tokens, stop="cancelled")
        reply = self._reply(request)
        if isinstance(reply, Completion):
            return reply
        thinking, text = split_thinking(reply)
        return Completion(
            text=text,
            thinking=thinking,
            tokens=approximate_tokens(text),
            thinking_tokens=approximate_tokens(thinking),
            prompt_tokens=prompt_tokens,
        )

    def _reply(self, request: Request) -> Reply:
        with self._lock:
            if self._closed:
                raise ModelError(f"{self.name} is closed: open the model again")
            self._asked.append(request)
            if self._ask is None:
                if not self._replies:
                    raise ModelError(f"the script ran dry at request {len(self._asked)}: add a reply to it")
                return self._replies.pop(0)
        return self._ask(request)
