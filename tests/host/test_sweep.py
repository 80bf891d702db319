"""A sweep: what it varies, how it is kept, and a study that goes on where it was."""

from __future__ import annotations

import dataclasses
import math
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import optuna
import pytest
import sqlalchemy

from tests.support.devices import listening_device
from tests.support.in_process import Program
from ugpt import Target
from ugpt.data.dataset import Dataset
from ugpt.data.reading import Reading
from ugpt.device.virtual import IN_MEMORY
from ugpt.errors import InvalidValue
from ugpt.fleet.errors import FleetError
from ugpt.fleet.members import Member
from ugpt.rpc.errors import BadParams, Busy, DeviceError, FlashFailed, NotFinite, PortLost
from ugpt.rpc.messages import ErrorCode, Shape
from ugpt.runs.errors import DiskFull, RunError
from ugpt.runs.folder import Run
from ugpt.sweep import conductor as conducting
from ugpt.sweep.axes import Choices, Interval, combinations, parse_axes, parse_axis
from ugpt.sweep.conductor import Conductor, trial_folder
from ugpt.sweep.events import BoardBack, BoardLost, TrialEnded, TrialProgress, TrialStarted
from ugpt.sweep.folder import load_again, make_sweep_folder
from ugpt.sweep.plan import Sampler, SweepPlan
from ugpt.sweep.ranking import best, ranked, sweep_png
from ugpt.sweep.settings import Settings
from ugpt.sweep.study import SweepStudy, Trial, TrialState, _stored
from ugpt.training import retry
from ugpt.training.events import Event, Notice
from ugpt.training.guard import WouldOverwrite
from ugpt.training.options import RecipeOptions
from ugpt.training.trainer import Outcome, Training
from ugpt.wording import install_command

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("undrawn")]

NAMES = Path(__file__).parents[2] / "data" / "names.txt"


# What is varied


def test_values_and_intervals() -> None:
    assert parse_axis("n_embd=16,32") == Choices("n_embd", (16, 32))
    assert parse_axis("--n-embd=16,32") == Choices("n_embd", (16, 32))
    assert parse_axis("lr=0.001:0.02:log") == Interval("learning_rate", 0.001, 0.02, True)
    assert parse_axis("warmup=0:200") == Interval("warmup", 0, 200, False)
    assert str(parse_axis(f"seed=1:{2**53}")) == f"seed=1:{2**53}"
    assert parse_axis(f"seed=1,{2**64 - 1}") == Choices("seed", (1, 2**64 - 1))
    assert parse_axis("schedule=cosine,constant") == Choices("schedule", ("cosine", "constant"))
    for text in ("n_embd=16,32", "learning_rate=0.001:0.02:log", "moments=f32,q8"):
        assert parse_axis(str(parse_axis(text))) == parse_axis(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("n_embd", "names no values"),
        ("n_embd=", "names no values"),
        ("width=3", "cannot vary"),
        ("n_emb=3", "Did you mean n_embd?"),
        ("n_embd=many", "is not a whole number"),
        ("n_embd=1.5", "whole number"),
        ("n_embd=16,16", "twice"),
        ("learning_rate=nan", "range"),
        ("learning_rate=inf", "range"),
        ("learning_rate=0.1:0.01", "ends below its beginning"),
        ("learning_rate=0:0.01:log", "logarithm"),
        ("learning_rate=1:2:3:4", "not an interval"),
        (f"seed=1:{2**53 + 1}", "would round"),
        ("learning_rate=1:2:exp", "not an interval"),
        ("schedule=quadratic", "linear, cosine, constant"),
        ("block_size=0", "range"),
        ("steps=0", "range 1 to 16,777,216"),
    ],
)
def test_what_is_no_axis(text: str, words: str) -> None:
    with pytest.raises(InvalidValue) as error:
        parse_axis(text)
    assert words in str(error.value)


def test_a_name_counts_once() -> None:
    with pytest.raises(InvalidValue, match="twice"):
        parse_axes(["lr=0.01", "learning_rate=0.02"])


def test_a_grid_has_every_combination_and_no_interval() -> None:
    grid = list(combinations(parse_axes(["n_embd=16,32", "clip=0,1,2"])))
    assert len(grid) == 6
    assert grid[1] == {"n_embd": 16, "clip": 1.0}
    with pytest.raises(InvalidValue, match="interval"):
        combinations(parse_axes(["clip=0:1"]))


# What is kept


def plan(trials: int = 4, **changes: Any) -> SweepPlan:
    made = SweepPlan(
        (NAMES,),
        Dataset.load(NAMES).sha256,
        parse_axes(["n_embd=8,16", "learning_rate=0.001:0.02:log"]),
        trials,
        Settings(steps=40),
    )
    return dataclasses.replace(made, **changes)


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    reading = Reading(window=2, lower=True, dedupe=True)
    for made in (
        plan(),
        plan(prune=True, holdout="10%", sampler=Sampler.RANDOM),
        plan(reading=reading),
    ):
        (tmp_path / "sweep.toml").write_text(made.to_toml())
        assert SweepPlan.read(tmp_path) == made


def test_a_text_is_read_again_as_it_was_at_first(tmp_path: Path) -> None:
    reading = Reading(text=True, window=2, lower=True)
    made = plan(reading=reading, settings=Settings(block_size=8))
    assert load_again(made, tmp_path).documents == Dataset.load(NAMES, reading, 8).documents


def test_a_text_that_is_another_by_now_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"names\.txt is not the text that the sweep"):
        load_again(plan(data_sha256="ab" * 32), tmp_path)


@pytest.mark.parametrize(
    "content", ["", "format = 1", "\x00", "format = 'x'", 'format = 1\nset = ["n_embd=x"]']
)
def test_a_damaged_plan_is_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "sweep.toml").write_text(content)
    with pytest.raises(RunError, match="damaged"):
        SweepPlan.read(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "set = [5]", f"set = [{'[' * 3000}{']' * 3000}]", "set = []", "trials = inf", "trials = -3",
        "trials = 0", "trials = true", "files = []", "files = [5]", "column = 5", "window = 'a'",
        "window = -1", "lower = 1", "prune = 'no'", "data_sha256 = 5", "sampler = 'best'",
        "learning_rate = 1e400", "learning_rate = 1" + 400 * "0", "n_embd = 'wide'", "steps = -1",
    ],
)  # fmt: skip
def test_a_value_that_no_plan_has_is_one_sentence(tmp_path: Path, line: str) -> None:
    name = line.partition(" ")[0]
    whole = plan(reading=Reading(window=2), prune=True).to_toml()
    changed, count = re.subn(rf"^{name} = (\[\n[^\]]*\]|.*)", lambda _: line, whole, flags=re.M)
    assert count == 1
    (tmp_path / "sweep.toml").write_text(changed)
    with pytest.raises(RunError, match="damaged"):
        SweepPlan.read(tmp_path)


def test_a_folder_of_a_sweep_is_made_with_its_plan_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise DiskFull(f"{path} cannot be written: the disk is full.", "Make room.")

    with monkeypatch.context() as fault:
        fault.setattr("ugpt.runs.folder.write_atomically", full)
        with pytest.raises(DiskFull):
            make_sweep_folder(tmp_path / "sweep", plan())
    for odd in ({"folder": tmp_path / "a\udcff"}, {"plan": plan(files=(Path("a\udcff.csv"),))}):
        with pytest.raises(RunError, match="is not UTF-8 text"):
            make_sweep_folder(**{"folder": tmp_path / "sweep", "plan": plan(), **odd})  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
    make_sweep_folder(tmp_path / "sweep", plan())
    assert SweepPlan.read(tmp_path / "sweep") == plan()
    with pytest.raises(RunError, match=r"exists already.*go on with .* sweep --resume \S*sweep"):
        make_sweep_folder(tmp_path / "sweep", plan())


def test_a_plan_of_a_later_format_is_not_called_damaged(tmp_path: Path) -> None:
    later = plan().to_toml().replace("format = 1\n", "format = 2\n")
    (tmp_path / "sweep.toml").write_text(later)
    with pytest.raises(RunError, match=r"of a later version of ugpt\. Update"):
        SweepPlan.read(tmp_path)


def test_contexts_cannot_vary_where_they_cut_the_text() -> None:
    with pytest.raises(InvalidValue, match="different documents"):
        plan(axes=parse_axes(["block_size=8,16"]), reading=Reading(text=True))


def test_a_study_goes_on_with_its_trials(tmp_path: Path) -> None:
    study = SweepStudy.create(tmp_path, plan())
    first, second = study.ask(), study.ask()
    assert first is not None
    assert second is not None
    study.tell(first.number, TrialState.COMPLETE, 2.5)
    again = SweepStudy.open(tmp_path, plan())
    assert [trial.values for trial in again.unfinished()] == [second.values]
    again.tell(second.number, TrialState.COMPLETE, math.inf)
    assert [again.ask() is None for _ in range(3)] == [False, False, True]
    assert [trial.loss for trial in again.trials()][:2] == [2.5, math.inf]
    assert best(again.trials()) == again.trials()[0]


@pytest.mark.parametrize("sampler", [Sampler.RANDOM, Sampler.TPE])
def test_a_study_that_goes_on_chooses_what_it_has_not_chosen(
    tmp_path: Path, sampler: Sampler
) -> None:
    chosen = []
    for _ in range(3):
        trial = SweepStudy.open(tmp_path, plan(sampler=sampler)).ask()
        assert trial is not None
        chosen.append(trial.values["learning_rate"])
    assert len(set(chosen)) == 3


def test_a_grid_makes_each_combination_once(tmp_path: Path) -> None:
    made = plan(axes=parse_axes(["n_embd=8,16", "clip=0,1"]), trials=99, sampler=Sampler.GRID)
    assert made.trials == 4
    study = SweepStudy.create(tmp_path, made)
    asked = []
    while (trial := study.ask()) is not None:
        asked.append(trial.values)
    assert asked == list(combinations(made.axes))


def test_a_grid_begins_however_many_combinations_it_has(tmp_path: Path) -> None:
    """Those that nobody has asked for yet are in no study: writing one down takes milliseconds."""
    axes = parse_axes(["n_embd=8,16", "clip=0,1", "batch=1,2,3"])
    made = plan(axes=axes, trials=99, sampler=Sampler.GRID)
    first = SweepStudy.create(tmp_path, made).ask()
    with sqlite3.connect(tmp_path / "study.db") as database:
        assert database.execute("select count(*) from trials").fetchone() == (1,)
    again = SweepStudy.open(tmp_path, made)
    second = again.ask()
    assert first is not None
    assert second is not None
    assert [first.values, second.values] == list(combinations(axes))[:2]


@pytest.mark.parametrize("lacking", ["", "study_user_attributes", "studies", "everything"])
def test_a_sweep_that_was_killed_at_its_birth_begins(tmp_path: Path, lacking: str) -> None:
    if lacking == "everything":
        (tmp_path / "study.db").touch()
    elif lacking:
        SweepStudy.create(tmp_path, plan())
        with sqlite3.connect(tmp_path / "study.db") as database:
            database.execute(f"delete from {lacking}")
    study = SweepStudy.open(tmp_path, plan())
    assert study.ask() is not None
    assert len(SweepStudy.open(tmp_path, plan()).unfinished()) == 1


@pytest.mark.parametrize("when", ["create_study", "set_user_attr"])
def test_a_kill_leaves_no_part_of_a_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    import optuna

    def kill(*words: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(optuna if when == "create_study" else optuna.Study, when, kill)
        with pytest.raises(KeyboardInterrupt):
            SweepStudy.create(tmp_path, plan())
    assert not (tmp_path / "study.db").exists()
    study = SweepStudy.open(tmp_path, plan())
    assert study.ask() is not None
    assert len(SweepStudy.open(tmp_path, plan()).unfinished()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["study.db"]


@pytest.mark.parametrize("content", [b"", b"no database at all" * 99])
def test_another_file_in_the_place_of_the_study(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "trial-000").mkdir()
    with pytest.raises(RunError, match="lost its study"):
        SweepStudy.open(tmp_path, plan())
    (tmp_path / "study.db").write_bytes(content)
    with pytest.raises(RunError, match=r"study\.db"):
        SweepStudy.open(tmp_path, plan())


def test_a_full_disk_is_no_damaged_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect

    def limited(file: Path, **options: Any) -> sqlite3.Connection:
        database = connect(file, **options)
        database.execute("pragma max_page_count = 10")
        return database

    with monkeypatch.context() as full:
        full.setattr(sqlite3, "connect", limited)
        with pytest.raises(DiskFull, match=r"study\.db cannot .* full\. Make room, then resume"):
            SweepStudy.create(tmp_path, plan())
    assert SweepStudy.open(tmp_path, plan()).ask() is not None


def test_a_full_disk_under_all_that_optuna_wraps_is_none_either(tmp_path: Path) -> None:
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorname = "SQLITE_FULL"
    wrapped = sqlalchemy.exc.OperationalError("INSERT", None, full)
    with pytest.raises(DiskFull, match=r"disk is full\. Make room, then resume"), _stored(tmp_path):
        raise optuna.exceptions.StorageInternalError("it failed") from wrapped


def test_the_study_of_another_sweep_is_refused(tmp_path: Path) -> None:
    SweepStudy.create(tmp_path, plan())
    with pytest.raises(RunError, match="another sweep"):
        SweepStudy.open(tmp_path, plan(holdout="10%"))
    with pytest.raises(RunError, match="another sweep"):
        SweepStudy.open(tmp_path, plan(reading=Reading(lower=True)))
    with sqlite3.connect(tmp_path / "study.db") as database:
        database.execute("update studies set study_name = 'mine'")
    with pytest.raises(RunError, match="another study"):
        SweepStudy.open(tmp_path, plan())


def read_all(folder: Path) -> None:
    study = SweepStudy.open(folder, plan())
    study.unfinished()
    study.trials()
    study.ask()


@pytest.mark.parametrize(
    "damage",
    [
        "update trial_params set distribution_json = 'xx'",
        "update trial_params set param_value = 1700",
        "update trial_values set value = null",
        "update studies set study_name = 'mine'",
        "update trials set state = 'NONE'",
    ],
)
def test_values_of_a_study_that_are_damaged(tmp_path: Path, damage: str) -> None:
    study = SweepStudy.create(tmp_path, plan())
    trial = study.ask()
    assert trial is not None
    study.tell(trial.number, TrialState.COMPLETE, 2.0)
    with sqlite3.connect(tmp_path / "study.db") as database:
        database.execute(damage)
    with pytest.raises(RunError, match=r"study\.db (cannot be used|holds another study)"):
        read_all(tmp_path)


def test_many_values_have_few_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of them would take minutes to draw."""
    from matplotlib.axes import Axes

    counts: list[int] = []
    monkeypatch.setattr(
        Axes, "set_xticks", lambda panel, ticks, *more, **_: counts.append(len(ticks))
    )
    for count in (2, 8, 9, 5000):
        axis = Choices("seed", tuple(range(count)))
        sweep_png(
            Path("nowhere"), "names", [axis], [Trial(0, {"seed": 1}, TrialState.COMPLETE, 2.0)]
        )
    assert [count for count in counts if count] == [2, 8, 5, 8]


def test_the_order_of_a_ranking() -> None:
    trials = [
        Trial(0, {}, TrialState.PRUNED, 1.0),
        Trial(1, {}, TrialState.COMPLETE, 2.0),
        Trial(2, {}, TrialState.FAILED),
        Trial(3, {}, TrialState.COMPLETE, 1.5),
        Trial(4, {}, TrialState.COMPLETE, math.inf),
    ]
    assert [trial.number for trial in ranked(trials)] == [3, 1, 4, 0, 2]
    assert best(trials[:1]) is None


# Boards


class Boards:
    """Virtual boards that can be pulled out."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pulled: set[str] = set()
        self.refusing: dict[str, DeviceError] = {}
        boards = self

        class Followed:
            def __init__(self, target: Target) -> None:
                self.target = target

            def connect(self) -> AbstractAsyncContextManager[Any]:
                return boards.connection(self.target)

        monkeypatch.setattr(conducting, "FollowedTarget", Followed)
        monkeypatch.setattr(retry, "RETRY_DELAYS_S", (0.0,))

    @asynccontextmanager
    async def connection(self, target: Target) -> Any:
        if target.board in self.pulled:
            raise PortLost(target.board, "it was pulled out")
        if target.board in self.refusing:
            raise self.refusing[target.board]
        async with dataclasses.replace(target, board="esp32").connect() as device:
            yield device


async def conducted(
    folder: Path,
    made: SweepPlan,
    boards: int,
    react: Callable[[Conductor, Event], None] = lambda conductor, event: None,
    *,
    resume: bool = False,
    may_overwrite: bool = False,
    port: str | None = None,
) -> list[Trial]:
    async with Target("virtual", flash=IN_MEMORY).connect() as device:
        hello = device.hello
    members = [
        Member(
            name, Target(port) if port else Target("virtual", flash=IN_MEMORY, board=name), hello
        )
        for name in (f"board-{n}" for n in range(boards))
    ]
    study = (SweepStudy.open if resume else SweepStudy.create)(folder, made)
    conductor = Conductor(
        folder,
        made,
        study,
        Dataset.load(NAMES, made.reading, made.settings.block_size),
        members,
        lambda event: react(conductor, event),
        may_overwrite=may_overwrite,
    )
    await conductor.run()
    return study.trials()


async def test_what_was_chosen_for_all_trials_reaches_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Boards(monkeypatch)
    await conducted(tmp_path, plan(2, settings=Settings(steps=2, seed=7)), 1)
    assert [Run.open(trial_folder(tmp_path, n)).config.seed for n in (0, 1)] == [7, 7]


def stop_on_the_way(conductor: Conductor, event: Event) -> None:
    """At the first progress of a trial."""
    if isinstance(event, TrialProgress):
        conductor.request_stop()


async def train_by_hand(port: str, run_id: int) -> None:
    """Leaves a model on the board that is in no run folder."""
    async with Target(port).connect() as device:
        recipe = RecipeOptions(steps=9).recipe()
        await device.create(run_id, Shape(1, 8, 2, 8, 27), recipe, ascii_lowercase)
        await device.init_weights(1)
        await device.documents_write(0, [bytes(4)])
        await device.train(1)
        while (await device.status()).step < 1:
            pass


@pytest.mark.parametrize("later", [5, 6])
async def test_what_comes_onto_a_board_after_the_first_trial_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: int
) -> None:
    """--overwrite is for what is there when the sweep begins; it does not matter which run."""
    ran = 0

    class Disturbed(Training):
        async def run(self) -> Outcome:
            nonlocal ran
            ran += 1
            outcome = await super().run()
            await train_by_hand(port, later)
            return outcome

    monkeypatch.setattr(conducting, "Training", Disturbed)
    async with listening_device("socket", tmp_path / "flash") as port:
        await train_by_hand(port, 5)
        for sweep in ("a", "b"):
            (tmp_path / sweep).mkdir()
        with pytest.raises(WouldOverwrite, match=r"run 00000005"):
            await conducted(tmp_path / "a", plan(2), 1, port=port)
        with pytest.raises(WouldOverwrite, match=f"run 0000000{later}"):
            await conducted(tmp_path / "b", plan(2), 1, port=port, may_overwrite=True)
        async with Target(port).connect() as device:
            assert (await device.status()).run_id == later
    assert ran == 3


async def test_a_trial_of_a_lost_board_goes_on_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boards = Boards(monkeypatch)
    events: list[Event] = []

    def react(conductor: Conductor, event: Event) -> None:
        events.append(event)
        if isinstance(event, TrialStarted) and event.trial.number == 1 and not boards.pulled:
            boards.pulled.add(event.board)

    trials = await conducted(tmp_path, plan(5), 2, react)
    (lost,) = [event for event in events if isinstance(event, BoardLost)]
    assert lost.number == 1
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 5
    assert trials[1].board != lost.board
    ended = [event.trial.number for event in events if isinstance(event, TrialEnded)]
    assert sorted(ended) == list(range(5))
    runs = [Run.open(trial_folder(tmp_path, number)) for number in range(5)]
    assert all(run.metrics.step == 40 for run in runs)


async def test_a_board_that_refuses_what_others_do_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boards = Boards(monkeypatch)
    boards.refusing["board-0"] = BadParams(ErrorCode.BAD_PARAMS, "It never works.")
    events: list[Event] = []
    trials = await conducted(tmp_path, plan(4), 2, lambda conductor, event: events.append(event))
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 4
    assert {trial.board for trial in trials} == {"board-1"}
    (lost,) = [event for event in events if isinstance(event, BoardLost)]
    assert "It never works." in lost.reason


@pytest.mark.parametrize(
    "error",
    [
        Busy(ErrorCode.BUSY, "The trainer is busy."),
        FlashFailed(ErrorCode.FLASH_FAILED, "The flash failed."),
    ],
    ids=["busy", "flash"],
)
async def test_a_board_comes_back_from_what_may_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: DeviceError
) -> None:
    boards = Boards(monkeypatch)
    boards.refusing["board-0"] = error
    events: list[Event] = []

    def react(conductor: Conductor, event: Event) -> None:
        events.append(event)
        if isinstance(event, BoardLost):
            boards.refusing.clear()

    trials = await conducted(tmp_path, plan(4), 2, react)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 4
    assert [type(event) for event in events if isinstance(event, BoardLost | BoardBack)] == [
        BoardLost,
        BoardBack,
    ]


async def test_without_any_board_it_ends_and_can_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boards = Boards(monkeypatch)

    def react(conductor: Conductor, event: Event) -> None:
        if isinstance(event, TrialEnded):
            boards.pulled |= {"board-0", "board-1"}

    with pytest.raises(PortLost):
        await conducted(tmp_path, plan(5), 2, react)
    boards.pulled.clear()
    trials = await conducted(tmp_path, plan(5), 2, resume=True)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 5


async def test_a_trial_whose_folder_is_damaged_or_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Boards(monkeypatch)

    def stop(conductor: Conductor, event: Event) -> None:
        if isinstance(event, TrialStarted):
            conductor.request_stop()

    await conducted(tmp_path, plan(2), 1, stop)
    folder = trial_folder(tmp_path, 0)
    (folder / "config.toml").write_text("")
    with pytest.raises(RunError, match="remove the folder: then the trial is done again"):
        await conducted(tmp_path, plan(2), 1, resume=True)
    shutil.rmtree(folder)
    trials = await conducted(tmp_path, plan(2), 1, resume=True)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 2


@pytest.mark.parametrize("change", [{"steps": 20}, {"learning_rate": 0.5}, {"seed": 5}, {}])
async def test_another_run_in_the_place_of_a_trial_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    Boards(monkeypatch)

    settings = Settings(steps=4000)
    await conducted(tmp_path, plan(2, settings=settings), 1, stop_on_the_way)
    place = trial_folder(tmp_path, 0)
    run = Run.open(place)
    other = run.config
    if change:
        names = {"steps": "total_steps"}
        recipe = {names.get(name, name): value for name, value in change.items() if name != "seed"}
        seed = change.get("seed", other.seed)
        other = dataclasses.replace(
            other, seed=seed, recipe=dataclasses.replace(other.recipe, **recipe)
        )
    (place / "config.toml").write_text(other.to_toml())
    (place / "checkpoint.safetensors").unlink(missing_ok=True)
    again = conducted(tmp_path, plan(2, settings=settings), 1, resume=True)
    if not change:
        assert [trial.state for trial in await again] == [TrialState.COMPLETE] * 2
        return
    with pytest.raises(RunError, match=r"is not the run of trial 0: another (recipe|seed)\. "):
        await again


@pytest.mark.parametrize(
    "changes",
    [
        {
            "settings": Settings(steps=2000, warmup=1500),
            "axes": ["steps=1600,2000", "lr=0.01:1"],
        },
        {"holdout": "10%", "axes": ["moments=q8", "clip=0.1:1"]},
        {"reading": Reading(text=True, lower=True), "axes": ["batch=2", "weight_decay=0:0.3"]},
        {"axes": [f"seed={2**64 - 1}", "n_embd=8:16"], "sampler": Sampler.RANDOM},
    ],
    ids=str,
)
async def test_trials_that_were_stopped_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    """Their folders are what the plan, as it is read again, says of them."""
    Boards(monkeypatch)

    changes["axes"] = parse_axes(changes["axes"])
    made = plan(1, **{"settings": Settings(steps=2000), **changes})
    folder = tmp_path / "sweep"
    make_sweep_folder(folder, made)
    (stopped,) = await conducted(folder, made, 1, stop_on_the_way)
    assert stopped.state is TrialState.RUNNING
    read = SweepPlan.read(folder)
    assert read == made
    (done,) = await conducted(folder, read, 1, resume=True)
    assert done.state is TrialState.COMPLETE


async def test_a_trial_that_diverges_leaves_its_board_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The board keeps steps that are in no folder, but they are those of this very sweep."""

    def react(conductor: Conductor, event: Event) -> None:
        if isinstance(event, TrialProgress) and event.number < 2 and event.step > 0:
            if event.number == 1:
                conductor.request_stop()
            raise NotFinite(ErrorCode.NOT_FINITE, "The loss is no number.")

    monkeypatch.setattr(retry, "RETRY_DELAYS_S", (0.0,))
    async with listening_device("socket", tmp_path / "flash") as port:
        trials = await conducted(tmp_path, plan(3), 1, react, port=port)
        assert [trial.loss for trial in trials] == [math.inf] * 2
        trials = await conducted(tmp_path, plan(3), 1, react, resume=True, port=port)
        assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 3


async def test_a_trial_whose_losses_are_lost_fails_and_the_sweep_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a disk that was full up to the end of the trial."""
    Boards(monkeypatch)
    monkeypatch.setattr(conducting, "objective", lambda run, step: None)
    trials = await conducted(tmp_path, plan(2), 1)
    assert [trial.state for trial in trials] == [TrialState.FAILED] * 2
    assert "losses of its last steps" in trials[0].reason


async def test_what_a_trial_notes_is_told_once_with_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(card: object) -> bytes:
        raise RunError("loss.png could not be drawn: no ink")

    Boards(monkeypatch)
    monkeypatch.setattr("ugpt.training.lifecycle.loss_png", fail)
    events: list[Event] = []
    await conducted(tmp_path, plan(2), 1, lambda conductor, event: events.append(event))
    assert [event for event in events if isinstance(event, Notice)] == [
        Notice("Trial 0 on board-0: loss.png could not be drawn: no ink")
    ]


async def test_it_stops_at_step_boundaries_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Boards(monkeypatch)
    made = plan(3, settings=Settings(steps=60_000, n_embd=8))
    notices: list[str] = []

    def react(conductor: Conductor, event: Event) -> None:
        if isinstance(event, Notice):
            notices.append(event.text)
        if isinstance(event, TrialProgress) and event.step > 0:
            conductor.request_stop()
            conductor.request_stop()

    trials = await conducted(tmp_path, made, 1, react)
    assert [trial.state for trial in trials] == [TrialState.RUNNING]
    assert notices == ["Stopping after the current steps, and saving."]
    run = Run.open(trial_folder(tmp_path, 0))
    assert 0 < (run.saved_step or 0) < 60_000


async def test_a_model_that_fits_no_board_fails_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Boards(monkeypatch)
    made = plan(2, axes=parse_axes(["n_embd=8,512"]), sampler=Sampler.GRID)
    trials = await conducted(tmp_path, made, 2)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE, TrialState.FAILED]
    assert "n-embd" in trials[1].reason


async def test_a_bad_combination_fails_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Boards(monkeypatch)
    made = plan(2, axes=parse_axes(["n_head=3,4"]), sampler=Sampler.GRID)
    trials = await conducted(tmp_path, made, 1)
    assert [trial.state for trial in trials] == [TrialState.FAILED, TrialState.COMPLETE]
    assert "heads" in trials[0].reason


async def test_bad_trials_are_pruned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Boards(monkeypatch)
    made = plan(
        6,
        axes=parse_axes(["learning_rate=0.01,0.011,0.012,0.013,0.0000001,0.014"]),
        sampler=Sampler.GRID,
        prune=True,
        settings=Settings(steps=2000, n_embd=8),
    )
    trials = await conducted(tmp_path, made, 1)
    assert trials[4].state is TrialState.PRUNED
    assert trials[0].state is TrialState.COMPLETE
    assert Run.open(trial_folder(tmp_path, 4)).metrics.step < 2000


# The command


def test_without_optuna_it_says_what_brings_it(
    ugpt: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ugpt.fleet import extras

    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(FleetError):
        SweepStudy.create(ugpt.folder, plan())
    said = ugpt("sweep", "names", "--set", "n_embd=8,16", status=1).err
    assert f"Install it: {install_command(extra='fleet')}" in said


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("names",), 2, "something to vary"),
        ((), 2, "text file"),
        (("-",), 2, "save it as a file"),
        (("names", "--set", "n_embd=8"), 1, "No board"),
        (("names", "--set", "clip=0:1", "--sampler", "grid"), 2, "interval"),
        (("--resume", "nowhere"), 1, "not the folder of a sweep"),
        (("names", "--set", "n_embd=8", "--pace"), 2, "virtual"),
        (("--resume", "nowhere", "--trials", "3"), 2, "decides"),
    ],
)
def test_bad_input(ugpt: Program, arguments: tuple[str, ...], status: int, words: str) -> None:
    assert words in " ".join(ugpt("sweep", *arguments, status=status).err.split())
    assert not Path("sweeps").exists()
