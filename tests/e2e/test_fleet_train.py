"""`ugpt fleet train`: whatever becomes of boards and processes, the weights are the same."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import processes
from tests.support.commands import CommandLine, Process, digest, losses
from tests.support.dask import dask_scheduler
from tests.support.devices import device_process
from tests.support.waiting import happens

ROUNDS = 30
TRAIN = ("fleet", "train", "--n-embd", "8", "--n-head", "2", "--workers", "4", "--sync", "20")
LONG = (*TRAIN, "--steps", str(20 * ROUNDS), "--run", "R", "--json")
WORKER = "multiprocessing.spawn import spawn_main"
DEVICE = "ugpt-device"


@pytest.fixture(scope="module")
def straight(
    tmp_path_factory: pytest.TempPathFactory, command_line: Callable[[Path], CommandLine]
) -> str:
    """The digest of an undisturbed run on one board."""
    folder = tmp_path_factory.mktemp("straight")
    names = Path(__file__).parents[2] / "data" / "names.txt"
    command_line(folder)(*LONG, names, "--virtual", "1")
    return digest(folder / "R")


def events_until_round(process: Process, number: int) -> list[dict[str, Any]]:
    events = []
    assert process.stdout is not None
    for line in process.stdout:
        events.append(json.loads(line))
        if events[-1]["event"] == "round_done" and events[-1]["round"] >= number:
            return events
    raise AssertionError(f"the run ended before round {number}: {process.stderr}")


def rest_of(process: Process) -> list[dict[str, Any]]:
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    return [json.loads(line) for line in out.splitlines()]


def children(text: str, mark: str) -> list[int]:
    return [pid for pid, words in processes.running(mark).items() if text in words]


@pytest.mark.parametrize("boards", [2, 4])
def test_any_number_of_boards_gives_the_same_bits(
    cli: CommandLine, tmp_path: Path, names: Path, straight: str, boards: int
) -> None:
    said = cli(*LONG, names, "--virtual", boards)
    events = [json.loads(line) for line in said.splitlines()]
    joined = [event["board"] for event in events if event["event"] == "board_joined"]
    assert sorted(joined) == [f"virtual-{number + 1}" for number in range(boards)]
    assert digest(tmp_path / "R") == straight
    assert len(losses(tmp_path / "R")) == 20 * ROUNDS
    busy = {event["board"] for event in events if event["event"] == "part_done"}
    assert busy == set(joined)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("killed", [DEVICE, WORKER], ids=["board", "process"])
def test_a_board_or_a_process_that_is_killed_changes_no_bit(
    cli: CommandLine, tmp_path: Path, names: Path, straight: str, killed: str, seed: int
) -> None:
    mark = f"UGPT_TEST_FLEET={tmp_path.name}-{seed}"
    source = random.Random(seed)
    environment = dict([mark.split("=")])
    with cli.running(*LONG, names, "--virtual", "2", env=environment) as process:
        events_until_round(process, source.randrange(1, ROUNDS // 2))
        os.kill(source.choice(sorted(children(killed, mark))), signal.SIGKILL)
        events = rest_of(process)
    assert events[-1]["event"] == "finished"
    assert digest(tmp_path / "R") == straight
    assert len(losses(tmp_path / "R")) == 20 * ROUNDS


def test_the_only_process_comes_back(
    cli: CommandLine, tmp_path: Path, names: Path, straight: str
) -> None:
    """Dask starts the process of a board again, which finds its port free."""
    mark = f"UGPT_TEST_FLEET={tmp_path.name}"
    with device_process(tmp_path / "flash") as (_, port):
        environment = dict([mark.split("=")])
        with cli.running(*LONG, names, "--port", port, env=environment) as process:
            events_until_round(process, 3)
            os.kill(children(WORKER, mark)[0], signal.SIGKILL)
            events = rest_of(process)
    kinds = [event["event"] for event in events]
    assert kinds.index("board_left") < kinds.index("board_joined")
    assert digest(tmp_path / "R") == straight


def test_ctrl_c_keeps_what_was_averaged(
    cli: CommandLine, tmp_path: Path, names: Path, straight: str
) -> None:
    with cli.running(*LONG, names, "--virtual", "2") as process:
        events_until_round(process, 4)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "ugpt fleet train --resume R" in err
    stopped = json.loads(out.splitlines()[-2])
    assert stopped["event"] == "stopped"
    assert stopped["step"] == stopped["saved_step"] == len(losses(tmp_path / "R"))
    refused = cli.refused("train", "--resume", "R")
    assert "is a joint run of several workers. Go on with it:" in refused
    said = cli("fleet", "train", "--resume", "R", "--virtual", "1", "--plain")
    assert said.index("Starting Dask") < said.index("training on 1 board")
    assert digest(tmp_path / "R") == straight


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_what_a_terminal_sends_is_heard_by_no_process_of_a_board(
    cli: CommandLine, tmp_path: Path, names: Path, number: signal.Signals
) -> None:
    """It sends Ctrl-C, and that it is closed, to all of them, also while they start."""
    mark = f"UGPT_TEST_FLEET={tmp_path.name}"
    environment = dict([mark.split("=")])
    train = (*LONG, names, "--virtual", "2")
    with cli.running(*train, env=environment, start_new_session=True) as process:
        assert happens(lambda: bool(children(WORKER, mark)), 60.0)
        os.killpg(process.pid, number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "Traceback" not in err


def test_a_signal_to_the_process_group_reaches_no_board(
    cli: CommandLine, tmp_path: Path, names: Path
) -> None:
    """As of `kill` in a shell, and of `timeout`: the round that it ends after needs the boards."""
    mark = f"UGPT_TEST_FLEET={tmp_path.name}"
    environment = dict([mark.split("=")])
    with cli.running(*LONG, names, "--virtual", "2", env=environment) as process:
        events_until_round(process, 1)
        groups = {os.getpgid(pid) for kind in (WORKER, DEVICE) for pid in children(kind, mark)}
        assert len(groups) == 4
        assert os.getpgid(process.pid) not in groups
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 143


def test_a_run_that_another_program_trains_is_not_called_stopped(
    cli: CommandLine, tmp_path: Path, names: Path
) -> None:
    with cli.running(*LONG, names, "--virtual", "1") as process:
        events_until_round(process, 1)
        process.send_signal(signal.SIGSTOP)
        said = cli.finished("fleet", "train", "--resume", "R", "--virtual", "1", code=1).stderr
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert "R is in use by another ugpt" in said
    assert "Stopped" not in said


def test_a_scheduler_that_exists(
    cli: CommandLine, tmp_path: Path, names: Path, straight: str
) -> None:
    with dask_scheduler() as address:
        cli(*LONG, names, "--virtual", "2", "--scheduler", address)
    assert digest(tmp_path / "R") == straight


def test_bad_input(cli: CommandLine, tmp_path: Path, names: Path) -> None:
    train = ("fleet", "train", names, "--run", "R")
    said = cli.refused(*train, "--virtual", "1", "--scheduler", "tcp://127.0.0.1:1")
    assert "The scheduler tcp://127.0.0.1:1 cannot be reached" in said
    said = cli.refused(*train, "--virtual", "1", "--scheduler", "tls://127.0.0.1:1")
    assert "cannot be reached: Dask's configuration names no keys" in said
    tls, absent = "DASK_DISTRIBUTED__COMM__TLS__", str(tmp_path / "absent")
    missing = {f"{tls}{kind}": absent for kind in ("CA_FILE", "CLIENT__CERT", "CLIENT__KEY")}
    said = cli.refused(*train, "--virtual", "1", "--scheduler", "tls://127.0.0.1:1", env=missing)
    assert "a file with keys is not where" in said
    said = cli.refused(*train, "--virtual", "1", "--scheduler", "tcp://192.0.2.1:8786", code=2)
    assert "is not encrypted, and whoever reaches it could run programs here" in said
    said = cli.refused(*train, "--port", "socket://127.0.0.1:1")
    assert "There is no board to use" in said
    said = cli.refused(*train, "--virtual", "2", "--n-layer", "4", "--n-embd", "64")
    assert "No board is left. virtual-1: The model needs" in said
    said = cli.refused(*train, "--virtual", "1", "--verify", "10", code=2)
    assert "--verify 10 is not a share" in said
    assert not (tmp_path / "R").exists()
