# Everything a newcomer needs: `make demo` shows the main job, `make test` passes the tests.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin

.PHONY: demo test lint types check soak lock contract clean

demo: .venv            ## a whole fleet at work, offline: no token, no model
	@$(BIN)/fleet demo

test: .venv            ## every test but the long ones
	@$(BIN)/python -m pytest -q

lint: .venv
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: .venv
	@$(BIN)/mypy

check: lint types test ## what CI runs

soak: .venv            ## the long tests
	@$(BIN)/python -m pytest -q -m soak

.venv: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "fleet needs Python 3.11 or newer with the venv module"; exit 1; }
	@echo "setting up .venv ..."
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q src
	@touch .venv

lock:                  ## renew requirements.lock (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade --extra demo --group dev pyproject.toml --output-file requirements.lock

contract: .venv        ## renew the vendored parts of GitHub's API description (needs npm)
	@$(BIN)/python scripts/vendor_contract.py

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache dist
