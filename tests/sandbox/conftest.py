"""One sandbox per back end for all tests of this folder."""

from __future__ import annotations

import pytest

from sandbox.base import SandboxUnavailableError
from sandbox.bubblewrap import open_bubblewrap
from sandbox.choice import open_sandbox, tested

BACK_ENDS = [
    pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
    pytest.param("watched", marks=pytest.mark.bubblewrap),
    pytest.param("docker", marks=pytest.mark.docker),
]


def open_any(name: str):
    """Open a back end; the first Docker test on a machine builds the image, without a registry."""
    from sandbox import image

    if name == "watched":
        return tested(open_bubblewrap(2, grouped=False))
    try:
        return open_sandbox(name, workers=2)
    except SandboxUnavailableError as error:
        if "make image" not in str(error):
            raise
    image.build("local")
    return open_sandbox(name, workers=2)


@pytest.fixture(scope="session", params=BACK_ENDS)
def sandbox(request):
    with open_any(request.param) as opened:
        yield opened
