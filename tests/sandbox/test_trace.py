"""Error output, cut to what a repair can use."""

from __future__ import annotations

from sandbox.trace import last_line, own_frames

TRACEBACK = """Traceback (most recent call last):
  File "/opt/sandbox/sandbox/harness.py", line 153, in <module>
    main()
  File "/opt/sandbox/sandbox/harness.py", line 145, in main
    value = find(load(SOURCE), sys.argv[1])(*arguments)
            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/box/main.py", line 2, in f
    return 1 / x
           ~~^~~
ZeroDivisionError: division by zero
"""


def test_only_the_programs_frames_stay():
    assert own_frames(TRACEBACK) == (
        'Traceback (most recent call last):\n  File "main.py", line 2, in f\n    return 1 / x\n           ~~^~~\n'
        "ZeroDivisionError: division by zero"
    )


def test_long_lines_and_long_texts_are_cut():
    assert len(own_frames("x" * 4096)) < 310
    text = own_frames("\n".join(f"line {number}" for number in range(1000)))
    assert text.startswith("...\nline ")
    assert text.endswith("line 999")
    assert len(text) < 2010


def test_the_last_line_skips_blank_ones():
    assert last_line("a\nMemoryError\n\n") == "MemoryError"
    assert last_line("") == ""


def test_the_rest_of_a_lost_line_goes():
    text = 'harness.py", line 3\n  File "/box/main.py", line 2\nValueError'
    assert own_frames(text, cut=True) == 'File "main.py", line 2\nValueError'
    assert own_frames("one long line", cut=True) == "one long line"
