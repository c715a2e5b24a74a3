# Needs only make and python3 (3.11 or newer): everything else is installed into this folder, pinned by hash.
PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin
PREPARE := $(PYTHON) scripts/prepare.py
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --durations=20

.DEFAULT_GOAL := help
.PHONY: help setup run test test-full mutants chaos check format bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what `make run` needs and build the pages
	@$(PREPARE) run

run: setup ## start the shop on embedded defaults and print its address
	@exec $(BIN)/makegood serve

test: ## the fast tier, as CI runs it; prints the 20 slowest (WORKERS=0: in one process)
	@$(PREPARE) test
	@$(PYTEST) -m "not nightly"

test-full: ## the nightly tier: everything, at size
	@$(PREPARE) test
	@$(PYTEST)

mutants: ## take each protection away and see its test turn red (ONLY=words: some of them)
	@$(PREPARE) test
	@$(BIN)/python -m tests.mutants $(ONLY)

chaos: ## many orders while everything fails in turn (ORDERS=2000 SEED=… DATABASE=postgres|socket|sqlite)
	@$(PREPARE) test
	@$(BIN)/python -m tests.chaos --orders $(or $(ORDERS),2000) --seed $(or $(SEED),20261) --database $(or $(DATABASE),postgres)

check: ## lint, format, types, direction of imports, migrations, mutants, browser code
	@$(PREPARE) test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	MAKEGOOD_HOME=.cache/no-home MAKEGOOD_DATABASE_URL= $(BIN)/makegood migrate --check
	$(BIN)/makegood openapi --check
	$(BIN)/python -m tests.mutants --check
	$(BIN)/node frontend/node_modules/typescript/bin/tsc --noEmit --project frontend

format: ## put the code into its standard form
	@$(PREPARE) test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: ## measure, side by side, and print one table
	@$(PREPARE) bench
	@$(BIN)/python -m bench

lock: ## write the locks again (UPGRADE=--upgrade: with the newest versions)
	@$(PREPARE) run
	@scripts/lock.sh $(UPGRADE)

clean: ## remove everything that was installed or built, but not var/
	rm -rf .venv .cache frontend/node_modules tests/browser/node_modules build dist
	rm -rf src/makegood/pages/static/dist src/makegood/products/posters/fonts
	rm -f src/makegood/products/posters/photo/weights/*.tflite
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
