"""What the firmware proper does without, as the symbols of its libraries tell."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.tools import ROOT, tool

BUILD = ROOT / "build" / "native"
LIBRARIES = ("engine", "rpc", "app", "store", "base")
HEAP = ("malloc", "calloc", "realloc", "aligned_alloc", "free", "_Zn", "_Zd")
"""Names, and the beginnings of those of operators new and delete."""
EXCEPTIONS_AND_RTTI = ("__cxa_throw", "__cxa_begin_catch", "__gxx_personality", "_ZTI")


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
    found = [
        symbol
        for symbol in symbols
        if symbol in HEAP or symbol.startswith((*HEAP[-2:], *EXCEPTIONS_AND_RTTI))
    ]
    assert found == []
