"""A reply that arrives in parts from a back end of which only the text is seen, taken apart into thinking and answer.

Used by both adapters (`inference/openai_server.py`, `inference/langchain.py`). Their budget forcing is coarse: no token
can be replaced, so a reply that thinks beyond its cap is given up and asked for again with thinking off; the tokens of
both tries are counted. There is no minimum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from inference.base import Completion, Request, RequestRefusedError, Stop, Thinking
from inference.thinking import MARKS, split_thinking


@dataclass(slots=True, kw_only=True)
class StreamedReply:
    """What has arrived of one reply so far."""

    reasoning: str = ""
    """Thinking that the back end sends apart from the text."""
    content: str = ""
    """The text, which may hold thinking between marks."""
    finish: str = ""
    """The back end's own word for why it stopped."""
    parts: int = 0
    """Non-empty parts so far; most back ends send one per token."""
    thinking_parts: int = 0
    """Those of the parts that were thinking."""
    prompt_tokens: int = 0
    generated_tokens: int | None = None
    """As the back end counts them, both kinds together; None until it says."""
    left: Stop | None = None
    """Why we stopped listening, if we did."""

    @property
    def is_thinking(self) -> bool:
        """Whether the reply is inside a thinking block."""
        text = self.content.lstrip()
        open_marks = any(text.startswith(start) and end not in text for start, end in MARKS)
        return open_marks or (bool(self.reasoning) and not text)

    def add(self, reasoning: str, content: str) -> None:
        """Append one part of the stream."""
        self.reasoning += reasoning
        self.content += content
        if reasoning or content:
            self.parts += 1
            self.thinking_parts += self.is_thinking

    def over_cap(self, thinking: Thinking) -> Stop | None:
        """Return `length` when the reply is still thinking at its cap."""
        return "length" if self.is_thinking and 0 < thinking.at_most <= self.thinking_parts else None

    def completion(self, count: Callable[[str], int]) -> Completion:
        """Return the reply as a completion; `count` measures texts where the back end gave no token counts."""
        marked, answer = split_thinking(self.content)
        thinking = "\n".join(part for part in (self.reasoning.strip(), marked) if part)
        if self.generated_tokens is None:
            thinking_tokens, tokens = count(thinking), count(answer)
        else:
            whole = len(thinking) + len(answer)
            thinking_tokens = round(self.generated_tokens * len(thinking) / whole) if whole else 0
            tokens = self.generated_tokens - thinking_tokens
        stop: Stop = self.left or ("length" if self.finish in {"length", "max_tokens"} else "end")
        return Completion(
            text=answer,
            thinking=thinking,
            tokens=tokens,
            thinking_tokens=thinking_tokens,
            prompt_tokens=self.prompt_tokens,
            stop=stop,
        )


def joined(first: Completion, second: Completion) -> Completion:
    """Return the answer of a second try with the thinking of the first, and the cost of both."""
    return replace(
        second,
        thinking=first.thinking,
        thinking_tokens=first.spent + second.thinking_tokens,
        prompt_tokens=max(first.prompt_tokens, second.prompt_tokens),
        seconds=first.seconds + second.seconds,
    )


def refuse_forms(request: Request, name: str, *, json_schema: bool = False, grammar: bool = False) -> None:
    """Refuse a form of the answer that a back end cannot hold it to; the arguments say which it can.

    Raises:
        RequestRefusedError: the request has a grammar or a JSON schema that would be ignored, or no messages.
    """
    if request.prompt or request.suffix:
        raise RequestRefusedError(f"{name} cannot continue a bare text: use a GGUF file, or send messages")
    for asked, can, what in ((request.json_schema, json_schema, "JSON schema"), (request.grammar, grammar, "grammar")):
        if asked and not can:
            raise RequestRefusedError(f"{name} cannot hold an answer to a {what}: use a GGUF file, or ask without it")
