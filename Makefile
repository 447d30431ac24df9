# What each target needs is installed into .venv; nothing else on the machine is changed.
# `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COVERAGE_FLOOR := 90

.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/run.stamp: requirements.txt requirements-venue.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-venue.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt requirements-web.txt requirements-pictures.txt $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

install: $(VENV)/run.stamp  ## what server.py, client.py and the venue need, in .venv

install-dev: $(VENV)/dev.stamp  ## what the other targets need besides

run: $(VENV)/run.stamp  ## our own venue, the server and the dashboard: a live merged book without a network (RUN="--faces all")
	@$(BIN)/python demo.py $(RUN)

test: $(VENV)/dev.stamp  ## the test suite, with coverage
	$(BIN)/python -m pytest -m "not slow" --cov --cov-report=term $(TEST)
	$(BIN)/python -m coverage report --include='book/*,exchanges/*' --fail-under=$(COVERAGE_FLOOR)

slow: $(VENV)/dev.stamp  ## the tests that take long
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/dev.stamp  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev.stamp  ## mypy --strict
	$(BIN)/mypy

bench: $(VENV)/dev.stamp  ## speed against rivals in the same run
	$(BIN)/python -m bench $(BENCH)

latency: $(VENV)/dev.stamp  ## venue to client over three processes, next to a bare relay
	$(BIN)/python -m bench.latency

load: $(VENV)/dev.stamp  ## a thousand clients on one server, a hundred of which stop reading
	$(BIN)/python -m bench.load --stuck 100 $(LOAD)

pairs: $(VENV)/dev.stamp  ## two hundred pairs on one venue: time until all are live, weight, CPU, memory (PAIRS="--pairs 100")
	$(BIN)/python -m bench.pairs $(PAIRS)

dashboard: $(VENV)/dev.stamp  ## what client.py takes and how quick it is, in a terminal of tmux (DASHBOARD="--only rates")
	$(BIN)/python -m bench.dashboard $(DASHBOARD)

captures: $(VENV)/dev.stamp  ## what real sessions of the venues show, from ../shared/captures (ONEBOOK_CAPTURES names another folder)
	$(BIN)/python -m tests.captures

truth: $(VENV)/dev.stamp  ## hundreds of faults of all kinds, and a judge of all that clients are told (TRUTH="--faults 100")
	$(BIN)/python -m tests.truth.campaign $(TRUTH)

mutants: $(VENV)/dev.stamp  ## deliberate defects, each of which that judge must find
	$(BIN)/python -m tests.truth.mutants

storm: $(VENV)/dev.stamp  ## a hundred books whose connections are all cut at once: connects and weight, second by second
	$(BIN)/python -m tests.truth.storm

soak: $(VENV)/dev.stamp  ## hours of venue time with faults and restless clients; the server must not grow (SOAK="--hours 1")
	$(BIN)/python -m tests.soak $(SOAK)

proto: $(VENV)/dev.stamp  ## the Python code of proto/orderbook.proto
	$(BIN)/python -m proto.generate

pictures: $(VENV)/dev.stamp  ## the pictures in img/, from the real program on a recorded session (PICTURES="TUI crossed")
	$(BIN)/python -m img.make_pictures $(PICTURES)

clean:  ## remove .venv and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

.PHONY: help install install-dev run test slow lint types bench latency load pairs dashboard captures truth mutants storm soak proto pictures clean
