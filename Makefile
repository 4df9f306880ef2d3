# Short verbs over the scripts in bin/, which CI and the Dockerfile run too.
SHELL := /bin/bash
ARGS ?=
VENV ?= .venv
export VENV
RUN := $(VENV)/bin/

.PHONY: help setup demo up test lint format types lock bench-accuracy bench-speed bench-peeling bench-qc clean

help: ## list the verbs
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: ## virtual environment with the locked dependencies (nothing to do when they are there)
	@bin/setup

demo: setup ## start the service and run the example through it (ARGS=--once: end after the summary)
	@exec $(RUN)tessera demo $(ARGS)

up: setup ## start the service
	@exec $(RUN)tessera up $(ARGS)

lint: setup ## ruff and mypy
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy

format: setup ## put the sources into the house's form
	$(RUN)ruff check --fix .
	$(RUN)ruff format .

test: lint ## lint, then all tests (ARGS goes to pytest)
	$(RUN)python -m pytest $(ARGS)

lock: setup ## resolve the dependencies anew into requirements.lock
	@bin/lock

bench-accuracy: setup ## accuracy against Beagle and Minimac4
	$(RUN)python -m benchmarks.accuracy $(ARGS)

bench-speed: setup ## speed against Beagle and Minimac4
	$(RUN)python -m benchmarks.speed $(ARGS)

bench-peeling: setup ## peeling against AlphaPeel (AP=) and AlphaImpute2 (AI2=); needs msprime
	$(RUN)python -m benchmarks.peeling $(ARGS)

bench-qc: setup ## speed of quality control
	$(RUN)python -m benchmarks.qc $(ARGS)

clean: ## remove the virtual environment and caches, never the data in var/
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache *.egg-info
