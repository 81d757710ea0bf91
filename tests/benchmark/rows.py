"""Invented rows in the formats of the published data sets, written to files as those are."""

from __future__ import annotations

import base64
import csv
import gzip
import json
import pickle
import zlib


def packed(value):
    """Return what `private_test_cases` holds."""
    return base64.b64encode(zlib.compress(pickle.dumps(value))).decode()


def cases_text(*pairs, kind="stdin"):
    return json.dumps([{"input": given, "output": wanted, "testtype": kind} for given, wanted in pairs])


def lcb_row(name="abc900_a", **changes):
    """Return a LiveCodeBench row: add two numbers, from standard input."""
    row = {
        "question_title": "A. Add",
        "question_content": "Print the sum of two integers A and B.",
        "platform": "atcoder",
        "question_id": name,
        "contest_id": "abc900",
        "contest_date": "2024-08-31T00:00:00",
        "starter_code": "",
        "difficulty": "easy",
        "public_test_cases": cases_text(("1 2\n", "3\n")),
        "private_test_cases": packed(cases_text(("5 7\n", "12\n"), ("-1 1\n", "0\n"))),
        "metadata": "{}",
    }
    return row | changes


def lcb_function_row(name="9001", **changes):
    """Return a LiveCodeBench row: a method that pairs two lists."""
    row = {
        "question_title": "pair-up",
        "question_content": "Return the pairs of two lists.",
        "platform": "leetcode",
        "starter_code": "class Solution:\n    def pairUp(self, a: List[int], b: List[int]):\n        ",
        "difficulty": "medium",
        "public_test_cases": cases_text(("[1]\n[2]", "[[1, 2]]"), kind="functional"),
        "private_test_cases": packed(
            cases_text(("[]\n[]", "[]"), ("[1, 1]\n[2, 3]", "[[1, 2], [1, 3]]"), kind="functional")
        ),
        "metadata": json.dumps({"func_name": "pairUp"}),
    }
    return lcb_row(name) | row | changes


PAIR_UP = (
    "class Solution:\n    def pairUp(self, a: List[int], b: List[int]):\n        return tuple(map(list, zip(a, b)))"
)


def evalplus_row(**changes):
    """Return a HumanEval+ row: the mean of a list."""
    row = {
        "task_id": "HumanEval/900",
        "prompt": 'def mean(xs: list) -> float:\n    """Return the mean.\n\n    >>> mean([1, 2])\n    1.5\n    """\n',
        "entry_point": "mean",
        "canonical_solution": "    return sum(xs) / len(xs)\n",
        "test": "def check(candidate):\n    assert candidate([1, 2]) == 1.5\n    assert candidate([4]) == 4\n",
        "contract": "",
        "base_input": [[[1, 2]], [[4]]],
        "plus_input": [[[0.1, 0.2, 0.3]], [[-1e9, 1e9, 3]]],
        "atol": 0,
    }
    return row | changes


def mbpp_plus_row(**changes):
    """Return an MBPP+ row of a task whose arguments are tuples."""
    row = {
        "task_id": "Mbpp/2",
        "prompt": '"""\nWrite a function to find the shared elements.\nassert shared((3, 4), (4, 5)) == (4,)\n"""\n',
        "entry_point": "shared",
        "canonical_solution": "def shared(a, b):\n    return tuple(sorted(set(a) & set(b)))\n",
        "base_input": [[[3, 4], [4, 5]]],
        "plus_input": [[[], []]],
        "atol": 0,
        "contract": "",
        "assertion": "",
    }
    return row | changes


def mbpp_row(**changes):
    """Return an original MBPP row, with line ends as they are there."""
    row = {
        "text": "Write a function to double a number.",
        "code": "def twice(x):\r\n  return 2 * x",
        "task_id": 11,
        "test_setup_code": "",
        "test_list": ["assert twice(2) == 4", "assert twice(0) == 0", "assert twice(-3) == -6"],
        "challenge_test_list": [],
    }
    return row | changes


GPQA_ROW = {
    "Record ID": "rec1",
    "Question": "Which number is even?",
    "Correct Answer": " 2\n",
    "Incorrect Answer 1": "1",
    "Incorrect Answer 2": "3",
    "Incorrect Answer 3": "5",
    "High-level domain": "Arithmetic",
    "Explanation": "invented",
}


SCICODE_ROW = {
    "problem_id": "900",
    "problem_name": "invented",
    "problem_description_main": "Add and scale.",
    "problem_io": "",
    "required_dependencies": "import math",
    "sub_steps": [
        {
            "step_number": "900.1",
            "step_description_prompt": "Add two numbers.",
            "function_header": "def add(a, b):\n    '''Return the sum.'''",
            "ground_truth_code": "def add(a, b):\n    return a + b",
            "test_cases": ["x = 2\nassert math.isclose(add(x, 1), target)", "assert add(x, x) == target"],
        },
        {
            "step_number": "900.2",
            "step_description_prompt": "Scale a pair.",
            "function_header": "def scale(pair):\n    '''Return the pair times two.'''",
            "ground_truth_code": "def scale(pair):\n    return tuple(add(v, v) for v in pair)",
            "test_cases": ["a, b = scale((1, 2.5))\nassert (a, b) == target", "assert target == 'text'"],
        },
    ],
}


def write_targets(file, text="text"):
    """Write the expected values of `SCICODE_ROW` into an open HDF5 file."""
    file["900.1/test1/var1"] = 3.0
    file["900.1/test2/var1"] = 4
    file["900.2/test1/var1"] = 2
    file["900.2/test1/var2"] = 5.0
    file["900.2/test2/var1"] = text


def write_lines(path, rows):
    """Write rows as JSON lines, packed where the name says so; return the path."""
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_csv(path, rows):
    """Write rows as a csv with a head; return the path."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path
