"""The training loop: a schedule by tokens, checkpoints, and a log line per hundred batches.

A run is a pure function of its shard, seed, thread count and library versions, up to floating-point summation order.
It stops and resumes at any point: a checkpoint holds weights, optimiser state and the number of finished batches.
Needs the `train` extra.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from benchmark.embedded.dataset import Shard, batch_arrays, plan_batches
from benchmark.embedded.network import Network
from benchmark.embedded.optimiser import Optimiser
from benchmark.embedded.sizes import Dimensions

WARM_UP = 30
LOG_EVERY = 50
SAVE_EVERY = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What makes a training run what it is."""

    seed: int
    threads: int
    cool_down: float = 0.4
    """Last part of the run, in which the learning rate falls linearly to zero."""
    peak: float = 1.0
    """Learning rate relative to the optimisers' own."""
    prompt_weight: float = 0.15
    """Loss weight of a prompt token against an answer token."""


def rate_at(step: int, steps: int, run: Run) -> float:
    """Return the relative learning rate of a batch."""
    left = (steps - step) / max(1, steps * run.cool_down)
    return run.peak * min(1.0, (step + 1) / WARM_UP, left)


def loss_of(network: Network, shard: Shard, batch: object, prompt_weight: float) -> tuple[torch.Tensor, float]:
    """Return the weighted loss, and the mean loss of the answer tokens alone."""
    tokens_np, weights_np = batch_arrays(shard, batch, prompt_weight)  # type: ignore[arg-type]
    tokens, weights = torch.from_numpy(tokens_np), torch.from_numpy(weights_np)[:, 1:].reshape(-1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network(tokens[:, :-1])
    losses = F.cross_entropy(logits.float().reshape(-1, logits.shape[-1]), tokens[:, 1:].reshape(-1), reduction="none")
    answers = weights == 1.0
    return (losses * weights).sum() / weights.sum(), float(losses.detach()[answers].mean())


def train(shard: Shard, size: Dimensions, run: Run, folder: Path, *, start: Path | None = None) -> Network:
    """Train to the end of the schedule and return the network; takes up `folder`'s checkpoint if there is one.

    Args:
        shard: what to learn.
        size: the network.
        run: seed, threads, schedule.
        folder: receives `checkpoint.pt` and `log.jsonl`.
        start: weights of an earlier stage.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(run.threads)
    torch.manual_seed(run.seed)
    network = Network(size)
    if start is not None:
        network.load_state_dict(torch.load(start, weights_only=True)["weights"])
    optimiser = Optimiser(network)
    batches = plan_batches(shard, run.seed)
    done = _resume(folder / "checkpoint.pt", network, optimiser)
    clock, seen, losses = time.perf_counter(), 0, list[float]()
    for step in range(done, len(batches)):
        loss, answer_loss = loss_of(network, shard, batches[step], run.prompt_weight)
        loss.backward()
        optimiser.step(rate_at(step, len(batches), run))
        losses.append(answer_loss)
        seen += int((shard.starts[batches[step] + 1] - shard.starts[batches[step]]).sum())
        if (step + 1) % LOG_EVERY == 0 or step + 1 == len(batches):
            line = {"batch": step + 1, "of": len(batches), "tokens": seen, "seconds": time.perf_counter() - clock}
            _log(folder / "log.jsonl", line | {"cpu": time.process_time(), "answer_loss": sum(losses) / len(losses)})
            losses.clear()
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == len(batches):
            _save(folder / "checkpoint.pt", network, optimiser, step + 1)
    return network


def _log(path: Path, line: dict[str, float]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({key: round(value, 4) for key, value in line.items()}) + "\n")


def _save(path: Path, network: Network, optimiser: Optimiser, done: int) -> None:
    part = path.with_suffix(".part")
    torch.save({"weights": network.state_dict(), "optimiser": optimiser.state(), "done": done}, part)
    part.rename(path)


def _resume(path: Path, network: Network, optimiser: Optimiser) -> int:
    """Load a checkpoint if there is one; return how many batches it has behind it."""
    if not path.exists():
        return 0
    saved = torch.load(path, weights_only=True)
    network.load_state_dict(saved["weights"])
    optimiser.restore(saved["optimiser"])
    return int(saved["done"])
