# `make help` lists the commands. Everything lives in .venv and in the cache folder; nothing is installed system-wide,
# except a browser (and, on a bare Debian, python3-venv) when `make test` runs as root.

SHELL := /bin/sh
VENV  := .venv
BIN   := $(VENV)/bin
PY    := $(BIN)/python
STAMP := $(VENV)/.installed

# The newest Python that is new enough. PYTHON=/path/to/python chooses another.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

.DEFAULT_GOAL := help
.PHONY: help lab demo test quick lint install lock clean browser archives bench notebooks containers

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1|/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

lab: install ## JupyterLab on a running lab; Ctrl-C stops both (BUNDLE=FILE: installed without a network)
	@$(BIN)/kit lab $(LAB)

demo: install ## the pipeline without a notebook, for 15 s: feed, Kafka, Spark, Cassandra, a model; each count proved
	@$(BIN)/kit demo

install: $(STAMP) ## venv, dependencies, jars: the first step of the others

test: install ## everything: lint, types, unit tests, real servers, notebooks, browser
	@$(MAKE) -j3 lint browser archives
	$(PY) -m pytest -n 3 --no-loadscope-reorder

quick: install lint ## under a minute: lint, types, and the tests that start no broker
	$(PY) -m pytest -q tests/unit tests/sources tests/feeds -x

lint: install ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

notebooks: install ## run the notebooks again and store their outputs
	$(PY) -m tests.notebooks.execute

bench: install browser archives ## all benchmarks, held to their targets
	$(PY) tests/benchmarks/startup.py --check
	$(PY) tests/benchmarks/collectors.py --check
	$(PY) tests/benchmarks/live_plots.py --check
	$(PY) tests/benchmarks/exercises.py --check
	$(PY) tests/benchmarks/day2.py --check

containers: install browser ## Binder and Docker, built and run without a network; a newcomer's way, timed (root, Debian)
	$(PY) -m tests.containers

lock: $(STAMP) ## resolve requirements.lock and the jars' lock anew (needs the network)
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-header --upgrade -o requirements.lock
	for lock in kit/servers/locks/*/; do (cd $$lock && $(CURDIR)/$(BIN)/jgo lock) || exit 1; done

clean: ## stop the servers, remove the venv and caches of this folder (topics and jars stay: see README)
	@if [ -x $(BIN)/kit ]; then $(BIN)/kit down; fi
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis *.egg-info build dist

browser: install
	@$(PY) -m tests.browser.chromium

archives: install ## all jars and class archives, which `make lab` else makes in the background
	@$(PY) -m kit.prepare

LOCK = requirements.lock
# BUNDLE=FILE: all packages and jars come out of a file that `kit bundle FILE` has made; nothing asks the network.
ifdef BUNDLE
$(STAMP): export PIP_NO_INDEX := 1
$(STAMP): export PIP_FIND_LINKS := $(VENV)/bundle/wheels
$(STAMP): export UV_OFFLINE := 1
$(STAMP): export UV_NO_INDEX := 1
$(STAMP): export UV_FIND_LINKS := $(VENV)/bundle/wheels
LOCK = $(VENV)/bundle/wheels/requirements.lock
UNPACK = $(PY) -m kit.bundle unpack "$(BUNDLE)" $(VENV)/bundle
KEEP = $(PY) -m kit.bundle jars $(VENV)/bundle && rm -rf $(VENV)/bundle
endif

# One stamp file: a second run checks two dates and goes on.
$(STAMP): requirements.lock pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "make: Python 3.11 or newer is missing$(if $(PYTHON), ($(PYTHON) is not one)): install it (python.org, or your system's package), then run make again" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		apt-get -qq update && apt-get -qq install -y --no-install-recommends "$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" >/dev/null; } || \
		{ echo "make: $(PYTHON) has no venv module: install it (Debian, Ubuntu: apt-get install python3-venv), then run make again" >&2; exit 1; }
	@[ -x $(PY) ] || $(PYTHON) -m venv $(VENV)
	@$(UNPACK)
	@# uv, at the version and with the hashes of the lock, out of which it installs everything else. A wheel of PySpark
	@# has to be built: its jars are compressed already, and to do it again takes 12 s.
	@awk '/^[a-z0-9]/ {on = /^uv==/} on' $(LOCK) > $(VENV)/uv.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.txt >$(VENV)/install.log 2>&1 && \
		$(BIN)/uv pip sync --quiet --require-hashes $(LOCK) --python $(PY) \
			--config-settings-package 'pyspark:--build-option=--compression=stored' >>$(VENV)/install.log 2>&1 && \
		$(BIN)/uv pip install --quiet --no-deps --editable . --python $(PY) >>$(VENV)/install.log 2>&1 || \
		{ echo "make: the packages could not be installed: $$(grep -m1 -iE 'error|fail|refused|resolv' $(VENV)/install.log | cut -c1-160); check the network connection, and that HOME can be written, and run make again (whole log: $(VENV)/install.log)" >&2; exit 1; }
	@$(KEEP)
	@$(PY) -m kit.prepare --first
	@touch $@
