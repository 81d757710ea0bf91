"""From a request to the tokens of its prompt, by the model file's template, control tokens and thinking marks."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from inference.base import ContextOverflowError, Message, ModelError, Request, RequestRefusedError, Thinking
from inference.chat_template import CHATML, ChatTemplate, chunks, special_pattern
from inference.forcing import BLANK, HAND_OVER, WAIT, ThinkingMarks, share_room
from inference.gguf_file import GgufHeader
from inference.llama import LlamaContext
from inference.thinking import MARKS

_LEAST_ROOM = 16
_MOST_CHARACTERS_PER_TOKEN = 256
_UNKNOWN, _CONTROL, _USER_DEFINED = 2, 3, 4

NO_TEMPLATE = "the model file has no chat template: ChatML is used, which it may not have been trained on"
ENDLESS = (
    "replies end with {0}, which the model file does not list as an end of text: they may run on to their limit; take "
    "another file of this model"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A request whose prompt is tokenised and whose limits fit the context."""

    request: Request
    prompt: tuple[int, ...]
    thinking: Thinking
    max_tokens: int
    opened: bool
    """The prompt ends inside a thinking block."""
    opening: str = ""
    """What the answer begins with: the end of the prompt."""

    @property
    def most_tokens(self) -> int:
        """Prompt, thinking and answer together."""
        return len(self.prompt) + self.thinking.at_most + self.max_tokens


class PromptTokens:
    """Renders and tokenises the conversations of one model; safe for several threads."""

    def __init__(self, llama: LlamaContext, header: GgufHeader, *, template_source: str | None, context: int) -> None:
        """Read the template and look for thinking marks.

        Raises:
            ModelError: the template is no template.
        """
        self._llama = llama
        self._context = context
        self._name = header.text("general.name") or "the model"
        source = template_source or header.text("tokenizer.chat_template")
        self._own_template = bool(source)
        self._template = ChatTemplate(
            source or CHATML,
            bos=_token_text(header, "tokenizer.ggml.bos_token_id"),
            eos=_token_text(header, "tokenizer.ggml.eos_token_id"),
        )
        specials = _special_texts(header)
        self._special = special_pattern(specials)
        self._lock = threading.Lock()
        self._closed = False
        # Read once, as a model that was closed has no vocabulary to ask.
        self._first_token, self._fill_marks = llama.first_token, llama.fill_marks
        self.marks = self._find_marks(specials, header.text("atlas.hand_over", HAND_OVER))

    @property
    def template(self) -> str:
        """Source of the chat template."""
        return self._template.source

    @property
    def can_think(self) -> bool:
        """Whether the template knows the model's thinking marks."""
        return self.marks is not None and any(end in self._template.source for _, end in MARKS)

    @property
    def notice(self) -> str:
        """What a person should know of the model's template; empty where all is well."""
        own = "" if self._own_template else NO_TEMPLATE
        try:
            between = self._template.after_reply()
        except ModelError as error:
            return "; ".join(filter(None, (own, str(error))))
        mark = self._special.match(between.lstrip()) if self._special else None
        token = self._tokenise(mark[0]) if mark else []
        ends = not mark or any(self._llama.ends_text(one) for one in token)
        return "; ".join(filter(None, (own, "" if ends or not mark else ENDLESS.format(mark[0]))))

    def prepare(self, request: Request) -> Prepared:
        """Return a request ready for the engine; when prompt and budget exceed the context, the budget shrinks.

        Raises:
            ContextOverflowError: the prompt leaves no room for an answer.
            RequestRefusedError: the model was not trained to fill in the middle.
            ModelError: the template fails, or the model is closed.
        """
        bare = bool(request.prompt or request.suffix)
        wanted = Thinking() if bare else request.thinking
        thinking = wanted if self.marks is not None and self.marks.act_on(wanted) else Thinking()
        prompt = self._bare(request) if bare else self.tokens(request.messages, thinking)
        # Before it thinks, a model would take the beginning of its answer for its whole thinking.
        opening = "" if bare or thinking.at_most else request.opening
        prompt += tuple(self._tokenise(opening)) if opening else ()
        room = self._context - len(prompt)
        if room < min(_LEAST_ROOM, request.max_tokens):
            raise self._overflow(str(len(prompt)))
        clipped, max_tokens = share_room(thinking, request.max_tokens, room)
        if self.marks is not None and thinking.at_most and not self.marks.act_on(clipped):
            return self.prepare(replace(request, thinking=Thinking()))
        return Prepared(
            request=request,
            prompt=prompt,
            thinking=clipped,
            max_tokens=max_tokens,
            opened=self._ends_thinking(prompt),
            opening=opening,
        )

    def tokens(self, messages: Sequence[Message], thinking: Thinking) -> tuple[int, ...]:
        """Render and tokenise; without thinking, a block that the template opens all the same is closed."""
        most = self._context * _MOST_CHARACTERS_PER_TOKEN
        if sum(len(message.content) for message in messages) > most:
            raise self._overflow(f"more than {self._context}")
        pieces = self._template.pieces(messages, thinking=thinking.at_most > 0)
        tokens = self._begun([token for text in chunks(pieces, self._special) for token in self._tokenise(text)])
        if self.marks is not None and thinking.at_most == 0 and self._ends_thinking(tokens):
            tokens += self.marks.close
        return tuple(tokens)

    def _bare(self, request: Request) -> tuple[int, ...]:
        if len(request.prompt) + len(request.suffix) > self._context * _MOST_CHARACTERS_PER_TOKEN:
            raise self._overflow(f"more than {self._context}")
        if not request.suffix:
            return tuple(self._begun(self._tokenise(request.prompt)))
        if not self._fill_marks:
            raise RequestRefusedError(f"{self._name} does not fill in the middle: leave the suffix out")
        before, after, middle = self._fill_marks
        return (before, *self._tokenise(request.prompt), after, *self._tokenise(request.suffix), middle)

    def _begun(self, tokens: list[int]) -> list[int]:
        """Put the token before a prompt that the model wants at the head of every text."""
        first = self._first_token
        return tokens if tuple(tokens[: len(first)]) == first else [*first, *tokens]

    def close(self) -> None:
        """Refuse further requests; returns when nobody tokenises any more."""
        with self._lock:
            self._closed = True

    def _ends_thinking(self, tokens: Sequence[int]) -> bool:
        if self.marks is None:
            return False
        marks = [token for token in tokens if token in (self.marks.start, self.marks.end)]
        return bool(marks) and marks[-1] == self.marks.start

    def _tokenise(self, text: str) -> list[int]:
        with self._lock:
            if self._closed:
                raise ModelError(f"{self._name} is closed: open the model again")
            return self._llama.tokenise(text)

    def _overflow(self, length: str) -> ContextOverflowError:
        return ContextOverflowError(
            f"the prompt has {length} tokens, {self._name} holds {self._context} with the answer: "
            "shorten the problem or raise context_tokens"
        )

    def _find_marks(self, specials: Sequence[str], hand_over: str) -> ThinkingMarks | None:
        """Return the first known pair of marks that the vocabulary holds as single tokens."""
        pair = next((pair for pair in MARKS if set(pair) <= set(specials)), None)
        if pair is None:
            return None
        start, end = (self._llama.tokenise(mark) for mark in pair)
        if len(start) != 1 or len(end) != 1:
            return None
        return ThinkingMarks(
            start=start[0],
            end=end[0],
            opening=tuple(self._llama.tokenise(f"{pair[0]}\n")),
            wait=tuple(self._llama.tokenise(WAIT)),
            close=tuple(self._llama.tokenise(f"{pair[1]}{BLANK}")),
            hand_over=tuple(self._llama.tokenise(f"{hand_over}\n{pair[1]}{BLANK}")),
        )


def _special_texts(header: GgufHeader) -> tuple[str, ...]:
    """Return the token texts that must not arise from a user's text: control tokens, and user-defined `<...>` marks."""
    texts: list[str] = []
    for token, kind in zip(header.tokens, header.token_types, strict=False):
        text = token.decode("utf-8", "replace")
        marked = text[:1] in {"<", "["} and text[-1:] in {">", "]"} and len(text) > 2
        if kind in {_UNKNOWN, _CONTROL} or (kind == _USER_DEFINED and marked):
            texts.append(text)
    return tuple(texts)


def _token_text(header: GgufHeader, key: str) -> str:
    token = header.number(key, -1)
    return header.tokens[token].decode("utf-8", "replace") if 0 <= token < len(header.tokens) else ""
