"""The pool and the talk with a box, over boxes made of plain pipes."""

from __future__ import annotations

import json
import os
import struct
import threading
import time

import pytest

from sandbox.base import Limits, Program, SandboxUnavailableError
from sandbox.boxed import BoxedSandbox
from sandbox.bubblewrap import open_bubblewrap
from sandbox.pool import Pool
from sandbox.protocol import BoxDiedError, CancelledError, ask

HEAD = struct.Struct(">II")
GOOD = {
    "ended": "exit",
    "code": 0,
    "cpu_s": 0.1,
    "wall_s": 0.1,
    "waited_s": 0,
    "peak_kb": 1,
    "oom_kills": 0,
    "dirty": False,
}


def frame(header, body=b""):
    text = json.dumps(header).encode()
    return HEAD.pack(len(text), len(body)) + text + body


class PipeBox:
    """A box whose runner is a function in a thread: it turns a request's header into raw bytes, or None to die."""

    def __init__(self, reply):
        self.read_fd, self._answers = os.pipe()
        self._requests, self.write_fd = os.pipe()
        self.reply = reply
        self.closed = False
        self.reserved = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with os.fdopen(self._requests, "rb") as requests, os.fdopen(self._answers, "wb") as answers:
            while head := requests.read(HEAD.size):
                header_size, body_size = HEAD.unpack(head)
                header = json.loads(requests.read(header_size))
                requests.read(body_size)
                data = self.reply(header)
                if data is None:
                    return
                answers.write(data)
                answers.flush()

    def read(self):
        data = os.read(self.read_fd, 1 << 20)
        if not data:
            raise EOFError
        return data

    def write(self, data):
        return os.write(self.write_fd, data)

    def reserve(self, memory_bytes):
        self.reserved = memory_bytes

    def kill(self):
        if self.write_fd >= 0:
            os.close(self.write_fd)
            self.write_fd = -1

    def close(self):
        self.kill()
        if not self.closed:
            os.close(self.read_fd)
        self.closed = True

    def died_of_memory(self):
        return False


def honest(header):
    return frame({**GOOD, "nonce": header["nonce"], "sizes": [2, 0]}, b"ok")


@pytest.fixture
def box_of():
    boxes = []

    def make(reply):
        boxes.append(PipeBox(reply))
        return boxes[-1]

    yield make
    for box in boxes:
        box.close()


def test_an_honest_answer_arrives(box_of):
    header, body = ask(box_of(honest), {"kind": "test"}, wait_s=5, max_body=10)
    assert (header["ended"], body) == ("exit", b"ok")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (lambda header: None, "ended"),
        (lambda header: frame({"nonce": "guessed"}), "another question"),
        (lambda header: frame([1]), "another question"),
        (lambda header: HEAD.pack(2, 0) + b"{{", "not JSON"),
        (lambda header: HEAD.pack(1 << 30, 0), "too long"),
        (lambda header: HEAD.pack(2, 1 << 30) + b"{}", "too long"),
        (lambda header: honest(header) * 2, "more than one"),
        (lambda header: b"\0", "in time"),
        (lambda header: HEAD.pack(50_000, 0) + b"[" * 50_000, "not JSON"),
    ],
)
def test_anything_else_is_the_boxs_death(box_of, reply, reason):
    with pytest.raises(BoxDiedError, match=reason):
        ask(box_of(reply), {"kind": "test"}, wait_s=0.3, max_body=10)


def test_cancelling_does_not_wait_for_the_answer(box_of):
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    started = time.monotonic()
    with pytest.raises(CancelledError):
        ask(box_of(lambda header: time.sleep(2)), {}, wait_s=60, cancelled=stop.is_set)
    assert time.monotonic() - started < 1


def test_the_pool_fills_ahead_and_empties_at_the_end(box_of):
    made = []

    def make():
        made.append(box_of(honest))
        return made[-1]

    pool = Pool(make, 2)
    box = pool.take(lambda: False)
    deadline = time.monotonic() + 5
    while len(made) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    pool.close()
    pool.close()
    assert [other.closed for other in made] == [other is not box for other in made]
    with pytest.raises(SandboxUnavailableError, match="closed"):
        pool.take(lambda: False)


def test_makers_work_side_by_side_and_make_no_box_too_many(box_of):
    made = []
    both = threading.Barrier(2, timeout=30)

    def make():
        box = box_of(honest)
        made.append(box)
        # Passed only when a second box is made at the same time.
        if len(made) <= 2:
            both.wait()
        return box

    pool = Pool(make, 2, makers=2)
    taken = {pool.take(lambda: False) for _ in range(2)}
    assert len(taken) == 2
    deadline = time.monotonic() + 10
    while len(made) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.2)
    assert len(made) == 4
    pool.close()
    assert {box.closed for box in made if box not in taken} == {True}


def test_a_box_that_died_waiting_is_never_handed_out(box_of):
    made = []

    def make():
        made.append(box_of(honest))
        if len(made) == 1:
            made[0].kill()
            time.sleep(0.1)
        return made[-1]

    pool = Pool(make, 1)
    assert pool.take(lambda: False) is made[1]
    pool.close()


def test_a_failing_maker_is_asked_again_next_time(box_of):
    failures = ["no engine"]

    def make():
        if failures:
            raise SandboxUnavailableError(failures.pop())
        return box_of(honest)

    pool = Pool(make, 1)
    time.sleep(0.1)
    assert failures == []
    assert not pool.take(lambda: False).closed
    pool.close()


def test_a_box_that_dies_once_is_replaced(box_of):
    replies = [lambda header: None, honest]
    with BoxedSandbox("pipes", lambda language: box_of(replies.pop(0) if replies else honest), workers=1) as sandbox:
        (execution,) = sandbox.run(Program(source="x", mode="stdio"), ["1"])
    assert (execution.status, execution.output) == ("completed", "ok")


@pytest.mark.parametrize(
    "header", [{}, {"ended": "exit"}, {**GOOD, "sizes": [2]}, {**GOOD, "sizes": [2, 0], "ended": "well"}]
)
def test_a_box_that_dies_twice_is_no_verdict(box_of, header):
    def reply(request):
        return frame({**header, "nonce": request["nonce"]}) if header else None

    with (
        BoxedSandbox("pipes", lambda language: box_of(reply), workers=1) as sandbox,
        pytest.raises(SandboxUnavailableError, match="twice in a row"),
    ):
        sandbox.run(Program(source="x", mode="stdio"), ["1"])


def test_a_dirty_box_is_thrown_away(box_of):
    made = []

    def make(language):
        dirty = not made
        made.append(box_of(lambda header: frame({**GOOD, "nonce": header["nonce"], "sizes": [0, 0], "dirty": dirty})))
        return made[-1]

    with BoxedSandbox("pipes", make, workers=1) as sandbox:
        assert len(sandbox.run(Program(source="x", mode="stdio"), ["1", "2", "3"], Limits(memory_mb=7))) == 3
        assert [box.reserved for box in made[:2]] == [7 << 20, 7 << 20]
        assert made[0].closed


def test_no_more_programs_run_than_there_are_workers(box_of):
    running, most = [], []

    def reply(header):
        running.append(1)
        most.append(len(running))
        time.sleep(0.05)
        running.pop()
        return honest(header)

    with BoxedSandbox("pipes", lambda language: box_of(reply), workers=2) as sandbox:
        threads = [
            threading.Thread(target=sandbox.run, args=(Program(source="x", mode="stdio"), ["1"])) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert max(most) == 2


TIRED = {**GOOD, "ended": "deadline", "code": -9, "wall_s": 10, "sizes": [0, 0]}


@pytest.mark.parametrize(
    ("waited_s", "statuses", "asked"),
    [(5.0, ["completed", "timeout", "completed"], 4), (0.1, ["timeout", "timeout", "completed"], 3)],
    ids=["under-load-it-runs-again-once", "with-a-core-of-its-own-it-counts"],
)
def test_a_timeout_under_load_is_run_again_before_it_counts(box_of, waited_s, statuses, asked):
    late = {**TIRED, "waited_s": waited_s}
    good = {**GOOD, "sizes": [0, 0]}
    headers = [late, good, late, good] if asked == 4 else [late, late, good]
    seen = []

    def reply(request):
        seen.append(request["patience"])
        return frame({**headers[len(seen) - 1], "nonce": request["nonce"]})

    with BoxedSandbox("pipes", lambda language: box_of(reply), workers=1) as sandbox:
        executions = sandbox.run(Program(source="x", mode="stdio"), ["1", "2", "3"])
    assert [execution.status for execution in executions] == statuses
    # Alone it holds the others up, and gets its own limit and no more.
    assert seen == ([4, 1, 4, 4] if asked == 4 else [4, 4, 4])


def test_a_wall_limit_of_the_callers_is_no_busy_machines_business(box_of):
    seen = []

    def reply(request):
        seen.append((request["wall_s"], request["patience"]))
        return frame({**TIRED, "waited_s": 9.0, "nonce": request["nonce"]})

    with BoxedSandbox("pipes", lambda language: box_of(reply), workers=1) as sandbox:
        (execution,) = sandbox.run(Program(source="x", mode="stdio"), ["1"], Limits(wall_s=2.5))
    assert execution.status == "timeout"
    assert seen == [(2.5, 1)]


@pytest.mark.bubblewrap
def test_a_program_that_python_cannot_parse_says_so_on_every_test():
    with open_bubblewrap(1) as sandbox:
        executions = sandbox.run(Program(source="x = 1\ndef f(:", mode="stdio"), ["1", "2"])
    for execution in executions:
        assert execution.status == "runtime_error"
        assert execution.error.splitlines()[-1].startswith("SyntaxError")
        assert 'File "main.py", line 2' in execution.error
