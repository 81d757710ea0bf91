"""The arguments of `atlas bench` and `atlas ablate`; the work is in `cli/bench.py`, imported when they run."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from nodes.settings import SandboxName

if TYPE_CHECKING:
    from benchmark.sampling import Choice

app = typer.Typer(add_completion=False, rich_markup_mode=None)
SandboxChoice = enum.StrEnum("SandboxChoice", get_args(SandboxName))  # type: ignore[misc]

_SETS = "lcb, humaneval, humaneval+, mbpp, mbpp+, gpqa, scicode, embedded, or a folder of NAME.md with NAME.tests.md."
_SetArgument = Annotated[str, typer.Argument(metavar="SET|FOLDER", help=f"What to run: {_SETS}")]
_DataOption = Annotated[str, typer.Option("--data", metavar="PATH", help="Your copy of the files; else downloaded.")]
_ReleaseOption = Annotated[str, typer.Option("--release", help="LiveCodeBench: v1 to v6.")]
_FromOption = Annotated[str, typer.Option("--from", metavar="DATE", help="First day of publication, 2024-08-01.")]
_ToOption = Annotated[str, typer.Option("--to", metavar="DATE", help="Last day of publication.")]
_LimitOption = Annotated[int, typer.Option("--limit", min=0, help="Only the first N tasks; 0: all.")]
_SampleOption = Annotated[int, typer.Option("--sample", min=0, help="Draw N tasks, by difficulty and platform.")]
_SampleSeedOption = Annotated[int, typer.Option("--sample-seed", help="Which sample (or which embedded tasks).")]
_ShardOption = Annotated[str, typer.Option("--shard", metavar="i/n", help="Every n-th task, beginning with the i-th.")]
_JobsOption = Annotated[int, typer.Option("--jobs", min=1, help="Search processes, each with a model of its own.")]
_RunsOption = Annotated[str, typer.Option("--runs", metavar="FILE", help="Results and pool; else runs/SET.sqlite.")]
_NameOption = Annotated[str, typer.Option("--name", help="Name of the run in that file; else its policies.")]
_ModelOption = Annotated[str | None, typer.Option("--model", metavar="PATH.gguf|URL", help="Model file or server.")]
_KOption = Annotated[int, typer.Option("--k", min=0, help="Programs per widening; 0: the setting's.")]
_BudgetOption = Annotated[int | None, typer.Option("--budget-tokens", help="Most generated tokens per task.")]
_SandboxOption = Annotated[SandboxChoice | None, typer.Option("--sandbox", help="Where programs run.")]
_SeedOption = Annotated[int | None, typer.Option("--seed", help="Start of every random choice.")]
_ConfigOption = Annotated[Path | None, typer.Option("--config", help="Settings file; else ./atlas.toml.")]
_ALL_POLICIES = "baseline,samples,phase1,phase1_2,phase1_3,full,adaptive,resample"


@app.command()
def bench(
    data_set: _SetArgument,
    policy: Annotated[str, typer.Option(help="One of baseline, phase1 ... adaptive.")] = "adaptive",
    k: _KOption = 0,
    data: _DataOption = "",
    release: _ReleaseOption = "",
    since: _FromOption = "",
    until: _ToOption = "",
    limit: _LimitOption = 0,
    sample: _SampleOption = 0,
    sample_seed: _SampleSeedOption = 1,
    shard: _ShardOption = "1/1",
    jobs: _JobsOption = 1,
    runs: _RunsOption = "",
    name: _NameOption = "",
    model: _ModelOption = None,
    budget_tokens: _BudgetOption = None,
    sandbox: _SandboxOption = None,
    seed: _SeedOption = None,
    config: _ConfigOption = None,
) -> None:
    """Measure one policy on a data set: four numbers with intervals, tokens, seconds, how often `verified` was right.

    The search never sees a hidden test; grading runs in another process. Stopped at any moment, even by kill -9, the
    same command goes on where it stopped; with other settings it refuses and names the difference.

    atlas bench lcb --release v5 --data ~/lcb --policy adaptive --k 3 --sample 100

    atlas bench humaneval+ --data HumanEvalPlus-v0.1.10.jsonl.gz --policy baseline
    """
    choice = _choice(since, until, sample, sample_seed, limit, shard)
    flags = _flags(model, budget_tokens, sandbox, seed)
    _measure(data_set, (policy,), k, (data, release, runs, name), choice, jobs, config, flags)


@app.command()
def ablate(
    data_set: _SetArgument,
    policies: Annotated[str, typer.Option(help="Separated by commas; controls run after what they control.")] = (
        _ALL_POLICIES
    ),
    k: _KOption = 0,
    data: _DataOption = "",
    release: _ReleaseOption = "",
    since: _FromOption = "",
    until: _ToOption = "",
    limit: _LimitOption = 0,
    sample: _SampleOption = 0,
    sample_seed: _SampleSeedOption = 1,
    shard: _ShardOption = "1/1",
    jobs: _JobsOption = 1,
    runs: _RunsOption = "",
    name: _NameOption = "",
    model: _ModelOption = None,
    budget_tokens: _BudgetOption = None,
    sandbox: _SandboxOption = None,
    seed: _SeedOption = None,
    config: _ConfigOption = None,
) -> None:
    """Measure several policies over one pool of completions: what two of them share is generated once.

    Every policy is charged for what it would have needed. The table has each policy, the paired differences with
    intervals and McNemar's p, and unbiased pass@k where `samples` is among the policies.

    atlas ablate embedded --policies baseline,samples,phase1,adaptive,resample --limit 100 --jobs 2
    """
    choice = _choice(since, until, sample, sample_seed, limit, shard)
    flags = _flags(model, budget_tokens, sandbox, seed)
    names = tuple(name.strip() for name in policies.split(","))
    _measure(data_set, names, k, (data, release, runs, name), choice, jobs, config, flags)


def _choice(since: str, until: str, sample: int, sample_seed: int, limit: int, shard: str) -> Choice:
    from benchmark.sampling import Choice

    return Choice(since=since, until=until, sample=sample, sample_seed=sample_seed, limit=limit, shard=shard)


def _flags(
    model: str | None, budget_tokens: int | None, sandbox: SandboxChoice | None, seed: int | None
) -> dict[str, object]:
    place = sandbox.value if sandbox else None
    return {"model": model, "budget_tokens": budget_tokens, "sandbox": place, "seed": seed}


def _measure(
    data_set: str,
    policies: tuple[str, ...],
    k: int,
    files: tuple[str, str, str, str],
    choice: Choice,
    jobs: int,
    config: Path | None,
    flags: dict[str, object],
) -> None:
    from cli.bench import BenchOptions, run_bench_command

    data, release, runs, name = files
    options = BenchOptions(
        data_set=data_set,
        policies=policies,
        k=k,
        data=data,
        release=release,
        runs=runs,
        name=name,
        choice=choice,
        jobs=jobs,
        config=config,
        flags=flags,
    )
    raise typer.Exit(run_bench_command(options))
