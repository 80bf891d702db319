"""`ugpt fleet join`: boards that wait at a scheduler for whoever trains."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.support import processes
from tests.support.commands import TIMEOUT_S, CommandLine, Process, digest
from tests.support.dask import dask_scheduler, tls_environment
from tests.support.devices import device_process

TRAIN = ("fleet", "train", "--n-embd", "8", "--n-head", "2", "--sync", "20", "--steps", "60")
WORKER = "multiprocessing.spawn import spawn_main"


def next_event(process: Process) -> dict[str, str]:
    """The process is ended if it says nothing for long."""
    assert process.stdout is not None
    patience = threading.Timer(TIMEOUT_S, process.kill)
    patience.start()
    try:
        line = process.stdout.readline()
    finally:
        patience.cancel()
    assert line, "the process says nothing more"
    event: dict[str, str] = json.loads(line)
    return event


def ended(process: Process, how: signal.Signals) -> int:
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    assert "Traceback" not in said
    return process.returncode


def test_boards_of_two_computers(cli: CommandLine, tmp_path: Path, names: Path) -> None:
    cli(*TRAIN, names, "--virtual", "1", "--run", "alone")
    keys = tls_environment()
    mark = f"UGPT_TEST_JOIN={tmp_path.name}"
    with dask_scheduler("tls", env=keys) as address:
        join = ("fleet", "join", address, "--virtual", "1", "--json")
        with (
            cli.running(*join, env={**keys, **dict([mark.split("=")])}) as here,
            cli.running(*join, env=keys) as there,
        ):
            boards = {next_event(each)["board"] for each in (here, there)}
            assert len(boards) == 2
            workers = [pid for pid, words in processes.running(mark).items() if WORKER in words]
            processes.end(workers)  # Dask starts it again
            said = cli(*TRAIN, names, "--scheduler", address, "--json", "--run", "R", env=keys)
            events = [json.loads(line) for line in said.splitlines()]
            joined = {each["board"] for each in events if each["event"] == "board_joined"}
            assert joined
            assert joined <= boards
            assert digest(tmp_path / "R") == digest(tmp_path / "alone")
            assert ended(here, signal.SIGINT) == 0
            assert ended(there, signal.SIGTERM) == 143


def test_a_scheduler_that_is_started_again_has_its_boards_again(cli: CommandLine) -> None:
    with contextlib.ExitStack() as stack:
        with dask_scheduler() as address:
            join = ("fleet", "join", address, "--virtual", "1", "--json")
            process = stack.enter_context(cli.running(*join))
            assert next_event(process)["event"] == "board_joined"
        assert next_event(process)["event"] == "board_left"
        with dask_scheduler(port=int(address.rpartition(":")[2])):
            while next_event(process)["event"] != "board_joined":
                pass
            assert ended(process, signal.SIGINT) == 0


def test_a_name_that_another_computer_has_is_told(cli: CommandLine, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(dask_scheduler())
        for number in range(2):
            _, port = stack.enter_context(device_process(tmp_path / f"flash-{number}"))
            file = tmp_path / f"{number}.toml"
            file.write_text(f'[[board]]\nport = "{port}"\nname = "window"\n')
            join = ("fleet", "join", address, "--boards", file, "--json")
            process = stack.enter_context(cli.running(*join))
            event = next_event(process)
        assert event["event"] == "notice"
        assert f"A board called window is at {address} already" in event["text"]
        assert ended(process, signal.SIGINT) == 0


def test_a_worker_that_is_none_of_ours(cli: CommandLine, names: Path) -> None:
    with dask_scheduler() as address:
        worker = [sys.executable, "-m", "dask", "worker", address, "--resources", "board=1"]
        with subprocess.Popen(
            [*worker, "--no-dashboard"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                wait = f"Client({address!r}, timeout=60).wait_for_workers(1, timeout=60)"
                program = f"from distributed import Client; {wait}"
                subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
                # Rounds enough for it to be given a task in any case.
                train = (*TRAIN, names, "--steps", "20000", "--run", "R")
                said = cli.refused(*train, "--scheduler", address, "--virtual", "1")
            finally:
                process.terminate()
    assert "A worker of the scheduler cannot do the work" in said
    assert "fleet join" in said
