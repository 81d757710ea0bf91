"""`atlas`: the command line. Arguments only; each command has a file of its own, imported when it runs."""

from __future__ import annotations

import enum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, get_args

import typer

from cli.exits import MEANINGS
from cli.keys import app as keys
from cli.measuring import SandboxChoice
from cli.measuring import app as measuring
from cli.models import SOURCE_HELP, SourceChoice
from cli.models import app as models
from nodes.settings import PolicyName

_EXITS = "\b\nExit codes:\n" + "\n".join(f"  {code:d}  {meaning}" for code, meaning in MEANINGS.items())
_REPORT_EXAMPLES = """\b
Examples:
  atlas report runs/embedded.sqlite -o report.html
  atlas report runs/a.sqlite runs/b.sqlite        several measurements in one page
  atlas report --import-atlas atlas_outcomes.csv  what the public ATLAS's verdicts really say
"""
_COMPARE_EXAMPLES = """\b
Examples:
  atlas compare runs/before.sqlite runs/after.sqlite
  atlas compare runs/a.sqlite:adaptive runs/a.sqlite:full
"""
_SERVE_EXAMPLES = """\b
Examples:
  atlas serve                                     then point an editor's base URL at http://127.0.0.1:8765/v1
  atlas serve --model qwen2.5-coder-7b --port 9000
  atlas keys create laptop && atlas serve --host 0.0.0.0
"""

_MCP_EXAMPLES = """\b
An editor or agent starts it from its own configuration, such as mcp.json:
  {"mcpServers": {"atlas": {"command": "/path/to/.venv/bin/atlas", "args": ["mcp"],
                            "env": {"ATLAS_MODEL": "qwen2.5-coder-7b"}}}}
One that is running, for several clients:
  atlas mcp --http
  {"mcpServers": {"atlas": {"type": "http", "url": "http://127.0.0.1:8766/mcp"}}}
"""

PolicyChoice = enum.StrEnum("PolicyChoice", get_args(PolicyName))  # type: ignore[misc]

app = typer.Typer(
    name="atlas",
    help="Turn a frozen local language model into a programmer whose answers can be trusted.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(models)
app.add_typer(measuring)
app.add_typer(keys)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"atlas {version('atlas-solver')}")
        raise typer.Exit


@app.callback()
def atlas(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Turn a frozen local language model into a programmer whose answers can be trusted."""


@app.command(epilog=_EXITS)
def solve(
    problem: Annotated[
        str | None,
        typer.Argument(metavar="TEXT|FILE.md", help="The problem in words, or a Markdown file that holds it."),
    ] = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the problem from standard input.")] = False,
    model: Annotated[
        str | None,
        typer.Option(metavar="PATH.gguf|NAME|URL", help="Model file, pulled model, `embedded`, or a server's address."),
    ] = None,
    policy: Annotated[PolicyChoice | None, typer.Option(help="Which moves the search may make.")] = None,
    k: Annotated[int | None, typer.Option("--k", help="Programs per widening.")] = None,
    budget_tokens: Annotated[int | None, typer.Option(help="Most generated tokens, thinking included.")] = None,
    budget_seconds: Annotated[float | None, typer.Option(help="Most wall time, in seconds.")] = None,
    sandbox: Annotated[SandboxChoice | None, typer.Option(help="Where programs run.")] = None,
    seed: Annotated[int | None, typer.Option(help="Start of every random choice.")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings file; otherwise ./atlas.toml if there is one.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Fetch a model that is not here without asking.")] = False,
    source: Annotated[SourceChoice | None, typer.Option(help=SOURCE_HELP)] = None,
    save: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Save the program.")] = None,
    traces: Annotated[
        str | None, typer.Option(help="OpenTelemetry spans: a file, or http://HOST:4318 of a collector.")
    ] = None,
    log_file: Annotated[str | None, typer.Option(help="Append one JSON line per box of the search.")] = None,
    thread: Annotated[
        str,
        typer.Option(metavar="NAME", help="Store every step under a name, for `atlas resume NAME`."),
    ] = "",
    show_problem: Annotated[
        bool, typer.Option("--show-problem", help="Print how the problem is read, with what could not be read; stop.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the log as well.")] = False,
) -> None:
    """Solve one problem and say whether the program is verified, how sure that is, and what it cost.

    The problem is Markdown: a statement, an optional signature or starter code, optional examples (doctest lines such
    as `>>> f([1, 2])` with the value below, or Input: and Output: blocks). A text that names no function asks for a
    program that reads standard input and writes standard output.

    Without --model the best pulled model that fits is taken; where none is here, one is offered, with its size and its
    licence, and fetched when you agree. `--model embedded` is the small demonstration model that comes with ATLAS.

    The program and the summary go to standard output, progress goes to standard error.
    """
    from cli.solve import SolveOptions, run_solve

    flags = {
        "model": model,
        "policy": policy.value if policy else None,
        "k": k,
        "budget_tokens": budget_tokens,
        "budget_seconds": budget_seconds,
        "sandbox": sandbox.value if sandbox else None,
        "seed": seed,
        "log_file": log_file,
        "traces": traces,
        "source": source.value if source else None,
    }
    options = SolveOptions(
        argument=problem,
        stdin=stdin,
        config=config,
        flags=flags,
        json=json,
        save=save,
        thread=thread,
        verbose=verbose,
        yes=yes,
        show_problem=show_problem,
    )
    raise typer.Exit(run_solve(options))


@app.command(epilog=_EXITS)
def resume(
    thread: Annotated[str, typer.Argument(metavar="NAME", help="Name of a stored search; `atlas threads` lists them.")],
    model: Annotated[
        str | None,
        typer.Option(metavar="PATH.gguf|NAME|URL", help="Model file, pulled model, or a server's address."),
    ] = None,
    budget_tokens: Annotated[int | None, typer.Option(help="Most generated tokens, earlier ones included.")] = None,
    budget_seconds: Annotated[float | None, typer.Option(help="Most wall time while it runs, in seconds.")] = None,
    sandbox: Annotated[SandboxChoice | None, typer.Option(help="Where programs run.")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings file; otherwise ./atlas.toml if there is one.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    save: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Save the program.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the log as well.")] = False,
) -> None:
    """Go on with a search that was stored with `atlas solve --thread NAME` and stopped, killed or not.

    Steps that had ended are not repeated, and the time between is not charged. One that has an answer shows it again.
    """
    from cli.solve import SolveOptions, run_solve

    flags = {
        "model": model,
        "budget_tokens": budget_tokens,
        "budget_seconds": budget_seconds,
        "sandbox": sandbox.value if sandbox else None,
    }
    options = SolveOptions(
        config=config, flags=flags, json=json, save=save, thread=thread, resume=True, verbose=verbose
    )
    raise typer.Exit(run_solve(options))


@app.command()
def threads(
    config: Annotated[Path | None, typer.Option(help="Settings file; otherwise ./atlas.toml if there is one.")] = None,
) -> None:
    """List the searches that are stored under a name, and where they stand."""
    from cli.threads import run_threads

    raise typer.Exit(run_threads(config))


@app.command(epilog=_SERVE_EXAMPLES)
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; another than loopback needs a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8765,
    model: Annotated[
        str | None,
        typer.Option(metavar="PATH.gguf|NAME|URL", help="Model file, pulled model, or an OpenAI-compatible server."),
    ] = None,
    policy: Annotated[PolicyChoice | None, typer.Option(help="Moves that the model `atlas` may make.")] = None,
    searches: Annotated[int, typer.Option(min=1, max=64, help="Searches that run together.")] = 4,
    texts: Annotated[int, typer.Option(min=1, max=64, help="Texts of the model `raw` that are written together.")] = 16,
    waiting: Annotated[int, typer.Option(min=0, help="Requests that may wait; more get 429 and a time.")] = 64,
    grace: Annotated[float, typer.Option(min=0, help="Seconds that runs may take to finish after Ctrl-C.")] = 30.0,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A further name of this server, as `host.docker.internal`; may be repeated."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="A page that may call it, as `app://obsidian.md`; may be repeated."),
    ] = None,
    keys: Annotated[
        Path | None, typer.Option("--keys", metavar="FILE", help="File of the keys, if not that of `atlas keys`.")
    ] = None,
    sandbox: Annotated[SandboxChoice | None, typer.Option(help="Where programs run.")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings file; otherwise ./atlas.toml if there is one.")] = None,
) -> None:
    """Serve ATLAS and the model under it to editors, agents and everything else that speaks OpenAI.

    The models are `atlas`, `atlas-fast`, `atlas-thorough` (searches) and `raw` (the bare model). Ctrl-C takes no more
    work and lets what runs finish; a second one ends it with the best answer so far.

    Once `atlas keys create NAME` has made a key, every request needs one; an address that other machines can reach is
    not listened on without.
    """
    from cli.keys import key_file
    from cli.serve import ServeCommand, run_serve
    from cli.serving.service import ServeOptions

    flags = {
        "model": model,
        "policy": policy.value if policy else None,
        "sandbox": sandbox.value if sandbox else None,
    }
    options = ServeOptions(
        searches=searches,
        texts=texts,
        waiting=waiting,
        grace_s=grace,
        hosts=tuple(allow_host or ()),
        origins=tuple(allow_origin or ()),
    )
    command = ServeCommand(host=host, port=port, keys=key_file(keys), config=config, flags=flags, options=options)
    raise typer.Exit(run_serve(command))


@app.command()
def studio(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0 is 2024, or a free one.")] = 0,
    browser: Annotated[bool, typer.Option("--browser", help="Open Studio's page, which needs the internet.")] = False,
) -> None:
    """Start LangGraph's server on 127.0.0.1 with the model loaded, for LangGraph Studio and `langgraph_sdk`.

    A statement is enough as input. Settings of a run (`approve`, `k`, `policy`, budgets) go into its context, others
    come from ./atlas.toml and ATLAS_*. Threads are those of `atlas solve --thread`, `atlas threads` and `atlas resume`.
    Ctrl-C ends it. It sends nothing anywhere; Studio's page is LangChain's, and connects to it from your browser.
    """
    from cli.studio import run_studio

    raise typer.Exit(run_studio(port, browser))


@app.command(epilog=_MCP_EXAMPLES)
def mcp(
    http: Annotated[bool, typer.Option("--http", help="Streamable HTTP at /mcp instead of standard input.")] = False,
    host: Annotated[str, typer.Option(help="Where HTTP listens; no other than this machine is allowed.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of HTTP.")] = 8766,
    config: Annotated[Path | None, typer.Option(help="Settings file; otherwise ./atlas.toml if there is one.")] = None,
) -> None:
    """Be a tool of editors and agents: `solve`, over the Model Context Protocol.

    The result is structured, progress is reported step by step, cancelling a call ends its decode. With `approve`, in
    the call or in the settings, the client asks its person before the program is handed over.
    """
    from cli.mcp_server import run_mcp

    raise typer.Exit(run_mcp("http" if http else "stdio", host, port, config))


@app.command()
def doctor() -> None:
    """Say what is there, what is missing, and the command that mends it. Exit code 0 when ATLAS can solve, else 1."""
    from cli.doctor import run_doctor

    raise typer.Exit(run_doctor())


@app.command(epilog=_REPORT_EXAMPLES)
def report(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="RUN...", help="Files of runs; shards of one run count as one.")
    ] = None,
    import_atlas: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Report the public ATLAS's outcomes by task instead.")
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE.html", help="Where the page goes.")] = Path(
        "report.html"
    ),
    traces: Annotated[int, typer.Option(min=0, help="Most tasks with a full trace in the page.")] = 300,
    lens: Annotated[
        Path | None, typer.Option(metavar="JSON", help="Judge these weights of `atlas lens fit` on the runs, too.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Settings file; otherwise ./atlas.toml if there is one.")] = None,
) -> None:
    """Turn stored runs into one HTML page that opens offline, and Markdown and CSV beside it.

    Four numbers per condition with their intervals, paired differences, how often `verified` was right, calibration,
    accuracy against tokens, cost. A number leads to the tasks behind it, a task to its plans, programs and tests.

    FILE.csv holds every number, FILE.tasks.csv one line per task and condition. price_per_kwh, watts and api_prices
    come from the settings.
    """
    from cli.report_command import ReportOptions, run_report

    options = ReportOptions(
        runs=runs or (), import_atlas=import_atlas, output=output, traces=traces, lens=lens, config=config
    )
    raise typer.Exit(run_report(options))


@app.command(epilog=_COMPARE_EXAMPLES)
def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A file of runs, or FILE:CONDITION.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
) -> None:
    """Compare two runs on the tasks that both have: the paired difference with its interval, and what was set apart."""
    from cli.compare import run_compare

    raise typer.Exit(run_compare(first, second))


lens_app = typer.Typer(no_args_is_help=True, help="Fit P(correct) to a model's stored runs, and judge it.")
app.add_typer(lens_app, name="lens")


@lens_app.command("fit")
def lens_fit(
    runs: Annotated[str, typer.Argument(metavar="RUN", help="A file of graded runs.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE.json", help="Where the weights go.")] = Path(
        "lens.json"
    ),
    condition: Annotated[str, typer.Option(help="Whose programs; adaptive where it was run.")] = "",
    folds: Annotated[int, typer.Option(min=2, help="Parts that are held out in turn, split by problem.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the split.")] = 0,
) -> None:
    """Fit weights for P(correct) to graded runs and say what they are worth on problems that were held out.

    The file names the model. Set lens_file to it: a search with this model then routes and chooses by it, but only if
    its held-out gain over the largest example-passing cluster has an interval above zero. lens_threshold makes answers
    below it count as not verified.
    """
    from cli.lens import run_fit

    raise typer.Exit(run_fit(runs, output, condition, folds, seed))


@lens_app.command("eval")
def lens_eval(
    lens: Annotated[Path, typer.Argument(metavar="FILE.json", help="Weights of `atlas lens fit`.")],
    runs: Annotated[str, typer.Argument(metavar="RUN", help="Graded runs of the same model on other problems.")],
    condition: Annotated[str, typer.Option(help="Whose programs; adaptive where it was run.")] = "",
) -> None:
    """Judge weights on runs of problems that they were not fitted on."""
    from cli.lens import run_eval

    raise typer.Exit(run_eval(lens, runs, condition))


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
