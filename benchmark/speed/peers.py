"""What the engine is compared with, inside the same process: `Llama` one text after another, and decoding alone.

`bare` decodes the same batches with llama.cpp and does nothing else: no sampling, no text, no scheduler. It is the
ceiling for anything written in Python over this library. `Llama` is llama-cpp-python's own class with its prefix cache,
which LangChain's ChatLlamaCpp wraps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from inference.backend import Batch
from inference.llama import Layout, LlamaContext, load_library


class Bare:
    """Batches without anything around them."""

    def __init__(self, path: Path, *, layout: Layout, threads: int) -> None:
        """Load the model."""
        self._context = LlamaContext(path, layout=layout, gpu_layers=0, threads=threads)
        self._batch = Batch(layout.rows)

    def run(self, prompt: Sequence[int], width: int, tokens: int) -> None:
        """Read a prompt once, and decode `width` texts of `tokens` tokens that begin with it."""
        context, batch = self._context, self._batch
        for at in range(0, len(prompt), context.shape.rows):
            batch.clear()
            batch.add(0, at, list(prompt[at : at + context.shape.rows]), 1)
            context.decode(batch)
        for sequence in range(1, width):
            context.copy(0, sequence, len(prompt))
        for step in range(tokens - 1):
            batch.clear()
            for sequence in range(width):
                batch.add(sequence, len(prompt) + step, [(step * 31 + sequence) % 256], 1)
            context.decode(batch)
        for sequence in range(width):
            context.trim(sequence, 0)

    def close(self) -> None:
        """Free everything."""
        self._context.close()


class Sequential:
    """llama-cpp-python's `Llama`."""

    def __init__(self, path: Path, *, context: int, threads: int) -> None:
        """Load the model."""
        load_library()
        from llama_cpp import Llama

        self._llama: Any = Llama(
            str(path), n_ctx=context, n_batch=512, n_threads=threads, n_threads_batch=threads, verbose=False
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
