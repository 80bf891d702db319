"""`ugpt stop`: ends a run on the board and keeps it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.commands import CommandLine
from tests.support.devices import listening_device


async def test_a_detached_run_is_stopped_and_stays_stopped(
    cli: CommandLine, tmp_path: Path, names: Path
) -> None:
    flash = tmp_path / "board.flash"
    async with listening_device("tcp", flash) as port:
        cli("train", names, "--steps", "10000000", "--detach", "--run", "R", "--port", port)
        said = json.loads(cli("stop", "--json", "--port", port))
        assert said["was_training"] is True
        assert 0 < said["step"] < 10_000_000
    # The power was cut: nothing goes on by itself, and no run folder was needed.
    async with listening_device("tcp", flash) as port:
        status = json.loads(cli("info", "--json", "--port", port))["status"]
        assert (status["state"], status["step"]) == ("idle", said["step"])
        assert status["saved_step"] == said["step"]
        assert json.loads(cli("stop", "--json", "--port", port))["was_training"] is False
        again = cli("stop", "--port", port)
        assert "no run was being trained" in again
        assert f"at step {said['step']:,} of 10,000,000" in again


async def test_the_list_of_runs_knows_of_the_stop(
    cli: CommandLine, tmp_path: Path, names: Path
) -> None:
    def state() -> str:
        (run,) = map(json.loads, cli("runs", "--json").splitlines())
        return run["state"]  # type: ignore[no-any-return]

    async with listening_device("tcp", tmp_path / "board.flash") as port:
        train = ("train", "--resume", "R", "--detach", "--port", port)
        cli("train", names, "--steps", "10000000", "--detach", "--run", "R", "--port", port)
        assert state() == "detached"
        cli("stop", "--port", port)
        assert state() == "interrupted"
        cli(*train)
        assert state() == "detached"


async def test_a_step_that_the_folder_lacks_is_told(
    cli: CommandLine, tmp_path: Path, names: Path
) -> None:
    async with listening_device("tcp", tmp_path / "board.flash") as port:
        cli("train", names, "--steps", "20", "--run", "R", "--port", port)
        stop = ("stop", "--port", port)
        assert cli.finished(*stop).stderr == ""
        (tmp_path / "R" / "checkpoint.safetensors").unlink()
        assert f"train --resume R --port {port}" in cli.finished(*stop).stderr


async def test_without_a_model_there_is_nothing_to_stop(cli: CommandLine, tmp_path: Path) -> None:
    async with listening_device("tcp", tmp_path / "empty.flash") as port:
        assert "holds no model" in cli.refused("stop", "--port", port)
