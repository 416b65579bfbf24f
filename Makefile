# Each recipe's sentence is its help text: `make help` prints them.
VENV := .venv
BIN := $(VENV)/bin
OTHERS := .venv-integrations
UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
             --no-emit-index-url --no-header --upgrade

.DEFAULT_GOAL := help
.PHONY: help setup run test check verify integrations bench docs lock clean

help: ## Show what can be made.
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(VENV)/.base ## Create .venv and install the locked dependencies.

run: setup ## Fetch the default models and serve on 127.0.0.1:8000.
	@$(BIN)/loquent models pull --defaults || true  # what could not be had is told; the rest serves
	@$(BIN)/loquent serve

test: check $(VENV)/.test-programs ## Install the test tools, check the code and run the tests.
	$(BIN)/pytest -n auto --dist loadgroup

check: $(VENV)/.dev ## Check format, lint, types and import contracts.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

verify: $(VENV)/.dev $(VENV)/.ray $(VENV)/.test-programs ## Run the long campaigns too, on a Ray cluster as well.
	$(BIN)/pytest -n auto --dist loadgroup -m "slow or not slow"

integrations: $(OTHERS)/.installed ## Run the programs of others that speak to a server, in a venv of their own.
	$(OTHERS)/bin/pytest tests/integrations

bench: $(VENV)/.bench ## Measure accuracy, speed and memory beside other programs.
	$(BIN)/python -m bench

docs: $(VENV)/.docs ## Build the pages of docs/ into site/.
	$(BIN)/zensical build --strict

lock: $(VENV)/.dev ## Write the lock files anew from pyproject.toml.
	$(UV_COMPILE) --group install -o requirements/base.txt pyproject.toml
	$(UV_COMPILE) --group install --group dev -c requirements/base.txt -o requirements/dev.txt pyproject.toml
	$(UV_COMPILE) --group install --group bench -c requirements/base.txt -c requirements/dev.txt -o requirements/bench.txt pyproject.toml
	$(UV_COMPILE) --group install --extra postgres --extra redis -c requirements/base.txt -c requirements/dev.txt -o requirements/server.txt pyproject.toml
	$(UV_COMPILE) --group install --extra postgres --extra redis --extra ray -c requirements/base.txt -c requirements/dev.txt -c requirements/server.txt -o requirements/ray.txt pyproject.toml
	$(UV_COMPILE) --group install --group integrations --extra client -c requirements/base.txt -c requirements/dev.txt --override requirements/overrides.txt -o requirements/integrations.txt pyproject.toml
	$(UV_COMPILE) --group docs -c requirements/dev.txt -o requirements/docs.txt

clean: ## Remove everything that make created, models excepted.
	rm -rf $(VENV) $(OTHERS) site .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.base: requirements/base.txt pyproject.toml scripts/find-python
	$$(scripts/find-python) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/base.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.base requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.test-programs: scripts/install-test-programs | $(VENV)/.base
	@scripts/install-test-programs || true  # what is missing is told, and its tests are skipped
	@touch $@

$(VENV)/.ray: $(VENV)/.dev requirements/ray.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/ray.txt
	@touch $@

$(VENV)/.docs: $(VENV)/.base requirements/docs.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/docs.txt
	@touch $@

# Without their dependencies: the lock has them all, and two that those programs would refuse.
$(OTHERS)/.installed: requirements/integrations.txt pyproject.toml scripts/find-python
	$$(scripts/find-python) -m venv $(OTHERS)
	$(OTHERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/integrations.txt
	$(OTHERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.bench: $(VENV)/.dev requirements/bench.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@
