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
from ugpt import Device, DeviceState, ModelInfo, TensorKind
from ugpt.data.dataset import Dataset
from ugpt.device.results import Losses, WeightsDigest
from ugpt.rpc.errors import ProtocolError
from ugpt.runs.checkpoint import weights_digest
from ugpt.runs.config import Extension, Init
from ugpt.runs.errors import RunError
from ugpt.runs.folder import Run
from ugpt.training.events import Event, Notice, Saved
from ugpt.training.extension import extend
from ugpt.training.guard import WouldOverwrite
from ugpt.training.lifecycle import save_run
from ugpt.training.load import load
from ugpt.training.restore import ResumePoint, place
from ugpt.training.session import Session
from ugpt.training.stored_model import StoredModel

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
    made.status.return_value = replace(IDLE, **{"run_id": 1, **status})  # type: ignore[arg-type]
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
        ({"step": 20, "first_loss_step": 1}, "the device"),
        ({"step": 20, "first_loss_step": 11}, "the device"),
        ({"step": 20, "first_loss_step": 12}, "the device"),  # with a gap
        ({"step": 20, "first_loss_step": 21}, "the device"),
        ({"step": 0, "first_loss_step": 1}, "the start"),  # it has no whole model
        ({"step": 20, "first_loss_step": 1, "run_id": 5}, "the start"),
    ],
)
async def test_what_the_device_holds_is_used_if_it_is_whole_and_of_this_run(
    session: Session, status: dict[str, int], source: str
) -> None:
    session.run.metrics.record(1, [2.0] * 10, [5] * 10)
    board = AsyncMock(spec=Device)
    board.status.return_value = replace(IDLE, **{"run_id": CONFIG.run_id, **status})  # type: ignore[arg-type]
    board.model_info.return_value = ModelInfo(CONFIG.run_id, SHAPE, CONFIG.recipe, 5, 20)
    assert (await place(board, session)).source == source


def ahead(model: ModelInfo, step: int = 20, **status: object) -> AsyncMock:
    """A device with a later step of the run than its folder."""
    board = device(step=step, first_loss_step=1, **{"run_id": CONFIG.run_id, **status})
    board.model_info.return_value = model
    return board


OWN = ModelInfo(CONFIG.run_id, SHAPE, CONFIG.recipe, 5, 20)
OTHERS = [
    replace(OWN, recipe=replace(CONFIG.recipe, total_steps=CONFIG.recipe.total_steps // 2)),
    replace(OWN, recipe=replace(CONFIG.recipe, learning_rate=0.5)),
    replace(OWN, shape=replace(SHAPE, n_layer=SHAPE.n_layer + 1)),
    replace(OWN, vocabulary_bytes=6),
]


@pytest.mark.parametrize("model", OTHERS)
async def test_a_device_that_follows_another_plan_is_left_for_the_folder(
    session: Session, model: ModelInfo
) -> None:
    session.run.metrics.record(1, [2.0] * 20, [5] * 20)
    assert (await place(ahead(model), session)).source == "the start"


@pytest.mark.parametrize("model", OTHERS)
async def test_later_steps_that_the_folder_lacks_are_not_lost_without_a_word(
    session: Session, model: ModelInfo
) -> None:
    board = ahead(model, unsaved=True)
    with pytest.raises(WouldOverwrite, match=r"holds step 20 of .* and the folder only step 0"):
        await place(board, session)
    board.create.assert_not_awaited()
    point = await place(board, replace(session, may_overwrite=True))
    assert point == ResumePoint(0, "the start")


async def test_numbers_are_compared_as_a_device_has_them(session: Session) -> None:
    rounded = float(np.float32(CONFIG.recipe.learning_rate))
    assert rounded != CONFIG.recipe.learning_rate
    board = ahead(replace(OWN, recipe=replace(CONFIG.recipe, learning_rate=rounded)))
    assert (await place(board, session)).step == 20


async def test_what_a_device_is_ahead_is_kept_with_its_losses_before_an_extension(
    session: Session, events: list[Event]
) -> None:
    board = ahead(OWN, saved_step=20)
    board.losses.side_effect = lambda first: Losses(first, (2.5,) * min(21 - first, 8))
    board.read_tensors.side_effect = lambda kind, progress: {
        name: values.tobytes() for name, values in checkpoint(20).weights.items()
    }
    await extend(board, replace(session, extend_to=2 * CONFIG.recipe.total_steps))
    assert session.run.metrics.losses.tolist() == [2.5] * 20
    assert session.run.config.extensions == (Extension(20, CONFIG.recipe.total_steps),)
    assert events[0] == Saved(20, on_device=True)


@pytest.mark.parametrize(
    ("every", "told"), [(15, [Notice("The validation after step 15 was missed.")]), (20, [])]
)
async def test_a_missed_validation_is_told(
    session: Session, events: list[Event], every: int, told: list[Event]
) -> None:
    session.run.config = replace(CONFIG, validation_documents=1, eval_every=every, eval_documents=1)
    assert (await place(ahead(OWN), session)).step == 20
    assert events == told


async def damaged_advice(session: Session, board: AsyncMock) -> str:
    session.run.write_checkpoint(checkpoint(30), "abcde")
    (session.run.path / "checkpoint.safetensors").write_bytes(b"")
    with pytest.raises(RunError) as caught:
        await place(board, session)
    assert caught.value.message.endswith("is damaged: it is empty.")
    board.create.assert_not_awaited()
    return caught.value.advice


async def test_a_damaged_checkpoint_of_a_run_that_the_device_holds(session: Session) -> None:
    advice = await damaged_advice(session, ahead(OWN))
    assert advice.startswith("The device holds the run after step 20. To go on from there, move ")
    (session.run.path / "checkpoint.safetensors").unlink()
    assert (await place(ahead(OWN), session)).step == 20


async def test_a_damaged_checkpoint_of_a_run_that_keeps_several(session: Session) -> None:
    session.run.config = replace(CONFIG, keep=2)
    session.run.write_checkpoint(checkpoint(10), "abcde")
    advice = await damaged_advice(session, device())
    assert "from step 10, put checkpoint-10.safetensors in its place" in advice
    (session.run.path / "checkpoint-10.safetensors").replace(
        session.run.path / "checkpoint.safetensors"
    )
    assert (await place(device(), session)).step == 10


async def test_a_damaged_checkpoint_of_a_run_that_nothing_else_holds(session: Session) -> None:
    advice = await damaged_advice(session, device(step=20))
    assert "Nothing else is left of the run" in advice
    (session.run.path / "checkpoint.safetensors").unlink()
    assert (await place(device(), session)).source == "the start"


@pytest.mark.parametrize("state", [DeviceState.TRAINING, DeviceState.WAITING, DeviceState.SAVING])
async def test_a_device_that_trains_is_paused_first(session: Session, state: DeviceState) -> None:
    board = device(state=state, step=10, target_step=30)
    await place(board, session)
    names = [name for name, *_ in board.mock_calls]
    assert names[:3] == ["status", "pause", "status"]


async def test_a_device_that_has_nothing_to_do_is_not_paused(session: Session) -> None:
    board = device(step=30, target_step=30)
    await place(board, session)
    assert not board.pause.mock_calls


async def test_a_model_that_arrives_with_other_weights_is_not_kept(
    tmp_path: Path, events: list[Event]
) -> None:
    model = StoredModel(5, SHAPE, CONFIG.recipe, "abcde", checkpoint(30), tmp_path)
    board = device()
    board.weights_digest.return_value = WeightsDigest(30, weights_digest(checkpoint(29).weights))
    with pytest.raises(ProtocolError, match="other weights than those that were sent"):
        await load(board, model, events.append)
    board.weights_saved.assert_awaited_once()
    board.save.assert_not_awaited()


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
