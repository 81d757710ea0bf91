"""Builds the concrete model and sandbox that settings ask for; nothing else in `graphs` or `nodes` knows them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
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
    from inference.fit import Fit, Wish
    from inference.gguf_file import GgufHeader
    from inference.layout import Width
    from inference.pulled import Pulled

EMBEDDED_NAME = "embedded"
"""Names the demonstration model in the settings."""
EMBEDDED = Path(__file__).parent.parent / "inference" / "embedded" / "model.gguf"
API_KEY = "ATLAS_API_KEY"
PROMPT_TOKENS = 2048
"""Room for a statement with all that a prompt adds to it."""
_CACHE_SHARE = 0.25
"""Share of the free memory that the caches of many searches may take."""


def open_model(settings: Settings) -> Model:
    """Return the model: a GGUF file, an OpenAI-compatible server, or what `model_path` takes when none is named.

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
    from inference.pulled import whole_header

    path = model_path(settings)
    header = whole_header(path)
    found = fitting(path.name, header, settings)
    return GgufModel(
        path,
        context_tokens=context_of(header, settings),
        gpu_layers=found.load.gpu_layers,
        threads=settings.threads or None,
        width=width_of(header, settings, found),
    )


def model_path(settings: Settings) -> Path:
    """Return the model file that the settings name: a path, a pulled model, or the embedded one.

    Where they name none it is the best pulled model that fits, else the embedded one: nothing is ever fetched here.

    Raises:
        ModelError: the name is known and the model not pulled, or nothing has that name.
    """
    if settings.model == EMBEDDED_NAME:
        return EMBEDDED
    if not settings.model:
        best = best_here(settings)
        return best.path if best is not None else EMBEDDED
    from inference.pulled import locate

    return locate(settings.model, models_folder(settings))


def best_here(settings: Settings) -> Pulled | None:
    """Return the largest pulled model that fits and is fast enough here, else the largest that fits, else None."""
    from inference.catalogue import by_name_only
    from inference.machine import look
    from inference.pulled import is_first, pulled_files, size_of
    from inference.suiting import fast_enough, tokens_a_second

    found = [one for one in pulled_files(models_folder(settings)) if one.here and is_first(one.record.file)]
    whole = [one for one in found if not by_name_only(one.record.repository)]
    fitting = [one for one in sorted(whole, key=size_of, reverse=True) if _fits(one.path, settings)]
    if len(fitting) < 2:
        return fitting[0] if fitting else None
    machine = look()
    quick = (one for one in fitting if fast_enough(tokens_a_second(one.record.repository, size_of(one), machine)))
    return next(quick, fitting[0])


def _fits(path: Path, settings: Settings) -> bool:
    from inference.pulled import whole_header

    try:
        fitting(path.name, whole_header(path), settings)
    except ModelError:
        return False
    return True


def models_folder(settings: Settings) -> Path:
    """Return where pulled models lie."""
    from inference.pulled import default_folder

    return Path(settings.models_folder).expanduser() if settings.models_folder else default_folder()


def fitting(name: str, header: GgufHeader, settings: Settings) -> Fit:
    """Return how to load a model on this machine, before anything of it is loaded.

    Raises:
        ModelError: memory does not suffice whatever is moved to a GPU; the line says what to change.
    """
    from inference.fit import advice, fit, misfit
    from inference.footprint import shape_of
    from inference.machine import look

    shape, wish, machine = shape_of(header), wish_of(header, settings), look()
    found = least = fit(shape, wish, machine)
    if not shape.ordinary:  # Its cache is counted too high, its weights are not.
        shape, wish = shape.weights_alone, replace(wish, context_tokens=0)
        least = fit(shape, wish, machine)
    if not least.fits and not found.fits:
        raise ModelError(misfit(name, least, advice(shape, wish, machine)))
    return found


def context_of(header: GgufHeader, settings: Settings) -> int:
    """Return the longest prompt and answer together: what the settings say, or what a search's own requests need."""
    from inference.thinking import speaks_of_thinking

    thinks = speaks_of_thinking(header.text("tokenizer.chat_template"))
    wanted = settings.answer_tokens + PROMPT_TOKENS + (settings.thinking_tokens if thinks else 0)
    wanted = settings.context_tokens or -(-wanted // 1024) * 1024
    return min(wanted, header.context_length or wanted)


def wish_of(header: GgufHeader, settings: Settings) -> Wish:
    """Return what the settings ask of a model, in terms of memory."""
    from inference.fit import CPU_BATCH, Wish
    from inference.layout import ONE_SEARCH, Width, layout_for

    context = context_of(header, settings)
    alone = settings.batch_width == 1
    layout = layout_for(header, context, CPU_BATCH, Width(most=settings.batch_width, cells=context))
    return Wish(
        context_tokens=context,
        k=min(settings.k, settings.batch_width or ONE_SEARCH),
        kv_type=settings.kv_type,
        flash_attention=settings.flash_attention,
        gpu_layers=settings.gpu_layers,
        sequences=layout.sequences,
        batch=0 if alone else layout.rows,
        outputs=layout.outputs,
    )


def width_of(header: GgufHeader, settings: Settings, found: Fit) -> Width:
    """Return the width and the cache that an engine is opened with.

    Small caches are laid out as the engine thinks best, where that fits; large ones get the cells that fit.
    """
    from inference.footprint import footprint, shape_of
    from inference.layout import MOST_WIDTH, ONE_SEARCH, Width, layout_for

    load = found.load
    room = found.gpu_free if load.gpu_layers else found.main_free
    # Switched off in the forecast only, which is then the larger one, where the cache's layout may still switch it on.
    flash = None if settings.flash_attention == "auto" and not load.flash_attention else load.flash_attention
    free = Width(most=settings.batch_width, kv_type=load.kv_type, flash_attention=flash)
    if settings.searches > 1:
        texts = min(MOST_WIDTH, max(ONE_SEARCH, settings.searches * settings.k))
        free = replace(free, up_to=texts, bytes=max(free.bytes, int(room * _CACHE_SHARE)))
    context = context_of(header, settings)
    layout = layout_for(header, context, load.batch, free)
    main, gpu = footprint(shape_of(header), replace(load, cells=layout.cells, sequences=layout.sequences))
    if not layout.unified and main.total <= found.main_free and gpu.total <= found.gpu_free:
        return free
    return replace(free, cells=load.cells)


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
