"""What the engine is compared with, inside the same process: `Llama` one text after another, and decoding alone.

`bare` decodes the same batches with llama.cpp and does nothing else: no sampling, no text, no scheduler. It is the
ceiling for anything written in Python over this library. `Llama` is llama-cpp-python's own class with its prefix cache,
which LangChain's ChatLlamaCpp wraps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from os.path import commonprefix
from pathlib import Path
from typing import Any, Literal

from benchmark.speed.programs import Device
from inference.backend import Batch, Sampling
from inference.base import ModelError
from inference.llama import Layout, LlamaContext, load_library

DrawnAt = Literal["nowhere", "host", "device"]
"""Where a token is drawn from each row."""


class _DrawingContext(LlamaContext):
    """A context from which llama.cpp draws by its own chains, on the host or as a part of the graph."""

    def __init__(self, path: Path, *, layout: Layout, gpu_layers: int, threads: int, repack: bool = True) -> None:
        """Load the model; nothing is drawn yet."""
        self._chains: list[Any] = []
        super().__init__(path, layout=layout, gpu_layers=gpu_layers, threads=threads, repack=repack)

    def draw_on_host(self, sequences: int, sampling: Sampling) -> Callable[[int], int]:
        """Return what draws from a row by the chain of the sequence of that number."""
        chains = [self._chain(sampling, sequence) for sequence in range(sequences)]
        return lambda row: int(self._lib.llama_sampler_sample(chains[row], self._context, row))

    def draw_on_device(self, sequences: int, sampling: Sampling) -> Callable[[int], int]:
        """Give each sequence a chain and return what tells the token that was drawn from a row."""
        for sequence in range(sequences):
            if not self._lib.llama_set_sampler(self._context, sequence, self._chain(sampling, sequence)):
                raise ModelError("llama.cpp cannot draw on this device: leave that out")
        return lambda row: int(self._lib.llama_get_sampled_token_ith(self._context, row))

    def draw_nothing(self) -> None:
        """Take all chains away."""
        for sequence in range(self.shape.sequences if self._chains else 0):
            self._lib.llama_set_sampler(self._context, sequence, None)
        while self._chains:
            self._lib.llama_sampler_free(self._chains.pop())

    def _chain(self, sampling: Sampling, seed: int) -> Any:
        lib = self._lib
        chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        for part in (
            lib.llama_sampler_init_top_k(sampling.top_k),
            lib.llama_sampler_init_top_p(sampling.top_p, 1),
            lib.llama_sampler_init_min_p(sampling.min_p, 1),
            lib.llama_sampler_init_temp(sampling.temperature),
            lib.llama_sampler_init_dist(seed),
        ):
            lib.llama_sampler_chain_add(chain, part)
        self._chains.append(chain)
        return chain


class Bare:
    """Batches without anything around them."""

    def __init__(self, path: Path, *, layout: Layout, threads: int, gpu_layers: int = 0, repack: bool = True) -> None:
        """Load the model, its weights laid out anew for the processor or not."""
        self._context = _DrawingContext(path, layout=layout, gpu_layers=gpu_layers, threads=threads, repack=repack)
        self._batch = Batch(layout.rows)
        self.drawn: list[int] = []
        """The tokens that were drawn last."""
        self.evaluated = 0
        """Prompt tokens that were read last."""

    def run(
        self,
        prompts: Sequence[Sequence[int]],
        tokens: int,
        drawn: DrawnAt = "nowhere",
        sampling: Sampling = Sampling(),
    ) -> None:
        """Read what some prompts have in common once and the rest of each, and decode a text of `tokens` tokens each.

        Nothing that is drawn is fed, so that the batches are the same wherever it is done.
        """
        context, batch, width = self._context, self._batch, len(prompts)
        draw = self._drawing(drawn, width, sampling)
        common = len(commonprefix([list(prompt) for prompt in prompts]))
        self.evaluated = common + sum(len(prompt) - common for prompt in prompts)
        self._read([(0, 0, list(prompts[0][:common]))])
        for sequence in range(1, width):
            context.copy(0, sequence, common)
        self._read([(sequence, common, list(prompt[common:])) for sequence, prompt in enumerate(prompts)])
        for step in range(tokens - 1):
            batch.clear()
            for sequence, prompt in enumerate(prompts):
                batch.add(sequence, len(prompt) + step, [(step * 31 + sequence) % 256], 1)
            context.decode(batch)
            if draw is not None:
                self.drawn = [draw(row) for row in range(width)]
        for sequence in range(width):
            context.trim(sequence, 0)
        context.draw_nothing()

    def _read(self, parts: Sequence[tuple[int, int, list[int]]]) -> None:
        """Read tokens of sequences from a position on; none is cut that would fit into a batch."""
        context, batch, most = self._context, self._batch, self._context.shape.rows
        batch.clear()
        for sequence, position, tokens in parts:
            if batch.size and batch.size + len(tokens) > most:
                context.decode(batch)
                batch.clear()
            for at in range(0, len(tokens), most):
                if at:
                    context.decode(batch)
                    batch.clear()
                batch.add(sequence, position + at, tokens[at : at + most], 1)
        if batch.size:
            context.decode(batch)

    def _drawing(self, drawn: DrawnAt, width: int, sampling: Sampling) -> Callable[[int], int] | None:
        if drawn == "nowhere":
            return None
        make = self._context.draw_on_host if drawn == "host" else self._context.draw_on_device
        return make(width, sampling)

    def close(self) -> None:
        """Free everything."""
        self._context.close()


class Sequential:
    """llama-cpp-python's `Llama`."""

    def __init__(self, path: Path, *, context: int, device: Device) -> None:
        """Load the model."""
        load_library()
        from llama_cpp import Llama

        self._llama: Any = Llama(
            str(path),
            n_ctx=context,
            n_batch=512,
            n_threads=device.threads,
            n_threads_batch=device.threads,
            n_gpu_layers=device.gpu_layers,
            flash_attn=device.on_gpu or device.flash,
            verbose=False,
        )

    def run(self, prompts: Sequence[Sequence[int]], tokens: int) -> Iterator[int]:
        """Complete prompts one after another with the settings of the benchmark; yield the tokens of each text."""
        for seed, prompt in enumerate(prompts):
            reply = self._llama.create_completion(
                list(prompt),
                max_tokens=tokens,
                temperature=0.8,
                top_k=40,
                top_p=0.95,
                min_p=0.05,
                repeat_penalty=1.0,
                seed=seed,
            )
            yield int(reply["usage"]["completion_tokens"])

    def close(self) -> None:
        """Free everything."""
        self._llama.close()
