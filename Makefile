# Two commands matter: `make run` and `make test`. Python 3.11, make and git are all they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RELEASE := .venv-release
DOCKER ?= docker
UV ?= $(or $(shell command -v uv),$(BIN)/uv)
QUICK ?=

COVERED := $(addprefix tests/,orders carts masterdata notifications http_client api documents)

LOCALE := oms_ledger/backoffice/locale

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
export PIP_NO_INPUT := 1

.DEFAULT_GOAL := help
.PHONY: help run test quick coverage check lint types contracts format guarantees operations texts openapi bench soak site sbom audit manifests image lock clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/run.lock ## Set up and start the whole system with a demo (Ctrl-C stops it)
	@OMS_DEMO=$${OMS_DEMO:-on} exec $(BIN)/oms-ledger up

test: $(VENV)/dev.lock ## Run all tests, on SQLite and on a real PostgreSQL and Redis
	@$(BIN)/python -m pytest -n auto $(ARGS)

quick: $(VENV)/dev.lock ## Run the tests without a database or a process, within a minute
	@$(BIN)/python -m pytest -q -n auto -m unit $(ARGS)

coverage: $(VENV)/dev.lock ## Count what tests of domain and API run through; below the floor it fails
	@mkdir -p build && $(BIN)/coverage run -m pytest -q -m unit -k "not properties" $(COVERED) $(ARGS)
	@$(BIN)/coverage report

check: lint types contracts test ## Everything that has to hold before a commit

lint: $(VENV)/dev.lock ## Look at form and habits of the code
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(VENV)/dev.lock ## Check types
	@$(BIN)/mypy

contracts: $(VENV)/dev.lock ## Check who may import whom
	@$(BIN)/lint-imports

format: $(VENV)/dev.lock ## Put the code into its form
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

openapi: $(VENV)/dev.lock ## Write docs/reference/openapi.json anew
	@$(BIN)/python -m oms_ledger.api.description docs/reference/openapi.json

guarantees: $(VENV)/dev.lock ## Write docs/reference/guarantees.md anew
	@$(BIN)/python -m tests.support.guarantees

operations: $(VENV)/dev.lock ## Write docs/reference/operations.md anew
	@$(BIN)/python -m tests.support.published_operations

texts: $(VENV)/dev.lock ## Write the translations of the back office's pages anew
	@for language in pt es; do $(BIN)/pybabel -q compile -d $(LOCALE) -l $$language; done

bench: $(VENV)/dev.lock ## Measure (QUICK=1: within two minutes)
	@QUICK=$(QUICK) $(BIN)/python -m benchmarks

soak: $(VENV)/dev.lock ## Run under load for long and count everything again
	@QUICK=$(QUICK) MINUTES=$(MINUTES) SEED=$(SEED) $(BIN)/python -m tests.soak.soak $(ARGS)
	@QUICK=$(QUICK) MINUTES=$(MINUTES) SEED=$(SEED) $(BIN)/python -m tests.soak.triggers
	@QUICK=$(QUICK) MINUTES=$(MINUTES) SEED=$(SEED) $(BIN)/python -m tests.model.soak_model
	@ROUNDS=100 $(BIN)/python -m pytest -q tests/acceptance/test_cart_concurrency.py

site: $(RELEASE)/lock ## Build the pages of docs/ into build/site; a dead link ends it
	@NO_MKDOCS_2_WARNING=1 $(RELEASE)/bin/mkdocs build --quiet --clean

sbom: $(RELEASE)/lock ## Write build/sbom.json: what a release is made of (CycloneDX)
	@mkdir -p build && $(RELEASE)/bin/cyclonedx-py requirements --pyproject pyproject.toml \
		--output-reproducible --of JSON -o build/sbom.json requirements.lock

audit: $(RELEASE)/lock ## Ask for known vulnerabilities of the locked libraries (needs a network)
	@$(RELEASE)/bin/pip-audit --strict --no-deps --disable-pip -r requirements.lock

manifests: $(RELEASE)/lock ## Hold Dockerfile and Kubernetes manifests against their rules
	@$(RELEASE)/bin/hadolint Dockerfile
	@for file in $(filter-out %kustomization.yaml,$(wildcard deploy/kubernetes/*.yaml)); do \
		$(RELEASE)/bin/kubernetes-validate --quiet --strict $$file || exit 1; done

image: ## Build the container image (needs docker, or DOCKER=podman)
	@$(DOCKER) build --tag oms-ledger .

lock: ## Choose the versions anew and write the lock files (needs uv, or fetches it)
	@test -x "$(UV)" || { test -d $(VENV) || $(PYTHON) -m venv $(VENV); $(BIN)/pip install -q uv; }
	@echo 'setuptools>=77' | $(UV) pip compile $(COMPILE) --extra oidc --extra nats --extra archive --group dev -o requirements-dev.lock
	@echo 'setuptools>=77' | $(UV) pip compile $(COMPILE) -c requirements-dev.lock -o requirements.lock
	@$(UV) pip compile --group pyproject.toml:release $(LOCKING) -o requirements-release.lock
	@echo "Wrote requirements.lock, requirements-dev.lock and requirements-release.lock."

LOCKING := --quiet --upgrade --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate
COMPILE := pyproject.toml - --extra fast $(LOCKING)

clean: ## Remove what can be made again (never data/)
	@rm -rf $(VENV) $(RELEASE) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A virtual environment keeps a copy of the lock file it was made from, and is made again when
# the two differ. One made for the tests runs the system as well.
$(VENV)/run.lock: requirements.lock
	@cmp -s $< $@ && touch $@ || $(call make_venv,$<,$(VENV)/run.lock)

$(VENV)/dev.lock: requirements-dev.lock requirements.lock
	@cmp -s $< $@ && touch $@ || { $(call make_venv,$<,$@) && cp requirements.lock $(VENV)/run.lock; }

# The tools of a release are many, and nothing of what runs: they have an environment of their own.
$(RELEASE)/lock: requirements-release.lock
	@cmp -s $< $@ && touch $@ || { echo "Setting up $(RELEASE) from $<"; \
		$(PYTHON) -m venv --clear $(RELEASE) \
		&& $(RELEASE)/bin/pip install --quiet --require-hashes -r $< && cp $< $@; }

define make_venv
{ \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }; \
	echo "Setting up $(VENV) from $(1)"; \
	$(PYTHON) -m venv --clear $(VENV) \
		&& $(BIN)/pip install --quiet --require-hashes -r $(1) \
		&& $(BIN)/pip install --quiet --no-deps --no-build-isolation -e . \
		&& cp $(1) $(2); \
}
endef
