"""The flags of a box made by Docker, in one place; tests compare them with what `docker inspect` says.

Each of them was seen to hold against an attack that succeeds without it.
"""

from __future__ import annotations

from typing import Any

from docker.types import LogConfig, Ulimit

from sandbox.inside import (
    BUILD,
    BUILD_BYTES,
    HIDDEN_FILES,
    HIDDEN_FOLDERS,
    INODES,
    MB,
    RUNNER_ARGUMENTS,
    SHM_BYTES,
    TMP_BYTES,
    USER_ID,
    WORK_BYTES,
    box_memory,
)
from sandbox.languages import Language

PIDS = 64
_MASKED = ["/sys/firmware", "/proc/kcore", "/proc/sysrq-trigger", "/proc/sys", "/proc/net"]
_MASKED += [f"/proc/{name}" for name in (*HIDDEN_FILES, *HIDDEN_FOLDERS)]
"""What tells of the host; /proc/net tells nothing there, as no socket but a local one can be made."""

_READ_ONLY = ["/proc"]
"""So that no program changes its `oom_score_adj`: the kernel ends it before the host's own processes."""


def tmpfs(size: int, *, executable: bool = False) -> str:
    """Return the mount options of one tmpfs of a box."""
    use = "exec" if executable else "noexec"
    return f"rw,nosuid,nodev,{use},size={size},nr_inodes={INODES},mode=0700,uid={USER_ID},gid={USER_ID}"


def host_flags(language: Language, *, profile: str, memory_bytes: int, runtime: str) -> dict[str, Any]:
    """Return the arguments of the SDK's `create_host_config`.

    Args:
        language: what the box is for; only one that compiles gets a place to execute from.
        profile: text of the seccomp profile.
        memory_bytes: what the program may use.
        runtime: an OCI runtime the engine knows, or an empty text for its default.
    """
    total = box_memory(memory_bytes, builds=bool(language.compile))
    built = {BUILD: tmpfs(BUILD_BYTES, executable=True)} if language.compile else {}
    flags: dict[str, Any] = {
        "network_mode": "none",
        "read_only": True,
        "tmpfs": {"/box": tmpfs(WORK_BYTES), "/tmp": tmpfs(TMP_BYTES), "/dev/shm": tmpfs(SHM_BYTES)} | built,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true", f"seccomp={profile}"],
        "pids_limit": PIDS,
        "mem_limit": total,
        "memswap_limit": total,
        "nano_cpus": 1_000_000_000,
        "ulimits": [
            Ulimit(name=name, soft=most, hard=most)
            for name, most in {"core": 0, "nofile": 256, "fsize": 64 * MB, "memlock": 0, "msgqueue": 0}.items()
        ],
        "ipc_mode": "private",
        "log_config": LogConfig(type="none"),
        "auto_remove": True,
        "oom_score_adj": 1000,
    }
    return flags | ({"runtime": runtime} if runtime else {})


def beyond_the_sdk(host_config: dict[str, Any]) -> dict[str, Any]:
    """Return the host configuration with what the SDK has no keyword for."""
    return host_config | {"CgroupnsMode": "private", "MaskedPaths": _MASKED, "ReadonlyPaths": _READ_ONLY}


def container_flags(language: Language, labels: dict[str, str]) -> dict[str, Any]:
    """Return the arguments of the SDK's `create_container` beside image and host configuration."""
    wiped = {"command": [*RUNNER_ARGUMENTS, BUILD]} if language.compile else {}
    return wiped | {
        "user": f"{USER_ID}:{USER_ID}",
        "working_dir": "/box",
        "hostname": "sandbox",
        "stdin_open": True,
        "tty": False,
        "network_disabled": True,
        "stop_signal": "SIGKILL",
        "labels": labels,
    }
