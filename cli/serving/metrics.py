"""What a server counts, for Prometheus; each application has a registry of its own, and no client names a series."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from fastapi import APIRouter, FastAPI, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from cli.serving.pieces import usage_in
from cli.serving.work import Lane, Run, Work
from graphs.events import BoxFinished, Finished
from inference.base import Model

_SECONDS = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800)
_LANES: tuple[Lane, ...] = ("search", "text")
_GAUGES = ("live", "waiting")
"""Fields of the engine's counts that also fall."""


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        """Start at zero."""
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "atlas_requests", "Requests that were answered.", ("path", "status"), registry=self.registry
        )
        self._tokens = Counter(
            "atlas_tokens",
            "Tokens by work (a policy, or raw) and kind (prompt, generated).",
            ("work", "kind"),
            registry=self.registry,
        )
        self._runs = Counter(
            "atlas_runs", "Searches that have ended, by policy and outcome.", ("policy", "outcome"),
            registry=self.registry,
        )  # fmt: skip
        self._run_seconds = Histogram(
            "atlas_run_seconds", "Wall time of searches without waiting.", ("policy",), buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self._boxes = Counter("atlas_boxes", "Times that a box of the figure worked.", ("box",), registry=self.registry)
        self._box_seconds = Counter(
            "atlas_box_seconds", "Wall time of the boxes of the figure.", ("box",), registry=self.registry
        )

    def answered(self, path: str, status: int) -> None:
        """Count a request by the path of its route."""
        self._requests.labels(path, str(status)).inc()

    def saw(self, run: Run, event: object) -> None:
        """Count what a run told, or the error that it ended with."""
        if (usage := usage_in(event)) is not None:
            self._tokens.labels(run.label, "prompt").inc(usage.prompt)
            self._tokens.labels(run.label, "generated").inc(usage.generated)
        match event:
            case BoxFinished():
                self._boxes.labels(event.box).inc()
                self._box_seconds.labels(event.box).inc(event.seconds)
            case Finished(answer=answer):
                outcome = "verified" if answer.verified else "not_verified" if answer.code else "no_program"
                self._runs.labels(run.label, outcome).inc()
                self._run_seconds.labels(run.label).observe(answer.seconds)
            case BaseException() if run.label and run.lane == "search":
                self._runs.labels(run.label, "failed").inc()
            case _:
                pass

    def watch(self, work: Work, model: Model) -> None:
        """Show a queue and a model's engine as well."""
        self.registry.register(_Live(work, model))


class _Live(Collector):
    """What is read at the moment of asking."""

    def __init__(self, work: Work, model: Model) -> None:
        self._work = work
        self._model = model

    def describe(self) -> Iterable[Metric]:
        """Yield nothing: the names are known when they are collected."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield the queue's length, and the engine's counts where the model has an engine."""
        waiting = GaugeMetricFamily("atlas_queue_waiting", "Runs that wait for their turn.", labels=("lane",))
        running = GaugeMetricFamily("atlas_queue_running", "Runs that have their turn.", labels=("lane",))
        for lane in _LANES:
            waits, works = self._work.count(lane)
            waiting.add_metric((lane,), waits)
            running.add_metric((lane,), works)
        yield waiting
        yield running
        if (count := getattr(self._model, "counts", None)) is None:
            return
        counts = count()
        for field in fields(counts):
            kind = GaugeMetricFamily if field.name in _GAUGES else CounterMetricFamily
            yield kind(f"atlas_engine_{field.name}", "Of the decoding engine.", value=getattr(counts, field.name))


def add_metrics(app: FastAPI, metrics: Metrics) -> None:
    """Answer `/metrics`."""
    router = APIRouter(tags=["server"])

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    def show() -> Response:
        """Return all counters in Prometheus's text format."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    app.include_router(router)
