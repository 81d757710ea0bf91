"""GGUF models with random weights: how fast a model decodes does not depend on what its weights say.

`mid` has 311 million parameters and a vocabulary of 152 064, as models of today do; `tiny` is the worst case for
everything around the model. The output head is scaled so that next-token distributions are peaked, as those of a
trained model are, and no token that ends a text is ever likely. Weights are Q8_0, but those of `qwen3-14b`, which has
the shape of Qwen3-14B and its mixture of quantisations, Q4_K_M (9 GB).

Of each size there is a model that copies: after a character of `CYCLE` comes the next one, whatever stood before, so
that a prompt which holds the cycle foretells the text. Its blocks compute as the others do and add nothing.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

from benchmark.speed.mixed_weights import mixture, random_rows

TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
_SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_TYPE = gguf.GGMLQuantizationType.Q8_0
_PEAK = 6.0
"""Standard deviation of the logits."""
_END_MARK, _NO_END_MARK = b"<|im_end|>", b"<|im_mid|>"
_END_KEY, _TYPE_BYTES = b"tokenizer.ggml.eos_token_id", 4
_SURE = 60.0
"""Logit of the character that follows, where the model copies."""
CYCLE = "".join(random.Random(1).sample([chr(byte) for byte in range(33, 127)], 94))


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The shape of a model."""

    vocabulary: int
    width: int
    hidden: int
    blocks: int
    heads: int
    kv_heads: int = 0
    """0: half of the heads."""
    head: int = 0
    """Width of a head; 0: the model's width over its heads."""
    context: int = 8192
    copies: bool = False
    mixed: bool = False
    """Q4_K_M instead of Q8_0."""

    @property
    def groups(self) -> int:
        """Heads of keys and values."""
        return self.kv_heads or self.heads // 2

    @property
    def head_width(self) -> int:
        """Width of a head."""
        return self.head or self.width // self.heads


SIZES = {
    "mid": Size(vocabulary=152_064, width=768, hidden=2048, blocks=12, heads=12),
    "tiny": Size(vocabulary=4096, width=256, hidden=768, blocks=6, heads=4),
    "qwen3-14b": Size(
        vocabulary=151_936,
        width=5120,
        hidden=17_408,
        blocks=40,
        heads=40,
        kv_heads=8,
        head=128,
        context=40_960,
        mixed=True,
    ),
}
_COPIES = "-copying"


def copying(name: str) -> str:
    """Return the name of the model of the same size that copies."""
    return f"{name}{_COPIES}"


def random_model(folder: Path, name: str) -> Path:
    """Return the path of a model, which is written when it is not there."""
    size = SIZES[name.removesuffix(_COPIES)]
    path = folder / f"random-{name}.gguf"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(".part")
        write(scratch, replace(size, copies=name.endswith(_COPIES)))
        scratch.replace(path)
    return path


def endless(folder: Path, source: Path) -> Path:
    """Return the path of a copy of a model that never ends a text: every text has the length that was asked for.

    Its end mark gets another spelling of the same length, in vocabulary and template alike, and another token is named
    as the end; nothing else changes.
    """
    path = folder / f"endless-{source.stem}.gguf"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        data = bytearray(source.read_bytes().replace(_END_MARK, _NO_END_MARK))
        at = data.index(_END_KEY) + len(_END_KEY) + _TYPE_BYTES
        data[at : at + 4] = (0).to_bytes(4, "little")
        scratch = path.with_suffix(".part")
        scratch.write_bytes(data)
        scratch.replace(path)
    return path


def write(path: Path, size: Size, seed: int = 0) -> None:
    """Write a model of a size; the same seed gives the same bytes."""
    writer = gguf.GGUFWriter(path, "qwen3", use_temp_file=True)
    _write_shape(writer, size)
    _write_tokenizer(writer, size)
    draw = np.random.default_rng(seed)
    letters = np.zeros((256, size.width), np.float32)
    for name, shape, spread in _tensors(size):
        if len(shape) == 1:
            writer.add_tensor(name, np.ones(shape, np.float32))
        elif size.mixed:
            kind = mixture(name, size.blocks)
            rows = random_rows(kind, shape, spread, draw)
            writer.add_tensor(name, _endless(name, rows), raw_dtype=kind)
        else:
            weights = draw.standard_normal(shape, np.float32) * np.float32(spread)
            letters = weights[:256].copy() if name == "token_embd.weight" else letters
            if size.copies:
                _copy(name, weights, letters)
            writer.add_tensor(name, gguf.quantize(_endless(name, weights), _TYPE), raw_dtype=_TYPE)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _endless(name: str, rows: NDArray[Any]) -> NDArray[Any]:
    """Make the tokens that end a text unlikely: nothing speaks for them in the head."""
    if name == "output.weight":
        rows[-len(_SPECIALS) :] = 0
    return rows


def _copy(name: str, weights: NDArray[np.float32], letters: NDArray[np.float32]) -> None:
    """Let a matrix take its part in copying: blocks add nothing, and the head knows what follows a character."""
    if name.endswith(("attn_output.weight", "ffn_down.weight")):
        weights[:] = 0
    if name == "output.weight":
        places = [ord(character) for character in CYCLE]
        weights[places] = letters[[places[-1], *places[:-1]]] * np.float32(_SURE / letters.shape[1])
        weights[places[0]] += letters[ord("\n")] * np.float32(_SURE / letters.shape[1])


def _write_shape(writer: gguf.GGUFWriter, size: Size) -> None:
    kind = gguf.LlamaFileType.MOSTLY_Q4_K_M if size.mixed else gguf.LlamaFileType.MOSTLY_Q8_0
    writer.add_name("random weights")
    writer.add_file_type(int(kind))
    writer.add_context_length(size.context)
    writer.add_embedding_length(size.width)
    writer.add_block_count(size.blocks)
    writer.add_feed_forward_length(size.hidden)
    writer.add_head_count(size.heads)
    writer.add_head_count_kv(size.groups)
    writer.add_key_length(size.head_width)
    writer.add_value_length(size.head_width)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(size.vocabulary)


def _write_tokenizer(writer: gguf.GGUFWriter, size: Size) -> None:
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    letters = [chr(byte) if byte in printable else chr(next(spare)) for byte in range(256)]
    words = [f"w{number}" for number in range(size.vocabulary - len(letters) - len(_SPECIALS))]
    tokens = [*letters, *words, *_SPECIALS]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in _SPECIALS else 1 for token in tokens])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(len(tokens) - 3)
    writer.add_eos_token_id(len(tokens) - 1)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)


def _tensors(size: Size) -> list[tuple[str, tuple[int, ...], float]]:
    """Return name, shape and spread of every tensor."""
    head = size.head_width
    inner, keys = size.heads * head, size.groups * head
    found: list[tuple[str, tuple[int, ...], float]] = [
        ("token_embd.weight", (size.vocabulary, size.width), 1.0),
        ("output_norm.weight", (size.width,), 0.0),
        ("output.weight", (size.vocabulary, size.width), _PEAK / size.width**0.5),
    ]
    for block in range(size.blocks):
        matrices: dict[str, tuple[int, ...]] = {
            "attn_q": (inner, size.width),
            "attn_k": (keys, size.width),
            "attn_v": (keys, size.width),
            "attn_output": (size.width, inner),
            "ffn_gate": (size.hidden, size.width),
            "ffn_up": (size.hidden, size.width),
            "ffn_down": (size.width, size.hidden),
        }
        norms: dict[str, tuple[int, ...]] = {
            "attn_norm": (size.width,),
            "ffn_norm": (size.width,),
            "attn_q_norm": (head,),
            "attn_k_norm": (head,),
        }
        for name, shape in (matrices | norms).items():
            found.append((f"blk.{block}.{name}.weight", shape, 1 / size.width**0.5))
    return found
