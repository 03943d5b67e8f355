# The commands of this repository; `make` alone lists them. They need Python 3.11 or later, no more.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

unexport PYTHONDONTWRITEBYTECODE # start-up is measured in imports, which want their bytecode
export UV := $(or $(shell command -v uv 2>/dev/null),$(CURDIR)/.uv/bin/uv)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help setup demo test check fix bench faults docs wheel clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv as uv.lock says (every command does so when needed)

demo: $(READY) ## Run the main job on real flight data; leaves summary.json
	$(BIN)/python examples/nycflights/demo.py

test: $(READY) ## Run the tests; ARGS="-k name -x" goes to pytest
	$(BIN)/python -m pytest $(ARGS)

check: $(READY) ## Lint, format, types, layers and house rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/house

fix: $(READY) ## Mend what lint and format can mend themselves
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(READY) ## Measure the claims against peers; ONLY=features for one part
	$(BIN)/python benchmarks/run.py $(if $(ONLY),--only $(ONLY))

faults: $(READY) ## Kill, starve and corrupt; ONLY=demo for one part
	$(BIN)/python tests/faults/run.py $(if $(ONLY),--only $(ONLY))

docs: $(READY) ## Run every example in README.md, docs/ and the docstrings
	$(BIN)/python -m pytest -q tests/docs

wheel: $(UV) ## Build the wheel into build/dist
	$(UV) build --quiet --wheel --out-dir build/dist

clean: ## Remove what these commands made, the environments included
	rm -rf .venv .uv build dist summary.json .hypothesis .import_linter_cache \
		.mypy_cache .pytest_cache .ruff_cache

$(READY): pyproject.toml uv.lock | $(UV)
	$(UV) sync --locked --quiet --compile-bytecode
	@touch $@

$(CURDIR)/.uv/bin/uv:
	python3 -m venv .uv
	.uv/bin/pip install --quiet uv
