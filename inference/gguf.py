"""`GgufModel`: a GGUF file in this process, through llama.cpp's C interface (`inference/llama.py`).

Chat template, control tokens and thinking marks come from the file. Budget forcing replaces tokens before they are fed,
so thinking and answer share one cache (`inference/forcing.py`, `inference/decoding.py`).

Reproducible: the same request gives the same text in any process and after any other request, on one machine with one
build and one thread count. For that the prompt is read in fixed segments, and only whole segments that a former prompt
read in the same way are reused; that costs at most one segment of reuse per request.

Limits: requests are decoded one after another, others wait for the lock. Cancellation acts between tokens and between
prompt segments. A file made to attack llama.cpp's parser is not stopped (`inference/gguf_file.py` says what is).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from inference.base import Completion, ContextOverflowError, Message, ModelError, Profile, Request, Stop, Thinking
from inference.chat_template import CHATML, ChatTemplate, chunks, special_pattern
from inference.decoding import Limits, Writer
from inference.forcing import BLANK, HAND_OVER, WAIT, ThinkingBudget, ThinkingMarks, share_room
from inference.gguf_file import GgufHeader, read_header
from inference.llama import LlamaContext
from inference.thinking import MARKS

_MOST_DEFAULT_CONTEXT = 16_384
_LEAST_ROOM = 16
_MOST_CHARACTERS_PER_TOKEN = 256
_CPU_SEGMENT, _GPU_SEGMENT = 128, 512
_LOCK_POLL_SECONDS = 0.05
_UNKNOWN, _CONTROL, _USER_DEFINED = 2, 3, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A request whose prompt is tokenised and whose limits fit the context."""

    request: Request
    prompt: tuple[int, ...]
    thinking: Thinking
    max_tokens: int
    opened: bool
    """The prompt ends inside a thinking block."""


class GgufModel:
    """A `Model` over one GGUF file."""

    def __init__(
        self,
        path: Path | str,
        *,
        context_tokens: int | None = None,
        gpu_layers: int = -1,
        threads: int | None = None,
        template_source: str | None = None,
    ) -> None:
        """Check the file, load it, and read its chat template and thinking marks.

        Args:
            path: the model file.
            context_tokens: prompt and answer together; never more than the model was trained for, 16 384 at most when
                not given.
            gpu_layers: layers on the GPU, -1 for all; without a GPU build the number is ignored.
            threads: threads for prompts and answers; all cores but one when not given, which leaves one to sandboxes.
            template_source: a Jinja chat template instead of the file's own.

        Raises:
            ModelError: the file is unusable, llama.cpp refuses it, or memory does not suffice.
        """
        path = Path(path)
        header = read_header(path)
        trained = header.context_length or _MOST_DEFAULT_CONTEXT
        self.context_tokens = min(trained, context_tokens or _MOST_DEFAULT_CONTEXT)
        self.name = header.text("general.name") or path.stem
        self.fingerprint = header.fingerprint
        self.profile: Profile = "compact" if header.text("atlas.prompt_profile") == "compact" else "full"
        self.notice = header.text("atlas.notice")
        self._segment = _GPU_SEGMENT if LlamaContext.uses_gpu(gpu_layers) else _CPU_SEGMENT
        self._llama = LlamaContext(
            path,
            context_tokens=self.context_tokens,
            segment=self._segment,
            gpu_layers=gpu_layers,
            threads=threads or max(1, len(os.sched_getaffinity(0)) - 1),
        )
        self._template = ChatTemplate(
            template_source or header.text("tokenizer.chat_template") or CHATML,
            bos=_token_text(header, "tokenizer.ggml.bos_token_id"),
            eos=_token_text(header, "tokenizer.ggml.eos_token_id"),
        )
        specials = _special_texts(header)
        self._special = special_pattern(specials)
        self._marks = self._find_marks(specials, header.text("atlas.hand_over", HAND_OVER))
        self._read: list[tuple[int, ...]] = []
        self._lock = threading.Lock()
        self._vocabulary_lock = threading.Lock()
        self._closed = False

    @property
    def can_think(self) -> bool:
        """Whether the template knows the model's thinking marks."""
        return self._marks is not None and any(end in self._template.source for _, end in MARKS)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the length in tokens of the rendered conversation, thinking off."""
        return len(self._prompt(messages, Thinking()))

    def complete_many(
        self,
        requests: Sequence[Request],
        *,
        deadline: float | None = None,
        cancelled: Callable[[], bool] | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> tuple[Completion, ...]:
        """Return one completion per request, in order; they are decoded one after another.

        Tokens are counted as fed: a token that ends the text is in no count. When prompt and budget together exceed
        the context, thinking and answer shrink in proportion and the stop reason is `length` if that was felt.

        Raises:
            ContextOverflowError: a prompt leaves no room for an answer; nothing has been decoded then.
            ModelError: llama.cpp failed, the chat template failed, or the model is closed.
        """
        prepared = [self._prepare(request) for request in requests]
        limits = Limits(deadline=deadline, cancelled=cancelled)
        completions: list[Completion] = []
        with self._turn(limits) as stop:
            for index, job in enumerate(prepared):
                if stop is not None:
                    completions.append(Completion(text="", prompt_tokens=len(job.prompt), stop=stop))
                    continue
                progress = (lambda tokens, at=index: on_progress(at, tokens)) if on_progress else None
                completions.append(self._complete(job, limits, progress))
        return tuple(completions)

    def close(self) -> None:
        """Free the weights; waits for a running completion."""
        with self._lock, self._vocabulary_lock:
            self._closed = True
            self._llama.close()

    @contextmanager
    def _turn(self, limits: Limits) -> Iterator[Stop | None]:
        """Wait for the context; yield why not when a limit was reached first."""
        stop: Stop | None = None
        while not (mine := self._lock.acquire(timeout=_LOCK_POLL_SECONDS)) and stop is None:
            stop = limits.reached()
        try:
            self._check_open()
            yield stop
        finally:
            if mine:
                self._lock.release()

    def _complete(self, job: _Prepared, limits: Limits, progress: Callable[[int], None] | None) -> Completion:
        started = time.monotonic()
        budget = ThinkingBudget(self._marks, job.thinking, opened=job.opened)
        banned = (self._marks.start,) if self._marks is not None and job.thinking.at_most == 0 else ()
        stop = self._read_prompt(job.prompt, limits)
        if stop is not None:
            done = Completion(text="", stop=stop)
        else:
            with self._llama.sampling(job.request, banned):
                writer = Writer(self._llama, budget, max_tokens=job.max_tokens, stops=job.request.stop, limits=limits)
                done = writer.write(progress)
        return replace(done, prompt_tokens=len(job.prompt), seconds=time.monotonic() - started)

    def _read_prompt(self, prompt: tuple[int, ...], limits: Limits) -> Stop | None:
        """Bring the prompt into the cache, reusing the segments it shares with the last one; stop when a limit says."""
        segments = _segments(prompt, self._segment)
        shared = 0
        while shared < min(len(self._read), len(segments) - 1) and self._read[shared] == segments[shared]:
            shared += 1
        kept = sum(map(len, segments[:shared]))
        if not self._llama.keep(kept):
            shared = 0
        self._read = segments[:shared]
        for segment in segments[shared:]:
            if (stop := limits.reached()) is not None:
                return stop
            self._llama.feed(segment)
            self._read.append(segment)
        return None

    def _prepare(self, request: Request) -> _Prepared:
        thinking = request.thinking if self._marks is not None and self._marks.act_on(request.thinking) else Thinking()
        prompt = self._prompt(request.messages, thinking)
        room = self.context_tokens - len(prompt)
        if room < min(_LEAST_ROOM, request.max_tokens):
            raise self._overflow(str(len(prompt)))
        clipped, max_tokens = share_room(thinking, request.max_tokens, room)
        if self._marks is not None and thinking.at_most and not self._marks.act_on(clipped):
            return self._prepare(replace(request, thinking=Thinking()))
        return _Prepared(
            request=request,
            prompt=prompt,
            thinking=clipped,
            max_tokens=max_tokens,
            opened=self._ends_thinking(prompt),
        )

    def _prompt(self, messages: Sequence[Message], thinking: Thinking) -> tuple[int, ...]:
        """Render and tokenise; without thinking, a block that the template opens all the same is closed."""
        most = self.context_tokens * _MOST_CHARACTERS_PER_TOKEN
        if sum(len(message.content) for message in messages) > most:
            raise self._overflow(f"more than {self.context_tokens}")
        pieces = self._template.pieces(messages, thinking=thinking.at_most > 0)
        tokens = [token for text in chunks(pieces, self._special) for token in self._tokenise(text)]
        first = self._llama.first_token
        if first and tuple(tokens[:1]) != first:
            tokens = [*first, *tokens]
        if self._marks is not None and thinking.at_most == 0 and self._ends_thinking(tokens):
            tokens += self._marks.close
        return tuple(tokens)

    def _ends_thinking(self, tokens: Sequence[int]) -> bool:
        if self._marks is None:
            return False
        marks = [token for token in tokens if token in (self._marks.start, self._marks.end)]
        return bool(marks) and marks[-1] == self._marks.start

    def _tokenise(self, text: str) -> list[int]:
        with self._vocabulary_lock:
            self._check_open()
            return self._llama.tokenise(text)

    def _check_open(self) -> None:
        if self._closed:
            raise ModelError(f"{self.name} is closed: open the model again")

    def _overflow(self, length: str) -> ContextOverflowError:
        return ContextOverflowError(
            f"the prompt has {length} tokens, {self.name} holds {self.context_tokens} with the answer: "
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


def _segments(prompt: tuple[int, ...], length: int) -> list[tuple[int, ...]]:
    """Cut a prompt into segments at fixed places; its last token stands alone, so that its row is always computed."""
    head, last = prompt[:-1], prompt[-1:]
    return [*(head[at : at + length] for at in range(0, len(head), length)), last]


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
