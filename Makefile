# make demo: sets up everything it needs in .venv, then shows the flow and breaks it twice.
# make kind: the same on a real cluster; needs Docker, kind and kubectl.
# make test: sets up the same way, runs all checks and tests.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo kind test check lock docs bench bench-gateway clean

demo: .venv/.runtime
	@$(BIN)/apim-sandbox demo $(ARGS)

kind: .venv/.runtime
	@$(BIN)/apim-sandbox kind up $(ARGS)

test: .venv/.dev
	@scripts/test

check: .venv/.dev
	@scripts/check

docs: .venv/.dev
	@scripts/docs

bench: .venv/.dev
	@$(BIN)/python benchmarks/exchange.py

bench-gateway: .venv/.dev
	@$(BIN)/python benchmarks/gateway.py

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "setting up .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9

.venv/.runtime: requirements.lock pyproject.toml | .venv/bin/python
	@$(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --no-deps --editable .
	@$(BIN)/python -m compileall -q -j 0 emulators sandbox
	@touch $@

.venv/.dev: requirements-dev.lock pyproject.toml | .venv/bin/python
	@$(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements-dev.lock
	@$(BIN)/uv pip install --quiet --no-deps --editable .
	@$(BIN)/python -m compileall -q -j 0 emulators sandbox
	@touch $@

# Writes the exact versions anew; ranges are in pyproject.toml.
lock: .venv/.dev
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --all-extras --group dev pyproject.toml -o requirements-dev.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -c requirements-dev.lock pyproject.toml -o requirements.lock

clean:
	rm -rf .venv out
