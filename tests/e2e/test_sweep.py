"""`ugpt sweep` as its users run it: a board is killed, the program is stopped, and all trials come
to their end once."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.support.commands import CommandLine
from tests.support.processes import end, running

SWEEP = ("--set", "n_embd=8,16", "--set", "lr=0.001:0.02:log", "--run", "S", "--json")


def devices_of(folder: Path) -> list[int]:
    """The virtual devices of the command in `folder`."""
    return [pid for pid, words in running(str(folder)).items() if "ugpt-device" in words]


def test_twenty_trials_on_three_boards(cli: CommandLine, tmp_path: Path, names: Path) -> None:
    sweep = ("sweep", names, *SWEEP, "--trials", "20", "--steps", "400", "--virtual", "3")
    ended = 0
    with cli.running(*sweep) as process:
        assert process.stdout is not None
        for line in process.stdout:
            ended += json.loads(line)["event"] == "trial_ended"
            if ended == 3:
                end(devices_of(tmp_path)[:1])
                ended += 1
            if ended == 8:
                process.send_signal(signal.SIGINT)
                break
        process.stdout.read()
        assert process.stderr is not None
        assert "sweep --resume S --virtual 3" in process.stderr.read()
        assert process.wait(60) == 130
    lines = cli("sweep", "--resume", "S", "--virtual", "3", "--json").splitlines()
    trials = json.loads(lines[-1])["trials"]
    assert [trial["number"] for trial in trials] == list(range(20))
    assert {trial["state"] for trial in trials} == {"complete"}
    begun = [json.loads(line) for line in lines]
    again = [event["trial"]["number"] for event in begun if event["event"] == "trial_started"]
    assert len(again) == len(set(again)) < 20
    for number in range(20):
        folder = tmp_path / "S" / f"trial-{number:03}"
        assert (folder / "weights.sha256").exists()
        assert len((folder / "metrics.jsonl").read_text().splitlines()) == 400
    assert (tmp_path / "S" / "sweep.png").read_bytes().startswith(b"\x89PNG")
    assert "trial-" in cli("runs", "S")


@pytest.mark.parametrize("output", ["--plain", "--json"])
def test_a_sweep_of_which_no_trial_can_be_trained(
    cli: CommandLine, names: Path, output: str
) -> None:
    sweep = ("sweep", names, "--set", "n_head=3,5", "--virtual", "1", "--sampler", "grid")
    finished = cli.finished(*sweep, "--run", "S", output, code=1)
    assert "None of the 2 trials could be trained; each has ended with its reason" in (
        finished.stderr
    )
    told = finished.stdout + finished.stderr
    assert all(f"A width of 16 cannot be divided among {heads} heads" in told for heads in (3, 5))
