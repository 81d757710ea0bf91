"""The requests of OpenAI's interface, as far as they are read here.

Fields that clients send and that change no answer (`user`, `store`, `parallel_tool_calls`, what a vendor added) are
accepted and not read. Fields that would change the answer and cannot be heeded are refused by `cli/serving/asking.py`
and `cli/serving/unheeded.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cli.serving.errors import bad_request

_MOST_N = 16
_TOKENS = Annotated[int, Field(ge=-1, le=1_000_000)]
"""-1 is no limit but the context's, as llama-server and LM Studio read it."""

ModelName = Annotated[
    str,
    Field(
        max_length=200,
        description="A search, or `raw` for the bare model; `GET /v1/models` says more.",
        json_schema_extra={"enum": ["atlas", "atlas-fast", "atlas-thorough", "raw"]},
    ),
]
"""Any text is read, so that a name that is unknown is answered with 404."""
Stop = str | Annotated[list[str], Field(max_length=64)] | None
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]


M = TypeVar("M", bound=BaseModel)


def validated(kind: type[M], fields: Mapping[str, Any]) -> M:
    """Return a request that was made of another interface's.

    Raises:
        ApiError: a field has no value that can be read.
    """
    try:
        return kind.model_validate(dict(fields))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise bad_request(f"{where}: {first['msg']}"[:300], param=where[:300] or None, code="invalid_value") from error


class TextPart(BaseModel):
    """A part of a message; the model reads text only."""

    type: str
    text: str | None = None


class CalledFunction(BaseModel):
    """A function that the model called."""

    name: str
    arguments: str = "{}"

    @field_validator("arguments", mode="before")
    @classmethod
    def _an_object(cls, given: object) -> str:
        """Read what clients send for a call without arguments, and refuse what is no object.

        Raises:
            ValueError: the text spells no JSON object.
        """
        text = json.dumps(given) if isinstance(given, dict) else str(given or "").strip() or "{}"
        if not isinstance(json.loads(text), dict):
            raise ValueError("the arguments must be a JSON object")
        return text


class ToolCall(BaseModel):
    """A call that the model made before."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class ChatMessage(BaseModel):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    name: str | None = None


class OfferedFunction(BaseModel):
    """A function that the model may call."""

    name: str = Field(min_length=1, max_length=200)
    description: str | None = None
    parameters: dict[str, Any] | None = None


class OfferedTool(BaseModel):
    """A tool that the model may call."""

    type: Literal["function"]
    function: OfferedFunction


class NamedFunction(BaseModel):
    """The name of a function."""

    name: str


class ToolChoice(BaseModel):
    """The tool that must be called."""

    type: Literal["function"]
    function: NamedFunction


class NamedSchema(BaseModel):
    """The form that an answer must have."""

    model_config = ConfigDict(populate_by_name=True)

    name: str = "answer"
    form: dict[str, Any] | None = Field(None, alias="schema")


class ResponseFormat(BaseModel):
    """How the answer is written."""

    model_config = ConfigDict(populate_by_name=True)

    type: Literal["text", "json_object", "json_schema"]
    json_schema: NamedSchema | None = None
    form: dict[str, Any] | None = Field(
        None, alias="schema", description="With `json_object`: what the object must fit."
    )


class StreamOptions(BaseModel):
    """What a stream tells beside the answer."""

    include_usage: bool | None = None


class Sampled(BaseModel):
    """What requests for text have in common."""

    model_config = ConfigDict(extra="allow")

    model: ModelName
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: _TOKENS | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=-1, le=1_000_000, description="0 and -1 take all tokens.")
    min_p: float | None = Field(None, ge=0, lt=1)
    n: int | None = Field(None, ge=1, le=_MOST_N)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    stop: Stop = None
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    logit_bias: dict[str, float] | None = None
    grammar: str | None = Field(None, max_length=200_000, description="GBNF that the answer must match.")
    json_schema: dict[str, Any] | None = Field(
        None, description="A schema that the answer must fit, as llama-server's."
    )
    guided_json: dict[str, Any] | str | None = Field(None, description="The same, as vLLM's.")
    guided_choice: Annotated[list[str], Field(min_length=1, max_length=1000)] | None = None
    guided_regex: str | None = None
    guided_grammar: str | None = None
    structured_outputs: dict[str, Any] | None = None


class ChatRequest(Sampled):
    """`POST /v1/chat/completions`."""

    messages: list[ChatMessage] = Field(min_length=1, max_length=1000)
    max_completion_tokens: _TOKENS | None = None
    response_format: ResponseFormat | None = None
    tools: list[OfferedTool] | None = Field(None, max_length=200)
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    reasoning_effort: Effort | None = Field(None, description="Share of the cap on thinking that may be used.")
    metadata: dict[str, str] | None = Field(
        None, description="`thread` names the search, so that `atlas resume` goes on with it after a crash."
    )
    chat_template_kwargs: dict[str, Any] | None = Field(None, description="`enable_thinking: false` answers at once.")
    logprobs: bool | None = None
    modalities: list[str] | None = None
    audio: dict[str, Any] | None = None
    functions: list[Any] | None = None


class CompletionRequest(Sampled):
    """`POST /v1/completions`: a text that the bare model continues."""

    prompt: str | Annotated[list[str], Field(min_length=1, max_length=_MOST_N)]
    suffix: str | None = None
    echo: bool | None = None
    best_of: int | None = None
    logprobs: int | None = None


class EmbeddingRequest(BaseModel):
    """`POST /v1/embeddings`."""

    model: ModelName
    input: str | Annotated[list[str], Field(min_length=1, max_length=256)] | list[int] | list[list[int]]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None
