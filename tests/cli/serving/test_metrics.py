"""What Prometheus is told agrees with what was answered."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cli.serving.service import ServeOptions
from inference.scripted import ScriptedModel
from tests.cli.serving.conftest import PROBLEM, PROGRAM

pytestmark = pytest.mark.bubblewrap


def values(served):
    with served.http() as http:
        text = http.get("/metrics").text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, *sorted(sample.labels.values())): sample.value for sample in samples}


def ask(served, model, **changes):
    with served.http() as http:
        body = {"model": model, "messages": [{"role": "user", "content": PROBLEM}], **changes}
        return http.post("/v1/chat/completions", json=body)


def test_searches_count_by_policy_and_outcome(serve):
    with serve(ScriptedModel(lambda request: PROGRAM)) as served:
        usage = ask(served, "atlas-fast").json()["usage"]
        seen = values(served)
    assert seen["atlas_runs_total", "not_verified", "phase1"] == 1
    assert seen["atlas_run_seconds_count", "phase1"] == 1
    assert seen["atlas_tokens_total", "generated", "phase1"] == usage["completion_tokens"]
    assert seen["atlas_boxes_total", "sandbox_execution"] == 1
    assert seen["atlas_box_seconds_total", "sandbox_execution"] > 0


def test_requests_count_by_route_and_status_and_no_path_of_a_client(serve):
    with serve(ScriptedModel(["Hello"])) as served:
        ask(served, "raw")
        ask(served, "nothing")
        with served.http() as http:
            http.get("/v1/models/raw")
            http.get("/v1/models/other")
            http.get("/anything/at/all")
        seen = values(served)
    assert seen["atlas_requests_total", "/v1/chat/completions", "200"] == 1
    assert seen["atlas_requests_total", "/v1/chat/completions", "404"] == 1
    assert seen["atlas_requests_total", "/v1/models/{model}", "200"] == 1
    assert seen["atlas_requests_total", "404", "unmatched"] == 1
    assert seen["atlas_tokens_total", "generated", "raw"] > 0


def test_failed_search_counts_as_failed(serve):
    with serve(ScriptedModel([])) as served:
        assert ask(served, "atlas-fast").status_code == 502
        assert values(served)["atlas_runs_total", "failed", "phase1"] == 1


@pytest.mark.gguf
def test_engine_is_shown(embedded):
    ask(embedded, "raw", max_tokens=5)
    assert values(embedded)["atlas_engine_rows_total",] > 0


def test_full_queue_is_told_with_a_time_and_its_length(serve):
    import threading

    go = threading.Event()

    def slow(request):
        go.wait(30)
        return "Hello"

    from tests.cli.serving.conftest import wait_until

    options = ServeOptions(texts=1, waiting=1)
    with serve(ScriptedModel(slow), options) as served:
        askers = [threading.Thread(target=ask, args=(served, "raw")) for _ in range(2)]
        for asker in askers:
            asker.start()
        wait_until(lambda: served.service.work.count("text") == (1, 1))
        refused = ask(served, "raw")
        assert values(served)["atlas_queue_waiting", "text"] == 1
        go.set()
        for asker in askers:
            asker.join()
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["x-atlas-queue"] == "1"
    assert refused.json()["error"]["message"].startswith("1 requests wait already: try again in ")
