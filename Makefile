# Everything runs from here: `make demo`, `make test`, `make check`. Each target sets up what it needs; nothing else is installed.
PYTHON ?= python3.13
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VIDEO ?=
MODEL ?=
FPS ?=
OUTPUT ?=
SEEDS ?= 1000
# The recipe gets them through its environment, so that neither make nor the shell reads a quote or a $ in a name.
export DEMO_VIDEO = $(value VIDEO)
export DEMO_MODEL = $(value MODEL)
export DEMO_FPS = $(value FPS)
export DEMO_OUTPUT = $(value OUTPUT)
unexport VIDEO MODEL FPS OUTPUT

export SAM_CLI_TELEMETRY := 0

# Otherwise every process compiles every module again, which takes longer than most of what is run here.
unexport PYTHONDONTWRITEBYTECODE

# The environments are installed side by side.
MAKEFLAGS += --jobs=4

.PHONY: help
help:  ## what there is to run
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# The environments: the project's own; MiniStack's; what Lambda's Python runtime brings, which runs the functions on it and holds
# nothing else, so that no forgotten dependency is hidden; the SAM CLI's, with cyclonedx-py, and the checkers', because they pin what
# the project does not; the official client's, because it brings OpenCV and more, and one test alone runs it; an older boto3 than
# Lambda's, for one test as well; gigabytes that only bench/engine.py needs; other trackers, which only bench/tracking.py needs; and
# the tools that read datasets, which only tests/dataset_readers needs.
ENVIRONMENTS := .venv .venv-aws .venv-lambda .venv-sam

.venv/ready: requirements/dev.txt pyproject.toml
.venv-aws/ready: requirements/aws.txt
.venv-lambda/ready: requirements/lambda.txt
.venv-lambda-oldest/ready: requirements/lambda-oldest.txt
.venv-sam/ready: requirements/sam.txt
.venv-check/ready: requirements/check.txt
.venv-client/ready: requirements/client.txt
.venv-peers/ready: requirements/peers.txt
.venv-tracking/ready: requirements/tracking.txt
.venv-datasets/ready: requirements/datasets.txt
.venv/ready .venv-aws/ready .venv-lambda/ready .venv-lambda-oldest/ready .venv-sam/ready .venv-check/ready .venv-client/ready .venv-peers/ready \
.venv-tracking/ready .venv-datasets/ready: | python
	@echo "Installing $(notdir $(firstword $<)) into $(@D)"
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check $(if $(filter .venv-lambda%,$(@D)),,--no-compile) --no-deps --require-hashes --requirement $<
	@if [ $(@D) = .venv ]; then $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .; fi
	@touch $@

.PHONY: python
python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null \
	  || { echo "videoinfer needs Python 3.13 as '$(PYTHON)': install it, or name it with 'make PYTHON=/path/to/python3.13 …'." >&2; exit 1; }

.PHONY: demo
demo: $(ENVIRONMENTS:=/ready)  ## a video through the whole system on an embedded AWS [VIDEO=… MODEL=… FPS=… OUTPUT=…]
	@.venv/bin/python -m videoinfer demo $${DEMO_VIDEO:+--video="$$DEMO_VIDEO"} $${DEMO_MODEL:+--model="$$DEMO_MODEL"} \
	  $${DEMO_FPS:+--infer-fps="$$DEMO_FPS"} $${DEMO_OUTPUT:+--output="$$DEMO_OUTPUT"}

# The report is looked at in a real browser. Where it can't be installed, those tests are skipped and say so.
.PHONY: chromium
chromium:
	@command -v chromium chromium-browser google-chrome >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing chromium" \
	       && apt-get update >/dev/null && apt-get install --yes --no-install-recommends chromium >/dev/null; } \
	  || echo "There is no Chromium here, so the report's tests in a browser are skipped: apt-get install chromium" >&2

# One process a processor. The tests of a file share what they set up, so they stay in one process.
UNIT := .venv/bin/python -m pytest tests/unit --numprocesses auto --dist loadfile -p no:schemathesis -p no:anyio

.PHONY: test
test: $(ENVIRONMENTS:=/ready) .venv-client/ready .venv-lambda-oldest/ready chromium  ## every test, the whole path on the embedded AWS among them: 12 minutes on two cores
	$(UNIT)
	.venv/bin/python -m pytest --ignore tests/unit --numprocesses auto --dist loadfile

.PHONY: unit
unit: .venv/ready .venv-sam/ready  ## the inner loop, tests without network but slow ones: 90 seconds on two cores
	$(UNIT) -m "not slow"

.PHONY: soak
soak: .venv/ready  ## many simulated lives of the pipeline, each from a seed [SEEDS=1000]
	.venv/bin/python -m tests.simulation soak $(SEEDS)

.PHONY: bench
bench: .venv/ready .venv-peers/ready  ## the engine's speed beside that of others; installs 6 GB of them
	.venv/bin/python -m bench.engine

.PHONY: check
check: .venv/ready .venv-sam/ready .venv-check/ready  ## formatter, linter, types, templates, security
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/python -m mypy
	for app in functions/*/app.py engine/functions/*/app.py; do .venv/bin/python -m mypy "$$app"; done
	for template in template.yaml engine/template.yaml; do \
	  AWS_DEFAULT_REGION=us-east-1 .venv-sam/bin/sam validate --lint --template "$$template"; \
	  .venv/bin/cfn-lint "$$template"; \
	  .venv-check/bin/checkov --quiet --compact --skip-download --framework cloudformation --file "$$template"; \
	done

	.venv/bin/cfn-lint docs/examples/*.yaml
	.venv-check/bin/bandit --quiet --configfile pyproject.toml --recursive functions layers engine/functions engine/layers videoinfer
	git ls-files -z | xargs -0 .venv-check/bin/detect-secrets-hook --no-verify --exclude-files '\.txt$$' \
	  --disable-plugin HexHighEntropyString --disable-plugin Base64HighEntropyString --disable-plugin KeywordDetector
	$(MAKE) --no-print-directory audit

# The SAM CLI looks for the functions' Python on the PATH; its own environment has one. It runs the layers' Makefiles, which share no jobs
# with this one.
SAM_BUILD := MAKEFLAGS= PATH="$(CURDIR)/.venv-sam/bin:$$PATH" sam build

# The release workflow attests these files.
.PHONY: sbom
sbom: .venv/ready .venv-sam/ready  ## builds both applications, and writes what their functions carry to .aws-sam/release
	$(SAM_BUILD)
	cd engine && $(SAM_BUILD)
	.venv/bin/python .ci/make_sbom.py videoinfer-pipeline .aws-sam/build .aws-sam/release/pipeline.cdx.json
	.venv/bin/python .ci/make_sbom.py videoinfer-engine engine/.aws-sam/build .aws-sam/release/engine.cdx.json

# Known vulnerabilities are looked up in a database of the internet; without it there is nothing to compare with, and this says so.
OSV_HOST := api.osv.dev
SHIPPED := $(wildcard layers/*/requirements.txt engine/layers/*/*.txt)

.PHONY: audit
audit: .venv-check/ready  ## known vulnerabilities of what the functions carry; needs the internet
	@if .venv-check/bin/python -c 'import socket; socket.create_connection(("$(OSV_HOST)", 443), 5)' 2>/dev/null; then \
	  .venv-check/bin/pip-audit --vulnerability-service osv --disable-pip --require-hashes $(SHIPPED:%=--requirement %); \
	else \
	  echo "NOT AUDITED: $(OSV_HOST) can't be reached, so nobody has looked for known vulnerabilities. Run 'make audit' where it can." >&2; \
	fi

.PHONY: format
format: .venv/ready  ## lets the formatter and the linter mend what they can
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

.PHONY: clean
clean:  ## removes environments and build output
	rm -rf $(ENVIRONMENTS) .venv-lambda-oldest .venv-check .venv-client .venv-peers .venv-tracking .venv-datasets .aws-sam engine/.aws-sam .build .mypy_cache .ruff_cache .pytest_cache
