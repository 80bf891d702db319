"""Compilers and processors that break the numerics contract are found out, and the operation named.

Each test breaks the arithmetic of one build of the engine on purpose and asks its self-test what
is wrong. The rest of the engine comes from the build that keeps the contract.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from engine_builds import NATIVE, ROOT, Build, Workshop, engine_sources, run

OPTIONS = ("-std=c++20", "-O2", "-fno-exceptions", "-fno-rtti", f"-I{ROOT / 'device' / 'src'}")
FUSED = ("-mfma",) if platform.machine() == "x86_64" else ()
O2 = tuple(build for build in NATIVE if build.name.endswith("-O2"))


def compile_driver(
    folder: Path, builds: Workshop, build: Build, *options: str,
    broken: Sequence[str] = (), link: Sequence[str] = (),
) -> Path:  # fmt: skip
    """The engine's test driver with its `broken` sources built with `options`."""
    if missing := build.missing():
        pytest.skip(missing)
    if sys.platform == "darwin":
        pytest.skip("the linker of macOS takes no second definition")
    builds.command(build)
    helper = ROOT / "device" / "src" / "port" / "posix" / "helper.cpp"
    driver = ROOT / "tests" / "engine" / "driver.cpp"
    sources = [*broken, str(helper), str(driver)]
    objects = [f"{number}.o" for number in range(len(sources))]  # several sources end alike
    for source, result in zip(sources, objects, strict=True):
        run(build.compiler, *OPTIONS, *options, "-c", source, "-o", result, cwd=folder)
    # What is broken comes first: of two definitions the linker takes that one.
    engine = (str(build.library("ugpt-engine")), "-Wl,-z,muldefs")
    run(build.compiler, *objects, *engine, *link, "-pthread", "-o", "driver", cwd=folder)
    return folder / "driver"


def arithmetic() -> list[str]:
    """The sources that the self-test is compiled into, and what it calls."""
    found = [
        source
        for source in engine_sources()
        if "/numeric/" in source or source.endswith("/train/kernels.cpp")
    ]
    assert len(found) >= 3
    return found


def failed_operations(driver: Path) -> list[str]:
    return run(str(driver), "self-test").splitlines()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="-mfma is an option of x86-64")
@pytest.mark.parametrize("build", O2, ids=lambda build: build.name)
def test_contraction(tmp_path: Path, builds: Workshop, build: Build) -> None:
    options = ("-ffp-contract=fast", *FUSED)
    driver = compile_driver(tmp_path, builds, build, *options, broken=arithmetic())
    failed = failed_operations(driver)
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


@pytest.mark.parametrize("build", O2[:1], ids=lambda build: build.name)
def test_fused_in_two_roundings(tmp_path: Path, builds: Workshop, build: Build) -> None:
    """A processor, or a library, whose fused multiply-add rounds the product."""
    options = ("-ffp-contract=off", *FUSED, "-D__builtin_fmaf(a,b,c)=((a)*(b)+(c))")
    driver = compile_driver(tmp_path, builds, build, *options, broken=arithmetic())
    failed = failed_operations(driver)
    assert "fma" in failed
    assert not {"sum", "product", "product and sum", "comparison", "conversion"} & set(failed)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="start-up code of x86-64")
@pytest.mark.parametrize("build", O2[:1], ids=lambda build: build.name)
def test_flushed_denormals(tmp_path: Path, builds: Workshop, build: Build) -> None:
    """Linked with -ffast-math, a program starts with denormals switched off."""
    driver = compile_driver(tmp_path, builds, build, "-ffp-contract=off", link=["-ffast-math"])
    assert {"sum", "product"} <= set(failed_operations(driver))
