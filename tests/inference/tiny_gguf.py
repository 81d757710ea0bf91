"""Write a GGUF model with random weights: small enough for every test, real enough for llama.cpp.

The vocabulary is the 256 bytes, a few merges and the ChatML marks; the weights are drawn from a seed. What the model
says is noise, but it is the same noise each time, and it contains thinking marks when asked to think.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

TEMPLATE = """
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}
{{- '<think>\n\n</think>\n\n' }}
{%- endif %}
{%- endif %}"""
SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>")
WORDS = ("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("i", "n"), ("Ċ", "Ċ")
WIDTH, HEADS, HEAD_WIDTH, HIDDEN, BLOCKS = 64, 2, 32, 128, 2


def byte_letters() -> list[str]:
    """Return the printable letter that byte-level BPE writes for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(spare)) for byte in range(256)]


def vocabulary() -> list[str]:
    return [*byte_letters(), *("".join(pair) for pair in WORDS), *SPECIALS]


def write_tiny_gguf(
    path: Path,
    *,
    template: str | None = TEMPLATE,
    tokens: list[str] | None = None,
    context: int = 512,
    seed: int = 7,
    boost: dict[str, float] | None = None,
    metadata: dict[str, str] | None = None,
    add_bos: bool = False,
) -> Path:
    """Write the model; `boost` makes tokens more likely by giving them a share of one common direction."""
    tokens = tokens if tokens is not None else vocabulary()
    writer = gguf.GGUFWriter(path, "qwen3")
    _write_shape(writer, context, len(tokens))
    write_tokenizer(writer, tokens, template)
    writer.add_add_bos_token(add_bos)
    for key, value in (metadata or {}).items():
        writer.add_string(key, value)
    for name, array in _weights(tokens, seed, boost or {}).items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _write_shape(writer: gguf.GGUFWriter, context: int, size: int) -> None:
    writer.add_name("tiny random")
    writer.add_file_type(int(gguf.LlamaFileType.ALL_F32))
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(BLOCKS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_key_length(HEAD_WIDTH)
    writer.add_value_length(HEAD_WIDTH)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(size)


def write_tokenizer(writer: gguf.GGUFWriter, tokens: list[str], template: str | None) -> None:
    end = tokens.index("<|im_end|>")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token.startswith("<|") else 4 if token in SPECIALS else 1 for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in WORDS])
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eos_token_id(end)
    if template is not None:
        writer.add_chat_template(template)


def _weights(tokens: list[str], seed: int, boost: dict[str, float]) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)

    def matrix(rows: int, columns: int, scale: float = 0.3) -> np.ndarray:
        return (draw.standard_normal((rows, columns)) * scale).astype(np.float32)

    inner = HEADS * HEAD_WIDTH
    weights = {"token_embd.weight": matrix(len(tokens), WIDTH, 1.0), "output_norm.weight": np.ones(WIDTH, np.float32)}
    head = matrix(len(tokens), WIDTH, 0.35)
    weights["token_embd.weight"][:, 0] = 6.0
    for token, share in boost.items():
        head[tokens.index(token), 0] = share
    weights["output.weight"] = head
    for block in range(BLOCKS):
        shapes = {
            "attn_q": (inner, WIDTH),
            "attn_k": (inner, WIDTH),
            "attn_v": (inner, WIDTH),
            "attn_output": (WIDTH, inner),
            "ffn_gate": (HIDDEN, WIDTH),
            "ffn_up": (HIDDEN, WIDTH),
            "ffn_down": (WIDTH, HIDDEN),
        }
        weights |= {f"blk.{block}.{name}.weight": matrix(*shape, 0.1) for name, shape in shapes.items()}
        for name, width in {
            "attn_norm": WIDTH,
            "ffn_norm": WIDTH,
            "attn_q_norm": HEAD_WIDTH,
            "attn_k_norm": HEAD_WIDTH,
        }.items():
            weights[f"blk.{block}.{name}.weight"] = np.ones(width, np.float32)
    return weights
