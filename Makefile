# Two commands matter: `make demo` plays a business day of five companies on a real Kafka and a real Postgres,
# `make test` runs every check. Both work on a bare machine with Python 3.11+, Java 17+ and Maven.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
BIN := .venv/bin
# Inside .venv, so that they go when it goes.
STAMPS := .venv/.stamps
JARS := .ledger/jars/complete
PYTEST_ARGS ?=

.PHONY: help setup demo test lint bench faults lock dist clean

help: ## Show what can be done here
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMPS)/project $(JARS) ## Create .venv with the locked packages and fetch the Kafka broker

demo: setup ## Play a business day of five companies against the running stack
	@$(BIN)/python -m tests.demo

test: setup lint ## Run every check: lint, then all tests except slow and faults
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not faults" $(PYTEST_ARGS)

lint: setup ## Run ruff, import-linter and mypy
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/mypy

bench: setup ## Measure the product beside its peers, in the same run
	@$(BIN)/python -m tests.benchmarks

faults: setup ## Run the slow and the destructive tests: kills, cuts, frozen workers
	@$(BIN)/python -m pytest -m "slow or faults" $(PYTEST_ARGS)

dist: setup ## Build the wheel into dist/
	@$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

# Only this target asks a registry what is new. The date keeps fresh uploads out, until others have tried them.
lock: ## Resolve requirements/lock.txt anew (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: install it with 'pip install uv'" >&2; exit 2; }
	@uv pip compile pyproject.toml requirements/build.in --all-extras --universal --python-version 3.11 \
		--generate-hashes --exclude-newer 2026-11-17 --no-header --no-emit-index-url --no-emit-find-links \
		--quiet --output-file requirements/lock.txt

clean: ## Remove caches and builds (never .ledger: `ledger dev reset` does that, and asks)
	@rm -rf dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage

$(STAMPS)/machine: deploy/check-machine.sh
	@bash deploy/check-machine.sh "$(PYTHON)"
	@mkdir -p $(@D) && touch $@

$(BIN)/python: | $(STAMPS)/machine
	@echo "Creating .venv" >&2
	@"$(PYTHON)" -m venv .venv

$(STAMPS)/packages: requirements/lock.txt | $(BIN)/python
	@echo "Installing the locked packages" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/lock.txt
	@mkdir -p $(@D) && touch $@

$(STAMPS)/project: pyproject.toml $(STAMPS)/packages
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@mkdir -p $(@D) && touch $@

$(JARS): deploy/kafka/pom.xml | $(STAMPS)/project
	@$(BIN)/ledger dev fetch
