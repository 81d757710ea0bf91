"""The chat template of the embedded model, and the same texts made without Jinja for the training data.

ChatML with the roles and thinking marks of Qwen3. A test holds both forms byte-equal.
"""

from __future__ import annotations

from collections.abc import Sequence

from inference.base import Message

END, START, STOP = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
THINK, NO_MORE = "<think>", "</think>"
SPECIAL = (END, START, STOP, THINK, NO_MORE)
"""Special tokens in the order of their ids, from 0."""
HAND_OVER = "\n..."
"""Stands where the cap cuts thinking short; the second training shows it."""
CUT = "\0"
"""Parts a training text into pieces that are tokenised apart, as forced texts are."""

TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}"
    "{{- '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}"
    "{{- '<think>\\n\\n</think>\\n\\n' }}"
    "{%- endif %}"
    "{%- endif %}"
)


def prompt_text(messages: Sequence[Message], *, thinking: bool) -> str:
    """Return the conversation up to where the model writes."""
    turns = "".join(f"{START}{m.role}\n{m.content}{STOP}\n" for m in messages)
    return f"{turns}{START}assistant\n" + ("" if thinking else f"{THINK}\n\n{NO_MORE}\n\n")


def completion_text(answer: str, thoughts: str | None) -> str:
    """Return what the model writes, with its end mark; `thoughts` None means that it does not think."""
    lead = "" if thoughts is None else f"{THINK}\n{thoughts}\n{NO_MORE}\n\n"
    return f"{lead}{answer}{STOP}"
