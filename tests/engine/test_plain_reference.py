"""The plain reference (device/src/engine/reference) against the golden runs, and every set of
kernels against the plain reference: bit for bit, step by step (test_reference.cpp).

tests/support/cpp_cases.py runs the same program with sanitizers.
"""

from __future__ import annotations

import subprocess

import pytest
from engine_builds import BUILDS, OTHER_PROCESSORS, Build, Workshop, run
from golden import GOLDEN, check

NATIVE = tuple(build for build in BUILDS if build.name in ("g++-O2", "clang++-O3"))
LONG = {"more_random_shapes", "borders_between_tokens"}
"""Run in the first build only: under an emulator they would take minutes."""

PLAIN = [name for name, run in GOLDEN.items() if "recipe" not in run]
"""The golden runs that the reference can do: no batches, no packed moments."""


@pytest.mark.parametrize("build", NATIVE + OTHER_PROCESSORS, ids=lambda build: build.name)
def test_every_set_of_kernels(builds: Workshop, build: Build) -> None:
    if missing := build.missing():
        pytest.skip(missing)
    command = builds.command(build, "test-engine-reference")
    tests = run(*command, "--list").split()
    assert set(tests) > LONG
    if build != NATIVE[0]:
        tests = [name for name in tests if name not in LONG]
    done = subprocess.run(
        [*command, *tests], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("build", NATIVE[:1], ids=lambda build: build.name)
def test_golden_runs(builds: Workshop, documents: list[list[int]], build: Build, name: str) -> None:
    if missing := build.missing():
        pytest.skip(missing)
    check(builds.command(build, "reference-driver"), documents, name, None)
