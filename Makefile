# make demo    installs what is missing, builds, fetches a real model (253 MB) and runs it
# make test    all set-up and the test suite          make test-full  the whole matrix
# make run MODEL=file.gguf ARGS="-p Hello -n 64"      make bench      benchmarks
# make format  clang-format on everything             make tidy       clang-tidy on everything

.DEFAULT_GOAL := help
.PHONY: help demo test test-full run bench format tidy setup build clean

GEMMA  := .cache/models/gemma-3-270m-q4_k_m.gguf
MODEL  ?= $(GEMMA)
ARGS   ?=
PROMPT ?= Water boils at
PYTHON := .venv/bin/python
IX     := build/demo/apps/ix/ix

help:
	@sed -n 's/^# //p' Makefile

setup:
	@scripts/setup.sh

build: setup
	@scripts/build.sh demo ix

$(GEMMA): | setup
	@$(PYTHON) scripts/fetch.py model

demo: build
	@$(PYTHON) scripts/fetch.py model
	@echo "demo: ix run -m $(GEMMA) -p \"$(PROMPT)\" -n 40 --temp 0 --repeat-penalty 1.2"
	@printf 'prompt: %s\nanswer:' "$(PROMPT)"
	@$(IX) run -m $(GEMMA) -p "$(PROMPT)" -n 40 --temp 0 --repeat-penalty 1.2

run: build $(if $(filter $(GEMMA),$(MODEL)),$(GEMMA))
	@$(IX) run -m $(MODEL) $(ARGS)

test: setup
	@$(PYTHON) scripts/fetch.py model tests
	@scripts/test.sh

test-full: setup
	@$(PYTHON) scripts/fetch.py model tests
	@scripts/test.sh --full

bench: setup
	@$(PYTHON) scripts/fetch.py model tests
	@scripts/build.sh bench
	@scripts/bench.sh

format: setup
	@git ls-files '*.h' '*.cc' '*.c' | xargs clang-format-14 -i

tidy: setup
	@scripts/tidy.sh --all

clean:
	@rm -rf build
