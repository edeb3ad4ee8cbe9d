# Except for `deploy`, every target runs locally, without an AWS account and without a container engine.

# The AWS SDK declares a hint that most of its code is never called. The first flag makes Cargo honor the hint and compile
# only what is used, in 3-4 CPU minutes instead of about 8. The second lets the compiler read the SDK's largest crate, for
# which everything else waits, on two cores. The third keeps the provider from using the copies of the standard library's
# generic functions that other crates contain, which are not optimized: its tests are twice as fast. On the stable toolchain,
# these flags require RUSTC_BOOTSTRAP=1. Clippy compiles the members of the workspace, so that checking them takes no build
# of its own. `make test PLAIN=1` uses none of this.
ifdef PLAIN
CARGO := cargo
LINT := clippy --all-targets -- -D warnings
else
CARGO := RUSTC_BOOTSTRAP=1 RUSTC_WORKSPACE_WRAPPER=clippy-driver cargo -Zprofile-hint-mostly-unused \
  -Zprofile-rustflags --config 'profile.dev.package.aws-sdk-ec2.rustflags = ["-Zthreads=2"]' \
  --config 'profile.dev.package.tidb-private-endpoint.rustflags = ["-Zshare-generics=n"]'
LINT := -Zwarnings --config 'build.warnings = "deny"' test --no-run
endif

PYTHON ?= python3
VENV := .venv/bin/python

# The AWS SAM CLI in its own environment. It stores nothing in the user's home directory and sends no telemetry.
SAM := SAM_CLI_TELEMETRY=0 __SAM_CLI_APP_DIR=$(CURDIR)/.venv-sam .venv-sam/bin/sam

# The architecture to build for: x86_64 or arm64, as in template.yaml.
ARCH ?= x86_64

# Contributors to the function do not need Node.js. Targets that require it are skipped if it is missing.
ifeq ($(shell node -p 'const [a, b] = process.versions.node.split("."); a > 20 || a == 20 && b >= 16' 2>/dev/null),true)
CDK := cdk/lib/function.json cdk/.venv/requirements.txt
GUARD := scripts/guard/node_modules/.lock
NPM := cd cdk && JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20 PYTHON=$(PYTHON) npm
endif

export PYTHONDONTWRITEBYTECODE := 1

# With TOGETHER, several targets run at the same time. With TOGETHER=named, each line of output begins with the name of its
# target, and what would disturb another target waits for it: Cargo locks its output, and the CDK tests and the end-to-end
# tests package the constructs in the same folder.
ifndef TOGETHER
.NOTPARALLEL:
else ifeq ($(TOGETHER),named)
SHELL := scripts/named.sh
export TARGET
%: TARGET = $@
clippy: build
rust: clippy
cdk: e2e
# The end-to-end tests have deadlines; what computes does not.
CARGO := nice env $(CARGO)
endif
# Make does not see $(MAKE) in a recipe that uses this; `+` tells it that the line runs make, also for `make -n`.
together = $(MAKE) --no-print-directory --jobs

.DEFAULT_GOAL := help
.PHONY: help demo test lint clippy templates workflows site unit rust packaging template sim e2e cdk explore fuzz bench build package deploy credentials audit fmt clean tools

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: ## Deploy stacks, from a cluster ID to a shared endpoint, on a local AWS; takes about two minutes after the build
	@+$(together)=2 TOGETHER=yes build .venv/stamp
	@$(VENV) tests/e2e/demo.py

# The longest come first: the end-to-end tests, which mostly wait, and what Cargo does.
test: ## Run all checks: formatting, lint, unit, integration, CDK, and end-to-end tests
	@rm -f .run/failed
	@+$(together)=3 TOGETHER=named build e2e rust packaging templates workflows site sim cdk || \
	  { printf '\nWhat failed, by its last lines:\n'; cat .run/failed 2>/dev/null || echo "see above"; exit 1; }

TEMPLATES := template.yaml template.cloudformation.yaml template.roles.yaml examples/*/*.yaml release/*.yaml

lint: clippy templates workflows ## Check the formatting, compiler warnings, templates, and cfn-lint rules
clippy: tools
	cargo fmt --all --check
	@echo "Checking the Rust code with Clippy. The first run compiles the tests, too."
	$(CARGO) $(LINT)

templates: .venv/stamp .venv-checkov/stamp
	.venv/bin/cfn-lint --include-checks I --append-rules schema -- $(TEMPLATES)
	@$(VENV) tests/e2e/lint_check.py
	.venv-checkov/bin/checkov --framework cloudformation --skip-download --quiet --compact --file $(TEMPLATES)

CHECK_SCHEMA := .venv-tools/bin/check-jsonschema --quiet

workflows: .venv-tools/stamp ## Check the workflows and the other settings of GitHub
	.venv-tools/bin/zizmor --offline --quiet --persona pedantic .github
	@$(CHECK_SCHEMA) --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(CHECK_SCHEMA) --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/idea.yml
	@$(CHECK_SCHEMA) --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	@$(CHECK_SCHEMA) --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(CHECK_SCHEMA) --check-metaschema schema/ask.json

site: .venv-tools/stamp ## Build the documentation site in build/site, and check all links; VERSIONS=all for every release
	@.venv-tools/bin/python scripts/docs_site.py $(if $(filter all,$(VERSIONS)),--all)

unit: rust packaging ## Run the Rust tests and the tests of packaging and templates
rust: build ## Run the Rust tests; TEST=NAME for those whose names contain it
	$(CARGO) test $(if $(TEST),--test it -- $(TEST),--tests)

packaging: .venv/stamp $(GUARD)
	$(VENV) -m unittest discover --start-directory scripts --pattern '*_test.py'

template: .venv/stamp ## Update the templates that are generated from template.yaml
	@$(VENV) scripts/cloudformation_template.py

sim: build .venv/stamp ## Check the simulated EC2 with boto3, a second AWS SDK
	@$(VENV) tests/e2e/engine.py sim/tests/boto3_check.py

e2e: build .venv/stamp $(CDK) ## Run the end-to-end tests: local CloudFormation, the function as a process, simulated EC2
	@$(VENV) tests/e2e/e2e.py $(if $(CDK),,--without-cdk)

cdk: tools $(CDK) ## Build and test the CDK constructs; requires Node.js 20.16 or later
ifdef CDK
	$(NPM) run test:node
	$(NPM) run test:python
else
	@if [ -n "$$CI" ]; then echo "cdk: Node.js 20.16 or later is not installed. Continuous integration does not skip tests."; exit 1; fi
	@echo "cdk: skipped, because Node.js 20.16 or later is not installed."
endif

# CloudFormation Guard, of which no other package has the program and the rules. Nothing of the CDK is needed.
scripts/guard/node_modules/.lock: scripts/guard/package-lock.json
	cd scripts/guard && npm ci --ignore-scripts --legacy-peer-deps --no-fund --no-audit && cp package-lock.json node_modules/.lock

# The stamp is a copy of the lock file that was installed.
cdk/node_modules/.lock: cdk/package-lock.json
	cd cdk && npm ci --no-fund --no-audit && cp package-lock.json node_modules/.lock

cdk/lib/function.json: cdk/node_modules/.lock cdk/package.json cdk/scripts/function.js template.yaml $(wildcard schema/*.json) $(wildcard cdk/src/*.ts)
	$(NPM) run build

cdk/.venv/requirements.txt: cdk/test/python/requirements.txt
	PYTHON=$(PYTHON) bash cdk/scripts/venv.sh

# Delays, read lag, and IDs of the simulated EC2 follow from a seed. A test must not depend on the usual one.
SEEDS = $(or $(TEST_SEED),$(shell $(PYTHON) -c 'import random; print(*random.sample(range(1, 10 ** 6), 5))'))

# Injecting every fault into every call takes another five minutes. `make test` covers all modifying calls and a sample of
# the Describe calls.
explore: tools ## Run the tests with other seeds, and search for flaws in the sharing protocol for EXPLORE_SECONDS (300) each
	@for seed in $(SEEDS); do echo "TEST_SEED=$$seed"; \
	  TEST_SEED=$$seed $(CARGO) test --test it -- --skip explore:: --skip faults:: --skip histories:: --skip log:: || exit 1; done
	$(CARGO) test --test it -- every_fault_at_every_call --ignored --nocapture
	EXPLORE_SECONDS=$${EXPLORE_SECONDS:-300} $(CARGO) test --test it -- for_explore_seconds --ignored --nocapture --test-threads=1

# The same stable compiler as everywhere else: there is no unsafe code, so no sanitizer is needed.
fuzz: tools ## Fuzz the event handling for FUZZ_SECONDS (300); requires cargo-fuzz
	@cargo fuzz --version >/dev/null 2>&1 || { echo "cargo-fuzz is not installed. Run: cargo install --locked cargo-fuzz@0.13.2"; exit 1; }
	@echo "Building everything, including the AWS SDK, for libFuzzer. The first build takes about 10 minutes on 2 cores."
	@mkdir -p fuzz/corpus/event
	RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_PROFILE_HINT_MOSTLY_UNUSED=true cargo fuzz run --dev --sanitizer none event fuzz/corpus/event events -- -max_total_time=$${FUZZ_SECONDS:-300}

# These are commands, not tests: nothing fails because a machine is slow.
bench: tools target/bench/venv/stamp ## Benchmark the function and its peers, and update docs/performance.md; QUICK=1 only prints
	@echo "Measuring on the simulated clock. This takes two minutes after the build."
	@BENCH_CREATES=$(if $(QUICK),100,1000) $(CARGO) test --test it -- figures::for_the_table --ignored --nocapture > target/bench/simulated.txt
	@echo "Building the release and its peers. The first build takes about 12 minutes on 2 cores; measuring takes six."
	@target/bench/venv/bin/python bench/bench.py

target/bench/venv/stamp: bench/requirements.txt
	@$(PYTHON) -m venv target/bench/venv
	@target/bench/venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

build: tools ## Build the Lambda function and the simulated EC2
	@echo "Building the function and the simulated EC2. The first build takes about 3 minutes on 2 cores, later ones seconds."
	$(CARGO) build

# Uses plain stable Rust instead of CARGO: the release is not built with an unstable flag.
package: ## Build the deployment package for ARCH (x86_64) into dist/; the first build takes 15 minutes and 9 GB of memory
	$(PYTHON) scripts/package.py $(ARCH)

# SAM saves the answers in its configuration file, which must not be the one in the repository.
deploy: .venv-sam/stamp credentials package ## Deploy the stack to your AWS account; prompts for all settings
	@[ -f dist/samconfig.toml ] || cp samconfig.toml dist/samconfig.toml
	$(SAM) deploy --guided --template-file dist/template$(if $(filter arm64,$(ARCH)),-arm64).yaml \
	  --config-file $(CURDIR)/dist/samconfig.toml --stack-name tidb-private-endpoint --capabilities CAPABILITY_IAM --resolve-s3

# Missing credentials must be reported before the build, which takes ten minutes, not after it.
credentials:
	@.venv-sam/bin/python -c 'import boto3, sys; sys.exit(boto3.Session().get_credentials() is None)' || \
	  { echo "No AWS credentials found. Run aws configure or aws sso login, or set AWS_PROFILE."; exit 1; }

audit: ## Check the licenses, known vulnerabilities, and sources of the dependencies; requires cargo-deny and network access
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is not installed. Run: cargo install --locked cargo-deny@0.20.2"; exit 1; }
	cargo deny check

fmt: tools ## Format the Rust code
	cargo fmt --all

clean: ## Remove all build output and installed tools; the next build starts from scratch
	rm -rf .venv .venv-sam .venv-tools .venv-checkov scripts/guard/node_modules .aws-sam .cache .run build dist target fuzz/target fuzz/corpus fuzz/artifacts bench/floor/target
	find . -name __pycache__ -not -path '*/node_modules/*' -prune -exec rm -rf {} +
	rm -rf examples/*/node_modules examples/*/.venv examples/*/cdk.out examples/*/.aws-sam
	cd cdk && rm -rf .venv build dist lib node_modules .jsii tsconfig.json *.tsbuildinfo

# Every build requires these. Report what is missing instead of failing halfway.
tools:
	@for tool in cargo cc $(PYTHON); do \
	  command -v $$tool >/dev/null || { echo "$$tool was not found. Install Rust, a C compiler, and Python 3.10 or later."; exit 1; }; \
	done
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python 3.10 or later is required, but $(PYTHON) is older. To use another one, run: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "The Python venv module is not installed. On Debian and Ubuntu, install the package python3-venv."; exit 1; }

.venv/stamp: tests/e2e/requirements.txt examples/sam/versions/requirements.txt | tools
	@echo "Installing the local AWS services into .venv. This takes about half a minute."
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# In an environment of its own, because it requires other versions of the packages in tests/e2e/requirements.txt.
.venv-checkov/stamp: scripts/checkov-requirements.txt | tools
	@echo "Installing Checkov (290 MB) into .venv-checkov. This takes about half a minute."
	@$(PYTHON) -m venv .venv-checkov
	@.venv-checkov/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# In an environment of its own, because `make demo` does without them.
.venv-tools/stamp: scripts/tools-requirements.txt | tools
	@echo "Installing the linter for workflows and the generator of the site into .venv-tools. This takes some seconds."
	@$(PYTHON) -m venv .venv-tools
	@.venv-tools/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

.venv-sam/stamp: scripts/sam-requirements.txt | tools
	@echo "Installing the AWS SAM CLI (340 MB) into .venv-sam. This takes about a minute."
	@$(PYTHON) -m venv .venv-sam
	@.venv-sam/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@
