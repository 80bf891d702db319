"""Train one model on many boards.

Several workers train copies of the model, each on its own part of the text, and every so many steps
their weights are averaged. The number of boards changes how long it takes and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from ...data.report import remarks
from ...errors import UgptError
from ...fleet.errors import NoBoards
from ...fleet.extras import require_extra
from ...fleet.members import Membership, find_members
from ...joint.events import BoardTakenOut
from ...joint.rounds import JointTraining
from ...joint.verification import parse_share
from ...rpc.messages import MomentFormat, Schedule, Shape
from ...runs.config import Joint
from ...runs.folder import Run, require_absent
from ...runs.naming import find_folder
from ...training.events import Notice
from ...training.kept import describe_kept
from ...training.kinds import require_joint
from ...training.new_run import new_run
from ...training.recipe import EvaluationPlan, evaluation, recipe
from ...training.reopen import load_dataset
from ...training.session import Session
from ...training.trainer import Outcome
from ...view.display import Display, Mode
from ...view.joint import make_joint_display
from ...view.output import say
from ...wording import command as command_line
from ..display import output_mode
from ..ending import Status, ending
from ..fleet_options import BoardsFile, PacedBoards, Ports, Virtual, boards_file, check_pace
from ..group import PlainCommand, PlainGroup, examples
from ..numbers import whole_number
from ..options import (
    BlockSize,
    Json,
    NEmbd,
    NHead,
    NLayer,
    Plain,
    given_options,
    run,
)
from ..overwriting import Overwrite
from ..recipe import (
    Batch,
    Clip,
    EvalDocuments,
    EvalEvery,
    Holdout,
    Keep,
    LearningRate,
    Moments,
    MomentsName,
    Recompute,
    ScheduleName,
    ScheduleOption,
    Seed,
    Steps,
    Warmup,
    WeightDecay,
)
from ..run_names import Resume, RunFolder
from ..signals import on_end_signals
from ..texts import (
    Column,
    Dedupe,
    Lower,
    OptionalFiles,
    RunningText,
    Window,
    load_texts,
    reading_of,
    say_all,
)

EXAMPLES = [
    "ugpt fleet train names.txt     # on every board that is plugged in",
    "ugpt fleet train names.txt --workers 4 --sync 1000 --steps 10000 --boards school.toml",
    "ugpt fleet train names.txt --virtual 3 --sync 100 --steps 300     # without a board",
    "ugpt fleet train names.txt --verify 10%     # finds a board that computes wrongly",
    "ugpt fleet train --resume names-20260101-120000",
    "ugpt fleet train names.txt --scheduler tls://lab:8786     # boards of other computers too",
]

_ALLOWED_WITH_RESUME = frozenset(
    (
        "resume",
        "files",
        "ports",
        "boards",
        "virtual",
        "pace",
        "verify",
        "scheduler",
        "overwrite",
        "plain",
        "json",
    )
)
_PANEL = "Joint training"

Workers = Annotated[
    int,
    typer.Option(
        help="Number of workers that train copies of the model. A worker is not a board: any "
        "number of boards does the work of all of them.",
        rich_help_panel=_PANEL,
        **whole_number(1, 65_536),
    ),
]
Sync = Annotated[
    int,
    typer.Option(
        help="Steps of each worker between two averagings: one round.",
        rich_help_panel=_PANEL,
        **whole_number(1),
    ),
]
Verify = Annotated[
    str,
    typer.Option(
        metavar="SHARE",
        help="Do this share of the work twice, on two boards, such as 10%. A board that computes "
        "wrongly is named and taken out.",
        rich_help_panel=_PANEL,
    ),
]
SchedulerAddress = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Use this scheduler of Dask, such as tls://HOST:8786, with all boards that it knows. "
        "Default: one for this run, which nobody else can reach.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]

app = typer.Typer(
    cls=PlainGroup,
    help=__doc__,
    epilog=examples(EXAMPLES),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)


@app.callback()
def _group() -> None:
    """Train one model on many boards."""


@app.command(cls=PlainCommand, epilog=examples(EXAMPLES))
def train(
    context: typer.Context,
    files: OptionalFiles = None,
    steps: Steps = 1000,
    workers: Workers = 4,
    sync: Sync = 1000,
    run_folder: RunFolder = None,
    resume: Resume = None,
    verify: Verify = "0%",
    keep: Keep = 1,
    overwrite: Overwrite = False,
    seed: Seed = 42,
    plain: Plain = False,
    json: Json = False,
    ports: Ports = None,
    boards: BoardsFile = None,
    virtual: Virtual = 0,
    pace: PacedBoards = False,
    scheduler: SchedulerAddress = None,
    learning_rate: LearningRate = 0.01,
    batch: Batch = 1,
    schedule: ScheduleOption = ScheduleName.LINEAR,
    warmup: Warmup = 0,
    weight_decay: WeightDecay = 0.0,
    clip: Clip = 0.0,
    moments: Moments = MomentsName.F32,
    recompute: Recompute = False,
    n_layer: NLayer = 1,
    n_embd: NEmbd = 16,
    n_head: NHead = 4,
    block_size: BlockSize = 16,
    holdout: Holdout = None,
    eval_every: EvalEvery = None,
    eval_documents: EvalDocuments = None,
    column: Column = None,
    running_text: RunningText = False,
    window: Window = None,
    lower: Lower = False,
    dedupe: Dedupe = False,
) -> None:
    """Train one model on many boards.

    --steps counts the steps of one worker: all of them together train on --workers times as many
    documents. Ctrl-C stops after the round and keeps it; --resume continues the run, on any boards.
    """
    require_extra("distributed", "ugpt fleet train")
    mode = output_mode(plain, json)
    check_pace(pace, virtual)
    share = parse_share(verify)
    if resume:
        _refuse_beside_resume(context)
        prepared = Run.open(find_folder(resume))
        require_joint(prepared)
        again = f"{command_line('fleet', 'train', '--resume', resume)} FILE"
        dataset = load_dataset(prepared, files or [], again)
        said: list[str] = []
    else:
        if not files:
            raise typer.BadParameter(
                "give a text file to train on, `names` for the built-in list, or --resume RUN",
                param_hint="FILE",
            )
        if run_folder:
            require_absent(run_folder)
        reading = reading_of(column, running_text, window, lower, dedupe)
        dataset = load_texts(files, reading, block_size, "ugpt fleet train")
        joint = Joint(workers, sync)
        prepared = new_run(
            dataset,
            Shape(n_layer, n_embd, n_head, block_size, dataset.vocabulary.size),
            recipe(
                learning_rate=learning_rate,
                steps=steps,
                batch=batch,
                schedule=Schedule[schedule.name],
                warmup=warmup,
                weight_decay=weight_decay,
                clip=clip,
                moments=MomentFormat[moments.name],
                recompute=recompute,
            ),
            path=run_folder,
            seed=seed,
            evaluation=_between_rounds(
                evaluation(holdout, eval_every, eval_documents, len(dataset.documents), steps),
                joint,
            ),
            keep=keep,
            joint=joint,
        )
        said = remarks(dataset, block_size)
    session = Session(prepared, dataset, lambda event: None, may_overwrite=overwrite)
    wanted = _Boards(ports or (), boards_file(boards), virtual, pace, scheduler)
    outcome = _watch(session, wanted, mode, said, share)
    if outcome is Outcome.STOPPED:
        raise typer.Exit(Status.INTERRUPTED)


@dataclass(frozen=True)
class _Boards:
    """Which boards are wanted."""

    ports: Sequence[str]
    file: Path | None
    virtual: int
    pace: bool
    scheduler: str | None

    async def find(self) -> Membership:
        """With a scheduler there may be none here: others may have brought some."""
        try:
            return await find_members(
                self.ports, boards_file=self.file, virtual=self.virtual, pace=self.pace
            )
        except NoBoards:
            if self.scheduler is None or self.ports or self.file or self.virtual:
                raise
            return Membership((), ())


def _between_rounds(plan: EvaluationPlan, joint: Joint) -> EvaluationPlan:
    """There is one model to evaluate only at the end of a round."""
    return plan._replace(eval_every=joint.rounds(plan.eval_every) * joint.sync)


def _watch(
    session: Session, boards: _Boards, mode: Mode, said: Sequence[str], verify_share: float
) -> Outcome:
    """Trains, and shows it; what was `said` of the text comes first."""
    display = make_joint_display(mode)
    if mode is Mode.JSON:
        for remark in said:
            display.show(Notice(remark))
    else:
        say_all(said)
    shown = replace(session, emit=display.show)
    try:
        outcome = run(_train(shown, boards, display, verify_share))
    except (UgptError, typer.Exit):
        _say_kept(session.run)
        raise
    if outcome is Outcome.STOPPED:
        _say_kept(session.run)
    return outcome


def _say_kept(kept: Run) -> None:
    if kept.exists:
        again = command_line("fleet", "train", "--resume", kept.path)
        say(f"{describe_kept(kept, kept.metrics.step)} Go on with: {again}")


async def _train(
    session: Session, boards: _Boards, display: Display, verify_share: float
) -> Outcome:
    from ...joint.cluster import dask_crew  # Dask takes its time, and is optional

    found = await boards.find()
    async with display:
        for each in found.left_out:
            display.show(BoardTakenOut(each.where, each.reason))
        async with dask_crew(found.members, display.show, boards.scheduler) as crew:
            training = JointTraining(session, crew, verify_share=verify_share)
            with _ending_on_request(training, display):
                return await training.run()


@contextmanager
def _ending_on_request(training: JointTraining, display: Display) -> Iterator[None]:
    """A signal lets the run end after its round; another one gives the round up."""
    task = asyncio.current_task()
    assert task is not None
    asked = False

    def end() -> None:
        nonlocal asked
        if ending.is_repeated():
            return
        if asked:
            task.cancel()
            return
        asked = True
        training.request_stop()
        display.show(Notice("Stopping after this round; Ctrl-C again gives the round up."))

    with on_end_signals(end):
        yield


def _refuse_beside_resume(context: typer.Context) -> None:
    for name, option in given_options(context).items():
        if name not in _ALLOWED_WITH_RESUME:
            raise typer.BadParameter("the run folder decides that; leave it out", param_hint=option)
