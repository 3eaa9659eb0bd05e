# `make demo` and `make test` set up everything they need in .venv; nothing else has to be installed by hand.
PYTHON ?= python3
# Tests mostly compile, which takes one core: two files at a time halve the wait.
PYTEST := .venv/bin/python -m pytest --cov -n 2 --dist loadfile
BIN := .venv/bin

.PHONY: demo test test-all lint format docs bench bench-full clean

demo: .venv/run.stamp
	$(BIN)/python examples/swissmetro_mnl.py

test: lint
	$(PYTEST)

# Random properties have the same examples in every `make test`, and others in every `make test-all`.
test-all: lint
	$(PYTEST) -m "" --hypothesis-profile=default

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The site, in output/docs: open index.html there. Search and equations need no network.
docs: .venv/docs.stamp
	$(BIN)/python -m sphinx -W --keep-going -q -d output/doctrees docs output/docs
	$(BIN)/python docs/check_links.py output/docs

bench: .venv/bench.stamp
	$(BIN)/python -m benchmarks

bench-full: .venv/bench.stamp
	$(BIN)/python -m benchmarks --full

clean:
	rm -rf .venv output benchmarks/.environments

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "PyCMTensor needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/run.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/bench.stamp: .venv/dev.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,bench]"
	@touch $@

.venv/docs.stamp: .venv/dev.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	@touch $@

.venv/dev.stamp: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@ .venv/run.stamp
