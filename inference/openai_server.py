"""`OpenAIServerModel`: an OpenAI-compatible endpoint such as llama-server or vLLM, over plain HTTP.

Replies are streamed, so that a deadline or a cancellation keeps what was written; dropping the stream makes the server
stop. Several requests go out at once. Cancellation acts when the next part arrives.

Several texts of one prompt are several requests: not every server knows `n`, and those that do give it one seed.

Lost against a model in this process: budget forcing (a reply that thinks beyond its cap is asked for again with
thinking off; there is no minimum), confidence (always None), reproducibility (a server batches requests), exact token
counts of a prompt (about three characters a token), `repeat_penalty`, GBNF grammars except with llama-server, and with
strict servers top_k, min_p and the thinking switch, which are left out after such a server refuses them. `notice` says
so to a person. A stop text is reported as `end`. A server that loads its model or has no room is waited for.

The key goes into one header and nowhere else.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from math import ceil
from typing import Any

import httpx

from inference.base import Completion, Message, ModelError, Profile, Request, Thinking
from inference.decoding import Limits
from inference.event_stream import events
from inference.server_refusals import Fields, LimitReachedError, Patience, Refusal, json_of
from inference.streamed import StreamedReply, joined, refuse_forms
from inference.thinking import marks_in

_CONNECT_SECONDS = 10.0
_SILENCE_SECONDS = 600.0
_CHARACTERS_PER_TOKEN = 3
_DEFAULT_CONTEXT = 8_192
_PATIENCE_SECONDS = 120.0
"""How long a server is asked again that has no room, or loads its model."""

Progress = Callable[[int, int], None]


class OpenAIServerModel:
    """A `Model` over an OpenAI-compatible server."""

    profile: Profile = "full"

    def __init__(
        self,
        base_url: str,
        *,
        model: str = "",
        api_key: str = "",
        context_tokens: int | None = None,
        parallel: int = 4,
        patience_s: float = _PATIENCE_SECONDS,
    ) -> None:
        """Ask the server what it serves.

        Args:
            base_url: the server, with or without `/v1`.
            model: which of its models; the first it lists when empty.
            api_key: sent as a bearer token when not empty.
            context_tokens: prompt and answer together; what the server says bounds it where it says anything.
            parallel: requests under way at once.
            patience_s: how long a server is waited for that has no room yet, or loads its model.

        Raises:
            ModelError: nothing answers there, or it lists no such model.
        """
        base = base_url.rstrip("/")
        self._url = httpx.URL(base if base.endswith("/v1") else base + "/v1")
        self._where = str(self._url.copy_with(userinfo=b""))
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx.Timeout(_SILENCE_SECONDS, connect=_CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=None),
        )
        self._pool = ThreadPoolExecutor(max_workers=max(1, parallel), thread_name_prefix="openai-server")
        self._fields = Fields()
        self._patience_s = patience_s
        self._closed = False
        try:
            entry = self._listed(model)
            properties = self._properties()
        except ModelError:
            self.close()
            raise
        self._model = str(entry["id"])
        self.name = self._model.rsplit("/", 1)[-1]
        known = [size for size in (_context_of(entry, properties), context_tokens) if size]
        self.context_tokens = min(known, default=_DEFAULT_CONTEXT)
        template = str(properties.get("chat_template", ""))
        self.can_think = marks_in(template) is not None if template else True
        self._takes_grammars = "default_generation_settings" in properties
        self.notice = (
            f"{self.name} is reached over HTTP: each program is a request of its own, without confidence, "
            "repeat_penalty and a minimum of thinking; a seed does not name a text, and prompts are counted roughly"
        )
        named = json.dumps([self._where, self._model, entry.get("meta"), template], sort_keys=True, default=str)
        self.fingerprint = "server:" + sha256(named.encode()).hexdigest()

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return a third of the characters, and four tokens a message; servers differ in what they would tell."""
        return sum(4 + ceil(len(message.content) / _CHARACTERS_PER_TOKEN) for message in messages)

    def complete_many(
        self,
        requests: Sequence[Request],
        *,
        deadline: float | None = None,
        cancelled: Callable[[], bool] | None = None,
        on_progress: Progress | None = None,
    ) -> tuple[Completion, ...]:
        """Return one completion per request, in order, several under way at once.

        Raises:
            ContextOverflowError: the server says that a prompt does not fit.
            ModelError: the server cannot be reached, refuses, fails or breaks off while it answers, or answers
                nonsense; or the model is closed.
        """
        if self._closed:
            raise ModelError(f"{self.name} is closed: open the model again")
        for request in requests:
            refuse_forms(request, self.name, json_schema=True, grammar=self._takes_grammars)
        abandoned = threading.Event()
        limits = Limits(
            deadline=deadline, cancelled=lambda: abandoned.is_set() or (cancelled is not None and cancelled())
        )

        def complete(index: int) -> Completion:
            progress = (lambda tokens: on_progress(index, tokens)) if on_progress else None
            return self._complete(requests[index], limits, progress)

        try:
            return tuple(self._pool.map(complete, range(len(requests))))
        finally:
            abandoned.set()

    def close(self) -> None:
        """Close the connections."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _complete(self, request: Request, limits: Limits, progress: Callable[[int], None] | None) -> Completion:
        started = time.monotonic()
        reply = self._listen(request, limits, progress)
        done = reply.completion(_approximate)
        if reply.left == "length":
            quick = replace(request, thinking=Thinking())
            done = joined(done, self._listen(quick, limits, progress).completion(_approximate))
        return replace(done, seconds=time.monotonic() - started)

    def _listen(self, request: Request, limits: Limits, progress: Callable[[int], None] | None) -> StreamedReply:
        """Stream one reply; leave at a limit, or (as `length`) when its thinking exceeds the cap."""
        reply = StreamedReply()
        if (stop := limits.reached()) is not None:
            reply.left = stop
            return reply
        try:
            with self._told():
                for event in self._events(request, limits):
                    _take(event, reply)
                    if progress is not None:
                        progress(reply.parts)
                    reply.left = limits.reached() or reply.over_cap(request.thinking)
                    if reply.left is not None:
                        break
        except LimitReachedError as limit:
            reply.left = limit.stop
        except TimeoutError as error:
            reply.left = limits.reached()
            if reply.left is None:
                raise ModelError(str(error)) from error
        return reply

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell in one line what went wrong with a stream.

        Raises:
            ModelError: what it was.
            TimeoutError: the server said nothing for too long, which a deadline may be the reason for.
        """
        try:
            yield
        except httpx.TimeoutException as error:
            raise TimeoutError(f"the server at {self._where} fell silent: look at its log") from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self._unreachable(error) from error
        except (AttributeError, TypeError, ValueError, KeyError, RecursionError) as error:
            raise ModelError(f"the server at {self._where} sends events that make no sense: look at its log") from error

    def _events(self, request: Request, limits: Limits) -> Iterator[dict[str, Any]]:
        """Yield the events of a reply; a refusal that may not last is followed by another try."""
        patience = Patience(self._patience_s, limits.reached)
        while True:
            sent = self._fields.of(self._body(request))
            with self._client.stream("POST", self._chat, json=sent, timeout=self._timeout(limits)) as response:
                if response.status_code == httpx.codes.OK:
                    yield from events(response.iter_lines(), self._where)
                    return
                refusal = Refusal.of(response, self._where)
            if not (self._fields.learn(refusal, sent) or patience.wait(refusal)):
                raise refusal.error()

    @property
    def _chat(self) -> str:
        return f"{self._url}/chat/completions"

    def _timeout(self, limits: Limits) -> httpx.Timeout:
        silence = _SILENCE_SECONDS
        if limits.deadline is not None:
            silence = max(0.001, min(silence, limits.deadline - time.monotonic()))
        return httpx.Timeout(silence, connect=min(silence, _CONNECT_SECONDS))

    def _body(self, request: Request) -> dict[str, Any]:
        thinking = request.thinking.at_most > 0
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "max_tokens": request.max_tokens + request.thinking.at_most,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "seed": request.seed,
            "stream": True,
            "stream_options": {"include_usage": True},
            "top_k": request.top_k,
            "min_p": request.min_p,
            "chat_template_kwargs": {"enable_thinking": thinking},
        }
        return body | _forms(request)

    def _listed(self, model: str) -> dict[str, Any]:
        listing = self._get(f"{self._url}/models")
        listed = listing.get("data")
        known = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
        entries = [entry for entry in known if isinstance(entry.get("id"), str)]
        found = next((entry for entry in entries if model in {"", entry["id"]}), None)
        if found is None:
            names = ", ".join(str(entry["id"]) for entry in entries[:5]) or "none"
            raise ModelError(f"the server at {self._where} has no model {model!r}: it lists {names}")
        return found

    def _properties(self) -> dict[str, Any]:
        """Return what llama-server tells about itself; other servers tell nothing."""
        try:
            return self._get(str(self._url).removesuffix("/v1") + "/props")
        except ModelError:
            return {}

    def _get(self, url: str) -> dict[str, Any]:
        patience = Patience(self._patience_s)
        try:
            while (response := self._client.get(url, timeout=_CONNECT_SECONDS)).status_code != httpx.codes.OK:
                refusal = Refusal.of(response, self._where)
                if not patience.wait(refusal):
                    raise refusal.error()
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        return json_of(response, self._where)

    def _unreachable(self, error: Exception) -> ModelError:
        why = " ".join(str(error).split()) or type(error).__name__
        return ModelError(f"no answer from the server at {self._where} ({why}): start it or correct the address")


def _take(event: dict[str, Any], reply: StreamedReply) -> None:
    usage = event.get("usage")
    if isinstance(usage, dict):
        reply.prompt_tokens = int(usage.get("prompt_tokens") or 0)
        reply.generated_tokens = int(usage.get("completion_tokens") or 0)
    for choice in event.get("choices") or ():
        delta = choice.get("delta") or choice.get("message") or {}
        reply.add(delta.get("reasoning_content") or delta.get("reasoning") or "", delta.get("content") or "")
        reply.finish = choice.get("finish_reason") or reply.finish


def _forms(request: Request) -> dict[str, Any]:
    """Return the options that are only sent when they were asked for, as servers differ in what they know."""
    forms: dict[str, Any] = {"stop": list(request.stop)} if request.stop else {}
    if request.json_schema:
        schema = {"name": "answer", "strict": True, "schema": json.loads(request.json_schema)}
        forms["response_format"] = {"type": "json_schema", "json_schema": schema}
    if request.grammar:
        forms["grammar"] = request.grammar
    penalties = {name: getattr(request, name) for name in ("presence_penalty", "frequency_penalty")}
    return forms | {name: value for name, value in penalties.items() if value}


def _approximate(text: str) -> int:
    return ceil(len(text) / _CHARACTERS_PER_TOKEN)


def _context_of(entry: dict[str, Any], properties: dict[str, Any]) -> int:
    """Return the context that llama-server or vLLM states, or 0."""
    settings = properties.get("default_generation_settings")
    stated = settings.get("n_ctx") if isinstance(settings, dict) else entry.get("max_model_len")
    return stated if isinstance(stated, int) else 0
