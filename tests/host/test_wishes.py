"""What a person asks of a run on the way: granted at a step boundary, and without a trace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.sessions import STEPS, Session, once
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
from ugpt.training.reporter import page_after
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
        training.request_pause()
        training.request_sample()
        training.request_evaluate()
        training.request_letters()
        training.request_resume()

    sample = once(2500, training.request_sample)
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

    session.on_event = in_turn(once(1000, training.request_pause), look)
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

    session.on_event = in_turn(once(1000, training.request_pause), hear)
    assert await finish(training) is Outcome.STOPPED
    assert len(session.told(Paused)) == 2


async def test_detach_on_the_way(tmp_path: Path) -> None:
    session = Session(tmp_path, steps=20_000)
    training = session.training()
    session.on_event = once(1000, training.request_detach)
    assert await finish(training) is Outcome.DETACHED
    (detached,) = session.told(Detached)
    assert detached is training.detached
    assert isinstance(detached, Detached)
    assert detached.step >= 1000


async def test_nothing_held_out_to_evaluate(tmp_path: Path) -> None:
    session = Session(tmp_path, steps=3000)
    training = session.training()
    session.on_event = once(500, training.request_evaluate)
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
