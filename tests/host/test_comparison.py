"""`ugpt compare`: settings, losses, one picture, and texts side by side."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.host.test_plot import size
from tests.host.test_runs import CONFIG
from tests.support.in_process import Program
from ugpt import Recipe, Schedule
from ugpt.runs.compare_plot import comparison_png
from ugpt.runs.comparison import differences, open_compared
from ugpt.runs.config import Extension, Parent, RunConfig
from ugpt.runs.folder import Run
from ugpt.runs.glance import glance
from ugpt.runs.samples import format_samples, parse_samples


def made(path: Path, losses: list[float], config: RunConfig = CONFIG) -> Run:
    run = Run.new(path, config)
    run.begin("virtual device (board esp32); no board is plugged in")
    if losses:
        run.metrics.record(1, losses, [5] * len(losses))
    return run


def test_only_what_decides_weights_is_compared() -> None:
    other = replace(
        CONFIG,
        run_id=5,
        keep=3,
        seed=1,
        recipe=replace(CONFIG.recipe, schedule=Schedule.COSINE, learning_rate=0.02),
        extensions=(Extension(50, 60),),
    )
    assert differences([CONFIG, CONFIG]) == {}
    assert differences([CONFIG, replace(CONFIG, run_id=8, keep=4)]) == {}
    assert differences([CONFIG, other, CONFIG]) == {
        "seed": [str(CONFIG.seed), "1", str(CONFIG.seed)],
        "recipe.learning_rate": ["0.01", "0.02", "0.01"],
        "recipe.schedule": ["linear", "cosine", "linear"],
        "extensions": ["-", "after 50 of 60 steps", "-"],
    }


def test_of_a_parent_only_what_tells_it_apart() -> None:
    begun = replace(CONFIG, parent=Parent("/runs/first", 7, 50, CONFIG.shape, 64 * "a"))
    assert differences([CONFIG, begun]) == {
        "parent.path": ["-", "/runs/first"],
        "parent.step": ["-", "50"],
        "parent.weights_sha256": ["-", 12 * "a"],
    }


@pytest.mark.parametrize("count", [2, 30])
def test_picture_of_any_runs(tmp_path: Path, count: int) -> None:
    paths = []
    for number in range(count):
        losses = [[], [2.0], [3.0, math.nan, 2.0], [3.0, 2.5] * 40][number % 4]
        run = made(tmp_path / f"名前-{number}", losses)
        if losses:
            run.metrics.record_validation(2.5)
        paths.append(run.path)
    assert size(comparison_png(open_compared(paths))) == (1600, 900)


@pytest.mark.parametrize("texts", [[], ["anna", "", "bo b"], ["a\nb", "", "=" * 50, "\n"], ["="]])
def test_samples_are_read_as_they_were_written(texts: list[str]) -> None:
    assert parse_samples(format_samples(texts, several_lines=True)) == texts
    if not any("\n" in text for text in texts):
        assert parse_samples(format_samples(texts, several_lines=False)) == texts


def test_tables_and_json(ugpt: Program) -> None:
    first = made(Path("runs/first"), [3.0] * 20 + [2.0] * 80)
    first.write_samples(["anna", "bella"])
    recipe = Recipe(0.05, 0.85, 0.99, 1e-8, 50)
    made(Path("runs/second"), [2.5] * 10, replace(CONFIG, recipe=recipe))
    done = ugpt("compare", "first", "runs/second", "--samples")
    lines = [line.split() for line in done.out.splitlines()]
    assert ["setting", "first", "second"] in lines
    assert ["recipe.total_steps", "100", "50"] in lines
    assert ["loss", "after", "10", "3.000", "2.500"] in lines
    assert ["loss", "after", "100", "2.200", "-"] in lines
    assert ["steps", "done", "100", "10"] in lines
    assert ["bella"] in lines
    assert "second has written nothing yet" in done.err
    assert size(Path("comparison.png").read_bytes()) == (1600, 900)
    told = json.loads(
        ugpt("compare", "first", "second", "--samples", "--picture", "x.png", "--json").out
    )
    assert Path("x.png").exists()
    assert [run["samples"] for run in told["runs"]] == [["anna", "bella"], []]
    assert told["runs"][0]["losses"] == pytest.approx({"10": 3.0, "100": 2.2})
    assert told["differences"]["recipe.total_steps"] == ["100", "50"]


def test_a_pace_makes_no_other_device(ugpt: Program) -> None:
    virtual = "virtual device (board esp32)"
    paced = f"{virtual} at the pace of an ESP32 (estimated)"
    configs = [replace(CONFIG, device=each) for each in (virtual, paced)]
    assert differences(configs) == {}
    board = replace(CONFIG, device="esp32 (board esp32dev) on /dev/ttyUSB0")
    full = [virtual, paced, board.device]
    assert differences([*configs, board]) == {"device": full}
    for name, config in zip(("a", "b", "c"), [*configs, board], strict=True):
        Run.new(Path("runs") / name, config).begin(config.device)
    line = next(line for line in ugpt("compare", "a", "b", "c").out.splitlines() if "ttyU" in line)
    assert re.split("  +", line) == [
        "device", "virtual esp32", "virtual esp32, paced", "esp32 on /dev/ttyUSB0"
    ]  # fmt: skip
    assert json.loads(ugpt("compare", "a", "b", "c", "--json").out)["differences"]["device"] == full


@pytest.mark.parametrize("losses", [{1: math.nan, 2: 2.5, 3: 2.75}, {1: 2.5, 2: math.inf}])
def test_the_best_validation_loss_is_a_number(tmp_path: Path, losses: dict[int, float]) -> None:
    run = made(tmp_path / "R", [])
    for step, loss in losses.items():
        run.metrics.record(step, [3.0], [5])
        run.metrics.record_validation(loss)
    (compared,) = open_compared([run.path])
    assert compared.best_val_loss == 2.5


def test_what_cannot_be_compared(ugpt: Program) -> None:
    made(Path("runs/first"), [2.0])
    assert "two runs or more" in ugpt("compare", "first", status=2).err
    assert "There is no run nowhere" in ugpt("compare", "first", "nowhere", status=1).err
    assert not Path("comparison.png").exists()
    Path("runs/first/samples.txt").write_bytes(b"\xff")
    assert "no UTF-8" in ugpt("compare", "first", "first", "--samples", status=1).err


@pytest.mark.parametrize("steps", [0, 1, 40, 100, 700, 4000])
def test_the_same_losses_as_in_the_list_of_runs(tmp_path: Path, steps: int) -> None:
    # The lowest mean lies in the middle, where no end of the file shows it.
    losses = [3.0 - math.sin(3.1 * step / steps) + (step % 7) / 10 for step in range(steps)]
    if steps > 50:
        losses[30] = math.nan
    run = made(tmp_path / "R", losses)
    assert_listed_as_compared(run.path)


_DAMAGE = [
    lambda lines: [*lines, b'{"step": 301, "lo'],
    lambda lines: [*lines[:100], b"\0" * 60 + b"\n", *lines[103:]],
    lambda lines: [*lines[:100], *lines[50:]],
    lambda lines: [*lines[:100], lines[100].replace(b"100", b"9000"), *lines[101:]],
    lambda lines: [b'{"loss": 1.5, "tokens": 5, "step": 1}\n', *lines[1:]],
    lambda lines: [*lines[:9], b'{"step": 10, "loss": 1e99, "tokens": 5}\n', *lines[10:]],
    lambda lines: [*lines[:9], b'{"step": 10, "loss": --1, "tokens": 5}\n', *lines[10:]],
    lambda lines: [*lines[:9], b'{"step": 10, "loss": Infinity, "tokens": 5}\n', *lines[10:]],
]


@pytest.mark.parametrize("damaged", _DAMAGE)
def test_the_same_losses_of_a_damaged_file(
    tmp_path: Path, damaged: Callable[[list[bytes]], list[bytes]]
) -> None:
    run = made(tmp_path / "R", [3.0 - math.sin(step / 100) for step in range(300)])
    file = run.path / "metrics.jsonl"
    file.write_bytes(b"".join(damaged(file.read_bytes().splitlines(keepends=True))))
    assert_listed_as_compared(run.path)


def assert_listed_as_compared(path: Path) -> None:
    (compared,) = open_compared([path])
    listed = glance(path / "metrics.jsonl")
    assert (len(compared.means), compared.last_loss) == (listed.step, listed.loss)
    assert compared.best_loss == listed.best_loss
