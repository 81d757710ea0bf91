"""`GgufModel`: a GGUF file in this process, through the batching engine (`inference/engine.py`) over llama.cpp.

Chat template, control tokens and thinking marks come from the file. Budget forcing replaces tokens before they are fed,
so thinking and answer share one cache (`inference/forcing.py`, `inference/decoding.py`).

What a seed promises depends on the width:

- `width=1`, the default: texts are decoded one at a time, and the same request gives the same text in any process and
  after any other request, on one machine with one build and one thread count. For that the prompt is read in fixed
  segments, and only what a former prompt read in the same passes is reused.
- any other width: the same requests in the same order into a new engine give the same texts. Beside other work a batch
  has other rows, sums are rounded otherwise, and a text may part from its twin at a near tie: each token is still drawn
  from the model's distribution, but the seed does not name the text. `LOG.md` has how often. Whether sequences share
  their cells was measured on the machine, and rounds otherwise as well. `width=0` also measures how many texts are
  decoded together. To have a run again, replay it from a recording: `atlas bench` and `atlas ablate` keep every
  completion, whatever the width.

Limits: cancellation acts between steps. A file made to attack llama.cpp's parser is not stopped
(`inference/gguf_file.py` says what is).
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from inference.arrangement import Machine, arrangement, opened
from inference.backend import Grammar, Sampling
from inference.base import Completion, Message, ModelError, Profile, Request, Thinking
from inference.calls import Delta, Mailbox, astream, await_all, limit, settle, stream, wait_for, wait_for_stops
from inference.confidence import Signals
from inference.cores import decoding_threads
from inference.decoding import Limits, Terms, Writer
from inference.engine import Engine
from inference.forcing import ThinkingBudget
from inference.gguf_file import GgufHeader, read_header
from inference.job import Job
from inference.layout import Width
from inference.leaves import LeafEnumeration, LeafSearch, Leaves
from inference.llama import LlamaContext, grammar_of_schema
from inference.lookup import PromptLookup
from inference.prefix_tree import as_tokens
from inference.prompt_tokens import Prepared, PromptTokens
from inference.scheduler import Counts, Scheduler
from inference.thinking import speaks_of_thinking
from inference.width import WidthPolicy

_MOST_DEFAULT_CONTEXT = 16_384
_CPU_SEGMENT, _GPU_SEGMENT = 128, 512
_UNSHARED = "this model keeps a recurrent or sliding-window state: its texts do not share what they have read"
_UNCONTROLLED = (
    "this model marks its thinking in a way that ATLAS does not know: thinking_tokens and thinking_min_tokens have no "
    "effect, and what it thinks counts as answer"
)


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
        width: int | Width = 1,
    ) -> None:
        """Check the file, load it, and read its chat template and thinking marks.

        Args:
            path: the model file.
            context_tokens: prompt and answer together; never more than the model was trained for, 16 384 at most when
                not given.
            gpu_layers: layers on the GPU, -1 for all; without a GPU build the number is ignored.
            threads: threads for prompts and answers; one for each physical core when not given.
            template_source: a Jinja chat template instead of the file's own.
            width: most texts decoded together: 1 decodes alone and is reproducible, 0 takes the fastest number. What
                is fastest here is measured once (seconds to a minute) and kept in the user's cache directory.

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
        machine = Machine(
            path=path,
            header=header,
            context=self.context_tokens,
            gpu_layers=gpu_layers,
            threads=threads or decoding_threads(),
            segment=_GPU_SEGMENT if LlamaContext.uses_gpu(gpu_layers) else _CPU_SEGMENT,
        )
        wide = width if isinstance(width, Width) else Width(most=width)
        self.arrangement = arrangement(machine, wide)
        self._llama = opened(machine, self.arrangement.layout, repack=self.arrangement.repack)
        try:
            self._prompts = PromptTokens(
                self._llama, header, template_source=template_source, context=self.context_tokens
            )
        except ModelError:
            self._llama.close()
            raise
        self.notice = self._notice(header)
        alone = wide.texts == 1
        if not alone:
            self._llama.make_way()
        texts = 1 if alone else min(wide.texts, self._llama.shape.sequences)
        policy = WidthPolicy(texts, self.arrangement.curve, fixed=wide.most > 0)
        scheduler = Scheduler(self._llama, width=policy, segment=machine.segment if alone else 0)
        self._engine = Engine(self._llama, scheduler, name=self.name)
        self._close = weakref.finalize(self, self._engine.close)
        self._mailbox = Mailbox(self._engine)

    def _notice(self, header: GgufHeader) -> str:
        """Return what users should know of this model: its own words, and what it cannot do here."""
        uncontrolled = not self.can_think and speaks_of_thinking(self._prompts.template)
        own = header.text("atlas.notice") or ("" if self._llama.shape.can_fork else _UNSHARED)
        return "; ".join(filter(None, (own, self._prompts.notice, _UNCONTROLLED if uncontrolled else "")))

    @property
    def can_think(self) -> bool:
        """Whether the template knows the model's thinking marks."""
        return self._prompts.can_think

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the length in tokens of the rendered conversation, thinking off."""
        return len(self.prompt_tokens(messages))

    def prompt_tokens(self, messages: Sequence[Message], thinking: Thinking = Thinking()) -> tuple[int, ...]:
        """Return the token ids of the rendered conversation."""
        return self._prompts.tokens(messages, thinking)

    def counts(self) -> Counts:
        """Return what the engine has done so far."""
        return self._engine.ask(lambda scheduler: scheduler.counts())

    def complete_many(
        self,
        requests: Sequence[Request],
        *,
        deadline: float | None = None,
        cancelled: Callable[[], bool] | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> tuple[Completion, ...]:
        """Return one completion per request, in order; all are decoded together as far as the width allows.

        Tokens are counted as fed: a token that ends the text is in no count. When prompt and budget together exceed
        the context, thinking and answer shrink in proportion and the stop reason is `length` if that was felt.

        Raises:
            ContextOverflowError: a prompt leaves no room for an answer; nothing has been decoded then.
            ModelError: llama.cpp failed, the chat template or a grammar failed, or the model is closed.
        """
        jobs, futures = self._jobs(requests, Limits(deadline=deadline, cancelled=cancelled), on_progress)
        return wait_for(self._engine, jobs, futures)

    async def acomplete_many(
        self, requests: Sequence[Request], *, deadline: float | None = None
    ) -> tuple[Completion, ...]:
        """Return what `complete_many` returns, without blocking the event loop; cancelling the task ends the texts.

        Raises:
            ContextOverflowError: a prompt leaves no room for an answer.
            ModelError: as for `complete_many`.
        """
        limits = Limits(deadline=deadline)
        jobs, futures = await asyncio.to_thread(self._jobs, requests, limits, None)
        return await await_all(self._engine, jobs, futures)

    def stream(
        self, request: Request, *, deadline: float | None = None, cancelled: Callable[[], bool] | None = None
    ) -> Iterator[Delta]:
        """Yield a text as it is written, the whole completion last; leaving the loop cancels.

        Raises:
            ContextOverflowError: the prompt leaves no room for an answer.
            ModelError: as for `complete_many`.
        """
        job, writer = self._job(self._prompts.prepare(request), self._grammar(request))
        limit(job, Limits(deadline=deadline, cancelled=cancelled))
        return stream(self._engine, job, writer, request.stop)

    async def astream(self, request: Request, *, deadline: float | None = None) -> AsyncIterator[Delta]:
        """Yield a text as it is written into the running event loop, the whole completion last.

        Raises:
            ContextOverflowError: the prompt leaves no room for an answer.
            ModelError: as for `complete_many`.
        """
        job, writer = await asyncio.to_thread(lambda: self._job(self._prompts.prepare(request), self._grammar(request)))
        limit(job, Limits(deadline=deadline))
        async for delta in astream(self._engine, self._mailbox, job, writer, request.stop):
            yield delta

    def leaves(
        self,
        messages: Sequence[Message],
        search: LeafSearch,
        *,
        deadline: float | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Leaves:
        """Return the likeliest distinct answers without thinking (`inference/leaves.py`), together as the width allows.

        Raises:
            ContextOverflowError: the prompt leaves no room for an answer.
            ModelError: the model's cache cannot be forked, or as for `complete_many`.
        """
        prepared = self._prompts.prepare(Request(messages=tuple(messages), max_tokens=search.max_tokens))
        fitted = replace(search, max_tokens=prepared.max_tokens)
        limits = Limits(deadline=deadline, cancelled=cancelled)
        pin = self._engine.ask(lambda scheduler: scheduler.cache.pin(prepared.prompt))
        try:
            return LeafEnumeration(self._llama, prepared.prompt, fitted).run(
                lambda jobs: wait_for_stops(self._engine, jobs, limits)
            )
        finally:
            if not self._engine.closed:
                self._engine.ask(lambda scheduler: scheduler.unpin(pin))

    def close(self) -> None:
        """Free the weights; texts in the making end with a `ModelError`."""
        self._prompts.close()
        self._close()

    def _jobs(
        self, requests: Sequence[Request], limits: Limits, on_progress: Callable[[int, int], None] | None
    ) -> tuple[list[Job], list[Future[Completion]]]:
        prepared = [self._prompts.prepare(request) for request in requests]
        grammars: list[Grammar | None] = []
        try:
            for request in requests:
                grammars.append(self._grammar(request))
        except ModelError:
            for grammar in filter(None, grammars):
                grammar.close()
            raise
        made = [self._job(*both) for both in zip(prepared, grammars, strict=True)]
        for index, (job, _) in enumerate(made):
            progress = (lambda tokens, at=index: on_progress(at, tokens)) if on_progress else None
            limit(job, limits, progress)
        return [job for job, _ in made], [settle(job, writer) for job, writer in made]

    def _job(self, prepared: Prepared, grammar: Grammar | None) -> tuple[Job, Writer]:
        request, marks = prepared.request, self._prompts.marks
        asked = request.confidence or request.signals or request.hidden
        banned = (marks.start,) if marks is not None and prepared.thinking.at_most == 0 else ()
        writer = Writer(
            self._llama,
            self._llama.sampler(_sampling(request, banned)),
            ThinkingBudget(marks, prepared.thinking, opened=prepared.opened),
            Terms(
                max_tokens=prepared.max_tokens,
                stops=request.stop,
                grammar=grammar,
                opening=prepared.opening,
                finish=request.finish,
                cut_loops=request.cut_loops,
            ),
            Signals(confidence=request.confidence, detailed=request.signals) if asked else None,
        )
        job = Job(
            prompt=as_tokens(prepared.prompt),
            controller=writer,
            most_tokens=prepared.most_tokens,
            lookup=PromptLookup(prepared.prompt, request.lookup) if request.lookup > 0 else None,
            hidden=request.hidden,
        )
        return job, writer

    def _grammar(self, request: Request) -> Grammar | None:
        if request.grammar and request.json_schema:
            raise ModelError("a request has a grammar and a JSON schema: give one of them")
        text = grammar_of_schema(request.json_schema) if request.json_schema else request.grammar
        return self._llama.grammar(text) if text else None


def _sampling(request: Request, banned: tuple[int, ...]) -> Sampling:
    return Sampling(
        temperature=request.temperature,
        top_p=request.top_p,
        top_k=request.top_k,
        min_p=request.min_p,
        seed=request.seed,
        repeat_penalty=request.repeat_penalty,
        presence_penalty=request.presence_penalty,
        frequency_penalty=request.frequency_penalty,
        banned=banned,
    )
