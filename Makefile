# Everything is reached from here; `make` alone lists it. Each target does its own set-up, once (scripts/setup_venv.sh).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON_OF_VENV := .venv/bin/python
JMX ?=
DATABASE ?=
TARGET ?=
FILE ?=
ENGINES ?=
REQUIREMENT_SETS := runtime analysis migrations engine local dev jmeter sam scan emulator node
JWT_ISSUER ?=
JWT_AUDIENCE ?=
CORS_ORIGINS ?=
FN ?=
EVENT ?=
VERSIONS ?= 3.12 3.13
QUICK := not jmeter and not slow and not database
QUICK_FUNCTIONAL := $(addprefix tests/functional/api/test_,strategies.py task_results.py identity.py run_experiment.py)
export PYTHON JMX TARGET DATABASE FILE ENGINES JWT_ISSUER JWT_AUDIENCE CORS_ORIGINS

.PHONY: help
help: ## list the targets
	@echo "Tandem: load tests in step with chaos experiments. Targets:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1 \2/p' $(firstword $(MAKEFILE_LIST)) | sed 's/^\(  make [a-z-]*\) /\1\t/' | expand -t 22
	@echo
	@echo "PYTHON=/path/to/python3 chooses the interpreter of .venv (default: the newest from 3.11 on)."

.PHONY: demo
demo: need-demo setup-local setup-database ## run a demo experiment, about a minute and a half; JMX=my.jmx TARGET=http://127.0.0.1:9000 take your own; DATABASE=mysql
	@$(PYTHON_OF_VENV) -m local demo $(if $(JMX),--jmx "$$JMX") $(if $(TARGET),--target "$$TARGET") $(if $(DATABASE),--database "$$DATABASE")

.PHONY: up
up: setup-local setup-database ## start the whole stack on this machine; Ctrl-C stops it; ENGINES=2, DATABASE=mysql or mariadb
	@exec $(PYTHON_OF_VENV) -m local up $(if $(ENGINES),--engines "$$ENGINES") $(if $(DATABASE),--database "$$DATABASE")

.PHONY: engine
engine: setup-local ## start the JMeter engine alone, on port 8008; Ctrl-C stops it
	@exec $(PYTHON_OF_VENV) -m local engine

.PHONY: sample
sample: setup-local ## a plan, a definition and a strategy for the sample event, on a running stack; TARGET=http://127.0.0.1:9000
	@$(PYTHON_OF_VENV) -m local sample $(if $(TARGET),--target "$$TARGET")

.PHONY: event
event: setup-local ## put an event on the bus of a running stack: FILE=events/experiment_starting.json
	@test -n "$$FILE" || { echo "error: say which event, e.g. make event FILE=events/experiment_starting.json" >&2; exit 2; }
	@$(PYTHON_OF_VENV) -m local put-event "$$FILE"

.PHONY: quick
quick: setup-dev check ## what to run before each commit: style, types, rules, the API on SQLite; a minute
	@TANDEM_HYPOTHESIS=quick $(PYTHON_OF_VENV) -m pytest -q -n 2 --dist worksteal tests/unit tests/architecture -m "$(QUICK)"
	@TANDEM_HYPOTHESIS=quick $(PYTHON_OF_VENV) -m pytest -q -n 2 --dist worksteal $(QUICK_FUNCTIONAL) -m "$(QUICK)"

.PHONY: test
test: need-test setup-dev check setup-databases setup-jmeter setup-chromium setup-deploy ## check, then the whole test suite, the README says what it installs
	@# moto's state belongs to a process: the functions' S3 would be emptied by a local stack that starts beside it.
	@$(PYTHON_OF_VENV) -m pytest -q -n 2 --dist loadscope tests/functional
	@$(PYTHON_OF_VENV) -m pytest -q -n 2 --dist loadscope --ignore=tests/functional --ignore=tests/reliability -m "not jmeter and not slow"
	@# The same lives each time, so that no change is blamed for what chance found; `make reliability` tries new ones.
	@# Sixty random lives: the two thousand of seed 20261122 hold one that is not mended yet (docs/reliability.md).
	@TANDEM_RELIABILITY_PROFILE=$${TANDEM_RELIABILITY_PROFILE:-quick} TANDEM_RELIABILITY_SEED=$${TANDEM_RELIABILITY_SEED:-4242} scripts/try_lives.sh
	@$(PYTHON_OF_VENV) -m pytest -q -n 2 --dist loadscope --no-loadscope-reorder --ignore=tests/functional \
	    --ignore=tests/reliability --ignore=tests/workflow/test_many_at_once.py -m "jmeter or slow"
	@# Forty experiments at once want both cores.
	@$(PYTHON_OF_VENV) -m pytest -q tests/workflow/test_many_at_once.py

.PHONY: test-python
test-python: setup-dev ## types and the fast tests on other Pythons of this machine: VERSIONS="3.12 3.13"
	@scripts/check_on_python.sh $(VERSIONS)

.PHONY: build
build: setup-dev setup-deploy ## build for Lambda (arm64, Python 3.13) into .aws-sam/build; JWT_ISSUER, JWT_AUDIENCE, CORS_ORIGINS
	@scripts/build_functions.sh deploy

.PHONY: validate
validate: setup-dev setup-jmeter setup-deploy ## SAM, cfn-lint, security scan, state machine, permissions: all checks of the templates
	@$(PYTHON_OF_VENV) -m pytest -q tests/deploy/test_templates.py tests/deploy/test_scan.py tests/architecture

.PHONY: scan
scan: setup-dev setup-jmeter setup-deploy ## weaknesses in templates, permissions and code; bills of materials in .build/sbom
	@$(PYTHON_OF_VENV) -m pytest -q tests/deploy/test_scan.py tests/deploy/test_templates.py -k "scan or cfn_lint"
	@ls .build/sbom/*.json

.PHONY: invoke
invoke: setup-dev setup-deploy ## run a built function under Lambda's emulator: FN=get_health EVENT=events/get_health.json
	@test -n "$(FN)" || { echo "error: say which function, e.g. make invoke FN=get_health" >&2; exit 2; }
	@scripts/build_functions.sh emulator >&2
	@$(PYTHON_OF_VENV) -m local.emulator "$(FN)" "$(if $(EVENT),$(EVENT),events/$(patsubst on_%,%,$(FN)).json)"

.PHONY: reliability
reliability: setup-dev setup-databases ## two thousand new random lives with crashes, and each safety taken out in turn
	@scripts/try_lives.sh
	@TANDEM_MANY_EXPERIMENTS=200 $(PYTHON_OF_VENV) -m pytest -q tests/workflow/test_many_at_once.py

.PHONY: bench
bench: setup-dev setup-jmeter setup-databases setup-deploy ## measure every claim of speed, about ten minutes; writes bench/RESULTS.md
	@scripts/build_functions.sh emulator >&2
	@$(PYTHON_OF_VENV) -m bench

.PHONY: check
check: setup-dev ## ruff (rules and format) and mypy
	@$(PYTHON_OF_VENV) -m ruff check
	@$(PYTHON_OF_VENV) -m ruff format --check
	@$(PYTHON_OF_VENV) -m mypy

.PHONY: format
format: setup-dev ## let ruff format the code and mend what it can
	@$(PYTHON_OF_VENV) -m ruff check --fix
	@$(PYTHON_OF_VENV) -m ruff format

.PHONY: lock
lock: ## lock requirements/*.in again into requirements/*.txt (needs uv)
	@command -v uv >/dev/null || { echo "error: make lock needs uv: pip install uv" >&2; exit 1; }
	@# Of the set jmeter only files are used, never code: without --no-deps, what its packages import would be locked.
	@for set in $(REQUIREMENT_SETS); do \
	    dependencies=; if [ "$$set" = jmeter ]; then dependencies=--no-deps; fi; \
	    uv pip compile -q $$dependencies --universal --python-version 3.11 --generate-hashes \
	        --no-emit-index-url --no-annotate --custom-compile-command "make lock" "requirements/$$set.in" -o "requirements/$$set.txt"; \
	done
	@# The layers are built from copies: `sam build` sees nothing but a layer's own directory.
	@cp requirements/runtime.txt layers/dependencies/requirements.txt
	@cp requirements/analysis.txt layers/analysis/requirements.txt
	@cp requirements/migrations.txt migrations/requirements.txt

.PHONY: clean
clean: ## remove what make made: .venv, caches, the demo's files (.tandem/ of `make up` stays)
	@rm -rf .venv .build .aws-sam .tandem/demo .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up, called by the targets above --------------------------------------------------------------------------
.PHONY: need-demo need-test
need-demo:
	@scripts/check_prerequisites.sh demo

need-test:
	@scripts/check_prerequisites.sh test

.PHONY: setup-database setup-local setup-dev setup-jmeter setup-databases setup-mysql setup-mariadb setup-chromium setup-deploy
# The server that DATABASE asks for; SQLite needs none.
setup-database:
	@case "$(DATABASE)" in mysql) scripts/need_mysql.sh ;; mariadb) scripts/need_mariadb.sh ;; esac

setup-local:
	@scripts/setup_venv.sh local jmeter

setup-dev:
	@scripts/setup_venv.sh dev

setup-jmeter:
	@scripts/setup_venv.sh jmeter

setup-deploy: setup-dev
	@scripts/setup_tool.sh sam scan

# Those that the tests use: TANDEM_TEST_DATABASES=mariadb,sqlite does without MySQL, and so on.
setup-databases:
	@case ",$${TANDEM_TEST_DATABASES:-mysql,mariadb,sqlite}," in *,mysql,*) scripts/need_mysql.sh ;; esac
	@case ",$${TANDEM_TEST_DATABASES:-mysql,mariadb,sqlite}," in *,mariadb,*) scripts/need_mariadb.sh ;; esac

setup-mysql:
	@scripts/need_mysql.sh

setup-mariadb:
	@scripts/need_mariadb.sh

setup-chromium:
	@scripts/need_chromium.sh
