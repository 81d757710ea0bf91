"""The server under load: clients that never pause, on loopback, against `atlas serve` as a process of its own.

Each client sends one request after another, mostly texts of the bare model, every fourth one a search. A refusal with
429 is waited out as its `Retry-After` says. Told are answers and their seconds, what was no answer, how evenly the
clients were served (the share of the median client that the worst one got), the memory over time, and how the server
ended when a signal came while everybody was being served.

    python -m benchmark.speed.serve --clients 32 --seconds 120
"""

from __future__ import annotations

import argparse
import asyncio
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import httpx

from benchmark.markdown import grid

_ADDRESS = re.compile(r"serves on (http://\S+)/v1")
_EVERY_FOURTH = 4
_BEAT_S = 1.0
_PAGE_KB = 4
_ENDED_BY_US = (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError, httpx.ConnectTimeout)
PROBLEM = """Write a function `total(xs: list[int]) -> int` that returns the sum of the numbers.

>>> total([1, 2])
3
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request and what became of it."""

    client: int
    model: str
    status: int
    seconds: float
    tokens: int = 0


@dataclass(slots=True, kw_only=True)
class Load:
    """What was seen."""

    seconds: float
    sent: list[Sent] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    longest_queue: int = 0
    exit_code: int | None = None
    end_s: float = 0.0
    told: str = ""
    """What the server wrote to standard error."""


@contextmanager
def server(folder: Path, arguments: Sequence[str]) -> Iterator[tuple[subprocess.Popen[str], str, list[str]]]:
    """Yield a server's process, its address, and the lines that it has written."""
    command = [sys.executable, "-m", "cli.entry", "serve", "--port", "0", "--keys", str(folder / "keys"), *arguments]
    lines: list[str] = []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                lines.append(line)
                if found := _ADDRESS.search(line):
                    yield process, found[1], lines
                    return
            raise RuntimeError("the server did not start: " + "".join(lines))
        finally:
            process.kill()


async def load(process: subprocess.Popen[str], url: str, *, clients: int, seconds: float) -> Load:
    """Let clients ask for so long, send SIGTERM while they are being answered, and wait for the end."""
    seen = Load(seconds=seconds)
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=300, trust_env=False, limits=limits) as web:
        end = time.monotonic() + seconds
        asking = [asyncio.create_task(_client(web, seen, number, end)) for number in range(clients)]
        watching = asyncio.create_task(_watch(process.pid, seen))
        await asyncio.sleep(seconds)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        await asyncio.gather(*asking)
        watching.cancel()
        seen.exit_code = await asyncio.to_thread(process.wait, 120)
        seen.end_s = time.monotonic() - began
    return seen


async def _client(web: httpx.AsyncClient, seen: Load, number: int, end: float) -> None:
    turn = number
    while time.monotonic() < end:
        turn += 1
        model, body = _request(number, turn)
        began = time.monotonic()
        try:
            answer = await web.post("/v1/chat/completions", json=body)
        except _ENDED_BY_US:
            if time.monotonic() < end:
                seen.sent.append(Sent(client=number, model=model, status=0, seconds=time.monotonic() - began))
                raise
            return
        took = time.monotonic() - began
        seen.longest_queue = max(seen.longest_queue, int(answer.headers.get("x-atlas-queue", 0)))
        tokens = answer.json()["usage"]["completion_tokens"] if answer.is_success else 0
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() < end:
            one = Sent(client=number, model=model, status=answer.status_code, seconds=took, tokens=tokens)
            seen.sent.append(one)
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            await asyncio.sleep(min(float(answer.headers["retry-after"]), max(0.0, end - time.monotonic())))


def _request(number: int, turn: int) -> tuple[str, dict[str, object]]:
    """Return the model and the body of a client's next request."""
    model, text, more = "raw", f"Write code.\n\n{PROBLEM}\nClient {number}, request {turn}.", {"max_tokens": 96}
    if turn % _EVERY_FOURTH == 0:
        model, text, more = "atlas-fast", PROBLEM, {}
    return model, {"model": model, "messages": [{"role": "user", "content": text}], "seed": turn, **more}


async def _watch(pid: int, seen: Load) -> None:
    while True:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        seen.memory_mb.append(pages * _PAGE_KB / 1024)
        await asyncio.sleep(_BEAT_S)


def told(seen: Load, clients: int) -> str:
    """Return what was seen, as Markdown."""
    answered = [one for one in seen.sent if one.status == httpx.codes.OK]
    rows = []
    for model in sorted({one.model for one in seen.sent}):
        took = sorted(one.seconds for one in answered if one.model == model)
        if not took:
            rows.append([model, "0", "–", "–", "–", "0"])
            continue
        high = quantiles(took, n=20, method="inclusive")[-1] if len(took) > 1 else took[0]
        tokens = sum(one.tokens for one in answered if one.model == model)
        spread = [f"{value:.2f}" for value in (median(took), high, took[-1])]
        rows.append([model, str(len(took)), *spread, f"{tokens / seen.seconds:.0f}"])
    head = ["model", "answers", "seconds, median", "95th percentile", "longest", "tokens/s"]
    return "\n".join((grid(head, rows), "", *_lines(seen, answered, clients))) + "\n"


def _lines(seen: Load, answered: Sequence[Sent], clients: int) -> list[str]:
    others = Counter(one.status for one in seen.sent if one.status != httpx.codes.OK)
    statuses = ", ".join(f"{count} with {status}" for status, count in sorted(others.items())) or "none"
    by_client = Counter(one.client for one in answered)
    shares = [by_client[number] for number in range(clients)]
    half = len(seen.memory_mb) // 2
    lines = [
        f"- no answer: {statuses}; longest queue {seen.longest_queue}",
        f"- answers per client: median {median(shares):g}, least {min(shares)}, most {max(shares)}",
        f"- SIGTERM under load: exit code {seen.exit_code} after {seen.end_s:.1f} s",
    ]
    if half > 1:
        first, second = median(seen.memory_mb[half // 2 : half]), median(seen.memory_mb[-half // 2 :])
        lines.append(
            f"- memory: {first:.0f} MB in the second quarter, {second:.0f} MB in the last, "
            f"{max(seen.memory_mb):.0f} MB at most"
        )
    return lines


def _arguments(given: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description="Put load on `atlas serve`; further options go to the server.")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=120.0)
    return parser.parse_known_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Measure, write the table to standard output, and return 1 when something went wrong that is no clear 429."""
    options, arguments = _arguments(given)
    with tempfile.TemporaryDirectory() as folder, server(Path(folder), arguments) as (process, url, lines):
        seen = asyncio.run(load(process, url, clients=options.clients, seconds=options.seconds))
        assert process.stderr is not None
        seen.told = "".join(lines) + process.stderr.read()
    sys.stderr.write(seen.told)
    sys.stdout.write(f"{options.clients} clients, {options.seconds:g} s\n\n{told(seen, options.clients)}")
    fine = {httpx.codes.OK, httpx.codes.TOO_MANY_REQUESTS}
    return int(seen.exit_code != 0 or any(one.status not in fine for one in seen.sent) or "Traceback" in seen.told)


if __name__ == "__main__":
    sys.exit(main())
