# `make` alone prints this help. Paths are relative, so that a folder with a space in its name works too.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# uv: the machine's, else one that `make` installs into .venv-uv.
UV := $(shell PATH="$$PATH:$$HOME/.local/bin"; command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1 && echo uv || echo .venv-uv/bin/uv)
ifeq ($(UV),uv)
export PATH := $(PATH):$(HOME)/.local/bin
UV_INSTALLED :=
else
UV_INSTALLED := .venv-uv/bin/uv
endif
PYTHON := .venv/bin/python
READY := .venv/.ready

##@ The local stack

up: $(READY) ## Start everything in the background and print the addresses (PORT=9000 chooses the web port)
	@$(PYTHON) -m commerce.stack up

demo: up ## The same, and open two demo shops in it; safe to repeat
	@$(PYTHON) manage.py demo

down: $(READY) ## Stop what `make up` started
	@$(PYTHON) -m commerce.stack down

status: $(READY) ## Show the processes
	@$(PYTHON) -m commerce.stack status

logs: $(READY) ## Follow the logs (NAME=web for one of them)
	@$(PYTHON) -m commerce.stack logs $(NAME)

reset: $(READY) ## Stop everything and delete its data
	@$(PYTHON) -m commerce.stack reset

shell: $(READY) ## Open a Python shell that knows the stack
	@$(PYTHON) manage.py shell

##@ Work on the code

JOBS ?= $(if $(ARGS),1,2)
test: $(READY) ## Run the tests on throw-away stacks (ARGS='tests/stack -k standby' chooses some, JOBS=4 runs 4 processes)
	@$(PYTHON) -m commerce.stack run --only postgres,redis,migrate --copies $(JOBS) -- \
	  pytest $(if $(filter-out 1,$(JOBS)),--numprocesses $(JOBS) --max-worker-restart 0) $(ARGS)

bench: $(READY) ## Measure reads beside their budgets (QUICK=1 small, ONLY=list,search, PROFILE=1 the slowest, WRITE=1 to docs)
	@$(PYTHON) -m tests.bench $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY)) $(if $(PROFILE),--profile $(PROFILE)) $(if $(WRITE),--write)

faults: $(READY) ## Kill every process and server under load, 50 rounds, and count what arrives (ROUNDS=7 SEED=1 FIGURES=no)
	@$(PYTHON) -m tests.faults.events $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) $(if $(filter no,$(FIGURES)),--no-figures)

lint: $(READY) ## Check style, types, imports between packages, migrations and deployment files
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) .venv/bin/lint-imports
	COMMERCE_ENV_FILE= $(PYTHON) manage.py makemigrations --check --dry-run
	.venv/bin/hadolint deploy/Dockerfile deploy/compose/Dockerfile.*
	$(PYTHON) deploy/check_compose.py
	@lines=$$(wc -l < README.md); if (( lines > 150 )); then echo "README.md has $$lines lines, and may have 150."; exit 1; fi

format: $(READY) ## Put the code into shape
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

audit: $(READY) ## Look the locked libraries up among known vulnerabilities (needs the network)
	@if ! $(PYTHON) -c 'import django, requests; requests.get(f"https://pypi.org/pypi/django/{django.__version__}/json", timeout=10).raise_for_status()' 2>/dev/null; then \
	  echo "audit: NOT DONE, pypi.org does not tell of vulnerabilities here."; test -z "$${COMMERCE_REQUIRE_AUDIT:-}"; exit; \
	fi; \
	list=$$(mktemp); trap 'rm -f "$$list"' EXIT; \
	$(UV) export --quiet --frozen --all-extras --output-file "$$list" >/dev/null; \
	$(PYTHON) -m pip_audit --strict --disable-pip --require-hashes --progress-spinner off --requirement "$$list"

##@ Deployment

containers: $(READY) ## Build and run the containers with docker or podman, and ask them a query
	@deploy/containers.sh

help: ## Print this help
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z_-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile
	@echo

# --- The virtual environment -------------------------------------------------------------------------

$(READY): uv.lock pyproject.toml $(UV_INSTALLED)
	@echo "Installing the libraries of uv.lock into .venv"
	@$(UV) sync --all-extras --frozen
	@touch $(READY)

.venv-uv/bin/uv:
	@echo "Installing uv into .venv-uv"
	@rm -rf .venv-uv && mkdir .venv-uv && echo '*' > .venv-uv/.gitignore
	@python3 -m venv .venv-uv || { echo "Install uv (https://docs.astral.sh/uv/), or python3 with its venv module (apt-get install python3-venv)." >&2; exit 1; }
	@.venv-uv/bin/python -m pip install --quiet uv

.PHONY: up demo down status logs reset shell test bench faults lint format audit containers help
