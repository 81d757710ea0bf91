"""Builds the concrete model and sandbox that settings ask for; nothing else in `graphs` or `nodes` knows them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from graphs.configuration import SettingsError
from graphs.policies import POLICIES
from inference.base import Model, ModelError
from nodes.context import Context
from nodes.learned_lens import LearnedLens, LensError, from_text
from nodes.settings import Settings
from sandbox.base import Sandbox

if TYPE_CHECKING:
    from inference.fit import Wish
    from inference.footprint import Load

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

    path = model_path(settings)
    load = fitting_load(path, settings)
    return GgufModel(
        path,
        context_tokens=settings.context_tokens,
        gpu_layers=load.gpu_layers,
        threads=settings.threads or decoding_threads(),
        width=settings.batch_width,
    )


def model_path(settings: Settings) -> Path:
    """Return the model file that the settings name: the embedded one, a path, or a pulled model.

    Raises:
        ModelError: the name is known and the model not pulled, or nothing has that name.
    """
    if not settings.model:
        return EMBEDDED
    from inference.pulled import locate

    return locate(settings.model, models_folder(settings))


def models_folder(settings: Settings) -> Path:
    """Return where pulled models lie."""
    from inference.pulled import default_folder

    return Path(settings.models_folder).expanduser() if settings.models_folder else default_folder()


def fitting_load(path: Path, settings: Settings) -> Load:
    """Return how to load a model file on this machine, before anything of it is loaded.

    Raises:
        ModelError: the file is unusable, or memory does not suffice whatever is moved to a GPU; the line says what to
            change.
    """
    from inference.fit import advice, fit, misfit
    from inference.footprint import shape_of
    from inference.machine import look
    from inference.pulled import whole_header

    header = whole_header(path)
    shape, wish, machine = shape_of(header), wish_of(settings, header.context_length), look()
    found = fit(shape, wish, machine)
    if not found.fits and shape.ordinary:
        raise ModelError(misfit(path.name, found, advice(shape, wish, machine)))
    return found.load


def wish_of(settings: Settings, trained: int) -> Wish:
    """Return what the settings ask of a model that was trained for so many tokens of context (0: unknown)."""
    from inference.fit import Wish

    return Wish(
        context_tokens=min(settings.context_tokens, trained or settings.context_tokens),
        k=settings.k,
        kv_type=settings.kv_type,
        flash_attention=settings.flash_attention,
        gpu_layers=settings.gpu_layers,
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

    workers = settings.sandbox_workers or len(os.sched_getaffinity(0))
    return open_sandbox(settings.sandbox, workers=workers, runtime=settings.sandbox_runtime)


def context_for(
    settings: Settings, model: Model, sandbox: Sandbox, cancelled: Callable[[], bool] = lambda: False
) -> Context:
    """Return the context of one run under the policy that the settings name.

    Raises:
        SettingsError: the file of the Lens cannot be read, is none, or is of another model.
    """
    return Context(
        model=model,
        sandbox=sandbox,
        policy=POLICIES[settings.policy],
        settings=settings,
        cancelled=cancelled,
        lens=open_lens(settings.lens_file, model.fingerprint) if settings.lens_file else None,
    )


def open_lens(file: str, fingerprint: str) -> LearnedLens:
    """Return the learned Lens of a file.

    Raises:
        SettingsError: it cannot be read, is none, or is of another model than the one with this fingerprint.
    """
    try:
        lens = from_text(Path(file).expanduser().read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, LensError) as error:
        raise SettingsError(f"lens_file: {file} {error}") from error
    if lens.model != fingerprint:
        raise SettingsError(f"lens_file: {file} was fitted for another model; run `atlas lens fit` on runs of this one")
    return lens
