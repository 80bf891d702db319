"""What a person asks of a run on the way: granted at a step boundary, and without a trace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import AsyncMock, Mock

import pytest

from tests.host.test_placing import DATASET
from tests.host.test_runs import CONFIG, SHAPE
from tests.support.peer import HELLO
from tests.support.sessions import STEPS, Session, once
from tests.support.virtual_time import leaping
from ugpt import Device, ModelInfo, Sampled
from ugpt.device.results import TokenEvaluation
from ugpt.runs.config import Init
from ugpt.runs.folder import Run
from ugpt.runs.plot import TEXTS
from ugpt.runs.save_period import SavePeriod
from ugpt.training import saving
from ugpt.training import session as training_session
from ugpt.training.detach import Detached
from ugpt.training.events import (
    Evaluated,
    Event,
    LetterLosses,
    Notice,
    Paused,
    Preview,
    Progress,
    Restored,
    Resumed,
    Stopped,
)
from ugpt.training.letters import Letters
from ugpt.training.lifecycle import texts_for_card
from ugpt.training.reporter import ProgressReporter, page_after
from ugpt.training.trainer import Outcome, Training
from ugpt.training.wishes import Wish, Wishes


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A run that nobody asked anything of."""
    session = Session(tmp_path_factory.mktemp("straight"), validation_documents=500)
    asyncio.run(session.train())
    return session


async def finish(training: Training) -> Outcome:
    async with asyncio.timeout(60):
        return await training.run()


def in_turn(*hears: Callable[[Event], object]) -> Callable[[Event], None]:
    def hear(event: Event) -> None:
        for one in hears:
            one(event)

    return hear


async def test_everything_asked_for_leaves_the_same_bits(tmp_path: Path, straight: Session) -> None:
    session = Session(tmp_path, validation_documents=500)
    training = session.training()

    def ask() -> None:
        training.request(Wish.PAUSE)
        training.request(Wish.SAMPLE)
        training.request(Wish.EVALUATE)
        training.request(Wish.LETTERS)
        training.request(Wish.RESUME)

    sample = once(2500, partial(training.request, Wish.SAMPLE))
    session.on_event = in_turn(once(700, ask), sample, once(4000, ask))
    assert await finish(training) is Outcome.FINISHED
    assert len(session.told(Paused)) == len(session.told(Resumed)) == 2
    assert len(session.told(Evaluated)) == 2 + len(straight.told(Evaluated))
    assert len(session.told(Preview)) == 3 + len(straight.told(Preview))
    (letters, _) = session.told(LetterLosses)
    assert isinstance(letters, LetterLosses)
    assert {"", "a", "e"} <= set(letters.losses)
    assert all(0 < loss < 20 for loss in letters.losses.values())
    assert session.digest == straight.digest
    assert session.metrics.read_bytes() == straight.metrics.read_bytes()


async def test_pause_holds_until_it_is_taken_back(tmp_path: Path) -> None:
    session = Session(tmp_path, steps=200_000)
    training = session.training()
    stood: list[int] = []

    def look(event: Event) -> None:
        if isinstance(event, Paused):
            stood.append(event.step)
        elif stood and isinstance(event, Progress):
            assert event.step == stood[0]
            training.request_stop()

    session.on_event = in_turn(once(1000, partial(training.request, Wish.PAUSE)), look)
    assert await finish(training) is Outcome.STOPPED
    (stopped,) = session.told(Stopped)
    assert isinstance(stopped, Stopped)
    assert [stopped.step] == [stopped.saved_step] == stood


async def test_pause_outlives_a_restart_of_the_device(tmp_path: Path) -> None:
    session = Session(tmp_path, steps=20_000)
    training = session.training()
    tasks = []

    def hear(event: Event) -> None:
        if isinstance(event, Paused):
            if session.told(Restored):
                training.request_stop()
            else:
                assert session.device is not None
                tasks.append(asyncio.create_task(session.device.reset()))

    session.on_event = in_turn(once(1000, partial(training.request, Wish.PAUSE)), hear)
    assert await finish(training) is Outcome.STOPPED
    assert len(session.told(Paused)) == 2


async def test_detach_on_the_way(tmp_path: Path) -> None:
    session = Session(tmp_path, steps=20_000)
    training = session.training()
    session.on_event = once(1000, partial(training.request, Wish.DETACH))
    assert await finish(training) is Outcome.DETACHED
    (detached,) = session.told(Detached)
    assert detached is training.detached
    assert isinstance(detached, Detached)
    assert detached.step >= 1000


async def test_nothing_held_out_to_evaluate(tmp_path: Path) -> None:
    session = Session(tmp_path, steps=3000)
    training = session.training()
    session.on_event = once(500, partial(training.request, Wish.EVALUATE))
    assert await finish(training) is Outcome.FINISHED
    (notice,) = session.told(Notice)
    assert isinstance(notice, Notice)
    assert "--holdout" in notice.text


def test_pages_of_the_diary(straight: Session) -> None:
    pages = [event.step for event in straight.told(Preview) if isinstance(event, Preview)]
    assert pages == [0, 10, 100, 600, 1000, *range(1200, STEPS + 1, 600)]
    assert page_after(10_000, 2_000_000) == 100_000
    assert [page_after(step, 5) for step in range(5)] == [1, 2, 3, 4, 5]
    (first, *_) = straight.told(Preview)
    assert isinstance(first, Preview)
    assert len(first.known) == len(first.texts) > 0


async def test_queue_of_wishes() -> None:
    wishes = Wishes()
    assert wishes.take() is None
    for wish in (Wish.SAMPLE, Wish.PAUSE, Wish.SAMPLE, Wish.STOP):
        wishes.ask(wish)
    assert wishes.arrived.is_set()
    assert [wishes.take() for _ in range(4)] == [Wish.STOP, Wish.SAMPLE, Wish.PAUSE, None]
    assert not wishes.arrived.is_set()
    assert wishes.stop.is_set()


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def session(tmp_path: Path, told: list[Event]) -> training_session.Session:
    """A run whose documents are `abc`, `de` and `cab`, the last in training order held out."""
    run = Run.new(tmp_path / "run", replace(CONFIG, init=Init.DEVICE, validation_documents=1))
    return training_session.Session(run, DATASET, told.append)


def writer() -> AsyncMock:
    """A board that writes `a` as every text."""
    board = AsyncMock(spec=Device)
    board.hello = HELLO
    board.model_info.return_value = ModelInfo(CONFIG.run_id, SHAPE, CONFIG.recipe, 5, 0)
    board.vocabulary.return_value = "abcde"
    board.sample.return_value = Sampled(b"\0", ended=True)
    return board


def drawn(board: AsyncMock) -> list[tuple[int, int]]:
    """Seed and number of the texts since the last look, in order."""
    asked = [call.args[:2] for call in board.sample.mock_calls]
    board.sample.reset_mock()
    return asked


async def test_each_page_that_is_asked_for_has_other_texts(
    session: training_session.Session, told: list[Event]
) -> None:
    board, seed = writer(), CONFIG.seed
    reporter = ProgressReporter(board, session, 0, Mock())
    pages: list[list[tuple[int, int]]] = []
    for turn in (reporter.keep_diary, reporter.sample_now, reporter.sample_now):
        await turn(0)
        pages.append(drawn(board))
    assert pages == [[(seed, first + n) for n in range(8)] for first in (0, 1000, 1008)]
    assert told == [Preview(0, ["a"] * 8, [False] * 8)] * 3


async def test_the_texts_on_the_picture_are_those_of_the_seed(
    session: training_session.Session,
) -> None:
    board = writer()
    assert await texts_for_card(board, session) == ["a"] * TEXTS
    assert drawn(board) == [(CONFIG.seed, number) for number in range(TEXTS)]


@pytest.mark.parametrize("held_out", [0, 1])
async def test_characters_are_measured_on_what_is_held_out_if_anything_is(
    session: training_session.Session, told: list[Event], held_out: int
) -> None:
    session.run.config = replace(session.run.config, validation_documents=held_out)
    measured = list(session.split.validation or session.split.training)
    assert len(measured) == (held_out or 3)
    board = writer()
    board.evaluate_tokens.side_effect = lambda documents: TokenEvaluation(
        7, tuple((1.0,) * (len(document) + 1) for document in documents)
    )
    await Letters(session).measure(board, 7)
    board.evaluate_tokens.assert_awaited_once_with([session.encode(text) for text in measured])
    assert told == [LetterLosses(7, dict.fromkeys([*"".join(measured), ""], 1.0))]


@leaping
async def test_at_least_nine_parts_of_ten_of_the_time_go_to_training(
    session: training_session.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def save(*_: object) -> None:
        await asyncio.sleep(20.0)

    monkeypatch.setattr(saving, "save_run", save)
    session.run.config = replace(session.run.config, save_every=SavePeriod(seconds=60))
    wishes = Wishes()
    saver = saving.Saver(session, wishes)
    with saver.timed():
        await saver.save(AsyncMock(spec=Device), 7)
        await asyncio.sleep(9 * 20.0 - 1)
        assert wishes.take() is None
        await asyncio.sleep(2)
        assert wishes.take() is Wish.SAVE
