from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.commands import CommandLine

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """A shell starts what it puts into the background deaf to Ctrl-C, and so are its children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def plot_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """matplotlib looks for fonts once, not in every test."""
    return tmp_path_factory.mktemp("matplotlib")


@pytest.fixture
def cli(tmp_path: Path, plot_cache: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setenv("MPLCONFIGDIR", str(plot_cache))
    return CommandLine(tmp_path)


@pytest.fixture
def names() -> Path:
    return REPOSITORY / "data" / "names.txt"
