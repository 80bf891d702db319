"""What `ugpt flash` asks before it writes over a board that trains by itself."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
import typer

from tests.host.test_monitor import IDLE
from tests.support.board import Board
from tests.support.esptool_log import recorded_esptool
from tests.support.firmware import ESP32, merged
from tests.support.in_process import Program
from tests.support.peer import HELLO
from ugpt import Device, DeviceState
from ugpt.cli import overwriting
from ugpt.device.target import Target
from ugpt.rpc.errors import DeviceRestarted, FlashFailed, LinkClosed, NoAnswer, NoRoom
from ugpt.rpc.messages import ErrorCode, Source
from ugpt.training.guard import WouldOverwrite, keep_over_restart

INTERRUPT, OVERWRITE = "Interrupt it?", "Overwrite it?"
LINK_ERRORS = [NoAnswer("It did not answer."), LinkClosed(), DeviceRestarted(1, 2)]
FLASH_ERRORS = [
    FlashFailed(ErrorCode.FLASH_FAILED, "The flash is worn."),
    NoRoom(ErrorCode.NO_ROOM, "There is no room."),
]


class Flashing:
    """`ugpt flash` of a board that trains by itself, in a terminal whose user answers."""

    def __init__(
        self, program: Program, arguments: tuple[str | Path, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.board = AsyncMock(spec=Device)
        self.board.status.return_value = replace(
            IDLE, state=DeviceState.TRAINING, run_id=9, step=70, target_step=100, saved_step=50,
            source=Source.FLASH, unsaved=True,
        )  # fmt: skip
        self.board.option, self.board.description = ("--port", "board"), "a board"
        self.board.hello = HELLO
        self.asked: list[str] = []
        self.yes: set[str] = set()
        self._told = recorded_esptool(monkeypatch)
        self._program, self._arguments = program, arguments

        @asynccontextmanager
        async def connect(target: Target, **options: object) -> AsyncIterator[AsyncMock]:
            yield self.board

        def confirm(question: str, **options: object) -> bool:
            self.asked.append(question)
            return question in self.yes

        monkeypatch.setattr(Target, "connect", connect)
        monkeypatch.setattr(overwriting, "_has_somebody_to_ask", lambda: True)
        monkeypatch.setattr("typer.confirm", confirm)

    def __call__(self, *options: str, status: int) -> str:
        return self._program(*self._arguments, *options, status=status).err

    @property
    def has_written(self) -> bool:
        return any(line.startswith("write") for line in self._told)


@pytest.fixture
def flashing(
    ugpt: Program, uart: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Flashing:
    image = tmp_path / "ugpt-0.1.0-esp32dev.bin"
    image.write_bytes(merged(ESP32))
    return Flashing(ugpt, ("flash", "--port", uart.path, "--image", image), monkeypatch)


def test_a_run_that_is_saved_is_asked_for_once(flashing: Flashing) -> None:
    flashing.yes = {INTERRUPT}
    flashing(status=0)
    assert flashing.asked == [INTERRUPT]
    flashing.board.save.assert_awaited_once()
    assert flashing.has_written


@pytest.mark.parametrize("error", FLASH_ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("may_lose", [False, True])
def test_who_permits_to_interrupt_does_not_permit_to_lose(
    flashing: Flashing, error: Exception, may_lose: bool
) -> None:
    flashing.board.save.side_effect = error
    flashing.yes = {INTERRUPT, OVERWRITE} if may_lose else {INTERRUPT}
    said = flashing(status=0 if may_lose else 1)
    assert flashing.asked == [INTERRUPT, OVERWRITE]
    assert "stands after step 70, but it cannot be saved" in " ".join(said.split())
    assert flashing.has_written == may_lose


@pytest.mark.parametrize("error", LINK_ERRORS, ids=lambda error: type(error).__name__)
def test_a_conversation_that_ends_before_all_is_saved(flashing: Flashing, error: Exception) -> None:
    flashing.board.save.side_effect = error
    flashing.yes = {INTERRUPT}
    said = flashing(status=1)
    assert "holds steps that are saved nowhere is not known" in " ".join(said.split())
    assert not flashing.has_written
    flashing("--overwrite", status=0)
    assert flashing.has_written


def test_nobody_to_ask(flashing: Flashing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overwriting, "_has_somebody_to_ask", lambda: False)
    assert "To interrupt it: --overwrite" in " ".join(flashing(status=1).split())
    assert flashing.asked == []
    assert not flashing.has_written


def test_a_question_names_what_to_do_instead(flashing: Flashing) -> None:
    said = " ".join(flashing(status=1).split())
    assert re.search(r"To follow it: \S*ugpt attach --port board\. The device is left", said)
    assert "--overwrite" not in said


@pytest.mark.parametrize(("end", "status"), [(KeyboardInterrupt, 130), (EOFError, 1)])
def test_ctrl_c_and_the_end_of_the_input_are_a_no(
    flashing: Flashing,
    monkeypatch: pytest.MonkeyPatch,
    end: type[BaseException],
    status: int,
) -> None:
    def confirm(question: str, **options: object) -> bool:
        try:
            raise end
        except BaseException:
            raise typer.Abort from None

    monkeypatch.setattr("typer.confirm", confirm)
    assert flashing(status=status).endswith("\n\nThe device is left as it is.\n")
    assert not flashing.has_written


@pytest.mark.parametrize(
    ("saved_step", "said"), [(0, "nothing of it"), (90, "only step 90"), (100, "")]
)
async def test_steps_that_are_saved_nowhere_are_not_lost_by_a_restart(
    saved_step: int, said: str
) -> None:
    board = AsyncMock(spec=Device, option=())
    board.status.return_value = replace(IDLE, unsaved=True, saved_step=saved_step)
    await keep_over_restart(board, may_overwrite=True, again="")
    with pytest.raises(WouldOverwrite, match=said) if said else contextlib.nullcontext():
        await keep_over_restart(board, may_overwrite=False, again="")
