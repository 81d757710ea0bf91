"""Streams say that they are alive, tell an error last, and end what they read when nobody reads them."""

from __future__ import annotations

import asyncio
import json

from cli.serving.delivery import events, with_pauses
from cli.serving.pieces import Form, Piece, Usage
from inference.base import ModelError


async def slowly(*items, wait=0.0):
    for item in items:
        await asyncio.sleep(wait)
        yield item


async def collect(stream, most=1000):
    got = []
    async for one in stream:
        got.append(one)
        if len(got) == most:
            break
    return got


def test_silence_is_filled_and_nothing_is_lost():
    got = asyncio.run(collect(with_pauses(slowly("a", "b", wait=0.2), 0.05)))
    assert [one for one in got if one is not None] == ["a", "b"]
    assert got[0] is None


def test_what_is_read_ends_with_the_reader():
    ended = []

    async def endless():
        try:
            await asyncio.Event().wait()
            yield "never"
        finally:
            ended.append(True)

    async def leave():
        stream = with_pauses(endless(), 0.01)
        await anext(stream)
        await stream.aclose()
        await asyncio.sleep(0.01)

    asyncio.run(leave())
    assert ended == [True]


def told(*pieces, usage_wanted=False, chat=True):
    lines = asyncio.run(collect(events(slowly(*pieces), Form("raw", chat=chat), usage_wanted=usage_wanted)))
    assert all(line.endswith("\n\n") for line in lines)
    return [line.removeprefix("data: ").strip() for line in lines]


def test_each_choice_begins_with_its_role():
    lines = told(Piece(choice=0, content="a"), Piece(choice=1, content="b"), Piece(choice=0, finish="stop"))
    deltas = [json.loads(line)["choices"][0] for line in lines[:-1]]
    assert [(one["index"], one["delta"].get("role")) for one in deltas] == [
        (0, "assistant"), (0, None), (1, "assistant"), (1, None), (0, None),
    ]  # fmt: skip
    assert lines[-1] == "[DONE]"


def test_usage_comes_last_when_wanted_and_adds_up():
    pieces = [Piece(finish="stop", usage=Usage(prompt=3, generated=2)), Piece(choice=1, usage=Usage(prompt=1))]
    last = json.loads(told(*pieces, usage_wanted=True)[-2])
    assert (last["choices"], last["usage"]["prompt_tokens"], last["usage"]["total_tokens"]) == ([], 4, 6)


def test_failure_is_the_last_event_and_nothing_says_done():
    async def failing():
        yield Piece(content="half")
        raise ModelError("the weights are gone")

    lines = asyncio.run(collect(events(failing(), Form("raw", chat=True), usage_wanted=True)))
    assert "the weights are gone" in lines[-1]
    assert not any("[DONE]" in line for line in lines)
