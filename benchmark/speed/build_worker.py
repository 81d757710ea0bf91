"""One reading of one build's engine, in a process of its own; run by `benchmark.speed.builds` with a build on the path.

Uses nothing that an earlier build lacks. Prints one JSON object: what was written, read and held.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from contextlib import closing
from dataclasses import fields
from typing import Any

from graphs.factory import open_model
from inference.base import Message, Request
from nodes.settings import Settings


def main(given: dict[str, Any]) -> dict[str, float]:
    """Write `k` texts over each prompt and return the reading.

    Args:
        given: model, settings, prompts, k, tokens of a text, and the seconds after which the reading ends.
    """
    known = {field.name for field in fields(Settings)}
    settings = Settings(**{name: value for name, value in given["settings"].items() if name in known})
    with closing(open_model(settings)) as model:
        requests = [
            Request(
                messages=(Message(role="user", content=prompt),),
                max_tokens=given["tokens"],
                temperature=0.8,
                top_p=0.95,
                top_k=40,
                seed=seed,
            )
            for prompt in given["prompts"]
            for seed in range(given["k"])
        ]
        # The first text after loading pays for pages that are not in memory yet.
        model.complete_many([Request(messages=(Message(role="user", content="Hello"),), max_tokens=4)])
        began, cpu = time.monotonic(), time.process_time()
        done = model.complete_many(requests, deadline=began + given["seconds"])
        seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    written = sum(one.tokens for one in done)
    return {
        "seconds": seconds,
        "cpu": cpu,
        "tokens": written,
        "texts": sum(one.tokens > 0 for one in done),
        "mib": held,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(sys.stdin.read()))) + "\n")
