"""Compilers and processors that break the numerics contract are found out, and the operation named.

Each test breaks one build of the engine on purpose and asks its self-test what is wrong.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest
from engine_builds import ROOT, engine_sources, run

OPTIONS = ("-std=c++20", "-O2", "-fno-exceptions", "-fno-rtti", f"-I{ROOT / 'device' / 'src'}")
FUSED = ("-mfma",) if platform.machine() == "x86_64" else ()


def compile_driver(folder: Path, compiler: str, *options: str, link: tuple[str, ...] = ()) -> Path:
    """The engine's test driver, built without the options that keep the contract."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    helper = ROOT / "device" / "src" / "port" / "posix" / "helper.cpp"
    driver = ROOT / "tests" / "engine" / "driver.cpp"
    sources = [*engine_sources(), str(helper), str(driver)]
    objects = [f"{number}.o" for number in range(len(sources))]  # several sources end alike
    for source, result in zip(sources, objects, strict=True):
        run(compiler, *OPTIONS, *options, "-c", source, "-o", result, cwd=folder)
    run(compiler, *objects, *link, "-pthread", "-o", "driver", cwd=folder)
    return folder / "driver"


def failed_operations(driver: Path) -> list[str]:
    return run(str(driver), "self-test").splitlines()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="-mfma is an option of x86-64")
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_contraction(tmp_path: Path, compiler: str) -> None:
    failed = failed_operations(compile_driver(tmp_path, compiler, "-ffp-contract=fast", *FUSED))
    assert "product and sum" in failed
    assert not {"sum", "product", "fma", "comparison", "conversion"} & set(failed)


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
@pytest.mark.parametrize("option", ["-ffast-math", "-Ofast"])
def test_fast_math(tmp_path: Path, compiler: str, option: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    source = ROOT / "device" / "src" / "engine" / "numeric" / "soft_fma.cpp"
    done = subprocess.run(
        [compiler, *OPTIONS, option, "-c", str(source), "-o", str(tmp_path / "out.o")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "it must be compiled without -ffast-math" in done.stderr


def test_fused_in_two_roundings(tmp_path: Path) -> None:
    """A processor, or a library, whose fused multiply-add rounds the product."""
    twice = "-D__builtin_fmaf(a,b,c)=((a)*(b)+(c))"
    failed = failed_operations(compile_driver(tmp_path, "g++", "-ffp-contract=off", *FUSED, twice))
    assert "fma" in failed
    assert not {"sum", "product", "product and sum", "comparison", "conversion"} & set(failed)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="start-up code of x86-64")
def test_flushed_denormals(tmp_path: Path) -> None:
    """Linked with -ffast-math, a program starts with denormals switched off."""
    driver = compile_driver(tmp_path, "g++", "-ffp-contract=off", *FUSED, link=("-ffast-math",))
    assert {"sum", "product"} <= set(failed_operations(driver))
