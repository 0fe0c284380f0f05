# Every target prepares what it needs, so a fresh checkout on a fresh machine starts with any of them.
# scripts/prepare-venv returns at once while pyproject.toml is unchanged.

PYTHON_BIN := .venv/bin
PYTEST_WORKERS ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo demo-check test test-unit lint check format types contracts bench images clean venv

help: ## Show the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv:
	@scripts/prepare-venv

demo: venv ## Bookinfo behind real Envoys on this machine; edit rules and watch (Ctrl-C ends it).
	@$(PYTHON_BIN)/python -m samples.bookinfo.demo

demo-check: venv ## The same unattended: applies rules, measures traffic, exits 0 or 1.
	@$(PYTHON_BIN)/python -m samples.bookinfo.demo --check

test: venv ## Every test: unit, golden, dialogue, oracle and end to end with real Envoys.
	$(PYTHON_BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist worksteal

test-unit: venv ## The fast tests: no process is started, no port opened.
	$(PYTHON_BIN)/python -m pytest -n $(PYTEST_WORKERS) -m "not e2e and not oracle"

lint: format types contracts ## Formatting, lint, types and import contracts.

# The parts of `check` need nothing of each other. What one prints stays together where make can do that (4.0 and newer).
check: venv ## The gate of every edit, about a minute: lint and the fast tests, side by side.
	@$(MAKE) --no-print-directory -j $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) lint test-unit

format: venv
	$(PYTHON_BIN)/ruff format --check .
	$(PYTHON_BIN)/ruff check .

types: venv
	$(PYTHON_BIN)/mypy
	$(PYTHON_BIN)/mypy samples/bookinfo bench tests/e2e/harness tests/e2e/namespaces tests/e2e/docker

contracts: venv
	$(PYTHON_BIN)/lint-imports

bench: venv ## Times and sizes for 10, 100 and 1,000 services.
	$(PYTHON_BIN)/python -m bench

images: ## The Docker images pilothouse and pilothouse-agent.
	docker build --target pilothouse -t pilothouse:latest .
	docker build --target pilothouse-agent -t pilothouse-agent:latest .

clean: ## Remove everything that the other targets made.
	rm -rf .venv .venv-oracle .envoy .demo build dist *.egg-info
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
