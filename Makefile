# Every target does its own set-up: a virtual environment in .venv, nothing outside this folder, no root.
PYTHON ?= $(shell for p in python3.12 python3.11 python3.13 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
NODE_MODULES := tests/interop/node_modules/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-long check bench format lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1	/p' Makefile | expand -t 18

demo: .venv/.runtime ## an AD FS double, a small CRM and the proxy in front of it, on 127.0.0.1
	$(BIN)/claims-proxy demo

test: .venv/.development $(NODE_MODULES) ## the tests, in less than five minutes
	$(BIN)/pytest -n auto -m 'not slow and not chromium and not long'

test-all: test ## the tests, then all journeys in a browser and the slow suites
	$(BIN)/pytest -n auto -m 'chromium and not slow and not long'
	$(BIN)/pytest -m 'slow and not long'

test-long: .venv/.development ## the fuzz targets with 100,000 random inputs each, for up to an hour; or EXAMPLES=5000
	$(if $(EXAMPLES),LONG_EXAMPLES=$(EXAMPLES)) $(BIN)/pytest -n auto -m 'fuzz or long' --hypothesis-profile=long --hypothesis-show-statistics

check: .venv/.development ## linters, types, the arrows between the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/bench/.ready $(NODE_MODULES) ## beside HAProxy, nginx, Caddy and Apache: 12 minutes; or ONLY=small
	@cd tests && ../.venv/bench/bin/python -m benchmark $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(LOAD_SECONDS),--seconds $(LOAD_SECONDS)) $(if $(SESSIONS),--sessions $(SESSIONS))

format: .venv/.development ## put the code into form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Wheels for Linux and Debian 12's Python, as the Dockerfile installs them. uv alone needs to be no part of .venv.
LOCK := .venv/lock/bin/uv pip compile --quiet --upgrade --custom-compile-command 'make lock' --generate-hashes \
	--only-binary :all: --python-version 3.11 --python-platform linux
REQUIRES := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")

lock: .venv/bin/python ## the container's wheels in their latest versions, with hashes, into deploy/
	$(PYTHON) -m venv .venv/lock
	.venv/lock/bin/pip install --quiet --disable-pip-version-check uv
	$(LOCK) --output-file deploy/requirements.txt pyproject.toml
	$(PYTHON) -c '$(REQUIRES)' | $(LOCK) --output-file deploy/requirements-build.txt -

clean: ## remove what the other targets made
	rm -rf .venv tests/interop/node_modules

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with its venv module is needed (Debian: apt-get install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.runtime: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/.development: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ .venv/.runtime

# The interpreter that the container image has, where this is Debian: one that was built without optimization, as version
# managers do, is slower by a quarter and says nothing of a deployment.
BENCH_PYTHON ?= $(shell /usr/bin/python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && echo /usr/bin/python3 || echo $(PYTHON))

.venv/bench/.ready: pyproject.toml | .venv/bin/python
	$(BENCH_PYTHON) -m venv .venv/bench
	.venv/bench/bin/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

$(NODE_MODULES): tests/interop/package-lock.json .venv/.development
	$(BIN)/python tests/interop/install.py
	@touch $@
