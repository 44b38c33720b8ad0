# Two commands on a fresh machine: `make demo` and `make test`. Each does its own set-up.
# PYTHON=/path/to/python3.12 names the interpreter that new environments are made from.

.DEFAULT_GOAL := help
# `make -j` must not mix up the order of the steps or their output.
.NOTPARALLEL:

CODE := src tests scripts benchmarks
# What is tested, and when: CONTRIBUTING.md, "Tests".
STAGES := ready lint+types+manifest+docs test-pyqt5 test-pyqt6
MORE_STAGES := ready test-soak test-pyqt6-all package+bench-quick
# Four processes on two cores: what waits for a timer leaves its core to the others.
JOBS ?= 4
PARALLEL := -n $(JOBS) --dist loadfile --no-loadscope-reorder
SOURCE_TESTS = $(shell grep -l 'mark\.source' tests/test_*.py)
ON_PYQT6 := $(patsubst %,tests/test_%.py,bindings widgets tasks first_steps reader)

heading = @printf '\n--- %s ---\n' '$(1)'

# One thread each draws without a graphics card: the processes share the cores as it is.
export LP_NUM_THREADS ?= 1
export PYTHON JOBS
# So do those of the tests: as many threads for numbers as cores in each would wait for each other.
test-pyqt5 test-pyqt6 test-pyqt6-all test-soak: export OPENBLAS_NUM_THREADS ?= 1

.PHONY: help demo test test-all ready setup setup-pyqt6 system lint format types manifest package \
	test-pyqt5 test-pyqt6 test-pyqt6-all test-soak kernels mutants soak fuzz matrix bench bench-quick \
	calibration docs setup-docs docs-pictures clean clean-all

help: ## say what can be made
	@echo 'make TARGET, where TARGET is one of'
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' Makefile

demo: setup ## open napari on the demo data; without a display, save the picture demo.png
	@scripts/demo.sh

test: ## what every change has to pass, in ten minutes: says what each stage took
	@scripts/stages.sh $(STAGES)

test-all: ## the rest of what CI runs, in half an hour more
	@scripts/stages.sh $(MORE_STAGES)

setup: system ## make .venv (PyQt5) ready: the environment for everyday work
	@scripts/setup.sh pyqt5

ready: setup setup-pyqt6 setup-docs

setup-pyqt6: system
	@scripts/setup.sh pyqt6

system:
	@scripts/system.sh

lint: setup ## ruff: style rules and formatting; and what the tests read in the sources
	$(call heading,ruff check)
	@.venv/bin/ruff check $(CODE)
	$(call heading,ruff format --check)
	@.venv/bin/ruff format --check $(CODE)
	$(call heading,pytest on the sources)
	@scripts/run.sh pyqt5 python -m pytest -q -m source $(SOURCE_TESTS)

format: setup ## let ruff mend what it can
	@.venv/bin/ruff check --fix $(CODE)
	@.venv/bin/ruff format $(CODE)

types: setup ## mypy
	$(call heading,mypy)
	@.venv/bin/mypy

manifest: setup ## npe2: the plugin manifest, with every command in it imported
	$(call heading,npe2 validate --imports)
	@scripts/run.sh pyqt5 scripts/xvfb.sh npe2 validate napari-rxrx3 --imports

package: setup ## build sdist and wheel; install, start and draw with what was built
	$(call heading,wheel and sdist)
	@scripts/check_packages.sh

test-pyqt5: setup ## pytest on PyQt5; ARGS="tests/test_plate.py -k address" narrows it
	$(call heading,pytest on PyQt5)
	@scripts/run.sh pyqt5 scripts/xvfb.sh python -m pytest \
		$(or $(ARGS),-q $(PARALLEL) -m "not source and not soak")

test-pyqt6: setup-pyqt6 ## pytest on PyQt6, some of what depends on Qt; ARGS as above
	$(call heading,pytest on PyQt6)
	@scripts/run.sh pyqt6 scripts/xvfb.sh python -m pytest \
		$(or $(ARGS),-q $(PARALLEL) -m "qt and not source and not soak" $(ON_PYQT6))

test-pyqt6-all: setup-pyqt6 ## pytest on PyQt6, all that depends on Qt
	$(call heading,all of pytest on PyQt6)
	@scripts/run.sh pyqt6 scripts/xvfb.sh python -m pytest -q $(PARALLEL) -m "qt and not source"

test-soak: setup ## pytest on PyQt5, what takes long
	$(call heading,long tests on PyQt5)
	@scripts/run.sh pyqt5 scripts/xvfb.sh python -m pytest -q $(PARALLEL) -m soak

mutants: setup ## change the code a little in 200 places and see that a test notices; ARGS="--only maps"
	@.venv/bin/python -m pip install -qq --group mutants
	@scripts/run.sh pyqt5 scripts/xvfb.sh python scripts/mutants.py $(ARGS)

kernels: setup ## tests of numbers with the BLAS of other processors; ARGS="--only Haswell" one of them
	@scripts/run.sh pyqt5 scripts/xvfb.sh python scripts/kernels.py $(ARGS)

soak: setup setup-pyqt6 ## a monkey does 10,000 things on each Qt, everything is killed at every stage
	@scripts/soak.sh $(ARGS)

fuzz: setup ## feed each parser a minute; ARGS="--seconds 600 PNG tar" longer, or some of them
	@scripts/fuzz.sh $(ARGS)

matrix: setup ## pytest on each Python, Qt binding and end of the dependencies; ARGS="--list" or "--quick"
	@.venv/bin/python scripts/matrix.py $(ARGS)

bench: setup ## measure everything, write docs/performance.md; ARGS="--quick" takes two minutes
	@.venv/bin/python -m benchmarks.environments $(ARGS)
	@scripts/run.sh pyqt5 scripts/xvfb.sh python -m benchmarks $(ARGS)

bench-quick: setup ## see that the benchmarks run; keeps nothing
	$(call heading,benchmarks on small data)
	@scripts/run.sh pyqt5 scripts/xvfb.sh python -m benchmarks --quick --no-history

calibration: setup ## simulate screens and count how often the map is right; goes on where it ended; writes docs/calibration.md
	@scripts/run.sh pyqt5 python -m benchmarks.calibration $(ARGS)

setup-docs:
	@scripts/setup.sh docs

docs: setup-docs ## build the documentation site into site/, strictly
	$(call heading,mkdocs build --strict)
	@scripts/docs.sh build --quiet

docs-pictures: setup ## make the pictures of the documentation anew
	@scripts/run.sh pyqt5 scripts/xvfb.sh python scripts/make_pictures.py

clean: ## delete everything made here but the environments
	@rm -rf .cache .demo demo.png dist build site .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find src tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

clean-all: clean ## delete the environments as well
	@rm -rf .venv .venv-pyqt6 .venv-docs
