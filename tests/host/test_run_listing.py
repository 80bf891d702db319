"""`ugpt runs`, and runs by name."""

from __future__ import annotations

import json
import os
from array import array
from dataclasses import replace
from pathlib import Path

import pytest

from tests.host.test_runs import CONFIG, checkpoint
from tests.support.in_process import Program
from ugpt.cli.run_names import names_for_shell
from ugpt.runs import files
from ugpt.runs.errors import NewerRun, NoRun
from ugpt.runs.folder import Run
from ugpt.runs.glance import MEAN_STEPS, WHOLE_BYTES, glance, val_loss_at
from ugpt.runs.listing import RunState, SortKey, list_runs, look_at, sorted_runs
from ugpt.runs.naming import address_of, find_folder
from ugpt.runs.registry import remember


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("platformdirs.user_state_path", lambda name: tmp_path / "state")


def made(path: Path, step: int = 0, saved: int | None = None, run_id: int = 77) -> Run:
    run = Run.new(path, replace(CONFIG, run_id=run_id))
    run.begin("virtual device (board esp32); no board is plugged in")
    if step:
        run.metrics.record(1, [3.0 - at / 100 for at in range(step)], [5] * step)
    if saved is not None:
        run.write_checkpoint(checkpoint(saved), "abcde")
    return run


def states(folder: Path | None = None) -> dict[str, RunState]:
    return {run.name: run.state for run in list_runs(folder)}


def test_every_folder_is_listed_as_what_it_is(tmp_path: Path) -> None:
    home = Path("runs")
    made(home / "done", 100, 100)
    made(home / "interrupted", 50, 30)
    made(home / "begun")
    made(home / "torn", 50, 30)
    (home / "torn" / "config.toml").write_text("data = ")
    flipped = made(home / "flipped", 50, 30).path / "checkpoint.safetensors"
    content = bytearray(flipped.read_bytes())
    content[-9] ^= 1
    flipped.write_bytes(content)
    for name, old, new in (("wider", "n_embd = 8", "n_embd = 16"), ("shorter", "= 100", "= 20")):
        config = made(home / name, 50, 30).path / "config.toml"
        assert old in config.read_text()
        config.write_text(config.read_text().replace(old, new))
    for name, file in (("no-losses", "metrics.jsonl"), ("no-weights", "checkpoint.safetensors")):
        (made(home / name, 100, 100).path / file).unlink()
    newer = made(home / "newer", 50, 30).path / "config.toml"
    newer.write_text(newer.read_text().replace("format = 1", "format = 99\nunheard = 1"))
    (home / "empty").mkdir()
    (home / "foreign").mkdir()
    (home / "foreign" / "notes.txt").write_text("x")
    (home / ".hidden").mkdir()
    remember(made(home / "detached", 5, run_id=78))
    made(Path("elsewhere"), 100, 100)
    assert states() == {
        "done": RunState.DONE,
        "interrupted": RunState.INTERRUPTED,
        "begun": RunState.INTERRUPTED,
        "torn": RunState.DAMAGED,
        "flipped": RunState.DAMAGED,
        "no-losses": RunState.DAMAGED,
        "no-weights": RunState.DAMAGED,
        "wider": RunState.DAMAGED,
        "shorter": RunState.DAMAGED,
        "newer": RunState.NEWER,
        "empty": RunState.EMPTY,
        "foreign": RunState.FOREIGN,
        "detached": RunState.DETACHED,
        "elsewhere": RunState.DONE,
    }
    assert set(states(home / "done")) == {"done"}
    with pytest.raises(NewerRun, match="newer ugpt: it has format 99"):
        Run.open(home / "newer")


def test_a_run_that_is_written_is_running() -> None:
    run = made(Path("runs/a"), 5, 5)
    with run.alone():
        # Its checkpoint is about to be replaced.
        saved = (run.path / "checkpoint.safetensors").rename(run.path / "checkpoint-5.safetensors")
        assert look_at(run.path).state is RunState.RUNNING
        saved.rename(run.path / "checkpoint.safetensors")
    assert look_at(run.path).state is RunState.INTERRUPTED
    (run.path / ".lock").write_text("left by a kill")
    assert look_at(run.path).state is RunState.INTERRUPTED


def test_looking_changes_nothing() -> None:
    path = made(Path("runs/a"), 5, 5).path
    before = {file.name: file.stat().st_mtime_ns for file in path.iterdir()}
    look_at(path)
    assert {file.name: file.stat().st_mtime_ns for file in path.iterdir()} == before


def test_of_a_long_run_the_end_is_read_and_no_best_loss_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 200_000
    losses = array("f", [3.0] * steps)
    losses[120_000:160_000] = array("f", [2.0] * 40_000)
    file = tmp_path / "metrics.jsonl"
    with file.open("w") as out:
        for at, loss in enumerate(losses):
            val = f', "val_loss": {at / 1000}' if (at + 1) % 7000 == 0 else ""
            out.write(f'{{"step": {at + 1}, "loss": {loss}, "tokens": 5{val}}}\n')
    read = 0
    plain = files.PartialFile.read

    def counted(self: files.PartialFile, offset: int, most_bytes: int) -> bytes:
        nonlocal read
        read += most_bytes
        return plain(self, offset, most_bytes)

    monkeypatch.setattr(files.PartialFile, "read", counted)
    seen = glance(file)
    assert (seen.step, seen.loss, seen.best_loss) == (steps, 3.0, None)
    for at in (7000, 98_000, 196_000):
        assert val_loss_at(file, at) == (at - 1) / 1000
    assert val_loss_at(file, 7001) is None
    assert read < 300_000 < WHOLE_BYTES < file.stat().st_size
    evaluated = range(7000, steps, 7000)
    assert [val_loss_at(file, at) for at in evaluated] == [(at - 1) / 1000 for at in evaluated]
    with file.open("ab") as out:
        out.write(b"\0" * 100_000)
    assert 150_000 < glance(file).step < steps


def test_losses_of_a_short_run_are_exact(tmp_path: Path) -> None:
    run = made(Path("a"), 250)
    seen = glance(run.path / "metrics.jsonl")
    last = run.metrics.losses[-MEAN_STEPS:]
    assert seen.loss == pytest.approx(sum(last) / len(last))
    assert seen.best_loss == pytest.approx(seen.loss)
    run.metrics.record_validation(1.25)
    assert val_loss_at(run.path / "metrics.jsonl", 250) == 1.25
    assert glance(tmp_path / "nothing").loss is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\0" * 5000,
        b'{"step": 1, "loss": x}\n',
        b'{"step": %s, "loss": 1, "tokens": 1, "val_loss": 1}\n' % (b"9" * 5000),
    ],
)
def test_metrics_that_make_no_sense_tell_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "metrics.jsonl").write_bytes(content)
    assert glance(tmp_path / "metrics.jsonl").loss is None
    assert val_loss_at(tmp_path / "metrics.jsonl", 1) is None


def test_no_run_is_parsed_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(200):
        made(Path("runs") / f"run-{number}", 20, 20)
    monkeypatch.setattr("ugpt.runs.metrics.Metrics.open", lambda path: pytest.fail("whole"))
    assert len(list_runs()) == 200


def test_order_of_the_list() -> None:
    for name, step, age_s in (("b", 20, 300), ("a", 90, 100), ("c", 50, 200)):
        path = made(Path("runs") / name, step).path
        then = (path / "metrics.jsonl").stat().st_mtime - age_s
        os.utime(path / "metrics.jsonl", (then, then))
    Path("runs/empty").mkdir()

    def order(key: SortKey) -> list[str]:
        return [run.name for run in sorted_runs(list_runs(), key)]

    assert order(SortKey.NAME) == ["a", "b", "c", "empty"]
    assert order(SortKey.AGE)[1:] == ["a", "c", "b"]
    assert order(SortKey.STEPS) == ["a", "c", "b", "empty"]
    assert order(SortKey.LOSS) == ["a", "c", "b", "empty"]


def test_a_run_is_found_by_name_and_by_folder() -> None:
    made(Path("runs/first"), 5)
    made(Path("here"), 5)
    made(Path("other/away"), 5)
    assert find_folder("first") == Path("runs/first")
    assert find_folder("runs/first") == Path("runs/first")
    assert find_folder("here") == Path("here")
    assert address_of(Path("runs/first").absolute()) == "first"
    assert address_of(Path("here")) == "here"
    assert address_of(Path("other/away")) == "other/away"
    made(Path("-x"), 5)
    assert address_of(Path("-x")) == "./-x"
    with pytest.raises(NoRun, match="Did you mean first"):
        find_folder("frist")
    with pytest.raises(NoRun, match="not a run folder"):
        find_folder("other/first")
    assert names_for_shell("f") == ["first"]
    for acting in ("f$(date)", "f two", "f;ls", "f`ls`", "f'", "f*", "f\nls", "f&", "f\\"):
        made(Path("runs") / acting, 5)
    assert names_for_shell("f") == ["first"]
    made(Path("runs/für+2=2"), 5)
    assert names_for_shell("fü") == ["für+2=2"]
    # A folder that is no run does not hide one.
    Path("first").mkdir()
    assert find_folder("first") == Path("runs/first")
    made(Path("runs/here"), 5)
    assert address_of(Path("runs/here")) == "runs/here"


def test_table_and_json(ugpt: Program) -> None:
    made(Path("runs/names-1"), 100, 100)
    Path("runs/junk").mkdir()
    shown = ugpt("runs", "--sort", "name")
    header, junk, named = shown.out.splitlines()
    assert header.split()[:5] == ["name", "state", "data", "shape", "steps"]
    assert header.split()[5:] == ["loss", "best", "val", "device", "age"]
    assert junk.split()[:2] == ["junk", "empty"]
    assert "done" in named
    assert "100/100" in named
    assert " virtual esp32 " in named
    assert "nothing in it" in shown.err
    first, second = map(json.loads, ugpt("runs", "--sort", "name", "--json").out.splitlines())
    assert (first["state"], first["loss"]) == ("empty", None)
    assert (second["name"], second["step"], second["total_steps"]) == ("names-1", 100, 100)
    assert second["loss"] == pytest.approx(2.505)
    assert second["device"] == "virtual device (board esp32)"


def test_no_runs_and_no_folder(ugpt: Program) -> None:
    assert "no runs in runs/" in ugpt("runs").err
    assert "no folder nowhere" in ugpt("runs", "nowhere", status=1).err
    assert "There is no run nothing" in ugpt("train", "--resume", "nothing", status=1).err
    assert "There is no run nothing" in ugpt("attach", "--run", "nothing", status=1).err
