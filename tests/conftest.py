"""What every test shares: C++ cases are tests too, and nothing started by a test outlives it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import cpp_cases, processes
from tests.support.tools import forget_terminal


def pytest_configure() -> None:
    forget_terminal(os.environ)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    return cpp_cases.collect_file(file_path, parent)


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    """Fails the last test of a session that leaves a process behind, and ends the process."""
    mark = f"{processes.MARK}={secrets.token_hex(8)}"
    os.environ[processes.MARK] = mark.partition("=")[2]
    yield
    left = processes.left_running(mark)
    processes.end(list(left))
    assert not left, f"left running: {[words[:300] for words in left.values()]}"
