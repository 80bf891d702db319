from __future__ import annotations

import asyncio
import random
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from hypothesis import HealthCheck, settings

import ugpt as library
from tests.support.disk import Disk
from tests.support.in_process import Program, program
from ugpt import Recipe, Shape
from ugpt.diagnostics import doctor

# The same examples every time; the first texts are slow to draw, and the machine may be busy.
settings.register_profile(
    "ugpt",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ugpt")
if sys.platform != "win32":  # there are no pseudo-terminals there
    from tests.support.board import Board, RecordingSerial, board


@pytest.fixture(autouse=True)
def seeded_request_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same request ids every time: on a line that changes bytes they decide what passes."""
    monkeypatch.setattr(secrets, "randbits", random.Random(1).getrandbits)


@pytest.fixture
def ugpt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    """The command line, run in this process in a folder of its own."""
    return program(tmp_path, monkeypatch, capsys)


@pytest.fixture(scope="session")
def trained_flash(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The flash of a board with a model and a data set."""
    flash = tmp_path_factory.mktemp("trained") / "flash"

    async def train() -> None:
        async with library.Target("virtual", flash=flash).connect() as device:
            shape = Shape(1, 8, 2, 8, 27)
            recipe = Recipe(0.01, 0.85, 0.99, 1e-8, 5)
            await device.create(7, shape, recipe, "abcdefghijklmnopqrstuvwxyz")
            await device.init_weights(1)
            await device.save()
            await device.data_store([b"\x01\x02"], 27)

    asyncio.run(train())
    return flash.read_bytes()


@pytest.fixture
def uart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained_flash: bytes) -> Iterator[Board]:
    """A board on a port with control lines, which are dropped at close unless told otherwise."""
    monkeypatch.setattr(serial, "Serial", RecordingSerial)
    monkeypatch.setattr(RecordingSerial, "lines", [])
    monkeypatch.setattr(doctor, "_RATE_TEST_S", 0.02)
    (tmp_path / "board.flash").write_bytes(trained_flash)
    with board(tmp_path / "board.flash") as made:
        made.drops_lines_at_close = True
        yield made


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr("ugpt.storage.plain_file.write_all", disk.write_all)
    return disk
