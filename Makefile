# `make demo` and `make test` do all their set-up themselves; nothing here needs to be run before them.
PYTHON ?= python3
BIN := .venv/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

# What is compiled when it is first used is kept, whatever the shell says: nothing is compiled at installation.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: install system demo test quick soak lint types quick-tests end-to-end bench docs site clean

install: .venv/installed .venv/studio

# Python compiles the modules that are used when they are used: a minute less than all at once.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --no-compile --editable '.[dev]' --constraint constraints.txt
	touch $@

# Label Studio, in an environment of its own.
.venv/studio: annotation/label-studio.txt | .venv/installed
	$(BIN)/ccd studio install
	touch $@

# What the end-to-end tests need beside Python: a browser with an emoji font, and PostgreSQL.
system:
	@if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null || ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then \
	  echo "installing chromium and PostgreSQL"; \
	  $(SUDO) apt-get update -qq && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	    chromium chromium-driver fonts-noto-color-emoji postgresql >/dev/null; \
	fi

demo: install
	$(BIN)/ccd demo

# Everything. What only waits for the network goes beside what keeps the processor busy, the types beside what waits.
test:
	$(MAKE) --jobs 2 system .venv/installed
	$(MAKE) --jobs 5 lint quick-tests .venv/studio MARKS='not soak'
	$(MAKE) --jobs 2 types end-to-end

# What to run while working.
quick: install
	$(MAKE) --jobs 5 lint types quick-tests

# The long forms of tests, the fault matrix at many moments, load: before a release (docs/testing.md).
soak: install system
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m soak --numprocesses 2 --dist loadfile
	$(BIN)/python -m benchmarks.faults
	$(BIN)/python -m benchmarks.load

lint: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/installed
	nice $(BIN)/mypy

# Three processes, each with its own folders: workers that share all of them would each load every library.
MARKS := not soak and not slow
quick-tests: quick-tests-data quick-tests-commands quick-tests-rest
DATA := tests/ccd/ $(filter-out tests/test_notebook.py,$(wildcard tests/test_*.py))
COMMANDS := tests/apps/ tests/model/ tests/faults/ tests/test_notebook.py
quick-tests-data: FOLDERS := $(DATA)
quick-tests-commands: FOLDERS := $(COMMANDS)
quick-tests-rest: FOLDERS := $(filter-out $(DATA) $(COMMANDS) tests/e2e/ %/__pycache__/,$(wildcard tests/*/))
quick-tests-%: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m '$(MARKS)' $(FOLDERS)

# Whole campaigns, three at a time, as they wait half of the time; each process has a Label Studio of its own.
end-to-end: install system
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 3 --dist worksteal tests/e2e

bench: install
	$(BIN)/python -m benchmarks.measured

docs: install
	$(BIN)/python -m docs.reference

# The pages as a site in build/site. Diagrams are drawn by mermaid, which npm brings once; without npm they stay text.
MERMAID := 11.17.2
site: docs
	@mkdir -p build
	@if [ ! -f build/mermaid.min.js ] && command -v npm >/dev/null; then \
	  cd build && npm pack --silent mermaid@$(MERMAID) >/dev/null && \
	  tar -xzf mermaid-$(MERMAID).tgz --strip-components 2 package/dist/mermaid.min.js && rm mermaid-$(MERMAID).tgz; \
	fi
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf .venv build *.egg-info
