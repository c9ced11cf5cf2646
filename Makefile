# Two commands set everything up: `make serve` runs the API here, `make test` passes the tests.
# Python 3.11 or later and the package registry are all that has to be there.

PYTHON ?= python3
STAGE ?= dev
VENV := .venv
BIN := $(VENV)/bin
MINISTACK := .venv-ministack
CHECKOV := .venv-checkov
BENCH := .venv-bench

ROLE ?= admin
SUB ?=
TTL ?= 3600

export PIP_DISABLE_PIP_VERSION_CHECK = 1

# A text as one word of the shell; what a variable says, as it was said (make would read its `$`); a
# switch that is neither empty nor a way to say no.
quoted = '$(subst ','\'',$(1))'
said = $(call quoted,$(value $(1)))
option = $(if $(value $(2)),--$(1) $(call said,$(2)))
switch = $(if $(filter-out 0 no false,$($(2))),--$(1))
# The stage that a command works on is the local one unless another is named.
CHOSEN_STAGE = $(if $(filter command line environment,$(origin STAGE)),$(value STAGE),local)

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

# A virtual environment is made anew when its lock or the interpreter's version changes. A lock is
# whole, so pip has nothing to resolve: it would look for newer versions of what has extras.
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
READY := $(VENV)/ready-$(VERSION)
MINISTACK_READY := $(MINISTACK)/ready-$(VERSION)
CHECKOV_READY := $(CHECKOV)/ready-$(VERSION)
BENCH_READY := $(BENCH)/ready-$(VERSION)

$(READY): requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed; choose one with PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

$(MINISTACK_READY): requirements-ministack.lock
	$(PYTHON) -m venv --clear $(MINISTACK)
	$(MINISTACK)/bin/pip install --quiet --no-deps --require-hashes -r requirements-ministack.lock
	@touch $@

$(CHECKOV_READY): requirements-checkov.lock
	$(PYTHON) -m venv --clear $(CHECKOV)
	$(CHECKOV)/bin/pip install --quiet --no-deps --require-hashes -r requirements-checkov.lock
	@touch $@

# What the benchmarks' contenders are made of; `make setup` and `make test` do without it.
$(BENCH_READY): requirements-bench.lock
	$(PYTHON) -m venv --clear $(BENCH)
	$(BENCH)/bin/pip install --quiet --no-deps --require-hashes -r requirements-bench.lock
	@touch $@

.PHONY: setup
setup: $(READY) $(MINISTACK_READY) $(CHECKOV_READY) ## Make the virtual environments

.PHONY: serve
serve: setup ## Run the whole API on http://127.0.0.1:8000 (PORT= for another, THROTTLE=1)
	@exec $(BIN)/python -m infra.local.serve

.PHONY: reset
reset: $(READY) ## Forget the local run's data
	@$(BIN)/python -m infra.local.reset

.PHONY: token
token: $(READY) ## Print a token for the local run (ROLE=, SUB=, TTL=)
	@$(BIN)/python -m infra.local.issuer.token --role $(call said,ROLE) --ttl $(call said,TTL) $(call option,sub,SUB)

.PHONY: test
test: lint types imports secrets-scan suites ## Format check, lint, types, import rules, no secrets, the test suites

.PHONY: lint
lint: $(READY) ## Check format and style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.PHONY: types
types: $(READY) ## Check types
	$(BIN)/mypy

.PHONY: imports
imports: $(READY) ## Check that imports run one way
	$(BIN)/lint-imports --no-cache

.PHONY: secrets-scan
secrets-scan: $(READY) ## Look for secrets in tracked files (HISTORY=1: in all that ever was)
	@$(BIN)/python -m infra.safety.secrets_scan $(call switch,history,HISTORY)

.PHONY: audit
audit: $(READY) ## Look for known vulnerabilities of what is locked (REQUIRE_ADVISORIES=1)
	@$(BIN)/python -m infra.safety.advisories $(call switch,require-advisories,REQUIRE_ADVISORIES) $(wildcard requirements*.lock)

# What takes minutes by itself has a target of its own; CI runs these too.
SLOW := tests/concurrency tests/proofs

.PHONY: suites
suites: setup ## Run the test suites, with coverage
	rm -f .coverage .coverage.*
	$(BIN)/pytest --numprocesses 2 --dist loadgroup --cov --cov-report= $(SLOW:%=--ignore=%)
	$(BIN)/coverage report --skip-covered --fail-under=95
	$(BIN)/coverage report --include='chalicelib/domain/*,chalicelib/services/*,chalicelib/http/*' --fail-under=100

.PHONY: crowds
crowds: setup ## Sell to crowds on real engines, with trouble put in (minutes)
	$(BIN)/pytest --numprocesses 2 --dist loadgroup tests/concurrency

.PHONY: proofs
proofs: setup ## Kill the process at every call, tell Stripe's events in every order (minutes)
	$(BIN)/pytest --numprocesses 2 --dist loadgroup tests/proofs

.PHONY: format
format: $(READY) ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: package
package: $(READY) ## Package the stack: the template and the zip (STAGE=dev)
	$(BIN)/python -m infra.packaging --stage $(call said,STAGE)

DEPLOYING = $(BIN)/python -m infra.deploying
STACK_OPTIONS = --stage $(call said,STAGE) $(call option,stack,STACK) $(call option,bucket,BUCKET)
ASKING_OPTIONS = $(call switch,yes,YES) $(call switch,dry-run,DRY_RUN)

.PHONY: deploy
deploy: $(READY) ## Package and deploy a stage (STAGE=dev, DRY_RUN=1, YES=1, SHIFT=at-once, docs/deploying.md)
	@$(DEPLOYING) deploy $(STACK_OPTIONS) $(ASKING_OPTIONS) $(call option,replace,REPLACE) $(call option,shift,SHIFT) $(call option,parameters,PARAMETERS) $(call option,package,PACKAGE) $(call option,architecture,ARCHITECTURE)

.PHONY: rollback
rollback: $(READY) ## Deploy what ran before (STAGE=dev, TO=id, LIST=1, DRY_RUN=1, YES=1, SHIFT=at-once)
	@$(DEPLOYING) rollback $(STACK_OPTIONS) $(ASKING_OPTIONS) $(call option,replace,REPLACE) $(call option,shift,SHIFT) $(call option,to,TO) $(call switch,list,LIST)

.PHONY: status
status: $(READY) ## Show a stage's stack, its outputs, its deployments (STAGE=dev)
	@$(DEPLOYING) status $(STACK_OPTIONS)

.PHONY: logs
logs: $(READY) ## Show a stage's logs (STAGE=dev, FUNCTION=api, SINCE=15m, FILTER=, FOLLOW=1, RAW=1)
	@$(DEPLOYING) logs $(STACK_OPTIONS) $(call option,function,FUNCTION) $(call option,since,SINCE) $(call option,filter,FILTER) $(call switch,follow,FOLLOW) $(call switch,raw,RAW)

.PHONY: destroy
destroy: $(READY) ## Delete a stage's stack (STAGE=dev, DRY_RUN=1, YES=1, CONFIRM=prod)
	@$(DEPLOYING) destroy $(STACK_OPTIONS) $(ASKING_OPTIONS) $(call option,confirm,CONFIRM)

.PHONY: checkov
checkov: $(READY) $(CHECKOV_READY) ## Check every stage's template against good practice, offline
	@$(BIN)/python -m tests.infra.checkov

.PHONY: openapi
openapi: $(READY) ## Write the API's OpenAPI document
	$(BIN)/python -m infra.openapi

.PHONY: import
import: $(READY) ## Import events (FILE=events.csv, API=, DRY_RUN=1; TOKEN=… before make)
	@$(BIN)/python -m infra.transfer import $(call said,FILE) $(call option,api,API) $(call switch,dry-run,DRY_RUN)

.PHONY: export
export: $(READY) ## Export events (FILE=events.csv, API=; TOKEN=… API_KEY=… before make)
	@$(BIN)/python -m infra.transfer export $(call said,FILE) $(call option,api,API)

.PHONY: reindex
reindex: $(READY) ## Make the words that events are found by anew (STAGE=local)
	@$(BIN)/python -m infra.operating.reindex --stage $(call quoted,$(CHOSEN_STAGE)) $(call option,stack,STACK)

.PHONY: drill
drill: $(READY) ## Try every alarm on the troubles that it is for (ALARM=disputes for one)
	@$(BIN)/python -m tests.infra.drill $(call said,ALARM)

BACKUP_OPTIONS = --stage $(call quoted,$(CHOSEN_STAGE)) $(call option,stack,STACK) $(foreach TABLE,$(value TABLES),--table $(call quoted,$(TABLE))) $(call option,rate,RATE) $(call switch,dry-run,DRY_RUN)

.PHONY: backup
backup: $(READY) ## Save a stage's data (FILE=a.jsonl.gz, STAGE=local, RATE= units/s, DRY_RUN=1)
	@$(BIN)/python -m infra.backup save $(call said,FILE) $(BACKUP_OPTIONS) $(call option,grace,GRACE)

.PHONY: restore
restore: $(READY) ## Write it into a stage (FILE=, STAGE=local, REPLACE=1, CONFIRM=prod, AS_IS=1, DRY_RUN=1)
	@$(BIN)/python -m infra.backup restore $(call said,FILE) $(BACKUP_OPTIONS) $(call option,confirm,CONFIRM) $(call switch,replace,REPLACE) $(call switch,as-is,AS_IS)

.PHONY: secret
secret: $(READY) ## Store a secret, read unseen (NAME=stripe-secret-key, STAGE=dev, ADD=1, DROP_OLD=1)
	@$(BIN)/python -m infra.operating.secret $(call said,NAME) --stage $(call said,STAGE) $(call option,parameter,PARAMETER) $(call option,kms-key,KMS_KEY) $(call switch,add,ADD) $(call switch,drop-old,DROP_OLD)

.PHONY: fuzz
fuzz: setup ## Try the local run with requests made from its OpenAPI document
	$(BIN)/python -m tests.fuzz

.PHONY: bench
bench: $(READY) $(MINISTACK_READY) $(BENCH_READY) ## Measure next to what users would pick instead (ROUNDS=, REQUIRE=1)
	$(BIN)/python -m tests.benchmarks.track $(call option,rounds,ROUNDS) $(call option,requests,REQUESTS) $(call option,only,ONLY) $(call switch,require,REQUIRE)

.PHONY: bench-catalogue
bench-catalogue: setup ## Measure what requests cost with 1,000 to 100,000 events
	$(BIN)/python -m tests.benchmarks.catalogue

.PHONY: bench-selling
bench-selling: setup ## Measure what an order costs, from its checkout to its refund
	$(BIN)/python -m tests.benchmarks.selling

.PHONY: bench-backup
bench-backup: setup ## Measure how long a backup and a restore take
	$(BIN)/python -m tests.benchmarks.backups

.PHONY: budgets
budgets: $(READY) $(if $(MEASURE),$(BENCH_READY)) ## Count what every route asks for, and what it costs (MEASURE=1: durations too)
	$(BIN)/python -m tests.benchmarks.budgets $(call switch,measure,MEASURE)

.PHONY: on-sale
on-sale: $(READY) ## Simulate the minute in which an event goes on sale
	$(BIN)/python -m tests.benchmarks.on_sale

.PHONY: lock
lock: $(READY) ## Renew the locks
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --upgrade requirements.txt -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --upgrade requirements-dev.txt -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --upgrade requirements-ministack.txt -o requirements-ministack.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --upgrade requirements-checkov.txt -o requirements-checkov.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --upgrade requirements-bench.txt -o requirements-bench.lock

.PHONY: clean
clean: ## Remove what was built and installed
	rm -rf build $(VENV) $(MINISTACK) $(CHECKOV) $(BENCH) .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
