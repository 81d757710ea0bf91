"""The runner as a plain process, without any box: frames, caps, clocks, wiping. Runs anywhere."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.files import wipe
from sandbox.languages import CALL_FUNCTION, PYTHON
from sandbox.runner import SCHEMA

ROOT = Path(__file__).parents[2]
START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from sandbox.runner import main; main(sys.argv[1:])"
HEAD = struct.Struct(">II")


class PlainRunner:
    def __init__(self, work: Path, start: str = START, root: Path = ROOT):
        harness = str(root / "sandbox" / "harness.py")
        command = [sys.executable, "-I", "-S", "-B", "-c", start, str(root), harness, str(work)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def send(self, header, body=b""):
        text = json.dumps(header).encode()
        self.process.stdin.write(HEAD.pack(len(text), len(body)) + text + body)
        self.process.stdin.flush()

    def receive(self):
        header_size, body_size = HEAD.unpack(self.process.stdout.read(HEAD.size))
        return json.loads(self.process.stdout.read(header_size)), self.process.stdout.read(body_size)

    def test(self, source, stdin=b"", **changes):
        source = source.encode()
        request = {
            **{
                "kind": "test",
                "nonce": "n",
                "file": "main.py",
                "command": PYTHON.run,
                "value": False,
                "more": True,
                "environment": {},
                "cpu_s": 5.0,
                "wall_s": 20.0,
                "patience": 4,
                "source_bytes": len(source),
            },
            **{"memory_bytes": 1 << 40, "output_bytes": 1000, "nice": 0, "rlimits": {"CORE": 0, "NOFILE": 256}},
            **changes,
        }
        self.send(request, source + stdin)
        header, body = self.receive()
        pieces = []
        for size in header["sizes"]:
            pieces.append(body[:size])
            body = body[size:]
        assert body == b""
        return header, pieces


@pytest.fixture
def runner(tmp_path):
    plain = PlainRunner(tmp_path)
    yield plain
    plain.process.stdin.close()
    assert plain.process.wait(10) == 0
    plain.process.stdout.close()


def test_hello_repeats_the_nonce(runner):
    runner.send({"kind": "hello", "nonce": "abc"})
    header, body = runner.receive()
    assert header["nonce"] == "abc"
    assert header["schema"] == SCHEMA
    assert body == b""


def test_reports_facts_of_a_good_program(runner):
    header, (stdout, stderr) = runner.test("import sys\nprint(sys.stdin.read() * 2)\nsys.stderr.write('note')", b"ab")
    assert (header["ended"], header["code"], header["dirty"], header["left"]) == ("exit", 0, False, 0)
    assert (stdout, stderr) == (b"abab\n", b"note")
    assert 0 < header["cpu_s"] < 5
    assert header["peak_kb"] > 1000


def test_remembers_the_source_and_rewrites_it(runner):
    runner.test("print(input()); open('main.py', 'w').write('print(666)')", b"1\n")
    assert runner.test("", b"2\n", source_bytes=0)[1][0] == b"2\n"


def test_keeps_output_up_to_the_cap(runner):
    header, (stdout, _) = runner.test("import sys\nwhile True: sys.stdout.write('x' * 1000)")
    assert (header["ended"], stdout) == ("output", b"x" * 1000)
    assert runner.test("print('y' * 999)")[1][0] == b"y" * 999 + b"\n"
    assert runner.test("print('y' * 1000)")[0]["ended"] == "output"


def test_keeps_the_end_of_the_error_output(runner):
    _, (_, stderr) = runner.test("import sys\nsys.stderr.write('a' * 100_000 + 'end')")
    assert len(stderr) == 4096
    assert stderr.endswith(b"aend")


def test_wall_clock_ends_a_sleeper(runner):
    header, (stdout, _) = runner.test("print('here', flush=True)\nimport time; time.sleep(60)", wall_s=0.5)
    assert (header["ended"], stdout) == ("deadline", b"here\n")
    assert 0.5 <= header["wall_s"] < 5


def test_cpu_clock_ends_a_spinner(runner):
    header, _ = runner.test("while True: pass", cpu_s=0.3)
    assert header["ended"] == "cpu"
    assert 0.25 <= header["cpu_s"] < 1


def test_waiting_for_a_core_is_given_back(runner):
    # Spinners on the one core that all may use keep the program from running for half of its time or more. It goes on
    # until it has outlived its wall clock, however busy the machine is otherwise.
    core = min(os.sched_getaffinity(0))
    pinned = f"import os; os.sched_setaffinity(0, [{core}])\n"
    spinners = [subprocess.Popen([sys.executable, "-c", pinned + "while True: pass"]) for _ in range(4)]
    try:
        source = "import time\nend = time.monotonic() + 1.3\n" + pinned
        source += "while time.monotonic() < end: pass\nprint('done')"
        header, (stdout, _) = runner.test(source, wall_s=1.0)
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()
    assert (header["ended"], stdout) == ("exit", b"done\n")
    assert header["wall_s"] > 1.0
    assert header["waited_s"] > header["wall_s"] - 1.0


LIKE_GVISOR = """
import os
opens = os.open
def opens_as_gvisor_does(path, flags, *arguments, **named):
    if flags & os.O_TMPFILE == os.O_TMPFILE:
        raise OSError(95, "Operation not supported")
    return opens(path, flags, *arguments, **named)
def pidfd_open(pid):
    raise OSError(38, "Function not implemented")
os.open, os.pidfd_open = opens_as_gvisor_does, pidfd_open
"""


def test_runs_where_the_kernel_lacks_descriptors_of_processes_and_files_without_names(tmp_path):
    plain = PlainRunner(tmp_path, LIKE_GVISOR + START)
    header, (stdout, _) = plain.test("import os; print(input(), os.listdir())", b"done\n")
    assert (header["ended"], stdout) == ("exit", b"done ['main.py']\n")
    assert plain.test("import time; time.sleep(60)", wall_s=0.5)[0]["ended"] == "deadline"
    assert plain.test("import sys; sys.exit(7)")[0]["code"] == 7
    plain.process.stdin.close()
    assert plain.process.wait(10) == 0
    plain.process.stdout.close()


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_next_interpreter_is_started_before_its_test_is_known(runner):
    runner.test("")
    for _ in range(2):
        waiting = []
        deadline = time.monotonic() + 20
        while not waiting:
            assert time.monotonic() < deadline
            waiting = children_of(runner.process.pid)
        _, (stdout, _) = runner.test("import os; print(os.getpid())")
        assert [int(stdout)] == waiting
    runner.test("", more=False)
    time.sleep(0.2)
    assert children_of(runner.process.pid) == []


SEEN = """
import os, resource, signal, sys
print(sys.path, sys.flags, sorted(os.environ.items()), sys.argv, __name__, os.getsid(0) == os.getpid())
print([resource.getrlimit(kind) for kind in (resource.RLIMIT_CORE, resource.RLIMIT_NOFILE)], os.getpriority(0, 0))
print([signal.getsignal(number) for number in (signal.SIGINT, signal.SIGPIPE)])
print(sorted(os.listdir("/proc/self/fd")), sys.stdin.seekable(), sys.stdout.line_buffering, sys.stdin.read())
"""


@pytest.mark.parametrize("environment", [{}, {"PYTHONPATH": "/nowhere"}])
def test_a_program_cannot_tell_whether_its_interpreter_waited(runner, environment):
    first, second = (
        runner.test(SEEN, b"data", environment=environment, nice=3, output_bytes=9000)[1] for _ in range(2)
    )
    assert first == second
    assert b"startup" not in first[0]
    assert first[0].endswith(b"data\n")
    assert b"[(0, 0), (256, 256)] 3" in first[0]
    plain = subprocess.run(
        [*(sys.executable, "-s", "-P", "-B", "-c"), "import sys; print(sys.path[0], sys.flags.dev_mode)"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str([plain.stdout.split()[0]])[1:-1] in first[0].decode()


def test_a_test_of_another_kind_gets_a_process_of_its_own(runner):
    runner.test("def f(x): return x")
    value = runner.test("", b"[5]", source_bytes=0, command=[*CALL_FUNCTION, "f"], value=True)
    assert value[1][2] == b"5"
    assert runner.test("", source_bytes=0, command=["/bin/true"])[0]["code"] == 0
    assert runner.test("print(1)")[1][0] == b"1\n"
    assert len(children_of(runner.process.pid)) <= 1


def test_an_interpreter_without_an_order_runs_no_program(tmp_path):
    """Python reports what this module raises and goes on: a program would run without limits."""
    (tmp_path / "main.py").write_text("print('ran')")
    command = [sys.executable, "-s", "-P", "-B", "main.py"]
    environment = {"PYTHONPATH": str(ROOT / "sandbox" / "startup")}
    for order in (b"", b"nonsense", b"0,7"):
        read_fd, write_fd = os.pipe()
        os.write(write_fd, order)
        os.close(write_fd)
        actions = f"import os, sys; os.dup2({read_fd}, 4); os.execv(sys.argv[1], sys.argv[1:])"
        done = subprocess.run(
            [sys.executable, "-c", actions, *command],
            cwd=tmp_path, env=environment | {"PYTHONNOUSERSITE": "1"}, pass_fds=(read_fd,), capture_output=True,
        )  # fmt: skip
        os.close(read_fd)
        assert (done.returncode, done.stdout) == (127, b"")


def test_who_waits_ends_with_the_runner(tmp_path):
    plain = PlainRunner(tmp_path)
    plain.test("")
    deadline = time.monotonic() + 20
    while not (waiting := children_of(plain.process.pid)):
        assert time.monotonic() < deadline
    plain.process.kill()
    plain.process.wait()
    while Path(f"/proc/{waiting[0]}").exists() and "\nState:\tZ" not in status_of(waiting[0]):
        assert time.monotonic() < deadline
    for stream in (plain.process.stdin, plain.process.stdout):
        stream.close()


def status_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""


def test_no_box_pays_for_slow_imports():
    question = "import sandbox.runner; print(sorted(set(sys.modules) & {'ctypes', 'enum', 'json', 'pathlib', 're', "
    question += "'signal', 'struct', 'subprocess', 'types', 'typing'}))"
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {question}"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "[]\n"


def test_memory_watch_ends_a_hog(runner):
    header, _ = runner.test("x = b'x' * (200 << 20)\nimport time; time.sleep(60)", memory_bytes=50 << 20)
    assert header["ended"] == "memory"


def test_signals_and_exit_codes_are_told_apart(runner):
    assert runner.test("import sys; sys.exit(7)")[0]["code"] == 7
    assert runner.test("import os; os.kill(os.getpid(), 11)")[0]["code"] == -11
    assert runner.test("import os; os.abort()")[0]["code"] == -6


def test_the_end_is_the_programs_not_the_pipes(runner):
    header, (stdout, _) = runner.test("import os\nif os.fork() == 0:\n  import time; time.sleep(60)\nprint('done')")
    assert (header["ended"], stdout) == ("exit", b"done\n")
    assert header["wall_s"] < 10
    header, _ = runner.test("import os, time\nos.close(1); os.close(2); time.sleep(0.2)")
    assert (header["ended"], header["code"]) == ("exit", 0)


CALL = {"command": (*CALL_FUNCTION, "f"), "value": True}


def test_function_mode_returns_a_value_apart_from_the_output(runner):
    _, pieces = runner.test("def f(x):\n  print('noise')\n  return (x, None)", b"[[1]]", **CALL)
    assert pieces[2] == b'{"tuple":[[1],null]}'


def test_function_mode_hides_the_arguments_stream(runner):
    _, pieces = runner.test("import sys\ndef f(x): return sys.stdin.read()", b"[1]", **CALL)
    assert pieces[2] == b'""'


def test_nothing_of_this_process_is_inherited(runner):
    _, (stdout, _) = runner.test("import os\nprint(sorted(os.environ), sorted(os.listdir('/proc/self/fd')))")
    names = ["HOME", "LANG", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PATH", "PYTHONHASHSEED",
             "PYTHONINTMAXSTRDIGITS", "TZ"]  # fmt: skip
    assert stdout.decode() == f"{names} ['0', '1', '2', '3']\n"


def test_sets_of_texts_come_in_one_order(runner):
    source = "print({'a', 'b', 'c', 'd', 'e', 'f', 'g'})"
    assert len({bytes(runner.test(source)[1][0]) for _ in range(3)}) == 1


def test_the_working_directory_is_wiped(runner, tmp_path):
    header, _ = runner.test(
        "import os\nos.makedirs('a/b/c'); open('a/b/f', 'w'); os.symlink('/etc', 'l'); os.chmod('a', 0)"
    )
    assert not header["dirty"]
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_wiped_is_called_dirty(runner):
    source = "import os\nfor _ in range(100):\n  os.mkdir('d'); os.chdir('d')"
    assert runner.test(source)[0]["dirty"]


def test_hanging_up_ends_runner_and_program(tmp_path):
    plain = PlainRunner(tmp_path)
    header = {
        "kind": "test",
        "nonce": "n",
        "file": "main.py",
        "command": PYTHON.run,
        "value": False,
        "cpu_s": 50.0,
        "wall_s": 60.0,
        "patience": 4,
    }
    source = b"import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(60)"
    header |= {"memory_bytes": 1 << 40, "output_bytes": 10, "nice": 0, "rlimits": {}}
    header |= {"environment": {}, "source_bytes": len(source)}
    plain.send(header, source)
    deadline = time.monotonic() + 10
    while not (pid := (tmp_path / "pid").read_text() if (tmp_path / "pid").exists() else ""):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    plain.process.stdin.close()
    assert plain.process.wait(5) == 0
    plain.process.stdout.close()
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_wiping_follows_no_link(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("here")
    box = tmp_path / "box"
    box.mkdir()
    (box / "link").symlink_to(kept)
    fd = os.open(box, os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert wipe(fd)
    finally:
        os.close(fd)
    assert (kept / "file").read_text() == "here"
    assert list(box.iterdir()) == []


def test_a_folder_that_no_path_can_name_costs_no_limit(tmp_path):
    """Python would not find the module that takes the limits."""
    root = tmp_path / "a:b"
    shutil.copytree(ROOT / "sandbox", root / "sandbox")
    work = tmp_path / "work"
    work.mkdir()
    plain = PlainRunner(work, root=root)
    for _ in range(2):
        _, (stdout, _) = plain.test("import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))")
        assert stdout == b"(256, 256)\n"
    plain.process.stdin.close()
    assert plain.process.wait(10) == 0
    plain.process.stdout.close()
