"""The system calls that programs may make: one list, as Docker's JSON profile and as a BPF filter for bubblewrap.

An allow-list, since the default profile of older engines lets programs trace each other, talk to the hypervisor
(AF_VSOCK) or reach the kernel's page cache (AF_ALG, io_uring). Sockets are of the family AF_UNIX only, new namespaces
are refused, shared kernel objects (SysV IPC, keys, memfd, inotify) are left out, and resource limits can be changed
of the caller alone: the runner has the same user id as the program.

Limits: x86-64 and arm64; other machines are refused. The arm64 numbers were never run.
"""

from __future__ import annotations

import json
import platform
import struct
from typing import Any, Literal

from sandbox.base import SandboxUnavailableError

_TABLE = """
accept 43 202 | accept4 288 242 | access 21 - | alarm 37 - | arch_prctl 158 - | bind 49 200 | brk 12 214
capget 125 90 | chdir 80 49 | chmod 90 - | chown 92 - | clock_getres 229 114 | clock_gettime 228 113
clock_nanosleep 230 115 | clone 56 220 | clone3 435 435 | close 3 57 | close_range 436 436 | connect 42 203
copy_file_range 326 285 | creat 85 - | dup 32 23 | dup2 33 - | dup3 292 24 | epoll_create 213 -
epoll_create1 291 20 | epoll_ctl 233 21 | epoll_pwait 281 22 | epoll_pwait2 441 441 | epoll_wait 232 -
eventfd 284 - | eventfd2 290 19 | execve 59 221 | execveat 322 281 | exit 60 93 | exit_group 231 94
faccessat 269 48 | faccessat2 439 439 | fadvise64 221 223 | fallocate 285 47 | fchdir 81 50 | fchmod 91 52
fchmodat 268 53 | fchmodat2 452 452 | fchown 93 55 | fchownat 260 54 | fcntl 72 25 | fdatasync 75 83
fgetxattr 193 10 | flistxattr 196 13 | flock 73 32 | fork 57 - | fstat 5 80 | fstatfs 138 44 | fsync 74 82
ftruncate 77 46 | futex 202 98 | futex_waitv 449 449 | futimesat 261 - | get_mempolicy 239 236
get_robust_list 274 100 | getcpu 309 168 | getcwd 79 17 | getdents 78 - | getdents64 217 61 | getegid 108 177
geteuid 107 175 | getgid 104 176 | getgroups 115 158 | getitimer 36 102 | getpeername 52 205 | getpgid 121 155
getpgrp 111 - | getpid 39 172 | getppid 110 173 | getpriority 140 141 | getrandom 318 278 | getresgid 120 150
getresuid 118 148 | getrlimit 97 163 | getrusage 98 165 | getsid 124 156 | getsockname 51 204
getsockopt 55 209 | gettid 186 178 | gettimeofday 96 169 | getuid 102 174 | getxattr 191 8 | ioctl 16 29
kill 62 129 | lchown 94 - | lgetxattr 192 9 | link 86 - | linkat 265 37 | listen 50 201 | listxattr 194 11
llistxattr 195 12 | lseek 8 62 | lstat 6 - | madvise 28 233 | membarrier 324 283 | mincore 27 232 | mkdir 83 -
mkdirat 258 34 | mknod 133 - | mknodat 259 33 | mlock 149 228 | mlock2 325 284 | mlockall 151 230 | mmap 9 222
mprotect 10 226 | mremap 25 216 | msync 26 227 | munlock 150 229 | munlockall 152 231 | munmap 11 215
nanosleep 35 101 | newfstatat 262 79 | open 2 - | openat 257 56 | openat2 437 437 | pause 34 -
pidfd_open 434 434 | pidfd_send_signal 424 424 | pipe 22 - | pipe2 293 59 | pkey_alloc 330 289
pkey_free 331 290 | pkey_mprotect 329 288 | poll 7 - | ppoll 271 73 | prctl 157 167 | pread64 17 67
preadv 295 69 | preadv2 327 286 | prlimit64 302 261 | pselect6 270 72 | pwrite64 18 68 | pwritev 296 70
pwritev2 328 287 | read 0 63 | readlink 89 - | readlinkat 267 78 | readv 19 65 | recvfrom 45 207
recvmmsg 299 243 | recvmsg 47 212 | rename 82 - | renameat 264 38 | renameat2 316 276 | restart_syscall 219 128
rmdir 84 - | rseq 334 293 | rt_sigaction 13 134 | rt_sigpending 127 136 | rt_sigprocmask 14 135
rt_sigqueueinfo 129 138 | rt_sigreturn 15 139 | rt_sigsuspend 130 133 | rt_sigtimedwait 128 137
rt_tgsigqueueinfo 297 240 | sched_get_priority_max 146 125 | sched_get_priority_min 147 126
sched_getaffinity 204 123 | sched_getattr 315 275 | sched_getparam 143 121 | sched_getscheduler 145 120
sched_rr_get_interval 148 127 | sched_yield 24 124 | select 23 - | sendfile 40 71 | sendmmsg 307 269
sendmsg 46 211 | sendto 44 206 | set_robust_list 273 99 | set_tid_address 218 96 | setitimer 38 103
setpgid 109 154 | setpriority 141 140 | setrlimit 160 164 | setsid 112 157 | setsockopt 54 208
shutdown 48 210 | sigaltstack 131 132
socket 41 198 | socketpair 53 199 | stat 4 - | statfs 137 43 | statx 332 291 | symlink 88 - | symlinkat 266 36
sysinfo 99 179 | tgkill 234 131 | time 201 - | timer_create 222 107 | timer_delete 226 111
timer_getoverrun 225 109 | timer_gettime 224 108 | timer_settime 223 110 | timerfd_create 283 85
timerfd_gettime 287 87 | timerfd_settime 286 86 | times 100 153 | tkill 200 130 | truncate 76 45 | umask 95 166
uname 63 160 | unlink 87 - | unlinkat 263 35 | utime 132 - | utimensat 280 88 | utimes 235 - | vfork 58 -
wait4 61 260 | waitid 247 95 | write 1 64 | writev 20 66
"""
"""Name, number on x86-64, number on arm64 (`-`: that machine has no such call)."""

Watching = Literal["", "loosely", "strictly"]
WATCHED: tuple[Watching, ...] = ("", "loosely", "strictly")

_AF_UNIX = 1
_NAMESPACE_FLAGS = 0x7E020000
_EPERM, _ENOSYS = 1, 38
_MACHINES = {"x86_64": (0, 0xC000003E, "SCMP_ARCH_X86_64"), "aarch64": (1, 0xC00000B7, "SCMP_ARCH_AARCH64")}

_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_AND = 0x54
_MAP_SHARED, _MAP_ANONYMOUS = 0x01, 0x20
_SIGCHLD = 17
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16

# Allowed only with these values of these arguments: what changes limits or priority may change the caller's alone.
_ONLY_WITH = {
    "socket": {0: _AF_UNIX},
    "socketpair": {0: _AF_UNIX},
    "prlimit64": {0: 0},
    "setpriority": {0: 0, 1: 0},
}


def allowed() -> dict[str, tuple[int | None, int | None]]:
    """Return every allowed call with its numbers on x86-64 and arm64."""
    rows = [entry.split() for line in _TABLE.strip().splitlines() for entry in line.split("|")]
    return {name: (int(x86), None if arm == "-" else int(arm)) for name, x86, arm in rows}


def machine() -> str:
    """Return this machine's kind.

    Raises:
        SandboxUnavailableError: there is no list for it.
    """
    kind = platform.machine()
    if kind not in _MACHINES:
        raise SandboxUnavailableError(f"no list of system calls for {kind}: run ATLAS on x86_64 or aarch64")
    return kind


def docker_profile(kind: str) -> dict[str, Any]:
    """Return the OCI profile for one kind of machine, as Docker reads it."""
    column, _, architecture = _MACHINES[kind]
    names = [name for name, numbers in allowed().items() if numbers[column] is not None]
    plain = [name for name in names if name not in _ONLY_WITH and name not in ("clone", "clone3")]
    rules: list[dict[str, Any]] = [{"names": plain, "action": "SCMP_ACT_ALLOW"}]
    for name, wanted in _ONLY_WITH.items():
        conditions = [{"index": index, "value": value, "op": "SCMP_CMP_EQ"} for index, value in wanted.items()]
        rules.append({"names": [name], "action": "SCMP_ACT_ALLOW", "args": conditions})
    no_namespaces = {"index": 0, "value": _NAMESPACE_FLAGS, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
    rules.append({"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [no_namespaces]})
    rules.append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS})
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": _EPERM,
        "architectures": [architecture],
        "syscalls": rules,
    }


def docker_profile_text(kind: str) -> str:
    """Return the profile as the text that the engine wants."""
    return json.dumps(docker_profile(kind), separators=(",", ":"))


def bpf_filter(kind: str, *, watched: Watching = "") -> bytes:
    """Return the same list as a classic BPF program, 8 bytes an instruction.

    Args:
        kind: this machine's.
        watched: what to refuse where no control group counts: `loosely` shared memory without a file, `strictly` also
            to say what shall become of children that have ended.

    Only the low half of an argument is compared: these arguments are C ints, and the kernel looks at no more.
    """
    column, architecture, _ = _MACHINES[kind]
    code = [
        _step(_LOAD, _ARCHITECTURE_AT),
        _step(_JUMP_IF_EQUAL, architecture, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
    ]
    for name, numbers in allowed().items():
        number = numbers[column]
        if number is not None:
            body = _while_watched(name, watched) + _decision(name)
            code += [_step(_JUMP_IF_EQUAL, number, 0, len(body)), *body]
    return b"".join([*code, _step(_RETURN, _ERRNO | _EPERM)])


def _while_watched(name: str, watched: Watching) -> list[bytes]:
    """Return the instructions that refuse what only a control group could count, and else go on."""
    if watched and name == "mmap":
        return [
            _step(_LOAD, _ARGUMENTS_AT + 8 * 3),
            _step(_AND, _MAP_SHARED | _MAP_ANONYMOUS),
            _step(_JUMP_IF_EQUAL, _MAP_SHARED | _MAP_ANONYMOUS, 0, 1),
            _step(_RETURN, _ERRNO | _EPERM),
        ]
    if watched == "strictly" and name == "rt_sigaction":
        # Asking is allowed: what is to be set lies behind a pointer, of which a filter sees whether there is one.
        return [
            _step(_LOAD, _ARGUMENTS_AT),
            _step(_JUMP_IF_EQUAL, _SIGCHLD, 0, 5),
            _step(_LOAD, _ARGUMENTS_AT + 8),
            _step(_JUMP_IF_EQUAL, 0, 0, 2),
            _step(_LOAD, _ARGUMENTS_AT + 12),
            _step(_JUMP_IF_EQUAL, 0, 1, 0),
            _step(_RETURN, _ERRNO | _EPERM),
        ]
    return []


def _decision(name: str) -> list[bytes]:
    """Return the instructions that end the filter for one call, once its number has matched."""
    if name in _ONLY_WITH:
        code = [_step(_RETURN, _ALLOW), _step(_RETURN, _ERRNO | _EPERM)]
        for index, value in _ONLY_WITH[name].items():
            refuse = len(code) - 1
            code = [_step(_LOAD, _ARGUMENTS_AT + 8 * index), _step(_JUMP_IF_EQUAL, value, 0, refuse), *code]
        return code
    if name == "clone":
        return [
            _step(_LOAD, _ARGUMENTS_AT),
            _step(_JUMP_IF_ANY_BIT, _NAMESPACE_FLAGS, 1, 0),
            _step(_RETURN, _ALLOW),
            _step(_RETURN, _ERRNO | _EPERM),
        ]
    # glibc falls back to clone, whose flags a filter can see; those of clone3 lie behind a pointer.
    return [_step(_RETURN, _ERRNO | _ENOSYS if name == "clone3" else _ALLOW)]


def _step(operation: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", operation, if_true, if_false, value)
