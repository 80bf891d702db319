"""Search hyperparameters with many boards.

Every trial is an ordinary run, one at a time on each board. Optuna chooses the values of --set and
keeps the study in the folder of the sweep. Ctrl-C stops and saves; --resume continues.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ...data.dataset import Dataset
from ...data.reading import Reading
from ...data.report import remarks
from ...data.sources import STANDARD_INPUT
from ...fleet.extras import require_extra
from ...runs.errors import RunError
from ...runs.files import write_atomically
from ...runs.folder import require_absent
from ...sweep.axes import NAMES, count_combinations, parse_axes
from ...sweep.conductor import Conductor, trial_folder
from ...sweep.folder import PICTURE, alone_in, load_again, make_folder, new_folder
from ...sweep.plan import TRIALS, Sampler, Settings, SweepPlan
from ...sweep.ranking import best, sweep_png
from ...sweep.study import SweepStudy, Trial, TrialState
from ...training.recipe import evaluation
from ...view.display import Display, Harmless, Mode
from ...view.output import say
from ...view.sweep import JsonSweep, LiveSweep, PlainSweep, print_ranking
from ...wording import command as command_line
from ..display import output_mode
from ..ending import Status
from ..fleet_options import Boards, BoardsFile, PacedBoards, Ports, Virtual, boards_file, check_pace
from ..numbers import whole_number
from ..options import BlockSize, Json, NEmbd, NHead, NLayer, Plain, given_options, run
from ..overwriting import Overwrite
from ..paths import path
from ..recipe import (
    Batch,
    Clip,
    Holdout,
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
    "ugpt sweep names --set n_embd=16,32,48 --set learning_rate=0.001:0.02:log --trials 40",
    "ugpt sweep names.txt --set lr=0.005,0.01,0.02 --sampler grid --virtual 3",
    "ugpt sweep names.txt --set warmup=0:200 --set clip=0,1 --holdout 10% --prune",
    "ugpt sweep --resume sweeps/names-20260101-120000",
]

_ALLOWED_WITH_RESUME = frozenset(
    ("resume", "ports", "boards", "virtual", "pace", "overwrite", "plain", "json")
)


def command(
    context: typer.Context,
    files: OptionalFiles = None,
    varied: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="What to vary: NAME=A,B,C for one of several values, NAME=LOW:HIGH for any "
            f"between, LOW:HIGH:log on a logarithmic scale. NAME is one of {', '.join(NAMES)}. "
            "May be given several times.",
            metavar="NAME=VALUES",
            show_default=False,
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(
            help="Number of trials. Default: 20, or every combination of a grid.",
            show_default=False,
            **whole_number(1, 100_000),
        ),
    ] = None,
    steps: Steps = 1000,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--run",
            help="Folder for the sweep. Default: a new folder in sweeps/.",
            metavar="DIR",
            parser=path,
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume", help="Continue the sweep in this folder.", metavar="DIR", parser=path
        ),
    ] = None,
    sampler: Annotated[
        Sampler,
        typer.Option(
            help="How values are chosen: by what was good so far (tpe), every combination (grid), "
            "or at random."
        ),
    ] = Sampler.TPE,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="End trials early whose loss is above the median of the others at that step.",
        ),
    ] = False,
    holdout: Holdout = None,
    ports: Ports = None,
    boards: BoardsFile = None,
    virtual: Virtual = 0,
    pace: PacedBoards = False,
    overwrite: Overwrite = False,
    plain: Plain = False,
    json: Json = False,
    seed: Seed = 42,
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
    column: Column = None,
    running_text: RunningText = False,
    window: Window = None,
    lower: Lower = False,
    dedupe: Dedupe = False,
) -> None:
    require_extra("optuna", "ugpt sweep")
    mode = output_mode(plain, json)
    check_pace(pace, virtual)
    if resume:
        _refuse_beside_resume(context)
        folder, plan = resume, SweepPlan.read(resume)
        dataset = load_again(plan, resume)
    else:
        axes = parse_axes(varied or [])
        reading = reading_of(column, running_text, window, lower, dedupe)
        dataset = _load(files, reading, block_size)
        evaluation(holdout, None, None, len(dataset.documents), steps)
        settings = Settings(
            n_layer=n_layer,
            n_embd=n_embd,
            n_head=n_head,
            block_size=block_size,
            steps=steps,
            learning_rate=learning_rate,
            batch=batch,
            schedule=str(schedule),
            warmup=warmup,
            weight_decay=weight_decay,
            clip=clip,
            moments=str(moments),
            recompute=recompute,
            seed=seed,
        )
        plan = SweepPlan(
            tuple(file.path for file in dataset.files),
            dataset.sha256,
            axes,
            trials or (count_combinations(axes) if sampler is Sampler.GRID else TRIALS),
            settings,
            reading,
            sampler,
            prune,
            holdout,
        )
        folder = folder or new_folder(dataset.sources.stem)
        require_absent(folder)
        say_all(remarks(dataset, block_size))
    wanted = Boards(ports or [], boards_file(boards), virtual, pace)
    run(_sweep(folder, plan, dataset, wanted, mode, resumes=bool(resume), overwrite=overwrite))


async def _sweep(
    folder: Path,
    plan: SweepPlan,
    dataset: Dataset,
    wanted: Boards,
    mode: Mode,
    *,
    resumes: bool,
    overwrite: bool,
) -> None:
    membership = await wanted.found()
    for each in membership.left_out:
        say(f"Left out: {each.reason}")
    if not resumes:
        make_folder(folder, plan)
    with alone_in(folder):
        study = (SweepStudy.open if resumes else SweepStudy.create)(folder, plan)
        display = _display(mode)
        conductor = Conductor(
            folder,
            plan,
            study,
            dataset,
            membership.members,
            display.show,
            may_overwrite=overwrite,
        )
        try:
            async with display:
                with on_end_signals(conductor.request_stop):
                    await conductor.run()
        finally:
            _show_result(folder, plan, dataset, study.trials(), wanted, mode)
    if conductor.stopping:
        raise typer.Exit(Status.INTERRUPTED)


def _show_result(
    folder: Path,
    plan: SweepPlan,
    dataset: Dataset,
    trials: Sequence[Trial],
    wanted: Boards,
    mode: Mode,
) -> None:
    """The ranking, the picture, and what to do next."""
    if trials and mode is not Mode.JSON:
        print_ranking(trials)
    try:
        write_atomically(folder / PICTURE, sweep_png(folder, dataset.title, plan.axes, trials))
        say(f"The curves are in {folder / PICTURE}.")
    except RunError as error:
        say(error.message)
    if (found := best(trials)) is not None:
        run_folder = trial_folder(folder, found.number)
        say(f"Let the best one write: {command_line('sample', '--run', run_folder, '-n', '20')}")
    if sum(trial.state is not TrialState.RUNNING for trial in trials) < plan.trials:
        say(f"Go on with: {command_line('sweep', '--resume', folder, *wanted.options)}")


def _display(mode: Mode) -> Display:
    match mode:
        case Mode.LIVE:
            return Harmless(LiveSweep())
        case Mode.PLAIN:
            return Harmless(PlainSweep())
        case Mode.JSON:
            return Harmless(JsonSweep())


def _load(files: Sequence[Path] | None, reading: Reading, block_size: int) -> Dataset:
    if not files:
        raise typer.BadParameter(
            "give a text file to train on, `names` for the built-in list of names, or --resume DIR",
            param_hint="FILE",
        )
    if STANDARD_INPUT in files:
        raise typer.BadParameter(
            "a sweep reads its text again when it is resumed; save it as a file", param_hint="FILE"
        )
    return load_texts(files, reading, block_size, "ugpt sweep")


def _refuse_beside_resume(context: typer.Context) -> None:
    for name, option in given_options(context).items():
        if name not in _ALLOWED_WITH_RESUME:
            raise typer.BadParameter("the sweep decides that; leave it out", param_hint=option)
