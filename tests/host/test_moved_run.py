"""A run whose folder is moved, replaced or removed while it trains."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.devices import listening_device
from tests.support.sessions import Session, once
from ugpt import DeviceState
from ugpt.runs import lock
from ugpt.runs.errors import RunError
from ugpt.training.trainer import Outcome, Training

STEPS = 200_000


def _leave_nothing(run: Path) -> None:
    pass


def _put_other_run(run: Path) -> None:
    shutil.copytree(run.with_name("other"), run)


def _put_copy(run: Path) -> None:
    shutil.copytree(run.with_name("moved"), run)


def _put_link(run: Path) -> None:
    run.symlink_to("other", target_is_directory=True)


def _contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("put", [_leave_nothing, _put_other_run, _put_copy, _put_link])
async def test_nothing_is_written_to_another_folder(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    await Session(tmp_path, steps=20).train()
    run, moved, other = (tmp_path / name for name in ("run", "moved", "other"))
    run.rename(other)
    session = Session(tmp_path, steps=STEPS)
    found: dict[str, bytes] = {}

    def move() -> None:
        run.rename(moved)
        put(run)
        found.update(_contents(run) if run.exists() else {})

    session.on_event = once(1000, move)
    async with listening_device("socket", tmp_path / "device.flash") as port:
        session.port = port
        with pytest.raises(RunError, match="moved, replaced or removed"):
            await session.train()
        # Nobody will send documents any more: the device is at rest, and has kept what it had.
        async with session.connect() as device:
            status = await device.status()
    assert status.state is DeviceState.IDLE
    assert status.step == status.target_step == status.saved_step > 1000
    assert (_contents(run) if run.exists() else {}) == found


async def test_a_lock_that_is_removed_is_taken_again(tmp_path: Path) -> None:
    session = Session(tmp_path, steps=STEPS)
    training: Training = session.training()
    file = tmp_path / "run" / lock.NAME
    held = []

    def look() -> None:
        held.append(lock.is_held(tmp_path / "run"))
        training.request_stop()

    def remove() -> None:
        file.unlink()
        session.on_event = once(2000, look)

    session.on_event = once(1000, remove)
    assert await training.run() is Outcome.STOPPED
    assert held == [True]
    assert not file.exists()
