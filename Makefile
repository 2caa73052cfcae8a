# `make` alone lists the targets. The two that matter: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
# torch has no hash in the lock, because its CPU and CUDA wheels differ: its pin is read from here.
TORCH := $(shell sed -n 's/^ *"\(torch==[0-9.]*\)".*/\1/p' pyproject.toml)
PIP := $(PY) -m pip --disable-pip-version-check --no-input install
# The lock must not tell where it was made (no index, no path). torch and pip are taken out of it.
define compile
$(PY) -m piptools compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
  --no-annotate --no-emit-options --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
  $(if $(UPGRADE),--upgrade) $(2) --output-file $(1) pyproject.toml
sed -e '/^torch==/,/[^\]$$/d' -e '/^pip==/,/[^\]$$/d' -e '/^#/d' -e '/^$$/d' $(1) > $(1).new
mv $(1).new $(1)
endef
# Tests have a home, and so servers, of their own: they run beside `make run` in one checkout.
TEST_HOME = $(or $(ATTUNE_HOME),$(CURDIR)/.local/test)

.DEFAULT_GOAL := help
.PHONY: help run test bench check lint format lock messages clean runtime dev _runtime _dev
.DELETE_ON_ERROR:

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: runtime ## start everything on PORT (8000); Ctrl-C stops it, data stays in .local/
	@$(PY) manage.py run

test: check ## every check and every test
	@$(PY) -m pytest

bench: dev ## timings as ratios measured side by side; writes bench.json
	@$(PY) manage.py bench --json bench.json

check: lint ## everything of `test` but the tests
	@ATTUNE_HOME=$(TEST_HOME) $(PY) manage.py check --fail-level WARNING
	@ATTUNE_HOME=$(TEST_HOME) $(PY) manage.py makemigrations --check --dry-run

lint: dev ## style, types and who may import whom
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@PYTHONPATH=platform:. $(VENV)/bin/lint-imports --no-cache

format: dev ## bring the code into its style
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

lock: dev ## bring both locks in line with pyproject.toml; UPGRADE=1 takes newer releases
	$(call compile,requirements.lock,)
	$(call compile,requirements-dev.lock,--extra dev --constraint requirements.lock)

messages: dev ## collect strings for translation and compile what is translated (needs gettext)
	@$(PY) manage.py makemessages --locale zh_Hans --no-obsolete --ignore .venv --ignore .local
	@$(VENV)/bin/pybabel compile --directory locale --domain django --statistics

clean: ## delete the virtual environment and caches; data in .local/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Two makes at once in one checkout build the environment one after the other: whoever waits for the lock
# finds it built. Linux has flock(1); elsewhere the lock is left out.
LOCKED := $(shell command -v flock >/dev/null && echo flock Makefile)

runtime dev:
	@$(LOCKED) $(MAKE) --no-print-directory _$@

_runtime: $(VENV)/.runtime ; @:
_dev: $(VENV)/.dev ; @:

$(VENV)/.runtime: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Attune needs Python 3.11 or newer; name one: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	$(PIP) $(TORCH)
	@echo "Installing what requirements.lock names (minutes, with nothing to see) …"
	@$(PIP) --quiet --no-deps --require-hashes --requirement requirements.lock
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@echo "Installing what requirements-dev.lock names …"
	@$(PIP) --quiet --no-deps --require-hashes --requirement requirements-dev.lock
	@touch $@
