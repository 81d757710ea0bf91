"""The set-up's step for llama.cpp, run in a virtual environment of its own with a wheel that installs in no time."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLAIN_PATH = "/usr/bin:/bin"
MEND = "put nvcc in PATH (often /usr/local/cuda/bin), or make setup CUDA=0"

pytestmark = pytest.mark.skipif(shutil.which("nvcc", path=PLAIN_PATH) is not None, reason="nvcc cannot be hidden here")


class SetUp:
    """Runs functions of deploy/set-up.sh against a virtual environment and a cache of wheels in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stamps = folder / "venv" / ".set-up"
        self._compiler = folder / "cuda"
        self._compiler.mkdir()
        nvcc = self._compiler / "nvcc"
        nvcc.write_text("#!/bin/sh\necho Cuda compilation tools, release 12.4\n")
        nvcc.chmod(0o755)
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)

    def run(self, call: str, *, nvcc: bool, cuda: str | None = None) -> subprocess.CompletedProcess[str]:
        """Call a function of the script, whose last lines run the steps and are left out."""
        functions = (ROOT / "deploy" / "set-up.sh").read_text().partition("\nenvironment\n")[0]
        environment = {
            "PATH": f"{self._compiler}:{PLAIN_PATH}" if nvcc else PLAIN_PATH,
            "HOME": str(self.folder),
            "VENV": str(self.folder / "venv"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
        }
        if cuda is not None:
            environment["CUDA"] = cuda
        return subprocess.run(
            ["bash", "-c", f"{functions}\n{call}", str(ROOT / "deploy" / "set-up.sh")],
            env=environment, capture_output=True, text=True, check=False, cwd=ROOT,
        )  # fmt: skip

    def keep_wheel(self, *, nvcc: bool, cuda: str) -> None:
        """Lay an empty wheel where a built one would be kept for this machine."""
        key = self.run("engine_key 1", nvcc=nvcc, cuda=cuda).stdout.strip().removeprefix("1-")
        version = self.run("sed -n 's/^llama-cpp-python==\\([0-9.]*\\).*/\\1/p' requirements.lock", nvcc=False).stdout
        folder = self.folder / "cache" / "atlas" / "wheels" / f"{version.strip()}-{key}"
        folder.mkdir(parents=True)
        with zipfile.ZipFile(folder / "engine-1-py3-none-any.whl", "w") as wheel:
            info = "engine-1.dist-info"
            wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: engine\nVersion: 1\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def with_cuda(tmp_path_factory):
    """A set-up that has installed a wheel for an NVIDIA GPU."""
    made = SetUp(tmp_path_factory.mktemp("set-up"))
    made.keep_wheel(nvcc=True, cuda="1")
    done = made.run("engine", nvcc=True, cuda="1")
    assert done.returncode == 0, done.stderr
    return made


def test_installed_cuda_wheel_needs_no_compiler(with_cuda):
    done = with_cuda.run("engine", nvcc=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_wheel_that_must_be_built_names_the_missing_compiler(with_cuda):
    installed = with_cuda.stamps / "engine"
    kept = installed.read_text()
    installed.write_text("of another version\n")
    shutil.move(with_cuda.folder / "cache", with_cuda.folder / "elsewhere")
    try:
        done = with_cuda.run("engine", nvcc=False)
    finally:
        shutil.move(with_cuda.folder / "elsewhere", with_cuda.folder / "cache")
        installed.write_text(kept)
    assert done.returncode == 1
    assert MEND in done.stderr


def test_wheel_for_the_processor_is_not_taken_for_one_with_cuda(tmp_path):
    made = SetUp(tmp_path)
    made.keep_wheel(nvcc=False, cuda="0")
    assert made.run("engine", nvcc=False, cuda="0").returncode == 0
    done = made.run("engine", nvcc=False, cuda="1")
    assert done.returncode == 1
    assert MEND in done.stderr
