"""Replies of two real models to the product's own prompts are read as they were when each was looked at.

`replies.jsonl`: Qwen2.5-Coder-Instruct of 0.5B and 1.5B, temperature 0.8. The first 54 are to tasks of data sets, whose
names, statements and numbers were replaced; the others are to ten problems of our own, every second one of them of the
0.5B without the form that the engine holds a reply to. `gives` is the number of programs, tests, inputs or list items
in a reply; where it is 0 there is nothing in it to be read, or it was cut.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from nodes.parsing import extract_code, parse_bullets, parse_inputs, parse_tests
from nodes.parsing.mending import tree_of

REPLIES = [json.loads(line) for line in (Path(__file__).parent / "replies.jsonl").read_text("utf-8").splitlines()]


def read(reply):
    text, mode, entry = reply["text"], reply["mode"], reply["entry"]
    match reply["kind"]:
        case "code" | "oracle" | "repair":
            code = extract_code(text, entry, ended=reply["stop"] == "end")
            return [] if code is None else [code]
        case "tests":
            return parse_tests(text, mode, entry)
        case "separate":
            return parse_inputs(text, mode, entry)
        case _:
            return parse_bullets(text)


@pytest.mark.parametrize("reply", REPLIES, ids=[f"{i}-{one['model']}-{one['kind']}" for i, one in enumerate(REPLIES)])
def test_a_real_reply_is_read(reply):
    assert len(read(reply)) >= reply["gives"]


def test_programs_of_real_replies_are_python():
    asked = [reply for reply in REPLIES if reply["kind"] in ("code", "oracle", "repair")]
    programs = [code for reply in asked for code in read(reply)]
    assert len(programs) >= 70
    assert [code for code in programs if tree_of(code) is None] == []


def test_nearly_every_reply_gives_what_was_asked_for():
    asked = Counter(reply["kind"] for reply in REPLIES)
    given = Counter(reply["kind"] for reply in REPLIES if read(reply))
    assert {kind: given[kind] / asked[kind] >= 0.8 for kind in asked} == dict.fromkeys(asked, True)
