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
from pathlib import Path
from typing import Literal

import docker
from docker.errors import BuildError, DockerException, ImageNotFound
from requests.exceptions import RequestException

from sandbox import seccomp
from sandbox.base import SandboxUnavailableError
from sandbox.connection import connect
from sandbox.image.rootfs import local_rootfs
from sandbox.inside import INSIDE_FILES
from sandbox.languages import PYTHON, Language

Base = Literal["auto", "registry", "local"]

REPOSITORY = "atlas-sandbox"
REGISTRY_BASE = "python:3.11-slim-bookworm"
LOCAL_BASE = "atlas-sandbox-base:local"
_PACKAGES_HERE = "# packages\n"
SCHEMA_LABEL = "atlas.sandbox.schema"
BASE_LABEL = "atlas.sandbox.base"
_PULL_SILENCE_S = 20
_BUILD_S = 600


def fingerprint(language: Language = PYTHON) -> str:
    """Return the hash of the runner, the Dockerfile with its packages, and the system-call list."""
    digest = hashlib.sha256()
    for name, data in sorted(_context_files(language.packages).items()):
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
    if base == "local" or (base == "auto" and not _pulled()):
        name, python = _import_local_base(client, language)
        origin = f"this machine's Python {python}"
    else:
        name, origin, installed = REGISTRY_BASE, REGISTRY_BASE, language.packages
    labels = {SCHEMA_LABEL: fingerprint(language), BASE_LABEL: origin}
    try:
        client.images.build(
            fileobj=_context(installed),
            custom_context=True,
            tag=tag(language),
            buildargs={"BASE_IMAGE": name},
            labels=labels,
            network_mode="default" if installed else "none",
            rm=True,
            forcerm=True,
        )
    except BuildError as error:
        raise SandboxUnavailableError(f"the image cannot be built: {error}; try `--base local`") from error
    client.images.prune(filters={"dangling": True, "label": BASE_LABEL})
    return f"{tag(language)} built from {origin}"


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


def _context_files(packages: tuple[str, ...]) -> dict[str, bytes]:
    package = Path(__file__).parents[1]
    files = {f"sandbox/{name}": (package / name).read_bytes() for name in INSIDE_FILES}
    recipe = (Path(__file__).parent / "Dockerfile").read_text(encoding="utf-8")
    return {"Dockerfile": recipe.replace(_PACKAGES_HERE, _install(packages)).encode(), **files}


def _install(packages: tuple[str, ...]) -> str:
    """Return the lines of a Dockerfile that install Debian packages."""
    if not packages:
        return ""
    words = json.dumps(["apt-get", "install", "-y", "--no-install-recommends", *packages])
    return f'RUN ["apt-get", "update"]\nRUN {words}\n'


def _context(packages: tuple[str, ...]) -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in _context_files(packages).items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    stream.seek(0)
    return stream
