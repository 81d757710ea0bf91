"""Write models with random weights whose memory cannot be forked: a recurrent one (Mamba 2) and a hybrid one (LFM2)."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from tests.inference.tiny_gguf import SPECIALS, TEMPLATE, vocabulary, write_tokenizer

WIDTH, HIDDEN, HEADS = 64, 128, 2
INNER, STATE, GROUPS, RANKS, KERNEL = 128, 16, 1, 4, 4


def write_mamba(path: Path, *, blocks: int = 2, seed: int = 3) -> Path:
    """Write a Mamba 2 model: every block keeps a state, none a cell per token."""
    writer = gguf.GGUFWriter(path, "mamba2")
    writer.add_name("tiny recurrent")
    writer.add_context_length(512)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(blocks)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_ssm_conv_kernel(KERNEL)
    writer.add_ssm_inner_size(INNER)
    writer.add_ssm_state_size(STATE)
    writer.add_ssm_time_step_rank(RANKS)
    writer.add_ssm_group_count(GROUPS)
    rows = INNER + 2 * GROUPS * STATE
    draw = np.random.default_rng(seed)
    tensors = _ends(draw)
    for block in range(blocks):
        tensors |= {
            f"blk.{block}.attn_norm.weight": np.ones(WIDTH),
            f"blk.{block}.ssm_in.weight": draw.standard_normal((INNER + rows + RANKS, WIDTH)) * 0.3,
            f"blk.{block}.ssm_conv1d.weight": draw.standard_normal((rows, KERNEL)) * 0.3,
            f"blk.{block}.ssm_conv1d.bias": np.zeros(rows),
            f"blk.{block}.ssm_dt.bias": np.zeros(RANKS),
            f"blk.{block}.ssm_a": np.full((RANKS, 1), -0.02),
            f"blk.{block}.ssm_d": np.ones((RANKS, 1)),
            f"blk.{block}.ssm_norm.weight": np.ones((GROUPS, INNER // GROUPS)),
            f"blk.{block}.ssm_out.weight": draw.standard_normal((WIDTH, INNER)) * 0.3,
        }
    return _finish(writer, path, tensors)


def write_hybrid(path: Path, *, blocks: int = 3, seed: int = 3) -> Path:
    """Write an LFM2 model: short convolutions with a state, and attention in the second block."""
    writer = gguf.GGUFWriter(path, "lfm2")
    writer.add_name("tiny hybrid")
    writer.add_context_length(512)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(blocks)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv([HEADS if block == 1 else 0 for block in range(blocks)])
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(len(vocabulary()))
    writer.add_shortconv_l_cache(KERNEL - 1)
    draw = np.random.default_rng(seed)
    tensors = _ends(draw)
    tensors["token_embd_norm.weight"] = tensors.pop("output_norm.weight")
    for block in range(blocks):
        shapes = {"ffn_gate": (HIDDEN, WIDTH), "ffn_up": (HIDDEN, WIDTH), "ffn_down": (WIDTH, HIDDEN)}
        ones = {"attn_norm": WIDTH, "ffn_norm": WIDTH}
        if block == 1:
            shapes |= {name: (WIDTH, WIDTH) for name in ("attn_q", "attn_k", "attn_v", "attn_output")}
            ones |= {"attn_q_norm": WIDTH // HEADS, "attn_k_norm": WIDTH // HEADS}
        else:
            shapes |= {"shortconv.in_proj": (3 * WIDTH, WIDTH), "shortconv.out_proj": (WIDTH, WIDTH)}
            shapes |= {"shortconv.conv": (WIDTH, KERNEL - 1)}
        for name, shape in shapes.items():
            tensors[f"blk.{block}.{name}.weight"] = draw.standard_normal(shape) * 0.3
        for name, size in ones.items():
            tensors[f"blk.{block}.{name}.weight"] = np.ones(size)
    return _finish(writer, path, tensors)


def _ends(draw: np.random.Generator) -> dict[str, np.ndarray]:
    size = len(vocabulary())
    head = draw.standard_normal((size, WIDTH)) * 0.3
    head[-len(SPECIALS) :] = 0  # no text ends by itself
    return {
        "token_embd.weight": draw.standard_normal((size, WIDTH)),
        "output.weight": head,
        "output_norm.weight": np.ones(WIDTH),
    }


def _finish(writer: gguf.GGUFWriter, path: Path, tensors: dict[str, np.ndarray]) -> Path:
    write_tokenizer(writer, vocabulary(), TEMPLATE)
    writer.add_file_type(int(gguf.LlamaFileType.ALL_F32))
    for name, array in tensors.items():
        writer.add_tensor(name, array.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
