"""A command that the warm server forks comes out as in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_live import started
from tests.support.commands import TIMEOUT_S, CommandLine
from tests.support.processes import left_running
from tests.support.tools import kept_environment
from tests.support.warm.client import Warm, WarmProcess

if sys.platform != "linux":
    pytest.skip("commands are forked on Linux only", allow_module_level=True)


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    server = Warm()
    yield server
    server.close()


@pytest.fixture
def own(tmp_path: Path) -> CommandLine:
    """Starts a Python for each command."""
    return CommandLine(tmp_path, tmp_path)


@pytest.fixture(scope="module")
def plots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of matplotlib for all tests lets the server run them all."""
    return tmp_path_factory.mktemp("matplotlib")


@pytest.fixture
def forked(tmp_path: Path, plots: Path, warm: Warm) -> CommandLine:
    return CommandLine(tmp_path, plots, warm)


def test_what_a_package_sets_does_not_stay() -> None:
    """Crc32c and Dask set variables, with which no later command could be forked."""
    environment = {"KEPT": "1", "CHANGED": "1", "TAKEN": "1", "PYTEST_CURRENT_TEST": "a"}
    before = dict(environment)
    with kept_environment(environment):
        environment |= {"SET": "2", "CHANGED": "2", "PYTEST_CURRENT_TEST": "b"}
        del environment["TAKEN"]
    assert environment == {**before, "PYTEST_CURRENT_TEST": "b"}


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("--version",), 0),
        (("train", "--help"), 0),
        (("runs",), 0),
        (("plan", "--json"), 0),
        (("info", "--port", "/dev/nothing"), 1),
        (("info", "--port", "/dev/nothing", "--json"), 1),
        (("nonsense",), 2),
    ],
)
def test_status_and_words(
    own: CommandLine, forked: CommandLine, arguments: tuple[str, ...], status: int
) -> None:
    expected = own.finished(*arguments, code=status)
    found = forked.finished(*arguments, code=status)
    assert (found.stdout, found.stderr) == (expected.stdout, expected.stderr)
    assert found.stdout + found.stderr


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)],
)
def test_signals(own: CommandLine, forked: CommandLine, number: int, status: int) -> None:
    for cli in (own, forked):
        with cli.running("sim", "--listen", "127.0.0.1:0", "--flash", "f") as process:
            assert isinstance(process, WarmProcess) == (cli is forked)
            assert process.stdout is not None
            assert process.stdout.readline()
            assert process.poll() is None
            process.send_signal(number)
            assert process.wait(TIMEOUT_S) == status
            assert process.poll() == status
        assert not left_running(str(cli.folder / "f"))


@pytest.mark.parametrize("arguments", [("runs",), ("train", "names", "--run", "")])
def test_on_a_terminal(tmp_path: Path, plots: Path, warm: Warm, arguments: tuple[str, ...]) -> None:
    said = []
    for server in (None, warm):
        with started(tmp_path, *arguments, warm=server, MPLCONFIGDIR=str(plots)) as terminal:
            terminal.rest()
        assert isinstance(terminal.process, WarmProcess) == (server is warm)
        said.append((terminal.process.returncode, terminal.sent))
    assert said[0] == said[1]
    assert said[0][1]


def test_ctrl_c_on_a_terminal(tmp_path: Path, plots: Path, warm: Warm) -> None:
    """The terminal controls the command, and so sends it what its keys mean."""
    sim = ("sim", "--listen", "127.0.0.1:0", "--flash", "f")
    with started(tmp_path, *sim, warm=warm, MPLCONFIGDIR=str(plots)) as terminal:
        assert isinstance(terminal.process, WarmProcess)
        terminal.until("socket://")
        terminal.press("\x03")
        terminal.rest()
    assert terminal.process.returncode == 0
    assert not left_running(str(tmp_path / "f"))


def test_a_command_that_goes_on_is_waited_for_in_vain(forked: CommandLine) -> None:
    with forked.running("sim", "--listen", "127.0.0.1:0", "--flash", "f") as process:
        for wait in (process.wait, process.communicate):
            with pytest.raises(subprocess.TimeoutExpired):
                wait(timeout=0.1)
        assert process.poll() is None


def test_commands_side_by_side(forked: CommandLine) -> None:
    """Each has streams of its own, which end when it does."""
    sim = ("sim", "--listen", "127.0.0.1:0", "--flash")
    with forked.running(*sim, "f") as first, forked.running(*sim, "g") as second:
        for process in (first, second):
            assert process.stdout is not None
            assert process.stdout.readline()
        first.terminate()
        assert first.communicate(timeout=TIMEOUT_S)[0] == ""
        assert second.poll() is None


def test_what_python_looks_at_while_it_starts_takes_a_process_of_its_own(
    forked: CommandLine, warm: Warm
) -> None:
    environment = forked.environment({})
    assert warm.can_run(environment, {})
    assert warm.can_run({**environment, "HOME": "/"}, {"stdout": subprocess.PIPE})
    assert not warm.can_run({**environment, "PYTHONIOENCODING": "ascii"}, {})
    assert not warm.can_run({**environment, "COLUMNS": "40"}, {})
    assert not warm.can_run(environment, {"preexec_fn": print})
    with forked.running("--version", env={"PYTHONIOENCODING": "ascii"}) as process:
        assert not isinstance(process, WarmProcess)
