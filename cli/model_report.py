"""Describe a model file and how it fits this machine, as lines for a person."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from cli.printable import printable
from graphs.factory import wish_of
from inference.catalogue import CATALOGUE, Entry
from inference.fit import GIB, Advice, Fit, Wish, advice, fit
from inference.footprint import ModelShape, padded, shape_of
from inference.gguf_file import GgufHeader
from inference.machine import Machine, look
from inference.pulled import parts, whole_header, whole_name
from inference.thinking import marks_in
from nodes.settings import Settings

WIDTH = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A model whose header is known, here or on a hub."""

    name: str
    where: str
    file: str
    """The first of its files."""
    sizes: tuple[int, ...]
    """Bytes of each of its files."""
    header: GgufHeader


def model_here(name: str, path: Path) -> Described:
    """Return a model whose files are here.

    Raises:
        ModelError: the file is unusable.
    """
    header = whole_header(path)
    sizes = tuple(part.stat().st_size for part in parts(path))
    return Described(name=name, where=str(path), file=path.name, sizes=sizes, header=header)


def description(model: Described, settings: Settings, machine: Machine | None = None) -> tuple[list[Text], bool]:
    """Return what is to be said of a model, and whether it fits this machine."""
    header = model.header
    machine = machine or look()
    shape, wish = shape_of(header), wish_of(header, settings)
    found = fit(shape, wish, machine)
    lines = [*_facts(model, shape), *_needs(wish, machine, found)]
    if not shape.ordinary:
        lines.append(_line("", "this model compresses or windows its cache: it takes less than is said here"))
    return [*lines, *_verdict(shape, wish, machine, found)], found.fits


def _facts(model: Described, shape: ModelShape) -> list[Text]:
    header = model.header
    marks = marks_in(header.text("tokenizer.chat_template"))
    known = _known(model.file)
    lines = [
        Text(printable(f"{header.text('general.name') or model.name}: {model.where}"), style="bold"),
        _line(
            "model",
            f"{header.architecture}, {header.parameters / 1e9:.2f} B parameters, {header.file_type}, "
            f"{sum(model.sizes) / 1e9:.2f} GB in {len(model.sizes)} file(s)",
        ),
        _line("context", f"trained for {header.context_length or 'an unknown number of'} tokens"),
        _line("thinking", f"marks {marks[0]} and {marks[1]}" if marks else "none"),
        _line(
            "cache",
            "each program keeps a state of its own; prefixes are not shared"
            if shape.recurrent
            else "programs share the cells of their common prompt",
        ),
    ]
    if known and known.draft:
        lines.append(_line("draft", f"{known.draft} has the same vocabulary; ATLAS does not draft with it yet"))
    return lines


def _known(file: str) -> Entry | None:
    """Return the catalogue's entry of a file, going by its name."""
    name = whole_name(Path(file).name).lower()
    names = {
        known.file.format(quantisation).lower(): known for known in CATALOGUE for quantisation in known.quantisations
    }
    return names.get(name)


def _needs(wish: Wish, machine: Machine, found: Fit) -> list[Text]:
    gpus = ", ".join(f"{gpu.name} ({gpu.free / GIB:.1f} GiB free)" for gpu in machine.gpus)
    idle = "; this llama.cpp cannot use it: make setup CUDA=1" if machine.idle_gpu else ""
    lines = [
        _line("asked for", f"{wish.k} programs of {wish.context_tokens} tokens side by side, cache in {wish.kv_type}"),
        _line("machine", f"{machine.cores} cores, {machine.memory_free / GIB:.1f} GiB of main memory free"),
        _line("GPU", f"{gpus}{idle}" if gpus else "no NVIDIA GPU"),
    ]
    for title, needs, free in (("main memory", found.main, found.main_free), ("GPU memory", found.gpu, found.gpu_free)):
        if needs.total:
            text = (
                f"{needs.total / GIB:.2f} of {free / GIB:.2f} GiB: weights {needs.weights / GIB:.2f}, "
                f"cache {needs.cache / GIB:.2f}, compute buffer {needs.compute / GIB:.2f}"
            )
            lines.append(_line(title, text, "" if needs.total <= free else "bold red"))
    return lines


def _verdict(shape: ModelShape, wish: Wish, machine: Machine, found: Fit) -> list[Text]:
    changes = advice(shape, wish, machine)
    if not found.fits:
        if not changes:
            return [_line("does not fit", "take a smaller quantisation or a smaller model", "bold red")]
        return [_line("does not fit", "it would with one of these settings:", "bold red"), *map(_change, changes)]
    where = _where(shape, found)
    load = found.load
    if padded(load.cells) >= wish.context_tokens * wish.k or shape.recurrent:
        return [_line("fits", f"{where}, all {wish.k} programs side by side", "bold green")]
    text = (
        f"{where}, with a cache of {load.cells} tokens: at least {load.cells // wish.context_tokens} programs of full "
        "length side by side, more where they share a prompt; others wait"
    )
    held = [change for change in changes if change.fit.load.cells > load.cells and dict(change.settings).get("kv_type")]
    lines = [_line("fits", text, "bold green")]
    return [*lines, _line("", "these settings hold more:"), *map(_change, held)] if held else lines


def _where(shape: ModelShape, found: Fit) -> str:
    taken, everything = found.load.gpu_layers, len(shape.layers) + 1
    if not taken:
        return "on the processor"
    return "every layer on the GPU" if taken >= everything else f"{taken} of {everything} layers on the GPU"


def _change(change: Advice) -> Text:
    load = change.fit.load
    layers = f", {load.gpu_layers} layers on the GPU" if load.gpu_layers else ""
    return _line("", f"{change}  (a cache of {load.cells} tokens{layers})")


def _line(title: str, text: str, style: str = "") -> Text:
    return Text.assemble((f"{title:<{WIDTH}}", style), printable(text))
