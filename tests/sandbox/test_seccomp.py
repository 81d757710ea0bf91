"""One list of system calls, two spellings of it."""

from __future__ import annotations

import json
import struct

import pytest

from sandbox import seccomp

ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
X86 = 0xC000003E


def run_filter(program: bytes, number: int, architecture: int = X86, arguments=(0,) * 6) -> int:
    """Interpret classic BPF as the kernel does."""
    data = struct.pack("=IIQ6Q", number, architecture, 0, *(value & (1 << 64) - 1 for value in arguments))
    steps = list(struct.iter_unpack("=HBBI", program))
    at = accumulator = 0
    while True:
        operation, if_true, if_false, value = steps[at]
        at += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, value)
        elif operation == 0x15:
            at += if_true if accumulator == value else if_false
        elif operation == 0x45:
            at += if_true if accumulator & value else if_false
        else:
            return value


@pytest.fixture(scope="module")
def program():
    return seccomp.bpf_filter("x86_64")


def test_exactly_the_listed_calls_pass(program):
    listed = {numbers[0]: name for name, numbers in seccomp.allowed().items()}
    for number in range(600):
        verdict = run_filter(program, number)
        name = listed.get(number)
        wanted = {None: EPERM, "clone3": ENOSYS, "socket": EPERM, "socketpair": EPERM}.get(name, ALLOW)
        assert verdict == wanted, (number, name)


@pytest.mark.parametrize(
    ("number", "arguments", "wanted"),
    [
        (41, (1, 1), ALLOW),
        (41, (2, 1), EPERM),
        (41, (38, 5), EPERM),
        (41, (40, 1), EPERM),
        (53, (1, 1), ALLOW),
        (56, (0x11,), ALLOW),
        (56, (0x3D0F00,), ALLOW),
        (56, (0x10000000,), EPERM),
        (56, (0x40000011,), EPERM),
        (302, (0, 7), ALLOW),
        (302, (1, 7), EPERM),
        (302, (-1, 7), EPERM),
        (141, (0, 0, 19), ALLOW),
        (141, (0, 1, 19), EPERM),
        (141, (2, 0, 19), EPERM),
    ],
)
def test_arguments_decide(program, number, arguments, wanted):
    assert run_filter(program, number, arguments=(*arguments, 0, 0, 0, 0, 0)[:6]) == wanted


def test_other_kinds_of_calls_are_killed_or_refused(program):
    assert run_filter(program, 1, architecture=0x40000003) == KILL
    assert run_filter(program, 0x40000000 + 1) == EPERM


@pytest.mark.parametrize(
    "name",
    [
        "ptrace", "process_vm_readv", "process_vm_writev", "mount", "unshare", "setns", "bpf", "perf_event_open",
        "userfaultfd", "io_uring_setup", "io_uring_enter", "keyctl", "add_key", "request_key", "kcmp", "memfd_create",
        "shmget", "semget", "msgget", "mq_open", "pidfd_getfd", "name_to_handle_at", "open_by_handle_at", "init_module",
        "kexec_load", "reboot", "personality", "syslog", "inotify_init1", "fanotify_init", "splice", "vmsplice", "tee",
        "sched_setaffinity", "sched_setscheduler", "ioprio_set", "chroot", "pivot_root", "modify_ldt",
        "iopl", "ioperm", "acct", "swapon", "quotactl", "clock_settime", "settimeofday", "adjtimex", "sync",
    ],
)  # fmt: skip
def test_dangerous_calls_are_not_on_the_list(name):
    assert name not in seccomp.allowed()


@pytest.mark.parametrize("kind", ["x86_64", "aarch64"])
def test_both_spellings_name_the_same_calls(kind):
    profile = json.loads(seccomp.docker_profile_text(kind))
    column = ["x86_64", "aarch64"].index(kind)
    named = [name for rule in profile["syscalls"] for name in rule["names"]]
    assert sorted(named) == sorted(name for name, numbers in seccomp.allowed().items() if numbers[column] is not None)
    assert len(profile["architectures"]) == 1
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    assert len(seccomp.bpf_filter(kind)) % 8 == 0
    assert len(seccomp.bpf_filter(kind)) // 8 < 4096


def test_numbers_are_unique():
    for column in (0, 1):
        numbers = [entry[column] for entry in seccomp.allowed().values() if entry[column] is not None]
        assert len(set(numbers)) == len(numbers)
