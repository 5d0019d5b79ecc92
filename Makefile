# What a person types. Each target sets up first what is missing; `make help` lists them.
PYTHON ?= python3
VENV_PYTHON := .venv/bin/python
SETUP := @$(PYTHON) -m local.setup --quiet

.DEFAULT_GOAL := help
.PHONY: help setup up down status logs reset demo mesh mesh-down mesh-status mesh-demo mesh-test generate check test bench lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv and everything else that is needed
	@$(PYTHON) -m local.setup

up: ## start the whole system on this machine; SET="--set order.LOG_LEVEL=debug" changes a setting
	$(SETUP)
	@$(VENV_PYTHON) -m local up $(SET)

down: ## stop it; the data stays
	$(SETUP)
	@$(VENV_PYTHON) -m local down

status: ## what runs, where, and how it is
	$(SETUP)
	@$(VENV_PYTHON) -m local status || true

logs: ## follow the logs; PART=order for one part, JSON=1 for programs, FOLLOW=0 for all that is there
	$(SETUP)
	@$(VENV_PYTHON) -m local logs $(PART) $(if $(JSON),--json) $(if $(filter 0,$(FOLLOW)),--no-follow)

reset: ## stop it and delete its data, after asking; YES=1 does not ask
	$(SETUP)
	@$(VENV_PYTHON) -m local reset $(if $(YES),--yes)

demo: ## start the system if need be, and buy something, told step by step
	$(SETUP)
	@$(VENV_PYTHON) -m local up
	@$(VENV_PYTHON) -m local demo

mesh: ## start it all in a real mesh: Kubernetes API, istiod, a sidecar each (builds them first: minutes, once)
	$(SETUP)
	@$(VENV_PYTHON) -m local.manifests.setup
	@$(VENV_PYTHON) -m local.mesh.setup
	@$(VENV_PYTHON) -m local.mesh up

mesh-down: ## stop the mesh
	$(SETUP)
	@$(VENV_PYTHON) -m local.mesh down

mesh-status: ## what runs of the mesh, where, and how it is
	$(SETUP)
	@$(VENV_PYTHON) -m local.mesh status || true

mesh-demo: mesh ## buy something through the mesh's gateway, told step by step
	@$(VENV_PYTHON) -m local.mesh demo

mesh-test: mesh ## hold the running mesh to its policy; ARGS for pytest
	@$(VENV_PYTHON) -m pytest tests/mesh $(ARGS)

generate: ## make everything under generated/ anew from proto/
	$(SETUP)
	@$(VENV_PYTHON) -m codegen generate

check: ## lint, types, import rules, contract and drift
	$(SETUP)
	@$(VENV_PYTHON) -m local.check

test: ## every test: unit, contract, integration, end to end; ARGS for pytest
	$(SETUP)
	@$(VENV_PYTHON) -m pytest $(or $(ARGS),--cov)

bench: ## what the chassis costs a call, beside a bare handler (the system must be up)
	$(SETUP)
	@$(VENV_PYTHON) -m load.chassis_cost

lock: ## resolve requirements.lock anew from pyproject.toml
	$(SETUP)
	@.venv/bin/uv --quiet pip compile --universal --python-version 3.11 --no-emit-index-url --generate-hashes \
		--extra dev --custom-compile-command "make lock" pyproject.toml -o requirements.lock
