"""LangGraph's server with the embedded model, driven by its SDK through the endpoints that Studio uses."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from graphs.threads import thread_id
from tests.graphs.killing import killed_after
from tests.graphs.studio_server import EXAMPLE, ROOT, environment, studio

pytest.importorskip("langgraph_api", reason="the server extra is not installed (make test installs it)")

pytestmark = [pytest.mark.gguf, pytest.mark.bubblewrap]
BUDGET = {"k": 4, "max_rounds": 3}
GREEDY = {"k": 64, "max_programs": 5000, "policy": "resample", "budget_tokens": 10_000_000}
"""Goes on for minutes."""
T = TypeVar("T")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A working directory with settings, where the server and the command line meet."""
    folder = tmp_path_factory.mktemp("studio")
    (folder / "atlas.toml").write_text('sandbox = "bubblewrap"\nk = 4\n', encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def server(home):
    with studio(home) as (url, process, log):
        yield url
        assert process.poll() is None, log.read_text()[-2000:]
    assert process.returncode == 0, log.read_text()[-2000:]


@pytest.fixture
def drive(server):
    """Run a conversation with the server."""

    def go(talk: Callable[[LangGraphClient, str], Awaitable[T]]) -> T:
        async def whole() -> T:
            async with get_client(url=server) as client:
                (assistant,) = await client.assistants.search()
                return await talk(client, assistant["assistant_id"])

        return asyncio.run(whole())

    return go


async def new_thread(client: LangGraphClient) -> str:
    return str((await client.threads.create())["thread_id"])


async def solved(client: LangGraphClient, assistant: str, **context: Any) -> tuple[str, dict[str, Any]]:
    """Return the thread and the final state of a run on the example."""
    thread = await new_thread(client)
    given = {"statement": EXAMPLE}
    return thread, dict(await client.runs.wait(thread, assistant, input=given, context={**BUDGET, **context}))


def test_every_box_and_edge_is_drawn(drive):
    from graphs.solver import build_solver

    drawn = drive(lambda client, assistant: client.assistants.get_graph(assistant, xray=True))
    ours = build_solver().get_graph()
    assert {node["id"] for node in drawn["nodes"]} == ours.nodes.keys()
    edges = {(edge["source"], edge["target"], edge.get("conditional", False)) for edge in drawn["edges"]}
    assert edges == {(edge.source, edge.target, edge.conditional) for edge in ours.edges}


def test_form_asks_for_a_statement_and_offers_the_settings_of_a_run(drive):
    schemas = drive(lambda client, assistant: client.assistants.get_schemas(assistant))
    form, settings = schemas["input_schema"], schemas["context_schema"]["properties"]
    assert "required" not in form
    assert "Markdown" in form["properties"]["statement"]["description"]
    assert settings["approve"] == {
        "default": False, "description": "Ask a person before an answer is released.", "title": "Approve",
        "type": "boolean",
    }  # fmt: skip
    assert settings["k"]["default"] == 4, "the machine's own settings are the defaults"
    assert not {"model", "sandbox", "lens_file", "log_file", "thread_database"} & settings.keys()


def test_run_streams_boxes_tokens_candidates_and_outcomes(drive):
    async def talk(client, assistant):
        thread, seen = await new_thread(client), []
        modes = ["tasks", "custom", "updates"]
        given = {"statement": EXAMPLE}
        async for part in client.runs.stream(
            thread, assistant, input=given, context=BUDGET, stream_mode=modes, stream_subgraphs=True
        ):
            seen.append((part.event, part.data))
        return seen

    seen = drive(talk)
    assert "error" not in {event for event, _ in seen}
    started = [data["name"] for event, data in seen if event == "tasks" and "input" in data]
    assert started[:3] == ["lens_routing", "plan_search", "diversity_sampling"]
    assert started.count("budgeted_generation") == 4, "each slot of the fan-out is seen"
    assert started[-1] == "release"
    assert {"tokens", "candidate", "ran", "move"} <= {data["kind"] for event, data in seen if event == "custom"}
    outcomes = [update["outcomes"] for event, data in seen if event == "updates" for update in data.values()
                if update and "outcomes" in update]  # fmt: skip
    assert outcomes[0][0]["status"] in {"passed", "wrong_answer", "runtime_error"}


@pytest.mark.parametrize("yes", [True, False])
def test_person_is_asked_before_the_answer_is_released(drive, yes):
    async def talk(client, assistant):
        thread, _ = await solved(client, assistant, approve=True)
        paused = await client.threads.get_state(thread)
        (question,) = paused["interrupts"]
        resume = {"resume": {question["id"]: yes}}
        end = await client.runs.wait(thread, assistant, command=resume, context={**BUDGET, "approve": True})
        return paused, question, end

    paused, question, end = drive(talk)
    assert paused["next"] == ["release"]
    assert question["value"]["code"] == end["answer"]["code"]
    assert end["answer"]["approved"] is yes


def test_state_is_edited_and_forked_and_the_fork_runs_on(drive):
    """A person's program beside the model's, put in after the search ended: it is run, judged and counted."""
    mine = {"id": "mine", "index": 99, "code": "def pack_line(counts):\n    return -1"}

    async def talk(client, assistant):
        thread, first = await solved(client, assistant)
        history = await client.threads.get_history(thread, limit=50)
        past = next(one for one in history if one["next"] == ["sandbox_execution"])
        fork = await client.threads.update_state(
            thread, {"candidates": [mine]}, as_node="budgeted_generation", checkpoint=past["checkpoint"]
        )
        end = await client.runs.wait(thread, assistant, checkpoint=fork["checkpoint"], context={"budget_seconds": 60})
        return first, past, end

    first, past, end = drive(talk)
    assert len(past["values"]["candidates"]) == 4
    assert [one["id"] for one in end["candidates"]][:5] == [*(c["id"] for c in past["values"]["candidates"]), "mine"]
    judged = {one["candidate_id"]: one["public_passed"] for one in end["evidence"]}
    assert judged["mine"] == 0
    assert end["answer"]["code"] == first["answer"]["code"]


def test_time_before_a_fork_is_not_charged(drive):
    async def talk(client, assistant):
        thread, _ = await solved(client, assistant)
        history = await client.threads.get_history(thread, limit=50)
        past = next(one for one in history if one["next"] == ["release"])
        before = next(one for one in history if one["next"] == ["self_verification"])
        await asyncio.sleep(6)
        end = await client.runs.wait(
            thread, assistant, checkpoint=before["checkpoint"], context={"budget_seconds": past_seconds(past) + 5}
        )
        return end["answer"]

    assert drive(talk)["stop"] != "seconds"


def past_seconds(state: dict[str, Any]) -> float:
    return float(state["values"]["answer"]["seconds"])


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"candidats": []}, "the state has no field candidats"),
        ({"candidates": [{"id": "x", "index": 0}]}, "candidates.0.code: Field required"),
        ({"stop": "never"}, "stop: Input should be"),
        ("all", "an object of its fields"),
    ],
)
def test_malformed_edit_is_refused_in_one_sentence(drive, server, edit, words):
    async def talk(client, assistant):
        thread, _ = await solved(client, assistant, policy="baseline")
        return thread

    thread = drive(talk)
    before = httpx.get(f"{server}/threads/{thread}/state").json()
    answer = httpx.post(f"{server}/threads/{thread}/state", json={"values": edit, "as_node": "budgeted_generation"})
    assert (answer.status_code, answer.json().keys()) == (422, {"detail"}), answer.text
    assert words in answer.json()["detail"]
    assert "\n" not in answer.json()["detail"]
    assert httpx.get(f"{server}/threads/{thread}/state").json() == before, "nothing is lost"


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ({"programs": 4}, "there is no setting programs"),
        ({"k": "four"}, "k must be a whole number"),
        ({"k": 0}, "k must be at least 1"),
        ({"lens_file": "/etc/passwd"}, "lens_file is set where the server starts"),
        ({"sandbox": "unsafe-no-isolation"}, "sandbox is set where the server starts"),
    ],
)
def test_meaningless_settings_are_refused_before_the_queue(server, context, words):
    run = {"assistant_id": "atlas", "input": {"statement": EXAMPLE}, "context": context}
    for path in ("/runs/wait", "/runs/stream", "/runs/batch"):
        answer = httpx.post(server + path, json=[run] if path.endswith("batch") else run)
        assert answer.status_code == 422
        assert words in answer.json()["detail"]


@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "%00", "mine", "' OR 1=1"])
def test_name_that_is_no_uuid_reaches_no_store(server, name):
    answer = httpx.get(f"{server}/threads/{name}/state")
    assert answer.status_code in {404, 422}
    assert "passwd" not in answer.text
    assert len(answer.json()["detail"]) < 200


def test_unknown_thread_and_broken_json_have_a_status(server):
    unknown = httpx.get(f"{server}/threads/{thread_id('nobody')}/state")
    broken = httpx.post(f"{server}/runs/wait", content=b'{"assistant_id": ')
    assert (unknown.status_code, broken.status_code) == (404, 422)
    assert broken.json() == {"detail": "the body is not JSON"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://smith.langchain.com.evil.example"}, 403),
        ({"Host": "evil.example:2024"}, 403),
        ({"Origin": "https://smith.langchain.com"}, 200),
        ({"Origin": "http://localhost:3000"}, 200),
    ],
)
def test_pages_of_other_sites_reach_nothing(server, headers, status):
    """A browser tells the site; a name that a stranger points at this machine tells itself."""
    answer = httpx.post(f"{server}/assistants/search", json={}, headers=headers)
    assert answer.status_code == status
    assert ("access-control-allow-origin" in answer.headers) is (status == 200)


def test_empty_statement_is_told_in_one_line(drive):
    async def talk(client, assistant):
        return [part async for part in client.runs.stream(None, assistant, input={"statement": " "})]

    (fault,) = [part.data for part in drive(talk) if part.event == "error"]
    assert fault["message"].startswith("the problem is empty: ")


def test_cancelled_run_stops_decoding(drive, server):
    """A second run, which would wait for the engine, is answered as fast as ever."""

    async def talk(client, assistant):
        thread = await new_thread(client)
        given = {"statement": EXAMPLE}
        run = await client.runs.create(thread, assistant, input=given, context=GREEDY, stream_mode=["custom"])
        async for part in client.runs.join_stream(thread, run["run_id"], stream_mode="custom"):
            if part.event == "custom" and part.data["kind"] == "tokens":
                break
        await client.runs.cancel(thread, run["run_id"], wait=True)
        began = time.monotonic()
        await solved(client, assistant, policy="baseline")
        return (await client.runs.get(thread, run["run_id"]))["status"], time.monotonic() - began

    status, seconds = drive(talk)
    assert status == "interrupted"
    assert seconds < 30


def atlas(home, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.entry", *arguments]
    return subprocess.run(
        command, cwd=home, env=environment(home), capture_output=True, text=True, timeout=120, check=False
    )


def test_search_that_was_killed_on_the_command_line_ends_on_the_server(drive, home):
    killed_after(home, "mine", "budgeted_generation")
    assert "unfinished" in atlas(home, "threads").stdout

    async def talk(client, assistant):
        threads = await client.threads.search(metadata={"name": "mine"})
        key = threads[0]["thread_id"]
        held = await client.threads.get_state(key)
        return key, held, await client.runs.wait(key, assistant, context={"budget_seconds": 60})

    key, held, end = drive(talk)
    assert key == thread_id("mine")
    assert held["values"]["problem"]["entry_point"] == "pack_line"
    assert held["values"]["plans"] == end["plans"], "no step is repeated"
    listed = next(line for line in atlas(home, "threads").stdout.splitlines() if line.startswith("mine "))
    assert "verified" in listed
    assert json.loads(atlas(home, "resume", "mine", "--json").stdout)["code"] == end["answer"]["code"]


def test_thread_of_the_server_goes_on_by_its_id_on_the_command_line(drive, home):
    async def talk(client, assistant):
        return await solved(client, assistant)

    thread, end = drive(talk)
    assert thread in atlas(home, "threads").stdout
    assert json.loads(atlas(home, "resume", thread, "--json").stdout)["code"] == end["answer"]["code"]


def test_served_graph_is_a_node_of_another_graph(server):
    from langgraph.graph import END, START, StateGraph
    from langgraph.pregel.remote import RemoteGraph
    from typing_extensions import TypedDict

    class Ticket(TypedDict, total=False):
        statement: str
        answer: dict[str, Any]
        shipped: str

    async def ship(ticket: Ticket) -> Ticket:
        return {"shipped": ticket["answer"]["code"]}

    def outer(remote: RemoteGraph):
        return (
            StateGraph(Ticket)
            .add_node("solve", remote)
            .add_node(ship)
            .add_edge(START, "solve")
            .add_edge("solve", "ship")
            .add_edge("ship", END)
            .compile()
        )

    async def talk():
        async with get_client(url=server) as client:
            stream = outer(RemoteGraph("atlas", client=client)).astream(
                {"statement": EXAMPLE}, stream_mode=["updates", "values"], subgraphs=True
            )
            return [(mode, data) async for _, mode, data in stream]

    seen = asyncio.run(talk())
    boxes = {box for mode, data in seen if mode == "updates" for box in data}
    assert {"budgeted_generation", "sandbox_execution", "release", "solve", "ship"} <= boxes
    assert seen[-1][1]["shipped"].startswith("def pack_line(")


def test_model_is_loaded_once_and_nothing_blocks_the_loop(server, home, drive):
    """Runs of other tests went before; this one adds two at a time."""

    async def talk(client, assistant):
        return await asyncio.gather(*(solved(client, assistant, policy="phase1") for _ in range(2)))

    drive(talk)
    log = (home / "studio.log").read_text()
    assert log.count("model ATLAS embedded") == 1
    assert "Blocking" not in log


def no_namespace() -> str:
    """Return why no network of our own can be made here, or an empty text."""
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "there is no /dev/net/tun to watch packets with"
    tried = subprocess.run([*namespace(), "ip", "link"], capture_output=True, text=True, timeout=60, check=False)
    return f"no namespaces ({tried.stderr.strip()})" if tried.returncode else ""


def namespace() -> list[str]:
    return ["unshare", "--net", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


def test_nothing_is_looked_up_outside_this_machine(tmp_path):
    """The server and a run on it, where every packet that leaves is read: none does; one sent on purpose is seen."""
    if reason := no_namespace():
        pytest.skip(reason)
    (tmp_path / "atlas.toml").write_text('sandbox = "bubblewrap"\n', encoding="utf-8")
    command = [*namespace(), sys.executable, "-m", "tests.graphs.offline", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["code"].startswith("def pack_line(")
    assert seen["left"] == []
    assert any("control" in packet for packet in seen["control"])


def test_make_studio_ends_on_ctrl_c_and_keeps_what_ran(tmp_path):
    """One Ctrl-C, while a search that could go on for minutes is waited for: it is stored with its best answer."""
    make = ("make", "-s", "-C", str(ROOT), "-o", "setup", "studio", f"VENV={Path(sys.executable).parents[1]}")

    async def talk(url: str, stop: Callable[[], None]) -> str:
        async with get_client(url=url) as client:
            thread = await new_thread(client)
            waiting = asyncio.create_task(
                client.runs.wait(thread, "atlas", input={"statement": EXAMPLE}, context=GREEDY)
            )
            while not (await client.threads.get_state(thread))["values"].get("candidates"):
                await asyncio.sleep(0.1)
            stop()
            await asyncio.wait([waiting])
            return thread

    with studio(tmp_path, *make, ATLAS_SANDBOX="bubblewrap") as (url, process, log):
        thread = asyncio.run(talk(url, lambda: os.killpg(process.pid, signal.SIGINT)))
        process.wait(60)
        assert "Traceback" not in log.read_text()
    listed = next(line for line in atlas(tmp_path, "threads").stdout.splitlines() if thread in line)
    assert "unfinished" not in listed
