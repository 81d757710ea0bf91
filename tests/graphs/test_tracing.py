"""Spans of a search: one per run, box and model call, nested, with the ids that the log carries."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from graphs.configuration import SettingsError
from graphs.events import BoxFinished, Finished
from graphs.running import OpenSolver
from graphs.tracing import Tracing, open_tracing
from inference.base import ModelError
from inference.scripted import ScriptedModel
from nodes.settings import Settings
from tests.graphs.programmer import FUNCTION, Talk

pytestmark = pytest.mark.bubblewrap


@pytest.fixture
def spans():
    return InMemorySpanExporter()


@pytest.fixture
def provider(spans):
    made = TracerProvider(shutdown_on_exit=False)
    made.add_span_processor(SimpleSpanProcessor(spans))
    return made


@pytest.fixture
def open_traced(sandbox, provider):
    def make(script=None) -> OpenSolver:
        settings = Settings(k=4, test_generations=2)
        return OpenSolver(settings, ScriptedModel(script or Talk()), sandbox, Tracing(provider))

    return make


def named(spans, name):
    return [span for span in spans.get_finished_spans() if span.name == name]


def test_run_has_a_span_per_box_and_model_call(open_traced, spans):
    solver = open_traced()
    events = list(solver.stream(FUNCTION))
    (run,) = named(spans, "atlas.solve")
    boxes = [event for event in events if isinstance(event, BoxFinished)]
    calls = named(spans, "chat scripted")
    answer = events[-1].answer
    assert len(spans.get_finished_spans()) == 1 + len(boxes) + len(calls)
    assert len(calls) >= 5  # four slots and at least one question before them
    assert {span.context.trace_id for span in spans.get_finished_spans()} == {run.context.trace_id}
    assert all(span.start_time <= span.end_time for span in spans.get_finished_spans())
    assert run.attributes["atlas.verified"] is answer.verified
    spent = sum(cost.spent for cost in answer.cost)
    assert run.attributes["gen_ai.usage.output_tokens"] == spent
    assert sum(call.attributes["gen_ai.usage.output_tokens"] for call in calls) == spent


def test_model_calls_hang_below_the_box_that_asked(open_traced, spans):
    open_traced().solve(FUNCTION)
    names = {span.context.span_id: span.name for span in spans.get_finished_spans()}
    assert {names[span.parent.span_id] for span in named(spans, "budgeted_generation")} == {"atlas.solve"}
    for call in named(spans, "chat scripted"):
        assert names[call.parent.span_id] == call.attributes["atlas.box"]
    # A program meets the examples as soon as it is written.
    (ran,) = {event.name for span in named(spans, "budgeted_generation") for event in span.events}
    assert ran == "ran"


def test_spans_hold_no_text_of_problem_or_program(open_traced, spans):
    answer = open_traced().solve(FUNCTION)
    told = "".join(span.to_json() for span in spans.get_finished_spans())
    assert answer.code.splitlines()[0] not in told
    assert FUNCTION.splitlines()[0] not in told


def test_asynchronous_run_gives_the_same_spans(open_traced, spans):
    open_traced().solve(FUNCTION)
    sync = sorted(span.name for span in spans.get_finished_spans())
    spans.clear()
    asyncio.run(open_traced().asolve(FUNCTION))
    assert sorted(span.name for span in spans.get_finished_spans()) == sync


def test_span_of_the_surrounding_program_is_the_parent(open_traced, spans, provider):
    with provider.get_tracer("outer").start_as_current_span("ticket") as ticket:
        open_traced().solve(FUNCTION)
    (run,) = named(spans, "atlas.solve")
    assert run.parent.span_id == ticket.context.span_id


def test_failing_model_ends_every_span_and_marks_the_run(open_traced, spans):
    def broken(request):
        raise ModelError("the model is gone")

    with pytest.raises(ModelError):
        open_traced(broken).solve(FUNCTION)
    (run,) = named(spans, "atlas.solve")
    assert not run.status.is_ok
    assert {span.name for span in spans.get_finished_spans()} >= {"plan_search"}


def test_abandoned_stream_ends_its_spans_without_an_error(open_traced, spans):
    stream = open_traced().stream(FUNCTION)
    next(stream)
    stream.close()
    (run,) = named(spans, "atlas.solve")
    assert run.status.description is None


def test_ids_follow_the_events(open_traced, spans):
    solver = open_traced()
    told = {}
    for event in solver.stream(FUNCTION):
        if isinstance(event, BoxFinished | Finished):
            told[solver.span.span_id] = event
    by_id = {f"{span.context.span_id:016x}": span.name for span in spans.get_finished_spans()}
    assert {by_id[one] for one in told} >= {"lens_routing", "atlas.solve"}
    assert all(by_id[one] == event.box for one, event in told.items() if isinstance(event, BoxFinished))


def test_file_gets_one_json_object_a_line(sandbox, tmp_path):
    path = tmp_path / "spans.jsonl"
    tracing = open_tracing(str(path))
    OpenSolver(Settings(policy="baseline"), ScriptedModel(Talk()), sandbox, tracing).solve(FUNCTION)
    tracing.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[-1]["name"] == "atlas.solve"
    assert lines[-1]["resource"]["attributes"]["service.name"] == "atlas"


def test_file_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(SettingsError, match="traces: .* cannot be written"):
        open_tracing(str(tmp_path / "no" / "spans.jsonl"))


class Collector(ThreadingHTTPServer):
    """An OTLP collector on loopback that keeps what it is sent."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Receive)
        self.received: list[tuple[str, ExportTraceServiceRequest]] = []


class _Receive(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            import gzip

            body = gzip.decompress(body)
        self.server.received.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_collector_gets_the_spans_over_otlp(sandbox):
    with Collector() as collector:
        serving = threading.Thread(target=collector.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        tracing = open_tracing(f"http://127.0.0.1:{collector.server_port}")
        OpenSolver(Settings(policy="baseline"), ScriptedModel(Talk()), sandbox, tracing).solve(FUNCTION)
        tracing.close()
        collector.shutdown()
        serving.join()
    assert {path for path, _ in collector.received} == {"/v1/traces"}
    names = [
        span.name
        for _, request in collector.received
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert "atlas.solve" in names
    assert "chat scripted" in names


def test_missing_collector_delays_the_end_only_a_little(sandbox):
    tracing = open_tracing("http://127.0.0.1:9")
    solver = OpenSolver(Settings(policy="baseline"), ScriptedModel(Talk()), sandbox, tracing)
    assert solver.solve(FUNCTION).code
    began = time.monotonic()
    tracing.close()
    assert time.monotonic() - began < 20
