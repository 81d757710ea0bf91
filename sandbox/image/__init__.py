"""The image of the boxes: a Python, the runner and nothing else; built with or without a registry.

Its tag is a hash of everything that host and box must agree on, so that an old image is never used with a new host.

Limits: the local base carries this machine's own Python and C library, so it is built where it is used.
"""

from __future__ import annotations

import hashlib
import io
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

Base = Literal["auto", "registry", "local"]

REPOSITORY = "atlas-sandbox"
REGISTRY_BASE = "python:3.11-slim-bookworm"
LOCAL_BASE = "atlas-sandbox-base:local"
SCHEMA_LABEL = "atlas.sandbox.schema"
BASE_LABEL = "atlas.sandbox.base"
_PULL_SILENCE_S = 20
_BUILD_S = 600


def fingerprint() -> str:
    """Return the hash of the runner, the Dockerfile and the system-call list."""
    digest = hashlib.sha256()
    for name, data in sorted(_context_files().items()):
        digest.update(name.encode() + b"\0" + data + b"\0")
    digest.update(seccomp.docker_profile_text(seccomp.machine()).encode())
    return digest.hexdigest()[:16]


def tag() -> str:
    """Return the name of the image that goes with this code."""
    return f"{REPOSITORY}:{fingerprint()}"


def find(client: docker.DockerClient) -> str:
    """Return the id of the image.

    Raises:
        SandboxUnavailableError: it is not there, or carries another schema.
    """
    try:
        image = client.images.get(tag())
    except ImageNotFound as error:
        raise SandboxUnavailableError(f"the sandbox image {tag()} is not built: run `make image`") from error
    if image.labels.get(SCHEMA_LABEL) != fingerprint():
        raise SandboxUnavailableError(f"the image {tag()} carries another schema: run `make image`")
    return str(image.id)


def build(base: Base = "auto") -> str:
    """Build the image and return one line that says what was built.

    Args:
        base: `registry` takes an official Python image, `local` copies this machine's Python, `auto` tries both.

    Raises:
        SandboxUnavailableError: no engine answers, or the build fails; one line says why.
    """
    client = connect(_BUILD_S)
    try:
        return _build(client, base)
    except (DockerException, RequestException) as error:
        words = " ".join(str(error).split())[-300:]
        raise SandboxUnavailableError(f"the image cannot be built from the {base} base: {words}") from error
    finally:
        client.close()


def _build(client: docker.DockerClient, base: Base) -> str:
    if base == "local" or (base == "auto" and not _pulled()):
        python = _import_local_base(client)
        name, origin = LOCAL_BASE, f"this machine's Python {python}"
    else:
        name, origin = REGISTRY_BASE, REGISTRY_BASE
    labels = {SCHEMA_LABEL: fingerprint(), BASE_LABEL: origin}
    try:
        client.images.build(
            fileobj=_context(),
            custom_context=True,
            tag=tag(),
            buildargs={"BASE_IMAGE": name},
            labels=labels,
            network_mode="none",
            rm=True,
            forcerm=True,
        )
    except BuildError as error:
        raise SandboxUnavailableError(f"the image cannot be built: {error}; try `--base local`") from error
    client.images.prune(filters={"dangling": True, "label": BASE_LABEL})
    return f"{tag()} built from {origin}"


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


def _import_local_base(client: docker.DockerClient) -> str:
    archive, python = local_rootfs()
    with archive:
        repository, _, version = LOCAL_BASE.partition(":")
        labels = [f'LABEL {BASE_LABEL}="Python {python}"']
        client.api.import_image_from_file(archive.name, repository=repository, tag=version, changes=labels)
    return python


def _context_files() -> dict[str, bytes]:
    package = Path(__file__).parents[1]
    files = {f"sandbox/{name}": (package / name).read_bytes() for name in INSIDE_FILES}
    return {"Dockerfile": (Path(__file__).parent / "Dockerfile").read_bytes(), **files}


def _context() -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in _context_files().items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    stream.seek(0)
    return stream
