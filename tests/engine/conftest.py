"""The engine's test programs, built once for the tests written in Python."""

from __future__ import annotations

import random
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_builds import BUILDS, Workshop, workshop

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "engine-tests"


def _tool(name: str) -> str:
    beside = Path(sysconfig.get_path("scripts")) / name
    return str(beside) if beside.exists() else name


@pytest.fixture(scope="session")
def driver() -> list[str]:
    """The command that runs the driver."""
    configure = [
        _tool("cmake"), "-S", str(ROOT), "-B", str(BUILD), "-G", "Ninja",
        f"-DCMAKE_MAKE_PROGRAM={_tool('ninja')}", "-DUGPT_TESTS=ON",
    ]  # fmt: skip
    build = [_tool("cmake"), "--build", str(BUILD), "--target", "engine-driver"]
    for command in (configure, build):
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        if done.returncode != 0:
            pytest.fail(f"{' '.join(command)}\n{done.stdout}{done.stderr}", pytrace=False)
    return [str(BUILD / "tests" / "engine" / "engine-driver")]


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
