PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo studio test check format docs clean

demo: .venv/ready
	$(BIN)/python examples/demo.py

studio: .venv/ready
	$(BIN)/intarsia studio

test: check
	$(BIN)/python -m pytest -n 2 --dist loadgroup -rs

check: .venv/ready
	$(BIN)/ruff format --check src tests benchmarks examples docs
	$(BIN)/ruff check src tests benchmarks examples docs
	$(BIN)/pyright

format: .venv/ready
	$(BIN)/ruff format src tests benchmarks examples docs
	$(BIN)/ruff check --fix src tests benchmarks examples docs

docs: .venv/ready
	$(BIN)/python -m sphinx --fresh-env --fail-on-warning --keep-going --quiet -c docs -d build/doctrees . build/site
	@echo 'build/site/index.html'

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "intarsia needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo,dev,docs,studio]'
	touch $@

clean:
	rm -rf .venv demo build
