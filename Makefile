# Everything a newcomer needs; options go in ARGS, such as: make demo ARGS="--once --requests 200"
.SILENT:
.DEFAULT_GOAL := help
.PHONY: help venv train demo stop test check format bench lock wheels clean
ARGS ?=
PY := .venv/bin/python

help: ## print these targets
	sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  %-12s %s\n", $$1, $$2}'

venv: .venv/.stamp ## make .venv, or bring it up to date
.venv/.stamp: requirements/dev.txt pyproject.toml
	./scripts/venv.sh

train: .venv/.train ## add torch and what trains language models to .venv, MiniLM to .freehold
.venv/.train: .venv/.stamp requirements/train.txt
	./scripts/venv.sh train

demo: .venv/.stamp ## start simulator and gateway, and drive a slice of the example's day
	.venv/bin/freehold demo $(ARGS)

stop: .venv/.stamp ## end what the demo left running
	.venv/bin/freehold stop

test: .venv/.train ## run the tests, several files at a time
	$(PY) -m pytest -n auto --dist loadfile $(ARGS)

check: .venv/.stamp ## format, lint, types, import contracts, docs
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	.venv/bin/lint-imports
	$(PY) scripts/check_docs.py

format: .venv/.stamp ## format the code and mend what ruff can mend
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

bench: .venv/.stamp ## measure speed and cost (ARGS="--json" for one object)
	$(PY) -m benchmarks $(ARGS)

lock: ## pin requirements/*.txt again (needs uv; ARGS="--upgrade" for the newest)
	python3 scripts/lock.py $(ARGS)

wheels: .venv/.stamp ## ask the registry which wheels exist and write docs/reference/platforms.md
	$(PY) scripts/wheels.py $(ARGS)

clean: ## remove the environment, builds and caches (never .freehold)
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
