# Everything runs in the checkout's own .venv; nothing else is needed but Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
TORCH := torch==2.13.0
INPUTS := pyproject.toml .ci/constraints.txt

.PHONY: demo test check fix golden pretrained clean

demo: .venv/.measure  ## measure the bundled model, sign, verify, check inside and outside
	$(BIN)/envelope demo

test: .venv/.dev  ## the tests that CI runs
	$(BIN)/pytest

check: .venv/.dev  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

fix: .venv/.dev  ## format, and mend what lint can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

golden: .venv/.dev  ## rewrite generated schemas and golden files; read their diff
	$(BIN)/python -m envelope.schema
	$(BIN)/python -m tests.golden.make

pretrained: .venv/.measure  ## train the bundled model again, from collection to evaluation
	$(BIN)/python -m lewm.pretrained.recipe

clean:
	rm -rf .venv demo.out build *.egg-info

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip

# torch first, by the constraint: then no other package pulls another build of it.
.venv/.torch: .venv/bin/python .ci/constraints.txt
	$(BIN)/pip install --quiet -c .ci/constraints.txt $(TORCH)
	@touch $@

.venv/.measure: .venv/.torch $(INPUTS)
	$(BIN)/pip install --quiet -c .ci/constraints.txt -e '.[measure]'
	@touch $@

.venv/.dev: .venv/.torch $(INPUTS)
	$(BIN)/pip install --quiet -c .ci/constraints.txt -e '.[dev]'
	@touch $@ .venv/.measure
