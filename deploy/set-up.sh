#!/usr/bin/env bash
# Make a fresh clone ready to run, in steps that say what they do and cost nothing when there is nothing to do.
#
#   deploy/set-up.sh                 all steps
#   CUDA=1 deploy/set-up.sh          the same, with llama.cpp built for an NVIDIA GPU (needs the CUDA toolkit: nvcc);
#                                    later runs keep to it, and need no nvcc, until one says CUDA=0
#   ATLAS_LANGUAGES=cpp,go deploy/set-up.sh    with the compilers of these languages, and their sandbox images
#   ATLAS_EXTRA=test deploy/set-up.sh          with what only the tests need: extras, a browser, a database server
#   ATLAS_EXTRA=server deploy/set-up.sh        with LangGraph's own server
#   ATLAS_PYTHON=/path deploy/set-up.sh    use this Python (3.11 or newer)
#
# A step is repeated when what it depends on has changed: each leaves a stamp with the hash of its inputs.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${VENV:-.venv}
stamps=$venv/.set-up
cuda=${CUDA:-$(cat "$stamps/cuda" 2>/dev/null || echo 0)}
say() { printf 'set-up: %s\n' "$*"; }
die() { printf 'set-up: %s\n' "$*" >&2; exit 1; }
up_to_date() { [ "$(cat "$stamps/$1" 2>/dev/null)" = "$2" ]; }
stamp() { mkdir -p "$stamps"; printf '%s\n' "$2" >"$stamps/$1"; }
short_hash() { sha256sum | cut -c1-12; }

# Install Debian packages, or print the line that does. $1: why; the rest: packages.
install_packages() {
    local why=$1 as_root=()
    shift
    if [ "$(id -u)" != 0 ]; then
        as_root=(sudo -n)
        sudo -n true 2>/dev/null || { say "$why; run: sudo apt-get install -y $*" >&2; return 1; }
    fi
    command -v apt-get >/dev/null || { say "$why; install: $*" >&2; return 1; }
    say "$why: installing $* with apt-get"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$@" >/dev/null
}

find_python() {
    local candidate
    for candidate in ${ATLAS_PYTHON:-python3 python3.13 python3.12 python3.11 python3.14}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

environment() {
    local python
    if [ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then return; fi
    if ! python=$(find_python); then
        install_packages "Python 3.11 or newer is missing" python3 python3-venv || exit 1
        python=$(find_python) || die "this system's python3 is older than 3.11; install a newer one and set ATLAS_PYTHON"
    fi
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        install_packages "Python's venv module is missing" python3-venv || exit 1
    fi
    say "making a virtual environment in $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
}

sandbox_packages() {
    command -v bwrap >/dev/null && return
    install_packages "bubblewrap is missing (the sandbox where no Docker engine answers)" bubblewrap ||
        say "going on without bubblewrap: programs can run only where a Docker engine answers"
}

languages() { printf '%s\n' "${ATLAS_LANGUAGES:-}" | tr ',' ' '; }

compilers() { # of the languages that programs shall be written in, beside Python
    local language packages
    for language in $(languages); do
        read -ra packages <<<"$("$venv/bin/python" -m sandbox.image packages --language "$language")"
        dpkg -s "${packages[@]}" >/dev/null 2>&1 && continue
        install_packages "packages for programs in $language are missing" "${packages[@]}" ||
            say "going on without $language"
    done
}

toolkit() { # the CUDA compiler in PATH, or else the one that the installed wheel was built with
    if command -v nvcc >/dev/null; then printf '%s\n' "$(nvcc --version)"; else cat "$stamps/nvcc" 2>/dev/null || echo none; fi
}

engine_key() { # what decides whether a built wheel may be used on this machine
    local version=$1
    { uname -m; grep -m1 -E '^(flags|Features)' /proc/cpuinfo || true; cat deploy/lean.cmake
      [ "$cuda" = 0 ] || toolkit; } | short_hash | sed "s/^/$version-/"
}

build_engine() { # $1: where the wheel goes
    local build wheel_dir=$1 options="-DLLAVA_BUILD=OFF -DCMAKE_PROJECT_llama.cpp_INCLUDE=$PWD/deploy/lean.cmake"
    [ "$cuda" = 0 ] || command -v nvcc >/dev/null ||
        die "llama.cpp for a GPU needs the CUDA toolkit: put nvcc in PATH (often /usr/local/cuda/bin), or make setup CUDA=0"
    command -v c++ >/dev/null || install_packages "a C++ compiler is missing (llama.cpp needs it)" g++ libc6-dev || exit 1
    if [ "$cuda" = 0 ]; then
        say "building llama.cpp for this CPU: 2 to 8 minutes, once per machine and version"
    else
        options="$options -DGGML_CUDA=on"
        say "building llama.cpp for this CPU and NVIDIA GPUs: many minutes, once per machine and version"
    fi
    build=$(mktemp -d)
    # shellcheck disable=SC2064 - the folder's name is wanted now
    trap "rm -rf '$build'" EXIT
    sed -n '/^llama-cpp-python==/,/# via/p' requirements.lock >"$build/engine.lock"
    "$venv/bin/python" -m venv "$build/venv"
    "$build/venv/bin/python" -m pip install --quiet --require-hashes -r requirements-build.lock
    # No pip cache: it would hand out a wheel that was built with other options.
    PATH=$build/venv/bin:$PATH CMAKE_ARGS=$options "$build/venv/bin/python" -m pip wheel --quiet --no-cache-dir \
        --no-deps --no-build-isolation --require-hashes -r "$build/engine.lock" --wheel-dir "$build/wheel"
    mkdir -p "$wheel_dir"
    mv "$build"/wheel/*.whl "$wheel_dir/"
}

engine() {
    local version key wheel_dir
    version=$(sed -n 's/^llama-cpp-python==\([0-9.]*\).*/\1/p' requirements.lock)
    key=$(engine_key "$version")
    up_to_date engine "$key" && return
    wheel_dir=${XDG_CACHE_HOME:-$HOME/.cache}/atlas/wheels/$key
    if compgen -G "$wheel_dir/*.whl" >/dev/null; then
        say "using llama-cpp-python $version, built for this CPU before"
    else
        build_engine "$wheel_dir"
    fi
    "$venv/bin/python" -m pip install --quiet --no-deps --no-index --force-reinstall "$wheel_dir"/*.whl
    stamp engine "$key"
    stamp cuda "$cuda"
    [ "$cuda" = 0 ] || stamp nvcc "$(toolkit)"
}

dependencies() {
    local key
    key=$(short_hash <requirements.lock)
    up_to_date dependencies "$key" && return
    say "installing the dependencies that requirements.lock pins"
    "$venv/bin/python" -m pip install --quiet --require-hashes -r requirements.lock
    stamp dependencies "$key"
}

test_dependencies() { # the extras and the clients that drive ATLAS from outside, a browser and a database server
    [ "${ATLAS_EXTRA:-}" = test ] || return 0
    local key
    command -v chromium >/dev/null && [ -d /usr/lib/postgresql ] ||
        install_packages "the tests' browser or database server is missing" chromium fonts-dejavu-core postgresql ||
        say "going on without: the tests of the page, or of Postgres, will be skipped"
    key=$(short_hash <requirements-test.lock)
    up_to_date test-dependencies "$key" && return
    say "installing what the tests need beside it, from requirements-test.lock"
    "$venv/bin/python" -m pip install --quiet --require-hashes -r requirements-test.lock
    stamp test-dependencies "$key"
}

science() { # what scientific programs import in their boxes; others than tests ask for it with `make science`
    [ "${ATLAS_EXTRA:-}" = test ] || return 0
    local look='from sandbox import science, python; science.find(science.version_of(python.system_python()))'
    "$venv/bin/python" -c "$look" 2>/dev/null && return
    say "downloading NumPy, SciPy, SymPy and Matplotlib for the boxes"
    "$venv/bin/python" -m sandbox.science >/dev/null ||
        say "going on without: the tests of scientific programs will be skipped"
}

test_model() { # the small real code model that the tests of the whole loop use; it lies in the user's store
    [ "${ATLAS_EXTRA:-}" = test ] || return 0
    local look='import sys; from pathlib import Path; from inference.sources import is_here, offer
from inference.pulled import default_folder; sys.exit(not is_here(offer("qwen2.5-coder-0.5b"), default_folder()))'
    "$venv/bin/python" -c "$look" && return
    say "fetching the small code model for the tests, half a gigabyte, once"
    env -u ATLAS_MODELS_FOLDER "$venv/bin/python" -m cli.entry models pull qwen2.5-coder-0.5b >/dev/null ||
        say "going on without: the tests of the loop with a real model will be skipped"
}

server_dependencies() { # LangGraph's own server; the test extra has it as well
    [ "${ATLAS_EXTRA:-}" = server ] || return 0
    "$venv/bin/python" -c 'import importlib.util as u, sys; sys.exit(not u.find_spec("langgraph_api"))' && return
    say "installing LangGraph's server from requirements-server.lock"
    "$venv/bin/python" -m pip install --quiet --require-hashes -r requirements-server.lock
}

package() {
    local key
    key=$(short_hash <pyproject.toml)
    up_to_date package "$key" && return
    say "installing ATLAS itself, editable, with the command $venv/bin/atlas"
    # Setuptools warns about a folder that is named like the package: here it is the package.
    PYTHONWARNINGS=ignore "$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation --editable .
    stamp package "$key"
}

image() { # what Docker makes boxes from; bubblewrap needs none
    command -v docker >/dev/null && docker version >/dev/null 2>&1 || return 0
    image_of python --base auto
    local language
    for language in $(languages); do image_of "$language" --base local; done
}

image_of() { # $1: language; the rest: what to build it from
    local language=$1
    shift
    docker image inspect "$("$venv/bin/python" -m sandbox.image tag --language "$language")" >/dev/null 2>&1 && return
    say "a Docker engine answers: building the image of the sandbox for $language"
    "$venv/bin/python" -m sandbox.image build --language "$language" "$@" ||
        say "going on without it: programs will run in bubblewrap"
}

environment
sandbox_packages
engine
dependencies
test_dependencies
server_dependencies
package
science
test_model
compilers
image
