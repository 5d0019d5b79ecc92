# Commands for people. Each target first installs what is missing; `make help` lists them.
PYTHON ?= python3
VENV_PYTHON := .venv/bin/python
SETUP := @$(PYTHON) -m local.setup --quiet

.DEFAULT_GOAL := help
.PHONY: help setup up down status logs reset demo mesh mesh-down mesh-status mesh-demo mesh-test image image-test generate format check test chaos crash-points mutants load bench lock sbom breaking golden pictures release-image

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## create .venv and install everything else that is needed
	@$(PYTHON) -m local.setup

up: ## start the whole system on this machine; SET="--set order.LOG_LEVEL=debug" changes a setting
	$(SETUP)
	@$(VENV_PYTHON) -m local up $(SET)

down: ## stop it; the data stays
	$(SETUP)
	@$(VENV_PYTHON) -m local down

status: ## show what runs, where, and its health
	$(SETUP)
	@$(VENV_PYTHON) -m local status || true

logs: ## follow the logs; PART=order for one part, JSON=1 for JSON, FOLLOW=0 prints and exits
	$(SETUP)
	@$(VENV_PYTHON) -m local logs $(PART) $(if $(JSON),--json) $(if $(filter 0,$(FOLLOW)),--no-follow)

reset: ## stop it and delete its data, after a confirmation; YES=1 skips it
	$(SETUP)
	@$(VENV_PYTHON) -m local reset $(if $(YES),--yes)

demo: ## start the system if it is down, and make purchases step by step
	$(SETUP)
	@$(VENV_PYTHON) -m local up
	@$(VENV_PYTHON) -m local demo

mesh: ## start everything in a real mesh: Kubernetes API, istiod, sidecars (the first run builds them, which takes minutes)
	$(SETUP)
	@$(VENV_PYTHON) -m manifests.setup
	@$(VENV_PYTHON) -m mesh.setup
	@$(VENV_PYTHON) -m mesh up

mesh-down: ## stop the mesh
	$(SETUP)
	@$(VENV_PYTHON) -m mesh down

mesh-status: ## show what runs of the mesh, where, and its health
	$(SETUP)
	@$(VENV_PYTHON) -m mesh status || true

mesh-demo: mesh ## make a purchase through the mesh's gateway, step by step
	@$(VENV_PYTHON) -m mesh demo

mesh-test: mesh ## test the policy of the running mesh; ARGS for pytest
	@$(VENV_PYTHON) -m pytest tests/mesh $(ARGS)

image: ## build the image without Docker (Linux, as root, with buildah and mmdebstrap)
	$(SETUP)
	@$(VENV_PYTHON) -m local.image build

image-test: image ## start every service and the edge from the image, and test them; ARGS for pytest
	@$(VENV_PYTHON) -m pytest tests/image $(ARGS)

generate: ## regenerate everything under generated/ from proto/
	$(SETUP)
	@$(VENV_PYTHON) -m codegen generate

format: ## sort imports and lay out code and protos, as `make check` wants them
	$(SETUP)
	@.venv/bin/ruff check --quiet --select I --fix .
	@.venv/bin/ruff format --quiet .
	@.venv/bin/buf format --write proto

check: ## lint, types, import rules, contract and drift; QUICK=1 without what needs tools that are built first
	$(SETUP)
	@$(VENV_PYTHON) -m gates.check $(if $(QUICK),--quick)

test: ## every test: unit, contract, integration, end to end; ARGS for pytest
	$(SETUP)
	@$(VENV_PYTHON) -m pytest $(or $(ARGS),--cov -n 2 --dist loadfile --no-loadscope-reorder)

crash-points: ## kill each process once at each crash point, on the real stack (about 15 minutes)
	$(SETUP)
	@$(VENV_PYTHON) -m pytest -s -m long tests/e2e/test_crash_points.py $(ARGS)

chaos: ## inject faults while customers buy, then check consistency; SEED=7 MINUTES=2 FAULTS=kill,cut LOAD=spike PLAN=FILE SHRINK=20 PUBLISH=1
	$(SETUP)
	@$(VENV_PYTHON) -m tests.chaos --seed $(or $(SEED),1) --minutes $(or $(MINUTES),2) $(if $(FAULTS),--faults $(FAULTS)) \
		$(if $(LOAD),--load $(LOAD)) $(if $(PLAN),--plan $(PLAN)) $(if $(SHRINK),--shrink $(SHRINK)) $(if $(PUBLISH),--publish)

mutants: ## show that the checker of `make chaos` catches known mistakes; ARGS=no-inbox for one (docs/mutants.md)
	$(SETUP)
	@$(VENV_PYTHON) -m tests.mutants $(ARGS)

load: ## load a system of its own, then check consistency; PROFILE=ramp, spike, soak or flash, RATE=5, PUBLISH=1
	$(SETUP)
	@$(VENV_PYTHON) -m tests.load --profile $(or $(PROFILE),spike) $(if $(RATE),--rate $(RATE)) $(if $(PUBLISH),--publish)

bench: ## measure the CPU of operations, calls, a purchase and idling, and report it (the system must be up); PUBLISH=1, ARGS
	$(SETUP)
	@$(VENV_PYTHON) -m load.bench $(if $(PUBLISH),--publish) $(ARGS)

lock: ## resolve the locks from pyproject.toml; ARGS=--upgrade for newer versions
	$(SETUP)
	@$(VENV_PYTHON) -m gates.locks make $(ARGS)

sbom: ## write the software bill of materials (CycloneDX) of all third-party components
	$(SETUP)
	@$(VENV_PYTHON) -m gates.sbom

breaking: ## compare the contract with that of another commit; AGAINST=origin/main
	$(SETUP)
	@$(VENV_PYTHON) -m codegen breaking --against $(or $(AGAINST),main)

pictures: ## renew the pictures of README, with Chromium, from a system of its own
	$(SETUP)
	@ARGOSY_PICTURES=docs/pictures $(VENV_PYTHON) -m pytest tests/browser/test_pictures.py

golden: ## add golden files for new versions of facts
	$(SETUP)
	@$(VENV_PYTHON) -m tests.golden

release-image: ## store the contract and example orders of this version, which checks and tests compare with
	$(SETUP)
	@$(VENV_PYTHON) -m codegen release
	@$(VENV_PYTHON) -m tests.golden --release
