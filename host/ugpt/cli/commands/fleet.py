"""Train one model on many boards.

Several workers train copies of the model, each on its own part of the text, and every so many steps
their weights are averaged. The number of boards changes how long it takes and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated

import typer

from ...data.report import remarks
from ...errors import UgptError
from ...fleet.errors import NoBoards
from ...fleet.extras import require_extra
from ...fleet.members import Membership
from ...joint.addresses import require_safe
from ...joint.events import BoardTakenOut
from ...joint.rounds import JointTraining
from ...joint.verification import parse_share
from ...runs.config import COUNT_MAX, WORKERS_MAX, Joint
from ...runs.folder import Run, require_absent
from ...runs.naming import find_folder
from ...training.events import Notice
from ...training.kept import describe_kept, kept_step
from ...training.kinds import require_joint
from ...training.new_run import new_run
from ...training.recipe import EvaluationPlan
from ...training.reopen import load_dataset
from ...training.session import Session
from ...training.trainer import Outcome
from ...view.display import Display, Mode, make_display
from ...view.joint import JointLiveDisplay, JointPlainDisplay
from ...view.output import say
from ...wording import command as command_line
from ..display import OutputGroup
from ..ending import Status
from ..fleet_join import join_scheduler
from ..fleet_options import BoardGroup, Boards
from ..group import command_group, command_of
from ..numbers import whole_number
from ..options import Json, refuse_others, run, run_until_interrupted
from ..overwriting import Overwrite
from ..recipe import EvaluationGroup, Keep, ModelGroup, RecipeGroup, Seed, Steps
from ..run_names import ResumeAsPlanned, RunFolder
from ..signals import on_end_signals
from ..texts import OptionalFiles, TextGroup, require_files, say_all

EXAMPLES = [
    "ugpt fleet train names     # on every board that is plugged in",
    "ugpt fleet train names --workers 4 --sync 1000 --steps 10000 --boards school.toml",
    "ugpt fleet train names --virtual 3 --sync 100 --steps 300     # without a board",
    "ugpt fleet train names --verify 10%     # finds a board that computes wrongly",
    "ugpt fleet train --resume names-20260101-120000",
    "ugpt fleet join tls://lab:8786     # on each computer that has boards",
    "ugpt fleet train names --scheduler tls://lab:8786     # on the boards of all of them",
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
        **whole_number(1, WORKERS_MAX),
    ),
]
Sync = Annotated[
    int,
    typer.Option(
        help="Steps that each worker takes between two averagings: one round.",
        rich_help_panel=_PANEL,
        **whole_number(1, COUNT_MAX),
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
        help="Use this Dask scheduler, such as tls://HOST:8786, with all boards that it knows. "
        "Default: one for this run, which nobody else can reach.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]

app = command_group(__doc__, EXAMPLES)


@app.callback()
def _group() -> None:
    """Train one model on many boards."""


@command_of(app, EXAMPLES)
def train(
    context: typer.Context,
    files: OptionalFiles = None,
    *,
    steps: Steps = 1000,
    workers: Workers = 4,
    sync: Sync = 1000,
    run_folder: RunFolder = None,
    resume: ResumeAsPlanned = None,
    verify: Verify = "0%",
    scheduler: SchedulerAddress = None,
    keep: Keep = 1,
    overwrite: Overwrite = False,
    seed: Seed = 42,
    output: OutputGroup,
    recipe: RecipeGroup,
    model: ModelGroup,
    evaluation: EvaluationGroup,
    texts: TextGroup,
    boards: BoardGroup,
) -> None:
    """Train one model on many boards.

    --steps counts the steps of one worker: all of them together train on --workers times as many
    documents. Ctrl-C stops after the round and keeps it; --resume continues the run, on any boards.
    """
    require_extra("distributed", "ugpt fleet train")
    share = parse_share(verify)
    if scheduler is not None:
        require_safe(scheduler)
    if resume:
        why = "the run folder decides that; leave it out"
        refuse_others(context, _ALLOWED_WITH_RESUME, why)
        prepared = Run.open(find_folder(resume))
        require_joint(prepared)
        again = f"{command_line('fleet', 'train', '--resume', resume)} FILE"
        dataset = load_dataset(prepared, files or [], again)
        said: list[str] = []
    else:
        named = require_files(files, "--resume RUN")
        if run_folder:
            require_absent(run_folder)
        dataset = texts.load(named, model.block_size, "ugpt fleet train")
        joint = Joint(workers, sync)
        prepared = new_run(
            dataset,
            model.shape(dataset.vocabulary.size),
            recipe.recipe(),
            path=run_folder,
            seed=seed,
            evaluation=_between_rounds(evaluation.plan(dataset, steps), joint),
            keep=keep,
            joint=joint,
        )
        said = remarks(dataset, model.block_size)
    session = Session(prepared, dataset, lambda event: None, may_overwrite=overwrite)
    outcome = _watch(session, _Boards(boards, scheduler), output.mode, said, share)
    if outcome is Outcome.STOPPED:
        raise typer.Exit(Status.INTERRUPTED)


@command_of(app, EXAMPLES[-2:])
def join(
    scheduler: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS",
            help="Dask scheduler, such as tls://HOST:8786.",
            show_default=False,
        ),
    ],
    *,
    boards: BoardGroup,
    json: Json = False,
) -> None:
    """Bring the boards of this computer to a scheduler.

    Until Ctrl-C, every `ugpt fleet train --scheduler ADDRESS` can use them. A board that is plugged
    in again joins again.
    """
    require_extra("distributed", "ugpt fleet join")
    run_until_interrupted(join_scheduler(scheduler, boards, json=json))


@dataclass(frozen=True)
class _Boards:
    """Which boards are wanted."""

    here: Boards
    scheduler: str | None

    @property
    def words(self) -> tuple[str, ...]:
        """Those of a command line that name them."""
        return (*self.here.words, *(("--scheduler", self.scheduler) if self.scheduler else ()))

    async def find(self) -> Membership:
        """With a scheduler there may be none here: others may have brought some."""
        try:
            return await self.here.members()
        except NoBoards:
            if self.scheduler is None or self.here.any_named:
                raise
            return Membership((), ())


def _between_rounds(plan: EvaluationPlan, joint: Joint) -> EvaluationPlan:
    """There is one model to evaluate only at the end of a round."""
    return plan._replace(eval_every=joint.rounds(plan.eval_every) * joint.sync)


def _watch(
    session: Session, boards: _Boards, mode: Mode, said: Sequence[str], verify_share: float
) -> Outcome:
    """Trains, and shows it; what was `said` of the text comes first."""
    display = make_display(mode, JointLiveDisplay, JointPlainDisplay)
    if mode is Mode.JSON:
        for remark in said:
            display.show(Notice(remark))
    else:
        say_all(said)
    shown = replace(session, emit=display.show)
    begun: list[JointTraining] = []
    try:
        outcome = run(_train(shown, boards, display, verify_share, begun))
    except (UgptError, typer.Exit):
        if any(training.placed for training in begun):
            _say_kept(session.run, begun, boards)
        raise
    if outcome is Outcome.STOPPED:
        _say_kept(session.run, begun, boards)
    return outcome


def _say_kept(kept: Run, begun: Sequence[JointTraining], boards: _Boards) -> None:
    if kept.exists:
        again = command_line("fleet", "train", "--resume", kept.path, *boards.words)
        step = max([kept_step(kept) or 0, *(training.step for training in begun)])
        for line in describe_kept(kept, step, again):
            say(line)


async def _train(
    session: Session,
    boards: _Boards,
    display: Display,
    verify_share: float,
    begun: list[JointTraining],
) -> Outcome:
    """Adds the run to `begun`, which says how far it has come."""
    found = await boards.find()
    async with display:
        for each in found.left_out:
            display.show(BoardTakenOut(each.where, each.reason))
        display.show(Notice("Starting Dask and a process for each board, which takes a while."))
        from ...joint.cluster import dask_crew  # takes its time, and is optional

        async with dask_crew(found.members, display.show, boards.scheduler) as crew:
            training = JointTraining(session, crew, verify_share=verify_share)
            begun.append(training)
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
        if asked:
            task.cancel()
            return
        asked = True
        training.request_stop()
        display.show(Notice("Stopping after this round; Ctrl-C again gives the round up."))

    with on_end_signals(end, distinct=True):
        yield
