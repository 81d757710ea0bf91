"""The examples in the docstrings run, with the model and the sandbox that a person has."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

pytestmark = [pytest.mark.gguf, pytest.mark.bubblewrap]


@pytest.mark.parametrize(("module", "examples"), [("graphs.running", 3), ("graphs.solver", 1), ("graphs.tool", 1)])
def test_examples_run(module, examples):
    loaded = import_module(module)
    with_examples = [test for test in doctest.DocTestFinder().find(loaded) if test.examples]
    result = doctest.testmod(loaded)
    assert (len(with_examples), result.failed) == (examples, 0)
