# Paceline. `make help` lists what can be done.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
GO      ?= go
ARGS    ?=

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/paceline
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/paceline ./cmd/paceline

.PHONY: demo
demo: build ## a whole cluster on this machine with sample apps and people; ARGS="--load 50 --plain"
	@bin/paceline demo $(ARGS)

.PHONY: run
run: build ## a server on ./data
	@bin/paceline serve --data data $(ARGS)

.PHONY: tools
tools: ## install the databases and balancers that the tests start (Debian), or say what is skipped
	@test/tools

.PHONY: test
test: tools ## every test, with the race detector, on SQLite, PostgreSQL and MariaDB
	@$(GO) test -race -timeout 20m ./...

.PHONY: chaos
chaos: tools ## hurt a whole cluster in every way while people work; a quarter of an hour; writes docs/reliability.md
	@CHAOS=full $(GO) test ./test/chaos -count=1 -timeout 40m -v $(ARGS)

.PHONY: chaos-short
chaos-short: tools ## the short form of chaos, which is part of test, too; three minutes
	@$(GO) test ./test/chaos -count=1 -v $(ARGS)

.PHONY: race
race: test ## the same as test: the race detector is always on

.PHONY: check
check: ## format, vet, staticcheck, shape, generated files current
	@bad=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$bad" ]; then echo "gofmt -w these:"; echo "$$bad"; exit 1; fi
	@$(GO) vet ./...
	@$(GO) tool staticcheck ./...
	@$(GO) test -count=1 .
	@$(GO) mod verify >/dev/null
	@echo "check: clean"

.PHONY: sim
sim: ## play N random models from SEED on (default 2000 from 0); a failing one is shrunk and printed
	@$(GO) test ./internal/engine -count=1 -run '^TestSimulation$$' -sim.seed=$${SEED:-0} -sim.n=$${N:-2000}

.PHONY: fuzz
fuzz: ## fuzz each parser of hostile input, FUZZTIME each (default 30s)
	@test/fuzz $${FUZZTIME:-30s}

.PHONY: bench
bench: build tools ## throughput and cost per transition, ours beside one transaction per step
	@$(GO) run ./bench $(ARGS)

.PHONY: bench-engine
bench-engine: tools ## a Step of ten models and group commit, beside the last recorded run; ARGS=-record keeps it
	@$(GO) run ./bench $(ARGS) engine

.PHONY: bench-inbox
bench-inbox: tools ## inbox and counts with a million finished tickets
	@$(GO) run ./bench inbox $(ARGS)

.PHONY: bench-gateway
bench-gateway: build tools ## our gateway beside nginx and HAProxy; writes docs/performance.md
	@$(GO) run ./bench/gateway $(ARGS)

.PHONY: bench-scale
bench-scale: build tools ## what servers, requests and jobs of a cluster cost, with 10, 100 and 1,000 members; writes docs/scale.md
	@$(GO) run ./bench $(ARGS) scale

.PHONY: conformance
conformance: build tools ## suites that others wrote, and our varnishtest scripts; writes docs/reliability.md
	@$(GO) run ./test/conformance $(ARGS)
