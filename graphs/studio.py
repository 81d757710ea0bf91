"""The graph for LangGraph's own server and Studio: a statement is enough to run it.

A server hands over JSON, no model. Its context is therefore settings of one run; what belongs to the machine (model,
sandbox, files) is set where the server starts. The model is loaded and the sandbox proved once per process.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import asdict, replace
from functools import cache
from typing import Any, get_type_hints

from langchain_core.runnables import RunnableConfig, ensure_config
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, Overwrite, StateUpdate
from pydantic import TypeAdapter, ValidationError

from graphs.configuration import SettingsError, changed, load_settings
from graphs.factory import context_for, open_box, open_model
from graphs.running import run_config
from graphs.solver import build_solver
from graphs.threads import before_edit, notes, standstill
from inference.base import Model
from nodes.context import Context
from nodes.settings import Settings
from nodes.state import SolveInput, SolveState, Update
from sandbox.base import Sandbox

OF_A_RUN = ("policy", "approve", "k", "max_rounds", "max_programs", "budget_tokens", "budget_seconds",
            "budget_sandbox_seconds", "seed", "temperature", "top_p", "top_k", "min_p", "answer_tokens",
            "thinking_tokens", "thinking_min_tokens", "observations", "observation_subset", "observation_layers",
            "test_generations", "verified_tests", "min_gain", "lens_threshold", "test_cpu_seconds",
            "test_memory_mb")  # fmt: skip
"""Settings that a request may set; no other can make the server read a file or load a model."""
_ASKED = "the request"
_OVERWRITE = "__overwrite__"
"""LangGraph's key, in JSON, for a value that replaces the field instead of adding to it."""
_LOADING = threading.Lock()
_RUNNING: set[threading.Event] = set()
_FIELDS: dict[str, Any] = get_type_hints(Update)


@cache
def machine_settings() -> Settings:
    """Return this process's settings, from `atlas.toml` and the environment as they were at the first call."""
    return load_settings(None, os.environ, {})


@cache
def _collaborators() -> tuple[Model, Sandbox]:
    return open_model(machine_settings()), open_box(machine_settings())


def collaborators() -> tuple[Model, Sandbox]:
    """Return this process's model and sandbox; slow at the first call.

    Raises:
        ModelError: one line says what is wrong with the model.
        SandboxUnavailableError: no back end holds.
    """
    with _LOADING:
        return _collaborators()


def close_collaborators() -> None:
    """Free the model and remove every box; a run that comes later loads them again."""
    with _LOADING:
        if _collaborators.cache_info().currsize:
            for one in _collaborators():
                one.close()
        _collaborators.cache_clear()


def cancel_runs() -> None:
    """End every search of this process soon, each with its best answer so far. Safe in a signal handler."""
    for cancelled in tuple(_RUNNING):
        cancelled.set()


def run_settings(given: Mapping[str, Any] | None) -> Settings:
    """Return the settings of a run: this machine's, and what the request sets.

    Raises:
        SettingsError: the request sets what is unknown, of the wrong type, or not its own.
    """
    asked = dict(given or {})
    settings = changed(machine_settings(), asked, place=_ASKED)
    if fixed := sorted(asked.keys() - set(OF_A_RUN)):
        raise SettingsError(f"{_ASKED}: {fixed[0]} is set where the server starts, not for one run")
    return settings


def run_context(given: Context | Settings | Mapping[str, Any] | None, cancelled: threading.Event) -> Context:
    """Return the context of a run whose caller gave settings, as a record or as JSON, or nothing."""
    if isinstance(given, Context):
        return given
    settings = given if isinstance(given, Settings) else run_settings(given)
    return context_for(settings, *collaborators(), cancelled.is_set)


def as_records(values: Any) -> Any:
    """Return an edit of the state with records where JSON has objects; the reducers know records only.

    Raises:
        ValueError: one line names the field that is unknown or has no meaning.
    """
    if values is None:
        return None
    if not isinstance(values, dict):
        raise ValueError("an edit of the state is an object of its fields")
    if unknown := sorted(values.keys() - _FIELDS.keys()):
        raise ValueError(f"the state has no field {unknown[0]}; its fields are {', '.join(_FIELDS)}")
    return {name: _as_record(name, value) for name, value in values.items()}


def _as_record(name: str, value: Any) -> Any:
    if isinstance(value, Overwrite):
        return Overwrite(_as_record(name, value.value))
    if isinstance(value, dict) and value.keys() == {_OVERWRITE}:
        return Overwrite(_as_record(name, value[_OVERWRITE]))
    try:
        return TypeAdapter(_FIELDS[name]).validate_python(value)
    except ValidationError as error:
        (first, *_) = error.errors()
        place = ".".join(str(part) for part in (name, *first["loc"]))
        raise ValueError(f"the edit cannot be taken: {place}: {first['msg']}") from None


def _resumes(given: Any) -> bool:
    return given is None or isinstance(given, Command)


def _prepared(given: Any) -> Any:
    is_edit = isinstance(given, Command) and given.update is not None
    return replace(given, update=as_records(given.update)) if is_edit else given


def _configured(config: RunnableConfig, context: Context, held: CheckpointTuple | None) -> RunnableConfig:
    """Return the configuration with room for every move, and what the thread's next steps store beside their state."""
    limits = run_config(context)
    metadata = {**config.get("metadata", {}), **notes(context.settings, held, paused_s=context.paused_s)}
    return {**config, **limits, "metadata": metadata}


class StudioSolver(CompiledStateGraph[SolveState, Context, SolveInput, SolveState]):
    """The figure, run with this machine's model and sandbox."""

    def stream(self, input: Any, config: Any = None, *, context: Any = None, **options: Any) -> Iterator[Any]:
        """Stream a run; see `CompiledStateGraph.stream`."""
        return super().stream(input, config, context=run_context(context, threading.Event()), **options)

    async def astream(
        self, input: Any, config: Any = None, *, context: Any = None, **options: Any
    ) -> AsyncIterator[Any]:
        """Stream a run; see `CompiledStateGraph.astream`. Ending it early ends the decode within a step.

        Time in which a thread stood still is not charged to a run that goes on with it, edited and forked or not.
        """
        cancelled = threading.Event()
        run = await asyncio.to_thread(run_context, context, cancelled)
        given, full = _prepared(input), ensure_config(config)
        held = await self._last_step(full) if _resumes(given) else None
        run = replace(run, paused_s=standstill(held))
        full = _configured(full, run, held)
        _RUNNING.add(cancelled)
        try:
            async for part in super().astream(given, full, context=run, **options):
                yield part
        finally:
            _RUNNING.discard(cancelled)
            cancelled.set()

    async def _last_step(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the step of the search itself that a run goes on from."""
        store = self.checkpointer
        if not isinstance(store, BaseCheckpointSaver):
            return None
        held = await store.aget_tuple(config)
        while held and (parent := before_edit(held)):
            held = await store.aget_tuple(parent)
        return held

    async def abulk_update_state(self, config: RunnableConfig, supersteps: Any) -> RunnableConfig:
        """Edit the state, given as records or as JSON; see `CompiledStateGraph.abulk_update_state`."""
        steps = [[_edited(one) for one in step] for step in supersteps]
        return await super().abulk_update_state(config, steps)

    def get_input_jsonschema(self, config: RunnableConfig | None = None) -> dict[str, Any]:
        """Return the form of the input: a statement is enough."""
        return {**TypeAdapter(SolveInput).json_schema(), "title": self.get_name("input")}

    def get_context_jsonschema(self) -> dict[str, Any]:
        """Return the form of a run's settings, with this machine's values as defaults."""
        schema = TypeAdapter(Settings).json_schema()
        here = asdict(machine_settings())
        fields = {name: {**schema["properties"][name], "default": here[name]} for name in OF_A_RUN}
        return {"title": "Settings of a run", "type": "object", "properties": fields}


def _edited(one: StateUpdate) -> StateUpdate:
    return one._replace(values=as_records(one.values))


def make_graph() -> StudioSolver:
    """Return the graph that `langgraph.json` names; loading it loads no model."""
    plain = build_solver()
    return StudioSolver(**{**plain.__dict__, "context_schema": Settings})


graph = make_graph()
