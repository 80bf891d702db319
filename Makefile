# `make train` and `make test` need Python 3.11+ and a C++20 compiler; they set up the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FIRMWARE := CMakeLists.txt device/sources.cmake device/native.cmake \
            $(shell find device/src -name '*.cpp' -o -name '*.h')

.PHONY: train test lint clean

train: $(VENV)/installed
	$(BIN)/ugpt train data/names.txt

test: $(VENV)/installed-test
	$(BIN)/python -m pytest

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	for platform in linux darwin win32; do $(BIN)/mypy --platform $$platform || exit 1; done

# The package is installed in place: Python changes need no new installation, firmware ones do.
$(VENV)/installed: pyproject.toml $(FIRMWARE) | $(VENV)/created
	$(BIN)/python -m pip install --quiet --editable .
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
