"""Which messages of a conversation are the task of a search."""

from __future__ import annotations

import pytest

from cli.serving.conversation import is_clients_own, task_in

PACK = "Write a function `pack(words: list[str]) -> str`.\n\n>>> pack(['a'])\n'a'"
TOTAL = "Now write a function `total(xs: list[int]) -> int`. Return the sum.\n\n>>> total([1])\n1"
SQUARE = "Read a number n and print its square."
TITLE = (
    f"### Task:\nGenerate a concise, 3-5 word title.\n### Chat History:\n<chat_history>\nUSER: {PACK}\n</chat_history>"
)
FOLLOW_UPS = (
    "### Task:\nSuggest 3-5 relevant follow-up questions that the user might ask next.\n"
    f"### Chat History:\n<chat_history>\n{PACK}\n</chat_history>"
)


@pytest.mark.parametrize(
    ("said", "task"),
    [
        ([PACK], PACK),
        ([PACK, TOTAL], TOTAL),
        ([PACK, TOTAL, "Make it faster."], f"{TOTAL}\n\nMake it faster."),
        (
            [PACK, "thanks!", "It must also take an empty list."],
            f"{PACK}\n\nthanks!\n\nIt must also take an empty list.",
        ),
        ([PACK, "Now handle this:\n>>> pack([])\n''"], f"{PACK}\n\nNow handle this:\n>>> pack([])\n''"),
        (
            [PACK, "Write a program that reads a word and prints it."],
            "Write a program that reads a word and prints it.",
        ),
        (["hi", SQUARE], SQUARE),
        ([SQUARE], SQUARE),
        ([TITLE, PACK], PACK),
        (["Two Sum"], "Two Sum"),
        (["quicksort"], "quicksort"),
        (["fizzbuzz in python"], "fizzbuzz in python"),
        (["写一个函数，返回列表的和。"], "写一个函数，返回列表的和。"),
        (["Can you write a function that reverses a list?"], "Can you write a function that reverses a list?"),
    ],
)
def test_the_last_task_is_taken_with_what_was_added(said, task):
    assert task_in(said) == task


@pytest.mark.parametrize(
    "said",
    [["hi"], ["Hello!"], ["What can you do?"], ["who are you"], [PACK, "thanks!"], [PACK, "Why does it work?"], [TITLE],
     [FOLLOW_UPS], [PACK, TITLE], ["Summarize the conversation so far in one sentence."],
     ["Create a short title for this chat: hi there"], ["Write a poem about the sea."],
     ["Write an email to my boss that says I am ill and will be back on Monday."],
     ["Summarise the following text: " + "the sea is wide and the ship is small " * 9],
     ["What does this code do?\n\n```python\ndef f(x):\n    return x\n```"],
     ["I get an IndexError here, why?\n\n```python\ndef f(x):\n    return x[9]\n```"],
     ["### Task:\nYou are an autocompletion system. Continue the text in `<text>`."],
     ["Your task is to reflect the speaker's likely facial expression through a fitting emoji. Message: ```hi```"],
     ["Summarize in a 10-word Title. Give the title only. \"reverse a list\""]],
)  # fmt: skip
def test_small_talk_and_orders_of_clients_are_no_task(said):
    assert task_in(said) is None


def test_a_task_about_titles_is_a_task():
    assert not is_clients_own("Write a function `title(words)` that generates a title from the words.")


def test_nothing_said_is_an_empty_task():
    assert task_in([]) == task_in([" "]) == ""
