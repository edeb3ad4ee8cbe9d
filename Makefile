# Everything here runs on one machine, without an AWS account and without a container engine.

# The AWS SDK carries a hint that most of it is never called. With this flag cargo heeds it, compiles only the used
# part and needs 3-4 CPU minutes instead of about 8. On the stable toolchain the flag needs RUSTC_BOOTSTRAP=1.
# `make test PLAIN=1` does without both.
ifdef PLAIN
CARGO := cargo
else
CARGO := RUSTC_BOOTSTRAP=1 cargo -Zprofile-hint-mostly-unused
endif

PYTHON ?= python3
VENV := .venv/bin/python

export PYTHONDONTWRITEBYTECODE := 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint unit sim e2e cdk explore fuzz build fmt clean tools

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: build .venv/stamp ## Deploy the stack and share an endpoint on a local AWS; about two minutes after the build
	@$(VENV) tests/e2e/demo.py

test: lint unit sim e2e cdk ## Run every check: format, lint, unit, integration, end to end, CDK

lint: tools .venv/stamp ## Check format, warnings and template.yaml
	cargo fmt --all --check
	.venv/bin/cfn-lint template.yaml
	@echo "Linting; the first time this reads the whole AWS SDK: about 2 minutes on 2 cores."
	$(CARGO) clippy --all-targets -- -D warnings

unit: build ## Run the Rust tests
	$(CARGO) test

sim: build .venv/stamp ## Check the simulated EC2 with boto3, an AWS SDK that is not Rust's
	@$(VENV) tests/e2e/engine.py sim/tests/boto3_check.py

e2e: build .venv/stamp ## Run the end-to-end tests: CloudFormation, Lambda process, simulated EC2
	@$(VENV) tests/e2e/e2e.py

# Node.js is not among what everybody has who works on the function. The stamp is the lock file that was installed.
cdk: tools ## Build and test the CDK constructs, where Node.js 20.16 or newer is
	@if command -v npm >/dev/null && node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || a == 20 && b >= 16 ? 0 : 1)'; then \
	  cd cdk && { cmp -s package-lock.json node_modules/.lock || { npm ci --no-fund --no-audit && cp package-lock.json node_modules/.lock; }; } && \
	  JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20 PYTHON=$(PYTHON) npm test; \
	else echo "cdk: skipped, because Node.js 20.16 or newer is not here."; fi

# Every fault at every call takes five minutes more; `make test` tries those of all changes and of some looks.
explore: tools ## Look for holes in the sharing protocol for EXPLORE_SECONDS (300), twice: on a model, and on the wire
	$(CARGO) test --test it -- every_call_of_every_story --ignored --nocapture
	EXPLORE_SECONDS=$${EXPLORE_SECONDS:-300} $(CARGO) test --test it -- for_as_long_as_told --ignored --nocapture --test-threads=1

# The same compiler as for all else: without a sanitizer, for there is no unsafe code to watch, stable Rust will do.
fuzz: tools ## Throw bytes at the function for FUZZ_SECONDS (300); this needs cargo-fuzz
	@cargo fuzz --version >/dev/null 2>&1 || { echo "cargo-fuzz is missing: cargo install --locked cargo-fuzz@0.13.2"; exit 1; }
	@echo "Building everything for libFuzzer, the AWS SDK too: some 10 minutes on 2 cores the first time."
	@mkdir -p fuzz/corpus/event
	RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_PROFILE_HINT_MOSTLY_UNUSED=true cargo fuzz run --dev --sanitizer none event fuzz/corpus/event events -- -max_total_time=$${FUZZ_SECONDS:-300}

build: tools ## Build the Lambda function and the simulated EC2
	@echo "Building the function and the simulated EC2: 4-6 minutes on 2 cores the first time, seconds after that."
	$(CARGO) build

fmt: tools ## Format the Rust code
	cargo fmt --all

clean: ## Remove everything that was built; the next build is a first one again
	rm -rf .venv .run dist target
	cd cdk && rm -rf .venv build dist lib node_modules .jsii tsconfig.json

# Without these nothing works; say which one is missing instead of failing half-way.
tools:
	@for tool in cargo cc $(PYTHON); do \
	  command -v $$tool >/dev/null || { echo "$$tool is missing: this needs Rust, a C compiler and Python 3.10 or newer."; exit 1; }; \
	done
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python 3.10 or newer is needed; $(PYTHON) is older. Name another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing (on Debian and Ubuntu: the package python3-venv)."; exit 1; }

.venv/stamp: tests/e2e/requirements.txt
	@echo "Installing what stands in for AWS into .venv: about half a minute."
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@
