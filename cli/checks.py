"""What ATLAS needs of a machine, one check each: found or not, and the one command that mends it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inference.base import ModelError
from inference.machine import VISIBLE, built_for_cuda, nvidia_gpus
from nodes.settings import SandboxName, Settings
from sandbox.base import SandboxUnavailableError

LEAST_DISK_MB = 1000
DOCKER_SANDBOX = "Docker sandbox"
BUBBLEWRAP_SANDBOX = "bubblewrap sandbox"
_REBUILD = "rm -rf ~/.cache/atlas/wheels && make clean setup"
START_DOCKER = "sh deploy/docker-engine.sh"
_NVIDIA_DEVICE = Path("/dev/nvidiactl")
_NAMESPACE_SWITCHES = {
    "/proc/sys/user/max_user_namespaces": "0",
    "/proc/sys/kernel/unprivileged_userns_clone": "0",
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1",
}
"""Kernel switches, with the value that stops ordinary users from making namespaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of one look at the machine."""

    name: str
    ok: bool
    detail: str
    mend: str = ""
    """The command that mends it; empty when all is well."""
    parts: tuple[str, ...] = ()
    """What the detail sums up, one line each."""


def python_version() -> Check:
    """Look at the interpreter that runs this."""
    ok = sys.version_info >= (3, 11)
    mend = "" if ok else as_root("apt-get install python3.11")
    return Check(name="Python", ok=ok, detail=platform.python_version(), mend=mend)


def compiler() -> Check:
    """Look for what builds llama.cpp; needed once."""
    found = shutil.which("c++")
    mend = "" if found else as_root("apt-get install g++")
    return Check(name="C++ compiler", ok=bool(found), detail=found or "none; needed to build llama.cpp", mend=mend)


def engine() -> Check:
    """Look for llama-cpp-python, and let a child process compute with it."""
    from graphs.factory import EMBEDDED
    from inference.trial import trial

    name = "llama-cpp-python"
    found = importlib.util.find_spec("llama_cpp")
    if found is None:
        return Check(name=name, ok=False, detail="not installed", mend="make setup")
    kind = f"{_version_of('llama_cpp_python')}, {'with CUDA' if built_for_cuda() else 'for the CPU'}"
    fault = trial(EMBEDDED) if EMBEDDED.exists() else ""
    if fault:
        return Check(name=name, ok=False, detail=f"{kind}; it does not compute here: {fault}", mend=_REBUILD)
    return Check(name=name, ok=True, detail=kind)


def graphics_card() -> Check:
    """See whether a GPU stands idle because llama.cpp was built without CUDA, or because the driver does not answer."""
    gpus = nvidia_gpus()
    if gpus:
        names = ", ".join(f"{gpu.name}, {gpu.free / 2**30:.1f} of {gpu.total / 2**30:.1f} GiB free" for gpu in gpus)
        if built_for_cuda():
            return Check(name="GPU", ok=True, detail=f"{names}; used by llama.cpp")
        detail = f"{names}; the installed llama-cpp-python was built for the CPU and cannot use it"
        return Check(name="GPU", ok=False, detail=detail, mend="make setup CUDA=1")
    if _NVIDIA_DEVICE.exists() and VISIBLE in os.environ:
        return Check(name="GPU", ok=True, detail=f"none that {VISIBLE} lets through; models run on the CPU")
    if _NVIDIA_DEVICE.exists():
        detail = "an NVIDIA device is there, but nvidia-smi finds no GPU in order"
        return Check(name="GPU", ok=False, detail=detail, mend="nvidia-smi")
    return Check(name="GPU", ok=True, detail="no NVIDIA GPU; models run on the CPU")


def model_file(settings: Settings) -> Check:
    """Read the header of the model that the settings name, or of the embedded one."""
    from graphs.factory import EMBEDDED, EMBEDDED_NAME, model_path
    from inference.pulled import ModelNotPulledError, whole_header

    if settings.model.startswith(("http://", "https://")):
        return Check(name="model", ok=True, detail=f"the server {settings.model}; asked when a problem is solved")
    name = "embedded model" if settings.model in ("", EMBEDDED_NAME) else "model"
    mend = "give --model the path of a GGUF file" if name == "model" else "git checkout inference/embedded"
    try:
        path = model_path(settings)
        name = "embedded model" if path == EMBEDDED else "model"
        header = whole_header(path)
    except ModelNotPulledError as error:
        return Check(name=name, ok=False, detail=str(error), mend=f"atlas models pull {settings.model}")
    except ModelError as error:
        return Check(name=name, ok=False, detail=str(error), mend=mend)
    millions = f"{header.parameters / 1e6:.1f} M parameters"
    return Check(name=name, ok=True, detail=f"{path.name}: {header.architecture}, {millions}, {header.file_type}")


def docker(runtime: str = "") -> Check:
    """Ask the engine, then let the Docker sandbox run its own preflight in a real box (it needs the image)."""
    refusal = _engine_refusal()
    if refusal is None:
        return _sandbox("docker", DOCKER_SANDBOX, "make image", runtime)
    mend = "sudo usermod -aG docker $USER && newgrp docker" if "Permission denied" in refusal else START_DOCKER
    return Check(name=DOCKER_SANDBOX, ok=False, detail=f"no Docker engine answers ({refusal})", mend=as_root(mend))


def bubblewrap() -> Check:
    """Let the bubblewrap sandbox run its own self-test, in a real box."""
    installed = shutil.which("bwrap") is not None
    mend = "sysctl kernel.apparmor_restrict_unprivileged_userns=0" if installed else "apt-get install bubblewrap"
    return _sandbox("bubblewrap", BUBBLEWRAP_SANDBOX, as_root(mend))


def as_root(command: str) -> str:
    """Return the command as this user has to type it."""
    return command if os.geteuid() == 0 or command.startswith("sudo ") else f"sudo {command}"


def _engine_refusal() -> str | None:
    """Return why no Docker engine answers, or None when one does."""
    from docker import from_env
    from docker.errors import DockerException

    try:
        client = from_env(timeout=10)
        try:
            client.ping()
        finally:
            client.close()
    except DockerException as error:
        return str(error)
    return None


def _sandbox(choice: SandboxName, name: str, mend: str, runtime: str = "") -> Check:
    from sandbox.choice import open_sandbox
    from sandbox.exactness import how_limits_hold

    try:
        with open_sandbox(choice, workers=1, runtime=runtime) as sandbox:
            notice, walls = sandbox.notice.removeprefix("sandbox: "), sandbox.walls
            limits = how_limits_hold(exact=sandbox.exact)
    except SandboxUnavailableError as error:
        return Check(name=name, ok=False, detail=str(error), mend=mend)
    parts = (*(f"limits {line}" for line in limits), *(f"{wall.name}: {wall.found or 'none'}" for wall in walls))
    return Check(name=name, ok=True, detail=f"{notice}; {len(walls)} walls tried in a box, all hold", parts=parts)


def user_namespaces() -> Check:
    """Read the kernel's switches; bubblewrap needs user namespaces unless root starts it."""
    for file, closed in _NAMESPACE_SWITCHES.items():
        path = Path(file)
        if path.exists() and path.read_text(encoding="ascii").strip() == closed:
            switch = file.removeprefix("/proc/sys/").replace("/", ".")
            mend = as_root(f"sysctl {switch}={'0' if closed == '1' else '10000'}")
            return Check(name="user namespaces", ok=False, detail=f"closed by {switch}={closed}", mend=mend)
    return Check(name="user namespaces", ok=True, detail="open to ordinary users")


def disk() -> Check:
    """Look at the free space where ATLAS stands."""
    free_mb = shutil.disk_usage(Path.cwd()).free // 1_000_000
    ok = free_mb >= LEAST_DISK_MB
    mend = "" if ok else f"free {LEAST_DISK_MB} MB on the disk of this folder"
    return Check(name="disk", ok=ok, detail=f"{free_mb / 1000:.1f} GB free", mend=mend)


def all_checks(settings: Settings) -> tuple[Callable[[], Check], ...]:
    """Return every check, in the order in which a person would mend things."""
    return (
        python_version,
        compiler,
        engine,
        graphics_card,
        lambda: model_file(settings),
        lambda: docker(settings.sandbox_runtime),
        bubblewrap,
        user_namespaces,
        disk,
    )


def can_solve(checks: list[Check]) -> bool:
    """Whether what is there is enough: Python, an engine, a model, and one of the two sandboxes."""
    fine = {check.name for check in checks if check.ok}
    has_model = bool(fine & {"model", "embedded model"})
    return has_model and {"Python", "llama-cpp-python"} <= fine and bool(fine & {DOCKER_SANDBOX, BUBBLEWRAP_SANDBOX})


def _version_of(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown version"
