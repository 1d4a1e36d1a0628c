# One definition of every check: CI and people run the same targets. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PAGE := src/callboard/delivery/web/dist/index.html
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
WEB_SOURCES := $(shell find web -name node_modules -prune -o -type f -print 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test check quick lint unit bench bench-ingest bench-api bench-reads bench-page bench-fanout bench-projection bench-cache bench-prediction soak-cache fuzz explore lock wheel clean browser redis7

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.run $(PAGE) ## Install callboard into .venv and build the page (idempotent)

setup-dev: $(VENV)/.dev $(PAGE) browser redis7 ## The same, with what tests and checks need

demo: setup ## Start everything with simulated traffic and print the board's URL
	@$(BIN)/callboard demo $(ARGS)

test: check ## Run every check and every test; what CI runs

check: setup-dev lint ## The definition of done: lint, types, contracts, all tests
	@$(BIN)/pytest
	@npm --prefix web run --silent test

quick: $(VENV)/.dev lint unit ## Lint, types, contracts, unit and property tests: after every change

lint:
	@$(BIN)/ruff format --check --quiet . || { echo "run: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >.mypy_cache/imports.log || { cat .mypy_cache/imports.log; exit 1; }

unit:
	@$(BIN)/pytest -q src tests/unit tests/property

bench: setup-dev $(VENV)/.bench ## Measure: one report per file in benchmarks/
	@for file in benchmarks/bench_*.py; do $(BIN)/python $$file || exit 1; done

bench-ingest: setup-dev ## Measure ingest alone: webhooks/s, latency and cost, about 10 minutes
	@$(BIN)/python benchmarks/bench_ingest.py

bench-api: setup-dev $(VENV)/.bench ## Measure reads of the API beside FastAPI with cashews, about 6 minutes
	@$(BIN)/python benchmarks/bench_api.py

bench-reads: setup-dev ## Measure how often many people's reads ask MongoDB, about 12 minutes
	@$(BIN)/python benchmarks/bench_reads.py

bench-page: setup-dev ## Measure how smooth 5,000 live calls are in Chromium, about 7 minutes
	@$(BIN)/python benchmarks/bench_page.py

bench-fanout: setup-dev ## Measure Socket.IO: latency, cost, memory, beside stock, about 8 minutes
	@$(BIN)/python benchmarks/bench_fanout.py
	@$(BIN)/python benchmarks/bench_emit.py

bench-projection: setup-dev ## Measure the projector alone: changes/s, cost and latency, about 2 minutes
	@$(BIN)/python benchmarks/bench_projection.py

bench-cache: $(VENV)/.bench ## Measure the cache beside other caches, about 6 minutes
	@$(BIN)/python benchmarks/bench_cache.py

bench-prediction: $(VENV)/.dev ## Measure predictive warming on made-up people, half a minute
	@$(BIN)/python benchmarks/bench_prediction.py

soak-cache: $(VENV)/.bench ## Look for stale reads for CALLBOARD_SOAK_S seconds, 60 by default
	@$(BIN)/python benchmarks/soak_cache.py

fuzz: setup-dev ## Throw odd requests at the webhooks for FUZZ_S seconds, 600 by default
	@FUZZ_S=$(or $(FUZZ_S),600) PYTHONPATH=tests $(BIN)/python -m fuzz.fuzz_ingest

explore: $(VENV)/.dev ## Try the laws on examples not tried before, for EXPLORE_S seconds, 300 by default
	@end=$$(( $$(date +%s) + $(or $(EXPLORE_S),300) )); while [ $$(date +%s) -lt $$end ]; do \
	  $(BIN)/pytest -q --hypothesis-profile=explore tests/property tests/unit || exit 1; done

wheel: setup-dev ## Build sdist and wheel, the built page inside
	@$(BIN)/python -m build --no-isolation --outdir dist

lock: $(VENV)/.dev ## Resolve the dependencies anew and write requirements/ with hashes
	@$(BIN)/uv pip compile pyproject.toml --upgrade --extra embedded --group build \
	  --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 --quiet \
	  --custom-compile-command 'make lock' -o requirements/run.txt
	@$(BIN)/uv pip compile pyproject.toml --upgrade --extra embedded --extra tracing --group build --group dev \
	  --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 --quiet \
	  --custom-compile-command 'make lock' -c requirements/run.txt -o requirements/dev.txt
	@$(BIN)/uv pip compile pyproject.toml --upgrade --extra embedded --extra tracing --group build --group dev \
	  --group bench --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 --quiet \
	  --custom-compile-command 'make lock' -c requirements/dev.txt -o requirements/bench.txt

clean: ## Remove what the other targets made; the data of `callboard serve` stays
	@rm -rf $(VENV) dist web/node_modules $(dir $(PAGE)) .callboard/demo-* test-artifacts
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "callboard needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing callboard and its dependencies into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "installing what tests need into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.bench: requirements/bench.txt $(VENV)/.dev
	@echo "installing what the cache is measured beside into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements/bench.txt
	@touch $@

$(PAGE): $(WEB_SOURCES)
	@command -v npm >/dev/null || { echo "the page is built by npm: install Node.js 20"; exit 1; }
	@echo "building the page ..."
	@npm ci --prefix web --ignore-scripts --no-audit --no-fund --silent
	@npm --prefix web run --silent build
	@touch $@

browser:
	@command -v chromium >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing Chromium for the page's tests ..."; \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	  else \
	    echo "the page's tests need Chromium: install it (Debian: apt-get install chromium)"; \
	    exit 1; \
	  fi; }

# Debian's redis-tools carries the whole server as redis-check-rdb; nothing is put on PATH or run.
redis7:
	@test -x /usr/bin/redis-check-rdb || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing Redis 7 for the cache's tests ..."; \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends redis-tools >/dev/null; \
	  else \
	    echo "the cache's tests need Redis 7: install it (Debian: apt-get install redis-tools)"; \
	    exit 1; \
	  fi; }
