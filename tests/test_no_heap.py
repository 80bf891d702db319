"""What the firmware proper does without, as the symbols of its libraries tell."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.tools import ROOT, tool

BUILD = ROOT / "build" / "native"
LIBRARIES = ("engine", "rpc", "app", "store", "base")
HEAP = {"malloc", "calloc", "realloc", "aligned_alloc", "free"}
BEGINNINGS = ("_Zn", "_Zd", "__cxa_throw", "__cxa_begin_catch", "__gxx_personality", "_ZTI")
"""Of operators new and delete, of exceptions and of RTTI."""


@pytest.mark.parametrize("name", LIBRARIES)
def test_no_heap_exceptions_or_rtti(name: str) -> None:
    library = BUILD / f"libugpt-{name}.a"
    if not library.exists():
        pytest.skip(f"{library} is built where ugpt is installed with --editable")
    listed = subprocess.run(
        [tool("nm"), library], capture_output=True, text=True, check=True, timeout=60
    )
    symbols = {line.split()[-1] for line in listed.stdout.splitlines() if " " in line.strip()}
    assert len(symbols) > 5
    assert not {symbol for symbol in symbols if symbol in HEAP or symbol.startswith(BEGINNINGS)}
