"""The campaign can fail: it notices other bits, lost steps, and what goes wrong besides."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest

from tests.campaign import runner, table
from tests.campaign.disturbed import DisturbedRun, has_the_same_bits, wait
from tests.campaign.kinds import KINDS
from tests.campaign.straight import STEPS, Straight, measure
from tests.campaign.table import Row
from tests.campaign.trials import Kind, Outcome, Trial

RIGHT = Outcome(finished=True)
WRONG = [
    Outcome(finished=False),
    Outcome(finished=True, other_bits=True),
    Outcome(finished=True, lost=True),
    Outcome(finished=True, faults=("a traceback",)),
]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Straight:
    return measure(tmp_path_factory.mktemp("straight"))


@pytest.fixture
def killed(tmp_path: Path, straight: Straight) -> DisturbedRun:
    """A run whose host was killed after it had called a step saved."""
    run = DisturbedRun(tmp_path, straight)
    with run.host() as process:
        while '"saved"' not in (tmp_path / "out").read_text():
            assert wait(process, 0.01) is None
    assert 0 < run.called_saved < STEPS
    return run


def test_a_run_that_nothing_harms_is_right(killed: DisturbedRun) -> None:
    assert killed.finish() == RIGHT
    assert killed.called_saved == STEPS


def test_a_lost_step_is_noticed(killed: DisturbedRun) -> None:
    (killed.path / "checkpoint.safetensors").unlink()
    (killed.path.parent / "state" / "ugpt" / "virtual-esp32.flash").unlink()
    outcome = killed.finish()
    assert outcome.finished
    assert not outcome.other_bits
    assert outcome.lost
    assert "the run taken up again keeps step 0" in outcome.faults[0]


def test_other_bits_are_noticed(killed: DisturbedRun) -> None:
    with (killed.path / "config.toml").open() as file:
        config = file.read().replace("seed = 42", "seed = 43")
    # As another run, from its start: neither checkpoint nor device would go on with that seed.
    config = re.sub(r"run_id = \d+", "run_id = 77", config)
    (killed.path / "config.toml").write_text(config)
    (killed.path / "checkpoint.safetensors").unlink(missing_ok=True)
    outcome = killed.finish()
    assert outcome.finished
    assert outcome.other_bits


@pytest.mark.parametrize("place", [0, 1000, -1])
def test_a_loss_that_is_missing_without_a_word_is_noticed(
    killed: DisturbedRun, straight: Straight, place: int
) -> None:
    killed.finish()
    metrics = killed.path / "metrics.jsonl"
    lines = metrics.read_bytes().splitlines(keepends=True)
    del lines[place]
    metrics.write_bytes(b"".join(lines))
    assert not has_the_same_bits(killed.path, straight)
    assert has_the_same_bits(killed.path, straight, may_miss_losses=True)


def test_a_run_that_cannot_go_on_is_noticed(killed: DisturbedRun) -> None:
    (killed.path / "config.toml").write_text("nonsense")
    outcome = killed.finish()
    assert not outcome.finished
    assert not outcome.is_right
    assert "the end has status 1" in " ".join(outcome.faults)


@pytest.mark.parametrize("outcome", WRONG)
def test_what_is_not_right_counts(outcome: Outcome) -> None:
    assert RIGHT.is_right
    assert not outcome.is_right
    assert Row(KINDS[0], [RIGHT]).is_right
    assert not Row(KINDS[0], [RIGHT, outcome]).is_right


def test_the_table_counts(tmp_path: Path) -> None:
    kind = Kind("a", "what is done", lambda trial: RIGHT)
    row = Row(kind, [RIGHT, *WRONG])
    assert row.markdown() == "| what is done | 5 | 4 | 1 | 1 | 1 |"
    page = tmp_path / "page.md"
    page.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
    table.write(page, table.markdown([row], 7, 120.0))
    written = page.read_text()
    assert written.startswith(f"before\n{table.BEGIN}\n| what is done to a run")
    assert written.endswith(f"\n{table.END}\nafter\n")
    assert "old" not in written
    assert "for 2 minutes with `--seed 7`" in written


def test_seeds_follow_each_other_until_the_time_is_over() -> None:
    now_s = time.monotonic()
    assert list(runner.seeds(5, 3, now_s + 1000)) == [5, 6, 7]
    assert list(runner.seeds(5, 3, now_s - 1)) == [5]


def test_chance_depends_on_the_seed_alone(
    monkeypatch: pytest.MonkeyPatch, straight: Straight
) -> None:
    drawn = []

    def draw(trial: Trial) -> Outcome:
        drawn.append(trial.chance.random())
        raise AssertionError("a check")

    monkeypatch.setattr(runner, "KINDS", (Kind("draw", "", draw),))
    outcome = runner.run_trial("draw", straight, 5)
    runner.run_trial("draw", straight, 5)
    runner.run_trial("draw", straight, 6)
    assert drawn[0] == drawn[1] == random.Random("draw 5").random() != drawn[2]
    assert "AssertionError: a check" in outcome.faults[0]
    assert not outcome.finished


def test_the_page_has_a_place_for_the_table() -> None:
    page = (Path(__file__).parents[1] / "docs" / "reliability.md").read_text("utf-8")
    _, _, rest = page.partition(table.BEGIN)
    figures, end, _ = rest.partition(table.END)
    assert end
    assert all(kind.title in figures for kind in KINDS)
