"""Builds the concrete model and sandbox that settings ask for; nothing else in `graphs` or `nodes` knows them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from graphs.policies import POLICIES
from inference.base import Model
from nodes.context import Context
from nodes.settings import Settings
from sandbox.base import Sandbox

EMBEDDED = Path(__file__).parent.parent / "inference" / "embedded" / "model.gguf"
API_KEY = "ATLAS_API_KEY"


def open_model(settings: Settings) -> Model:
    """Return the model: a GGUF file, an OpenAI-compatible server, or the embedded one when none is named.

    Raises:
        ModelError: one line says what is wrong with the file or the server.
    """
    if settings.model.startswith(("http://", "https://")):
        from inference.openai_server import OpenAIServerModel

        return OpenAIServerModel(
            settings.model,
            model=settings.model_name,
            api_key=os.environ.get(API_KEY, ""),
            context_tokens=settings.context_tokens,
        )
    from inference.gguf import GgufModel

    return GgufModel(
        Path(settings.model).expanduser() if settings.model else EMBEDDED,
        context_tokens=settings.context_tokens,
        gpu_layers=settings.gpu_layers,
        threads=settings.threads or decoding_threads(),
        width=settings.batch_width,
    )


def decoding_threads() -> int:
    """Return the threads a model gets by default: all cores but one, which the sandbox needs meanwhile."""
    return max(1, len(os.sched_getaffinity(0)) - 1)


def open_box(settings: Settings) -> Sandbox:
    """Return the sandbox.

    Raises:
        SandboxUnavailableError: no back end holds; one line names the cause and the command that mends it.
    """
    from sandbox.choice import open_sandbox

    return open_sandbox(settings.sandbox, workers=settings.sandbox_workers or len(os.sched_getaffinity(0)))


def context_for(
    settings: Settings, model: Model, sandbox: Sandbox, cancelled: Callable[[], bool] = lambda: False
) -> Context:
    """Return the context of one run under the policy that the settings name."""
    return Context(
        model=model, sandbox=sandbox, policy=POLICIES[settings.policy], settings=settings, cancelled=cancelled
    )
