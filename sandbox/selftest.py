"""Prove once per process, in a real box, that the walls stand: a setting that the kernel ignores looks like any other.

Limits: two dozen probes, not an audit; the attack suite in the tests is the audit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from sandbox.base import Execution, Limits, Program, Sandbox, SandboxUnavailableError

_PROBE = """
import errno, json, os, signal, socket, time
kind = input()
while kind == "processor time":
    pass
while kind == "output":
    print("x" * 999)
if kind == "memory":
    for _ in range(3):
        os.fork()
    hold = b"x" * (40 << 20)
    time.sleep(9)
if kind == "hidden memory":
    import mmap
    held = []
    for _ in range(10):
        held.append(mmap.mmap(-1, 40 << 20))
        held[-1].write(b"x" * (40 << 20))
        held[-1].madvise(mmap.MADV_DONTNEED)
    time.sleep(9)
seen = {}
def attempt(name, action):
    try:
        action()
        seen[name] = "allowed"
    except OSError as error:
        seen[name] = errno.errorcode.get(error.errno, "OSError")
def fill(path, size):
    with open(path, "wb", 0) as stream:
        for _ in range(size):
            if stream.write(bytes(1 << 20)) < 1 << 20:
                raise OSError(errno.ENOSPC, "full")
def fork_on():
    for _ in range(200):
        if os.fork() == 0:
            time.sleep(9)
            os._exit(0)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
for name in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp"):
    seen[name] = status[name].strip().lstrip("0") or "0"
seen["uid 0"] = str(0 in os.getresuid())
seen["namespaces"] = {name: os.readlink("/proc/self/ns/" + name) for name in ("mnt", "pid", "net", "ipc", "uts")}
cards = "/sys/class/net"
seen["network cards"] = ",".join(sorted({"lo"} ^ {"lo", *os.listdir(cards)})) if os.path.isdir(cards) else ""
attempt("internet socket", lambda: socket.socket(socket.AF_INET))
attempt("hypervisor socket", lambda: socket.socket(40))
attempt("kernel crypto socket", lambda: socket.socket(38, socket.SOCK_SEQPACKET))
attempt("file at the root", lambda: open("/written", "w"))
attempt("file under /usr", lambda: open("/usr/written", "w"))
attempt("descriptors of PID 1", lambda: [os.open(f"/proc/1/fd/{n}", os.O_RDWR) for n in os.listdir("/proc/1/fd")])
attempt("memory of PID 1", lambda: open("/proc/1/mem", "rb"))
attempt("environment of PID 1", lambda: open("/proc/1/environ", "rb"))
attempt("another limit for PID 1", lambda: __import__("resource").prlimit(1, 7, (4, 4)))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
attempt("file of 65 MB", lambda: open("large", "wb").truncate(65 << 20))
attempt("17 MB in /tmp", lambda: fill("/tmp/fill", 17))
attempt("17 MB in /dev/shm", lambda: fill("/dev/shm/fill", 17))
for path in ("/tmp/fill", "/dev/shm/fill"):
    os.unlink(path)
seen["host folders"] = ",".join(sorted({"home", "root", "mnt", "media", "srv"} & {
    name for name in os.listdir("/") if os.path.isdir("/" + name) and os.access("/" + name, os.R_OK)
    and os.listdir("/" + name)}))
attempt("200 processes", fork_on)
print(json.dumps(seen))
"""

_REFUSED = ("EPERM", "EACCES", "EROFS", "ENOENT", "EAFNOSUPPORT")
_FULL = ("ENOSPC", "EFBIG", "EAGAIN")
_EXACT = {
    "CapEff": "0",
    "CapBnd": "0",
    "NoNewPrivs": "1",
    "Seccomp": "2",
    "uid 0": "False",
    "host folders": "",
    "network cards": "",
}
_ATTEMPTS = dict.fromkeys(
    (
        "internet socket",
        "hypervisor socket",
        "kernel crypto socket",
        "file at the root",
        "file under /usr",
        "descriptors of PID 1",
        "memory of PID 1",
        "environment of PID 1",
        "another limit for PID 1",
    ),
    _REFUSED,
) | dict.fromkeys(("file of 65 MB", "17 MB in /tmp", "17 MB in /dev/shm", "200 processes"), _FULL)
_ENDS = {
    "processor time": ("timeout",),
    "output": ("output_limit",),
    "memory": ("memory",),
    # Pages that no process seems to hold: a control group counts them, and without one they are refused.
    "hidden memory": ("memory", "runtime_error"),
}
_LIMITS = Limits(cpu_s=3.0, memory_mb=200, output_bytes=20_000)
"""A busy machine takes a second of processor time to fill 200 MB."""
_LITTLE_TIME = replace(_LIMITS, cpu_s=0.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """One thing that no program may do or have, and what the probe found."""

    name: str
    found: str
    holds: bool


def walls_seen(seen: dict[str, object], outside: dict[str, str]) -> tuple[Wall, ...]:
    """Return what a probe could do, or had.

    Args:
        seen: what the probe printed.
        outside: this process's own namespaces, by kind.
    """
    inside = seen.get("namespaces")
    shared = [kind for kind, own in outside.items() if not isinstance(inside, dict) or inside.get(kind) in (own, None)]
    return (
        *(
            Wall(name=name, found=str(seen.get(name)), holds=seen.get(name) == wanted)
            for name, wanted in _EXACT.items()
        ),
        *(Wall(name=name, found=str(seen.get(name)), holds=seen.get(name) in ok) for name, ok in _ATTEMPTS.items()),
        Wall(name="namespaces shared with the host", found=",".join(shared), holds=not shared),
    )


def self_test(sandbox: Sandbox) -> tuple[Wall, ...]:
    """Run the probes in a real box and return what they found.

    Raises:
        SandboxUnavailableError: a wall is missing, named in the message, or no box could be made.
    """
    program = Program(source=_PROBE, mode="stdio")
    spinner, *others = _ENDS
    spun = sandbox.run(program, (spinner,), _LITTLE_TIME)
    probe, *ends = sandbox.run(program, ("walls", *others), _LIMITS)
    walls = (*_read(probe), *_ended([*spun, *ends]))
    if holes := [f"{wall.name}: {wall.found or 'none'}" for wall in walls if not wall.holds]:
        raise SandboxUnavailableError(f"the {sandbox.name} self-test failed ({'; '.join(holes)}): nothing will be run")
    return walls


def _read(probe: Execution) -> tuple[Wall, ...]:
    outside = {kind: str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in ("mnt", "pid", "net", "ipc", "uts")}
    try:
        seen = json.loads(probe.output)
    except ValueError:
        return (Wall(name="the probe", found=f"ended with {probe.status} {probe.error[-200:]!r}", holds=False),)
    return walls_seen(seen, outside)


def _ended(ends: list[Execution]) -> tuple[Wall, ...]:
    return tuple(
        Wall(name=f"{kind} without end", found=run.status, holds=run.status in wanted)
        for (kind, wanted), run in zip(_ENDS.items(), ends, strict=True)
    )
