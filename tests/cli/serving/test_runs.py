"""The interface of the page, over HTTP: begin, follow, decide, cancel, resume, and what is refused."""

from __future__ import annotations

import json
import threading
import time
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from cli.serving.keys import KeyFile
from graphs import OpenSolver
from graphs.threads import open_store, thread_id
from inference.base import ModelError
from inference.scripted import ScriptedModel
from nodes.settings import Settings
from tests.cli.serving.test_openapi import CHECKS
from tests.graphs.programmer import FUNCTION, Talk, kind_of

pytestmark = pytest.mark.bubblewrap
PHASE1 = {"problem": FUNCTION, "policy": "phase1", "k": 2}


@pytest.fixture
def served(serve):
    with serve(ScriptedModel(Talk()), max_programs=32) as running, running.http() as http:
        yield http


def begun(http, **changes):
    reply = http.post("/api/runs", json=PHASE1 | changes)
    assert reply.status_code == 201, reply.text
    return reply.json()["id"]


def followed(http, run, last=""):
    """Return the events of a run until it stands still, as (id, kind, fields)."""
    events, event = [], {}
    headers = {"Last-Event-ID": last} if last else {}
    with http.stream("GET", f"/api/runs/{run}/events", headers=headers) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        for line in reply.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                event[name] = value
            elif "data" in event:
                events.append((event.get("id", ""), event["event"], json.loads(event["data"])))
                event = {}
    return events


def state_of(http, run):
    return followed(http, run)[-1][2]["state"]


def test_run_is_followed_to_its_end_and_read_whole(served):
    run = begun(served)
    events = followed(served, run)
    kinds = [kind for _, kind, _ in events]
    assert {"box_started", "box_finished", "candidate_arrived", "candidate_ran", "spent", "finished"} <= set(kinds)
    assert events[-1][1:] == ("state", {"state": "ended"})
    detail = served.get(f"/api/runs/{run}").json()
    assert detail["summary"]["has_program"]
    assert detail["view"]["programs"][0]["chosen"]
    assert [step["boxes"] for step in detail["steps"]][:2] == [["lens_routing"], ["plan_search"]]
    assert detail["settings"]["policy"] == "phase1"
    assert sum(step["tokens"] for step in detail["steps"]) == detail["summary"]["tokens"]


def test_broken_stream_goes_on_after_the_last_event(served):
    run = begun(served)
    events = followed(served, run)
    middle = events[len(events) // 2][0]
    assert followed(served, run, last=middle) == events[len(events) // 2 + 1 :]
    assert followed(served, run, last="of-another-run.3") == events


def test_answer_waits_and_is_released(served):
    run = begun(served, approve=True)
    assert state_of(served, run) == "waiting"
    reply = served.post(f"/api/runs/{run}/decision", json={"approved": True})
    assert reply.status_code == 202
    assert state_of(served, run) == "ended"
    assert served.get(f"/api/runs/{run}").json()["summary"]["approved"] is True
    again = served.post(f"/api/runs/{run}/decision", json={"approved": False})
    assert (again.status_code, again.json()["detail"]) == (409, "this run waits for no decision")


def test_rejected_answer_stays_rejected(served):
    run = begun(served, approve=True)
    followed(served, run)
    served.post(f"/api/runs/{run}/decision", json={"approved": False})
    assert state_of(served, run) == "ended"
    assert served.get(f"/api/runs/{run}").json()["view"]["answer"]["approved"] is False


def test_server_that_asks_asks_whatever_the_client_says(serve):
    with serve(ScriptedModel(Talk()), approve=True) as running, running.http() as http:
        assert state_of(http, begun(http, approve=False)) == "waiting"


def test_cancelled_run_ends_with_what_it_has(serve):
    wrote, go_on = threading.Event(), threading.Event()

    def slow(request):
        if kind_of(request) == "tests":
            wrote.set()
            go_on.wait(30)
        return Talk()(request)

    with serve(ScriptedModel(slow), max_programs=32) as running, running.http() as http:
        run = begun(http, policy="full")
        assert wrote.wait(30)
        assert http.delete(f"/api/runs/{run}").json()["state"] == "running"
        go_on.set()
        assert state_of(http, run) == "ended"
        answer = http.get(f"/api/runs/{run}").json()["view"]["answer"]
        assert (answer["stop"], bool(answer["code"])) == ("cancelled", True)
        assert http.delete(f"/api/runs/{run}").status_code == 409


def test_search_of_the_command_line_is_found(serve, box, tmp_path):
    with open_store(tmp_path / "threads.sqlite") as store:
        solver = OpenSolver(Settings(policy="phase1", k=2), ScriptedModel(Talk()), box)
        solver.keep_in(store)
        list(solver.stream(FUNCTION, thread="from the shell"))
    with serve(ScriptedModel(Talk()), max_programs=32) as running, running.http() as http:
        (one,) = http.get("/api/runs").json()["runs"]
        assert (one["name"], one["id"], one["state"]) == ("from the shell", thread_id("from the shell"), "ended")
        assert followed(http, one["id"]) == [("", "state", {"state": "ended"})]
        assert http.get(f"/api/runs/{one['id']}").json()["view"]["programs"]


def test_failed_run_says_why_and_goes_on(serve):
    broken = threading.Event()

    def once(request):
        if kind_of(request) == "tests" and not broken.is_set():
            broken.set()
            raise ModelError("the cable is out: plug it in")
        return Talk()(request)

    with serve(ScriptedModel(once), max_programs=32) as running, running.http() as http:
        run = begun(http, policy="full")
        assert state_of(http, run) == "failed"
        detail = http.get(f"/api/runs/{run}").json()
        assert detail["error"] == "the cable is out: plug it in"
        assert detail["view"]["programs"]
        assert http.post(f"/api/runs/{run}/resume").status_code == 202
        assert state_of(http, run) == "ended"
        assert http.post(f"/api/runs/{run}/resume").status_code == 409


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"problem": " \n"}, "empty", id="empty-problem"),
        pytest.param({"policy": "magic"}, "adaptive", id="unknown-policy"),
        pytest.param({"budget_tokens": 0}, "greater than or equal to 1", id="no-budget"),
        pytest.param({"k": 1.5}, "integer", id="half-a-program"),
        pytest.param({"surprise": 1}, "not permitted", id="unknown-field"),
        pytest.param({"problem": "x" * 200_001}, "200000", id="too-long"),
        pytest.param({"name": "a\nb"}, "printable", id="name-of-two-lines"),
    ],
)
def test_bad_request_is_one_sentence(served, changes, says):
    reply = served.post("/api/runs", json=PHASE1 | changes)
    assert reply.status_code in (400, 422)
    assert says in reply.text
    assert served.get("/api/runs").json() == {"runs": []}


def test_name_is_taken_once(served):
    followed(served, begun(served, name="mine"))
    reply = served.post("/api/runs", json=PHASE1 | {"name": "mine"})
    assert (reply.status_code, "another name" in reply.json()["detail"]) == (409, True)


@pytest.mark.parametrize(
    "call", [("GET", ""), ("GET", "/events"), ("POST", "/decision"), ("POST", "/resume"), ("DELETE", "")]
)
def test_unknown_run_is_not_found(served, call):
    method, rest = call
    body = {"json": {"approved": True}} if rest == "/decision" else {}
    assert served.request(method, f"/api/runs/{uuid4()}{rest}", **body).status_code == 404
    assert served.request(method, f"/api/runs/..%2F..%2Fetc{rest}", **body).status_code in (404, 422)


def test_full_queue_says_when_to_come_back(serve):
    from cli.serving.service import ServeOptions

    hold = threading.Event()

    def slow(request):
        hold.wait(30)
        return Talk()(request)

    with serve(ScriptedModel(slow), ServeOptions(searches=1, waiting=1)) as running, running.http() as http:
        first, second = begun(http), begun(http)
        reply = http.post("/api/runs", json=PHASE1)
        assert (reply.status_code, int(reply.headers["Retry-After"]) > 0) == (429, True)
        assert http.get(f"/api/runs/{second}").json()["summary"]["state"] == "queued"
        http.delete(f"/api/runs/{second}")
        deadline = time.monotonic() + 10
        while http.get(f"/api/runs/{second}").json()["summary"]["state"] == "queued" and time.monotonic() < deadline:
            time.sleep(0.02)
        detail = http.get(f"/api/runs/{second}").json()
        assert (detail["summary"]["state"], detail["error"]) == ("failed", "it was cancelled before its turn came")
        hold.set()
        assert state_of(http, first) == "ended"


def test_other_web_site_can_neither_ask_nor_read(served):
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
        assert served.post("/api/runs", json=PHASE1, headers=headers).status_code == 403
        assert served.get("/api/runs", headers=headers).status_code == 403
    assert served.get("/api/runs").json() == {"runs": []}


def test_interface_asks_for_the_key_and_the_page_does_not(serve, tmp_path):
    keys = KeyFile(tmp_path / "keys.sqlite")
    secret = keys.create("me")
    with serve(ScriptedModel(Talk()), keys=keys) as running, running.http() as http:
        assert [http.get(path).status_code for path in ("/", "/page/app.js")] == [200, 200]
        assert [http.get(f"/api/{path}").status_code for path in ("runs", "graph", "page")] == [401, 401, 401]
        http.headers["Authorization"] = f"Bearer {secret}"
        assert state_of(http, begun(http)) == "ended"


def test_every_answer_has_the_headers_that_keep_the_page_to_itself(served):
    for path in ("/", "/page/app.js", "/api/runs", "/api/nothing"):
        headers = served.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_interface_is_described(served):
    paths = served.get("/openapi.json").json()["paths"]
    assert {"/api/runs", "/api/runs/{run_id}", "/api/runs/{run_id}/events", "/api/graph"} <= paths.keys()
    assert all(
        call["summary"] and call["description"]
        for name, path in paths.items()
        if name.startswith("/api")
        for call in path.values()
    )


# Hypothesis blames its strategies when the server, in a thread of this process, draws random numbers meanwhile.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
@pytest.mark.parametrize("path", ["/api/runs", "/api/runs/{run_id}", "/api/runs/{run_id}/decision"])
def test_description_is_kept_whatever_is_sent(programmer, path, mode):
    schema = schemathesis.openapi.from_url(f"{programmer.url}/openapi.json")
    method = next(method for method in ("post", "get") if method in schema.raw_schema["paths"][path])

    @given(case=schema[path][method.upper()].as_strategy(generation_mode=mode))
    @settings(max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    def check(case):
        case.call_and_validate(checks=CHECKS, timeout=60)

    check()


def test_form_knows_policies_defaults_and_example(served):
    facts = served.get("/api/page").json()
    assert facts["defaults"]["k"] == 2
    assert {one["name"] for one in facts["policies"]} >= {"adaptive", "baseline"}
    assert all(one["about"] for one in facts["policies"])
    assert "initials" in facts["example"]
