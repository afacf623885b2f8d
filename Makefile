# What a person does here. Every target sets up what it needs by itself; `make help` lists them.
# Wanted: Python 3.11 to 3.13 with venv, make, git. PYTHON=/path/to/python3 picks one.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
NEXT := .venv-next
OLDEST := .venv-oldest
PYTEST_ARGS ?=
# Each job has servers of its own; 0 runs all in one process, in order. Folders are given away as
# they come, so that the long ones are not last.
TEST_JOBS ?= 3
THROUGH_PGBOUNCER = $(addprefix tests/integration/,backend lifecycle outbox reference safety tenants \
	third_party)
PYTEST = -m pytest -n $(TEST_JOBS) --dist loadscope --no-loadscope-reorder

# Whatever the caller's shell says about paths or settings is not ours. Compiled files are written
# whatever it says: without them each of some thousand processes would compile all of it anew.
unexport PYTHONPATH PYTHONHOME DJANGO_SETTINGS_MODULE PYTHONDONTWRITEBYTECODE
export PYTHONUNBUFFERED := 1

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z][a-z-]*:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

##@ Try it
.PHONY: demo demo-check
demo: venv-demo ## Start shards, Redis, gunicorn and workers; print URLs and sign-ins (ctrl-C stops)
	@$(PY) manage.py demo

demo-check: venv-demo ## Start it on free ports, prove that two tenants are served apart, stop
	@$(PY) manage.py demo_check

##@ Test it
.PHONY: test test-failed test-full test-pgbouncer test-next test-oldest test-django test-django-quick
test: venv ## All tests but the slow ones
	@$(PY) $(PYTEST) $(PYTEST_ARGS)

test-failed: venv ## Those that failed last, alone, one after the other
	@$(PY) $(PYTEST) -n 0 --last-failed --last-failed-no-failures none $(PYTEST_ARGS)

test-full: venv ## All tests, with the slow ones, and those of tenancy once more through PgBouncer
	@$(PY) $(PYTEST) -m "slow or not slow" $(PYTEST_ARGS)
	@$(MAKE) test-pgbouncer

test-pgbouncer: venv ## The tests of tenancy through a real PgBouncer, with the files that we write for it
	@ATOLL_TEST_POOLER=1 $(PY) $(PYTEST) $(THROUGH_PGBOUNCER) $(PYTEST_ARGS)

test-next: ## All tests but the slow ones on Django 6.1 (Python 3.12 or 3.13, an environment of its own)
	@sh tools/make-venv.sh $(NEXT) requirements/next.txt 12
	@$(NEXT)/bin/python $(PYTEST) $(PYTEST_ARGS)

test-oldest: ## Tests of the backend and of Redis on the oldest psycopg and redis-py that are supported
	@sh tools/make-venv.sh $(OLDEST) requirements/oldest.txt
	@$(OLDEST)/bin/python $(PYTEST) tests/unit/backend tests/unit/tenants \
		tests/integration/backend tests/integration/tenants/test_outages.py $(PYTEST_ARGS)

test-django: venv ## Django's own test suite on our backend against the stock one (long)
	@$(PY) -m tests.django_suite $(SUITE_ARGS)

test-django-quick: venv ## The share of Django's own suite that CI runs
	@$(PY) -m tests.django_suite --quick $(SUITE_ARGS)

##@ Check it
.PHONY: lint format types contracts check-migrations
lint: venv ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: venv ## Let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: venv ## mypy, strict
	@$(BIN)/mypy

contracts: venv ## import-linter: imports point down only
	@$(BIN)/lint-imports --no-logo

check-migrations: venv ## What unreleased migrations would lock or break in a fleet (starts a server)
	@$(PY) tools/check_migrations.py

##@ Measure it
.PHONY: bench-requests bench-statements bench-pages bench-fleet bench-shards bench-memory \
	bench-move bench-rebalance
bench-requests: venv ## Requests per second beside plain Django and django-tenants
	@$(PY) -m tests.benchmarks.bench_requests

bench-statements: venv ## Cost of one statement: plain, bound, separate SET
	@$(PY) -m tests.benchmarks.bench_statements

bench-pages: venv ## Server time of pages among 100,000 tickets and 10,000 tenants
	@$(PY) -m tests.benchmarks.bench_pages

bench-fleet: venv ## Making tenants and migrating all of them (ARGS=--help: a part of it)
	@$(PY) -m tests.benchmarks.bench_fleet $(ARGS)

bench-shards: venv ## One server down under load, beside stock Django (ARGS=--help: a part of it)
	@$(PY) -m tests.benchmarks.bench_shards $(ARGS)

bench-rebalance: venv ## The planner, months under it, a shard added live (ARGS=--help: a part of it)
	@$(PY) -m tests.benchmarks.bench_rebalance $(ARGS)

bench-memory: venv ## Memory of backends against reconnects (ARGS=--help: with fewer tenants)
	@$(PY) -m tests.benchmarks.bench_memory $(ARGS)

bench-move: venv ## Moves of a tenant under load, by step, beside pgcopydb (ARGS=--help: a part of it)
	@$(PY) -m tests.benchmarks.bench_move $(ARGS)

##@ Keep it
.PHONY: setup docs lock clean venv venv-demo
setup: venv ## Make the environment only
	@echo "Ready: . $(BIN)/activate"

docs: venv ## Write docs/reference from the code
	@$(PY) tools/reference.py --write

lock: ## Pin requirements/*.in anew, with hashes and without addresses
	@sh tools/make-venv.sh .venv-lock requirements/lock.txt
	@sh tools/lock.sh .venv-lock/bin/uv

clean: ## Remove environments and caches (the development servers' data stays: manage.py devstack reset)
	@rm -rf .venv .venv-next .venv-oldest .venv-lock .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	@find . -name __pycache__ -type d -not -path './.devstack/*' -prune -exec rm -rf {} +

venv:
	@sh tools/make-venv.sh $(VENV) requirements/dev.txt

venv-demo:
	@sh tools/make-venv.sh $(VENV) requirements/devstack.txt
