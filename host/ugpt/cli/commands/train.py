"""Train a model on the board.

When training ends, the model writes 20 texts. Ctrl-C stops after the current step and saves the
run; --resume continues it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ...data.dataset import Dataset
from ...data.reading import Reading
from ...data.report import remarks
from ...device.followed_target import FollowedTarget
from ...device.target import Target
from ...errors import UgptError
from ...rpc.messages import MomentFormat, Schedule, Shape
from ...runs.config import Init
from ...runs.folder import Run, require_absent
from ...runs.naming import find_folder
from ...runs.save_period import EVERY_MINUTE
from ...training.events import Notice
from ...training.extension import require_more
from ...training.fine_tune import child_shape, describe_mapping, require_same_shape
from ...training.kept import describe_kept
from ...training.kinds import require_single
from ...training.new_run import new_run
from ...training.recipe import evaluation, recipe
from ...training.reopen import load_dataset
from ...training.session import Session
from ...training.stored_model import StoredModel, stored_model
from ...training.trainer import Outcome, Training
from ...view.display import Display, Mode, make_display
from ...view.output import print_json, say
from ...view.state import Action, Control
from ...view.style import duration
from ...wording import command as command_line
from ..detaching import detach_shown
from ..display import output_mode
from ..ending import Status, ending
from ..options import (
    Baud,
    BlockSize,
    Json,
    NEmbd,
    NHead,
    NLayer,
    NoReset,
    Pace,
    Plain,
    Port,
    Threads,
    given_options,
)
from ..overwriting import Overwrite, run_asking
from ..recipe import (
    Batch,
    Clip,
    EvalDocuments,
    EvalEvery,
    Holdout,
    InitOption,
    Keep,
    LearningRate,
    Moments,
    MomentsName,
    Recompute,
    SaveEvery,
    ScheduleName,
    ScheduleOption,
    Seed,
    Steps,
    Warmup,
    WeightDecay,
)
from ..run_names import Resume, RunFolder, run_option
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
from .attach import say_detached

EXAMPLES = [
    "ugpt train names     # the built-in list of names",
    "ugpt train towns.txt --port /dev/ttyUSB0 --steps 5000 --n-embd 24",
    "ugpt train shakespeare.txt --text --block-size 64     # one running text",
    "ugpt train towns.csv --column name --lower --dedupe",
    "zcat poems.gz | ugpt train - --window 8",
    "ugpt train names.txt --init microgpt     # Karpathy's program, number for number",
    "ugpt train names.txt --holdout 10%     # a validation loss, from names never trained on",
    "ugpt train names.txt --batch 4 --schedule cosine --warmup 100 --weight-decay 0.1 --clip 1",
    "ugpt train names.txt --n-embd 48 --moments q8 --recompute     # more model in the same memory",
    "ugpt train --resume names-20260101-120000     # by its name; `ugpt runs` lists them",
    "ugpt train --resume runs/first --steps 5000     # more steps than it was planned with",
    "ugpt train towns.txt --from runs/first     # a new run with the weights of another",
    "ugpt train names.txt --detach     # the board trains by itself; pull the cable",
    "ugpt train names.txt --json > events.jsonl",
]

_ALLOWED_WITH_RESUME = frozenset(
    (
        "resume",
        "steps",
        "files",
        "port",
        "baud",
        "no_reset",
        "pace",
        "threads",
        "detached",
        "overwrite",
        "plain",
        "json",
    )
)

_SAVING_LIMIT_S = 300.0
"""How long a run that is asked to end may take to be saved."""
_ABANDON = "Ctrl-Break" if sys.platform == "win32" else "Ctrl-\\"

_From = Annotated[
    Path | None,
    run_option(
        "--from",
        help="Begin with the weights of this run, by name or folder, instead of random ones.",
    ),
]
_Detached = Annotated[
    bool,
    typer.Option(
        "--detach",
        help="Let the board train on its own, even after a power cut. `ugpt attach` shows its "
        "progress.",
    ),
]


def command(
    context: typer.Context,
    files: OptionalFiles = None,
    steps: Steps = 1000,
    port: Port = None,
    run_folder: RunFolder = None,
    resume: Resume = None,
    detached: _Detached = False,
    begin_from: _From = None,
    save_every: SaveEvery = EVERY_MINUTE,
    keep: Keep = 1,
    overwrite: Overwrite = False,
    seed: Seed = 42,
    init: InitOption = Init.DEVICE,
    plain: Plain = False,
    json: Json = False,
    baud: Baud = None,
    no_reset: NoReset = False,
    pace: Pace = False,
    threads: Threads = 1,
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
    mode = output_mode(plain, json)
    target = Target(port, baud, no_reset, pace=pace, threads=threads)
    if resume:
        _refuse_beside_resume(context)
        prepared = Run.open(find_folder(resume))
        require_single(prepared)
        dataset = load_dataset(
            prepared, files or [], f"{command_line('train', '--resume', resume)} FILE"
        )
        said = []
        extend_to = steps if "steps" in given_options(context) else None
    else:
        chosen = recipe(
            learning_rate=learning_rate,
            steps=steps,
            batch=batch,
            schedule=Schedule[schedule.name],
            warmup=warmup,
            weight_decay=weight_decay,
            clip=clip,
            moments=MomentFormat[moments.name],
            recompute=recompute,
        )
        parent = _parent(context, begin_from)
        if parent:
            block_size = parent.shape.block_size
        reading = reading_of(column, running_text, window, lower, dedupe)
        dataset = _load(files, reading, block_size, run_folder)
        shape = Shape(n_layer, n_embd, n_head, block_size, dataset.vocabulary.size)
        prepared = new_run(
            dataset,
            child_shape(parent, shape.vocab_size) if parent else shape,
            chosen,
            path=run_folder,
            seed=seed,
            init=init,
            save_every=save_every,
            evaluation=evaluation(
                holdout, eval_every, eval_documents, len(dataset.documents), steps
            ),
            keep=keep,
            parent=parent,
        )
        said = remarks(dataset, block_size)
        if parent:
            said += describe_mapping(parent, dataset.vocabulary)
        extend_to = None
    session = Session(
        prepared,
        dataset,
        lambda event: None,
        may_move=port is not None,
        extend_to=extend_to,
    )
    require_more(session)
    if detached:
        say_all(said)
        started = run_asking(partial(detach_shown, session, target), overwrite, json=json)
        if json:
            print_json(started.to_json())
        else:
            say_detached(started, target)
    else:
        _watch(session, target, mode, said, overwrite)


def _parent(context: typer.Context, begin_from: Path | None) -> StoredModel | None:
    """The model to begin with, which decides the shape and the initial weights."""
    if begin_from is None:
        return None
    model = stored_model(Run.open(find_folder(begin_from)))
    given = given_options(context)
    require_same_shape(model, {name: context.params[name] for name in given})
    if option := given.get("init"):
        raise typer.BadParameter("the weights come from --from; leave it out", param_hint=option)
    return model


def _load(
    files: Sequence[Path] | None, reading: Reading, block_size: int, run_folder: Path | None
) -> Dataset:
    if not files:
        raise typer.BadParameter(
            "give a text file to train on, `names` for the built-in list of names, or --resume RUN",
            param_hint="FILE",
        )
    if run_folder:
        require_absent(run_folder)
    return load_texts(files, reading, block_size, "ugpt train")


def _watch(
    session: Session, target: Target, mode: Mode, said: Sequence[str], overwrite: bool
) -> None:
    """Trains, and shows it; what was `said` of the text comes first."""
    if mode is Mode.JSON:
        display = make_display(mode)
        for remark in said:
            display.show(Notice(remark))
    else:
        say_all(said)
    attempts: list[Training] = []

    async def attempt(may_overwrite: bool) -> Outcome:
        display = make_display(mode)
        shown = replace(
            session, emit=display.show, watched=mode is Mode.LIVE, may_overwrite=may_overwrite
        )
        attempts.append(Training(FollowedTarget(target).connect, shown))
        return await _train(attempts[-1], display)

    try:
        outcome = run_asking(attempt, overwrite, json=mode is Mode.JSON)
    except (UgptError, typer.Exit):
        if attempts and attempts[-1].placed:
            _say_kept(attempts[-1], session.run, target)
        raise
    if (going_on := attempts[-1].detached) and mode is not Mode.JSON:
        say_detached(going_on, target)
    if outcome is Outcome.STOPPED:
        _say_kept(attempts[-1], session.run, target)
        raise typer.Exit(Status.INTERRUPTED)


def _say_kept(training: Training, run: Run, target: Target) -> None:
    pace = ("--pace",) if target.pace else ()
    threads = ("--threads", str(target.threads)) if target.threads > 1 else ()
    again = command_line("train", "--resume", run.path, *target.option, *pace, *threads)
    say(f"{describe_kept(run, training.step)} Go on with: {again}")


async def _train(training: Training, display: Display) -> Outcome:
    async with display:
        with _ending_on_request(training, display) as end:
            display.offer(
                {
                    Action.PAUSE: Control("pause", training.request_pause),
                    Action.RESUME: Control("go on", training.request_resume),
                    Action.SAMPLE: Control("sample", training.request_sample),
                    Action.EVALUATE: Control("evaluate", training.request_evaluate),
                    Action.LETTERS: Control("letters", training.request_letters),
                    Action.DETACH: Control(
                        "detach",
                        training.request_detach,
                        "bringing the data set onto the board, to go on by itself",
                    ),
                    Action.STOP: Control("stop & keep", end),
                }
            )
            return await training.run()


@contextmanager
def _ending_on_request(training: Training, display: Display) -> Iterator[Callable[[], None]]:
    """A signal lets the run end after its step and be saved; more of them change nothing.

    So does what this gives, for a key. A run that takes too long to be saved is given up.
    """
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    limit: asyncio.TimerHandle | None = None

    def end() -> None:
        nonlocal limit
        if limit is not None:
            left = duration(limit.when() - loop.time())
            display.show(
                Notice(f"Saving, for {left} more at most; {_ABANDON} leaves at once, unsaved.")
            )
        elif training.placed:
            limit = loop.call_later(_SAVING_LIMIT_S, task.cancel)
            training.request_stop()
            display.show(Notice("Stopping after this step, and saving."))
        elif not ending.is_repeated():
            task.cancel()

    with on_end_signals(end):
        try:
            yield end
        finally:
            if limit is not None:
                limit.cancel()


def _refuse_beside_resume(context: typer.Context) -> None:
    for name, option in given_options(context).items():
        if name not in _ALLOWED_WITH_RESUME:
            raise typer.BadParameter("the run folder decides that; leave it out", param_hint=option)
