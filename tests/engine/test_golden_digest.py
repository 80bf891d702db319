"""One training run, one digest: every compiler, level of optimisation, instruction set and
processor must end with the bits of tests/data/golden.json.

A failing test shows the digest it found. The golden ones change only where docs/numerics.md does.
"""

from __future__ import annotations

import pytest
from engine_builds import BUILDS, NATIVE, OTHER_PROCESSORS, Build, Workshop, run
from golden import GOLDEN, check

KERNELS = ("scalar", "avx2", "avx512")


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("build", NATIVE, ids=lambda build: build.name)
def test_this_computer(
    builds: Workshop, documents: list[list[int]], build: Build, kernels: str, name: str
) -> None:
    if missing := build.missing():
        pytest.skip(missing)
    command = builds.command(build)
    available = run(*command, "kernels").split()
    if kernels not in available:
        pytest.skip(f"this processor runs {', '.join(available)}, not {kernels}")
    check(command, documents, name, available.index(kernels))


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("threads", [2, 3, 5])
def test_several_threads(
    builds: Workshop, documents: list[list[int]], threads: int, name: str
) -> None:
    build = NATIVE[1]
    if missing := build.missing():
        pytest.skip(missing)
    command = builds.command(build)
    for kernels in range(len(run(*command, "kernels").split())):
        check([*command, "threads", str(threads)], documents, name, kernels)


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.name)
def test_every_operation(builds: Workshop, build: Build) -> None:
    """The self-test, which every set of kernels in the build takes, finds nothing wrong."""
    if missing := build.missing():
        pytest.skip(missing)
    assert run(*builds.command(build), "self-test").splitlines() == []


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("build", OTHER_PROCESSORS, ids=lambda build: build.name)
def test_other_processor(
    builds: Workshop, documents: list[list[int]], build: Build, name: str
) -> None:
    if missing := build.missing():
        pytest.skip(missing)
    check(builds.command(build), documents, name, None)
