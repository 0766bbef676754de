# make run: set everything up and start a lab with its console. make test: set everything up and run all tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

.PHONY: run test setup lint types arrows check matrix fuzz bench docs wheel lock picture clean

run: $(STAMP)
	@$(BIN)/netmon up --lab 6 $(ARGS)

test: $(STAMP)
	@$(BIN)/python tests/run.py

setup: $(STAMP)

# The lock with its hashes first, then the project itself without looking for anything else.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "netmon needs Python 3.11 or newer: make PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

lint: $(STAMP)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(STAMP)
	@$(BIN)/mypy

arrows: $(STAMP)
	@$(BIN)/lint-imports

check: lint types arrows

# Long runs: every scenario of the lab, in both kinds of namespaces, and the tests that take half a minute each.
matrix: $(STAMP)
	@$(BIN)/python tests/world/matrix.py
	@$(BIN)/python -m pytest -q -m long

fuzz: $(STAMP)
	@$(BIN)/python -m pytest tests/fuzz -q

bench: $(STAMP)
	@for script in tests/bench/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

docs: $(STAMP)
	@$(BIN)/python -m netmon.config.docs.describe

# The console as it looks in the middle of an outage, for the README.
picture: $(STAMP)
	@$(BIN)/python tests/picture.py docs/console.svg

# The package, for machines without this checkout: dist/cpnet_netmon-*.whl.
wheel: $(STAMP)
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

lock:
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --extra dev --generate-hashes --universal --python-version 3.11 --quiet --output-file requirements.lock

clean:
	rm -rf $(VENV) build dist
