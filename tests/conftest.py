"""What every test shares: C++ cases are tests too, and nothing started by a test outlives it."""

from __future__ import annotations

import os
import secrets
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import cpp_cases, processes
from tests.support.tools import forget_terminal, kept_environment

_STATE = "XDG_STATE_HOME"
"""Names the folder that holds the virtual device's flash and all that ugpt remembers."""


def pytest_configure() -> None:
    forget_terminal(os.environ)
    keep_compiled()
    hear_signals()


def keep_compiled() -> None:
    """Many machines, containers above all, are told to keep no compiled Python. Each process of
    the tests would compile anew whatever it imports."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def hear_signals() -> None:
    """A shell starts what it puts into the background deaf to Ctrl-C, and nohup what it starts deaf
    to the end of a terminal; the programs that tests start would be so too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    return cpp_cases.collect_file(file_path, parent)


@pytest.fixture(scope="session", autouse=True)
def isolated_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What fixtures of several tests keep between calls; the user's own is left alone."""
    folder = tmp_path_factory.mktemp("state")
    os.environ[_STATE] = str(folder)
    return folder


@pytest.fixture(autouse=True)
def environment_stays(isolated_state: Path) -> Iterator[None]:
    """Packages set variables as they are imported, which the commands of all later tests would
    have; those would then not be forked (`tests/support/warm`). Each test has its own state."""
    with kept_environment(os.environ):
        os.environ[_STATE] = str(isolated_state / secrets.token_hex(8))
        yield


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in this process get an empty loss.png: drawing one takes as long as the rest of a short
    run. tests/host/test_plot.py and the commands of tests/e2e draw them."""
    monkeypatch.setattr("ugpt.training.lifecycle.loss_png", lambda card: b"")


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    """Fails the last test of a session that leaves a process behind, and ends the process."""
    mark = f"{processes.MARK}={secrets.token_hex(8)}"
    os.environ[processes.MARK] = mark.partition("=")[2]
    yield
    left = processes.left_running(mark)
    processes.end(list(left))
    assert not left, f"left running: {[words[:300] for words in left.values()]}"
