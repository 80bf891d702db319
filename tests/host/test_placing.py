"""In which order a run is brought onto a device: no cut may leave a model that is not whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import AsyncMock, call

import numpy as np
import pytest

from tests.host.test_monitor import IDLE
from tests.host.test_runs import CONFIG, SHAPE, checkpoint
from ugpt import Device, DeviceState, TensorKind
from ugpt.data.dataset import Dataset
from ugpt.runs.checkpoint import weights_digest
from ugpt.runs.config import Init
from ugpt.runs.folder import Run
from ugpt.training.events import Event, Saved
from ugpt.training.lifecycle import save_run
from ugpt.training.restore import ResumePoint, place
from ugpt.training.session import Session

DOCUMENTS = ("abc", "de", "cab")
with TemporaryDirectory() as folder:
    (Path(folder) / "names.txt").write_text("\n".join(DOCUMENTS))
    DATASET = Dataset.load(Path(folder) / "names.txt")


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def session(tmp_path: Path, events: list[Event]) -> Session:
    run = Run.new(tmp_path / "run", replace(CONFIG, init=Init.DEVICE))
    run.begin("a board")
    return Session(run, DATASET, events.append)


def device(**status: object) -> AsyncMock:
    made = AsyncMock(spec=Device)
    made.status.return_value = replace(IDLE, run_id=1, **status)
    return made


async def test_a_checkpoint_counts_only_when_all_of_it_is_there(session: Session) -> None:
    kept = checkpoint(30)
    session.run.write_checkpoint(kept, "abcde")
    session.run.metrics.record(1, [2.0] * 30, [5] * 30)
    board = device()
    assert await place(board, session) == ResumePoint(30, "the checkpoint in the run folder")
    names = [name for name, *_ in board.mock_calls if name != "status"]
    assert names == ["create", "set_step", *["write_tensors"] * 3, "set_step", "weights_saved"]
    board.weights_saved.assert_awaited_once_with(30, weights_digest(kept.weights))
    assert board.set_step.mock_calls == [call(0), call(30)]
    for written, kind, tensors in zip(
        board.write_tensors.mock_calls,
        (TensorKind.WEIGHTS, TensorKind.FIRST_MOMENT, TensorKind.SECOND_MOMENT),
        (kept.weights, kept.first_moment, kept.second_moment),
        strict=True,
    ):
        sent, sent_kind, _ = written.args
        assert sent_kind is kind
        for name, values in tensors.items():
            np.testing.assert_array_equal(np.frombuffer(sent[name], "<f4"), values.ravel())


@pytest.mark.parametrize(
    ("status", "source"),
    [
        ({"step": 20, "first_loss_step": 1}, "the memory of the device"),
        ({"step": 20, "first_loss_step": 11}, "the memory of the device"),
        ({"step": 20, "first_loss_step": 12}, "the start"),  # the loss of step 11 is lost
        ({"step": 0, "first_loss_step": 1}, "the start"),  # it has no whole model
        ({"step": 20, "first_loss_step": 1, "run_id": 5}, "the start"),
    ],
)
async def test_what_the_device_holds_is_used_if_nothing_is_lost(
    session: Session, status: dict[str, int], source: str
) -> None:
    session.run.metrics.record(1, [2.0] * 10, [5] * 10)
    board = AsyncMock(spec=Device)
    board.status.return_value = replace(IDLE, **{"run_id": CONFIG.run_id, **status})  # type: ignore[arg-type]
    assert (await place(board, session)).source == source


@pytest.mark.parametrize("state", [DeviceState.TRAINING, DeviceState.WAITING])
async def test_a_device_that_trains_is_paused_first(session: Session, state: DeviceState) -> None:
    board = device(state=state)
    await place(board, session)
    names = [name for name, *_ in board.mock_calls]
    assert names[:3] == ["status", "pause", "status"]


@pytest.mark.parametrize(("saved", "on_device"), [(30, True), (29, False), (0, False)])
async def test_whether_the_device_has_saved_too_is_told(
    session: Session, events: list[Event], saved: int, on_device: bool
) -> None:
    board = device(saved_step=saved)
    board.read_tensors.side_effect = lambda kind, progress: {
        name: values.tobytes() for name, values in checkpoint(30).weights.items()
    }
    await save_run(board, session, 30)
    assert events == [Saved(30, on_device=on_device)]
    assert session.run.config.shape == SHAPE
