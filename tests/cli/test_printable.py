"""Model-written text cannot command the terminal."""

from __future__ import annotations

import pytest

from cli.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("a\tb\nc é 漢", "a\tb\nc é 漢", id="text-stays"),
        pytest.param("\x1b[2J\r\x07", r"\x1b[2J\r\x07", id="terminal-commands"),
        pytest.param("\x9b\x85", r"\x9b\x85", id="eight-bit-commands"),
        pytest.param("a\u202eb\u2066", r"a\u202eb\u2066", id="reordering"),
        pytest.param("a\u200bb\u2028", r"a\u200bb\u2028", id="hidden"),
        pytest.param("\ud800", r"\ud800", id="lone-surrogate"),
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown
    printable(text).encode("utf-8")
