#!/usr/bin/env bash
# Build what `make bench` compares the engine with: llama.cpp's own llama-batched-bench and llama-server.
#
#   deploy/peers.sh            build both, or do nothing when they are there
#   deploy/peers.sh where      print the folder that holds them; exit code 1 when they are not built
#   JOBS=1 deploy/peers.sh     with one compiler at a time
#
# The sources are those that the pinned llama-cpp-python vendors, and the programs run on the libraries of the installed
# package itself, so that kernels and CPU flags are the same. It takes about 8 core-minutes and 300 MB, goes on where it
# was when it was interrupted, and keeps 60 MB in the user's cache. Needs `make setup`, pip's index and a C++ compiler.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${VENV:-.venv}
say() { printf 'peers: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

key=$(cat "$venv/.set-up/engine" 2>/dev/null) || die "the engine is not installed: run make setup"
home=${XDG_CACHE_HOME:-$HOME/.cache}/atlas/peers/$key
programs=(llama-batched-bench llama-server)
built() { [ -x "$home/llama-batched-bench" ] && [ -x "$home/llama-server" ]; }

if [ "${1:-}" = where ]; then
    built || die "not built: run deploy/peers.sh"
    printf '%s\n' "$home"
    exit
fi
built && { say "they are there: $home"; exit; }
command -v c++ >/dev/null || die "a C++ compiler is missing: sudo apt-get install -y g++"

work=$home/build
mkdir -p "$work"
if [ ! -x "$work/venv/bin/cmake" ]; then
    say "installing cmake and ninja for the build"
    "$venv/bin/python" -m venv --clear "$work/venv"
    "$work/venv/bin/python" -m pip install --quiet --require-hashes -r requirements-build.lock
fi
export PATH=$work/venv/bin:$PATH

if [ ! -d "$work/sources" ]; then
    say "fetching the sources that llama-cpp-python ${key%-*} vendors (77 MB)"
    sed -n '/^llama-cpp-python==/,/# via/p' requirements.lock >"$work/engine.lock"
    "$work/venv/bin/python" -m pip download --quiet --no-deps --no-binary :all: --no-build-isolation \
        --require-hashes -r "$work/engine.lock" --dest "$work/archive"
    mkdir -p "$work/unpacked"
    tar -xzf "$work"/archive/*.tar.gz -C "$work/unpacked" --strip-components=1
    mv "$work/unpacked/vendor/llama.cpp" "$work/sources"
    rm -rf "$work/unpacked" "$work/archive"
fi

# Copies, since the environment may be made anew while these stay.
libraries=$("$venv/bin/python" -c 'import importlib.util as u; print(u.find_spec("llama_cpp").submodule_search_locations[0])')/lib
cp -P "$libraries"/lib*.so* "$home/"
say "building ${programs[*]}: about 8 core-minutes, once per machine and version"
cmake -G Ninja -S deploy/peers -B "$work/objects" -DCMAKE_BUILD_TYPE=Release \
    -DSOURCES="$work/sources" -DLIBRARIES="$home" >"$work/cmake.log" || { tail -5 "$work/cmake.log" >&2; exit 1; }
cmake --build "$work/objects" --parallel "${JOBS:-$(nproc)}" --target "${programs[@]}"
for program in "${programs[@]}"; do find "$work/objects" -type f -name "$program" -exec mv {} "$home/" \; ; done
built || die "the build ended without its programs: see $work"
rm -rf "$work"
say "built: $home"
