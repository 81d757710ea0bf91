"""Write a GGUF file of a given shape without weights: a true header, and a hole where the tensors would be.

llama.cpp can be asked to plan such a model without allocating it, which tells what a real one of that shape would take.
"""

from __future__ import annotations

import os
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type


def write_shaped(
    path: Path,
    *,
    layers: int = 2,
    width: int = 256,
    heads: int = 4,
    kv_heads: int = 2,
    head: int = 64,
    hidden: int = 512,
    vocabulary: int = 512,
    context: int = 40_960,
    tied: bool = True,
    weights: Type = Type.Q4_K,
) -> Path:
    """Write a qwen3 model."""
    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_layer_norm_rms_eps(1e-6)
    _vocabulary(writer, vocabulary)
    tensors = {"token_embd": ((vocabulary, width), weights), "output_norm": ((width,), Type.F32)}
    if not tied:
        tensors["output"] = ((vocabulary, width), weights)
    for index in range(layers):
        block = {
            "attn_norm": ((width,), Type.F32),
            "attn_q": ((heads * head, width), weights),
            "attn_k": ((kv_heads * head, width), weights),
            "attn_v": ((kv_heads * head, width), weights),
            "attn_q_norm": ((head,), Type.F32),
            "attn_k_norm": ((head,), Type.F32),
            "attn_output": ((width, heads * head), weights),
            "ffn_norm": ((width,), Type.F32),
            "ffn_gate": ((hidden, width), weights),
            "ffn_up": ((hidden, width), weights),
            "ffn_down": ((width, hidden), weights),
        }
        tensors |= {f"blk.{index}.{name}": value for name, value in block.items()}
    return _finish(writer, path, tensors)


def write_recurrent(path: Path, *, layers: int = 3, width: int = 256, inner: int = 512, state: int = 64) -> Path:
    """Write a mamba2 model: no attention, a state for each sequence."""
    groups, ranks, kernel = 2, 8, 4
    writer = gguf.GGUFWriter(path, "mamba2")
    writer.add_context_length(4096)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_ssm_conv_kernel(kernel)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(ranks)
    writer.add_ssm_group_count(groups)
    _vocabulary(writer, 512)
    rows = inner + 2 * groups * state
    tensors = {"token_embd": ((512, width), Type.F32), "output_norm": ((width,), Type.F32)}
    for index in range(layers):
        block = {
            "attn_norm.weight": (width,),
            "ssm_in.weight": (inner + rows + ranks, width),
            "ssm_conv1d.weight": (rows, kernel),
            "ssm_conv1d.bias": (rows,),
            "ssm_dt.bias": (ranks,),
            "ssm_a": (ranks, 1),
            "ssm_d": (ranks, 1),
            "ssm_norm.weight": (groups, inner // groups),
            "ssm_out.weight": (width, inner),
        }
        tensors |= {f"blk.{index}.{name}": (shape, Type.F32) for name, shape in block.items()}
    return _finish(writer, path, tensors)


def _vocabulary(writer: gguf.GGUFWriter, size: int) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([f"t{index}" for index in range(size)])
    writer.add_token_types([1] * size)
    writer.add_token_merges(["t 1"])
    writer.add_eos_token_id(1)


def _finish(writer: gguf.GGUFWriter, path: Path, tensors: dict[str, tuple[tuple[int, ...], Type]]) -> Path:
    for name, (shape, kind) in tensors.items():
        full = name if "ssm" in name or "." in name.removeprefix("blk.").partition(".")[2] else f"{name}.weight"
        if kind == Type.F32:
            writer.add_tensor_info(full, shape, np.dtype(np.float32), int(np.prod(shape)) * 4)
        else:
            rows = gguf.quant_shape_to_byte_shape(shape, kind)
            writer.add_tensor_info(full, rows, np.dtype(np.uint8), int(np.prod(rows)), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    size = sum(writer.ggml_pad(info.nbytes, writer.data_alignment) for info in writer.tensors[0].values())
    writer.write_padding(writer.fout[0], writer.fout[0].tell())
    writer.fout[0].flush()
    os.truncate(path, path.stat().st_size + size)
    writer.close()
    return path
