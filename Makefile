# `make train` and `make test` need Python 3.11+ and a C++20 compiler; they set up the rest.
# CONTRIBUTING.md says what takes how long.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= auto
FIRMWARE := CMakeLists.txt device/sources.cmake device/native.cmake \
            $(shell find device/src -name '*.cpp' -o -name '*.h')
CPP := $(shell git grep -L '^// Generated from' -- '*.cpp' '*.h' 2>/dev/null)

.PHONY: train test check lint format clean

train: $(VENV)/installed
	$(BIN)/ugpt train data/names.txt

test: $(VENV)/installed-test
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

# The fast part: what can be known without compilers, emulators and whole training runs.
check: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n $(JOBS) -q tests/host tests/test_rooms.py tests/test_firmware_project.py \
		tests/test_name.py tests/test_notices.py tests/test_workflows.py \
		--ignore tests/host/test_training.py --ignore tests/host/test_evaluation.py

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(CPP)
	for platform in linux darwin win32; do $(BIN)/mypy --platform $$platform || exit 1; done
	$(BIN)/python protocol/generate.py --check
	$(BIN)/python device/regions.py --check
	$(BIN)/python docs/rooms.py --check

format: $(VENV)/installed-test
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP)

# The package is installed in place: Python changes need no new installation, firmware ones do, and
# so do Python files that are moved.
$(VENV)/installed: pyproject.toml $(FIRMWARE) | $(VENV)/created
	@# Until 0.1.0 the distribution was called ugpt; the old one would shadow the sources.
	@$(BIN)/python -m pip uninstall --quiet --yes ugpt 2>/dev/null
	$(BIN)/python -m pip install --quiet --editable '.[build]'
	@touch $@

$(VENV)/installed-test: pyproject.toml $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

$(VENV)/created:
	@$(PYTHON) -c 'import sys; sys.exit("ugpt needs Python 3.11 or newer; try: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) build
