"""Prove once per process, in a real box, that the walls stand: a setting that the kernel ignores looks like any other.

Limits: a dozen probes, not an audit; the attack suite in the tests is the audit.
"""

from __future__ import annotations

import json

from sandbox.base import Limits, Program, Sandbox, SandboxUnavailableError

_PROBE = """
import errno, json, os, socket
seen = {}
def attempt(name, action):
    try:
        action()
        seen[name] = "allowed"
    except OSError as error:
        seen[name] = errno.errorcode.get(error.errno, "OSError")
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
for name in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp"):
    seen[name] = status[name].strip().lstrip("0") or "0"
seen["uid 0"] = str(0 in os.getresuid())
attempt("internet socket", lambda: socket.socket(socket.AF_INET))
attempt("hypervisor socket", lambda: socket.socket(40))
attempt("kernel crypto socket", lambda: socket.socket(38, socket.SOCK_SEQPACKET))
attempt("file at the root", lambda: open("/written", "w"))
attempt("file under /usr", lambda: open("/usr/written", "w"))
attempt("descriptors of PID 1", lambda: os.listdir("/proc/1/fd"))
attempt("memory of PID 1", lambda: open("/proc/1/mem", "rb"))
attempt("environment of PID 1", lambda: open("/proc/1/environ", "rb"))
attempt("another limit for PID 1", lambda: __import__("resource").prlimit(1, 7, (4, 4)))
seen["host folders"] = ",".join(sorted({"home", "root", "mnt", "media", "srv"} & {
    name for name in os.listdir("/") if os.path.isdir("/" + name) and os.access("/" + name, os.R_OK)
    and os.listdir("/" + name)}))
print(json.dumps(seen))
"""

_BOMB = """
import os, time
for _ in range(3):
    os.fork()
hold = b"x" * (24 << 20)
time.sleep(3)
"""

_REFUSED = ("EPERM", "EACCES", "EROFS", "ENOENT", "EAFNOSUPPORT")
_EXACT = {"CapEff": "0", "CapBnd": "0", "NoNewPrivs": "1", "Seccomp": "2", "uid 0": "False", "host folders": ""}
_ATTEMPTS = (
    "internet socket",
    "hypervisor socket",
    "kernel crypto socket",
    "file at the root",
    "file under /usr",
    "descriptors of PID 1",
    "memory of PID 1",
    "environment of PID 1",
    "another limit for PID 1",
)


def walls_missing(seen: dict[str, str]) -> list[str]:
    """Return what a probe could do, or had, that no program may."""
    holes = [f"{name} is {seen.get(name)!r}" for name, wanted in _EXACT.items() if seen.get(name) != wanted]
    return holes + [f"{name}: {seen.get(name)}" for name in _ATTEMPTS if seen.get(name) not in _REFUSED]


def self_test(sandbox: Sandbox) -> None:
    """Run the probes in a real box.

    Raises:
        SandboxUnavailableError: a wall is missing, named in the message, or no box could be made.
    """
    (probe,) = sandbox.run(Program(source=_PROBE, mode="stdio"), [""])
    try:
        holes = walls_missing(json.loads(probe.output))
    except ValueError:
        holes = [f"the probe ended with {probe.status}: {probe.error[-200:]!r}"]
    (bomb,) = sandbox.run(Program(source=_BOMB, mode="stdio"), [""], Limits(memory_mb=100, cpu_s=3.0))
    if bomb.status != "memory":
        holes.append(f"a memory bomb ended as {bomb.status}")
    if holes:
        raise SandboxUnavailableError(f"the {sandbox.name} self-test failed ({'; '.join(holes)}): nothing will be run")
