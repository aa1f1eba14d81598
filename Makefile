# `make study` runs the main job, `make test` the tests; both set up what they need first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKDIR ?= runs/study
BENCH := $(VENV)/bench
BENCH_OUTPUT ?= runs/bench/results.json

.PHONY: study standard findings test train-smoke gallery lint bench clean

study: $(VENV)/installed
	$(BIN)/python -m experiments.study --config=configs/study_quick.py --workdir=$(WORKDIR)

# All claims and laws: about two hours on two cores. A killed run continues; a second call does nothing.
standard: $(VENV)/data
	$(BIN)/python -m experiments.study --config=configs/study_standard.py --workdir=runs/standard

# Keeps that study's page and numbers below docs/ and draws the tables and the figure made of them.
findings: standard
	$(BIN)/python -m docs.draw_findings runs/standard

test: $(VENV)/tested
	JAX_PLATFORMS=cpu $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=8 --dist=loadfile $(ARGS)

# One small member of every family of networks, to over 95 % on the digits: under 10 minutes on two cores.
train-smoke: $(VENV)/installed
	rm -rf runs/train-smoke
	JAX_PLATFORMS=cpu $(BIN)/python -m experiments.train_smoke --workdir=runs/train-smoke

# Runs what docs/gallery.md shows and draws its pictures.
gallery: $(VENV)/installed
	$(BIN)/python -m docs.draw_gallery runs/gallery

lint: $(VENV)/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# In an environment of its own: PyTorch and the other tools are needed here alone. BENCH_ARGS chooses, e.g.
# make bench BENCH_ARGS='--workload=mlp-50k --job=product'
bench: $(BENCH)/installed
	JAX_PLATFORMS=cpu $(BENCH)/bin/python -m benchmarks.run --output=$(BENCH_OUTPUT) $(BENCH_ARGS)
	$(BENCH)/bin/python -m benchmarks.table $(BENCH_OUTPUT)
	JAX_PLATFORMS=cpu $(BENCH)/bin/python -m benchmarks.torture
	JAX_PLATFORMS=cpu $(BENCH)/bin/python -m benchmarks.product_cost

$(BENCH)/installed: setup.py constraints.txt benchmarks/constraints.txt
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet 'torch==2.13.0'
	$(BENCH)/bin/python -m pip install --quiet --constraint constraints.txt \
		--constraint benchmarks/constraints.txt --editable '.[bench]'
	touch $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: setup.py constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/data: setup.py constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[data]'
	touch $@ $(VENV)/installed

$(VENV)/tested: setup.py constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) *.egg-info
