"""The speed benchmark runs as documented, on models of a few kilobytes."""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import closing
from pathlib import Path

import gguf
import numpy as np
import pytest

from benchmark.speed import engine, gpu, programs, random_model
from benchmark.speed.drafts import UNDRAFTED
from benchmark.speed.goals import goals
from benchmark.speed.mixed_weights import mixture, random_rows
from benchmark.speed.opened import ALONE, PARALLEL, PEERS, SEQUENTIAL, Task, distinct_tokens, filler
from benchmark.speed.peers import Bare
from benchmark.speed.programs import Device, MissingPeerError, batched_bench, server
from benchmark.speed.random_model import CYCLE, Size
from inference.backend import Sampling
from inference.base import Message, Request
from inference.gguf import GgufModel
from inference.gguf_file import read_header
from inference.layout import Width, layout_for
from tests.conftest import EMBEDDED, USERS_CACHE

ROOT = Path(__file__).parents[3]
LARGER = Size(vocabulary=2048, width=256, hidden=512, blocks=4, heads=4, context=512)
MICRO = Size(vocabulary=384, width=64, hidden=64, blocks=1, heads=2, context=512)
SMALL = ["--widths", "1,3", "--prompt-tokens", "90", "--new-tokens", "8", "--plans", "3x60+20", "--plan-tokens", "4"]


@pytest.fixture
def micro(tmp_path, monkeypatch):
    monkeypatch.setitem(random_model.SIZES, "micro", MICRO)
    return random_model.random_model(tmp_path, "micro")


@pytest.fixture
def bench(micro, tmp_path, capsys):
    """Run the benchmark on the small model; returns exit code, standard output and error."""

    def run(*more):
        code = engine.main(["--model", "micro", "--folder", str(tmp_path), *SMALL, *more])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def built(monkeypatch):
    """Let the programs be found that were built for this user."""
    if USERS_CACHE:
        monkeypatch.setenv("XDG_CACHE_HOME", USERS_CACHE)
    else:
        monkeypatch.delenv("XDG_CACHE_HOME")


def rows(out, workload):
    """Return (peer, k, rounds) of a workload's ratios."""
    found = re.findall(r"^\| ([^|]+) \| (\d+) \| ([^|]+) \| (\d+\.\d\d) \| [\d.-]+ \| (\d+) \|", out, re.M)
    assert all(float(ratio) > 0 for *_, ratio, _ in found)
    return {(peer, int(k), int(rounds)) for name, k, peer, _, rounds in found if name == workload}


def test_model_is_written_once_and_reproducibly(micro, tmp_path):
    stamp = micro.stat().st_mtime_ns
    assert random_model.random_model(tmp_path, "micro").stat().st_mtime_ns == stamp
    random_model.write(tmp_path / "again.gguf", MICRO)
    assert (tmp_path / "again.gguf").read_bytes() == micro.read_bytes()
    assert len(read_header(micro).tokens) == 384


@pytest.mark.parametrize(("name", "parameters"), [("mid", 310e6), ("qwen3-14b", 14.77e9)])
def test_large_models_have_the_size_they_say(name, parameters):
    count = sum(np.prod(shape, dtype=np.int64) for _, shape, _ in random_model._tensors(random_model.SIZES[name]))
    assert count == pytest.approx(parameters, rel=0.03)


@pytest.mark.parametrize("kind", [gguf.GGMLQuantizationType.Q4_K, gguf.GGMLQuantizationType.Q6_K])
def test_mixed_weights_have_the_spread_that_was_asked(kind):
    weights = gguf.dequantize(random_rows(kind, (64, 2560), 0.02, np.random.default_rng(0)), kind)
    assert weights.shape == (64, 2560)
    assert (weights.mean(), weights.std()) == (pytest.approx(0, abs=2e-4), pytest.approx(0.02, rel=0.03))


def test_mixture_is_that_of_q4_k_m():
    finer = [layer for layer in range(40) if mixture(f"blk.{layer}.attn_v.weight", 40).name == "Q6_K"]
    assert finer == [0, 1, 2, 3, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 34, *range(35, 40)]
    kinds = [mixture(name, 40).name for name in ("output.weight", "token_embd.weight", "blk.0.attn_q.weight")]
    assert kinds == ["Q6_K", "Q4_K", "Q4_K"]


def test_every_goal_names_a_workload_and_a_peer_that_there_are():
    task = Task(
        path=Path("x"),
        copying=Path("y"),
        widths=(1, 4, 8, 16),
        device=Device(threads=1),
        prompt_tokens=1,
        new_tokens=1,
        plans=engine._plans("8x400+60,16x1200+60"),
        plan_tokens=1,
        streams=None,
    )
    names = {workload.name for workload in engine._workloads(task, engine._WORKLOADS)}
    aims = goals("mid", 1) | goals("mid", 2)
    assert {name for name, _, _ in aims} < names
    assert {peer for _, _, peer in aims} == {*PEERS, UNDRAFTED}
    assert goals("mid", 1)["same prompt", 16, SEQUENTIAL] == 2.0


def test_distinct_tokens_are_the_nodes_of_the_trie():
    assert distinct_tokens([(1, 2, 3), (1, 2, 4), (5, 2, 3)]) == 3 + 1 + 3
    assert distinct_tokens([(1, 2), (1, 2)]) == 2


def test_filler_has_the_length_that_was_asked():
    text = filler(lambda text: len(text.split()), 30, "name ")
    assert text.startswith("name ")
    assert len(text.split()) == 30


@pytest.mark.gguf
@pytest.mark.parametrize("cache", ["auto", "unified"])
def test_report_has_the_peers_in_this_process_and_names_the_others(bench, cache):
    code, out, err = bench("--workloads", "samples", "--rounds", "2", "--cache", cache)
    assert code == 0
    assert rows(out, "same prompt") == {(peer, k, 2) for peer in (ALONE, SEQUENTIAL) for k in (1, 3)}
    for program in ("llama-batched-bench", "llama-server"):
        assert f"{program} is not built; deploy/peers.sh builds it" in out
    assert "not measured: llama-batched-bench" in err
    assert "CPU seconds" in out


@pytest.mark.gguf
def test_second_run_goes_on_where_the_first_stopped(bench, tmp_path):
    bench("--workloads", "samples", "--rounds", "1")
    first = (tmp_path / "engine-micro-1.jsonl").read_text()
    (tmp_path / "engine-micro-1.jsonl").write_text(first + '{"setup": "cut sho')
    code, out, err = bench("--workloads", "samples", "--rounds", "2")
    assert code == 0
    assert "round 1/2" not in err
    assert "round 2/2" in err
    assert rows(out, "same prompt") == {(peer, k, 2) for peer in (ALONE, SEQUENTIAL) for k in (1, 3)}
    document = json.loads((tmp_path / "engine-micro-1.json").read_text())
    assert len(document["readings"]) == 12
    assert document["setup"]["unit"] == "CPU seconds"
    assert bench("--workloads", "samples", "--rounds", "1", "--new-tokens", "6")[2].count("round 1/1") == 6


@pytest.mark.gguf
def test_run_that_is_out_of_time_goes_on_within_its_round(bench):
    code, _, err = bench("--workloads", "samples", "--rounds", "1", "--minutes", "0")
    assert code == 0
    assert err.count("round 1/1") == 1
    code, out, err = bench("--workloads", "samples", "--rounds", "1")
    assert err.count("round 1/1") == 5
    assert rows(out, "same prompt") == {(peer, k, 1) for peer in (ALONE, SEQUENTIAL) for k in (1, 3)}


@pytest.mark.gguf
def test_interrupt_keeps_what_was_measured(bench, tmp_path, monkeypatch):
    class Interrupted(engine.Samples):
        def round(self, turn, skip):
            readings = super().round(turn, skip)
            yield next(readings)
            raise KeyboardInterrupt

    monkeypatch.setattr(engine, "Samples", Interrupted)
    code, out, err = bench("--workloads", "samples")
    assert code == 130
    assert "the same command goes on from here (1 readings are kept)" in err
    assert "| same prompt | engine | 1 |" in out
    assert len(json.loads((tmp_path / "engine-micro-1.json").read_text())["readings"]) == 1


@pytest.mark.gguf
def test_plans_evaluate_the_distinct_tokens_alone(bench, tmp_path):
    assert bench("--workloads", "plans", "--rounds", "2", "--threads", "2")[0] == 0
    readings = json.loads((tmp_path / "engine-micro-2.json").read_text())["readings"]
    assert [reading["peer"] for reading in readings] == ["engine", ALONE] * 2
    for reading in readings:
        assert 0.9 < reading["evaluated"] / reading["least"] <= 1.05  # a little is left from the round before
        assert reading["least"] < 60 + 3 * 30


@pytest.mark.gguf
def test_drafts_change_no_text_and_are_set_against_none(bench):
    code, out, _ = bench("--workloads", "drafts", "--rounds", "1")
    assert code == 0
    assert "drafts, a prompt is copied: 4 of 4 texts equal without" in out
    assert rows(out, "drafts, nothing to copy") == {("engine without drafts", 4, 1)}


@pytest.mark.gguf
def test_copying_model_says_what_its_prompt_foretells(micro, tmp_path):
    path = random_model.random_model(tmp_path, random_model.copying("micro"))
    model = GgufModel(path, context_tokens=256, gpu_layers=0, threads=1)
    request = Request(messages=(Message(role="user", content="x"),), max_tokens=50, temperature=0)
    assert model.complete_many([request])[0].text == CYCLE[:50]
    model.close()


@pytest.mark.gguf
def test_parts_of_a_step_are_told_apart(bench):
    out = bench("--workloads", "parts")[1]
    names = re.findall(r"^\| ([a-z][^|]*) \| \d+\.\d \|", out, re.M)
    assert [name.partition(",")[0] for name in names] == [
        "decoding", "sampling", "self-certainty", "all other Python", "grammar", "grammar",
    ]  # fmt: skip


@pytest.mark.gguf
def test_endless_model_never_stops_by_itself(tmp_path):
    path = random_model.endless(tmp_path, EMBEDDED / "model.gguf")
    model = GgufModel(path, context_tokens=400, gpu_layers=0, threads=1)
    request = Request(messages=(Message(role="user", content="reverse a list"),), max_tokens=300, temperature=0)
    assert model.complete_many([request])[0].tokens == 300
    model.close()


@pytest.mark.peers
def test_programs_of_llama_cpp_are_measured(tmp_path, capsys, monkeypatch, built):
    monkeypatch.setitem(random_model.SIZES, "larger", LARGER)
    monkeypatch.setattr(programs, "_ATTEMPTS", 50)
    options = ["--model", "larger", "--folder", str(tmp_path), "--workloads", "samples,plans", "--rounds", "1"]
    assert engine.main([*options, *SMALL]) == 0
    out = capsys.readouterr().out
    assert rows(out, "same prompt") == {(peer, k, 1) for peer in PEERS for k in (1, 3)}
    assert rows(out, "plans, 3 x (60+20)") == {(peer, 3, 1) for peer in (ALONE, PARALLEL)}
    assert "not measured" not in out


@pytest.mark.peers
def test_program_that_refuses_a_model_says_so(tmp_path, built):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(MissingPeerError, match="llama-batched-bench fails"):
        batched_bench(broken, [1], (8, 4), unified=True, device=Device(threads=1))
    with (
        pytest.raises(MissingPeerError, match="llama-server does not start"),
        server(broken, slots=1, context=256, unified=True, device=Device(threads=1)),
    ):
        pass


@pytest.mark.gguf
def test_context_that_is_too_small_is_one_line(bench):
    code, _, err = bench("--workloads", "samples", "--prompt-tokens", "600")
    assert code == 1
    assert "the prompt has 600 tokens" in err.splitlines()[-1]


def test_peers_script_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    done = subprocess.run([ROOT / "deploy" / "peers.sh", "where"], capture_output=True, text=True)
    assert done.returncode == 1
    assert re.search(
        r"^peers: (not built: run deploy/peers.sh|the engine is not installed: run make setup)$", done.stderr
    )


@pytest.mark.gguf
def test_gpu_table_can_be_tried_without_a_gpu(micro, tmp_path, capsys):
    options = ["--gpu-layers", "0", "--widths", "1,3", "--rounds", "2", "--prompt-tokens", "60", "--new-tokens", "6"]
    more = ["--model", "micro", "--folder", str(tmp_path), "--threads", "1", "--bandwidth", "10"]
    assert gpu.main([*options, *more]) == 0
    out = capsys.readouterr().out
    assert "sampling on the device" in out
    assert len(re.findall(r"^\| [13] \|( \d+\.\d \(\d+\.\d-\d+\.\d\) \|){4} \d+\.\d\d \|$", out, re.M)) == 2
    assert re.search(r"one text reads 0\.00 GB a step: \d+% of 10 GB/s", out)


@pytest.mark.gguf
def test_both_places_of_drawing_draw(micro):
    layout = layout_for(read_header(micro), 128, 64, Width(most=3))
    with closing(Bare(micro, layout=layout, threads=1)) as bare:
        for place in ("host", "device", "host"):
            bare.run([[97] * 20] * 3, 6, place, Sampling(temperature=0.8, top_k=40, top_p=0.95, min_p=0.05))
            assert len(bare.drawn) == 3
            assert all(0 <= token < 384 for token in bare.drawn)


@pytest.mark.gguf
def test_mixed_model_loads_and_writes(tmp_path):
    path = tmp_path / "mixed.gguf"
    random_model.write(path, Size(vocabulary=512, width=256, hidden=256, blocks=8, heads=4, context=256, mixed=True))
    assert read_header(path).file_type == "MOSTLY_Q4_K_M"
    model = GgufModel(path, context_tokens=128, gpu_layers=0, threads=1)
    request = Request(messages=(Message(role="user", content="x"),), max_tokens=20)
    assert model.complete_many([request])[0].tokens == 20
    model.close()
