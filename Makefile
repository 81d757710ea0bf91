# People and CI call the same targets. `make CUDA=1 setup` builds llama.cpp for an NVIDIA GPU.
.DEFAULT_GOAL := help
.PHONY: help setup solve test test-languages bench bench-gpu peers check model image doctor lock clean science studio
SHELL := /bin/bash

export VENV ?= .venv
export CUDA
PYTHON := $(VENV)/bin/python
PROBLEM ?= cli/example.md
ARGS ?=

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## install everything ATLAS needs into .venv; does nothing when nothing has changed
	@deploy/set-up.sh

solve: setup ## set up, fetch a code model if none is here, solve an example; PROBLEM=my.md for another
	@$(VENV)/bin/atlas solve $(PROBLEM) --yes $(ARGS)

studio: export ATLAS_EXTRA := server
studio: setup ## start LangGraph's server on this machine, for LangGraph Studio; Ctrl-C ends it
	@exec $(VENV)/bin/atlas studio $(ARGS)

test: export ATLAS_EXTRA := test
test: setup check ## set up, check the style and the types, run the tests; ARGS="-k sandbox" for some
	@$(PYTHON) -m pytest $(ARGS)

test-languages: export ATLAS_LANGUAGES := c,cpp,javascript,typescript,go,rust,bash
test-languages: setup ## run the sandbox's tests of every language; installs their compilers and builds their images
	@$(PYTHON) -m pytest tests/sandbox/test_languages.py $(ARGS)

check: setup ## ruff and mypy
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy

bench: setup ## measure the speed of engine and sandbox, in ratios; ARGS="--model mid --minutes 8" for more of the engine
	@$(PYTHON) -m benchmark.speed.engine $(ARGS)
	@$(PYTHON) -m benchmark.speed.sandbox

peers: setup ## build llama.cpp's own programs, which `make bench` compares the engine with (8 core-minutes, once)
	@deploy/peers.sh

bench-gpu: setup ## measure the engine on an NVIDIA GPU with a random model of Qwen3-14B's shape; needs CUDA=1
	@$(PYTHON) -m benchmark.speed.gpu $(ARGS)

model: setup ## train the embedded model anew (80 minutes on two cores; resumes where it stopped)
	@$(PYTHON) -c 'import torch, tokenizers' 2>/dev/null || $(PYTHON) -m pip install --require-hashes -r requirements-train.lock
	@$(PYTHON) -m benchmark.embedded.train $(ARGS)

image: setup ## build the image of the Docker sandbox; ARGS="--language cpp" for that of another language than Python
	@$(PYTHON) -m sandbox.image build $(ARGS)

science: setup ## download NumPy, SciPy, SymPy and Matplotlib for the boxes, which SciCode and some programs need
	@$(PYTHON) -m sandbox.science
	@if docker version >/dev/null 2>&1; then $(PYTHON) -m sandbox.image build --language python-science $(ARGS); fi

doctor: setup ## say what is there, what is missing and the command that mends it
	@$(VENV)/bin/atlas doctor

lock: setup ## resolve the dependencies again and write requirements*.lock
	@deploy/lock.sh $(PYTHON)

clean: ## remove the virtual environment and all caches of this folder; built wheels stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
