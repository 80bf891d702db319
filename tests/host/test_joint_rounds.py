from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import json
import shutil
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import AsyncMock, Mock

import msgpack
import pytest

import ugpt
from tests.host.test_runs import SHAPE, checkpoint
from tests.support.crew import VIRTUAL, LocalCrew, local_crew
from tests.support.devices import listening_device
from tests.support.disk import Disk
from tests.support.faults import proxy_of
from tests.support.lying_device import RequestSide
from ugpt import Recipe, Shape, Target
from ugpt.data.dataset import Dataset
from ugpt.device.client import Device
from ugpt.errors import InvalidValue
from ugpt.fleet.errors import NoBoards
from ugpt.joint import board as joint_board
from ugpt.joint.board import Done
from ugpt.joint.errors import JointError
from ugpt.joint.events import JointStarted, PartDone, RoundDone
from ugpt.joint.rounds import JointTraining
from ugpt.joint.tasks import Evaluate, Model, Task, Trained, TrainPart, WriteTexts
from ugpt.joint.verification import digest as digest_of
from ugpt.joint.verification import is_chosen, parse_share
from ugpt.rpc.errors import NotFinite, PortLost
from ugpt.rpc.frames import Frame, FrameDecoder, encode_frame
from ugpt.rpc.messages import ErrorCode
from ugpt.runs import rounds_log
from ugpt.runs.config import Joint
from ugpt.runs.errors import DiskFull, RunError
from ugpt.runs.folder import Run
from ugpt.training.events import Evaluated, Event, Finished, Notice, Stopped
from ugpt.training.new_run import new_run
from ugpt.training.options import RecipeOptions
from ugpt.training.recipe import EvaluationPlan
from ugpt.training.session import Session
from ugpt.training.trainer import Outcome

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("undrawn")]

NAMES = Path(__file__).parents[2] / "data" / "names.txt"
STEPS = 30

T = TypeVar("T")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return Dataset.load(NAMES)


class Joined:
    """A joint run in a folder, on as many boards as it is given."""

    def __init__(self, folder: Path, dataset: Dataset, **recipe_values: Any) -> None:
        self.folder = folder
        self.dataset = dataset
        self.events: list[Event] = []
        self.on_event: Callable[[Event], None] = lambda event: None
        self.recipe: Recipe = RecipeOptions(**{"steps": STEPS, **recipe_values}).recipe()
        self.joint = Joint(4, 10)
        self.evaluation = EvaluationPlan(0, 0, 0)
        self.training: JointTraining | None = None

    async def train(
        self, boards: LocalCrew, *, share: float = 0.0, may_overwrite: bool = False
    ) -> Outcome:
        path = self.folder / "run"
        if path.exists():
            run = Run.open(path)
        else:
            shape = Shape(1, 8, 2, 8, self.dataset.vocabulary.size)
            run = new_run(
                self.dataset, shape, self.recipe, path=path, evaluation=self.evaluation,
                joint=self.joint,
            )  # fmt: skip
        session = Session(run, self.dataset, self._hear, may_overwrite=may_overwrite)
        self.training = JointTraining(session, boards, verify_share=share)
        async with asyncio.timeout(60.0):
            return await self.training.run()

    async def on(self, boards: int, *, share: float = 0.0) -> str:
        """The digest of the run on so many virtual boards."""
        async with local_crew(boards) as crew:
            assert await self.train(crew, share=share) is Outcome.FINISHED
        return self.digest

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        self.on_event(event)

    @property
    def digest(self) -> str:
        return (self.folder / "run" / "weights.sha256").read_text()

    @property
    def losses(self) -> list[float]:
        lines = (self.folder / "run" / "metrics.jsonl").read_text().splitlines()
        return [json.loads(line)["loss"] for line in lines]

    def told(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if type(event) is kind]


@pytest.fixture
def joined(tmp_path: Path, dataset: Dataset) -> Joined:
    return Joined(tmp_path, dataset)


@pytest.fixture(scope="module")
def digest(tmp_path_factory: pytest.TempPathFactory, dataset: Dataset) -> str:
    """Of the standard joint run of these tests, on one board."""
    return asyncio.run(Joined(tmp_path_factory.mktemp("one"), dataset).on(1))


@pytest.mark.parametrize("boards", [2, 3, 5])
async def test_the_number_of_boards_changes_no_bit(
    joined: Joined, digest: str, boards: int
) -> None:
    assert await joined.on(boards) == digest
    assert len(joined.losses) == STEPS
    assert [event.step for event in joined.told(RoundDone)] == [10, 20, 30]
    assert len(joined.told(PartDone)) == 3 * 4


async def test_the_number_of_workers_changes_the_weights(joined: Joined, digest: str) -> None:
    joined.joint = Joint(3, 10)
    assert await joined.on(2) != digest


@pytest.mark.parametrize("values", [{}, {"batch": 3, "moments": ugpt.MomentFormat.Q8}])
async def test_one_worker_is_a_run_on_one_board(
    tmp_path: Path, dataset: Dataset, values: dict[str, Any]
) -> None:
    joined = Joined(tmp_path, dataset, **values)
    joined.joint = Joint(1, 7)  # the last round is shorter
    joint_digest = await joined.on(1)
    plain = await ugpt.atrain(
        dataset, VIRTUAL, path=tmp_path / "plain", steps=STEPS, n_embd=8, n_head=2, block_size=8,
        **values,
    )  # fmt: skip
    assert joint_digest == (plain.path / "weights.sha256").read_text()
    plain_metrics = (plain.path / "metrics.jsonl").read_text()
    assert (tmp_path / "run" / "metrics.jsonl").read_text() == plain_metrics
    assert (tmp_path / "run" / "samples.txt").read_text() == (
        plain.path / "samples.txt"
    ).read_text()


async def test_a_run_that_was_stopped_goes_on_with_the_same_bits(
    joined: Joined, digest: str
) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, RoundDone) and event.round == 2:
            assert joined.training is not None
            joined.training.request_stop()

    joined.on_event = stop
    async with local_crew(2) as crew:
        assert await joined.train(crew) is Outcome.STOPPED
    assert Run.open(joined.folder / "run").saved_step == 20
    joined.on_event = lambda event: None
    assert await joined.on(3) == digest
    assert len(joined.losses) == STEPS


async def test_a_run_that_stops_tells_the_step_of_its_checkpoint(joined: Joined) -> None:
    """Losses are ahead of it if the process was killed between the two."""
    run = joined.folder / "run"

    def stop(event: Event) -> None:
        if isinstance(event, JointStarted | RoundDone):
            assert joined.training is not None
            joined.training.request_stop()

    joined.on_event = stop
    async with local_crew(1) as crew:
        await joined.train(crew)  # stopped before its first round
        joined.on_event = lambda event: stop(event) if isinstance(event, RoundDone) else None
        await joined.train(crew)
        shutil.copytree(run, joined.folder / "before")
        await joined.train(crew)
        shutil.copy(run / "metrics.jsonl", joined.folder / "before")
        shutil.rmtree(run)
        (joined.folder / "before").rename(run)
        joined.on_event = stop
        await joined.train(crew)
    assert len(joined.losses) == 20
    told = [(event.step, event.saved_step) for event in joined.told(Stopped)]
    assert told == [(0, None), (10, 10), (20, 20), (10, 10)]
    assert joined.training is not None
    assert joined.training.step == 10


async def test_a_round_that_was_given_up_is_done_again(joined: Joined, digest: str) -> None:
    def give_up(event: Event) -> None:
        if isinstance(event, PartDone) and event.round == 2:
            raise asyncio.CancelledError

    joined.on_event = give_up
    with pytest.raises(asyncio.CancelledError):
        async with local_crew(2) as crew:
            await joined.train(crew)
    joined.on_event = lambda event: None
    assert await joined.on(1) == digest


@pytest.mark.parametrize("full", [0, errno.ENOSPC])
async def test_a_round_is_kept_that_cannot_be_evaluated(
    joined: Joined, disk: Disk, full: int
) -> None:
    class Deserting(LocalCrew):
        async def do(self, task: Task[T], *, but_not: Collection[str] = ()) -> Done[T]:
            if isinstance(task, Evaluate) and task.checkpoint.step == 20:
                disk.full = 0
                raise NoBoards("none left")
            return await super().do(task, but_not=but_not)

    def fill(event: Event) -> None:
        if isinstance(event, PartDone) and event.round == 2:
            disk.full = full

    joined.on_event = fill
    joined.evaluation = EvaluationPlan(50, 10, 50)
    async with local_crew(2, Deserting) as crew:
        with pytest.raises(NoBoards):
            await joined.train(crew)
    assert Run.open(joined.folder / "run").saved_step == len(joined.losses) == 20
    joined.on_event = lambda event: None
    resumed = await joined.on(1)
    shutil.rmtree(joined.folder / "run")
    assert await joined.on(1) == resumed


# A full disk


async def test_a_full_disk_does_not_end_it(joined: Joined, disk: Disk) -> None:
    def fill(event: Event) -> None:
        if isinstance(event, RoundDone) and event.round == 1:
            disk.full = errno.ENOSPC
        if isinstance(event, PartDone) and event.round == 3:
            disk.full = 0

    joined.on_event = fill
    joined.evaluation = EvaluationPlan(50, 20, 50)
    assert await joined.on(2)
    told = [event.text for event in joined.told(Notice)]
    assert len(told) == 2
    assert "disk is full. The run goes on in the memory of this computer" in told[0]
    assert told[1] == "There is room again, and nothing is missing."
    assert len(joined.losses) == STEPS
    run = Run.open(joined.folder / "run")
    assert list(run.metrics.val_losses) == [20, 30]
    rounds = (run.path / "rounds.jsonl").read_text().splitlines()
    assert [json.loads(line)["round"] for line in rounds] == [1, 2, 3]


async def test_a_disk_that_stays_full_ends_it_with_what_was_there(
    joined: Joined, digest: str, disk: Disk
) -> None:
    def fill(event: Event) -> None:
        if isinstance(event, RoundDone):
            disk.full = errno.ENOSPC

    joined.on_event = fill
    async with local_crew(2) as crew:
        with pytest.raises(DiskFull):
            await joined.train(crew)
    assert Run.open(joined.folder / "run").saved_step == len(joined.losses) == 10
    joined.on_event, disk.full = lambda event: None, 0
    assert await joined.on(1) == digest


@pytest.mark.parametrize("given_up", [False, True])
async def test_what_there_was_no_room_for_is_written_at_the_end(
    joined: Joined, disk: Disk, given_up: bool
) -> None:
    def fill(event: Event) -> None:
        if isinstance(event, RoundDone):
            disk.full = errno.ENOSPC if event.round == 1 else 0
            if event.round == 2 and not given_up:
                assert joined.training is not None
                joined.training.request_stop()
        if isinstance(event, PartDone) and event.round == 3:
            raise asyncio.CancelledError

    joined.on_event = fill
    async with local_crew(2) as crew:
        with pytest.raises(asyncio.CancelledError) if given_up else contextlib.nullcontext():
            assert await joined.train(crew) is Outcome.STOPPED
    assert Run.open(joined.folder / "run").saved_step == len(joined.losses) == 20


async def test_what_the_last_round_has_cost_is_written_once_there_is_room(
    joined: Joined, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, turns = rounds_log.append_whole, itertools.count(1)

    def append(path: Path, content: bytes) -> None:
        if next(turns) == 3:
            raise DiskFull("The disk is full.")
        plain(path, content)

    monkeypatch.setattr(rounds_log, "append_whole", append)
    await joined.on(2)
    lines = (joined.folder / "run" / "rounds.jsonl").read_text().splitlines()
    assert [json.loads(line)["round"] for line in lines] == [1, 2, 3]


async def test_rounds_tell_where_their_time_went(joined: Joined) -> None:
    await joined.on(2)
    lines = (joined.folder / "run" / "rounds.jsonl").read_text().splitlines()
    rounds = [json.loads(line) for line in lines]
    assert [each["round"] for each in rounds] == [1, 2, 3]
    for each in rounds:
        parts = each["compute_s"] + each["wire_s"] + each["wait_s"]
        assert parts == pytest.approx(each["round_s"])
        assert each["boards"] == 2


async def test_documents_held_out_are_evaluated_between_rounds(joined: Joined) -> None:
    joined.evaluation = EvaluationPlan(50, 20, 50)
    await joined.on(2)
    assert [event.step for event in joined.told(Evaluated)] == [20, 30]
    (finished,) = joined.told(Finished)
    val_losses = Run.open(joined.folder / "run").metrics.val_losses
    assert finished.val_loss == val_losses[30]
    assert val_losses[20] != val_losses[30]


async def test_a_run_on_one_device_is_no_joint_run(tmp_path: Path, dataset: Dataset) -> None:
    shape = Shape(1, 8, 2, 8, dataset.vocabulary.size)
    run = new_run(dataset, shape, RecipeOptions(steps=5).recipe(), path=tmp_path / "run")
    session = Session(run, dataset, lambda event: None)
    async with local_crew(1) as crew:
        with pytest.raises(RunError, match="a run on one device"):
            JointTraining(session, crew)


# Boards that cannot take part


async def test_a_board_with_weights_that_are_nowhere_else_is_left_out(
    joined: Joined, digest: str, tmp_path: Path
) -> None:
    async with listening_device("socket", tmp_path / "flash") as port:
        async with Target(port).connect() as device:
            await train_alone(device)
        targets = {"busy": Target(port), "free": VIRTUAL}
        async with local_crew(targets) as crew:
            await joined.train(crew)
        assert "saved in no run folder" in crew.taken_out["busy"]
        assert joined.digest == digest
        async with Target(port).connect() as device:
            assert (await device.status()).run_id == 7
        async with local_crew({"busy": Target(port)}) as crew:
            await Joined(tmp_path / "again", joined.dataset).train(crew, may_overwrite=True)


async def train_alone(device: Device) -> None:
    """Leaves a model on the device whose weights no run folder has."""
    await device.create(7, Shape(1, 8, 2, 8, 27), Recipe(0.01, 0.85, 0.99, 1e-8, 5), "abc")
    await device.documents_write(0, [b"\x01"])
    await device.train(1)
    while (await device.status()).step < 1:
        await device.ping()
    await device.pause()


@pytest.mark.parametrize("others", [{}, {"another": VIRTUAL}])
async def test_what_is_left_on_a_board_may_be_overwritten(
    joined: Joined, tmp_path: Path, others: dict[str, Target]
) -> None:
    """Another has the end of the run to itself."""
    async with listening_device("socket", tmp_path / "flash") as port:
        async with local_crew({"board": Target(port), **others}) as crew:
            await joined.train(crew)
        (*_, last) = (task for name, task in crew.tasks if name == "board")
        assert isinstance(last, TrainPart if others else WriteTexts)
        async with Target(port).connect() as device:
            assert not (await device.status()).unsaved


async def test_a_model_too_large_is_told_with_what_fits(tmp_path: Path, dataset: Dataset) -> None:
    joined = Joined(tmp_path, dataset)
    shape = Shape(4, 64, 4, 16, dataset.vocabulary.size)
    run = new_run(dataset, shape, joined.recipe, path=tmp_path / "run", joint=joined.joint)
    async with local_crew(2) as crew:
        training = JointTraining(Session(run, dataset, joined.events.append), crew)
        with pytest.raises(NoBoards, match=r"more memory than .* --n-embd"):
            await training.run()
    assert not (tmp_path / "run").exists()


async def test_a_loss_that_is_no_number_is_no_fault_of_a_board(
    joined: Joined, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Device.status

    async def status(device: Device) -> Any:
        found = await asked(device)
        return replace(found, error=ErrorCode.NOT_FINITE) if found.step >= 5 else found

    monkeypatch.setattr(Device, "status", status)
    async with local_crew(2) as crew:
        with pytest.raises(JointError, match="not a number") as told:
            await joined.train(crew)
    assert not crew.taken_out
    assert not isinstance(told.value, NotFinite)


# Verification


class WrongDocuments(RequestSide):
    """To a device that learns from other documents than it is sent, from a step on."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self._frames = FrameDecoder()
        self._first = first

    def pass_on(self, data: bytes) -> list[bytes]:
        return [self._changed(piece) for piece in self._frames.feed(data)]

    def _changed(self, piece: Any) -> bytes:
        if not isinstance(piece, Frame) or piece.body.startswith(b"ugpt?"):
            return encode_frame(piece.body) if isinstance(piece, Frame) else b""
        message = msgpack.unpackb(piece.body)
        if message[2] == "documents_write" and message[3][0] >= self._first:
            message[3][1][0] = message[3][1][0][::-1] + b"\x01"
        return encode_frame(msgpack.packb(message, use_single_float=True))


class Unchanged:
    def pass_on(self, data: bytes) -> list[bytes]:
        return [data]

    def is_late(self) -> bool:
        return False


@pytest.mark.parametrize("wrong", ["board-a", "board-c"])
@pytest.mark.parametrize("first", [0, 20])
async def test_a_board_that_computes_wrongly_is_named_and_taken_out(
    joined: Joined, digest: str, tmp_path: Path, wrong: str, first: int
) -> None:
    async with (
        listening_device("socket", tmp_path / "flash") as port,
        proxy_of(port, (WrongDocuments(first), Unchanged())) as line,
    ):
        targets = dict.fromkeys(["board-a", "board-b", "board-c"], VIRTUAL)
        async with local_crew({**targets, wrong: Target(line.address)}) as crew:
            await joined.train(crew, share=1.0)
    assert crew.taken_out.keys() == {wrong}
    assert "computes wrongly" in crew.taken_out[wrong]
    assert joined.digest == digest


async def test_two_boards_that_disagree_end_the_run(joined: Joined, tmp_path: Path) -> None:
    async with (
        listening_device("socket", tmp_path / "flash") as port,
        proxy_of(port, (WrongDocuments(0), Unchanged())) as line,
    ):
        targets = {"board-a": VIRTUAL, "board-b": Target(line.address)}
        async with local_crew(targets) as crew:
            with pytest.raises(JointError, match=r"board-[ab] and board-[ab] came to different"):
                await joined.train(crew, share=1.0)


async def test_one_board_alone_is_not_verified(joined: Joined, digest: str) -> None:
    assert await joined.on(1, share=1.0) == digest
    assert len([each for each in joined.told(Notice) if "second board" in each.text]) == 1


async def test_a_share_of_the_work_is_done_twice(joined: Joined, digest: str) -> None:
    async with local_crew(2) as crew:
        await joined.train(crew, share=0.3)
    parts = [(task.worker, task.until) for _, task in crew.tasks if isinstance(task, TrainPart)]
    twice = sorted(part for part in set(parts) if parts.count(part) == 2)
    assert 0 < len(twice) < 12
    assert sum(event.verified for event in joined.told(RoundDone)) == len(twice)
    assert joined.digest == digest


def test_which_work_is_done_twice_is_a_function_of_the_run(dataset: Dataset) -> None:
    class Part:
        def __init__(self, worker: int, step: int) -> None:
            self.worker = worker
            self.begin = self
            self.step = step

    parts: list[Any] = [Part(worker, step) for worker in range(50) for step in range(0, 200, 10)]
    chosen = [is_chosen(0.1, 42, part) for part in parts]
    assert chosen == [is_chosen(0.1, 42, part) for part in parts]
    assert 60 < sum(chosen) < 140
    assert chosen != [is_chosen(0.1, 43, part) for part in parts]
    assert not any(is_chosen(0.0, 42, part) for part in parts)
    assert all(is_chosen(1.0, 42, part) for part in parts)


@pytest.mark.parametrize("part", ["weights", "first_moment", "second_moment", "losses"])
def test_boards_agree_only_if_every_number_is_the_same(part: str) -> None:
    one, other = (Trained(checkpoint(30), [2.0, 3.0], 1.0, 1.0) for _ in range(2))
    assert digest_of(one) == digest_of(replace(other, compute_s=2.0, wire_s=2.0))
    if part == "losses":
        other = replace(other, losses=[2.0, 3.5])
    else:
        list(getattr(other.checkpoint, part).values())[-1][-1, -1] += 1
    assert digest_of(one) != digest_of(other)


def test_a_vocabulary_is_planned_with_its_bytes() -> None:
    model = Model(7, SHAPE, RecipeOptions().recipe(), "aé名")
    assert model.vocabulary_bytes == 6


async def test_a_board_that_was_lost_for_a_moment_is_opened_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[int] = []
    closed: list[int] = []

    class Followed:
        def __init__(self, target: Target) -> None:
            pass

        @contextlib.asynccontextmanager
        async def connect(self) -> AsyncIterator[Any]:
            opened.append(len(opened))
            device = AsyncMock(spec=Device)
            device.until_restart = Mock(return_value=len(opened))
            yield device
            closed.append(len(closed))

    class Unlucky:
        async def on(self, device: Any) -> str:
            if device == 1:
                raise PortLost("board", "the device is gone")
            return "done"

    monkeypatch.setattr(joint_board, "FollowedTarget", Followed)
    monkeypatch.setattr(joint_board, "_RETRY_DELAYS_S", (0.0,))
    board = joint_board.Board("board-a", VIRTUAL)
    assert await board.attempt(Unlucky()) == Done("board-a", "done")
    assert (opened, closed) == ([0, 1], [0])
    await board.close()
    assert closed == [0, 1]


def test_shares() -> None:
    assert parse_share("10%") == 0.1
    assert parse_share("0%") == 0.0
    for wrong in ("10", "101%", "-1%", "nan%", "ten%", "%"):
        with pytest.raises(InvalidValue, match="is not a share"):
            parse_share(wrong)
