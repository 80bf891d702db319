"""The engine's test driver, built once for the tests written in Python."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import pytest

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
