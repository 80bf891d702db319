# `make train` and `make test` need Python 3.11+ and a C++20 compiler; they set up the rest.
# CONTRIBUTING.md says what takes how long.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Some tests wait for a device: one more than there are processors keeps all of these busy.
JOBS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
SEED ?= 1
FIRMWARE := CMakeLists.txt device/sources.cmake device/native.cmake \
            $(shell find device/src -name '*.cpp' -o -name '*.h')
CPP := $(shell git grep -L '^// Generated from' -- '*.c' '*.cpp' '*.h' 2>/dev/null)

# $(call phase,WHAT,COMMAND) says what goes on and prints a dot a second, on a terminal and in a pipe.
# What the command prints is shown if it fails. Ctrl-C reaches it: a shell starts what it puts into the
# background deaf to that.
define phase
@printf '%s ' '$(1)'; mkdir -p $(VENV); \
$(2) > $(VENV)/setup.log 2>&1 & work=$$!; \
trap 'kill $$work; exit 130' INT TERM; \
while kill -0 $$work 2>/dev/null; do printf .; sleep 1; done; \
if wait $$work; then echo ' done'; else echo ' failed'; cat $(VENV)/setup.log; exit 1; fi
endef

.PHONY: train test campaign fuzz check lint format clean

# A person sees a board at work, for some 20 seconds; a pipe gets the result.
train: $(VENV)/installed
	@if [ -t 1 ]; then \
		echo 'Training 20,000 steps at the estimated pace of an ESP32: some 20 seconds.'; \
		echo '1,000 steps at full speed: $(BIN)/ugpt train names'; \
		$(BIN)/ugpt train names --pace --steps 20000; \
	else \
		$(BIN)/ugpt train names; \
	fi

test: $(VENV)/installed-test
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

# Disturbs runs for MINUTES, and writes what became of them to docs/reliability.md.
campaign: $(VENV)/installed-test
	$(BIN)/python -m tests.campaign --minutes $(or $(MINUTES),10) --seed $(SEED) \
		--write docs/reliability.md

# Each parser of what others write, for MINUTES. It needs Linux, and clang with its libraries.
fuzz: $(VENV)/installed-fuzz
	$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),1)

# The fast part: what can be known without compilers, emulators and whole training runs.
check: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n $(JOBS) -q -m 'not long' tests/host tests/test_rooms.py tests/test_name.py \
		tests/test_notices.py tests/test_workflows.py

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(CPP)
	for platform in linux darwin win32; do $(BIN)/mypy --platform $$platform || exit 1; done
	$(BIN)/python protocol/generate.py --check
	$(BIN)/python device/regions.py --check
	$(BIN)/python host/completion.py --check
	$(BIN)/python docs/rooms.py --check
	$(BIN)/python docs/picture.py --check
	$(BIN)/python docs/boards.py --check

format: $(VENV)/installed-test
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP)

# $(call install,EXTRA,WHAT) installs the package in place: Python changes need no new installation,
# firmware ones do, and so do Python files that are moved.
define install
@# Until 0.1.0 the distribution was called ugpt; the old one would shadow the sources.
@$(BIN)/python -m pip uninstall --quiet --yes ugpt 2>/dev/null
$(call phase,installing $(2),$(BIN)/python -m pip install --editable '.[$(1)]')
endef

$(VENV)/installed: pyproject.toml $(FIRMWARE) | $(VENV)/created
	$(call install,build,ugpt and what it needs (about a minute))
	@touch $@

$(VENV)/installed-test: pyproject.toml $(FIRMWARE) | $(VENV)/created
	$(call install,test,ugpt and what it and its tests need (one to two minutes))
	@touch $(VENV)/installed $@

$(VENV)/installed-fuzz: pyproject.toml $(VENV)/installed-test
	$(call phase,installing what fuzzing needs,$(BIN)/python -m pip install --editable '.[fuzz]')
	@touch $@

$(VENV)/created:
	@$(PYTHON) -c 'import sys; sys.exit("ugpt needs Python 3.11 or newer; try: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(call phase,making a virtual environment in $(VENV),$(PYTHON) -m venv $(VENV))
	@touch $@

clean:
	rm -rf $(VENV) build
