"""What a server of models says when it refuses, and what is then worth trying: later, or with other fields.

A server that loads its model (503) or has no room now (429) is asked again, after the time that it names, within a
bound. Fields that a server refuses by name are left out from then on.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from inference.base import ContextOverflowError, ModelError, Stop

NOT_STANDARD = ("top_k", "min_p", "chat_template_kwargs", "stream_options")
"""Left out together when a server refuses anything: it reads standard fields only."""
_LEFT_OUT_BY_NAME = ("seed", "temperature", "top_p", "presence_penalty", "frequency_penalty")
"""Left out one by one, when a refusal names them."""
_LENGTH, _NEW_LENGTH = "max_tokens", "max_completion_tokens"
_REFUSED = (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY)
_LATER = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)
_TOO_LONG = (*_REFUSED, httpx.codes.REQUEST_ENTITY_TOO_LARGE, httpx.codes.INTERNAL_SERVER_ERROR)
_CONTEXT_WORDS = ("context size", "context length", "context window", "context_length", "exceeds the context",
                  "maximum context", "n_ctx", "too many tokens", "prompt is too long", "input is too long")  # fmt: skip
_SHOWN = 300
_STEP_S = 0.1


class LimitReachedError(Exception):
    """The deadline passed, or somebody cancelled, while a server was waited for."""

    def __init__(self, stop: Stop) -> None:
        """Keep which of them."""
        super().__init__(stop)
        self.stop: Stop = stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer with a status other than 200."""

    status: int
    text: str
    where: str
    retry_after_s: float | None = None

    @classmethod
    def of(cls, response: httpx.Response, where: str) -> Refusal:
        """Read an answer."""
        text = " ".join(response.read().decode("utf-8", "replace").split())
        return cls(status=response.status_code, text=text, where=where, retry_after_s=_retry_after(response))

    @property
    def overflows(self) -> bool:
        """Whether the prompt does not fit; a bare 413 says so too."""
        if self.status == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            return True
        words = self.text.lower()
        if self.status == httpx.codes.BAD_REQUEST and "context" in words:
            return True
        return self.status in _TOO_LONG and any(word in words for word in _CONTEXT_WORDS)

    @property
    def is_for_now(self) -> bool:
        """Whether the same request may be met later."""
        spent = "insufficient_quota" in self.text
        return self.status in _LATER and not spent

    def error(self) -> ModelError:
        """Return what a person is told."""
        if self.status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            return ModelError(f"the server at {self.where} refuses the key (HTTP {self.status}): set ATLAS_API_KEY")
        text = self.text[:_SHOWN]
        if self.overflows:
            return ContextOverflowError(f"the prompt does not fit into the server's context ({text}): shorten it")
        if self.is_for_now:
            return ModelError(f"the server at {self.where} has no room yet (HTTP {self.status}, {text}): ask it later")
        return ModelError(f"the server at {self.where} answers HTTP {self.status} ({text}): look at its log")


class Fields:
    """Which fields of a request a server takes, as far as its refusals have told. Used from several threads."""

    def __init__(self) -> None:
        """Send everything until something is refused."""
        self._left_out: frozenset[str] = frozenset()
        self._renames = False

    def of(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a request as the server takes it."""
        kept = {name: value for name, value in body.items() if name not in self._left_out}
        if self._renames and _LENGTH in kept:
            kept[_NEW_LENGTH] = kept.pop(_LENGTH)
        return kept

    def learn(self, refusal: Refusal, sent: Mapping[str, Any]) -> bool:
        """Take in a refusal; return whether the request is worth another try, with other fields."""
        if refusal.status not in _REFUSED or refusal.overflows:
            return False
        if _NEW_LENGTH in refusal.text and _LENGTH in sent:
            self._renames = True
        elif any(name in sent for name in NOT_STANDARD):
            self._left_out |= frozenset(NOT_STANDARD)
        elif named := {name for name in _LEFT_OUT_BY_NAME if name in sent and _names(refusal.text, name)}:
            self._left_out |= named
        else:
            return False
        return True


class Patience:
    """Waits for a server that has no room yet, within a bound over all waits."""

    def __init__(self, seconds: float, reached: Callable[[], Stop | None] = lambda: None) -> None:
        """Wait for so many seconds in all, and no longer than a limit of the caller allows."""
        self._end = time.monotonic() + seconds
        self._reached = reached
        self._next_s = 0.5

    def wait(self, refusal: Refusal) -> bool:
        """Wait as long as the server says, or a little longer each time; return whether another try is due.

        Raises:
            LimitReachedError: a limit of the caller came first.
        """
        pause = self._next_s if refusal.retry_after_s is None else refusal.retry_after_s
        self._next_s = min(8.0, 2 * self._next_s)
        end = time.monotonic() + pause
        if not refusal.is_for_now or end > self._end:
            return False
        while (left := end - time.monotonic()) > 0:
            if (stop := self._reached()) is not None:
                raise LimitReachedError(stop)
            time.sleep(min(left, _STEP_S))
        return True


def _names(text: str, field: str) -> bool:
    return any(f"{mark}{field}{mark}" in text for mark in "'\"`") or f" {field} " in f" {text} "


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that the header names, as a number or as a date."""
    said = response.headers.get("retry-after", "").strip()
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(said).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def json_of(response: httpx.Response, where: str) -> dict[str, Any]:
    """Return the object that an answer holds; nothing where it holds something else.

    Raises:
        ModelError: it holds no JSON.
    """
    try:
        answer = json.loads(response.text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"the server at {where} sends no JSON: is it OpenAI-compatible?") from error
    return answer if isinstance(answer, dict) else {}
