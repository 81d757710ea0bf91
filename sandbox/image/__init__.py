"""The images of the boxes: a Python, the runner, and for other languages their packages; with or without a registry.

Its tag is a hash of everything that host and box must agree on, so that an old image is never used with a new host.

Limits: the local base carries this machine's own Python, C library and compilers, so it is built where it is used.
Images of other languages than Python are built when somebody asks for them.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import IO, Literal

import docker
from docker.errors import BuildError, DockerException, ImageNotFound
from requests.exceptions import RequestException

from sandbox import science, seccomp
from sandbox.base import SandboxUnavailableError
from sandbox.connection import connect
from sandbox.image.rootfs import local_rootfs
from sandbox.inside import INSIDE_FILES
from sandbox.languages import PYTHON, Language
from sandbox.python import system_python

Base = Literal["auto", "registry", "local"]

REPOSITORY = "atlas-sandbox"
REGISTRY_PYTHON = "3.11"
REGISTRY_BASE = f"python:{REGISTRY_PYTHON}-slim-bookworm"
LOCAL_BASE = "atlas-sandbox-base:local"
_PACKAGES_HERE = "# packages\n"
SCHEMA_LABEL = "atlas.sandbox.schema"
BASE_LABEL = "atlas.sandbox.base"
_PULL_SILENCE_S = 20
_BUILD_S = 600


def fingerprint(language: Language = PYTHON) -> str:
    """Return the hash of the runner, the Dockerfile with its packages, and the system-call list."""
    digest = hashlib.sha256()
    files = _context_files(language, language.packages)
    pinned = {"science.lock": science.LOCK.read_bytes()} if language.shelf else {}
    for name, data in sorted((files | pinned).items()):
        digest.update(name.encode() + b"\0" + data + b"\0")
    digest.update(seccomp.docker_profile_text(seccomp.machine()).encode())
    return digest.hexdigest()[:16]


def tag(language: Language = PYTHON) -> str:
    """Return the name of the image that goes with this code."""
    name = f"{language.name}-" if language.packages else ""
    return f"{REPOSITORY}:{name}{fingerprint(language)}"


def find(client: docker.DockerClient, language: Language = PYTHON) -> str:
    """Return the id of the image.

    Raises:
        SandboxUnavailableError: it is not there, or carries another schema.
    """
    name = tag(language)
    command = f"make image ARGS='--language {language.name}'" if language.packages else "make image"
    try:
        image = client.images.get(name)
    except ImageNotFound as error:
        raise SandboxUnavailableError(f"the sandbox image {name} is not built: run `{command}`") from error
    if image.labels.get(SCHEMA_LABEL) != fingerprint(language):
        raise SandboxUnavailableError(f"the image {name} carries another schema: run `{command}`")
    return str(image.id)


def build(base: Base = "auto", language: Language = PYTHON) -> str:
    """Build the image of one language and return one line that says what was built.

    Args:
        base: `registry` takes an official Python image, `local` copies this machine's Python, `auto` tries both.
        language: what the boxes are for.

    Raises:
        SandboxUnavailableError: no engine answers, or the build fails; one line says why.
    """
    client = connect(_BUILD_S)
    try:
        return _build(client, base, language)
    except (DockerException, RequestException, OSError) as error:
        words = " ".join(str(error).split())[-300:]
        raise SandboxUnavailableError(f"the image cannot be built from the {base} base: {words}") from error
    finally:
        client.close()


def _build(client: docker.DockerClient, base: Base, language: Language) -> str:
    installed: tuple[str, ...] = ()
    version = REGISTRY_PYTHON
    if base == "local" or (base == "auto" and not _pulled()):
        name, python = _import_local_base(client, language)
        origin, version = f"this machine's Python {python}", science.version_of(system_python())
    else:
        name, origin, installed = REGISTRY_BASE, REGISTRY_BASE, language.packages
    labels = {SCHEMA_LABEL: fingerprint(language), BASE_LABEL: origin}
    with closing(_context(language, installed, version)) as context:
        _make(client, language, context, {"BASE_IMAGE": name}, labels, online=bool(installed))
    client.images.prune(filters={"dangling": True, "label": BASE_LABEL})
    return f"{tag(language)} built from {origin}"


def _make(
    client: docker.DockerClient,
    language: Language,
    context: IO[bytes],
    arguments: dict[str, str],
    labels: dict[str, str],
    *,
    online: bool,
) -> None:
    try:
        client.images.build(
            fileobj=context,
            custom_context=True,
            tag=tag(language),
            buildargs=arguments,
            labels=labels,
            network_mode="default" if online else "none",
            rm=True,
            forcerm=True,
        )
    except BuildError as error:
        raise SandboxUnavailableError(f"the image cannot be built: {error}; try `--base local`") from error


def _pulled() -> bool:
    """Return whether the registry's base is here or can be had; a registry that stays silent counts as away."""
    client = connect(_PULL_SILENCE_S)
    try:
        try:
            client.images.get(REGISTRY_BASE)
        except ImageNotFound:
            client.images.pull(REGISTRY_BASE)
    except (DockerException, RequestException):
        return False
    finally:
        client.close()
    return True


def _import_local_base(client: docker.DockerClient, language: Language) -> tuple[str, str]:
    archive, python = local_rootfs(language)
    name = f"{LOCAL_BASE}-{language.name}" if language.packages else LOCAL_BASE
    with archive:
        repository, _, version = name.partition(":")
        labels = [f'LABEL {BASE_LABEL}="Python {python}"']
        client.api.import_image_from_file(archive.name, repository=repository, tag=version, changes=labels)
    return name, python


def _context_files(language: Language, installed: tuple[str, ...]) -> dict[str, bytes]:
    package = Path(__file__).parents[1]
    files = {f"sandbox/{name}": (package / name).read_bytes() for name in INSIDE_FILES}
    recipe = (Path(__file__).parent / "Dockerfile").read_text(encoding="utf-8")
    return {"Dockerfile": recipe.replace(_PACKAGES_HERE, _install(installed) + _shelve(language)).encode(), **files}


def _install(packages: tuple[str, ...]) -> str:
    """Return the lines of a Dockerfile that install Debian packages."""
    if not packages:
        return ""
    words = json.dumps(["apt-get", "install", "-y", "--no-install-recommends", *packages])
    return f'RUN ["apt-get", "update"]\nRUN {words}\n'


def _shelve(language: Language) -> str:
    """Return the lines of a Dockerfile that add the packages for scientific programs."""
    if not language.shelf:
        return ""
    compiling = f"import compileall; compileall.compile_dir({language.shelf!r}, quiet=2)"
    return f"COPY science {language.shelf}\nRUN {json.dumps(['python3', '-I', '-c', compiling])}\n"


def _context(language: Language, installed: tuple[str, ...], version: str) -> IO[bytes]:
    """Return a temporary tar file with all that a Dockerfile copies.

    Raises:
        SandboxUnavailableError: the packages for scientific programs are wanted and cannot be had.
    """
    shelf = science.build(version) if language.shelf else None
    stream = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in _context_files(language, installed).items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
        if shelf:
            archive.add(shelf, arcname="science")
    stream.seek(0)
    return stream
