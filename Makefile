# Every target prepares what it needs, so a fresh checkout on a fresh machine starts with any of them: the demo the
# product and an Envoy, tests also their tools. scripts/prepare-venv returns at once while pyproject.toml is unchanged.

PYTHON_BIN ?= .venv/bin
PREPARE ?= scripts/prepare-venv
PYTEST_WORKERS ?= auto
# For demo: make demo FLAGS=--help
FLAGS :=

.DEFAULT_GOAL := help
.PHONY: help demo demo-check test test-unit lint check format types contracts bench docs release images clean venv dev-venv

help: ## Show the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv:
	@$(PREPARE)

dev-venv:
	@$(PREPARE) dev

demo: venv ## Bookinfo behind real Envoys on this machine; edit rules and watch (FLAGS=--help).
	@$(PYTHON_BIN)/python -m samples.bookinfo.demo $(FLAGS)

demo-check: venv ## The same unattended: applies rules, measures traffic, exits 0 or 1.
	@$(PYTHON_BIN)/python -m samples.bookinfo.demo --check

test: dev-venv ## Every test: unit, golden, dialogue, oracle and end to end with real Envoys.
	$(PYTHON_BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal

test-unit: dev-venv ## The fast tests: no process is started, no port opened.
	$(PYTHON_BIN)/python -m pytest -n $(PYTEST_WORKERS) -m "not e2e and not oracle"

lint: format types contracts ## Formatting, lint, types and import contracts.

# The parts of `check` need nothing of each other. What one prints stays together where make can do that (4.0 and newer).
check: dev-venv ## The gate of every edit, about a minute: lint and the fast tests, side by side.
	@$(MAKE) --no-print-directory -j $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) lint test-unit

format: dev-venv
	$(PYTHON_BIN)/ruff format --check .
	$(PYTHON_BIN)/ruff check .

types: dev-venv
	$(PYTHON_BIN)/mypy

contracts: dev-venv
	$(PYTHON_BIN)/lint-imports

bench: dev-venv ## Times and sizes for 10, 100 and 1,000 services.
	$(PYTHON_BIN)/python -m bench

docs: venv ## The documentation as a site in site/, built strictly: every link is checked.
	@$(PYTHON_BIN)/python scripts/write_reference.py build/docs
	@test -x .venv-docs/bin/mkdocs || { echo "installing mkdocs-material into .venv-docs"; \
	  $(PYTHON_BIN)/python -m venv .venv-docs && .venv-docs/bin/python -m pip install -q -r docs/requirements.txt; }
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet && echo "open site/index.html"

release: ## Wheel, sdist, SBOM and checksums in dist/, built twice and tried; publishes nothing.
	@test -x .venv-release/bin/pyproject-build || { echo "installing build into .venv-release"; \
	  $$(command -v python3) -m venv .venv-release && .venv-release/bin/python -m pip install -q build; }
	@.venv-release/bin/python scripts/release.py

images: ## The Docker images pilothouse and pilothouse-agent.
	docker build --target pilothouse -t pilothouse:latest .
	docker build --target pilothouse-agent -t pilothouse-agent:latest .

clean: ## Remove what the other targets made, but not the rules that you edited in .demo.
	rm -rf .venv .venv-* .envoy build dist site *.egg-info
	rm -rf .demo/check .demo/envoy .demo/logs .demo/state
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
