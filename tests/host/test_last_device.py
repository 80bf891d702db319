"""What is remembered of the device that was trained last, and what may stand in its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ugpt.runs.identity import Identity
from ugpt.runs.last_device import LastDevice

DEVICE = LastDevice(Identity("esp32", False, "aa"), Path("/somewhere/run"))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "ugpt").mkdir()
    return tmp_path / "ugpt" / "last-device.json"


def test_it_is_remembered(place: Path) -> None:
    assert LastDevice.recall() is None
    DEVICE.remember()
    assert LastDevice.recall() == DEVICE
    assert [path.name for path in place.parent.iterdir()] == [place.name]


def test_a_pipe_holds_nobody_up(place: Path) -> None:
    os.mkfifo(place)
    assert LastDevice.recall() is None
    DEVICE.remember()
    assert LastDevice.recall() == DEVICE


def test_a_folder_in_its_place(place: Path) -> None:
    place.mkdir()
    DEVICE.remember()
    assert LastDevice.recall() is None


def test_a_link_leads_nowhere(place: Path, tmp_path: Path) -> None:
    (tmp_path / "own").write_text("mine")
    place.symlink_to(tmp_path / "own")
    assert LastDevice.recall() is None
    DEVICE.remember()
    assert LastDevice.recall() == DEVICE
    assert (tmp_path / "own").read_text() == "mine"
