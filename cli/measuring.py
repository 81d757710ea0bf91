"""The arguments of `atlas bench` and `atlas ablate`; the work is in `cli/bench.py`, imported when they run.

Both commands take the same options but for the policies: the options are fields of one record, which gives each
command its signature.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer

from nodes.settings import SandboxName

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_SETS = "lcb, humaneval, humaneval+, mbpp, mbpp+, gpqa, scicode, embedded, or a folder of NAME.md with NAME.tests.md."
_ALL_POLICIES = "baseline,samples,phase1,phase1_2,phase1_3,full,adaptive,resample"
SandboxChoice = enum.StrEnum("SandboxChoice", get_args(SandboxName))  # type: ignore[misc]
EngineChoice = enum.StrEnum("EngineChoice", ["local", "ray"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring:
    """What both commands take; the order is that of their help."""

    data_set: Annotated[str, typer.Argument(metavar="SET|FOLDER", help=f"What to run: {_SETS}")]
    k: Annotated[int, typer.Option("--k", min=0, help="Programs per widening; 0: the setting's.")] = 0
    data: Annotated[
        str, typer.Option("--data", metavar="PATH", help="Your copy of the files; lcb and gpqa are downloaded without.")
    ] = ""
    release: Annotated[str, typer.Option("--release", help="LiveCodeBench: v1 to v6; else v5.")] = ""
    since: Annotated[str, typer.Option("--from", metavar="DATE", help="First day of publication, 2024-08-01.")] = ""
    until: Annotated[str, typer.Option("--to", metavar="DATE", help="Last day of publication.")] = ""
    limit: Annotated[int, typer.Option("--limit", min=0, help="Only the first N tasks; 0: all.")] = 0
    sample: Annotated[int, typer.Option("--sample", min=0, help="Draw N tasks, by difficulty and platform.")] = 0
    sample_seed: Annotated[int, typer.Option("--sample-seed", help="Which sample (or which embedded tasks).")] = 1
    shard: Annotated[str, typer.Option("--shard", metavar="i/n", help="Every n-th task, beginning with the i-th.")] = (
        "1/1"
    )
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            min=1,
            help="Tasks searched at once on one model, which decodes for all of them in one batch; else 4 (the "
            "embedded model: 2; batch_width 1, or a server: 1). Each has N times budget_seconds. With --engine ray: "
            "workers, each with a model of its own; else 1.",
        ),
    ] = None
    engine: Annotated[
        EngineChoice,
        typer.Option("--engine", help="local: one model here; ray: workers of a Ray cluster."),
    ] = EngineChoice("local")
    ray_address: Annotated[
        str,
        typer.Option(
            "--ray-address",
            metavar="HOST:PORT|auto",
            help="Head of a running cluster, of which this machine is a node; else one is started here.",
        ),
    ] = ""
    worker_cpus: Annotated[int, typer.Option("--worker-cpus", min=1, help="Cores of each Ray worker.")] = 1
    worker_gpus: Annotated[float, typer.Option("--worker-gpus", min=0, help="GPUs of each Ray worker.")] = 0.0
    runs: Annotated[str, typer.Option("--runs", metavar="FILE", help="Results and pool; else runs/SET.sqlite.")] = ""
    name: Annotated[str, typer.Option("--name", help="Name of the run in that file; else its policies.")] = ""
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="PATH.gguf|NAME|URL", help="Model file, pulled model, or a server's address."),
    ] = None
    budget_tokens: Annotated[int | None, typer.Option("--budget-tokens", help="Most generated tokens per task.")] = None
    sandbox: Annotated[SandboxChoice | None, typer.Option("--sandbox", help="Where programs run.")] = None
    seed: Annotated[int | None, typer.Option("--seed", help="Start of every random choice.")] = None
    config: Annotated[Path | None, typer.Option("--config", help="Settings file; else ./atlas.toml.")] = None


def _taking_all(default: str) -> Callable[[Callable[[str, Measuring], None]], Callable[..., None]]:
    """Return what gives a command every field of `Measuring` beside its first parameter, whose default this is."""
    return lambda command: _with_fields(command, default)


def _with_fields(command: Callable[[str, Measuring], None], default: str) -> Callable[..., None]:
    """Return a function of the command's first parameter and all fields.

    Typer reads a signature: this one is made of the record's fields, so that no option is written twice.
    """
    own = next(iter(inspect.signature(command, eval_str=True).parameters.values()))
    kinds = get_type_hints(Measuring, include_extras=True)

    def run(**given: Any) -> None:
        command(given.pop(own.name), Measuring(**given))

    asked = [own.replace(kind=inspect.Parameter.KEYWORD_ONLY, default=default)]
    for field in fields(Measuring):
        given_none = inspect.Parameter.empty if field.default is MISSING else field.default
        parameter = inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=given_none)
        asked.append(parameter.replace(annotation=kinds[field.name]))
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in asked}
    run.__signature__ = inspect.Signature(asked)  # type: ignore[attr-defined]
    return run


@app.command()
@_taking_all("adaptive")
def bench(
    policy: Annotated[str, typer.Option("--policy", help="baseline, phase1, phase1_2, phase1_3, full or adaptive.")],
    asked: Measuring,
) -> None:
    """Measure one policy on a data set: four numbers with intervals, tokens, seconds, how often `verified` was right.

    The search never sees a hidden test; grading runs in another process. Stopped at any moment, even by kill -9, the
    same command goes on where it stopped; with other settings it refuses and names the difference.

    Several tasks are searched at once on one model (--jobs). Tokens are what should end a search: the table says how
    many were ended by seconds instead, whose results depend on the machine. With batch_width 1 every result is the same
    whatever --jobs is.

    atlas bench lcb --release v5 --data ~/lcb --policy adaptive --k 3 --sample 100

    atlas bench humaneval+ --data HumanEvalPlus-v0.1.10.jsonl.gz --policy baseline

    atlas bench lcb --data ~/lcb --engine ray --ray-address 10.0.0.1:6379 --jobs 8 --worker-gpus 1
    """
    _measure((policy,), asked)


@app.command()
@_taking_all(_ALL_POLICIES)
def ablate(
    policies: Annotated[
        str, typer.Option("--policies", help="Separated by commas; controls run after what they control.")
    ],
    asked: Measuring,
) -> None:
    """Measure several policies over one pool of completions: what two of them share is generated once.

    Every policy is charged for what it would have needed. The table has each policy, the paired differences with
    intervals and McNemar's p, and unbiased pass@k where `samples` is among the policies.

    atlas ablate embedded --policies baseline,samples,phase1,adaptive,resample --limit 100 --jobs 2
    """
    _measure(tuple(name.strip() for name in policies.split(",")), asked)


def _measure(policies: tuple[str, ...], asked: Measuring) -> None:
    from benchmark.cluster import Cluster
    from benchmark.sampling import Choice
    from cli.bench import BenchOptions, fail, run_bench_command
    from cli.exits import Exit

    workers = Cluster(address=asked.ray_address, worker_cpus=asked.worker_cpus, worker_gpus=asked.worker_gpus)
    if asked.engine != "ray" and workers != Cluster():
        said = "--ray-address, --worker-cpus and --worker-gpus are of --engine ray: add that, or leave them out"
        raise typer.Exit(fail(said, Exit.USAGE))
    options = BenchOptions(
        data_set=asked.data_set,
        policies=policies,
        k=asked.k,
        data=asked.data,
        release=asked.release,
        runs=asked.runs,
        name=asked.name,
        choice=Choice(
            since=asked.since,
            until=asked.until,
            sample=asked.sample,
            sample_seed=asked.sample_seed,
            limit=asked.limit,
            shard=asked.shard,
        ),
        jobs=asked.jobs,
        cluster=workers if asked.engine == "ray" else None,
        config=asked.config,
        flags={
            "model": asked.model,
            "budget_tokens": asked.budget_tokens,
            "sandbox": asked.sandbox.value if asked.sandbox else None,
            "seed": asked.seed,
        },
    )
    raise typer.Exit(run_bench_command(options))
