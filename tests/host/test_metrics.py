"""The file of the losses while a run is under way: what others take out of it is put back."""

from __future__ import annotations

import errno
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.disk import Disk
from ugpt.runs.errors import DiskFull
from ugpt.runs.metrics import Metrics

LOSSES = [3.25, 3.5, 2.125, 2.75]
TOKENS = [5, 7, 6, 9]


def begun(folder: Path) -> Metrics:
    metrics = Metrics.open(folder / "metrics.jsonl")
    metrics.record(1, LOSSES[:2], TOKENS[:2])
    metrics.record_validation(3.0)
    metrics.record(3, [LOSSES[2]], [TOKENS[2]])
    return metrics


def whole(folder: Path) -> bytes:
    """The file of a run that nobody has disturbed."""
    (folder / "undisturbed").mkdir()
    metrics = begun(folder / "undisturbed")
    metrics.record(4, [LOSSES[3]], [TOKENS[3]])
    return (folder / "undisturbed" / "metrics.jsonl").read_bytes()


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:70])


def take_out_a_line(file: Path) -> None:
    first, _, *rest = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([first, *rest]))


def add_nonsense(file: Path) -> None:
    file.write_bytes(b"# opened in an editor\n" + file.read_bytes())


DAMAGE: dict[str, tuple[Callable[[Path], object], int]] = {
    "removed": (Path.unlink, 3),
    "emptied": (lambda file: file.write_bytes(b""), 3),
    "cut": (cut, 2),
    "a line less": (take_out_a_line, 1),
    "nonsense": (add_nonsense, 0),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_others_take_out_is_put_back(tmp_path: Path, name: str) -> None:
    damage, lost = DAMAGE[name]
    metrics = begun(tmp_path)
    assert metrics.newly_restored() == 0
    damage(tmp_path / "metrics.jsonl")
    metrics.record(4, [LOSSES[3]], [TOKENS[3]])
    assert (tmp_path / "metrics.jsonl").read_bytes() == whole(tmp_path)
    assert (metrics.newly_restored(), metrics.newly_restored()) == (lost, 0)


def test_it_is_put_back_at_the_end_though_nothing_follows(tmp_path: Path) -> None:
    metrics = begun(tmp_path)
    before = (tmp_path / "metrics.jsonl").read_bytes()
    (tmp_path / "metrics.jsonl").unlink()
    with metrics.flushed():
        pass
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


def test_it_is_put_back_before_steps_are_run_again(tmp_path: Path) -> None:
    metrics = begun(tmp_path)
    (tmp_path / "metrics.jsonl").unlink()
    assert metrics.record(3, [1.5, 1.25], [6, 9]) == 3
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["loss"] for line in lines] == [3.25, 3.5, 1.5, 1.25]


def test_it_is_put_back_once_there_is_room(tmp_path: Path, disk: Disk) -> None:
    metrics = begun(tmp_path)
    disk.full = errno.ENOSPC
    with pytest.raises(DiskFull):
        metrics.record(4, [LOSSES[3]], [TOKENS[3]])
    with pytest.raises(DiskFull):
        metrics.record_validation(2.0)
    (tmp_path / "metrics.jsonl").unlink()
    with pytest.raises(DiskFull):
        metrics.flush()
    disk.full = 0
    metrics.flush()
    read = Metrics.open(tmp_path / "metrics.jsonl")
    assert list(read.losses) == LOSSES
    assert read.val_losses == {2: 3.0, 4: 2.0}
    assert not read.damaged


def test_a_validation_loss_that_waits_is_written_once(tmp_path: Path, disk: Disk) -> None:
    metrics = begun(tmp_path)
    disk.full = errno.ENOSPC
    with pytest.raises(DiskFull):
        metrics.record_validation(2.0)
    (tmp_path / "metrics.jsonl").unlink()
    disk.full = 0
    metrics.flush()
    last = (tmp_path / "metrics.jsonl").read_text().splitlines()[-1]
    assert last == '{"step": 3, "loss": 2.125, "tokens": 6, "val_loss": 2.0}'


def test_gaps_stay(tmp_path: Path) -> None:
    metrics = Metrics.open(tmp_path / "metrics.jsonl")
    metrics.record(1, [3.0, math.nan, 2.0], [4, 5, 6])
    metrics.give_up(5)
    metrics.record(6, [1.5], [7])
    before = (tmp_path / "metrics.jsonl").read_bytes()
    (tmp_path / "metrics.jsonl").unlink()
    metrics.flush()
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


def test_an_opened_file_keeps_what_it_had(tmp_path: Path) -> None:
    """Entries of other programs may have more values; those that are left stay as they are."""
    file = tmp_path / "metrics.jsonl"
    lines = [
        b'{"step": 1, "loss": 3.0, "tokens": 4, "more": true}\n', b'{"step": 2, "loss": 2.5}\n',
        b'{"step": 3, "loss": 2.0, "tokens": 5}\n',
    ]  # fmt: skip
    file.write_bytes(b"".join(lines))
    metrics = Metrics.open(file)
    file.write_bytes(lines[0])
    metrics.record(4, [1.5], [6])
    assert file.read_bytes() == b"".join([*lines, b'{"step": 4, "loss": 1.5, "tokens": 6}\n'])
