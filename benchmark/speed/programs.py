"""llama.cpp's own programs as peers: llama-batched-bench and llama-server, which `deploy/peers.sh` builds.

Their processor time is read from outside, by the clock that Linux keeps for each process, so that what a client in this
process costs is not theirs.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from benchmark.provenance import ROOT

SCRIPT = "deploy/peers.sh"
_START_SECONDS = 120.0
_REPLY_SECONDS = 1800.0
_ATTEMPTS = 3
"""Where the model is very small, llama-batched-bench may end before any of its lines is out."""


class MissingPeerError(RuntimeError):
    """A program is not built, or ended; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What a program computes with."""

    threads: int
    gpu_layers: int = 0
    """-1: all."""
    flash: bool = False
    """Whether peers attend by flash attention on a processor too; on a GPU they do, like our engine."""

    @property
    def on_gpu(self) -> bool:
        """Whether any layer is on a GPU."""
        return self.gpu_layers != 0

    @property
    def options(self) -> tuple[str, ...]:
        """The options that llama.cpp's programs share."""
        layers = "999" if self.gpu_layers < 0 else str(self.gpu_layers)
        flash = "auto" if self.on_gpu or self.flash else "off"
        return ("-ngl", layers, "-fa", flash, "-t", str(self.threads), "-tb", str(self.threads))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What an act took of its process."""

    cpu: float
    wall: float

    def seconds(self, device: Device) -> float:
        """Return CPU seconds at one thread, and wall seconds at more and on a GPU."""
        return self.cpu if device.threads == 1 and not device.on_gpu else self.wall


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedTexts:
    """What a server did."""

    spent: Spent
    tokens: int
    evaluated: int
    """Prompt tokens that it computed."""


def program(name: str) -> Path:
    """Return a program's path.

    Raises:
        MissingPeerError: it is not built.
    """
    asked = subprocess.run([str(ROOT / SCRIPT), "where"], capture_output=True, text=True)
    if asked.returncode:
        raise MissingPeerError(f"{name} is not built; {SCRIPT} builds it (about 8 core-minutes)")
    return Path(asked.stdout.strip()) / name


def cpu_seconds(pid: int) -> float:
    """Return the processor seconds of a process and its threads; Linux names its clock by the inverted id."""
    return time.clock_gettime((~pid << 3) | 2)


def _environment() -> dict[str, str]:
    """Return the environment that our own engine runs llama.cpp in."""
    return os.environ | {"OMP_WAIT_POLICY": "passive", "GGML_NO_BACKTRACE": "1"}


def batched_bench(
    path: Path, widths: Sequence[int], lengths: tuple[int, int], *, unified: bool, device: Device
) -> dict[int, Spent]:
    """Run llama-batched-bench once over all widths; return what each took.

    The smallest is run first once more and forgotten, as the weights' pages are touched for the first time then; and at
    the end, as the program may end before the last lines of its log are out.

    Args:
        path: the model.
        widths: sequences that share a prompt.
        lengths: tokens of the prompt and of each text. The first token of a text is drawn from the prompt's last row,
            so one step less is decoded than tokens are written.
        unified: whether all sequences share one cache.
        device: threads and layers on the GPU.

    Raises:
        MissingPeerError: it is not built, or it fails.
    """
    prompt, new = lengths
    most = max(widths)
    cells = prompt + most * new + 256 if unified else most * (prompt + new + 64)
    command = [
        *(str(program("llama-batched-bench")), "-m", str(path), "-pps", "-kvu" if unified else "-no-kvu"),
        *("-npp", str(prompt), "-ntg", str(new - 1), "-npl", ",".join(map(str, (min(widths), *widths, min(widths))))),
        *("-c", str(cells), "-b", "512", "-ub", "512", *device.options),
    ]
    for _ in range(_ATTEMPTS):
        said: list[str] = []
        spent = _table(command, len(widths), said)
        if len(spent) == len(set(widths)):
            return spent
    raise MissingPeerError(f"llama-batched-bench fails: {' / '.join(filter(None, said[-3:]))[:300]}")


def _table(command: Sequence[str], count: int, said: list[str]) -> dict[int, Spent]:
    """Run the program; return the rows after the first, `count` of them, by their width."""
    with subprocess.Popen(
        command, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            rows = list(_rows(process, said))
            return dict(rows[1 : 1 + count])
        finally:
            process.terminate()


def _rows(process: subprocess.Popen[str], said: list[str]) -> Iterator[tuple[int, Spent]]:
    """Read the table as it is written; a row's CPU seconds are those since the line before it."""
    before = 0.0
    for line in process.stdout or ():
        said.append(line.strip())
        if not line.startswith("|"):
            continue
        now = cpu_seconds(process.pid)
        values = [cell.strip() for cell in line.strip(" |\n").split("|")]
        if values[0].isdigit():
            yield int(values[2]), Spent(cpu=now - before, wall=float(values[8]))
        before = now


class Server:
    """A running llama-server."""

    def __init__(self, process: subprocess.Popen[bytes], address: str) -> None:
        """Take a server that answers."""
        self._process = process
        self._address = address

    def many(self, prompt: Sequence[int], k: int, tokens: int) -> ServedTexts:
        """Ask for k texts over one prompt in one request."""
        return self._served([self._body(prompt, tokens, seed=0) | {"n_cmpl": k}])

    def parallel(self, prompts: Sequence[Sequence[int]], tokens: int) -> ServedTexts:
        """Ask for one text over each prompt, all at the same time."""
        return self._served([self._body(prompt, tokens, seed=seed) for seed, prompt in enumerate(prompts)])

    def _served(self, bodies: Sequence[dict[str, object]]) -> ServedTexts:
        began, before = time.perf_counter(), cpu_seconds(self._process.pid)
        with ThreadPoolExecutor(len(bodies)) as pool:
            replies = [text for reply in pool.map(self._post, bodies) for text in reply]
        spent = Spent(cpu=cpu_seconds(self._process.pid) - before, wall=time.perf_counter() - began)
        timings = [reply["timings"] for reply in replies]
        return ServedTexts(
            spent=spent,
            tokens=sum(int(one["predicted_n"]) for one in timings),
            evaluated=sum(int(one["prompt_n"]) for one in timings),
        )

    def _post(self, body: dict[str, object]) -> list[dict[str, Any]]:
        try:
            reply = httpx2.post(f"{self._address}/completion", json=body, timeout=_REPLY_SECONDS, trust_env=False)
            reply.raise_for_status()
        except httpx2.HTTPError as error:
            raise MissingPeerError(f"llama-server fails: {error}") from error
        found = reply.json()
        return found if isinstance(found, list) else [found]

    @staticmethod
    def _body(prompt: Sequence[int], tokens: int, *, seed: int) -> dict[str, object]:
        return {
            "prompt": list(map(int, prompt)),
            "n_predict": tokens,
            "seed": seed,
            "temperature": 0.8,
            "top_k": 40,
            "top_p": 0.95,
            "min_p": 0.05,
            "samplers": ["top_k", "top_p", "min_p", "temperature"],
            "ignore_eos": True,
            "cache_prompt": True,
        }


@contextmanager
def server(path: Path, *, slots: int, context: int, unified: bool, device: Device) -> Iterator[Server]:
    """Start llama-server with a cache of `context` tokens for each of its slots, and end it afterwards.

    Raises:
        MissingPeerError: it is not built, or does not start.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(str(program("llama-server")), "-m", str(path), "--host", "127.0.0.1", "--port", str(port), "--no-webui"),
        *("-np", str(slots), "-c", str(slots * context), "-kvu" if unified else "-no-kvu", "-b", "2048", "-ub", "512"),
        *device.options,
        *("--cache-ram", "0"),
    ]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env=_environment(), stdout=said, stderr=subprocess.STDOUT)
        try:
            address = f"http://127.0.0.1:{port}"
            if not _answers(process, address):
                said.seek(0)
                last = said.read().decode("utf-8", "replace").strip().splitlines()[-1:]
                raise MissingPeerError(f"llama-server does not start: {' '.join(last)[:300]}")
            yield Server(process, address)
        finally:
            process.terminate()
            process.wait()


def _answers(process: subprocess.Popen[bytes], address: str) -> bool:
    until = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            if httpx2.get(f"{address}/health", timeout=5, trust_env=False).status_code == httpx2.codes.OK:
                return True
        except httpx2.HTTPError:
            pass
        time.sleep(0.1)
    return False
