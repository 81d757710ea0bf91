"""OpenTelemetry spans of searches, made from the same events that the terminal shows: run, box, model call.

Attributes of model calls follow OpenTelemetry's semantic conventions for generative AI. No prompt and no program is
recorded: only names, counts and seconds. Where nothing is asked for, nothing of OpenTelemetry is imported.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from graphs.configuration import SettingsError
from graphs.events import BoxFinished, BoxStarted, CandidateRan, Event, Finished, ModelAnswered
from nodes.settings import Settings
from nodes.state import Answer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import Span, Tracer

EXPORT_SECONDS = 5.0
"""Longest wait for a collector, also when the solver is closed."""
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanIds:
    """What ties a line of a log to a span, in lower-case hexadecimal digits."""

    trace_id: str
    span_id: str


class Tracing:
    """Where the spans of a solver go; closing it sends what is still kept back."""

    def __init__(self, provider: TracerProvider) -> None:
        """Use a provider, for instance one that the surrounding program already exports with."""
        self._provider = provider
        self._tracer = provider.get_tracer("atlas")

    def begin(self, settings: Settings, model: str, sandbox: str) -> RunTrace:
        """Return the trace of a run that begins now; a span that is current here becomes its parent."""
        attributes = {"atlas.policy": settings.policy, "atlas.sandbox": sandbox, "gen_ai.request.model": model}
        return RunTrace(self._tracer, self._tracer.start_span("atlas.solve", attributes=attributes), model)

    def close(self) -> None:
        """Send what is left, in `EXPORT_SECONDS` at most, and end."""
        self._provider.force_flush(int(1000 * EXPORT_SECONDS))
        self._provider.shutdown()


class RunTrace:
    """The spans of one run: feed it every event, then end it."""

    def __init__(self, tracer: Tracer, run: Span, model: str) -> None:
        """Start from the open span of the run."""
        self._tracer, self._run, self._model = tracer, run, model
        self._boxes: dict[str, Span] = {}
        self.ids = _ids(run)
        """Of the span that the last event belongs to."""

    def note(self, event: Event) -> None:
        """Open, mark or end the span that an event belongs to."""
        self.ids = _ids(self._run)
        match event:
            case BoxStarted(box=box):
                self._boxes[box] = self._child(box, self._run)
                self.ids = _ids(self._boxes[box])
            case ModelAnswered():
                self._answered(event)
            case CandidateRan():
                self._parent("sandbox_execution", "budgeted_generation").add_event("ran", _of_run(event))
            case BoxFinished(box=box) if box in self._boxes:
                span = self._boxes.pop(box)
                span.set_attribute("gen_ai.usage.output_tokens", event.tokens)
                span.end()
                self.ids = _ids(span)
            case Finished(answer=answer):
                self._run.set_attributes(_of_answer(answer))

    def end(self, error: BaseException | None = None) -> None:
        """End the run's span and those of boxes that an error or a cancellation cut short."""
        from opentelemetry.trace import StatusCode

        if isinstance(error, Exception):
            self._run.set_status(StatusCode.ERROR, type(error).__name__)
        for span in (*self._boxes.values(), self._run):
            span.end()
        self._boxes.clear()

    def _answered(self, event: ModelAnswered) -> None:
        """Record a call that has just ended, from its length."""
        began = time.time_ns() - int(event.seconds * _NS)
        span = self._child(f"chat {self._model}", self._parent(event.box), start_time=began)
        span.set_attributes(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": self._model,
                "gen_ai.usage.input_tokens": event.prompt_tokens,
                "gen_ai.usage.output_tokens": event.tokens,
                "atlas.box": event.box,
                "atlas.texts": event.texts,
                "gen_ai.response.finish_reasons": sorted(event.ended),
            }
        )
        span.end()
        self.ids = _ids(span)

    def _parent(self, *boxes: str) -> Span:
        """Return the span of the first of some boxes that is at work, else that of the run."""
        return next((self._boxes[box] for box in boxes if box in self._boxes), self._run)

    def _child(self, name: str, parent: Span, start_time: int | None = None) -> Span:
        from opentelemetry.trace import set_span_in_context

        return self._tracer.start_span(name, context=set_span_in_context(parent), start_time=start_time)


def open_tracing(traces: str) -> Tracing:
    """Return where spans go: a file of JSON lines, or, given an `http://` address, a collector that speaks OTLP.

    Raises:
        SettingsError: the file cannot be written.
    """
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider(resource=Resource.create({"service.name": "atlas"}), shutdown_on_exit=False)
    remote = traces.startswith(("http://", "https://"))
    provider.add_span_processor(_to_collector(traces) if remote else _to_file(Path(traces).expanduser()))
    return Tracing(provider)


def _to_collector(address: str) -> SpanProcessor:
    from urllib.parse import urlsplit

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    path = urlsplit(address).path.strip("/")
    endpoint = address if path else f"{address.rstrip('/')}/v1/traces"
    return BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS))


def _to_file(path: Path) -> SpanProcessor:
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

    try:
        file = path.open("a", encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"traces: {path} cannot be written ({error.strerror})") from error

    class ToFile(ConsoleSpanExporter):
        def shutdown(self) -> None:
            file.close()

    return SimpleSpanProcessor(ToFile(out=file, formatter=lambda span: f"{span.to_json(indent=None)}\n"))


def _ids(span: Span) -> SpanIds:
    context = span.get_span_context()
    return SpanIds(trace_id=f"{context.trace_id:032x}", span_id=f"{context.span_id:016x}")


def _of_run(event: CandidateRan) -> dict[str, str | int]:
    counts = {"atlas.passed": event.passed, "atlas.total": event.total}
    return {"atlas.candidate": event.id, "atlas.status": event.status, **counts}


def _of_answer(answer: Answer) -> dict[str, str | bool | int | float]:
    return {
        "atlas.verified": answer.verified,
        "atlas.confidence": answer.confidence,
        "atlas.stop": answer.stop,
        "gen_ai.usage.input_tokens": sum(cost.prompt_tokens for cost in answer.cost),
        "gen_ai.usage.output_tokens": sum(cost.spent for cost in answer.cost),
    }
