# The tasks of this project. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# A copy of the tree without .git has no history to ask; the program then knows
# its version from its source.
VERSION ?= $(and $(wildcard .git),$(shell git describe --tags --always --dirty 2>/dev/null))
FUZZTIME ?= 10s
N ?= 60000
SEED ?= 0
BENCH ?= .
ARGS ?=

# SQLite is C: say so here rather than at the first query of a binary without it.
export CGO_ENABLED := 1

# The version comes from git describe above; asking git again would make every
# command fail in a checkout that belongs to somebody else.
export GOFLAGS := $(filter-out -buildvcs%,$(shell go env GOFLAGS)) -buildvcs=false

# A program with the race detector else sleeps a second before it ends, and every
# package's tests are one.
export GORACE ?= atexit_sleep_ms=0

# One package more at a time than there are processors: a test often waits for a server,
# a browser or a database.
JOBS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

# The packages whose tests take longest begin first, so that none of them is alone at the end.
longest := ./tests ./cmd/slipway ./server/ui/pages ./server/reports ./cmd/slipway/demo ./server/retention ./server ./store/storetest ./tests/clients

# What object-store built; .ci/run has its own.
export SLIPWAY_TEST_S3 ?= $(wildcard $(CURDIR)/.cache/versitygw)

oapi-codegen := go tool -modfile=gen/tools/go.mod oapi-codegen
oasdiff := go tool -modfile=gen/tools/go.mod oasdiff
slipway := go run ./cmd/slipway
released := tests/testdata/released/slipway.yaml

.PHONY: help
help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: build ## build and start the server on http://127.0.0.1:8080 (ARGS="--listen …")
	bin/slipway serve $(ARGS)

.PHONY: build
build: ## write bin/slipway; needs Go, a C compiler and the module proxy
	@[ -e bin/slipway ] || echo "The first build compiles SQLite and everything else, which takes a few minutes."
	go build -ldflags '-s -w -X main.version=$(VERSION)' -o bin/slipway ./cmd/slipway

.PHONY: test
test: ## run all tests with the race detector; lists at its end what the machine lacks
	cd gen/tools && go test -vet=off -count=1 ./... # lint vets, and more thoroughly; go sees no change of openapi from there
	@cd gen/tools && go build -o '$(CURDIR)/.cache/skips' ./skips
	go test -json -vet=off -race -p $(JOBS) -timeout 30m $(longest) ./... | .cache/skips

.PHONY: object-store
object-store: ## build the S3 server that tests of object storage need, into .cache
	cd gen/tools/s3 && go build -o $(CURDIR)/.cache/versitygw github.com/versity/versitygw/cmd/versitygw

.PHONY: test-postgres
test-postgres: ## the same on a private PostgreSQL as well (see .ci/postgres)
	@started=$$(.ci/postgres start); eval "$$started"; \
	result=0; $(MAKE) test || result=$$?; .ci/postgres stop; exit $$result

.PHONY: generate
generate: ## merge openapi/*.yaml, make gen/<area> and gen/client from it
	cd gen/tools && go run ./merge -dir ../../openapi -out ../../openapi/slipway.yaml
	cd gen/tools && go run ./areas -doc ../../openapi/slipway.yaml -overlay ../../openapi/overlay.yaml -out ..
	$(oapi-codegen) -config gen/client/cfg.yaml openapi/slipway.yaml
	cd gen/tools && go run ./lists -client ../client
	$(slipway) settings --into README.md --into server/ui/guide/limits.md

.PHONY: verify
verify: ## fail when generated files differ from what generate makes, or a file from gofmt
	.ci/verify

.PHONY: lint
lint: ## golangci-lint with .ci/golangci.yaml, which vets as well; the first run builds it
	go vet ./gen/... # the linter says nothing about generated files
	go tool -modfile=gen/tools/lint/go.mod golangci-lint run --config .ci/golangci.yaml ./...
	cd gen/tools && go tool -modfile=lint/go.mod golangci-lint run --config ../../.ci/golangci.yaml ./...

.PHONY: spec-lint
spec-lint: ## check openapi/slipway.yaml with .ci/spectral.yaml and .ci/redocly.yaml; needs Node.js and npm
	.ci/redocly/run openapi/slipway.yaml
	.ci/spectral/run openapi/slipway.yaml

.PHONY: breaking
breaking: ## fail when the document breaks clients of the last released one; the list of a problem's ids is meant to grow
	@if [ -f $(released) ]; then \
		mkdir -p .cache && for document in $(released) openapi/slipway.yaml; do \
			sed '/^ *enum: \[invalid-request, /d' $$document >.cache/breaking-$$(basename $$(dirname $$document)).yaml || exit; \
		done && \
		$(oasdiff) breaking --fail-on ERR --err-ignore .ci/breaking .cache/breaking-released.yaml .cache/breaking-openapi.yaml; \
	else \
		echo "$(released) does not exist: nothing is released yet, so nothing can break"; \
	fi

.PHONY: fuzz
fuzz: ## run every fuzz test for FUZZTIME (10s)
	@go test -list '^Fuzz' ./... \
		| awk '/^Fuzz/ { names[n++] = $$1 } $$1 == "ok" { for (i = 0; i < n; i++) print $$2, names[i]; n = 0 }' \
		| while read -r package name; do \
			echo "== $$package $$name"; \
			go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$package" </dev/null; \
		done

.PHONY: fuzz-document
fuzz-document: ## send N (60000) requests that are drawn from the document (SEED=1 draws others); the tests send 4500
	SLIPWAY_TEST_DRAWN=$(N) SLIPWAY_TEST_DRAWN_SEED=$(SEED) go test -run '^TestDrawn$$' -count=1 -v -timeout 3h ./tests

.PHONY: bench
bench: ## run every benchmark, or those that match BENCH
	go test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 60m ./...

.PHONY: bench-service
bench-service: ## measure a running server and its peers (ARGS="-short -against v1"; tests/bench)
	go run ./tests/bench $(ARGS)

.PHONY: clients
clients: ## run the five systems' own clients against the server
	go test -count=1 -v ./tests/clients/...

.PHONY: explorer
explorer: ## fetch the files of the API explorer again; needs npm
	.ci/explorer

.PHONY: release
release: ## build the archives of a release, their parts and checksums, into dist
	VERSION='$(VERSION)' .ci/release

.PHONY: released
released: ## make this document the one that breaking compares with; for the commit that is tagged
	sed '/^# Code generated .* DO NOT EDIT\.$$/d' openapi/slipway.yaml >$(released) # it is made no more
	echo '# What may change although it breaks a client on paper, each with its reason.' >.ci/breaking

.PHONY: clean
clean: ## remove what the other targets made outside version control
	rm -rf bin dist .cache
