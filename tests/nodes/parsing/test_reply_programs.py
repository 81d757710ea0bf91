"""Programs in replies: fences of every kind, several blocks, marks and characters that Python does not take."""

from __future__ import annotations

import ast

import pytest

from inference.base import Completion
from nodes.parsing import extract_code
from nodes.programs import program_of
from nodes.state import Problem

DOUBLE = "def double(n):\n    return n + n"
STUB = "def double(n):\n    raise NotImplementedError"
SLOW = "def double(n):\n    return sum([n, n])"
FENCE = "```"


def fenced(code: str, language: str = "python") -> str:
    return f"{FENCE}{language}\n{code}\n{FENCE}"


@pytest.mark.parametrize(
    "reply",
    [
        f"~~~python\n{DOUBLE}\n~~~",
        f"~~~~ py\n{DOUBLE}\n~~~~\nDone.",
        f"{FENCE}Python {{linenos=true}}\n{DOUBLE}\n{FENCE}",
        f'{FENCE}python title="a.py"\n{DOUBLE}\n{FENCE}',
        f"{FENCE}language-python\n{DOUBLE}\n{FENCE}",
        f"{FENCE}main.py\n{DOUBLE}\n{FENCE}",
        f"{FENCE}python-repl\n>>> def double(n):\n...     return n + n\n...\n{FENCE}",
        f"{FENCE}text\n{DOUBLE}\n{FENCE}",
        f"{FENCE}python def double(n):\n    return n + n\n{FENCE}",
        f"Here it is: {FENCE}python\n{DOUBLE}\n{FENCE}",
        f"1. {FENCE}python\n   def double(n):\n       return n + n\n   {FENCE}",
        f"> > {FENCE}python\n> > def double(n):\n> >     return n + n\n> > {FENCE}",
        f"{FENCE}python\n{DOUBLE}\n{FENCE} and that is all of it",
        f"{FENCE}python\n{DOUBLE}\n{FENCE}. It doubles.\nMore words.\n{FENCE}\n4\n{FENCE}",
        f"{FENCE}python\n{DOUBLE} {FENCE}\nIt doubles.",
        f"{FENCE}python\n{DOUBLE}\n\nThis adds the number to itself.",
        f"{FENCE}python\n{DOUBLE}\n\n{FENCE}text\n4\n{FENCE}",
        f"{FENCE}{FENCE}python\n{DOUBLE}\n{FENCE}",
        f"{FENCE}python\n{DOUBLE}\n{FENCE}<|endoftext|>Another problem:\n{fenced(STUB)}",
        f"<|im_start|>assistant\n{fenced(DOUBLE)}<|im_end|>\n<|im_start|>user\nthanks",
        f"{fenced(DOUBLE)}</s>",
        f"{DOUBLE}\n{FENCE}",
        f"Sure:\n\n{DOUBLE}\n\nIt doubles.",
        f"{DOUBLE}\n\nNote that `n` may be a text.\n",
        "Solution:\n\n\tdef double(n):\n\t    return n + n\n\nIt doubles.",
        f"<program>\n{DOUBLE}\n</program>",
        f"<solution>{DOUBLE}</solution>",
        f"<answer>\n{fenced(DOUBLE)}\n</answer>",
        f'<pre><code class="language-python">{DOUBLE}\n</code></pre>',
        f"[CODE]\n{DOUBLE}\n[/CODE]",
        '{"explanation": "adds", "code": "def double(n):\\n    return n + n\\n"}',
        'Here it is:\n{"code": "def double(n):\\n    return n + n"}\nDone.',
        f"<code><![CDATA[\n{DOUBLE}\n]]></code>",
        f"BEGIN\n{DOUBLE}\nEND",
        f"{FENCE}python\ndef double(n):\\n    return n + n\n{FENCE}",
        fenced('{"program": "def double(n):\\n    return n + n"}', "json"),
    ],
)
def test_program_is_found_in_any_dress(reply):
    assert extract_code(reply, "double") == DOUBLE


@pytest.mark.parametrize(
    "reply",
    [
        f"{fenced(DOUBLE)}\nUse it:\n{fenced('print(double(2))')}",
        f"{fenced(DOUBLE)}\nThe skeleton was:\n{fenced(STUB)}",
        f"{fenced(DOUBLE)}\nA brute-force version, which is slower:\n"
        + fenced("def double(n):\n    return sum([n, n])"),
        f"{fenced(DOUBLE)}\nAlternatively:\n" + fenced("def double(n):\n    return 2 * n"),
        f"Brute force first:\n{fenced(SLOW)}\nBetter:\n{fenced(DOUBLE)}",
        f"{fenced('def double(n):' + chr(10) + '    return n')}\nThat is wrong. Corrected:\n{fenced(DOUBLE)}",
        f"{fenced('def double(n):' + chr(10) + '    return n +')}\nAgain:\n{fenced(DOUBLE)}",
        f"{fenced(DOUBLE, '')}\nUse:\n{fenced('print(double(2))')}",
        f"{fenced(DOUBLE)}\nIn Java:\n{fenced('int f(int n) {}', 'java')}",
    ],
)
def test_program_is_the_one_that_was_asked_for(reply):
    assert extract_code(reply, "double") == DOUBLE


@pytest.mark.parametrize(
    "code",
    [
        'def double(n):\n    """Add.\n\n    ```python\n    double(2)\n    ```\n    """\n    return n + n',
        "def double(n):\n    '''\n```\n4\n```\n'''\n    return n + n",
        "import operator\n\n\nclass Solution:\n    def double(self, n):\n        return operator.add(n, n)",
        "from operator import add as plus\n\ndouble = lambda n: plus(n, n)",
        "def double(n):\n    return n.replace('&lt;', '<') + '&amp;'",
        "def double(n):\n    return n + '\u00a0\u200b'",
    ],
)
def test_a_whole_program_stays_as_it_is(code):
    assert extract_code(f"Here:\n{fenced(code)}\nDone.", "double") == code


@pytest.mark.parametrize(
    "written",
    [
        "def double(n):\n\u2003\u2003return n + n",
        "def double(n):\n    \u200breturn n + n",
        "def double(n) -> \u201cint\u201d:\n    return n + n",
        "def double(n):\n    return n - \u2212n",
        "def double(n):\n    return n + n if n &gt; 0 &amp;&amp; 1 else n".replace(" &amp;&amp; 1", ""),
        "1 def double(n):\n2     return n + n",
        "+def double(n):\n+    return n + n",
        "  def double(n):\n      return n + n",
        "    import math\ndef double(n):\n    return n + n",
        "def double(n):\n\tif n:\n        return n + n\n\treturn n",
    ],
)
def test_characters_that_python_does_not_take_are_mended(written):
    code = extract_code(fenced(written), "double")
    assert code is not None
    space: dict[str, object] = {}
    exec(compile(code, "reply", "exec"), space)
    assert space["double"](3) == 6  # type: ignore[operator]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (f"{fenced('print(input()[0])')}\nOutput:\n{fenced('7', '')}", "print(input()[0])"),
        (f"{fenced('print(input())')}\nThe part\n{fenced('input()')}\nreads.", "print(input())"),
        ("import sys\nprint(sum(map(int, sys.stdin)))", "import sys\nprint(sum(map(int, sys.stdin)))"),
        (f"{fenced('def go():' + chr(10) + '    print(input())')}\nRun it:\n{fenced('go()')}",
         "def go():\n    print(input())\n\ngo()"),
        ("print(int(input()) * 2)", "print(int(input()) * 2)"),
    ],
)  # fmt: skip
def test_a_program_that_reads_and_prints_is_found(reply, code):
    assert extract_code(reply) == code


def test_what_a_program_needs_is_taken_from_the_other_blocks():
    parts = ["import math", "def half(n):\n    return math.floor(n / 2)", "def double(n):\n    return half(4 * n)"]
    reply = "\nand\n".join(map(fenced, [*parts, "print(double(1))"]))
    code = extract_code(reply, "double")
    assert code == "\n\n".join(parts)


def test_a_block_that_does_something_is_not_joined():
    reply = f"{fenced('k = int(input())')}\nThen:\n{fenced('def double(n):' + chr(10) + '    return n * k')}"
    assert extract_code(reply, "double") == "def double(n):\n    return n * k"


OPEN = f"{FENCE}python\n{DOUBLE}\n"


@pytest.mark.parametrize("reply", [OPEN, DOUBLE, f"Here:\n\n    {DOUBLE.replace(chr(10), chr(10) + '    ')}\n"])
def test_what_was_never_ended_counts_only_in_a_reply_that_ended(reply):
    assert extract_code(reply, "double") == DOUBLE
    assert extract_code(reply, "double", ended=False) is None


@pytest.mark.parametrize(
    "reply", [f"{FENCE}python\nx = 1\n", f"{FENCE}python\n{STUB}\n", f"{FENCE}python\n{DOUBLE} +\n"]
)
def test_an_open_block_counts_only_as_a_whole_program(reply):
    assert extract_code(reply, "double") is None


def test_a_closed_block_counts_in_a_reply_that_was_cut():
    assert extract_code(f"{fenced(DOUBLE)}\nIt works since", "double", ended=False) == DOUBLE


@pytest.mark.parametrize(
    ("stop", "code"),
    [("end", DOUBLE), ("stop_text", DOUBLE), ("length", None), ("deadline", None), ("cancelled", None)],
)
def test_the_reason_to_stop_says_whether_a_reply_is_whole(stop, code):
    problem = Problem(statement="Double it.", entry_point="double")
    assert program_of(Completion(text=OPEN, stop=stop), problem) == code


def test_a_closed_block_that_is_no_python_is_kept_for_repair():
    code = extract_code(fenced("def double(n)\n    return n + n"), "double")
    assert code == "def double(n)\n    return n + n"
    with pytest.raises(SyntaxError):
        ast.parse(code)


def test_no_warning_of_a_stranger_s_program_reaches_the_terminal(recwarn):
    assert extract_code(fenced("def double(n):\n    return n + n if n is 1 else '\\d'"), "double") is not None
    assert not recwarn.list


@pytest.mark.parametrize(
    "demo",
    ["from solution import total\n\nassert total([1]) == 1\nprint('ok')", "total = total([1, 2])\nprint(total)"],
)
def test_a_block_that_has_the_function_from_elsewhere_is_not_the_program(demo):
    program = "def total(xs):\n    return sum(xs)"
    assert extract_code(f"{fenced(program)}\nTest it:\n{fenced(demo)}", "total") == program
    assert extract_code(fenced("from math import gcd"), "gcd") == "from math import gcd"


@pytest.mark.parametrize("head", ["python", "!pip install numpy", "%timeit f(1)"])
def test_words_above_a_program_are_no_part_of_it(head):
    assert extract_code(f"```\n{head}\ndef f(x):\n    return x\n```", "f") == "def f(x):\n    return x"


@pytest.mark.parametrize(
    "program",
    [
        "n = int(input())\nfor i in range(n):\n    x = int(input())\n    print(x * 2)",
        "while True:\n    try:\n        print(int(input()) * 2)\n    except EOFError:\n        break",
        "# read\nfor _ in range(int(input())):\n    print(input())",
    ],
)
def test_a_program_without_a_fence_is_whole(program):
    assert extract_code(program) == program


@pytest.mark.parametrize("words", ["Wait, this is wrong. Let me rewrite:", "But it is too slow. Try this:"])
def test_what_corrects_the_block_above_comes_first(words):
    first, second = "def f(x):\n    return x + 1", "def f(x):\n    return x"
    assert extract_code(f"{fenced(first)}\n{words}\n{fenced(second)}", "f") == second
    assert extract_code(f"{fenced(first)}\nThis is a wrong approach:\n{fenced(second)}", "f") == first


def test_a_program_in_steps_reads_its_input():
    steps = ["n = int(input())\nxs = list(map(int, input().split()))", "total = sum(xs)", "print(total)"]
    assert extract_code("\nThen:\n".join(map(fenced, steps))) == "\n\n".join(steps)


def test_markdown_in_a_fence_is_read():
    assert extract_code(f"````markdown\n{fenced('def f(x):' + chr(10) + '    return x')}\n````", "f")
    assert extract_code("import the math module first.\n\ndef f(x):\n    return x", "f") == "def f(x):\n    return x"
