"""The calls into llama.cpp that decoding needs, over llama-cpp-python's low-level binding; nothing else imports it.

Sampling runs in C: top_k, top_p, min_p, temperature, draw, in that order, and greedy at temperature 0.

Limits: one context, one sequence, one thread at a time. Without `top_k` or `min_p` a draw passes over the whole
vocabulary (1.4 ms for 152 000 tokens against 0.2 ms).
"""

from __future__ import annotations

import atexit
import ctypes
import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.base import ModelError, Request

_FLASH_AUTO, _FLASH_OFF = -1, 0
_RANDOM_SEED = 0xFFFFFFFF

_log: deque[str] = deque(maxlen=20)


@cache
def load_library() -> Any:
    """Import llama.cpp late, quiet, and with threads that sleep while they wait.

    Raises:
        ModelError: it is not installed or does not load.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    try:
        from llama_cpp import _utils
        from llama_cpp import llama_cpp as library
    except (ImportError, OSError, RuntimeError) as error:
        raise ModelError(f"llama-cpp-python does not load ({error}): install it as the README says") from error
    for never_closed in (_utils.outnull_file, _utils.errnull_file):
        atexit.register(never_closed.close)
    library.llama_log_set(_log_callback(library), None)
    library.llama_backend_init()
    return library


@cache
def _log_callback(library: Any) -> Any:
    """Keep llama.cpp's messages for error lines; cached, because the library holds only a bare pointer to it."""

    def keep(_level: int, text: bytes, _data: object) -> None:
        if line := text.decode("utf-8", "replace").strip():
            _log.append(line)

    return library.llama_log_callback(keep)


def _last_error() -> str:
    telling = [line for line in _log if "error" in line.lower() or "fail" in line.lower()]
    return (telling[0] if telling else _log[-1] if _log else "no reason given")[:200]


class LlamaContext:
    """One model and one context of one sequence, with the calls that decoding needs; not safe for several threads."""

    def __init__(self, path: Path, *, context_tokens: int, segment: int, gpu_layers: int, threads: int) -> None:
        """Load the weights and reserve the cache.

        Raises:
            ModelError: llama.cpp refuses the file or the memory does not suffice.
        """
        self._lib = load_library()
        self._model = self._context = None
        _log.clear()
        model_options = self._lib.llama_model_default_params()
        model_options.n_gpu_layers = gpu_layers
        self._model = self._lib.llama_model_load_from_file(os.fsencode(path), model_options)
        if not self._model:
            raise ModelError(f"llama.cpp refuses {path} ({_last_error()}): take a model it supports")
        options = self._lib.llama_context_default_params()
        options.n_ctx, options.n_batch, options.n_ubatch = context_tokens, segment, segment
        options.n_seq_max = options.n_outputs_max = 1
        options.n_threads = options.n_threads_batch = threads
        options.flash_attn_type = _FLASH_AUTO if self.uses_gpu(gpu_layers) else _FLASH_OFF
        self._context = self._lib.llama_init_from_model(self._model, options)
        if not self._context:
            why = _last_error()
            self.close()
            raise ModelError(f"no memory for {context_tokens} tokens of context ({why}): lower context_tokens")
        self._memory = self._lib.llama_get_memory(self._context)
        self._vocabulary = self._lib.llama_model_get_vocab(self._model)
        self._size = self._lib.llama_vocab_n_tokens(self._vocabulary)
        self._pieces: dict[int, bytes] = {}
        self._chain: Any = None

    @staticmethod
    def uses_gpu(gpu_layers: int) -> bool:
        """Say whether any layer goes to a GPU with this build of llama.cpp."""
        return gpu_layers != 0 and bool(load_library().llama_supports_gpu_offload())

    @property
    def first_token(self) -> tuple[int, ...]:
        """The token that the model wants at the head of every text, if any."""
        wanted = self._lib.llama_vocab_get_add_bos(self._vocabulary)
        return (self._lib.llama_vocab_bos(self._vocabulary),) if wanted else ()

    def tokenise(self, text: str) -> list[int]:
        """Return token ids; token texts such as `<|im_end|>` become the tokens they name."""
        data = text.encode("utf-8", "replace")
        tokens = (ctypes.c_int32 * (len(data) + 8))()
        count = self._lib.llama_tokenize(self._vocabulary, data, len(data), tokens, len(tokens), False, True)
        if count < 0:
            raise ModelError("llama.cpp cannot tokenise the prompt: take another model file")
        return tokens[:count]

    def piece(self, token: int) -> bytes:
        """Return a token's text; control tokens have none."""
        if token not in self._pieces:
            buffer = ctypes.create_string_buffer(1024)
            length = self._lib.llama_token_to_piece(self._vocabulary, token, buffer, len(buffer), 0, False)
            self._pieces[token] = buffer.raw[: max(0, length)]
        return self._pieces[token]

    def ends_text(self, token: int) -> bool:
        """Say whether a token ends the generation."""
        return bool(self._lib.llama_vocab_is_eog(self._vocabulary, token))

    def keep(self, tokens: int) -> bool:
        """Forget all but the first `tokens` cells; False when the model's memory cannot, and then all is forgotten."""
        if self._lib.llama_memory_seq_rm(self._memory, 0, tokens, -1):
            return True
        self._lib.llama_memory_clear(self._memory, True)
        return False

    def feed(self, tokens: Sequence[int]) -> None:
        """Append tokens; the row of the last one becomes `logits`.

        Raises:
            ModelError: llama.cpp failed.
        """
        array = (ctypes.c_int32 * len(tokens))(*tokens)
        status = self._lib.llama_decode(self._context, self._lib.llama_batch_get_one(array, len(tokens)))
        if status != 0:
            raise ModelError(f"llama.cpp failed while decoding (code {status}, {_last_error()}): lower context_tokens")

    def sample(self) -> int:
        """Draw from the last row with the current chain."""
        return int(self._lib.llama_sampler_sample(self._chain, self._context, -1))

    def logits(self) -> NDArray[np.float32]:
        """Return a view of the last row, shape (vocabulary,); valid until the next `feed`."""
        return np.ctypeslib.as_array(self._lib.llama_get_logits_ith(self._context, -1), shape=(self._size,))

    @contextmanager
    def sampling(self, request: Request, banned: Sequence[int]) -> Iterator[None]:
        """Sample as the request says, never drawing a `banned` token: top_k, top_p, min_p, temperature, draw."""
        lib = self._lib
        self._chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        try:
            for sampler in self._samplers(request, banned):
                lib.llama_sampler_chain_add(self._chain, sampler)
            yield
        finally:
            lib.llama_sampler_free(self._chain)
            self._chain = None

    def _samplers(self, request: Request, banned: Sequence[int]) -> Iterator[Any]:
        lib = self._lib
        if banned:
            biases = (lib.llama_logit_bias * len(banned))(*((token, float("-inf")) for token in banned))
            yield lib.llama_sampler_init_logit_bias(self._size, len(banned), biases)
        if request.temperature <= 0:
            yield lib.llama_sampler_init_greedy()
            return
        if request.top_k > 0:
            yield lib.llama_sampler_init_top_k(request.top_k)
        if request.top_p < 1:
            yield lib.llama_sampler_init_top_p(request.top_p, 1)
        if request.min_p > 0:
            yield lib.llama_sampler_init_min_p(request.min_p, 1)
        yield lib.llama_sampler_init_temp(request.temperature)
        yield lib.llama_sampler_init_dist(request.seed % _RANDOM_SEED)

    def close(self) -> None:
        """Free the context and the weights."""
        if self._context:
            self._lib.llama_free(self._context)
        if self._model:
            self._lib.llama_model_free(self._model)
        self._context = self._model = None
