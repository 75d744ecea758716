# Two commands for users: `make demo` and `make test`. Both set up .venv themselves.
# Another Python: make demo PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# More for the demonstration or for pytest: make demo DEMO_FLAGS="--port 9000"; make test PYTEST_FLAGS="tests/edge -x"
DEMO_FLAGS ?=
PYTEST_FLAGS ?=
# Test processes at a time; each has servers of its own. 0: all in pytest's own process (for a debugger, say).
WORKERS ?= auto

.PHONY: help demo test lint fuzz setup
.DEFAULT_GOAL := help

help:
	@echo "make demo   run the whole of Steelyard on this machine with simulated instruments"
	@echo "make test   lint, types, import contracts, tests"
	@echo "make fuzz   the property tests alone, with other seeds each time and ten times the examples"
	@echo "make setup  only make $(VENV) with all that the tests need (the others do it themselves)"

demo: $(VENV)/.runs
	@$(BIN)/steelyard demo $(DEMO_FLAGS)

# pytest last: its summary is what the eye looks for.
test: lint
	$(BIN)/pytest -n $(WORKERS) $(PYTEST_FLAGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: setup
	$(BIN)/pytest -n $(WORKERS) -m hypothesis --hypothesis-profile fuzz $(PYTEST_FLAGS)

setup: $(VENV)/.tests

$(VENV)/.made:
	@command -v $(PYTHON) > /dev/null || { \
	    echo "$(PYTHON) is not on PATH. Steelyard needs Python 3.11 or later: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "$(PYTHON) is $$($(PYTHON) -V 2>&1), Steelyard needs 3.11 or later: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { \
	    echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Setting up, once:"
	@echo "  a virtual environment for $$($(PYTHON) -V) in $(VENV)"
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@touch $@

# $(1): a lock file. Exactly what was locked, each file checked against its hash. pip's own account, shortened to a line
# for every tenth package it turns to; awk passes its exit status on.
define install_locked
	@total=$$(grep -c == $(1)); \
	echo "  the $$total packages of $(1):"; \
	{ PYTHONUNBUFFERED=1 $(BIN)/python -m pip install --progress-bar off --disable-pip-version-check --require-hashes -r $(1); \
	  echo "pip-status $$?"; } | awk -v total=$$total ' \
	    BEGIN { status = 1 } \
	    /^pip-status / { status = $$2 } \
	    /^(Collecting|Requirement already satisfied)/ && ++got % 10 == 0 { \
	        print "    " got " of " total; fflush() } \
	    /^Installing collected packages/ { print "    unpacking"; fflush() } \
	    END { exit status }'
endef

# What the demonstration runs, and this checkout.
$(VENV)/.runs: $(VENV)/.made requirements.lock pyproject.toml
	$(call install_locked,requirements.lock)
	@echo "  this checkout"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# What the tests need besides.
$(VENV)/.tests: $(VENV)/.runs requirements-dev.lock
	$(call install_locked,requirements-dev.lock)
	@touch $@
