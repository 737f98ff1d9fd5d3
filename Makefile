# Every door of the project; `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-python test-r mirror parity prove bench check ruff mypy check-r r-package wheel clean
.DELETE_ON_ERROR:

# One thread: the products here are small, and results must not depend on how a BLAS splits them.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export OPENBLAS PYTHON

bin := .venv/bin
ready := .venv/.ready

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(ready): pyproject.toml tools/setup.sh
	tools/setup.sh system
	tools/setup.sh python
	@touch $@

setup: ## install R, the virtual environment and the package (again); OPENBLAS=yes for the fast BLAS
	@rm -f $(ready)
	@$(MAKE) --no-print-directory $(ready)

demo: $(ready) ## train 64-30-10 on digits in both languages, in lockstep; then find the bug in somebody's R network
	$(bin)/nnparity parity
	$(bin)/nnparity diagnose fixtures/networks/r/digits_network.R \
	  --adapter fixtures/networks/r/digits_network.adapter.R; test $$? -eq 1

test: test-python test-r ## every suite, the long sweeps as a seeded sample

test-python: $(ready) ## the pytest suites: Python, mirror, parity, diagnosis
	$(bin)/pytest -q

test-r: $(ready) ## the R suite
	Rscript tests/r/run.R

mirror: $(ready) ## hold the two sources together, file by file, function by function
	$(bin)/pytest -q tests/mirror

parity: $(ready) ## the lockstep suite alone
	$(bin)/pytest -q tests/parity

prove: $(ready) ## every suite with the long sweeps in full, and what the numbers rest on; MNIST=FOLDER for the long run
	$(bin)/pytest -q --prove
	Rscript tests/r/run.R --prove
	$(bin)/python tests/parity/prove.py $(if $(MNIST),--mnist $(MNIST))

bench: $(ready) ## the speed table against peers; DATA=folder of MNIST
	$(bin)/python tests/benchmarks/race.py $(if $(DATA),--data $(DATA))

check: ruff mypy check-r ## ruff, mypy, R CMD check

ruff: $(ready) ## lint the Python side
	$(bin)/ruff check .

mypy: $(ready) ## check the types
	$(bin)/mypy

check-r: $(ready) ## R CMD check of the built package: no errors, warnings or notes
	tools/check_r.sh

r-package: $(ready) ## build the R package, build/nnparity_*.tar.gz
	tools/build_r.sh

wheel: $(ready) ## build the wheel, dist/*.whl
	$(bin)/python -m build --wheel --no-isolation --outdir dist .

clean: ## remove what was built; the virtual environment stays
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks python/*.egg-info
	find python tests -name __pycache__ -type d -prune -exec rm -rf {} +
