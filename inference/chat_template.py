"""Turn a conversation into prompt text by the model file's own Jinja template, which is treated as hostile.

Two dangers are met here. The template itself may loop, fail or grow: it is rendered in a limited process
(`inference/template_worker.py`). And a user's text may contain the text of a control token, such as `<|im_end|>`, which
would end the user's turn: the template only ever sees placeholders, so that it is known of each character of the prompt
whether the template or a user wrote it, and `chunks` cuts the token texts in which a user had a part.

Because contents are placeholders, a rendering depends on the roles alone and is kept; the process runs once per model.

Limits: filters that a template applies to a content (such as `trim`) act on the placeholder, so contents keep their
spaces. A template that asks for the date is told the moment at which the model was opened, so that its prompts are
others tomorrow, as its authors meant. Templates that refuse a system message get it at the head of the first user
message.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from inference.base import Message, ModelError

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""Used when a model file has no template of its own."""

_MOST_SOURCE = 1 << 18
_WALL_SECONDS = 20
_PLACEHOLDER = re.compile("\ue000([0-9]+)\ue001")
_WORKER = Path(__file__).with_name("template_worker.py")
_COMMON = (("user",), ("system", "user"), ("system", "user", "assistant", "user"))

_Shape = tuple[tuple[str, ...], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of the prompt by one author."""

    text: str
    by_template: bool
    """False for a message's content, in which no text may become a control token."""


class ChatTemplate:
    """A model's template; renders conversations into pieces."""

    def __init__(self, source: str, *, bos: str = "", eos: str = "", now: datetime | None = None) -> None:
        """Keep the template's source; nothing is run yet.

        Args:
            source: the template.
            bos: text of the token that begins a text.
            eos: text of the token that ends one.
            now: what a template that asks for the date is told, in all its renderings; the present when not given.

        Raises:
            ModelError: the source is longer than any chat template.
        """
        if len(source) > _MOST_SOURCE:
            raise ModelError(f"the model's chat template has {len(source)} characters: take another model file")
        self.source = source
        self._bos = bos
        self._eos = eos
        self._now = now or datetime.now()
        self._shapes: dict[_Shape, str] = {}
        self._lock = threading.Lock()

    def pieces(self, messages: Sequence[Message], *, thinking: bool) -> tuple[Piece, ...]:
        """Render a conversation and the start of the assistant's next turn.

        Args:
            messages: the conversation.
            thinking: handed to the template as `enable_thinking`.

        Raises:
            ModelError: the template fails, loops, or drops a message.
        """
        text = self._rendered((tuple(message.role for message in messages), thinking))
        parts: list[Piece] = []
        for index, part in enumerate(_PLACEHOLDER.split(text)):
            by_template = index % 2 == 0
            parts.append(Piece(text=part if by_template else messages[int(part)].content, by_template=by_template))
        return tuple(part for part in parts if part.text)

    def after_reply(self) -> str:
        """Return what the template writes between an assistant's reply and the user's next turn.

        Raises:
            ModelError: the template fails, loops, or drops a message.
        """
        text = self._rendered((("system", "user", "assistant", "user"), False))
        by_index = _PLACEHOLDER.split(text)
        return by_index[by_index.index("2") + 1]

    def _rendered(self, shape: _Shape) -> str:
        # Texts of many threads that come at once are rendered by one process, which the first of them starts.
        with self._lock:
            return self._found(shape)

    def _found(self, shape: _Shape) -> str:
        if shape not in self._shapes:
            wanted = [shape] if self._shapes else [shape, *((roles, on) for roles in _COMMON for on in (True, False))]
            for done, outcome in zip(
                wanted, self._run([_placeholders(roles) for roles, _ in wanted], wanted), strict=True
            ):
                if _complete(outcome, len(done[0])):
                    self._shapes[done] = outcome["text"]
                elif done == shape:
                    self._shapes[done] = self._without_system(shape, outcome)
        return self._shapes[shape]

    def _without_system(self, shape: _Shape, refusal: dict[str, str]) -> str:
        """Render again with the system message inside the first user message, as some templates know no such role."""
        roles, _ = shape
        if roles[:2] == ("system", "user"):
            system, user, *rest = _placeholders(roles)
            merged = {"role": "user", "content": f"{system['content']}\n\n{user['content']}"}
            outcome = self._run([[merged, *rest]], [shape])[0]
            if _complete(outcome, len(roles)):
                return outcome["text"]
        why = refusal.get("error", "it drops a message")
        raise ModelError(f"the model's chat template fails ({why}): take another model file")

    def _run(self, conversations: list[list[dict[str, str]]], shapes: Sequence[_Shape]) -> list[dict[str, str]]:
        job = {
            "source": self.source,
            "bos": self._bos,
            "eos": self._eos,
            "now": self._now.isoformat(),
            "conversations": [
                {"messages": messages, "thinking": on} for messages, (_, on) in zip(conversations, shapes, strict=True)
            ],
        }
        command = [sys.executable, "-I", "-S", str(_WORKER), json.dumps(sys.path)]
        try:
            done = subprocess.run(
                command,
                input=json.dumps(job),
                capture_output=True,
                encoding="utf-8",
                timeout=_WALL_SECONDS,
                check=True,
                env={},
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise ModelError(
                "the model's chat template was stopped because it used too much time or memory: take another model file"
            ) from error
        results: list[dict[str, str]] = json.loads(done.stdout)
        return results


def special_pattern(specials: Iterable[str]) -> re.Pattern[str] | None:
    """Return a pattern that finds any of the special token texts, the longest first; None when there are none."""
    texts = sorted({text for text in specials if text}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, texts))) if texts else None


def chunks(pieces: Sequence[Piece], special: re.Pattern[str] | None) -> list[str]:
    """Join pieces into texts to be tokenised one by one, so that no user's text becomes a special token.

    A special token text is left whole where the template wrote all of it, and cut after its first character where any
    of it stands in a content. Texts without such an accident, nearly all, stay one chunk and tokenise as trained.
    """
    text = "".join(piece.text for piece in pieces)
    ours = b"".join((b"\1" if piece.by_template else b"\0") * len(piece.text) for piece in pieces)
    parts: list[str] = []
    begin = at = 0
    while special is not None and (found := special.search(text, at)) is not None:
        if all(ours[found.start() : found.end()]):
            at = found.end()
        else:
            at = found.start() + 1
            parts.append(text[begin:at])
            begin = at
    parts.append(text[begin:])
    return parts


def _placeholders(roles: Sequence[str]) -> list[dict[str, str]]:
    return [{"role": role, "content": f"\ue000{index}\ue001"} for index, role in enumerate(roles)]


def _complete(outcome: dict[str, str], messages: int) -> bool:
    return {int(index) for index in _PLACEHOLDER.findall(outcome.get("text", ""))} == set(range(messages))
