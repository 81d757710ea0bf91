"""Write the network and its tokenizer as a GGUF file of architecture `qwen3`, in F32 or Q8_0.

The file carries the prompt profile and the hash of the templates it was trained on, so that an edited prompt without a
new training is noticed. Norms stay F32; the output matrix is the embedding and is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Quantisation
from numpy.typing import NDArray

from benchmark.embedded.chat import END, HAND_OVER, NO_MORE, SPECIAL, STOP, TEMPLATE, THINK
from benchmark.embedded.sizes import Dimensions
from nodes.prompting import templates_hash

NAME = "ATLAS embedded"
DESCRIPTION = "embedded demonstration model"
NOTICE = (
    "Embedded demonstration model: knows only short list, string and dict specs; use --model PATH.gguf for real work"
)
Weights = Mapping[str, NDArray[np.float32]]
Precision = Literal["F32", "Q8_0"]


def write_gguf(path: Path, weights: Weights, size: Dimensions, tokenizer: str, precision: Precision) -> None:
    """Write one model file.

    Args:
        path: where to; overwritten.
        weights: arrays by the GGUF tensor name without `.weight`.
        size: the network's sizes.
        tokenizer: the JSON text of the `tokenizers` library.
        precision: of the matrices.
    """
    writer = gguf.GGUFWriter(str(path), "qwen3")
    _describe(writer, weights, precision)
    _sizes(writer, size)
    _vocabulary(writer, json.loads(tokenizer))
    for name, array in weights.items():
        if precision == "Q8_0" and array.ndim == 2:
            packed = gguf.quants.quantize(array, Quantisation.Q8_0)
            writer.add_tensor(f"{name}.weight", packed, raw_dtype=Quantisation.Q8_0)
        else:
            writer.add_tensor(f"{name}.weight", array.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: Any, weights: Weights, precision: Precision) -> None:
    millions = sum(array.size for array in weights.values()) / 1e6
    writer.add_name(NAME)
    writer.add_description(DESCRIPTION)
    writer.add_license("apache-2.0")
    writer.add_size_label(f"{millions:.1f}M")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0 if precision == "Q8_0" else gguf.LlamaFileType.ALL_F32)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_string("atlas.prompt_profile", "compact")
    writer.add_string("atlas.templates_sha256", templates_hash("compact"))
    writer.add_string("atlas.notice", NOTICE)
    writer.add_string("atlas.hand_over", HAND_OVER)


def _sizes(writer: Any, size: Dimensions) -> None:
    writer.add_context_length(size.context)
    writer.add_embedding_length(size.width)
    writer.add_block_count(size.layers)
    writer.add_feed_forward_length(size.hidden)
    writer.add_vocab_size(size.vocabulary)
    writer.add_rope_freq_base(size.rope_base)
    writer.add_rope_dimension_count(size.head_width)
    writer.add_head_count(size.heads)
    writer.add_head_count_kv(size.key_value_heads)
    writer.add_key_length(size.head_width)
    writer.add_value_length(size.head_width)
    writer.add_layer_norm_rms_eps(size.epsilon)


def _token_type(token: str) -> int:
    if token in (THINK, NO_MORE):
        return int(gguf.TokenType.USER_DEFINED)
    return int(gguf.TokenType.CONTROL if token in SPECIAL else gguf.TokenType.NORMAL)


def _vocabulary(writer: Any, tokenizer: dict[str, Any]) -> None:
    ids = {**tokenizer["model"]["vocab"], **{entry["content"]: entry["id"] for entry in tokenizer["added_tokens"]}}
    tokens = sorted(ids, key=lambda token: int(ids[token]))
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in tokenizer["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([_token_type(token) for token in tokens])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(ids[END])
    writer.add_eos_token_id(ids[STOP])
    writer.add_pad_token_id(ids[END])
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_chat_template(TEMPLATE)
