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

# The AWS SAM CLI in a place of its own, which keeps no records in the user's home and sends none.
SAM := SAM_CLI_TELEMETRY=0 __SAM_CLI_APP_DIR=$(CURDIR)/.venv-sam .venv-sam/bin/sam

# The processor to build for: x86_64 or arm64, as in template.yaml.
ARCH ?= x86_64

# Node.js is not among what everybody has who works on the function: what needs it is skipped without it.
ifeq ($(shell node -p 'const [a, b] = process.versions.node.split("."); a > 20 || a == 20 && b >= 16' 2>/dev/null),true)
CDK := cdk/lib/function.json cdk/.venv/requirements.txt
NPM := cd cdk && JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20 PYTHON=$(PYTHON) npm
endif

export PYTHONDONTWRITEBYTECODE := 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint unit sim e2e cdk explore fuzz bench build package deploy credentials audit fmt clean tools

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: build .venv/stamp ## Deploy the stack and share an endpoint on a local AWS; about two minutes after the build
	@$(VENV) tests/e2e/demo.py

test: lint unit sim cdk e2e ## Run every check: format, lint, unit, integration, CDK, end to end

lint: tools .venv/stamp .venv-sam/stamp ## Check format, warnings, templates, and the rules for cfn-lint
	cargo fmt --all --check
	.venv/bin/cfn-lint --append-rules schema -- template.yaml examples/*/*.yaml
	@$(VENV) tests/e2e/lint_check.py
	$(SAM) validate --lint --region us-east-1
	@echo "Linting; the first time this reads the whole AWS SDK: about 2 minutes on 2 cores."
	$(CARGO) clippy --all-targets -- -D warnings

unit: build ## Run the Rust tests, and those of the packaging
	$(CARGO) test
	$(PYTHON) -m unittest discover --start-directory scripts --pattern '*_test.py'

sim: build .venv/stamp ## Check the simulated EC2 with boto3, an AWS SDK that is not Rust's
	@$(VENV) tests/e2e/engine.py sim/tests/boto3_check.py

e2e: build .venv/stamp $(CDK) ## Run the end-to-end tests: CloudFormation, Lambda process, simulated EC2
	@$(VENV) tests/e2e/e2e.py $(if $(CDK),,--without-cdk)

cdk: tools $(CDK) ## Build and test the CDK constructs, where Node.js 20.16 or newer is
ifdef CDK
	$(NPM) test
else
	@echo "cdk: skipped, because Node.js 20.16 or newer is not here."
endif

# The stamp is the lock file that was installed.
cdk/node_modules/.lock: cdk/package-lock.json
	cd cdk && npm ci --no-fund --no-audit && cp package-lock.json node_modules/.lock

cdk/lib/function.json: cdk/node_modules/.lock cdk/package.json cdk/scripts/function.js template.yaml $(wildcard cdk/src/*.ts)
	$(NPM) run build

cdk/.venv/requirements.txt: cdk/test/python/requirements.txt
	PYTHON=$(PYTHON) bash cdk/scripts/venv.sh

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

# Commands, not tests: nothing fails because a machine is slow.
bench: tools target/bench/venv/stamp ## Measure the function beside its peers, into docs/performance.md; QUICK=1 prints only
	@echo "Figures on EC2's clock: two minutes after the build."
	@BENCH_CREATES=$(if $(QUICK),100,1000) $(CARGO) test --test it -- figures::for_the_table --ignored --nocapture > target/bench/simulated.txt
	@echo "Building what ships, and its peers: about 12 minutes on 2 cores the first time. Measuring them takes six."
	@target/bench/venv/bin/python bench/bench.py

target/bench/venv/stamp: bench/requirements.txt
	@$(PYTHON) -m venv target/bench/venv
	@target/bench/venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

build: tools ## Build the Lambda function and the simulated EC2
	@echo "Building the function and the simulated EC2: 4-6 minutes on 2 cores the first time, seconds after that."
	$(CARGO) build

# On plain stable Rust, and not with CARGO: what is shipped is not built with a flag that is still being tried.
package: ## Build what Lambda runs into dist/, for x86_64 or ARCH=arm64; about 15 minutes the first time, and 9 GB of memory
	$(PYTHON) scripts/package.py $(ARCH)

deploy: .venv-sam/stamp credentials package ## Deploy it to your AWS account; asks for everything first
	$(SAM) deploy --guided --template-file dist/template$(if $(filter arm64,$(ARCH)),-arm64).yaml \
	  --stack-name tidb-private-endpoint --capabilities CAPABILITY_IAM --resolve-s3

# Before ten minutes of building, not after.
credentials:
	@.venv-sam/bin/python -c 'import boto3, sys; sys.exit(boto3.Session().get_credentials() is None)' || \
	  { echo "No AWS credentials are here: run aws configure or aws sso login, or set AWS_PROFILE."; exit 1; }

audit: ## Check licences, known vulnerabilities and sources of the dependencies; needs cargo-deny and the network
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is missing: cargo install --locked cargo-deny@0.20.2"; exit 1; }
	cargo deny check

fmt: tools ## Format the Rust code
	cargo fmt --all

clean: ## Remove everything that was built; the next build is a first one again
	rm -rf .venv .venv-sam .aws-sam .run dist target
	cd cdk && rm -rf .venv build dist lib node_modules .jsii tsconfig.json

# Without these nothing works; say which one is missing instead of failing half-way.
tools:
	@for tool in cargo cc $(PYTHON); do \
	  command -v $$tool >/dev/null || { echo "$$tool is missing: this needs Rust, a C compiler and Python 3.10 or newer."; exit 1; }; \
	done
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python 3.10 or newer is needed; $(PYTHON) is older. Name another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing (on Debian and Ubuntu: the package python3-venv)."; exit 1; }

.venv/stamp: tests/e2e/requirements.txt examples/sam/versions/requirements.txt
	@echo "Installing what stands in for AWS into .venv: about half a minute."
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

.venv-sam/stamp: scripts/sam-requirements.txt
	@echo "Installing the AWS SAM CLI into .venv-sam: about a minute, 340 MB."
	@$(PYTHON) -m venv .venv-sam
	@.venv-sam/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@
