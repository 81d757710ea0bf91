"""`LangChainModel`: any LangChain chat model as a `Model`, and `chat_llama_cpp`, langchain-community's llama.cpp model.

Replies are streamed where the chat model can stream, so that a deadline or a cancellation keeps what was written; with
others both act between requests only.

Several texts of one prompt are several calls, one after another. Lost against `GgufModel`: budget forcing (a reply that
thinks beyond its cap is given up and asked for again with thinking off, if it is known how to turn it off; there is no
minimum), confidence (always None), grammars (refused), and every sampling control that the chat model has no option
for: `controls` names those it has, the others are not sent. `notice` says so to a person. Whether a seed acts is the
client's affair.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage

from inference.base import Completion, Message, ModelError, Profile, Request, Thinking
from inference.decoding import Limits
from inference.gguf_file import read_header
from inference.llama import load_library
from inference.scripted import approximate_tokens
from inference.streamed import StreamedReply, joined, refuse_forms
from inference.thinking import marks_in

STANDARD_CONTROLS = ("max_tokens", "temperature", "top_p", "seed")
LLAMA_CPP_CONTROLS = (*STANDARD_CONTROLS, "top_k", "min_p")
ALL_CONTROLS = (*LLAMA_CPP_CONTROLS, "repeat_penalty", "presence_penalty", "frequency_penalty")

_KINDS: Mapping[str, type[BaseMessage]] = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTraits:
    """What is known of the model behind a client; the defaults suit an unknown one."""

    profile: Profile = "full"
    notice: str = ""
    can_think: bool = True
    controls: tuple[str, ...] = STANDARD_CONTROLS
    """Fields of a request that the client takes as call options of the same name."""
    without_thinking: Mapping[str, Any] = field(default_factory=dict)
    """Call options that turn thinking off; without any, a reply that thinks beyond its cap has no answer."""
    count_text: Callable[[str], int] = approximate_tokens
    """Measures a text in tokens where the client reports no usage."""
    fingerprint: str = ""
    """Names the weights; made from the client's class and the name when empty."""
    serial: bool = False
    """The client must be used by one thread at a time."""


class LangChainModel:
    """A `Model` over a LangChain chat model."""

    def __init__(
        self, chat_model: BaseChatModel, *, name: str, context_tokens: int, traits: ChatTraits | None = None
    ) -> None:
        """Wrap a chat model; its own options stay in force where a request sets nothing."""
        traits = traits or ChatTraits()
        self._chat: BaseChatModel | None = chat_model
        self._traits = traits
        self._turn = threading.Lock() if traits.serial else nullcontext()
        self.name = name
        self.context_tokens = context_tokens
        self.profile: Profile = traits.profile
        self.notice = _notice(name, traits)
        self.can_think = traits.can_think
        identity = f"{type(chat_model).__qualname__}\0{name}"
        self.fingerprint = traits.fingerprint or "langchain:" + sha256(identity.encode()).hexdigest()

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the tokens of the contents, and four for each message's frame."""
        return sum(4 + self._traits.count_text(message.content) for message in messages)

    def complete_many(
        self,
        requests: Sequence[Request],
        *,
        deadline: float | None = None,
        cancelled: Callable[[], bool] | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> tuple[Completion, ...]:
        """Return one completion per request, asked for one after another.

        Raises:
            ModelError: the client failed, whatever it raised; a grammar was asked for; or the model is closed.
        """
        for request in requests:
            refuse_forms(request, self.name)
        limits = Limits(deadline=deadline, cancelled=cancelled)
        completions: list[Completion] = []
        for index, request in enumerate(requests):
            progress = (lambda tokens, at=index: on_progress(at, tokens)) if on_progress else None
            with self._turn:
                completions.append(self._complete(request, limits, progress))
        return tuple(completions)

    def close(self) -> None:
        """Let go of the client."""
        self._chat = None

    def _complete(self, request: Request, limits: Limits, progress: Callable[[int], None] | None) -> Completion:
        started = time.monotonic()
        reply = self._listen(request, limits, progress)
        done = reply.completion(self._traits.count_text)
        if reply.left == "length" and self._traits.without_thinking:
            quick = self._listen(replace(request, thinking=Thinking()), limits, progress)
            done = joined(done, quick.completion(self._traits.count_text))
        prompt_tokens = done.prompt_tokens or self.count_tokens(request.messages)
        return replace(done, prompt_tokens=prompt_tokens, seconds=time.monotonic() - started)

    def _listen(self, request: Request, limits: Limits, progress: Callable[[int], None] | None) -> StreamedReply:
        reply = StreamedReply()
        if (stop := limits.reached()) is not None:
            reply.left = stop
            return reply
        with _OneLine(self.name):
            for chunk in self._chunks(request):
                _take(chunk, reply)
                if progress is not None:
                    progress(reply.parts)
                reply.left = limits.reached() or reply.over_cap(request.thinking)
                if reply.left is not None:
                    break
        return reply

    def _chunks(self, request: Request) -> Iterator[AIMessageChunk]:
        if self._chat is None:
            raise ModelError(f"{self.name} is closed: open the model again")
        messages = [_KINDS[message.role](message.content) for message in request.messages]
        options = {control: getattr(request, control) for control in self._traits.controls}
        if "max_tokens" in options:
            options["max_tokens"] += request.thinking.at_most
        if request.thinking.at_most == 0:
            options |= self._traits.without_thinking
        return self._chat.stream(messages, stop=list(request.stop) or None, **options)


def _notice(name: str, traits: ChatTraits) -> str:
    """Return what a person should know of the model, and what is lost by the way it is reached."""
    lost = ["confidence", "a minimum of thinking", "grammars"]
    if traits.can_think and not traits.without_thinking:
        lost.append("an answer after too much thinking")
    lost += [control for control in ALL_CONTROLS if control not in traits.controls]
    reached = f"{name} is reached through LangChain: each program is a call of its own, one after another"
    return "; ".join(filter(None, (traits.notice, f"{reached}, without {', '.join(lost)}")))


class _OneLine:
    """Turns whatever a client raises into one line.

    Clients have exception classes of their own, often below `Exception` itself, and the list has no end: at this one
    border every error is the client's, since nothing else runs inside.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, ModelError):
            why = " ".join(str(error).split())[:200]
            raise ModelError(
                f"{self._name} failed ({type(error).__name__}: {why}): see the client's own advice"
            ) from error


def chat_llama_cpp(
    path: Path | str, *, context_tokens: int = 8_192, threads: int | None = None, gpu_layers: int = 0
) -> LangChainModel:
    """Open a GGUF file with langchain-community's ChatLlamaCpp; `GgufModel` does more with the same file.

    Its token texts in a prompt are not guarded: `<|im_end|>` in a problem statement ends the user's turn.

    Raises:
        ModelError: the file is unusable, a package is missing, or llama.cpp refuses the file.
    """
    path = Path(path)
    header = read_header(path)
    name = header.text("general.name") or path.stem
    context = min(context_tokens, header.context_length or context_tokens)
    load_library()
    with _OneLine(name):
        chat = _chat_llama_cpp_class()(
            model_path=str(path),
            n_ctx=context,
            n_batch=min(512, context),
            n_gpu_layers=gpu_layers,
            streaming=True,
            verbose=False,
            repeat_penalty=1.0,
            model_kwargs={"n_threads": threads, "n_threads_batch": threads} if threads else {},
        )
    return LangChainModel(
        chat,
        name=name,
        context_tokens=context,
        traits=ChatTraits(
            profile="compact" if header.text("atlas.prompt_profile") == "compact" else "full",
            notice=header.text("atlas.notice"),
            can_think=marks_in(header.text("tokenizer.chat_template")) is not None,
            controls=LLAMA_CPP_CONTROLS,
            count_text=lambda text: len(chat.client.tokenize(text.encode("utf-8", "replace"), add_bos=False)),
            fingerprint=header.fingerprint,
            serial=True,
        ),
    )


def _chat_llama_cpp_class() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`langchain-community` is being sunset", DeprecationWarning)
        from langchain_community.chat_models.llamacpp import ChatLlamaCpp
    return ChatLlamaCpp


def _take(chunk: AIMessageChunk, reply: StreamedReply) -> None:
    reasoning = "".join(
        str(block.get("reasoning", "")) for block in chunk.content_blocks if block["type"] == "reasoning"
    )
    reply.add(reasoning, str(chunk.text))
    reply.finish = str(chunk.response_metadata.get("finish_reason") or reply.finish)
    if chunk.usage_metadata is not None:
        reply.prompt_tokens = max(reply.prompt_tokens, chunk.usage_metadata["input_tokens"])
        reply.generated_tokens = (reply.generated_tokens or 0) + chunk.usage_metadata["output_tokens"]
