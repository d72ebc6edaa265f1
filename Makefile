# Two commands: `make run` and `make test`. `make check` is what a change has to pass first.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test check format build console debian-packages bench soak \
        test-rust test-schedules test-console test-websocket test-rest test-js test-java test-browser

export GRANDSTAND_BIN := $(CURDIR)/target/release/grandstand
# Benchmark figures say what they were made with.
export GRANDSTAND_COMMIT := $(shell git describe --always --dirty --exclude '*' --abbrev=12 2>/dev/null)
NPM_CI := npm ci --no-audit --no-fund --loglevel=error
# As locked, too; but `npm ci` insists on Rollup's binaries for every platform, which not every registry has.
NPM_INSTALL := npm install --no-save --no-audit --no-fund --loglevel=error

help: ## This list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Builds everything and starts the server with the demo room.
	exec $(GRANDSTAND_BIN) serve

build: console ## The server, optimised, with the demo room inside.
	cargo build --release --locked --package grandstand --package grandstand-bench

console: console/dist/index.html

console/dist/index.html: $(shell find console/src console/index.html console/vite.config.ts console/tsconfig.json console/package.json console/package-lock.json -type f)
	cd console && $(NPM_INSTALL) && npm run build

test: debian-packages build ## Every test there is; installs what they need.
	$(MAKE) test-rust
	$(MAKE) test-schedules
	$(MAKE) test-console
	$(MAKE) test-websocket
	$(MAKE) test-rest
	$(MAKE) test-js
	$(MAKE) test-java
	$(MAKE) test-browser

test-rust: build ## Rules, codec, store, gateway, client: the Rust tests.
	cargo test --workspace --locked

test-schedules: ## What the threads of fan-out share, in orders that a machine rarely takes.
	cargo test --package grandstand --lib --features shuttle --locked schedules::

test-console: console ## The demo room's own logic.
	cd console && npm test

test-websocket: ## WebSocket conformance: Autobahn's cases on our codec.
	e2e/websocket/run

test-rest: build ## The HTTP API against its own description: schemathesis.
	e2e/rest/run

test-js: build ## LeanCloud's JavaScript SDKs, and strict stand-ins for those that cannot run here.
	cd e2e/js && $(NPM_CI) && npm test

test-java: build ## LeanCloud's Java SDK.
	cd e2e/java && mvn test

test-browser: build ## Debian's Chromium in the demo room.
	cd e2e/browser && $(NPM_CI) && npm test

# Not in the folder for temporary files, which may be memory: commits would cost nothing there.
STANDARD := target/release/grandstand-bench standard --serve $(GRANDSTAND_BIN) --data target --out docs

bench: build ## The standard benchmarks, ten minutes on a quiet machine; writes docs/benchmarks.md.
	$(STANDARD)

soak: build ## The long ones, an hour and a half: accounts, floods in little memory, churn, ten million messages; figures go to that page.
	GRANDSTAND_LEDGER_ROUNDS=3 GRANDSTAND_LEDGER_MEMBERS=900 \
	  cargo test --locked --package grandstand --test gateway ledger
	GRANDSTAND_FLOOD_SECONDS=120 GRANDSTAND_DRAIN_CLIENTS=10000 GRANDSTAND_SLEEPER_GIFTS=10000 \
	  cargo test --locked --package grandstand --test little_memory --test storms -- --nocapture floods:: drain:: sleeper::
	GRANDSTAND_RUSH_MEMBERS=5000 GRANDSTAND_RUSH_SECONDS=30 \
	  cargo test --locked --package grandstand --test rush -- --nocapture flood
	$(STANDARD) --long

check: console ## Format, lints, dependencies, generated code, tidiness.
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- --deny warnings
	cargo clippy --package grandstand --lib --profile test --features shuttle --locked -- --deny warnings
	cargo xtask codegen --check
	cargo xtask tidy
	cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny --version 0.20.2
	cargo deny --log-level error check bans licenses sources
	cd console && npm run check

format: ## Formats the sources.
	cargo fmt --all
	cd console && npm run format

# What the tests need beyond Rust, Node and Java. Root installs it; others are told.
DEBIAN := chromium curl fonts-noto-cjk openssl python3-venv
debian-packages:
	@missing=$$(for package in $(DEBIAN); do dpkg -s $$package >/dev/null 2>&1 || echo $$package; done); \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	  else echo "please install: $$missing"; exit 1; fi; \
	fi
