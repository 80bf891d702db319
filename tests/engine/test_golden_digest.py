"""One training run, one digest: every compiler, level of optimisation, instruction set and
processor must end with the bits of tests/data/golden.json.

A failing test shows the digest it found. The golden ones change only where docs/numerics.md does.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from engine_builds import BUILDS, NATIVE, OTHER_PROCESSORS, Build, Workshop, run, workshop
from engine_driver import Run, run_driver

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = json.loads((ROOT / "tests" / "data" / "golden.json").read_text())
KERNELS = ("scalar", "avx2", "avx512")


@dataclass(frozen=True)
class Digests:
    """SHA-256 of little-endian float32 values, tensors in canonical order."""

    weights_sha256: str
    losses_sha256: str


@pytest.fixture(scope="session")
def builds(request: pytest.FixtureRequest) -> Iterator[Workshop]:
    """Makes what the tests of this session need."""
    parameters = [getattr(item, "callspec", None) for item in request.session.items]
    wanted = {each.params["build"] for each in parameters if each and "build" in each.params}
    with workshop(tuple(build for build in BUILDS if build in wanted)) as running:
        yield running


@pytest.fixture(scope="session")
def documents() -> list[list[int]]:
    """The documents of names.txt as tokens, in the order of training."""
    lines = (ROOT / "data" / "names.txt").read_text().splitlines()
    names = [line.strip() for line in lines if line.strip()]
    ids = {character: i for i, character in enumerate(sorted(set("".join(names))))}
    random.Random(42).shuffle(names)
    return [[ids[character] for character in name] for name in names]


def train(
    command: list[str], documents: list[list[int]], name: str, kernels: int | None
) -> Digests:
    """Trains the run `name` of the golden ones."""
    golden = GOLDEN[name]
    steps, recipe = golden["steps"], golden.get("recipe", {})
    trained = documents[: steps * recipe.get("batch", 1)]
    run = Run(None, trained, total_steps=steps, kernels=kernels, **golden["shape"], **recipe)
    result = run_driver(command, run)
    weights = b"".join(values.tobytes() for values in result.weights.values())
    return Digests(
        hashlib.sha256(weights).hexdigest(), hashlib.sha256(result.losses.tobytes()).hexdigest()
    )


def check(command: list[str], documents: list[list[int]], name: str, kernels: int | None) -> None:
    golden = GOLDEN[name]
    found = train(command, documents, name, kernels)
    assert found == Digests(golden["weights_sha256"], golden["losses_sha256"])


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
