# Everything runs in the checkout's own .venv; nothing else is needed but Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
TORCH := torch==2.13.0
INPUTS := pyproject.toml .ci/constraints.txt

.PHONY: demo test check fix golden pretrained reference clean

demo: .venv/.measure  ## measure the bundled model, sign, verify, check inside and outside
	$(BIN)/envelope demo

test: .venv/.dev  ## the tests that CI runs, on two processes
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal

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

reference: .venv-reference/.done  ## the reference package, for the tests and benchmarks that run it

clean:
	rm -rf .venv .venv-reference demo.out build *.egg-info

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

.venv-reference/.done: .ci/constraints.txt tests/reference/alone.txt tests/reference/requirements.txt
	$(PYTHON) -m venv .venv-reference
	.venv-reference/bin/pip install --quiet --upgrade pip
	.venv-reference/bin/pip install --quiet -c .ci/constraints.txt $(TORCH)
	.venv-reference/bin/pip install --quiet --no-deps -r tests/reference/alone.txt
	.venv-reference/bin/pip install --quiet -c .ci/constraints.txt -r tests/reference/requirements.txt
	@touch $@
