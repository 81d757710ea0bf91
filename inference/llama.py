"""llama.cpp as a back end, over llama-cpp-python's low-level binding; nothing else imports it.

What ends the whole process in llama.cpp is checked before the call: batch and output limits, sequence ids, copies of a
part where sequences have cells of their own, rows without logits, a bad grammar. Cells are never shifted, as that
corrupts sequences that share them.

Two layouts of the cache. Unified: all sequences share `cells`, a copied prefix costs nothing, and each row attends to
every cell in use (masked); good for short texts over a long shared prompt. Streams: each sequence has `context` cells
to itself; good for long texts, and rows do not depend on what other sequences hold. A stream is copied whole and
trimmed.

Limits: one thread at a time, except for `tokenise`, `piece` and `ends_text`. Recurrent, hybrid and sliding-window
models cannot give back a part of a sequence: they run without shared prefixes.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib.metadata
import os
import time
from array import array
from collections import deque
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType
from numpy.typing import NDArray

from inference.backend import Batch, NoRoomError, Sampling, Shape
from inference.base import ModelError, RequestRefusedError
from inference.crowding import Crowding
from inference.footprint import KvType
from inference.llama_sampling import Candidates, GrammarShelf, LlamaGrammar, LlamaSampler
from inference.outputs import Outputs, Row

_FLASH_AUTO, _FLASH_OFF = -1, 0
_NO_SLOT = 1
_MOST_SEQUENCES = 256
_MOST_VIEWS = 128

_SPINS = "20000"
"""Turns that a thread waits awake for the others, some tens of microseconds, before it sleeps. A step has hundreds of
such waits: to sleep at once made steps of five texts half as long again (15.2 s against 10.2 to 11.1 for 60 steps of a
1.5 B model on two cores); to wait awake for long would take the core from the sandbox."""

_log: deque[str] = deque(maxlen=20)


@cache
def load_library() -> Any:
    """Import llama.cpp late, quiet, and with threads that soon sleep while they wait.

    Raises:
        ModelError: it is not installed or does not load.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
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


def _has_matrix_unit(library: Any) -> bool:
    """Say whether this build computes with Intel's AMX, which ends the process; that of `make setup` does not."""
    return b"AMX_INT8 = 1" in library.llama_print_system_info()


def _held(numbers: array[int]) -> Any:
    """Return an array's memory, which keeps it where it is: to let it grow is an error now."""
    return (ctypes.c_char * (len(numbers) * numbers.itemsize)).from_buffer(numbers)


def _pointer(numbers: array[int], kind: Any) -> Any:
    """Return a pointer to an array's memory, which it holds."""
    return ctypes.cast(_held(numbers), kind)


def _addressing(function: Any, *arguments: Any) -> Any:
    """Return a function of llama.cpp that gives a plain address, as a pointer object for each step costs too much."""
    return ctypes.CFUNCTYPE(ctypes.c_void_p, *arguments)(ctypes.cast(function, ctypes.c_void_p).value or 0)


def _last_error() -> str:
    telling = [line for line in _log if "error" in line.lower() or "fail" in line.lower()]
    return (telling[0] if telling else _log[-1] if _log else "no reason given")[:200]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a context is laid out."""

    sequences: int
    cells: int
    """In all; with streams each sequence gets an equal part."""
    rows: int
    """Most tokens of a batch."""
    outputs: int
    unified: bool
    kv_type: KvType = "f16"
    flash_attention: bool | None = None
    """None: where it is faster, on a GPU and for sequences with cells of their own, if the model allows it."""

    def flash(self, *, on_gpu: bool) -> bool:
        """Say whether flash attention is wanted.

        On a processor it reads prompts faster and single rows as fast, and loses what many rows gain by reading the
        keys that they share once.
        """
        return (on_gpu or not self.unified) if self.flash_attention is None else self.flash_attention


class LlamaContext:
    """One model and one context; see `inference.backend.Backend`."""

    def __init__(self, path: Path, *, layout: Layout, gpu_layers: int, threads: int, repack: bool = True) -> None:
        """Load the weights and reserve the cache.

        Args:
            path: the model file.
            layout: how the cache is laid out.
            gpu_layers: layers on the GPU, -1 for all.
            threads: for prompts and answers.
            repack: lay the weights out anew for this processor, where llama.cpp can: faster for few rows, on some
                processors slower for many.

        Raises:
            ModelError: llama.cpp refuses the file or the memory does not suffice.
        """
        self._lib = load_library()
        self._model = self._context = None
        self._grammars: GrammarShelf | None = None
        _log.clear()
        model_options = self._lib.llama_model_default_params()
        model_options.n_gpu_layers = gpu_layers
        model_options.use_extra_bufts = repack and not _has_matrix_unit(self._lib)
        self._model = self._lib.llama_model_load_from_file(os.fsencode(path), model_options)
        if not self._model:
            raise ModelError(f"llama.cpp refuses {path} ({_last_error()}): take a model it supports")
        self._context = self._open(layout, gpu_layers, threads)
        self._memory = self._lib.llama_get_memory(self._context)
        self._vocabulary = self._lib.llama_model_get_vocab(self._model)
        self.shape = self._shape(layout)
        self._width = self._lib.llama_model_n_embd_out(self._model)
        self._candidates = Candidates(self._lib, self.shape.vocabulary)
        self._grammars = GrammarShelf(self._lib, self._vocabulary, self._candidates)
        self._pieces: dict[int, bytes] = {}
        self._ends: dict[int, bool] = {}
        self._views: dict[tuple[int, tuple[int, ...]], NDArray[np.float32]] = {}
        self._logits_address = _addressing(self._lib.llama_get_logits, ctypes.c_void_p)
        self._state_address = _addressing(self._lib.llama_get_embeddings_ith, ctypes.c_void_p, ctypes.c_int32)
        self._batch: Batch | None = None
        self._outputs: Outputs | None = None
        self._struct = self._lib.llama_batch()
        self._threads = threads
        self._crowding: Crowding | None = None

    def make_way(self) -> None:
        """From now on decode with fewer threads while other processes keep the cores busy."""
        self._crowding = Crowding(self._threads) if self._threads > 1 else None

    def _open(self, layout: Layout, gpu_layers: int, threads: int) -> Any:
        options = self._lib.llama_context_default_params()
        options.n_ctx, options.n_batch, options.n_ubatch = layout.cells, layout.rows, layout.rows
        options.n_seq_max = min(layout.sequences, _MOST_SEQUENCES)
        # With fewer than there are sequences llama.cpp ends the process.
        options.n_outputs_max = max(options.n_seq_max, min(layout.outputs, layout.rows))
        options.n_threads = options.n_threads_batch = threads
        options.kv_unified = layout.unified
        options.type_k = options.type_v = GGMLQuantizationType[layout.kv_type.upper()]
        flash = layout.flash(on_gpu=self.uses_gpu(gpu_layers))
        by_model = _FLASH_AUTO if flash else _FLASH_OFF
        options.flash_attn_type = by_model if layout.flash_attention is None else int(layout.flash_attention)
        context = self._lib.llama_init_from_model(self._model, options)
        if not context:
            why = _last_error()
            self.close()
            raise ModelError(f"no memory for {layout.cells} tokens of context ({why}): lower context_tokens")
        return context

    def _shape(self, layout: Layout) -> Shape:
        lib, model = self._lib, self._model
        forks = not (lib.llama_model_is_recurrent(model) or lib.llama_model_is_hybrid(model))
        return Shape(
            sequences=lib.llama_n_seq_max(self._context),
            cells=lib.llama_n_ctx(self._context),
            context=lib.llama_n_ctx_seq(self._context),
            rows=layout.rows,
            outputs=min(layout.outputs, layout.rows),
            vocabulary=lib.llama_vocab_n_tokens(self._vocabulary),
            shares_cells=layout.unified,
            can_fork=forks and lib.llama_model_n_swa(model) == 0,
        )

    @staticmethod
    def uses_gpu(gpu_layers: int) -> bool:
        """Say whether any layer goes to a GPU with this build of llama.cpp."""
        return gpu_layers != 0 and bool(load_library().llama_supports_gpu_offload())

    @staticmethod
    def build() -> str:
        """Return what tells one build of llama.cpp from another: the binding's version and the CPU features."""
        info = load_library().llama_print_system_info().decode("utf-8", "replace")
        return f"{importlib.metadata.version('llama-cpp-python')} {info}"

    @property
    def first_token(self) -> tuple[int, ...]:
        """The token that the model wants at the head of every text, if any."""
        wanted = self._lib.llama_vocab_get_add_bos(self._vocabulary)
        return (self._lib.llama_vocab_bos(self._vocabulary),) if wanted else ()

    @property
    def fill_marks(self) -> tuple[int, ...]:
        """The tokens before a prefix, before a suffix, and before what is written between them; empty without them."""
        lib, vocabulary = self._lib, self._vocabulary
        marks = (lib.llama_vocab_fim_pre, lib.llama_vocab_fim_suf, lib.llama_vocab_fim_mid)
        found = tuple(int(mark(vocabulary)) for mark in marks)
        return found if min(found) >= 0 else ()

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
        if token not in self._ends:
            self._ends[token] = bool(self._lib.llama_vocab_is_eog(self._vocabulary, token))
        return self._ends[token]

    def decode(self, batch: Batch, *, hidden: bool = False) -> None:
        """Evaluate a batch; `hidden` makes the states of its wanted rows available as well.

        Raises:
            NoRoomError: the cache is full; nothing was changed.
            ModelError: the batch breaks a limit, or llama.cpp failed.
        """
        self._check(batch)
        if hidden and batch.outputs != batch.size:
            raise ModelError("hidden states were asked for of some rows of a batch only: report this")
        self._outputs = None
        if batch is not self._batch:
            self._adopt(batch)
        self._struct.n_tokens = batch.size
        if hidden:
            self._lib.llama_set_embeddings(self._context, True)
        began, own = time.perf_counter(), time.thread_time()
        status = self._lib.llama_decode(self._context, self._struct)
        if self._crowding and self._crowding.note(time.perf_counter() - began, time.thread_time() - own):
            self._lib.llama_set_n_threads(self._context, self._crowding.threads, self._crowding.threads)
        if hidden:
            self._lib.llama_set_embeddings(self._context, False)
        if status == _NO_SLOT:
            raise NoRoomError("the cache is full: raise context_tokens")
        if status != 0:
            raise ModelError(f"llama.cpp failed while decoding (code {status}, {_last_error()}): lower context_tokens")

    def _check(self, batch: Batch) -> None:
        """Refuse what would end the process."""
        size, shape = batch.size, self.shape
        if not 0 < size <= shape.rows or batch.outputs > shape.outputs:
            raise ModelError(f"a batch of {size} rows breaks the context's limits: report this")
        tokens, ids = batch.tokens[:size], batch.sequences[:size]
        if min(tokens) < 0 or min(ids) < 0 or max(tokens) >= shape.vocabulary or max(ids) >= shape.sequences:
            raise ModelError("a batch names a token or a sequence that does not exist: report this")

    def _adopt(self, batch: Batch) -> None:
        """Point llama.cpp's struct at a batch's arrays; of the ids only their addresses are needed."""
        rows, size = len(batch.tokens), batch.sequences.itemsize
        self._ones = array("i", [1]) * rows
        self._ids = _held(batch.sequences)
        first = ctypes.addressof(self._ids)
        self._addresses = array("Q", range(first, first + rows * size, size))
        integers = ctypes.POINTER(ctypes.c_int32)
        self._struct.token = _pointer(batch.tokens, integers)
        self._struct.pos = _pointer(batch.positions, integers)
        self._struct.n_seq_id = _pointer(self._ones, integers)
        self._struct.seq_id = _pointer(self._addresses, ctypes.POINTER(integers))
        self._struct.logits = _pointer(batch.wanted, ctypes.POINTER(ctypes.c_int8))
        self._batch = batch

    def outputs(self) -> Outputs:
        """Return a view of the wanted rows' logits, which lie one behind another, valid until the next batch."""
        if self._outputs is None:
            rows, size = self._batch.outputs if self._batch is not None else 0, self.shape.vocabulary
            if rows:
                self._outputs = Outputs(self._view(self._logits_address(self._context), (rows, size)))
            else:
                self._outputs = Outputs(np.empty((0, size), np.float32))
        return self._outputs

    def hidden(self, at: int) -> Row:
        """Return a view of a wanted row's state after the final norm, shape (width,)."""
        return self._view(self._state_address(self._context, self._from_end(at)), (self._width,))

    def _from_end(self, at: int) -> int:
        """Return llama.cpp's name for a wanted row; it ends the process where there is none."""
        rows = self._batch.outputs if self._batch is not None else 0
        if not 0 <= at < rows:
            raise ModelError(f"the batch has no wanted row {at}: report this")
        return at - rows

    def _view(self, address: int | None, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return an array over llama.cpp's memory, which lies where it lay before unless a limit was raised."""
        if not address:
            raise ModelError("llama.cpp gives no such row: report this")
        key = address, shape
        if key not in self._views:
            if len(self._views) >= _MOST_VIEWS:
                self._views.clear()
            memory: Any = (ctypes.c_float * prod(shape)).from_address(address)
            self._views[key] = np.frombuffer(memory, np.float32).reshape(shape)
        return self._views[key]

    def copy(self, source: int, target: int, length: int) -> None:
        """Make an empty sequence begin with the first `length` tokens of another."""
        if self.shape.shares_cells:
            self._lib.llama_memory_seq_cp(self._memory, source, target, 0, length)
            return
        self._lib.llama_memory_seq_cp(self._memory, source, target, -1, -1)
        self.trim(target, length)

    def trim(self, sequence: int, length: int) -> None:
        """Forget all tokens of a sequence but the first `length`.

        Raises:
            ModelError: the model's memory cannot forget a part.
        """
        if not self._lib.llama_memory_seq_rm(self._memory, sequence, length or -1, -1):
            raise ModelError("this model's memory cannot forget a part of a sequence: report this")

    def length(self, sequence: int) -> int:
        """Return the tokens of a sequence in the cache."""
        return int(self._lib.llama_memory_seq_pos_max(self._memory, sequence)) + 1

    def sampler(self, sampling: Sampling) -> LlamaSampler:
        """Return a sampler chain."""
        return LlamaSampler(self._lib, self._candidates, self.shape.vocabulary, sampling)

    def grammar(self, text: str) -> LlamaGrammar:
        """Return a GBNF grammar at its start; compiled once for all that use it.

        Raises:
            ModelError: llama.cpp refuses the text.
        """
        if self._grammars is None:
            raise ModelError("the model is closed: open it again")
        _log.clear()
        return self._grammars.take(text, _last_error)

    def close(self) -> None:
        """Free the context and the weights."""
        if self._grammars is not None:
            self._grammars.close()
        if self._context:
            self._lib.llama_free(self._context)
        if self._model:
            self._lib.llama_model_free(self._model)
        self._context = self._model = None


def grammar_of_schema(schema: str) -> str:
    """Return GBNF text for a JSON schema.

    Raises:
        RequestRefusedError: the schema is no JSON, or holds what has no grammar.
    """
    load_library()
    from llama_cpp.llama_grammar import json_schema_to_gbnf

    try:
        return str(json_schema_to_gbnf(schema))
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        AssertionError,
        NotImplementedError,
        RecursionError,
    ) as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise RequestRefusedError(f"the JSON schema has no grammar ({why}): simplify it") from error
