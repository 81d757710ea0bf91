"""What a Docker engine must say about itself before anything model-written runs in it; pure, so a table can test it.

Limits: an engine can say what the kernel does not hold; sandbox/selftest.py asks the kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MIN_API = (1, 41)
_LIMITS = {
    "MemoryLimit": "memory limits",
    "SwapLimit": "swap limits",
    "PidsLimit": "limits on processes",
    "CpuCfsQuota": "CPU quotas",
}


def engine_faults(info: Mapping[str, Any], api_version: str, address: str, runtime: str = "") -> list[str]:
    """Return why this engine may not be used; an empty list when it may.

    Args:
        info: the answer of `docker info`.
        api_version: what the engine offers, such as `1.41`.
        address: where the client found it.
        runtime: OCI runtime that it shall use; empty for its own choice.
    """
    faults = []
    if not address.startswith(("http+docker://local", "unix://")):
        faults.append(f"it is reached over {address.partition('://')[0]}, not over a local socket")
    if tuple(int(part) for part in api_version.split(".")) < _MIN_API:
        faults.append(f"its API {api_version} is older than 1.41 (engine 20.10)")
    if info.get("OSType") != "linux":
        faults.append(f"its containers are {info.get('OSType')}, not linux")
    faults += [f"it does not enforce {what}" for field, what in _LIMITS.items() if info.get(field) is not True]
    if not any(option.startswith("name=seccomp") for option in info.get("SecurityOptions") or ()):
        faults.append("it has no seccomp")
    known = info.get("Runtimes") or {}
    if runtime and runtime not in known:
        faults.append(f"it has no runtime {runtime!r}, only {', '.join(known)}: add it to the engine's daemon.json")
    return faults


def engine_notes(info: Mapping[str, Any], runtime: str = "") -> str:
    """Return one line about the engine for people."""
    options = " ".join(info.get("SecurityOptions") or ())
    notes = [f"engine {info.get('ServerVersion')}", f"cgroup v{info.get('CgroupVersion', '1')}"]
    notes += [name for name in ("rootless", "userns", "apparmor") if f"name={name}" in options]
    notes += [f"runtime {runtime}"] if runtime else []
    return ", ".join(notes)
