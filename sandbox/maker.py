"""Runs in bubblewrap as its PID 1: makes boxes by forking a runner that is warm already into namespaces of its own.

What bubblewrap shows and hides is made once, here lie the walls between boxes: for each of them new user, mount, PID,
network, IPC, UTS and cgroup namespaces, its own tmpfs without a right to execute and with a limit on files, its own
/proc, read-only and without what tells of the host. The runner then gives up every capability and loads the filter.

It speaks only when spoken to: one packet and some descriptors for each box, answered by a descriptor of its process.

Limits: standard library only. The boxes of one maker have one user outside; nothing of theirs is ever this process's.
"""

# Every start pays for what is imported here.
# ruff: noqa: PTH110, PTH120

from __future__ import annotations

import gc
import os
import sys
from _signal import SIG_DFL, SIG_IGN, SIGCHLD, signal  # type: ignore[import-not-found]
from _socket import CMSG_SPACE, SCM_RIGHTS, SOL_SOCKET, socket
from ctypes import CDLL, c_char_p, c_ulong, c_ushort, c_void_p, cast, create_string_buffer, get_errno

from sandbox import runner
from sandbox.harness import from_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LIBC = CDLL(None, use_errno=True)
_MOST_FDS = 16
_FD_BYTES = 4
_REQUEST_BYTES = 16384
_FIRST_FD = 102
"""Where a box's files of its group go: above all descriptors that the runner uses."""
_NEW_USER = 0x10000000
_NEW_MOUNT, _NEW_CGROUP, _NEW_UTS, _NEW_IPC, _NEW_PID, _NEW_NET = (
    0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x20000000, 0x40000000,
)  # fmt: skip
_NAMESPACES = _NEW_USER | _NEW_MOUNT | _NEW_CGROUP | _NEW_UTS | _NEW_IPC | _NEW_PID | _NEW_NET
_READ_ONLY, _NO_SETUID, _NO_DEVICES, _NO_EXECUTION, _REMOUNT, _BIND = 1, 2, 4, 8, 32, 4096
_PLAIN = _NO_SETUID | _NO_DEVICES
_INODES = 4096
_TERMINALS = 4
_PR_CAPBSET_DROP, _PR_SET_SECCOMP, _SECCOMP_FILTER = 24, 22, 2
_CAPSET_HEAD = (0x20080522).to_bytes(4, sys.byteorder) + bytes(4)
_CAPSET_NOTHING = bytes(24)
_SIZE_OF_STEP = 8


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(get_errno(), f"{what}: {os.strerror(get_errno())}")


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    words = [word and word.encode() for word in (source, target, kind, options)]
    _check(_LIBC.mount(*words[:3], c_ulong(flags), words[3]), f"mount {target}")


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    os.write(fd, text.encode("ascii"))
    os.close(fd)


def _own_namespaces() -> None:
    user, group = os.getuid(), os.getgid()
    _check(_LIBC.unshare(_NAMESPACES), "unshare")
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {user} 1")
    _write("/proc/self/gid_map", f"{group} {group} 1")


def _show_processes(files: list[str], folders: list[str]) -> None:
    """Mount /proc for this box alone, without what it tells of the host, and read-only."""
    _mount("proc", "/proc", "proc", _PLAIN | _NO_EXECUTION)
    # Whatever a filter may have overlooked: no namespace is made beneath this one.
    _write("/proc/sys/user/max_user_namespaces", "0")
    for name in files:
        if os.path.exists(f"/proc/{name}"):
            _mount("/dev/null", f"/proc/{name}", None, _BIND)
    for name in folders:
        if os.path.exists(f"/proc/{name}"):
            _mount("tmpfs", f"/proc/{name}", "tmpfs", _PLAIN | _NO_EXECUTION | _READ_ONLY, "size=4k,nr_inodes=2")
    # So that no program changes its `oom_score_adj`, which it has from the maker.
    _mount(None, "/proc", None, _REMOUNT | _BIND | _PLAIN | _NO_EXECUTION | _READ_ONLY)


def _give_up_capabilities() -> None:
    number = 0
    while _LIBC.prctl(_PR_CAPBSET_DROP, c_ulong(number), 0, 0, 0) == 0:
        number += 1
    _check(_LIBC.capset(_CAPSET_HEAD, _CAPSET_NOTHING), "capset")


def _load_filter(steps: bytes) -> None:
    code = create_string_buffer(steps, len(steps))
    # struct sock_fprog: a 16-bit count, and a pointer at its natural place.
    head = bytes(c_ushort(len(steps) // _SIZE_OF_STEP)) + bytes(6)
    program = head + bytes(c_ulong(cast(code, c_void_p).value or 0))
    _check(_LIBC.prctl(_PR_SET_SECCOMP, c_ulong(_SECCOMP_FILTER), c_char_p(program), 0, 0), "seccomp")


def _become_a_runner(request: dict[str, Any], fds: list[int], steps: bytes) -> None:
    os.setsid()
    signal(SIGCHLD, SIG_DFL)
    _show_processes(request["hidden_files"], request["hidden_folders"])
    user, group = os.getuid(), os.getgid()
    for path, size, execute in request["tmpfs"]:
        options = f"size={size},nr_inodes={_INODES},mode=0700,uid={user},gid={group}"
        _mount("tmpfs", path, "tmpfs", _PLAIN | (0 if execute else _NO_EXECUTION), options)
    # Terminals of its own: those of another box would carry data from one to the other.
    _mount("devpts", "/dev/pts", "devpts", _NO_SETUID | _NO_EXECUTION, f"ptmxmode=0666,mode=0600,max={_TERMINALS}")
    _mount(None, "/", None, _REMOUNT | _BIND | _PLAIN | _READ_ONLY)
    _give_up_capabilities()
    stdin, stdout, *files = fds
    os.dup2(stdin, 0)
    os.dup2(stdout, 1)
    # From the top, so that none is overwritten before it has moved.
    meter = {}
    for number, (name, fd) in enumerate(zip(request["meter"], files, strict=True)):
        meter[name] = _FIRST_FD + number
        os.dup2(fd, meter[name], inheritable=False)
    os.closerange(3, _FIRST_FD)
    os.closerange(_FIRST_FD + len(meter), 1024)
    _load_filter(steps)
    runner.main(request["arguments"], meter)


def _make(door: socket, request: dict[str, Any], fds: list[int], steps: bytes) -> None:
    """Enter the groups of the box and its namespaces, fork the runner, hand its process to the host, and end."""
    for fd in fds[: request["join"]]:
        os.write(fd, b"0")
    _own_namespaces()
    pid = os.fork()
    if pid == 0:
        # The runner's standard error is the maker's, that of bubblewrap, until it has settled.
        _become_a_runner(request, fds[request["join"] :], steps)
        os._exit(1)
    process = os.pidfd_open(pid)
    door.sendmsg([b"made"], [(SOL_SOCKET, SCM_RIGHTS, process.to_bytes(_FD_BYTES, sys.byteorder))])


def _received(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    data = b"".join(part for _, _, part in ancillary)
    parts = range(0, len(data), _FD_BYTES)
    return [int.from_bytes(data[start : start + _FD_BYTES], sys.byteorder) for start in parts]


def _compile(harness: str) -> None:
    """Save three milliseconds of every test in function mode, and a bit of every test."""
    import py_compile

    for path in (harness, f"{os.path.dirname(harness)}/startup/sitecustomize.py"):
        py_compile.compile(path, doraise=True)


def main(arguments: list[str]) -> None:
    """Make boxes until the host hangs up.

    Args:
        arguments: numbers of the descriptors of the host's socket and of the filter, then the path of the harness.
    """
    door = socket(fileno=int(arguments[0]))
    filter_fd = int(arguments[1])
    steps = os.read(filter_fd, 1 << 20)
    os.close(filter_fd)
    _compile(arguments[2])
    _write("/proc/self/oom_score_adj", "1000")
    signal(SIGCHLD, SIG_IGN)
    # A collection in a box would copy every page that it shares with this process.
    gc.freeze()
    door.send(b"hello")
    while True:
        message, ancillary, _, _ = door.recvmsg(_REQUEST_BYTES, CMSG_SPACE(_MOST_FDS * _FD_BYTES))
        if not message:
            os._exit(0)
        fds = _received(ancillary)
        if os.fork() == 0:
            try:
                _make(door, from_json(message.decode("ascii")), fds, steps)
            except Exception as error:  # noqa: BLE001 - it is handed on, and this process ends
                os.write(2, f"{type(error).__name__}: {error}\n".encode())
                door.send(b"")
            os._exit(0)
        for fd in fds:
            os.close(fd)
