"""Runs that get more steps, and runs that begin with the weights of another, on a real device."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ugpt
from tests.support.sessions import NAMES, once
from ugpt import Schedule, Shape, tensor_shapes
from ugpt.data.dataset import Dataset
from ugpt.data.vocabulary import Vocabulary
from ugpt.device.activity import is_detached, is_training, stand_still
from ugpt.device.client import Device
from ugpt.errors import InvalidValue
from ugpt.rpc.errors import PortLost
from ugpt.rpc.messages import DeviceState, MomentFormat
from ugpt.runs.config import Extension
from ugpt.runs.errors import RunError
from ugpt.runs.folder import Run
from ugpt.runs.kept_checkpoints import best_step, kept_checkpoints
from ugpt.runs.listing import RunState, look_at
from ugpt.runs.registry import goes_on_alone
from ugpt.runs.save_period import SavePeriod
from ugpt.training.detach import detach
from ugpt.training.events import Event, Finished, Notice, Saved, Started, StepLosses
from ugpt.training.extension import require_more
from ugpt.training.fine_tune import (
    child_shape,
    describe_mapping,
    map_rows,
    require_same_shape,
)
from ugpt.training.guard import WouldOverwrite
from ugpt.training.load import load
from ugpt.training.new_run import new_run
from ugpt.training.options import RecipeOptions
from ugpt.training.recipe import EvaluationPlan
from ugpt.training.restore import put_model
from ugpt.training.session import Session
from ugpt.training.stored_model import StoredModel, stored_model
from ugpt.training.trainer import Outcome, Training

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("undrawn")]

DATASET = Dataset.load(NAMES)
NEVER = SavePeriod()


class Bench:
    """Trains runs in `folder`, on one device or on another flash each time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[Event] = []
        self.flash = "flash"

    def target(self) -> ugpt.Target:
        return ugpt.Target("virtual", flash=self.folder / self.flash)

    def begin(
        self,
        name: str,
        steps: int,
        schedule: Schedule = Schedule.CONSTANT,
        *,
        dataset: Dataset = DATASET,
        parent: StoredModel | None = None,
        **more: object,
    ) -> Run:
        shape = Shape(1, 8, 2, 8, dataset.vocabulary.size)
        return new_run(
            dataset,
            child_shape(parent, dataset.vocabulary.size) if parent else shape,
            RecipeOptions(steps=steps, schedule=schedule).recipe(),
            path=self.folder / name,
            parent=parent,
            **{"save_every": NEVER, **more},  # type: ignore[arg-type]
        )

    async def train(
        self,
        run: Run,
        extend_to: int | None = None,
        *,
        stop_at: int | None = None,
        dataset: Dataset = DATASET,
    ) -> Outcome:
        hear: Callable[[Event], None] = self.events.append
        session = Session(run, dataset, lambda event: hear(event), extend_to=extend_to)
        require_more(session)
        training = Training(self.target().connect, session)
        if stop_at is not None:
            stopping = once(stop_at, training.request_stop)

            def hear(event: Event) -> None:
                self.events.append(event)
                stopping(event)

        return await training.run()

    async def detached(self, name: str, may_overwrite: bool = False) -> Run:
        """A run that the board does by itself from now on. It saves most of the time."""
        run = self.begin(name, 10_000_000, save_every=SavePeriod(steps=1))
        async with self.target().connect() as device:
            hear = self.events.append
            await detach(device, Session(run, DATASET, hear, may_overwrite=may_overwrite))
        return run

    def reopen(self, name: str) -> Run:
        return Run.open(self.folder / name)

    def digest(self, name: str) -> str:
        return (self.folder / name / "weights.sha256").read_text()

    def metrics(self, name: str) -> bytes:
        return (self.folder / name / "metrics.jsonl").read_bytes()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# More steps


@pytest.mark.parametrize("moments", [MomentFormat.F32, MomentFormat.Q8])
async def test_extended_with_a_constant_rate_equals_planned(
    bench: Bench, moments: MomentFormat
) -> None:
    def q(run: Run) -> Run:
        run.config = replace(run.config, recipe=replace(run.config.recipe, moments=moments))
        return run

    await bench.train(q(bench.begin("planned", 1500)))
    await bench.train(q(bench.begin("extended", 1000)))
    first = bench.digest("extended")
    await bench.train(bench.reopen("extended"), 1500)
    assert bench.digest("extended") == bench.digest("planned") != first
    assert bench.metrics("extended") == bench.metrics("planned")
    config = bench.reopen("extended").config
    assert config.recipe.total_steps == 1500
    assert config.extensions == (Extension(1000, 1000),)


@pytest.mark.parametrize("schedule", [Schedule.LINEAR, Schedule.COSINE])
@pytest.mark.parametrize("flash", ["kept", "lost"])
async def test_interrupted_extension_equals_an_uninterrupted_one(
    bench: Bench, schedule: Schedule, flash: str
) -> None:
    for name in ("whole", "part"):
        await bench.train(bench.begin(name, 500, schedule))
    await bench.train(bench.reopen("whole"), 1500)
    assert await bench.train(bench.reopen("part"), 1500, stop_at=800) is Outcome.STOPPED
    if flash == "lost":
        bench.flash = "another"
    # The same command again, and then the one without steps: both go on.
    assert await bench.train(bench.reopen("part"), 1500, stop_at=1100) is Outcome.STOPPED
    assert await bench.train(bench.reopen("part")) is Outcome.FINISHED
    assert bench.digest("part") == bench.digest("whole")
    assert bench.metrics("part") == bench.metrics("whole")
    assert bench.reopen("part").config.extensions == (Extension(500, 500),)


async def test_device_that_lost_the_extension_repeats_it(bench: Bench) -> None:
    """Its flash holds the end of the run as it was planned before, which is no place to go on."""
    await bench.train(bench.begin("a", 500, Schedule.LINEAR))
    before = (bench.folder / "flash").read_bytes()
    await bench.train(bench.reopen("a"), 900)
    whole = bench.digest("a")
    await bench.train(bench.begin("b", 500, Schedule.LINEAR))
    assert await bench.train(bench.reopen("b"), 900, stop_at=700) is Outcome.STOPPED
    (bench.folder / "flash").write_bytes(before)
    await bench.train(bench.reopen("b"))
    assert bench.digest("b") == whole


async def test_extending_an_interrupted_run_begins_at_its_checkpoint(bench: Bench) -> None:
    assert await bench.train(bench.begin("a", 1000), stop_at=300) is Outcome.STOPPED
    saved = bench.reopen("a").saved_step
    assert saved is not None
    await bench.train(bench.reopen("a"), 1200)
    assert bench.reopen("a").config.extensions == (Extension(saved, 1000),)
    await bench.train(bench.begin("planned", 1200))
    assert bench.digest("a") == bench.digest("planned")


async def test_what_the_device_is_ahead_is_saved_before_the_plan_changes(bench: Bench) -> None:
    """A board on its own is far beyond the run folder, which holds nothing yet."""
    run = bench.begin("a", 400, Schedule.LINEAR)
    async with bench.target().connect() as device:
        with run.alone():
            await detach(device, Session(run, DATASET, bench.events.append))
        while (await device.status()).step < 400:
            await device.ping()
        await device.stop()
    await bench.train(bench.reopen("a"), 600)
    assert bench.reopen("a").config.extensions == (Extension(400, 400),)
    await bench.train(bench.begin("b", 400, Schedule.LINEAR))
    await bench.train(bench.reopen("b"), 600)
    assert bench.digest("a") == bench.digest("b")


async def test_a_board_that_followed_another_plan_is_no_place_to_go_on(bench: Bench) -> None:
    """Its model has the recipe of the run, but came to it after other steps."""
    folder, backup = bench.folder / "a", bench.folder / "backup"

    def restore() -> None:
        shutil.rmtree(folder)
        shutil.copytree(backup, folder)

    run = bench.begin("a", 500, Schedule.LINEAR)
    assert await bench.train(run, stop_at=100) is Outcome.STOPPED
    shutil.copytree(folder, backup)
    assert await bench.train(bench.reopen("a"), stop_at=200) is Outcome.STOPPED
    assert await bench.train(bench.reopen("a"), 700, stop_at=300) is Outcome.STOPPED
    restore()
    assert await bench.train(bench.reopen("a"), 700) is Outcome.FINISHED
    found = bench.digest("a")
    restore()
    bench.flash = "another"
    await bench.train(bench.reopen("a"), 700)
    assert bench.digest("a") == found


async def test_copies_of_a_run_that_are_extended_apart_stay_apart(bench: Bench) -> None:
    assert await bench.train(bench.begin("a", 500, Schedule.LINEAR), stop_at=100)
    shutil.copytree(bench.folder / "a", bench.folder / "b")
    assert await bench.train(bench.reopen("b"), 700, stop_at=120) is Outcome.STOPPED
    bench.flash = "another"
    assert await bench.train(bench.reopen("a"), stop_at=200) is Outcome.STOPPED
    assert await bench.train(bench.reopen("a"), 700, stop_at=300) is Outcome.STOPPED
    shutil.copytree(bench.folder / "b", bench.folder / "c")
    await bench.train(bench.reopen("b"))
    bench.flash = "a third"
    await bench.train(bench.reopen("c"))
    assert bench.digest("b") == bench.digest("c")


@pytest.mark.parametrize(
    ("line", "instead", "name"),
    [
        ("seed = 42", "seed = 46", "seed 42 there, 46 here"),
        ("learning_rate = 0.01", "learning_rate = 0.02", "learning_rate"),
        ("batch = 1", "batch = 2", "batch 1 there, 2 here"),
        ('schedule = "linear"', 'schedule = "cosine"', "schedule linear there, cosine here"),
        ("held_out = 0", "held_out = 9", "held_out 0 there, 9 here"),
        ('init = "device"', 'init = "microgpt"', "init device there, microgpt here"),
        ("n_head = 2", "n_head = 4", "a model of another shape"),
        ("total_steps = 60", "total_steps = 70", "follows another plan of steps"),
        ("lower = false", "lower = true", "reading"),
    ],
)
@pytest.mark.parametrize("flash", ["kept", "lost"])
async def test_settings_that_the_checkpoint_does_not_have_are_refused(
    bench: Bench, line: str, instead: str, name: str, flash: str
) -> None:
    await bench.train(bench.begin("a", 60, Schedule.LINEAR), stop_at=30)
    bench.flash = "flash" if flash == "kept" else "another"
    config = bench.folder / "a" / "config.toml"
    text = config.read_text()
    assert line in text
    config.write_text(text.replace(line, instead))
    with pytest.raises(RunError, match=name):
        await bench.train(bench.reopen("a"))
    with pytest.raises(RunError, match=name):
        stored_model(bench.reopen("a"))
    assert look_at(bench.folder / "a").state is RunState.DAMAGED
    config.write_text(text)
    assert await bench.train(bench.reopen("a")) is Outcome.FINISHED


async def test_a_model_that_did_not_come_whole_is_at_step_0(bench: Bench) -> None:
    """Else a run would go on from weights of which the line has brought a part."""
    await bench.train(bench.begin("a", 60))
    model = stored_model(bench.reopen("a"))
    bench.flash = "another"

    def lost(done: int, total: int) -> None:
        raise PortLost("port", "it is unplugged")

    async with bench.target().connect() as device:
        with pytest.raises(PortLost):
            await put_model(
                device, 7, model.shape, model.recipe, model.vocabulary, model.checkpoint, lost
            )
        assert (await device.status()).step == 0


async def test_an_error_of_the_host_costs_no_step(bench: Bench) -> None:
    """The board keeps in its flash what it has done by then."""
    reached: list[int] = []

    def fail(event: Event) -> None:
        if isinstance(event, StepLosses) and event.first + len(event.losses) > 30:
            reached.append(event.first + len(event.losses) - 1)
            raise RunError("The folder is gone.", "")

    session = Session(bench.begin("a", 100_000), DATASET, fail)
    with pytest.raises(RunError, match="folder is gone"):
        await Training(bench.target().connect, session).run()
    async with bench.target().connect() as device:
        status = await device.status()
        assert status.step == status.saved_step >= reached[0]


async def test_a_run_moves_to_the_board_that_is_named_and_to_no_other(bench: Bench) -> None:
    """A port was named, and another board is behind it after the line was lost."""
    boards = iter(("esp32", "esp32s3", "esp32"))

    def target(board: str) -> ugpt.Target:
        return ugpt.Target("virtual", flash=bench.folder / f"flash of {board}", board=board)

    def lose() -> None:
        raise PortLost("port", "it is unplugged")

    session = Session(bench.begin("a", 2000), DATASET, once(30, lose), may_move=True)
    training = Training(lambda: target(next(boards)).connect(), session)
    assert await training.run() is Outcome.FINISHED
    assert next(boards, None) is None
    async with target("esp32s3").connect() as device:
        assert (await device.status()).run_id == 0


@pytest.mark.parametrize("may_overwrite", [False, True])
async def test_a_detached_run_behind_the_port_is_not_ended_after_the_line_was_lost(
    bench: Bench, may_overwrite: bool
) -> None:
    def lose() -> None:
        bench.flash = "other"
        raise PortLost("port", "it is unplugged")

    run = bench.begin("a", 2000)
    session = Session(run, DATASET, once(30, lose), may_overwrite=may_overwrite)
    bench.flash = "other"
    other = await bench.detached("b")
    bench.flash = "flash"
    with pytest.raises(WouldOverwrite, match="trains by itself"):
        await Training(lambda: bench.target().connect(), session).run()
    bench.flash = "other"
    async with bench.target().connect() as device:
        assert (await device.status()).run_id == other.config.run_id


async def test_a_board_is_taken_from_a_run_that_it_saves_at_the_moment(bench: Bench) -> None:
    await bench.detached("a")
    session = Session(bench.begin("b", 200), DATASET, bench.events.append, may_overwrite=True)
    assert goes_on_alone(bench.reopen("a").config.run_id, bench.folder / "a")
    assert await Training(bench.target().connect, session).run() is Outcome.FINISHED
    assert not goes_on_alone(bench.reopen("a").config.run_id, bench.folder / "a")
    await bench.detached("c")
    async with bench.target().connect() as device:
        await load(device, stored_model(bench.reopen("b"), 200), print, may_overwrite=True)
        assert (await device.status()).run_id == bench.reopen("b").config.run_id
    await bench.detached("d")
    await bench.detached("e", may_overwrite=True)
    async with bench.target().connect() as device:
        assert is_detached(await device.status())
        status = await stand_still(device)
        assert not is_training(status)
        assert status.state is DeviceState.IDLE
        assert status.run_id == bench.reopen("e").config.run_id


async def test_what_may_be_overwritten_may_be_so_after_a_restart(bench: Bench) -> None:
    """The flash still holds it: nothing of this run has been saved."""

    def restart() -> None:
        raise PortLost("port", "it is unplugged")  # the virtual device ends with its connection

    other = await bench.detached("b")
    found: list[int] = []

    @asynccontextmanager
    async def connect() -> AsyncIterator[Device]:
        async with bench.target().connect() as device:
            found.append((await device.status()).run_id)
            yield device

    session = Session(bench.begin("a", 2000), DATASET, once(30, restart), may_overwrite=True)
    assert await Training(connect, session).run() is Outcome.FINISHED
    assert found == [other.config.run_id] * 2


async def test_kept_checkpoints_of_a_plan_that_was_given_up_are_dropped(bench: Bench) -> None:
    every = {"keep": 10, "save_every": SavePeriod(steps=100)}
    await bench.train(bench.begin("a", 600, Schedule.LINEAR, **every))
    kept = kept_checkpoints(bench.folder / "a")
    assert list(kept) == [100, 200, 300, 400, 500, 600]
    shutil.copy(kept[200], bench.folder / "a" / "checkpoint.safetensors")
    stale = kept[500].read_bytes()
    bench.flash = "another"
    await bench.train(bench.reopen("a"), 700, stop_at=210)
    assert max(kept_checkpoints(bench.folder / "a")) < 500
    kept[500].write_bytes(stale)  # as if it could not have been removed
    with pytest.raises(RunError, match="follows another plan of steps"):
        stored_model(bench.reopen("a"), 500)
    await bench.train(bench.reopen("a"))
    assert kept[500].read_bytes() != stale
    assert stored_model(bench.reopen("a"), 500).checkpoint.step == 500


async def test_a_run_without_checkpoint_is_planned_anew(bench: Bench) -> None:
    run = bench.begin("a", 400)
    run.begin("a board")
    run.metrics.record(1, [2.0] * 50, [5] * 50)
    await bench.train(bench.reopen("a"), 500)
    await bench.train(bench.begin("planned", 500))
    assert bench.digest("a") == bench.digest("planned")
    assert bench.metrics("a") == bench.metrics("planned")


async def test_a_parent_whose_path_is_no_text_is_refused(bench: Bench) -> None:
    await bench.train(bench.begin("a", 10))
    odd = bench.folder / "odd \udcff"
    (bench.folder / "a").rename(odd)
    with pytest.raises(RunError, match="is not UTF-8 text"):
        bench.begin("b", 10, parent=stored_model(Run.open(odd)))


async def test_fewer_steps_than_done(bench: Bench) -> None:
    await bench.train(bench.begin("a", 100))
    before = (bench.folder / "a" / "config.toml").read_bytes()
    with pytest.raises(RunError, match="has done 100 steps, and --steps 99 is fewer"):
        await bench.train(bench.reopen("a"), 99)
    assert (bench.folder / "a" / "config.toml").read_bytes() == before


def test_more_documents_than_can_be_counted(bench: Bench) -> None:
    run = bench.begin("a", 100)
    run.config = replace(run.config, recipe=replace(run.config.recipe, batch=1024))
    with pytest.raises(InvalidValue, match="more documents than can be counted"):
        require_more(Session(run, DATASET, print, extend_to=2**24))


# Beginning with the weights of another run


def towns(tmp_path: Path, text: str) -> Dataset:
    (tmp_path / "towns.txt").write_text(text)
    return Dataset.load(tmp_path / "towns.txt")


async def test_the_same_vocabulary_takes_all_weights(bench: Bench) -> None:
    await bench.train(bench.begin("old", 300))
    parent = stored_model(bench.reopen("old"))
    run = bench.begin("new", 200, parent=parent)
    await bench.train(run)
    fresh = bench.begin("fresh", 200)
    await bench.train(fresh)
    assert run.metrics.losses[0] != fresh.metrics.losses[0]
    assert np.mean(run.metrics.losses[:100]) < np.mean(fresh.metrics.losses[:100]) - 0.2
    assert run.config.parent is not None
    assert (run.config.parent.step, run.config.parent.run_id) == (300, parent.run_id)
    # The moments are fresh: the first step goes as far as any first step of Adam.
    assert bench.digest("new") != bench.digest("old")


async def test_interrupted_at_any_time_it_ends_the_same(bench: Bench, tmp_path: Path) -> None:
    await bench.train(bench.begin("old", 100))
    parent = stored_model(bench.reopen("old"))
    dataset = towns(tmp_path, "Rome\nOslo\nBern\nquito\n" * 20)
    await bench.train(bench.begin("whole", 400, dataset=dataset, parent=parent), dataset=dataset)
    part = bench.begin("part", 400, dataset=dataset, parent=parent)
    # The parent goes on, and is then gone: the new run does not need it.
    await bench.train(bench.reopen("old"), 150)
    (tmp_path / "old").rename(tmp_path / "gone")
    assert await bench.train(part, stop_at=100, dataset=dataset) is Outcome.STOPPED
    bench.flash = "another"
    assert await bench.train(bench.reopen("part"), dataset=dataset) is Outcome.FINISHED
    assert bench.digest("part") == bench.digest("whole")
    # Without a checkpoint it begins again with the same weights.
    (tmp_path / "part" / "checkpoint.safetensors").unlink()
    bench.flash = "third"
    await bench.train(bench.reopen("part"), dataset=dataset)
    assert bench.digest("part") == bench.digest("whole")
    notices = [event.text for event in bench.events if isinstance(event, Notice)]
    assert not [text for text in notices if "another loss" in text]


@pytest.mark.parametrize("damage", ["missing", "altered", "another"])
async def test_weights_to_begin_with_that_are_not_there(bench: Bench, damage: str) -> None:
    await bench.train(bench.begin("old", 50))
    run = bench.begin("new", 50, parent=stored_model(bench.reopen("old")))
    run.begin("a board")
    file = run.path / "parent.safetensors"
    if damage == "missing":
        file.unlink()
    elif damage == "altered":
        file.write_bytes(file.read_bytes()[:-1] + b"\1")
    else:
        await bench.train(bench.reopen("old"), 60)
        file.write_bytes((bench.folder / "old" / "checkpoint.safetensors").read_bytes())
    async with bench.target().connect() as device:
        before = await device.weights_digest()
    with pytest.raises(RunError, match=r"parent\.safetensors"):
        await bench.train(bench.reopen("new"))
    async with bench.target().connect() as device:
        assert await device.weights_digest() == before


def test_rows_follow_their_characters() -> None:
    def matrix(rows: int, base: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        return np.arange(rows * 2, dtype=np.float32).reshape(rows, 2) + np.float32(base)

    old = {"wte": matrix(4, 0), "lm_head": matrix(4, 100)}  # a, b, c and the end
    fresh = {"wte": matrix(4, 1000), "lm_head": matrix(4, 2000)}  # b, c, d and the end
    mapped = map_rows(old, "abc", fresh, Vocabulary("bcd"))
    for name in ("wte", "lm_head"):
        np.testing.assert_array_equal(mapped[name][:2], old[name][1:3])
        np.testing.assert_array_equal(mapped[name][2], fresh[name][2])
        np.testing.assert_array_equal(mapped[name][3], old[name][3])


async def test_it_says_what_becomes_of_the_characters(bench: Bench, tmp_path: Path) -> None:
    await bench.train(bench.begin("old", 20))
    model = stored_model(bench.reopen("old"))
    said = describe_mapping(model, Vocabulary("ABcdefghijklmnopqrstuvwxyz"))
    assert said == [
        "It begins with the weights of old after 20 steps, and fresh moments.",
        "2 characters ('AB') are new to it and begin with random weights.",
        "2 characters ('ab') are not in this text and left out of the model.",
    ]
    assert len(describe_mapping(model, Vocabulary(model.vocabulary))) == 1
    require_same_shape(model, {"n_embd": 8, "steps": 5})
    with pytest.raises(InvalidValue, match="The context of old is 8, and its weights fit no other"):
        require_same_shape(model, {"block_size": 16})
    with pytest.raises(InvalidValue, match="The width of old is 8"):
        require_same_shape(model, {"n_embd": 16})


# Checkpoints on the way


async def test_checkpoints_on_the_way_are_those_of_shorter_runs(bench: Bench) -> None:
    run = bench.begin("a", 1000, keep=3, save_every=SavePeriod(steps=200))
    await bench.train(run)
    assert list(kept_checkpoints(run.path)) == [600, 800, 1000]
    await bench.train(bench.begin("short", 800))
    at_800 = run.read_checkpoint(tensor_shapes(run.config.shape), 800)
    short = bench.reopen("short").read_checkpoint(tensor_shapes(run.config.shape))
    assert at_800 is not None
    assert short is not None
    for name, values in short.weights.items():
        np.testing.assert_array_equal(at_800.weights[name], values)


async def test_the_best_by_validation_is_saved_and_kept(bench: Bench) -> None:
    plan = EvaluationPlan(validation_documents=200, eval_every=70, eval_documents=50)
    run = bench.begin("a", 1000, keep=2, evaluation=plan)
    await bench.train(run)
    steps = list(kept_checkpoints(run.path))
    best = best_step(list(run.metrics.val_losses), run.metrics.val_losses)
    assert best in steps
    assert 1000 in steps
    assert len(steps) <= 3
    # Nothing of that wears the flash: only the end is saved there.
    saved = [event for event in bench.events if isinstance(event, Saved)]
    assert [event.step for event in saved if event.on_device] == [1000]
    assert all(isinstance(event, Event) for event in bench.events)
    plain = bench.begin("b", 1000, evaluation=plan)
    await bench.train(plain)
    assert list(kept_checkpoints(plain.path)) == [1000]
    assert bench.digest("a") == bench.digest("b")
    assert json.dumps(run.metrics.val_losses) == json.dumps(plain.metrics.val_losses)
    assert [type(event) for event in bench.events].count(Finished) == 2
    assert [type(event) for event in bench.events].count(Started) == 2
