"""Packages for scientific programs: seen by those boxes only, read-only, and only where somebody has built them."""

from __future__ import annotations

import docker
import pytest

from sandbox import image, science
from sandbox.base import UNSAFE, Limits, Program, SandboxUnavailableError
from sandbox.choice import open_sandbox
from sandbox.languages import SCIENCE, with_its_packages

LIMITS = Limits(cpu_s=60, memory_mb=1024)


@pytest.fixture
def scientific(sandbox):
    """A back end that has the packages; Docker's image is built when it is not there."""
    if sandbox.name == "docker":
        client = docker.from_env()
        try:
            image.find(client, SCIENCE)
        except SandboxUnavailableError:
            image.build("local", SCIENCE)
        finally:
            client.close()
    return sandbox


def run(sandbox, source, given="", mode="stdio", language=SCIENCE.name):
    return sandbox.run(Program(source=source, mode=mode, entry_point="f", language=language), [given], LIMITS)[0]


@pytest.mark.science
def test_programs_import_the_packages_in_both_modes(scientific):
    printed = run(
        scientific, "import numpy, scipy.linalg, sympy\nprint(scipy.linalg.det(numpy.eye(3)), sympy.Integer(7))"
    )
    assert (printed.status, printed.output) == ("completed", "1.0 7\n"), printed
    called = run(scientific, "import numpy as np\ndef f(xs):\n    return float(np.sum(xs))", "[1, 2.5]", "function")
    assert (called.status, called.output) == ("completed", "3.5"), called


@pytest.mark.science
def test_the_packages_cannot_be_changed_and_are_all_that_is_added(scientific):
    look = "import sys; print([p for p in sys.path if 'site-packages' in p])"
    assert run(scientific, look).output == "[]\n"
    wrote = run(scientific, "open('/opt/science/numpy/__init__.py', 'a').write('1')")
    assert wrote.status == "runtime_error"
    assert "OSError" in wrote.error or "PermissionError" in wrote.error


@pytest.mark.science
def test_a_scientific_program_meets_the_same_walls(scientific):
    hoard = run(scientific, "import numpy\nkept = [numpy.ones(1 << 24) for _ in range(99)]")
    assert hoard.status == "memory", hoard
    call = "import socket\nimport numpy\nsocket.create_connection(('127.0.0.1', 1))"
    assert run(scientific, call).status == "runtime_error"


def test_other_boxes_do_not_see_them(sandbox):
    plain = run(sandbox, "import os; print(os.path.exists('/opt/science'))", language="python")
    assert plain.output == "False\n"


@pytest.mark.bubblewrap
def test_without_them_the_command_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(science, "LOCK", tmp_path / "other.lock")
    science.LOCK.write_text("nothing")
    with (
        open_sandbox("bubblewrap", workers=1) as box,
        pytest.raises(SandboxUnavailableError, match="run `make science`"),
    ):
        run(box, "import numpy")


def test_without_isolation_there_are_none():
    with (
        open_sandbox(UNSAFE, workers=1) as box,
        pytest.raises(SandboxUnavailableError, match="use Docker or bubblewrap"),
    ):
        run(box, "import numpy")


def test_a_failed_download_leaves_nothing_behind(monkeypatch, tmp_path):
    monkeypatch.setattr(science, "LOCK", tmp_path / "bad.lock")
    monkeypatch.setattr(science, "_SYSTEM_CACHE", tmp_path / "cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    science.LOCK.write_text(f"numpy==2.2.6 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(SandboxUnavailableError, match="cannot be downloaded"):
        science.build("3.11")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.name.startswith("science-")]


@pytest.mark.parametrize(
    ("source", "language"),
    [
        ("import numpy as np", "python-science"),
        ("def f():\n    from scipy.special import erf", "python-science"),
        ("import math\nimport numpyro", "python"),
        ("# import numpy", "python"),
    ],
)
def test_the_text_of_a_program_says_what_it_imports(source, language):
    assert with_its_packages("python", source) == language
    assert with_its_packages("go", source) == "go"
