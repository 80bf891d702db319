"""Train a model on the board.

When training ends, the model writes 20 texts. Ctrl-C stops after the current step and saves the
run; --resume continues it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ...advice import command as command_line
from ...data.dataset import Dataset
from ...data.reading import Reading
from ...data.report import remarks
from ...device.target import Target
from ...rpc.messages import MomentFormat, Schedule, Shape
from ...runs.config import Init
from ...runs.folder import Run, require_absent
from ...training.detach import Detached, detach
from ...training.events import Event, Notice
from ...training.new_run import new_run
from ...training.recipe import evaluation, recipe
from ...training.reopen import load_dataset
from ...training.session import Session
from ...training.trainer import Outcome, Training
from ...view.display import Display, Mode, make_display
from ...view.output import print_json, say
from ...view.progress import byte_progress
from ...view.state import Action, Control
from ..display import output_mode
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
    given_options,
)
from ..overwriting import Overwrite, run_asking
from ..paths import path
from ..recipe import (
    Batch,
    Clip,
    EvalDocuments,
    EvalEvery,
    Holdout,
    InitOption,
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
    "ugpt train --resume runs/names-20260101-120000",
    "ugpt train names.txt --detach     # the board trains by itself; pull the cable",
    "ugpt train names.txt --json > events.jsonl",
]

_ALLOWED_WITH_RESUME = frozenset(
    (
        "resume",
        "files",
        "port",
        "baud",
        "no_reset",
        "pace",
        "detached",
        "overwrite",
        "plain",
        "json",
    )
)

_RunFolder = Annotated[
    Path | None,
    typer.Option(
        "--run",
        help="Folder for the run. Default: a new folder in runs/.",
        metavar="DIR",
        parser=path,
    ),
]
_Resume = Annotated[
    Path | None,
    typer.Option(help="Continue the run in this folder.", metavar="DIR", parser=path),
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
    run_folder: _RunFolder = None,
    resume: _Resume = None,
    detached: _Detached = False,
    overwrite: Overwrite = False,
    save_every: SaveEvery = 0,
    seed: Seed = 42,
    init: InitOption = Init.DEVICE,
    plain: Plain = False,
    json: Json = False,
    baud: Baud = None,
    no_reset: NoReset = False,
    pace: Pace = False,
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
    target = Target(port, baud, no_reset, pace=pace)
    if resume:
        _refuse_beside_resume(context)
        prepared = Run.open(resume)
        dataset = load_dataset(
            prepared, files or [], f"{command_line('train', '--resume', resume)} FILE"
        )
        said = []
    else:
        reading = reading_of(column, running_text, window, lower, dedupe)
        dataset = _load(files, reading, block_size, run_folder)
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
            init=init,
            save_every=save_every,
            evaluation=evaluation(
                holdout, eval_every, eval_documents, len(dataset.documents), steps
            ),
        )
        said = remarks(dataset, block_size)
    if detached:
        say_all(said)
        session = Session(prepared, dataset, _say_notice, may_move=port is not None)
        started = run_asking(partial(_detach, session, target), overwrite, json=json)
        if json:
            print_json(started.to_json())
        else:
            say_detached(started, target)
    else:
        _watch(prepared, dataset, target, mode, said, overwrite)


def _load(
    files: Sequence[Path] | None, reading: Reading, block_size: int, run_folder: Path | None
) -> Dataset:
    if not files:
        raise typer.BadParameter(
            "give a text file to train on, `names` for the built-in list of names, or --resume DIR",
            param_hint="FILE",
        )
    if run_folder:
        require_absent(run_folder)
    return load_texts(files, reading, block_size, "ugpt train")


def _watch(
    prepared: Run,
    dataset: Dataset,
    target: Target,
    mode: Mode,
    said: Sequence[str],
    overwrite: bool,
) -> None:
    """Trains, and shows it; what was `said` of the text comes first."""
    if mode is Mode.JSON:
        display = make_display(mode)
        for remark in said:
            display.show(Notice(remark))
    else:
        say_all(said)

    async def attempt(may_overwrite: bool) -> tuple[Outcome, Detached | None]:
        display = make_display(mode)
        session = Session(
            prepared,
            dataset,
            display.show,
            watched=mode is Mode.LIVE,
            may_move=target.port is not None,
            may_overwrite=may_overwrite,
        )
        training = Training(target.connect, session)
        return await _train(training, display), training.detached

    outcome, going_on = run_asking(attempt, overwrite, json=mode is Mode.JSON)
    if going_on and mode is not Mode.JSON:
        say_detached(going_on, target)
    if outcome is Outcome.STOPPED:
        pace = ("--pace",) if target.pace else ()
        again = command_line("train", "--resume", prepared.path, *target.option, *pace)
        say(f"Stopped after step {prepared.metrics.step:,}; all is kept. Go on with: {again}")
        raise typer.Exit(130)


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


async def _detach(session: Session, target: Target, may_overwrite: bool) -> Detached:
    allowed = replace(session, may_overwrite=may_overwrite)
    with session.run.alone():
        async with target.connect() as device:
            with byte_progress(f"{session.dataset.title} to the board") as progress:
                return await detach(device, allowed, progress)


def _say_notice(event: Event) -> None:
    if isinstance(event, Notice):
        say(event.text)


@contextmanager
def _ending_on_request(training: Training, display: Display) -> Iterator[Callable[[], None]]:
    """The first Ctrl-C asks for a stop at a step boundary; the second one leaves at once.

    So does what this gives, for a key.
    """
    task = asyncio.current_task()
    assert task is not None

    def end() -> None:
        if training.stopping or not training.placed:
            task.cancel()
            return
        training.request_stop()
        display.show(Notice("Stopping at a step boundary; q or Ctrl-C again leaves at once."))

    with on_end_signals(end):
        yield end


def _refuse_beside_resume(context: typer.Context) -> None:
    for name, option in given_options(context).items():
        if name not in _ALLOWED_WITH_RESUME:
            raise typer.BadParameter("the run folder decides that; leave it out", param_hint=option)
