from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.commands import CommandLine
from tests.support.warm.client import Warm

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def plot_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """matplotlib looks for fonts once, not in every test."""
    return tmp_path_factory.mktemp("matplotlib")


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    server = Warm()
    yield server
    server.close()


@pytest.fixture(scope="session")
def command_line(plot_cache: Path, warm: Warm) -> Callable[[Path], CommandLine]:
    """The command line in a folder."""
    return lambda folder: CommandLine(folder, plot_cache, warm)


@pytest.fixture
def cli(
    tmp_path: Path,
    command_line: Callable[[Path], CommandLine],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> CommandLine:
    found = command_line(tmp_path)
    monkeypatch.setenv("MPLCONFIGDIR", str(found.plot_cache))
    if request.node.get_closest_marker("own_process"):
        return replace(found, warm=None)
    return found


@pytest.fixture
def names() -> Path:
    return REPOSITORY / "data" / "names.txt"
