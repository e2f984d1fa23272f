# gitops-conformance: `make help` lists the targets.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

CLUSTERS ?= local
SYSTEM ?= reference
CONTROLLERS ?= host
ATTACHED ?= 3
FAIL_ON ?= should
BASE ?=
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup conformance image images check format unit test faults bench clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make the virtual environment

$(STAMP): pyproject.toml constraints.txt
	@echo "setting up $(VENV) (once; about a minute)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one with PYTHON=..."; exit 3; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv"; exit 3; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	  "setuptools>=77" wheel
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	  --no-build-isolation -e . -r requirements-dev.txt
	@touch $@

conformance: $(STAMP) ## run the documented flows and write a report (SYSTEM=, CLUSTERS=, CONTROLLERS=, ATTACHED=, ARGS=)
	@$(BIN)/gitops-conformance run --clusters $(CLUSTERS) --system $(SYSTEM) \
	  --controllers $(CONTROLLERS) --attached $(ATTACHED) --fail-on $(FAIL_ON) $(ARGS)

image: $(STAMP) ## build the image of the harness (BASE=), for runs in a cluster; prints its name
	@$(BIN)/gitops-conformance image $(if $(BASE),--image-base $(BASE))

images: $(STAMP) ## build all images (BASE=): harness, Flux, the application; prints their names
	@$(BIN)/gitops-conformance images $(if $(BASE),--image-base $(BASE))

check: $(STAMP) ## format, lint, types, layers, unit tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n 2 -m "not slow" tests/unit tests/suite

format: $(STAMP) ## let ruff format and repair
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

unit: $(STAMP) ## unit tests only
	$(BIN)/python -m pytest -q -n 2 -m "not slow" tests/unit tests/suite

test: check ## all tests: check, contract, integration, faulty controllers, the wheel
	$(BIN)/gitops-conformance assets
	$(BIN)/python -m pytest -v tests/unit tests/suite -m slow
	$(BIN)/python -m pytest -v --durations=10 tests/contract tests/integration tests/conformance \
	  tests/faulty

faults: $(STAMP) ## every faulty controller against the whole suite (long)
	$(BIN)/python -m tests.faulty --all

bench: $(STAMP) ## measure start-up, suite time, the harness's share, latency, memory
	$(BIN)/python -m tests.bench $(ARGS)

clean: ## remove the virtual environment, caches and reports of this checkout
	rm -rf $(VENV) reports build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
