# Two commands for users: `make demo` and `make test`. Both set up .venv themselves.
# Another Python: make demo PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# More for the demonstration or for pytest: make demo DEMO_FLAGS="--port 9000"; make test PYTEST_FLAGS="tests/edge -x"
DEMO_FLAGS ?=
PYTEST_FLAGS ?=

.PHONY: help demo test setup
.DEFAULT_GOAL := help

help:
	@echo "make demo   run the whole of Steelyard on this machine with simulated instruments"
	@echo "make test   lint, types, import contracts, tests"
	@echo "make setup  only make $(VENV) from requirements.lock (the others do it themselves)"

demo: setup
	@$(BIN)/steelyard demo $(DEMO_FLAGS)

# pytest last: its summary is what the eye looks for.
test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest $(PYTEST_FLAGS)

setup: $(VENV)/.installed

# Exactly what was locked, each file checked against its hash.
$(VENV)/.locked: requirements.lock
	@command -v $(PYTHON) > /dev/null || { \
	    echo "$(PYTHON) is not on PATH. Steelyard needs Python 3.11 or later: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "$(PYTHON) is $$($(PYTHON) -V 2>&1), Steelyard needs 3.11 or later: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { \
	    echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked dependencies into $(VENV) (once; a minute or two) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
