"""The checkpoints that a run keeps beside the newest."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.host.test_runs import CONFIG, SHAPE, checkpoint
from ugpt import tensor_shapes
from ugpt.runs.errors import RunError
from ugpt.runs.folder import Run
from ugpt.runs.kept_checkpoints import (
    best_step,
    drop_after,
    kept_checkpoints,
    older_checkpoints,
)
from ugpt.runs.save_period import SavePeriod


def made(path: Path, keep: int, save_every: SavePeriod = CONFIG.save_every) -> Run:
    run = Run.new(path, replace(CONFIG, keep=keep, save_every=save_every))
    run.begin("a board")
    return run


def saved(run: Run, *steps: int, val_losses: dict[int, float] | None = None) -> list[int]:
    for step in steps:
        if step in (val_losses or {}):
            run.metrics.val_losses[step] = (val_losses or {})[step]
        run.write_checkpoint(checkpoint(step), "abcde")
    return list(kept_checkpoints(run.path))


@pytest.mark.parametrize(
    ("keep", "kept"), [(1, [50]), (2, [40, 50]), (3, [30, 40, 50]), (9, [10, 20, 30, 40, 50])]
)
def test_the_newest_are_kept(tmp_path: Path, keep: int, kept: list[int]) -> None:
    run = made(tmp_path / "run", keep)
    assert saved(run, 10, 20, 30, 40, 50) == kept
    for step in kept:
        found = run.read_checkpoint(tensor_shapes(SHAPE), step)
        assert found is not None
        assert (found.step, found.vocabulary) == (step, "abcde")
    newest = run.read_checkpoint(tensor_shapes(SHAPE))
    assert newest is not None
    assert newest.step == 50


def test_the_best_is_kept_besides(tmp_path: Path) -> None:
    run = made(tmp_path / "run", 2)
    losses = {10: 3.0, 20: 2.0, 40: 2.5}
    assert saved(run, 10, 20, 30, 40, 50, val_losses=losses) == [20, 40, 50]
    assert saved(run, 60, val_losses={60: 1.0}) == [50, 60]


def test_the_best_so_far_take_no_place_of_those_that_are_due(tmp_path: Path) -> None:
    run = made(tmp_path / "run", 3, SavePeriod(steps=20))
    losses = {step: 3.0 - step / 100 for step in range(5, 101, 5)}
    assert saved(run, 5, 10, 15, 20, 25, 30, 35, 40, 45, val_losses=losses) == [20, 40, 45]
    assert saved(run, *range(50, 81, 5), val_losses=losses) == [40, 60, 80]
    assert saved(run, 85, val_losses=losses) == [60, 80, 85]
    assert saved(run, 93, 100, val_losses={100: 9.0}) == [80, 85, 93, 100]


def test_the_same_step_again_is_one_checkpoint(tmp_path: Path) -> None:
    assert saved(made(tmp_path / "run", 3), 10, 10, 20, 20) == [10, 20]


def test_file_systems_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    run = made(tmp_path / "run", 2)
    assert saved(run, 10, 20) == [10, 20]
    found = run.read_checkpoint(tensor_shapes(SHAPE), 10)
    assert found is not None
    assert found.step == 10


def test_a_damaged_one_is_not_kept(tmp_path: Path) -> None:
    run = made(tmp_path / "run", 3)
    saved(run, 10)
    (run.path / "checkpoint.safetensors").write_bytes(b"torn")
    assert saved(run, 20) == [20]


def test_a_step_that_is_not_kept_is_named(tmp_path: Path) -> None:
    run = made(tmp_path / "run", 2)
    with pytest.raises(RunError, match="holds: none"):
        run.read_checkpoint(tensor_shapes(SHAPE), 10)
    saved(run, 10, 20)
    with pytest.raises(RunError, match=r"no checkpoint of step 30.*holds: 10, 20"):
        run.read_checkpoint(tensor_shapes(SHAPE), 30)


def test_links_are_no_checkpoints(tmp_path: Path) -> None:
    run = made(tmp_path / "run", 1)
    saved(run, 10)
    (run.path / "checkpoint-5.safetensors").symlink_to(run.path / "checkpoint.safetensors")
    assert list(kept_checkpoints(run.path)) == [10]


def test_those_of_later_steps_go_and_that_of_the_step_stays(tmp_path: Path) -> None:
    run = made(tmp_path / "run", 9)
    saved(run, 10, 20, 30, 40)
    drop_after(run.path, 20)
    assert sorted(older_checkpoints(run.path)) == [10, 20]


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        ({}, None),
        ({1: float("nan")}, None),
        ({1: 2.0, 2: 1.0, 3: 1.0}, 2),
        ({1: float("nan"), 3: 5.0}, 3),
        ({9: 0.1}, None),
    ],
)
def test_best(losses: dict[int, float], best: int | None) -> None:
    assert best_step([3, 1, 2], losses) == best
