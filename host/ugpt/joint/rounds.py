"""A joint run from wherever it stands to its end, round by round.

In a round every worker goes on from the same weights and moments, over documents of its own, and
then they are averaged. A worker is not a board: whichever board is free does its part. So the
weights depend on the number of workers, and neither on the number of boards nor on what becomes of
them.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..concurrency import run_together
from ..data.dataset import positions_of
from ..device.tensors import count_parameters, tensor_shapes
from ..runs.checkpoint import Checkpoint
from ..runs.errors import RunError
from ..runs.rounds_log import RoundsLog
from ..training.events import Finished, History, Notice, StepLosses, Stopped
from ..training.kept import kept_step
from ..training.kinds import require_joint
from ..training.lifecycle import SAMPLES, describe_data, draw_card, last_loss
from ..training.loss_history import TokenCounts
from ..training.room import DiskRoom, Part, tell_restored
from ..training.session import Session
from ..training.trainer import Outcome
from ..training.validation import Validation
from ..wording import counted
from .averaging import average, mean_losses
from .board import Done
from .cost import wire_s
from .crew import Crew
from .errors import NoOtherBoard
from .events import JointStarted, PartDone, RoundDone
from .streams import Streams
from .tasks import Ability, DrawModel, Evaluate, Examine, Model, Trained, TrainPart, WriteTexts
from .verification import is_chosen, verify

_FEWEST_AT_ONCE = 16
"""So many parts of a round are handed out at once, or two for each board if that is more."""


@dataclass
class _Work:
    """What boards have done in a round."""

    done: list[Done[Trained]] = field(default_factory=list)
    """Also what was done twice."""
    wrong: set[str] = field(default_factory=set)
    """Boards found to compute wrongly."""
    verified: int = 0


class JointTraining:
    """One joint run. `request_stop` ends it after the round; the folder is complete then."""

    def __init__(self, session: Session, crew: Crew, *, verify_share: float = 0.0) -> None:
        """`verify_share` of the work is done twice, on two boards.

        Raises RunError if the run is that of a single board.
        """
        config = session.run.config
        joint = require_joint(session.run)
        self._session = session
        self._run = session.run
        self._crew = crew
        self._joint = joint
        self._verify_share = verify_share
        self._emit = session.emit
        self._newest: Checkpoint
        """What the workers have come to together."""
        self.step = 0
        """That of the newest checkpoint, written or not; 0 before the run has begun."""
        self.placed = False
        """Whether the run folder was this program's to write to."""
        self._stop = False
        self._told_alone = False
        self._resumes = session.run.exists
        self._model = Model(
            config.run_id,
            config.shape,
            config.recipe,
            session.vocabulary.characters,
            session.may_overwrite,
        )
        documents = session.split.training
        self._room = DiskRoom(session.emit, "the memory of this computer")
        self._costs = RoundsLog(session.run.path, session.run.require_place)
        self._validation = Validation(session, self._room)
        self._streams = Streams(joint.workers, config.recipe.batch, len(documents))
        # All workers together go through the training order as one with so large a batch.
        self._tokens = TokenCounts(
            documents, config.shape.block_size, config.recipe.batch * joint.workers
        )

    def request_stop(self) -> None:
        """Asks for an end after this round."""
        self._stop = True

    async def run(self) -> Outcome:
        """Trains to the last step. Raises UgptError if that is not possible."""
        started_s = time.monotonic()
        with self._run.alone():
            self.placed = True
            positions = round(
                float(
                    positions_of(self._session.split.training, self._model.shape.block_size).mean()
                )
            )
            abilities = await self._crew.examine(Examine(self._model, positions))
            self._reach(await self._begin())
            self._describe(self._newest.step, [each.value for each in abilities])
            try:
                await self._evaluate(self._newest)  # which an interruption prevented
                while self._newest.step < self._session.total_steps:
                    if self._stop:
                        return self._stopped()
                    await self._round(self._newest)
                await self._finish(self._newest, time.monotonic() - started_s)
                return Outcome.FINISHED
            except BaseException:
                with contextlib.suppress(RunError):
                    self._catch_up()
                raise

    # The beginning

    async def _begin(self) -> Checkpoint:
        run, config = self._run, self._run.config
        checkpoint = run.read_checkpoint(tensor_shapes(config.shape))
        if checkpoint is None:
            checkpoint = (await self._crew.do(DrawModel(self._model, config.seed))).value
        boards = counted(len(self._crew.boards), "board")
        run.begin(f"{counted(self._joint.workers, 'worker')} on {boards}")
        if run.metrics.step < checkpoint.step:
            run.metrics.give_up(checkpoint.step)
            self._emit(Notice("Losses are missing from metrics.jsonl; a gap is left."))
        return checkpoint

    def _describe(self, step: int, abilities: Sequence[Ability]) -> None:
        run, dataset = self._run, self._session.dataset
        parameters = count_parameters(self._model.shape)
        self._emit(
            JointStarted(
                run=run.path,
                data=dataset.path,
                documents=len(dataset.documents),
                boards=self._crew.boards,
                workers=self._joint.workers,
                sync=self._joint.sync,
                parameters=parameters,
                step=step,
                total_steps=self._session.total_steps,
                resumed=self._resumes,
            )
        )
        self._emit(describe_data(self._session))
        if run.metrics.step:
            self._emit(History(run.metrics.losses, run.metrics.val_losses))
        wire = (parameters, self._joint.sync, abilities, self._joint.workers)
        if remark := remark_on_wire(*wire):
            self._emit(Notice(remark))

    # A round

    async def _round(self, begin: Checkpoint) -> None:
        started_s = time.monotonic()
        until = self._joint.next_sync(begin.step, self._session.total_steps)
        work = _Work()
        parts = await self._parts(begin, until, work)
        averaged = average([part.value.checkpoint for part in parts])
        losses = mean_losses([part.value.losses for part in parts])
        tokens = self._tokens.of(begin.step + 1, len(losses))
        self._room.record(self._run.metrics, begin.step + 1, losses, tokens)
        self._reach(averaged)  # it is kept, whatever ends the round from here on
        self._emit(StepLosses(begin.step + 1, losses, tokens))
        with self._room.awaited(Part.CHECKPOINT):
            self._save(averaged)
        self._tell_round(until, losses, work, time.monotonic() - started_s)
        await self._evaluate(averaged)

    def _reach(self, checkpoint: Checkpoint) -> None:
        self._newest = checkpoint
        self.step = checkpoint.step

    async def _parts(self, begin: Checkpoint, until: int, work: _Work) -> list[Done[Trained]]:
        """What each worker has come to; what a board did that computes wrongly is done again."""
        turns = asyncio.Semaphore(max(_FEWEST_AT_ONCE, 2 * len(self._crew.boards)))

        async def train(worker: int) -> Done[Trained]:
            async with turns:  # each task has weights and documents with it
                return await self._part(self._task(worker, begin, until), work)

        workers = range(self._joint.workers)
        parts: list[Done[Trained]] = await run_together(*map(train, workers))
        while again := [worker for worker in workers if parts[worker].board in work.wrong]:
            for worker, part in zip(again, await run_together(*map(train, again)), strict=True):
                parts[worker] = part
        return parts

    def _task(self, worker: int, begin: Checkpoint, until: int) -> TrainPart:
        training = self._session.split.training
        places = self._streams.of_steps(worker, begin.step, until)
        documents = tuple(self._session.encode(training[place]) for place in places)
        return TrainPart(self._model, worker, begin, until, documents)

    async def _part(self, task: TrainPart, work: _Work) -> Done[Trained]:
        done = await self._crew.do(task)
        work.done.append(done)
        if is_chosen(self._verify_share, self._run.config.seed, task):
            done = await self._verified(task, done, work)
        self._emit(PartDone(self._joint.rounds(task.until), task.worker, done.board))
        return done

    async def _verified(self, task: TrainPart, done: Done[Trained], work: _Work) -> Done[Trained]:
        try:
            verdict = await verify(self._crew, task, done)
        except NoOtherBoard:
            if not self._told_alone:
                self._told_alone = True
                self._emit(Notice("Nothing is verified: that takes a second board."))
            return done
        work.done += verdict.all_done[1:]
        work.verified += 1
        if verdict.wrong:
            work.wrong.add(verdict.wrong)
        return verdict.right

    def _tell_round(self, step: int, losses: Sequence[float], work: _Work, round_s: float) -> None:
        boards = len({done.board for done in work.done} | set(self._crew.boards))
        compute_s = sum(done.value.compute_s for done in work.done) / boards
        on_wire_s = sum(done.value.wire_s for done in work.done) / boards
        event = RoundDone(
            round=self._joint.rounds(step),
            rounds=self._joint.rounds(self._session.total_steps),
            step=step,
            total_steps=self._session.total_steps,
            loss=math.fsum(losses) / len(losses),
            boards=boards,
            round_s=round_s,
            compute_s=compute_s,
            wire_s=on_wire_s,
            wait_s=max(round_s - compute_s - on_wire_s, 0.0),
            verified=work.verified,
        )
        values = event.to_json()
        del values["event"]
        with self._room.awaited(Part.COSTS):
            self._costs.record(values)
        self._emit(event)

    # What follows a round

    async def _evaluate(self, checkpoint: Checkpoint) -> None:
        """Evaluates the model if that is due and has not been done."""
        if self._validation.is_due(checkpoint.step):
            task = Evaluate(self._model, checkpoint, self._validation.documents)
            self._validation.record(checkpoint.step, (await self._crew.do(task)).value)

    async def _finish(self, checkpoint: Checkpoint, elapsed_s: float) -> None:
        run, seed = self._run, self._run.config.seed
        texts = (await self._crew.do(WriteTexts(self._model, checkpoint, seed, SAMPLES))).value
        digest = self._save(checkpoint)
        self._costs.flush()
        run.write_samples(texts, "\n" in self._model.vocabulary)
        draw_card(self._session, texts)
        self._emit(
            Finished(
                run=run.path,
                step=checkpoint.step,
                loss=last_loss(run),
                elapsed_s=elapsed_s,
                weights_sha256=digest,
                samples=texts,
                val_loss=run.metrics.val_losses.get(checkpoint.step),
            )
        )

    def _save(self, checkpoint: Checkpoint) -> str:
        """Returns the digest of the weights."""
        with self._run.metrics.flushed():
            digest = self._run.write_checkpoint(checkpoint, self._model.vocabulary)
        tell_restored(self._run.metrics, self._emit)
        return digest

    def _catch_up(self) -> None:
        """Writes what there was no room for. Raises RunError, DiskFull if there is none yet."""
        if self._newest.step > (self._run.saved_step or 0):
            self._save(self._newest)
        self._run.metrics.flush()
        self._costs.flush()

    def _stopped(self) -> Outcome:
        self._catch_up()
        draw_card(self._session, [])
        self._emit(Stopped(self._run.path, self.step, kept_step(self._run)))
        return Outcome.STOPPED


def remark_on_wire(
    parameters: int, sync: int, abilities: Sequence[Ability], workers: int = 1
) -> str:
    """That weights will travel for longer than they are trained, if so; on the slowest line.

    One board without averaging would train the documents of all workers, one after the other.
    """
    known = [each for each in abilities if each.baud and each.step_s]
    if not known:
        return ""
    slowest = max(known, key=lambda each: wire_s(parameters, each.baud) - sync * each.step_s)
    on_wire_s, compute_s = wire_s(parameters, slowest.baud), sync * slowest.step_s
    if on_wire_s <= compute_s:
        return ""
    better = math.ceil(on_wire_s / slowest.step_s)
    turns = math.ceil(workers / len(abilities))
    verdict = "fewer boards may be as fast"
    if turns * (on_wire_s + compute_s) >= workers * compute_s:
        verdict = "that is slower than one board alone"
    return (
        f"In a round weights and moments travel for {on_wire_s:.2g} s and are trained for "
        f"{compute_s:.2g} s: {verdict}. Choose --sync {better} or more."
    )
