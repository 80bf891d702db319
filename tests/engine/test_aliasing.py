"""Memory has one type: nothing is stored as one and read as another, which optimisers rely on."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from engine_builds import ROOT, engine_sources, run
from test_broken_contract import FUSED, OPTIONS

NEEDED = {"adam_step", "soft_fma", "team"}  # by test_aliasing.cpp
CONTRACT = ("-ffp-contract=off", *FUSED)


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
@pytest.mark.parametrize("level", ["-O2", "-O3"])
def test_what_a_step_stores_is_read_back(tmp_path: Path, compiler: str, level: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    program = tmp_path / "test-aliasing"
    test = ROOT / "tests" / "engine" / "test_aliasing.cpp"
    needed = [source for source in engine_sources() if Path(source).stem in NEEDED]
    run(compiler, *OPTIONS, *CONTRACT, level, f"-I{ROOT / 'tests'}", str(test), *needed,
        "-o", str(program))  # fmt: skip
    run(str(program))


def test_words_of_other_types_are_read_through_a_type_that_may_be_theirs() -> None:
    """No warning tells of a cast whose pointer is kept."""
    cast = re.compile(r"reinterpret_cast<(?:const |volatile )*(?:std::u?int(?:16|32)_t|float) ?\*>")
    tensors = {  # the only floats that bytes of a file become
        "infer/model.cpp", "infer/product_f32.h"
    }  # fmt: skip
    engine = ROOT / "device" / "src" / "engine"
    found = {
        f"{file.relative_to(engine)}: {match[0]}"
        for file in engine.rglob("*")
        if file.suffix in (".h", ".cpp")
        for match in cast.finditer(file.read_text())
        if "float" not in match[0] or file.relative_to(engine).as_posix() not in tensors
    }
    assert found == {"arena.cpp: reinterpret_cast<std::uint32_t*>"}  # of memory for words only


def test_no_pointer_changes_its_type(tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed: clang has no such warning")
    engine = tmp_path / "engine.cpp"
    engine.write_text("".join(f'#include "{source}"\n' for source in engine_sources()))
    run("g++", *OPTIONS, *CONTRACT, "-Wall", "-Wextra", "-Wstrict-aliasing=1", "-Werror",
        "-fsyntax-only", str(engine))  # fmt: skip
