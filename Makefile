# vesbridge. `make demo` needs Go and nothing else; `make test` proves everything.

GO           ?= go
LINT         := $(GO) tool -modfile=tools/go.mod golangci-lint
# Real servers, the race detector and a shared machine: generous, and still an end.
TEST_TIMEOUT ?= 60m
TEST_FLAGS   ?=
BENCH        ?= .
BENCHTIME    ?= 1s

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## bin/bridge
	$(GO) build -trimpath -o bin/bridge ./cmd/bridge

.PHONY: demo
demo: ## the whole pipeline on this machine: a small mesh, the bridge, a VES collector
	$(GO) run ./cmd/bridge demo $(DEMO_FLAGS)

.PHONY: test
test: servers ## all tests: unit, race detector, end to end against real servers
	$(GO) test -race -timeout $(TEST_TIMEOUT) $(TEST_FLAGS) $$($(GO) list ./... | grep -v '/test/e2e$$')
	$(GO) test -race -count=1 -timeout $(TEST_TIMEOUT) $(TEST_FLAGS) ./test/e2e

.PHONY: short
short: ## the tests that need no server, quickly
	$(GO) test -short -timeout 10m $(TEST_FLAGS) ./...

.PHONY: e2e
e2e: servers ## the end-to-end tests alone
	$(GO) test -count=1 -timeout $(TEST_TIMEOUT) $(TEST_FLAGS) ./internal/bridgetest ./test/e2e

.PHONY: servers
servers: ## real servers for the tests, into a cache folder
	test/servers/install.sh

.PHONY: bench
bench: servers ## benchmarks
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -benchtime $(BENCHTIME) -timeout $(TEST_TIMEOUT) ./pkg/...

.PHONY: lint
lint: ## gofmt, vet and the other analyzers, pinned in tools/go.mod
	$(LINT) run ./...

.PHONY: fmt
fmt: ## format and sort imports
	$(LINT) fmt ./...

.PHONY: generate
generate: ## generated code, schemas and dashboards
	$(GO) generate ./...

.PHONY: clean
clean: ## what builds and tests leave in the tree
	rm -rf bin
