"""Thinking and answer are told apart by marks in the text."""

import pytest

from inference.thinking import marks_in, split_thinking


@pytest.mark.parametrize(
    ("reply", "parts"),
    [
        pytest.param("plain", ("", "plain"), id="none"),
        pytest.param("<think>\nhm\n</think>\n\nplain", ("hm", "plain"), id="whole"),
        pytest.param("hm\n</think>\n\nplain", ("hm", "plain"), id="opened-by-the-prompt"),
        pytest.param("  <think>hm", ("hm", ""), id="never-closed"),
        pytest.param("[THINK]hm[/THINK]plain", ("hm", "plain"), id="other-marks"),
        pytest.param("<think></think>a<think>b</think>", ("", "a<think>b</think>"), id="first-block-only"),
        pytest.param("use <think> tags", ("", "use <think> tags"), id="mark-in-an-answer"),
    ],
)
def test_split(reply, parts):
    assert split_thinking(reply) == parts


def test_marks_are_found_in_a_template():
    assert marks_in("x </think> y") == ("<think>", "</think>")
    assert marks_in("plain") is None
