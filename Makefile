.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PARALLEL := -n auto --maxprocesses 4 --dist worksteal
READY := $(VENV)/.ready
COVER := --cov --cov-report= --cov-fail-under=0
FUZZ := .cache/fuzz
# Without compiled files every start of a program here would take seconds longer.
unexport PYTHONDONTWRITEBYTECODE
# With ONCE=1 no test runs twice in `make test` and a `make check` after it: the first takes coverage, and generates as
# much as the second would have, which leaves its tests out.
ifdef ONCE
TESTING := $(COVER) --hypothesis-profile=steady
REST := --cov-append -m slow
endif

help: ## Show what can be made
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv with everything in it, the command jinba-mcp included

$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

run: setup ## Serve on 127.0.0.1:8700 with the shipped ToolSets; prints a first key, the MCP JSON and a curl
	@$(BIN)/jinba-mcp serve || [ $$? -eq 130 ]  # Ctrl-C is how it ends

test: setup ## Run the tests (PostgreSQL tests too where it answers)
	$(BIN)/python -m pytest -q -m "not slow" $(PARALLEL) $(TESTING)

check: setup ## Everything CI checks: format, lint, types, architecture, all tests with coverage
	$(MAKE) --no-print-directory fmt-check lint types arch cover

fmt: setup ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --quiet . || true

fmt-check: setup
	$(BIN)/ruff format --check --quiet .

lint: setup ## Look for mistakes
	$(BIN)/ruff check --quiet .

types: setup ## Check the types
	$(BIN)/mypy

arch: setup ## Check the import contract
	$(BIN)/lint-imports --no-logo

cover: setup ## Run all tests, the slow ones too, and hold the coverage floor
	$(BIN)/python -m pytest -q $(PARALLEL) $(COVER) $(REST) --ignore=tests/sandbox/endurance
	# By itself, because it counts and kills the processes that it finds below its own.
	$(BIN)/python -m pytest -q --cov --cov-append --cov-report=term:skip-covered tests/sandbox/endurance

conformance: setup ## Run the official MCP conformance suite against our endpoint, for both protocol eras
	$(BIN)/python tests/conformance/run.py

fuzz: setup $(FUZZ)/.ready ## Hold the server against its OpenAPI document with 20,000 generated requests
	$(BIN)/python tests/fuzz/run.py

$(FUZZ)/.ready: tests/fuzz/requirements.txt
	$(PYTHON) -m venv $(FUZZ)
	$(FUZZ)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

bench: setup ## Measure speed beside other servers, growth, starts and ten steady minutes (about 25 minutes)
	$(BIN)/python benchmarks/calls.py $(if $(POSTGRES),--postgres $(POSTGRES))
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/growth.py
	$(BIN)/python benchmarks/workers.py
	$(BIN)/python benchmarks/steady.py

bench-quick: setup ## Measure calls per second beside bare Starlette and the SDK (at most two minutes)
	$(BIN)/python benchmarks/calls.py --no-peers --connections 16

flame: setup ## Draw a flame graph of the server under load into .cache/bench
	$(BIN)/python benchmarks/flame.py

lock: ## Pin the newest versions in constraints.txt
	$(PYTHON) -m venv .cache/lock
	.cache/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	.cache/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --group dev pyproject.toml -o constraints.txt

clean: ## Remove what was made here (never the data directory)
	rm -rf $(VENV) .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help setup run test check fmt fmt-check lint types arch cover conformance fuzz bench bench-quick flame lock clean
