"""`ugpt.train`: a whole run as one call."""

from __future__ import annotations

from pathlib import Path

import pytest

import ugpt
from ugpt.data.dataset import Dataset

NAMES = Path(__file__).parents[2] / "data" / "names.txt"


@pytest.fixture
def target(tmp_path: Path) -> ugpt.Target:
    return ugpt.Target("virtual", flash=tmp_path / "flash")


async def test_plain_values_make_the_run(target: ugpt.Target, tmp_path: Path) -> None:
    heard: list[ugpt.events.Event] = []
    run = await ugpt.atrain(
        NAMES,
        target,
        path=tmp_path / "run",
        on_event=heard.append,
        seed=7,
        n_embd=8,
        steps=20,
        learning_rate=0.02,
        batch=2,
        schedule=ugpt.Schedule.COSINE,
        moments=ugpt.MomentFormat.BF16,
        holdout="30",
        eval_every=10,
        eval_documents=4,
    )
    assert len(run.losses) == 20
    assert list(run.val_losses) == [10, 20]
    assert isinstance(heard[0], ugpt.events.Started)
    assert isinstance(heard[-1], ugpt.events.Finished)

    config = ugpt.Run.open(tmp_path / "run").config
    assert config == run.config
    assert (config.data, config.seed, config.init) == (NAMES, 7, ugpt.Init.DEVICE)
    assert (config.validation_documents, config.eval_every, config.eval_documents) == (30, 10, 4)
    assert config.shape == ugpt.Shape(1, 8, 4, 16, 27)
    assert config.recipe == ugpt.Recipe(
        config.recipe.learning_rate, 0.85, 0.99, 1e-8, 20, 2, ugpt.Schedule.COSINE,
        moments=ugpt.MomentFormat.BF16,
    )  # fmt: skip
    assert config.recipe.learning_rate == pytest.approx(0.02)
    assert config.ugpt == ugpt.__version__


async def test_a_data_set_may_be_given_and_a_run_folder_is_named_by_itself(
    target: ugpt.Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [await ugpt.atrain(Dataset.load(NAMES), target, steps=2) for _ in range(2)]
    assert len({run.path for run in runs}) == 2
    assert runs[0].config.run_id != runs[1].config.run_id
    assert list(runs[0].losses) == list(runs[1].losses)
    assert {run.path.parent for run in runs} == {Path("runs")}


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"n_embd": 10}, "A width of 10"),
        ({"steps": 5, "warmup": 5}, "A warm-up of 5 steps"),
        ({"eval_every": 5}, "needs documents that are held out"),
        ({"learning_rate": 11.0}, "learning_rate"),
    ],
)
async def test_values_that_cannot_be(
    target: ugpt.Target, tmp_path: Path, values: dict[str, int], complaint: str
) -> None:
    with pytest.raises(ugpt.errors.InvalidValue, match=complaint):
        await ugpt.atrain(NAMES, target, path=tmp_path / "run", **values)  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "flash").exists()


async def test_a_folder_that_is_there_is_left_alone(target: ugpt.Target, tmp_path: Path) -> None:
    with pytest.raises(ugpt.UgptError, match="exists already"):
        await ugpt.atrain(NAMES, target, path=tmp_path)
