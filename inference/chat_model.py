"""`ChatAtlas`: a model of ours as LangChain's `BaseChatModel`, for chains, agents and graphs of other people.

Streaming, stop texts, usage, tools, and structured output that a grammar enforces while the text is written. `abatch`
hands the model all its prompts as one batch. They decode together, and share their common prefix, only in a model that
is wide enough, such as `GgufModel(path, width=0)`; its default width of 1 decodes one after another, reproducibly.

Limits: text only; a model without grammars (`json_schema` is then ignored by it) is only asked for the form, not held
to it; logprobs are not offered. A stream with tools holds a call back until it is whole.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from operator import itemgetter
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.output_parsers import BaseOutputParser, JsonOutputParser, PydanticOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig, RunnableMap, RunnablePassthrough
from langchain_core.runnables.config import get_config_list
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import ConfigDict, Field

from inference.base import Completion, Request, Thinking
from inference.chat_messages import call_schema, to_ai_message, to_messages
from inference.chat_stream import Asked, Reading, adeltas, deltas
from inference.gathering import Gathering, Place

_place: ContextVar[Place | None] = ContextVar("atlas_place", default=None)


_OPTIONS = ("max_tokens", "thinking_tokens", "temperature", "top_p", "top_k", "min_p", "seed")


class ChatAtlas(BaseChatModel):
    """A chat model over any `inference.base.Model`; `GgufModel` gives all of it."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    atlas: Any = Field(exclude=True, repr=False)
    """The model; it stays yours to close."""
    max_tokens: int = 1024
    """Most tokens of an answer, thinking apart."""
    thinking_tokens: int = 0
    """Cap on thinking; 0 answers at once."""
    temperature: float = 0.7
    top_p: float = 0.95
    top_k: int = 40
    min_p: float = 0.0
    seed: int | None = None
    """None draws one for each request."""
    stop: list[str] | None = None
    timeout: float | None = None
    """Seconds after which an answer is returned as far as it got."""

    @property
    def _llm_type(self) -> str:
        return "atlas"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        own = self.model_dump(include={*_OPTIONS, "stop"})
        return {"model": self.atlas.name, "fingerprint": self.atlas.fingerprint, **own}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"], params["ls_model_name"] = "atlas", kwargs.get("model", self.atlas.name)
        return params

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Return the length in tokens of a conversation, as the model's own template renders it."""
        offered = [convert_to_openai_tool(tool) for tool in tools or ()]
        return int(self.atlas.count_tokens(to_messages(messages, offered)))

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer tools; `tool_choice` may be `auto`, `none`, `any` (or True, `required`), or the name of one."""
        offered = [convert_to_openai_tool(tool) for tool in tools]
        return self.bind(tools=offered, tool_choice=_choice(tool_choice), **kwargs)

    def with_structured_output(
        self, schema: dict[str, Any] | type, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """Return a chain whose answers fit a schema, enforced by a grammar; `method` and `strict` change nothing."""
        unknown = kwargs.keys() - {"method", "strict", "ls_structured_output_format"}
        if unknown:
            raise ValueError(f"with_structured_output knows no {', '.join(sorted(unknown))}")
        wanted = convert_to_json_schema(schema)
        model = self.bind(
            json_schema=json.dumps(wanted),
            ls_structured_output_format={"kwargs": {"method": "json_schema"}, "schema": wanted},
        )
        if isinstance(schema, type) and is_basemodel_subclass(schema):
            parser: BaseOutputParser[Any] = PydanticOutputParser(pydantic_object=schema)
        else:
            parser = JsonOutputParser()
        if not include_raw:
            return model | parser
        parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
        failed = RunnablePassthrough.assign(parsed=lambda _: None)
        return RunnableMap(raw=model) | parsed.with_fallbacks([failed], exception_key="parsing_error")

    async def abatch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """Answer several prompts as one batch of the model; with `max_concurrency` below their number, in turns.

        A `GgufModel` decodes them together only where its width is not 1: `GgufModel(path, width=0)`.
        """
        configs = get_config_list(config, len(inputs))
        at_once = configs[0].get("max_concurrency") if configs else None
        if at_once is not None and at_once < len(inputs):
            return await super().abatch(inputs, config, return_exceptions=return_exceptions, **kwargs)
        gathering = Gathering(len(inputs), self._complete_many)

        async def one(prompt: LanguageModelInput, its: RunnableConfig) -> AIMessage:
            place = gathering.place()
            _place.set(place)
            try:
                return await self.ainvoke(prompt, its, **kwargs)
            finally:
                place.leave()

        try:
            answers = (one(prompt, its) for prompt, its in zip(inputs, configs, strict=True))
            return await asyncio.gather(*answers, return_exceptions=return_exceptions)  # type: ignore[return-value]
        finally:
            gathering.close()

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        asked = self._ask(messages, stop, kwargs)
        (done,) = self.atlas.complete_many([asked.request], deadline=asked.deadline)
        return self._result(done, asked)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        asked = self._ask(messages, stop, kwargs)
        place = _place.get()
        gathering = place.take() if place is not None else None
        if gathering is not None:
            return self._result(await gathering.ask(asked.request), asked)
        (done,) = await self._complete_many([asked.request])
        return self._result(done, asked)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        asked = self._ask(messages, stop, kwargs)
        reading = Reading(asked, self.atlas.name)
        for delta in deltas(self.atlas, asked):
            for chunk in reading.add(delta):
                if run_manager is not None:
                    run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        asked = self._ask(messages, stop, kwargs)
        reading = Reading(asked, self.atlas.name)
        async for delta in adeltas(self.atlas, asked):
            for chunk in reading.add(delta):
                if run_manager is not None:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    async def _complete_many(self, requests: Sequence[Request]) -> tuple[Completion, ...]:
        """Ask the model once for all; a model without an async way of its own runs in a thread."""
        if hasattr(self.atlas, "acomplete_many"):
            return tuple(await self.atlas.acomplete_many(requests, deadline=self._deadline()))
        return tuple(await asyncio.to_thread(self.atlas.complete_many, requests, deadline=self._deadline()))

    def _result(self, done: Completion, asked: Asked) -> ChatResult:
        message = to_ai_message(done, self.atlas.name, tools=asked.tools, demanded=asked.demanded)
        return ChatResult(generations=[ChatGeneration(message=message, generation_info=message.response_metadata)])

    def _deadline(self) -> float | None:
        return None if self.timeout is None else time.monotonic() + self.timeout

    def _ask(self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]) -> Asked:
        """Turn a call into a request; call options win over the model's fields.

        Raises:
            ValueError: an option is unknown, or a message is no text.
        """
        given = dict(options)
        tools, choice = given.pop("tools", None) or (), given.pop("tool_choice", None) or "auto"
        schema = given.pop("json_schema", "")
        demanded = bool(tools) and choice not in ("auto", "none")
        if demanded:
            schema = json.dumps(call_schema(tools, choice))
        values = {name: given.pop(name, getattr(self, name)) for name in _OPTIONS}
        grammar = given.pop("grammar", "")
        if given:
            raise ValueError(f"ChatAtlas knows no option {', '.join(sorted(given))}; it knows {', '.join(_OPTIONS)}")
        thinking, seed = values.pop("thinking_tokens"), values.pop("seed")
        request = Request(
            messages=to_messages(messages, () if choice == "none" else tools),
            thinking=Thinking(at_most=thinking if self.atlas.can_think else 0),
            seed=random.getrandbits(31) if seed is None else seed,
            stop=tuple(stop or self.stop or ()),
            json_schema=schema,
            grammar=grammar,
            confidence=True,
            **values,
        )
        offered = bool(tools) and choice != "none"
        return Asked(request=request, tools=offered, demanded=demanded, deadline=self._deadline())


def _choice(choice: str | dict[str, Any] | bool | None) -> str:
    """Return `auto`, `none`, `any` or the name of a tool, whatever dialect was used."""
    if isinstance(choice, dict):
        return str(choice.get("function", choice).get("name", "any"))
    if isinstance(choice, str):
        return "any" if choice == "required" else choice
    return "any" if choice else "auto"
