# The commands of Taskward. `make` lists them. Each first installs what it needs, if it is missing.
PYTHON ?= python3
BIN := .venv/bin
# Compose needs values for the secrets in every command, also for these three, which do not use them.
COMPOSE = POSTGRES_PASSWORD=unused BETTER_AUTH_SECRET=unused docker compose
export PATH := $(CURDIR)/.venv/bin:$(PATH)
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install run dev test test-python test-web test-stack test-browser contract torture bench bench-quick check fix audit up down ps logs lock clean

##@ Use it
install: ; @$(PYTHON) scripts/install.py web ## Install everything into this folder (.venv, web/node_modules)
run: ; @exec $(PYTHON) scripts/install.py run ## Database, API on 8000, web client on 3000; Ctrl-C stops them
dev: python ; @exec $(BIN)/taskward dev ## Database and API only
up: ## The same in containers (docker compose), checked by scripts/smoke.sh
	@docker compose up --build --wait
	@sh scripts/smoke.sh "http://localhost:$$(docker compose port web 3000 | sed 's/.*://')" \
	  "http://localhost:$$(docker compose port api 8000 | sed 's/.*://')"
down: ; @$(COMPOSE) down ## Stop the containers; the data stays
ps: ; @$(COMPOSE) ps --all ## List the containers and their state
logs: ; @$(COMPOSE) logs --follow --tail 100 ## Follow the logs of the containers

##@ Work on it
test: export STACK = 1
test: build test-python test-web test-browser ## Every test, against a real PostgreSQL, which it starts
check: install ## Format, lint and types, of both halves
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@npm --prefix web run --silent lint
	@npm --prefix web run --silent typecheck
fix: install ## Correct format and lint automatically
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .
	@npm --prefix web run --silent fix
audit: ; @PYTHON=$(PYTHON) sh scripts/audit.sh ## Ask the registries for known vulnerabilities of locked packages
lock: ; @PYTHON=$(PYTHON) sh scripts/lock.sh ## Write the lock files (UPGRADE=1 for newer versions)

##@ Parts of the tests
test-python: install ; @$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --durations 15 $(ARGS) ## The service and tokenward (ARGS="-k name" for a part)
test-web: install ; @npm --prefix web run --silent test ## The web client
test-stack: build ; @STACK=1 $(BIN)/python -m pytest tests/stack $(ARGS) ## The whole stack as make run starts it; backup and restore
test-browser: build ; @$(BIN)/python scripts/browser.py ## The web client in a real Chromium
contract: python ; @$(BIN)/python -m pytest tests/contract $(ARGS) ## The HTTP contract (ARGS="--base-url http://…" for a running server)
torture: python ; @$(BIN)/python -m pytest tests/attacks tests/isolation tests/faults tests/replicas tests/revocation -p tests.support.leaks -m "torture or not torture" --write-reliability docs/reliability.md $(ARGS) ## Faults, attacks and replicas in real time; writes docs/reliability.md

##@ Measure it
bench: python ; @$(BIN)/python -m benchmarks ## All measurements
bench-quick: python ; @$(BIN)/python -m benchmarks --quick ## The short ones, in under a minute

.PHONY: python build
python: ; @$(PYTHON) scripts/install.py
build: ; @$(PYTHON) scripts/install.py build

help:
	@awk 'BEGIN { FS = ":.*## "; printf "Taskward. Start with: make run\n" } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { split($$1, name, ":"); printf "  %-13s %s\n", name[1], $$2 }' $(MAKEFILE_LIST)
