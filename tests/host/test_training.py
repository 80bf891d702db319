"""The orchestrator against a real virtual device that misbehaves in every way it can."""

from __future__ import annotations

import asyncio
import errno
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest

from tests.host.test_throughput import IDLE
from tests.support.devices import listening_device
from tests.support.disk import Disk
from tests.support.faults import Faults, FaultySide, proxy_of
from tests.support.peer import HELLO
from tests.support.sessions import STEPS, Session, once
from tests.support.virtual_time import leaping
from ugpt import Device, Hello, Recipe, Shape, Status
from ugpt.device.results import DocumentsTaken, Losses
from ugpt.rpc.errors import DoesNotFit, NotFinite, PortNotFound, RunMismatch
from ugpt.rpc.link import Link
from ugpt.rpc.messages import ErrorCode
from ugpt.runs.checkpoint import peek_checkpoint
from ugpt.runs.errors import DiskFull
from ugpt.runs.metrics import Metrics
from ugpt.runs.save_period import EVERY_MINUTE, SavePeriod
from ugpt.training.events import (
    Event,
    Finished,
    Interrupted,
    Notice,
    Preview,
    Progress,
    Restored,
    Saved,
    Started,
    StepLosses,
    Stopped,
)
from ugpt.training.feeder import DocumentFeeder, Feed
from ugpt.training.room import DiskRoom, Part
from ugpt.training.saving import Saver
from ugpt.training.trainer import Outcome
from ugpt.training.wishes import Wish, Wishes

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("undrawn")]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A run that nothing disturbed."""
    session = Session(tmp_path_factory.mktemp("straight"))
    asyncio.run(session.train())
    return session


def test_events_of_a_plain_run(straight: Session) -> None:
    assert isinstance(straight.events[0], Started)
    assert isinstance(straight.events[-1], Finished)
    assert straight.told(Progress)
    assert straight.told(Preview)
    assert straight.told(Saved) == [Saved(STEPS, on_device=True)]
    steps = [
        step.step for event in straight.events if isinstance(event, StepLosses)
        for step in event.steps()
    ]  # fmt: skip
    assert steps == list(range(1, STEPS + 1))
    assert not straight.told(Notice)


@pytest.mark.parametrize("save_every", [0, 700])
async def test_restart_of_the_device(tmp_path: Path, straight: Session, save_every: int) -> None:
    session = Session(tmp_path, save_every=SavePeriod(steps=save_every))
    session.on_event = once(1000, session.restart_device)
    assert await session.train() is Outcome.FINISHED
    assert len(session.told(Interrupted)) == 1
    (restored,) = session.told(Restored)
    assert isinstance(restored, Restored)
    assert (restored.step > 0) == (save_every > 0)
    assert not session.told(Notice)
    assert session.digest == straight.digest
    assert session.metrics.read_bytes() == straight.metrics.read_bytes()


async def test_stop_and_go_on(tmp_path: Path, straight: Session) -> None:
    session = Session(tmp_path)
    for step in (400, 1200, 2000):
        training = session.training()
        session.on_event = once(step, training.request_stop)
        assert await training.run() is Outcome.STOPPED
        (stopped,) = session.told(Stopped)[-1:]
        assert isinstance(stopped, Stopped)
        assert step <= stopped.step < STEPS
        assert session.told(Saved)[-1] == Saved(stopped.step, on_device=True)
        async with session.connect() as device:
            assert (await device.status()).saved_step == stopped.step
    session.on_event = lambda event: None
    assert await session.train() is Outcome.FINISHED
    assert session.digest == straight.digest
    assert session.metrics.read_bytes() == straight.metrics.read_bytes()


@pytest.mark.parametrize("damage", ["short", "torn", "missing", "foreign"])
@pytest.mark.parametrize("flash", ["kept", "lost"])
async def test_damaged_metrics_cost_no_checkpoint(
    tmp_path: Path, straight: Session, damage: str, flash: str
) -> None:
    session = Session(tmp_path)
    training = session.training()
    session.on_event = once(2000, training.request_stop)
    await training.run()
    (stopped,) = session.told(Stopped)
    assert isinstance(stopped, Stopped)
    content = session.metrics.read_bytes()
    lines = content.splitlines(keepends=True)
    left = list(range(1, 21))
    match damage:
        case "short":
            session.metrics.write_bytes(b"".join(lines[:20]))
        case "torn":
            session.metrics.write_bytes(b"".join(lines[:20]) + lines[20][:9])
        case "missing":
            session.metrics.unlink()
            left = []
        case "foreign":
            lines[20:] = [b"\0" * 1000 + b"\n"]
            session.metrics.write_bytes(b"".join(lines))
    if flash == "lost":
        session.erase_flash()
    session.events.clear()
    session.on_event = lambda event: None
    await session.train()
    (started,) = session.told(Started)
    assert isinstance(started, Started)
    assert (started.step, started.resumed) == (stopped.step, True)
    missing = stopped.step - len(left)
    assert session.told(Notice) == [
        Notice(f"The losses of {missing:,} steps are missing from metrics.jsonl; a gap is left.")
    ]
    assert session.digest == straight.digest
    found = [json.loads(line)["step"] for line in session.metrics.read_text().splitlines()]
    assert found == [*left, *range(stopped.step + 1, STEPS + 1)]


async def test_a_time_between_checkpoints(tmp_path: Path, straight: Session) -> None:
    session = Session(tmp_path)
    training = session.training()
    # As if a minute were over, in the middle of a run that would not be saved before its end.
    session.on_event = once(2000, lambda: training._wishes.ask(Wish.SAVE))
    await training.run()
    first, last = session.told(Saved)
    assert isinstance(first, Saved)
    assert 2000 < first.step < STEPS
    assert first.on_device
    assert last == Saved(STEPS, on_device=True)
    assert session.digest == straight.digest
    assert session.metrics.read_bytes() == straight.metrics.read_bytes()


@leaping
async def test_a_time_between_checkpoints_goes_on_over_lost_connections() -> None:
    config = SimpleNamespace(save_every=EVERY_MINUTE)
    session: Any = SimpleNamespace(run=SimpleNamespace(config=config), emit=print)
    wishes = Wishes()
    saver = Saver(session, wishes)
    for wished in (None, None, Wish.SAVE):
        with saver.timed():
            await asyncio.sleep(25.0)
        assert wishes.take() is wished


@leaping
async def test_a_device_gets_no_further_than_it_holds_losses() -> None:
    """This one trains all it is sent at once, and holds the losses of the last 1,024 steps."""
    done, total, batch = 0, 3000, 2
    losses: list[float] = []

    def take(first: int, documents: list[bytes]) -> DocumentsTaken:
        nonlocal done
        assert first == batch * done
        done += len(documents) // batch
        return DocumentsTaken(batch * done, 5000)

    def held(first: int) -> Losses:
        first = max(first, done - 1023)
        return Losses(first, (2.0,) * (done + 1 - first))

    def status() -> Status:
        return replace(IDLE, step=done, documents_next=batch * done, documents_free=5000)

    board = AsyncMock(spec=Device, hello=HELLO, data_bytes=10_000)
    board.documents_write.side_effect, board.losses.side_effect = take, held
    board.status.side_effect = status
    feed = Feed(IDLE.run_id, total, batch, lambda index: b"")
    feeder = DocumentFeeder(board, feed, lambda first, more: losses.extend(more))
    await feeder.begin(0)
    await feeder.advance(total, total, asyncio.Event(), lambda: None)
    assert len(losses) == total


@pytest.mark.parametrize("full", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
async def test_a_full_disk_does_not_end_a_run(
    tmp_path: Path, straight: Session, disk: Disk, full: int
) -> None:
    session = Session(tmp_path, save_every=SavePeriod(steps=1000))

    def hear(event: Event) -> None:
        if isinstance(event, StepLosses):
            disk.full = full if 1500 < event.first < 3500 else 0

    session.on_event = hear
    assert await session.train() is Outcome.FINISHED
    told = [event.text for event in session.told(Notice) if isinstance(event, Notice)]
    assert len(told) == 2
    why, remedy = {
        errno.EFBIG: ("it is larger than files may be", "Raise the limit (ulimit -f)")
    }.get(full, ("the disk is full", "Make room"))
    assert f"{why}. The run goes on in the memory of the board. {remedy}." in told[0]
    assert told[1] == "There is room again, and nothing is missing."
    assert session.digest == straight.digest
    assert session.metrics.read_bytes() == straight.metrics.read_bytes()


def test_there_is_room_when_nothing_is_missing(disk: Disk, tmp_path: Path) -> None:
    """A disk that has room for the losses may have none for a checkpoint."""
    told: list[Event] = []
    room = DiskRoom(told.append, "memory")
    metrics = Metrics.open(tmp_path / "metrics.jsonl")
    for _ in range(2):
        with room.awaited(Part.CHECKPOINT):
            raise DiskFull("full")
        room.record(metrics, metrics.step + 1, [2.0], [5])
    assert len(told) == 1
    with room.awaited(Part.CHECKPOINT):
        pass
    assert told[1:] == [Notice("There is room again, and nothing is missing.")]


def test_a_disk_that_fills_at_a_validation_loss(disk: Disk, tmp_path: Path) -> None:
    told: list[Event] = []
    room = DiskRoom(told.append, "memory")
    metrics = Metrics.open(tmp_path / "metrics.jsonl")
    room.record(metrics, 1, [4.0, 3.0], [5, 5])
    disk.full = errno.ENOSPC
    room.record_validation(metrics, 2.5)
    room.record(metrics, 3, [2.0], [5])
    room.record_validation(metrics, 2.25)
    assert len(told) == 1
    disk.full = 0
    room.record(metrics, 4, [1.0], [5])
    assert told[1:] == [Notice("There is room again, and nothing is missing.")]
    again = Metrics.open(tmp_path / "metrics.jsonl")
    assert list(again.losses) == [4.0, 3.0, 2.0, 1.0]
    assert again.val_losses == {2: 2.5, 3: 2.25}


async def test_losses_without_room_cost_no_checkpoint(
    tmp_path: Path, straight: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under `ulimit -f`, where the long file is refused and the checkpoint is not."""
    session = Session(tmp_path, save_every=SavePeriod(steps=2000))

    def refuse(*arguments: object, **options: object) -> None:
        raise DiskFull("metrics.jsonl cannot be written: the disk is full.")

    session.on_event = once(
        1500, lambda: monkeypatch.setattr("ugpt.runs.metrics.append_whole", refuse)
    )
    with pytest.raises(DiskFull, match="metrics"):
        await session.train()
    assert peek_checkpoint(tmp_path / "run" / "checkpoint.safetensors") == STEPS
    assert straight.digest in (tmp_path / "run" / "weights.sha256").read_text()
    monkeypatch.undo()
    session.on_event = lambda event: None
    assert await session.train() is Outcome.FINISHED
    assert session.digest == straight.digest


async def test_a_disk_that_stays_full_ends_a_run_that_the_board_has_kept(
    tmp_path: Path, straight: Session, disk: Disk
) -> None:
    session = Session(tmp_path)
    session.on_event = once(1500, lambda: setattr(disk, "full", errno.ENOSPC))
    with pytest.raises(DiskFull):
        await session.train()
    session.events.clear()
    session.on_event, disk.full = lambda event: None, 0
    assert await session.train() is Outcome.FINISHED
    (started,) = session.told(Started)
    assert isinstance(started, Started)
    assert (started.step, started.source) == (STEPS, "the device")
    (told,) = session.told(Notice)
    assert isinstance(told, Notice)
    assert "a gap is left" in told.text
    assert session.digest == straight.digest


async def stopped_after(session: Session, step: int) -> int:
    training = session.training()
    session.on_event = once(step, training.request_stop)
    await training.run()
    (stopped,) = session.told(Stopped)
    assert isinstance(stopped, Stopped)
    session.events.clear()
    session.on_event = lambda event: None
    return stopped.step


async def test_a_device_goes_on_though_the_folder_has_lost_its_checkpoint(
    tmp_path: Path, straight: Session
) -> None:
    session = Session(tmp_path)
    step = await stopped_after(session, 2000)
    lines = session.metrics.read_bytes().splitlines(keepends=True)
    session.metrics.write_bytes(b"".join(lines[:500]))
    (tmp_path / "run" / "checkpoint.safetensors").unlink()
    await session.train()
    (started,) = session.told(Started)
    assert isinstance(started, Started)
    assert started.step == step
    missing = f"The losses of {step - 500:,} steps are missing from metrics.jsonl; a gap is left."
    assert session.told(Notice) == [Notice(missing)]
    assert session.digest == straight.digest


@pytest.mark.parametrize(
    ("gap", "text"),
    [
        (range(700, 900), "The losses of 200 steps are missing from metrics.jsonl; a gap is left."),
        (range(700, 701), "The loss of 1 step is missing from metrics.jsonl; a gap is left."),
    ],
)
async def test_losses_missing_in_the_middle_are_told_once(
    tmp_path: Path, straight: Session, gap: range, text: str
) -> None:
    session = Session(tmp_path, save_every=SavePeriod(steps=1000))
    await stopped_after(session, 2000)
    lines = session.metrics.read_bytes().splitlines(keepends=True)
    session.metrics.write_bytes(b"".join(lines[: gap.start] + lines[gap.stop :]))
    session.on_event = once(4000, session.restart_device)
    await session.train()
    assert len(session.told(Restored)) == 1
    assert session.told(Notice) == [Notice(text)]
    assert session.digest == straight.digest


@pytest.mark.parametrize("flash", ["kept", "lost"])
async def test_a_line_of_a_step_far_ahead_costs_no_losses(
    tmp_path: Path, straight: Session, flash: str
) -> None:
    session = Session(tmp_path)
    await stopped_after(session, 2000)
    with session.metrics.open("ab") as file:
        file.write(b'{"step": 5500, "loss": 2.5, "tokens": 7}\n')
    if flash == "lost":
        session.erase_flash()
    await session.train()
    assert not session.told(Notice)
    assert session.metrics.read_bytes() == straight.metrics.read_bytes()


async def test_losses_that_are_missing_come_back_if_their_steps_do(
    tmp_path: Path, straight: Session
) -> None:
    session = Session(tmp_path)
    await stopped_after(session, 2000)
    lines = session.metrics.read_bytes().splitlines(keepends=True)
    session.metrics.write_bytes(b"".join(lines[:700] + lines[900:]))
    session.erase_flash()
    (tmp_path / "run" / "checkpoint.safetensors").unlink()
    await session.train()
    assert not session.told(Notice)
    assert session.metrics.read_bytes() == straight.metrics.read_bytes()


async def test_other_loss_than_before_is_told(tmp_path: Path, straight: Session) -> None:
    session = Session(tmp_path, save_every=SavePeriod(steps=500))
    training = session.training()
    session.on_event = once(600, training.request_stop)
    await training.run()
    session.erase_flash()
    lines = session.metrics.read_text().splitlines(keepends=True)
    (tmp_path / "run" / "checkpoint.safetensors").unlink()
    lines[9] = '{"step": 10, "loss": 1.5, "tokens": 7}\n'
    session.metrics.write_text("".join(lines))
    session.on_event = lambda event: None
    await session.train()
    assert [event.text for event in session.told(Notice) if isinstance(event, Notice)] == [
        "Step 10 gave another loss than the first time."
    ]
    assert session.metrics.read_bytes() == straight.metrics.read_bytes()


async def test_finished_run_can_be_resumed(tmp_path: Path) -> None:
    session = Session(tmp_path, steps=50)
    await session.train()
    again = Session(tmp_path)
    await again.train()
    assert again.digest == session.digest


async def test_line_that_loses_and_garbles(tmp_path: Path) -> None:
    clean = Session(tmp_path / "clean", steps=300)
    await clean.train()
    session = Session(tmp_path / "bad", steps=300)
    faults = Faults(dropped=0.05, corrupted=0.05, cut=0.02, doubled=0.05, junk=0.05)
    sides = FaultySide(faults, 1), FaultySide(faults, 2)
    async with (
        listening_device("socket", tmp_path / "device.flash") as port,
        proxy_of(port, sides) as proxy,
    ):
        session.port = proxy.address
        await session.train()
        assert sides[0].mangled > 0
    assert session.digest == clean.digest
    assert session.metrics.read_bytes() == clean.metrics.read_bytes()


async def test_model_that_does_not_fit_leaves_no_folder(tmp_path: Path) -> None:
    session = Session(tmp_path, n_embd=64)
    with pytest.raises(DoesNotFit, match="--n-embd 3"):
        await session.train()
    assert not (tmp_path / "run").exists()


async def test_model_that_the_flash_cannot_keep_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    greeted = Link.handshake

    async def small(link: Link, *arguments: float) -> Hello:
        link.hello = replace(await greeted(link, *arguments), checkpoint_bytes=1000)
        return link.hello

    monkeypatch.setattr(Link, "handshake", small)
    session = Session(tmp_path, steps=20)
    await session.train()
    (notice,) = session.told(Notice)
    assert isinstance(notice, Notice)
    assert "too large for the flash" in notice.text


async def test_error_of_the_device_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing: list[bool] = []
    asked = Device.status

    async def status(device: Device) -> Status:
        found = await asked(device)
        return replace(found, error=ErrorCode.NOT_FINITE) if failing else found

    monkeypatch.setattr(Device, "status", status)
    session = Session(tmp_path, steps=200_000)
    session.on_event = once(1000, lambda: failing.append(True))
    with pytest.raises(NotFinite, match=r"Training stopped after step \d"):
        await session.train()


async def test_absent_port_is_not_retried(tmp_path: Path) -> None:
    session = Session(tmp_path, port="/dev/does-not-exist")
    with pytest.raises(PortNotFound):
        await session.train()
    assert not session.events


async def test_other_model_on_the_device(tmp_path: Path) -> None:
    session = Session(tmp_path, steps=200_000)
    tasks = []

    async def intrude() -> None:
        assert session.device is not None
        await session.device.pause()
        shape, recipe = Shape(1, 8, 2, 8, 4), Recipe(0.01, 0.85, 0.99, 1e-8, 200_000)
        await session.device.create(1, shape, recipe, "abc")

    session.on_event = once(1000, lambda: tasks.append(asyncio.create_task(intrude())))
    with pytest.raises(RunMismatch):
        await session.train()
