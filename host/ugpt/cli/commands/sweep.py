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
from ...data.report import remarks
from ...data.sources import STANDARD_INPUT
from ...errors import UnfitValue
from ...fleet.extras import require_extra
from ...runs.errors import RunError
from ...runs.files import write_atomically
from ...runs.folder import require_absent
from ...runs.naming import holds_run
from ...sweep.axes import NAMES, count_combinations, parse_axes
from ...sweep.conductor import Conductor, trial_folder
from ...sweep.folder import PICTURE, alone_in, load_again, make_sweep_folder, new_folder
from ...sweep.plan import TRIALS, Sampler, SweepPlan
from ...sweep.ranking import best, sweep_png
from ...sweep.settings import Settings
from ...sweep.study import SweepStudy, Trial, TrialState
from ...training.recipe import evaluation
from ...view.display import Mode, make_display
from ...view.output import say
from ...view.sweep import LiveSweep, PlainSweep, print_ranking
from ...wording import command as command_line
from ..display import OutputGroup
from ..ending import Status
from ..fleet_options import BoardGroup, Boards
from ..numbers import whole_number
from ..options import refuse_others, run
from ..overwriting import Overwrite
from ..paths import path
from ..recipe import Holdout, ModelGroup, RecipeGroup, Seed, Steps
from ..signals import on_end_signals
from ..texts import OptionalFiles, TextGroup, require_files, say_all

EXAMPLES = [
    "ugpt sweep names --set n_embd=16,32,48 --set learning_rate=0.001:0.02:log --trials 40",
    "ugpt sweep names --set lr=0.005,0.01,0.02 --sampler grid --virtual 3",
    "ugpt sweep names --set warmup=0:200 --set clip=0,1 --holdout 10% --prune",
    "ugpt sweep --resume sweeps/names-20260101-120000",
]

_ALLOWED_WITH_RESUME = frozenset(
    ("resume", "ports", "boards", "virtual", "pace", "overwrite", "plain", "json")
)


def command(
    context: typer.Context,
    files: OptionalFiles = None,
    *,
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
    overwrite: Overwrite = False,
    seed: Seed = 42,
    output: OutputGroup,
    recipe: RecipeGroup,
    model: ModelGroup,
    holdout: Holdout = None,
    texts: TextGroup,
    boards: BoardGroup,
) -> None:
    require_extra("optuna", "ugpt sweep")
    if resume:
        refuse_others(context, _ALLOWED_WITH_RESUME, "the sweep decides that; leave it out")
        folder, plan = resume, SweepPlan.read(resume)
        dataset = load_again(plan, resume)
    else:
        axes = parse_axes(varied or [])
        dataset = texts.load(_kept_files(files), model.block_size, "ugpt sweep")
        evaluation(holdout, None, None, len(dataset.documents), steps)
        plan = SweepPlan(
            tuple(file.path for file in dataset.files),
            dataset.sha256,
            axes,
            trials or (count_combinations(axes) if sampler is Sampler.GRID else TRIALS),
            Settings(**vars(model), **vars(recipe), seed=seed),
            texts.reading,
            sampler,
            prune,
            holdout,
        )
        folder = folder or new_folder(dataset.sources.stem)
        require_absent(folder)
        say_all(remarks(dataset, model.block_size))
    work = _sweep(
        folder, plan, dataset, boards, output.mode, resumes=bool(resume), overwrite=overwrite
    )
    run(work)


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
    membership = await wanted.members()
    for each in membership.left_out:
        say(f"Left out: {each.reason}")
    if not resumes:
        make_sweep_folder(folder, plan)
    with alone_in(folder):
        study = (SweepStudy.open if resumes else SweepStudy.create)(folder, plan)
        display = make_display(mode, LiveSweep, PlainSweep)
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
    trials = study.trials()
    if trials and all(trial.state is TrialState.FAILED for trial in trials):
        raise UnfitValue(
            f"None of the {plan.trials:,} trials could be trained; each has ended with its reason.",
            "Vary other values with --set.",
        )


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
    found = best(trials)
    if found and holds_run(run_folder := trial_folder(folder, found.number)):
        say(f"Let the best one write: {command_line('sample', '--run', run_folder, '-n', '20')}")
    if sum(trial.state is not TrialState.RUNNING for trial in trials) < plan.trials:
        say(f"Go on with: {command_line('sweep', '--resume', folder, *wanted.words)}")


def _kept_files(files: Sequence[Path] | None) -> Sequence[Path]:
    named = require_files(files, "--resume DIR")
    if STANDARD_INPUT in named:
        raise typer.BadParameter(
            "a sweep reads its text again when it is resumed; save it as a file", param_hint="FILE"
        )
    return named
