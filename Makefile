# `make demo` and `make test` set up everything they need in .venv; nothing else has to be installed by hand.
PYTHON ?= python3
# Tests mostly compile, which takes one core: two files at a time halve the wait.
PYTEST := .venv/bin/python -m pytest -n 2 --dist loadfile
BIN := .venv/bin

.PHONY: demo test test-all coverage test-all-pythons test-oldest lint format docs bench bench-full clean

demo: .venv/run.stamp
	$(BIN)/python examples/swissmetro_mnl.py

test: lint
	$(PYTEST)

# Random properties have the same examples in every `make test`, and others in every `make test-all`.
test-all: lint
	$(PYTEST) -m "" --hypothesis-profile=default

# Which lines the tests run, in three times the time: tracing slows Python down everywhere.
coverage: lint
	$(PYTEST) --cov

# `make test` in an environment of its own for each Python; they are looked for on the path, in pyenv and by uv.
PYTHONS ?= 3.11 3.12 3.13
test-all-pythons:
	@for version in $(PYTHONS); do \
		python=$$(tests/find_python.sh $$version) || exit 1; \
		echo "== Python $$version: $$python"; \
		$$python -m venv .environments/$$version && \
		.environments/$$version/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]" && \
		.environments/$$version/bin/python -m pytest -n 2 --dist loadfile || exit 1; \
	done

# With the oldest versions that pyproject.toml allows, which uv finds; the tools of the tests are those of constraints.txt.
test-oldest:
	python=$$(tests/find_python.sh 3.11) && $$python -m venv .environments/oldest
	.environments/oldest/bin/python -m pip install --quiet --disable-pip-version-check uv
	.environments/oldest/bin/uv pip compile --quiet --python .environments/oldest/bin/python pyproject.toml \
		--resolution lowest-direct --output-file .environments/oldest.txt
	.environments/oldest/bin/uv pip install --quiet --python .environments/oldest/bin/python \
		-r .environments/oldest.txt -e ".[dev]"
	.environments/oldest/bin/python -m pytest -n 2 --dist loadfile

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
	rm -rf .venv .environments output benchmarks/.environments

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
