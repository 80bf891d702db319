"""The C++ tests, built with the address and undefined-behaviour sanitizers, one test for each."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "tests"
PARTS = ("app", "engine", "rpc")


def tool(name: str) -> str:
    """The program `name` of this Python's environment."""
    return str(Path(sysconfig.get_path("scripts")) / name)


@pytest.fixture(scope="session")
def build() -> Path:
    configure = [
        tool("cmake"), "-S", str(ROOT), "-B", str(BUILD), "-G", "Ninja",
        f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}",
        "-DUGPT_TESTS=ON", "-DUGPT_SANITIZE=ON",
        "-DCMAKE_BUILD_TYPE=None", "-DCMAKE_CXX_FLAGS=-O1",  # more takes minutes to compile
    ]  # fmt: skip
    for command in (configure, [tool("cmake"), "--build", str(BUILD)]):
        run = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
        if run.returncode != 0:
            pytest.fail(f"{' '.join(command)}\n{run.stdout}{run.stderr}", pytrace=False)
    return BUILD


@pytest.mark.parametrize("part", PARTS)
def test_part(build: Path, part: str) -> None:
    programs = sorted(p for p in (build / "tests" / part).glob(f"test-{part}*") if p.is_file())
    assert programs, f"no test program was built for {part}"
    for program in programs:
        run = subprocess.run([program], capture_output=True, text=True, timeout=600, check=False)
        assert run.returncode == 0, f"{program.name}\n{run.stdout}{run.stderr}"
