"""A tiny GGUF per session, and GgufModel over it."""

import pytest

from inference.base import Message
from tests.inference.tiny_gguf import write_tiny_gguf


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory):
    return write_tiny_gguf(tmp_path_factory.mktemp("models") / "tiny.gguf")


@pytest.fixture(scope="session")
def open_tiny(tmp_path_factory):
    """Open a tiny model whose file differs as the keywords say; all are closed at the end."""
    from inference.gguf import GgufModel

    opened = []

    def path(**changes):
        return write_tiny_gguf(tmp_path_factory.mktemp("models") / "changed.gguf", **changes)

    def open_(context_tokens=None, **changes):
        opened.append(GgufModel(path(**changes), context_tokens=context_tokens, threads=1))
        return opened[-1]

    open_.path = path
    yield open_
    for model in opened:
        model.close()


@pytest.fixture
def hello():
    return (Message(role="system", content="Be brief."), Message(role="user", content="hello"))
