"""Where the folder of a run is that a board does by itself."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from tests.host.test_monitor import IDLE
from tests.host.test_placing import DATASET
from tests.host.test_runs import CONFIG
from tests.support.peer import HELLO
from ugpt import Device, Source
from ugpt.device.results import Losses
from ugpt.rpc.stats import LinkStats
from ugpt.runs.folder import Run
from ugpt.runs.registry import find_run, forget, goes_on_alone, note_stopped, remember
from ugpt.training.follow import Attachment, Following
from ugpt.training.session import Session

RUN_ID = CONFIG.run_id


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setattr("platformdirs.user_state_path", lambda name: tmp_path / "state")


def made(path: Path, run_id: int = RUN_ID) -> Run:
    run = Run.new(path, replace(CONFIG, run_id=run_id))
    run.begin("a board")
    return run


def found(run_id: int) -> Path | None:
    run = find_run(run_id)
    return run.path if run else None


def test_a_run_elsewhere_is_found_until_it_is_forgotten(tmp_path: Path) -> None:
    run = made(tmp_path / "elsewhere")
    assert found(RUN_ID) is None
    remember(run)
    assert found(RUN_ID) == run.path
    assert found(RUN_ID + 1) is None
    forget(run)
    assert found(RUN_ID) is None
    forget(run)


def test_a_run_goes_on_alone_until_it_is_stopped_or_forgotten(tmp_path: Path) -> None:
    run = made(tmp_path / "elsewhere")
    note_stopped(run.config.run_id)
    for end in (lambda run: note_stopped(run.config.run_id), forget):
        assert not goes_on_alone(RUN_ID, run.path)
        remember(run)
        assert goes_on_alone(RUN_ID, run.path)
        assert not goes_on_alone(RUN_ID, tmp_path / "copy")
        end(run)
    assert not goes_on_alone(RUN_ID, run.path)


async def test_a_run_that_somebody_has_stopped_goes_on_alone_no_more(tmp_path: Path) -> None:
    run = made(tmp_path / "elsewhere")
    remember(run)
    status = replace(IDLE, run_id=RUN_ID, step=3, first_loss_step=1, source=Source.FLASH)
    board = AsyncMock(
        spec=Device, hello=HELLO, stats=LinkStats(), description="", started_here=False
    )
    board.status.return_value, board.losses.return_value = status, Losses(1, (2.0,) * 3)
    board.until_restart = lambda: board
    session = Session(run, DATASET, lambda event: None)
    following = Attachment(lambda: nullcontext(board), lambda run_id: session, session.emit)
    assert await following.run() is Following.STOPPED
    assert not goes_on_alone(RUN_ID, run.path)


@pytest.mark.parametrize("folder", ["runs", "."])
def test_runs_that_lie_here_are_found_by_their_number(folder: str) -> None:
    made(Path(folder) / "a", 1)
    made(Path(folder) / "b", 2)
    made(Path(folder) / "c", 3)
    made(Path(folder) / ".unfinished", 4)
    (Path(folder) / "link").symlink_to("link")
    assert found(2) == Path(folder) / "b"
    assert found(4) is None


def test_a_folder_that_holds_another_run_by_now_is_not_taken(tmp_path: Path) -> None:
    run = made(tmp_path / "elsewhere")
    remember(run)
    (run.path / "config.toml").write_text(replace(CONFIG, run_id=RUN_ID + 1).to_toml())
    assert found(RUN_ID) is None


def test_damaged_notes_and_folders_are_passed_over(tmp_path: Path) -> None:
    made(Path("runs") / "a")
    (tmp_path / "state" / "runs").mkdir(parents=True)
    (tmp_path / "state" / "runs" / f"{RUN_ID:08x}").write_bytes(b"\xff\xfe")
    (Path("runs") / "0").mkdir()
    (Path("runs") / "0" / "config.toml").write_text("nonsense")
    assert found(RUN_ID) == Path("runs") / "a"


def test_a_state_folder_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    remember(made(tmp_path / "elsewhere"))
    assert found(RUN_ID) is None
