"""The engine's test programs, built once for the tests written in Python."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from engine_builds import BUILDS, NATIVE, Workshop, workshop

from tests.support.tools import ROOT


@pytest.fixture(scope="session")
def driver() -> list[str]:
    """The command that runs the driver, built for speed."""
    build = next(build for build in NATIVE if "-O3" in build.options and not build.missing())
    build.make()
    return build.command()


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
