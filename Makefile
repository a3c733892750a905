# Two commands matter: `make demo` and `make test`. Both set up .venv on first use.
#
#   PYTHON       interpreter to build the environment with (3.11)
#   TORCH_INDEX  extra package index for PyTorch, such as the address of its CPU or CUDA wheels;
#                empty takes what the default index has (see README, "Installing")
#   PIPFLAGS     for pip install; --no-compile leaves it to the first import of each module, which
#                pays where little of what is installed is ever imported, as in a run of the tests
#   JOBS         processes that share the tests; each computes on one core and needs about 1 GiB

PYTHON ?= $(shell command -v python3.11 || command -v python3)
TORCH_INDEX ?=
PIPFLAGS ?=
VENV ?= .venv
JOBS ?= 2
OUT ?= out/drawer

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INDEX := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
# Threads of several processes on the same cores wait for each other more than they compute.
ONE_THREAD := $(addsuffix _NUM_THREADS=1,OMP OPENBLAS MKL NUMBA)
PROTOS := $(wildcard proto/reel2sim/v1/*.proto)

.PHONY: help demo test lint format proto node bench clean

help:
	@echo "make demo    set up, then turn examples/drawer into a bundle, check it, step its env"
	@echo "make test    set up, then run the tests"
	@echo "make lint    ruff, pyright, and the rules of the protos"
	@echo "make proto   regenerate the gRPC code from proto/"
	@echo "make node    install what examples/node and the tests of pages need (npm)"
	@echo "make bench   render the benchmark captures and measure the chain on them"
	@echo "make clean   remove the environment and build output"

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Python 3.11 is needed (PyBullet has no newer wheels); name it with PYTHON=")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing Reel2Sim into $(VENV) …"
	$(PIP) install -q $(PIPFLAGS) $(INDEX) -c constraints.txt -e .
	@touch $@

# Holds what .core does: where both are wanted, one installation does for them.
$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing Reel2Sim and the development tools into $(VENV) …"
	$(PIP) install -q $(PIPFLAGS) $(INDEX) -c constraints.txt -e '.[dev]'
	@touch $(VENV)/.core $@

demo: $(VENV)/.core
	$(BIN)/reel2sim run examples/drawer --out $(OUT) --preset draft --overwrite
	$(BIN)/reel2sim check $(OUT)
	$(BIN)/reel2sim env $(OUT) --steps 200
	@echo
	@echo "Open $(OUT)/report.html in a browser."

test: $(VENV)/.dev
	$(ONE_THREAD) $(BIN)/python -m pytest -q --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/python proto/check.py

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

proto: $(VENV)/.dev $(PROTOS)
	PATH=$(CURDIR)/$(BIN):$$PATH sh proto/generate.sh

# Of the lock file, without running scripts of packages; gives up soon where there is no registry.
node: $(foreach place,examples/node tests/viewing/browser,$(place)/node_modules/.package-lock.json)

%/node_modules/.package-lock.json: %/package-lock.json
	cd $* && npm ci --ignore-scripts --no-audit --no-fund --fetch-retries 1 --fetch-timeout 20000
	@touch $@

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/render_captures.py --out out/captures/orbit
	rm -rf out/bench
	$(BIN)/reel2sim bench rig out/captures/orbit/* --out out/bench

clean:
	rm -rf $(VENV) out dist build examples/node/node_modules tests/viewing/browser/node_modules
