import json

import pytest

pytestmark = pytest.mark.train


def table(part):
    triple = [50.0, 40.0, 60.0]
    rows = ("greedy", "greedy without thinking", "first sample", "mean of samples", "best by examples")
    more = ("best by examples minus first sample", "oracle", "passes examples, fails hidden")
    group = {"n": 3, "greedy": triple, "first sample": triple, "best by examples": triple}
    return {
        **dict.fromkeys((*rows, *more), triple),
        "problems": 3,
        "seed": 7,
        "k": 8,
        "raw self-tests": {"kept": 4, "right": triple},
        "confirmed self-tests": {"kept": 0},
        "explicit": group,
        **({"depth 1": group} if part == "training" else {}),
    }


def test_card_holds_hashes_tables_and_minutes(tmp_path):
    import numpy as np

    from benchmark.embedded.card import write_card
    from benchmark.embedded.dataset import Shard, save
    from benchmark.embedded.training import Run

    shard = Shard(tokens=np.zeros(5, dtype=np.uint16), starts=np.array([0, 5]), prompts=np.array([2]))
    for name in ("first", "second", "own"):
        save(shard, tmp_path / f"{name}.npz")
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        lines = [{"batch": b, "of": 20, "seconds": s, "answer_loss": 1.0} for b, s in ((5, 60), (10, 120), (20, 60))]
        (tmp_path / name / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
    for part in ("held_out", "training"):
        (tmp_path / f"{part}.json").write_text(json.dumps(table(part)))
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "model.gguf").write_bytes(b"weights")
    runs = {"first": Run(seed=1, threads=2), "second": Run(seed=2, threads=2)}
    mixes = {"first": {"code": 0.5, "step": 0.5}, "second": {"code": 0.2, "step": 0.2}}
    write_card(tmp_path, tmp_path / "model.gguf", tmp_path / "card.md", runs, mixes)
    card = (tmp_path / "card.md").read_text()
    assert "| greedy | 50.0 (40.0 to 60.0) | 50.0 (40.0 to 60.0) |" in card
    assert "| depth 1: greedy | – | 50.0 (40.0 to 60.0), n=3 |" in card
    assert card.count(shard.sha256) == 3
    assert "3 minutes of wall time" in card
    assert "| step | 0.500 | 0.500 |" in card
