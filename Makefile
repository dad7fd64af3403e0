# Everything runs in .venv, made here on first use. Nothing else is needed than python3 (3.11 or newer) with venv.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test lint types soak bench clean

demo: $(INSTALLED)
	$(BIN)/accel-sim compare --arch eyeriss --arch diannao --workload alexnet --batch 4 --out out/

test: lint types
	$(BIN)/python -m pytest -m "not soak" -n auto

lint: $(INSTALLED)
	$(BIN)/python -m ruff check .

types: $(INSTALLED)
	$(BIN)/python -m mypy

# long runs: whole networks on both engines, installs into fresh environments
soak: $(INSTALLED)
	$(BIN)/python -m pytest -m soak

bench: $(INSTALLED)
	set -e; for script in benchmarks/*.py; do $(BIN)/python $$script; done

clean:
	rm -rf out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find accel_sim tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[test,report]'
	touch $@
