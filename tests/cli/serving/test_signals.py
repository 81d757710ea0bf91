"""A signal while somebody is being served: the answer still comes, nothing is lost, the process ends cleanly."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import httpx
import openai
import pytest

from graphs.threads import open_store, stored_threads
from tests.cli.serving.conftest import CODE, PROBLEM, PROGRAM

pytestmark = [pytest.mark.bubblewrap, pytest.mark.usefixtures("elsewhere")]
ROOT = Path(__file__).parents[3]
SCRIPT = f"""
import sys, time
from pathlib import Path
from cli.serve import ServeCommand, run_serve
from cli.serving.service import ServeOptions
from graphs import OpenSolver
from graphs.factory import open_box
from inference.scripted import ScriptedModel

def reply(request):
    time.sleep(0.1)
    return {PROGRAM!r}

flags = {{"sandbox": "bubblewrap", "k": 2, "max_programs": 4, "max_rounds": 3, "test_generations": 2}}
flags["thread_file"] = "threads.sqlite"
options = ServeOptions(grace_s=float(sys.argv[1]))
command = ServeCommand(port=0, keys=Path("keys.sqlite"), flags=flags, options=options)
sys.exit(run_serve(command, lambda settings: OpenSolver(settings, ScriptedModel(reply), open_box(settings))))
"""


class Process:
    """A server in a process of its own."""

    def __init__(self, process):
        self.process = process
        self.errors = ""
        for line in process.stderr:
            self.errors += line
            if found := re.search(r"serves on (\S+)/v1", line):
                self.url = found[1]
                break
        else:
            raise RuntimeError(self.errors)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.errors += line

    def end(self):
        code = self.process.wait(60)
        self._reader.join()
        return code


@contextmanager
def process_of(grace_s):
    Path("run.py").write_text(SCRIPT)
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "run.py", str(grace_s)]
    with subprocess.Popen(command, env=environment, stderr=-1, text=True) as process:
        started = Process(process)
        try:
            yield started
        finally:
            process.kill()
            started.end()


def search(server, **changes):
    """Yield the chunks of a streamed search."""
    asked = {"model": "atlas", "messages": [{"role": "user", "content": PROBLEM}], "stream": True, **changes}
    web = openai.DefaultHttpxClient(trust_env=False)
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="x", max_retries=0, http_client=web) as client:
        yield from client.chat.completions.create(**asked)


def test_what_runs_is_finished(elsewhere):
    with process_of(60) as server:
        chunks = search(server)
        first = next(chunks)
        server.process.send_signal(signal.SIGTERM)
        last = [first, *chunks][-1].choices[0]
        assert server.end() == 0
    assert last.finish_reason == "stop"
    assert last.delta.atlas["stop"] != "cancelled"
    assert "1 still at work get 60 s" in server.errors
    assert server.errors.endswith("atlas: served to the end\n")
    assert "Traceback" not in server.errors


def test_after_the_grace_the_best_so_far_is_given_and_stored(elsewhere):
    with process_of(0) as server:
        told, sent = "", False
        for chunk in search(server, metadata={"thread": "mine"}):
            told += getattr(chunk.choices[0].delta, "reasoning_content", "")
            if "passes 1 of 1" in told and not sent:
                server.process.send_signal(signal.SIGINT)
                sent = True
            last = chunk.choices[0].delta
        assert server.end() == 0
    assert (last.atlas["code"], last.atlas["stop"]) == (CODE, "cancelled")
    with open_store(elsewhere / "threads.sqlite") as store:
        (thread,) = stored_threads(store)
    assert thread.name == "mine"
    assert "Traceback" not in server.errors


def test_second_signal_ends_the_wait(elsewhere):
    with process_of(600) as server:
        chunks = search(server)
        next(chunks)
        server.process.send_signal(signal.SIGINT)
        server.process.send_signal(signal.SIGINT)
        assert list(chunks)[-1].choices[0].finish_reason == "stop"
        assert server.end() == 0


def test_no_new_work_is_taken_meanwhile(elsewhere):
    with process_of(60) as server, httpx.Client(trust_env=False, base_url=server.url) as open_before:
        assert open_before.get("/health").status_code == 200
        chunks = search(server)
        next(chunks)
        server.process.send_signal(signal.SIGTERM)
        list(chunks)
        with pytest.raises(httpx.TransportError):
            open_before.get("/health")
        assert server.end() == 0
