# The commands people and continuous integration run. `make` alone lists them.
#
# Nothing has to be there but git, make, Python >= 3.11 with venv, and a Rust toolchain with its
# linker: every target that needs the virtual environment or the compiled module makes it first,
# and stamp files in .venv keep a second run quick.

SHELL := bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
VENV := .venv
BIN := $(abspath $(VENV))/bin
WHEELS := target/wheels
SDIST := target/sdist
REPORT := build/test
# Processes that pytest shares its tests among: half of the tests wait for programs they start.
WORKERS ?= auto

PIP := $(BIN)/python -m pip --disable-pip-version-check
# Paths of this machine have no place in a wheel: panics name their file below these instead.
REMAP = --remap-path-prefix=$${CARGO_HOME:-$$HOME/.cargo}=cargo \
	--remap-path-prefix=$$(rustc --print sysroot)=rust --remap-path-prefix=$(CURDIR)=foldstat
# The same settings for every build, so that a wheel after an installation compiles nothing twice.
MATURIN = env -u CONDA_PREFIX VIRTUAL_ENV="$(abspath $(VENV))" PYO3_PYTHON="$(BIN)/python" \
	RUSTFLAGS="$$RUSTFLAGS $(REMAP)" $(BIN)/maturin

RUST_SOURCES := Cargo.toml Cargo.lock $(shell find src -name '*.rs' 2>/dev/null)
PYTHON_SOURCES := $(shell find python/foldstat -name '*.py' -o -name '*.pyi' -o -name '*.csv' -o -name py.typed)

.PHONY: help
help:  ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-10s %s\n", $$1, $$2}'

# ---------------------------------------------------------------- the environment

.PHONY: toolchain
toolchain:
	@command -v $(PYTHON) >/dev/null || { \
		echo "foldstat needs Python 3.11 or newer, and '$(PYTHON)' was not found." \
		     "Name another one: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "foldstat needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) -V 2>&1)." \
		     "Name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "'$(PYTHON)' cannot make virtual environments." \
		     "Install its venv module (a package called python3-venv or similar)." >&2; exit 1; }
	@command -v cargo >/dev/null || { \
		echo "foldstat is compiled by Rust's cargo, which was not found." \
		     "Install Rust (rustup), or put ~/.cargo/bin on the PATH." >&2; exit 1; }

$(VENV)/.stamp-venv: | toolchain
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet "$$($(BIN)/python -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"][0])')"
	@touch $@

# Everything the demo needs: the module, compiled for release and installed in place.
$(VENV)/.stamp-foldstat: $(VENV)/.stamp-venv pyproject.toml $(RUST_SOURCES) | toolchain
	$(MATURIN) develop --release --locked --extras plot
	@touch $@

# What development needs on top. foldstat itself is already there, so pip only adds the extras.
$(VENV)/.stamp-dev: pyproject.toml | $(VENV)/.stamp-foldstat
	$(PIP) install --quiet 'foldstat[dev]'
	@touch $@

LICENCES := LICENSE-MIT LICENSE-APACHE THIRD-PARTY.txt

$(WHEELS)/.stamp: $(VENV)/.stamp-foldstat $(PYTHON_SOURCES) README.md $(LICENCES)
	rm -f $(WHEELS)/foldstat-*.whl
	$(MATURIN) build --release --locked --out $(WHEELS)
	@touch $@

.PHONY: install
install: $(VENV)/.stamp-foldstat $(VENV)/.stamp-dev  ## Make .venv with foldstat and everything for development

.PHONY: wheel
wheel: $(WHEELS)/.stamp  ## Build the wheel (one for every Python >= 3.11) into target/wheels
	@ls $(WHEELS)/foldstat-*.whl

.PHONY: sdist
sdist: $(VENV)/.stamp-venv  ## Pack the sources, for pip to build from, into target/sdist
	rm -rf $(SDIST)
	$(MATURIN) sdist --out $(SDIST)

.PHONY: licences
licences: toolchain  ## Write THIRD-PARTY.txt anew, after Cargo.lock has changed
	$(PYTHON) tests/third_party.py

# ---------------------------------------------------------------- for users

.PHONY: demo
demo: $(VENV)/.stamp-foldstat  ## Fit real data, compare with scikit-learn, draw a picture
	@mkdir -p build
	$(BIN)/python -m foldstat demo --output build/demo.png

.PHONY: bench
bench: install  ## Speed and memory against scikit-learn and Cython, as a table and as JSON
	@mkdir -p build
	$(BIN)/python benches/run.py

.PHONY: notebooks
notebooks: install  ## Execute the notebooks and render them to HTML in build/notebooks
	@mkdir -p build/notebooks
	$(BIN)/python -m nbconvert --to html --execute --output-dir build/notebooks notebooks/*.ipynb

# ---------------------------------------------------------------- checks

# Rust's tests embed the interpreter that .venv was made from, and borrow SciPy's LAPACK from .venv.
LIBPYTHON = $(shell $(BIN)/python -c 'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))')
EMBED = PYO3_PYTHON="$(BIN)/python" \
	LD_LIBRARY_PATH="$(LIBPYTHON)$${LD_LIBRARY_PATH:+:$$LD_LIBRARY_PATH}" \
	DYLD_FALLBACK_LIBRARY_PATH="$(LIBPYTHON):/usr/local/lib:/usr/lib"

define LIBPYTHON_IS_THERE
import sys, sysconfig
from pathlib import Path
get = sysconfig.get_config_var
if sys.platform == "linux" and not any((Path(get(d)) / get("LDLIBRARY")).exists() for d in ("LIBDIR", "LIBPL")):
    sys.exit(f"Rust's tests embed Python, whose library {get('LDLIBRARY')} is not in {get('LIBDIR')}. "
             "Install the package python3-dev or similar, or name another Python: make PYTHON=... clean test")
endef
export LIBPYTHON_IS_THERE

.PHONY: rustfmt
rustfmt: toolchain
	cargo fmt --check

.PHONY: ruff
ruff: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check

.PHONY: workflows
workflows: install
	$(BIN)/jactionlint --profile correctness --shellcheck= .github/workflows/*.yml
	@echo "No mistakes found in $$(ls .github/workflows/*.yml | wc -w) workflows"

.PHONY: mypy
mypy: install
	$(BIN)/mypy

.PHONY: stubtest
stubtest: install
	$(BIN)/python -m mypy.stubtest foldstat._core

# Clippy and cargo test share the dev profile, so build scripts and macros are compiled once.
.PHONY: clippy
clippy: install
	$(EMBED) cargo clippy --locked --all-targets -- -D warnings

.PHONY: cargo-test
cargo-test: install
	@$(BIN)/python -c "$$LIBPYTHON_IS_THERE"
	$(EMBED) cargo test --lib --locked $(FILTER)

.PHONY: pytest
pytest: install wheel sdist
	FOLDSTAT_WHEEL="$$(ls $(abspath $(WHEELS))/foldstat-*.whl)" \
	FOLDSTAT_SDIST="$$(ls $(abspath $(SDIST))/foldstat-*.tar.gz)" $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

.PHONY: test-notebooks
test-notebooks: install
	$(BIN)/python -m pytest --override-ini=addopts= tests/test_notebooks.py

.PHONY: lint
lint: rustfmt ruff workflows mypy stubtest clippy  ## Formatting, style and types of both languages

# $(call step,target,filter): make the target, keep its output in build/test/target.log, and note its
# time and what the filter takes from the output for the summary. A failure ends the run.
define step
@set -o pipefail; start=$$SECONDS; log=$(REPORT)/$(1).log; result=passed; \
printf '\n==> %s\n' '$(1)'; \
$(MAKE) --no-print-directory $(1) 2>&1 | tee $$log || result=FAILED; \
detail="$$($(or $(2),true) < $$log)" || detail=; \
printf '%-15s %s %5d s   %s\n' '$(1)' "$$result" $$((SECONDS - start)) "$$detail" >> $(REPORT)/summary; \
if [ $$result = FAILED ]; then printf '\nFailed. What ran:\n\n'; cat $(REPORT)/summary; exit 1; fi
endef

last_line = tail -1
cargo_total = awk '/^test result:/ { passed += $$4; failed += $$6; ignored += $$8 } \
	END { print passed " passed; " failed " failed; " ignored " ignored" }'
pytest_total = sed -nE 's/^=+ (.* in .*s.*[^ =]) =+$$/\1/p'

.PHONY: test
test:  ## Every check of correctness, from nothing; ends with what ran and how long it took
	@rm -rf $(REPORT) && mkdir -p $(REPORT)
	$(call step,rustfmt)
	$(call step,install)
	$(call step,ruff,$(last_line))
	$(call step,workflows,$(last_line))
	$(call step,mypy,$(last_line))
	$(call step,stubtest,$(last_line))
	$(call step,clippy)
	$(call step,cargo-test,$(cargo_total))
	$(call step,wheel,$(last_line))
	$(call step,pytest,$(pytest_total))
	$(call step,test-notebooks,$(pytest_total))
	@printf '\nAll checks passed. What ran:\n\n'; cat $(REPORT)/summary

.PHONY: clean
clean:  ## Remove everything the other commands made
	rm -rf $(VENV) build target .mypy_cache .pytest_cache .ruff_cache .hypothesis .ipynb_checkpoints
	rm -f python/foldstat/_core*.so
	find python tests benches -name __pycache__ -type d -prune -exec rm -rf {} +
