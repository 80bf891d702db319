"""Runs one target of the host under Atheris.

python -m tests.fuzz.host NAME [options of libFuzzer]
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["ugpt"]):
    from .host_targets import TARGETS


def main() -> None:
    program, name, *options = sys.argv
    atheris.Setup([program, *options], TARGETS[name].run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
