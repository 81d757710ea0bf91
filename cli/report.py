"""Show an answer: the program, whether and why it is verified, how sure ATLAS is, on what evidence, at what cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from cli.exits import Exit
from cli.printable import printable
from nodes.settings import Settings
from nodes.state import Answer

STOPS: Mapping[str, str] = {
    "verified": "the answer is verified",
    "policy_done": "the policy has no further move",
    "no_gain": "no move promised enough for its tokens",
    "tokens": "the token budget is spent",
    "seconds": "the time budget is spent",
    "sandbox_seconds": "the sandbox budget is spent",
    "rounds": "the most rounds were made",
    "programs": "the most programs were written",
    "cancelled": "it was interrupted",
    "failed": "the model or the sandbox failed",
}


def outcome(answer: Answer) -> Exit:
    """Return the exit code that an answer deserves."""
    if not answer.code:
        return Exit.NO_PROGRAM
    return Exit.VERIFIED if answer.verified and answer.approved is not False else Exit.NOT_VERIFIED


def cost_of(answer: Answer) -> dict[str, Any]:
    """Return what an answer cost: totals, and one entry per box."""
    return {
        "tokens": sum(cost.tokens for cost in answer.cost),
        "thinking_tokens": sum(cost.thinking_tokens for cost in answer.cost),
        "prompt_tokens": sum(cost.prompt_tokens for cost in answer.cost),
        "seconds": answer.seconds,
        "sandbox_seconds": round(sum(cost.sandbox_seconds for cost in answer.cost), 3),
        "programs_run": sum(cost.programs_run for cost in answer.cost),
        "by_box": [asdict(cost) for cost in answer.cost],
    }


def answer_record(answer: Answer, settings: Settings) -> dict[str, Any]:
    """Return an answer with its evidence and its cost, ready for JSON."""
    return {
        "verified": answer.verified,
        "code": answer.code,
        "reason": answer.reason,
        "confidence": answer.confidence,
        "calibrated": answer.calibrated,
        "evidence": list(answer.evidence),
        "stop": answer.stop,
        "approved": answer.approved,
        "cost": cost_of(answer),
        "model": answer.model,
        "sandbox": answer.sandbox,
        "policy": settings.policy,
        "seed": settings.seed,
    }


def as_json(answer: Answer, settings: Settings, error: str | None) -> str:
    """Return the answer, and what broke on the way if something did, as one JSON object in one line."""
    return json.dumps({**answer_record(answer, settings), "error": error})


def error_as_json(message: str, code: Exit) -> str:
    """Return a failure as one JSON object in one line."""
    return json.dumps({"verified": False, "code": "", "error": message, "exit_code": int(code)})


def show(answer: Answer, console: Console) -> None:
    """Print the answer for a person; plain lines where the output is no terminal."""
    if answer.code:
        _show_code(answer.code, console)
    for line in _lines(answer):
        console.print(line, soft_wrap=True)


def _show_code(code: str, console: Console) -> None:
    source = printable(code)
    if console.is_terminal:
        console.print(Syntax(source, "python", background_color="default", word_wrap=True))
    else:
        console.out(source, highlight=False)
    console.print()


def _lines(answer: Answer) -> list[Text]:
    cost = cost_of(answer)
    style = "bold green" if answer.verified else "bold yellow"
    lines = [
        Text.assemble(
            ("verified" if answer.verified else "not verified", style if answer.code else "bold red"),
            f": {printable(answer.reason)}",
        ),
        Text(f"confidence: {answer.confidence:.2f} ({'' if answer.calibrated else 'un'}calibrated)"),
        *(Text(f"evidence: {printable(line)}") for line in answer.evidence),
        Text(f"stopped because {STOPS.get(answer.stop, answer.stop)}"),
        Text(
            f"cost: {cost['tokens'] + cost['thinking_tokens']} tokens ({cost['thinking_tokens']} of them thinking), "
            f"{answer.seconds:.1f} s, of which {cost['sandbox_seconds']:.1f} CPU s in the sandbox "
            f"for {cost['programs_run']} programs"
        ),
        Text(f"model: {printable(answer.model)}; sandbox: {answer.sandbox}"),
    ]
    return lines if answer.code else [lines[0], *lines[2:]]
