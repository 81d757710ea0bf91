#!/usr/bin/env bash
# Resolve the dependencies of pyproject.toml again and write them, with hashes, to requirements*.lock.
# requirements-test.lock holds everything that tests install, and is resolved first: the other locks keep to its
# versions, so that every extra installs beside the core and beside the others.
# The index that uv was told to use is left out of the files on purpose: they install from any mirror.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${1:?usage: deploy/lock.sh PYTHON}
"$python" -m pip install --quiet uv==0.13.9
compile() {
    "$python" -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" "$@"
}
extra() {
    "$python" -c 'import sys, tomllib; p = tomllib.load(open("pyproject.toml", "rb"))
print(*p["project"]["optional-dependencies"][sys.argv[1]], sep="\n")' "$1"
}

compile pyproject.toml --extra dev --extra test --output-file requirements-test.lock
compile pyproject.toml --extra dev --constraint requirements-test.lock --output-file requirements.lock
for name in agents openai postgres ray report scicode server train; do
    extra "$name" | compile - --constraint requirements-test.lock --output-file "requirements-$name.lock"
done
# What builds llama-cpp-python, instead of whatever is newest on the day of the build.
printf '%s\n' 'scikit-build-core[pyproject]' cmake ninja |
    compile - --constraint requirements.lock --output-file requirements-build.lock
# What boxes for scientific programs show; beside the rest on purpose, since boxes have a Python of their own.
compile sandbox/image/science.in --output-file sandbox/image/science.lock
