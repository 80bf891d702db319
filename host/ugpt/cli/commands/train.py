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

from ...data.report import remarks
from ...device.followed_target import FollowedTarget
from ...device.target import Target
from ...errors import UgptError
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
from ...training.reopen import load_dataset
from ...training.saving import SAVING_LIMIT_S
from ...training.session import Session
from ...training.stored_model import StoredModel, stored_model
from ...training.trainer import Outcome, Training
from ...training.wishes import Wish
from ...view.display import Display, Mode, make_display
from ...view.output import print_json, say
from ...view.state import Action, Control
from ...view.style import duration
from ...wording import command as command_line
from ..detaching import detach_shown
from ..display import OutputGroup
from ..ending import Status, ending
from ..options import Pace, TargetGroup, Threads, given_options, paced, refuse_others
from ..overwriting import Overwrite, run_asking
from ..recipe import (
    EvaluationGroup,
    InitOption,
    Keep,
    ModelGroup,
    RecipeGroup,
    SaveEvery,
    Seed,
    Steps,
)
from ..run_names import Resume, RunFolder, run_option
from ..signals import on_end_signals
from ..texts import OptionalFiles, TextGroup, require_files, say_all
from .attach import say_detached

EXAMPLES = [
    "ugpt train names     # the built-in list of names",
    "ugpt train towns.txt --port /dev/ttyUSB0 --steps 5000 --n-embd 24",
    "ugpt train shakespeare.txt --text --block-size 64     # one running text",
    "ugpt train towns.csv --column name --lower --dedupe",
    "zcat poems.gz | ugpt train - --window 8",
    "ugpt train names --init microgpt     # Karpathy's program, number for number",
    "ugpt train names --holdout 10%     # a validation loss, from names never trained on",
    "ugpt train names --batch 4 --schedule cosine --warmup 100 --weight-decay 0.1 --clip 1",
    "ugpt train names --n-embd 48 --moments q8 --recompute     # more model in the same memory",
    "ugpt train --resume names-20260101-120000     # by its name; `ugpt runs` lists them",
    "ugpt train --resume runs/first --steps 5000     # more steps than it was planned with",
    "ugpt train towns.txt --from runs/first     # a new run with the weights of another",
    "ugpt train names --detach     # the board trains by itself; pull the cable",
    "ugpt train names --json > events.jsonl",
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
        "progress, and evaluates the validation loss at the end.",
    ),
]


def command(
    context: typer.Context,
    files: OptionalFiles = None,
    *,
    steps: Steps = 1000,
    target: TargetGroup,
    run_folder: RunFolder = None,
    resume: Resume = None,
    detached: _Detached = False,
    begin_from: _From = None,
    save_every: SaveEvery = EVERY_MINUTE,
    keep: Keep = 1,
    overwrite: Overwrite = False,
    seed: Seed = 42,
    init: InitOption = Init.DEVICE,
    output: OutputGroup,
    pace: Pace = False,
    threads: Threads = 1,
    recipe: RecipeGroup,
    model: ModelGroup,
    evaluation: EvaluationGroup,
    texts: TextGroup,
) -> None:
    target = replace(target, pace=pace, threads=threads)
    if resume:
        why = "the run folder decides that; leave it out"
        refuse_others(context, _ALLOWED_WITH_RESUME, why)
        prepared = Run.open(find_folder(resume))
        require_single(prepared)
        dataset = load_dataset(
            prepared, files or [], f"{command_line('train', '--resume', resume)} FILE"
        )
        said = []
        extend_to = steps if "steps" in given_options(context) else None
    else:
        chosen = recipe.recipe()
        parent = _parent(context, begin_from)
        if parent:
            model = replace(model, block_size=parent.shape.block_size)
        named = require_files(files, "--resume RUN")
        if run_folder:
            require_absent(run_folder)
        dataset = texts.load(named, model.block_size, "ugpt train")
        shape = model.shape(dataset.vocabulary.size)
        prepared = new_run(
            dataset,
            child_shape(parent, shape.vocab_size) if parent else shape,
            chosen,
            path=run_folder,
            seed=seed,
            init=init,
            save_every=save_every,
            evaluation=evaluation.plan(dataset, steps),
            keep=keep,
            parent=parent,
        )
        said = remarks(dataset, model.block_size)
        if parent:
            said += describe_mapping(parent, dataset.vocabulary)
        extend_to = None
    session = Session(
        prepared,
        dataset,
        lambda event: None,
        may_move=target.port is not None,
        extend_to=extend_to,
    )
    require_more(session)
    if detached:
        say_all(said)
        started = run_asking(partial(detach_shown, session, target), overwrite, json=output.json)
        if output.json:
            print_json(started.to_json())
        else:
            say_detached(started, target)
    else:
        _watch(session, target, output.mode, said, overwrite)


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
    threads = ("--threads", str(target.threads)) if target.threads > 1 else ()
    again = command_line("train", "--resume", run.path, *paced(target), *threads)
    for line in describe_kept(run, training.step, again):
        say(line)


async def _train(training: Training, display: Display) -> Outcome:
    async with display:
        with _ending_on_request(training, display) as end:
            display.offer(
                {
                    Action.PAUSE: Control("pause", partial(training.request, Wish.PAUSE)),
                    Action.RESUME: Control("go on", partial(training.request, Wish.RESUME)),
                    Action.SAMPLE: Control("sample", partial(training.request, Wish.SAMPLE)),
                    Action.EVALUATE: Control(
                        "evaluate",
                        partial(training.request, Wish.EVALUATE),
                        "computing the validation loss",
                    ),
                    Action.LETTERS: Control("letters", partial(training.request, Wish.LETTERS)),
                    Action.DETACH: Control(
                        "detach",
                        partial(training.request, Wish.DETACH),
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
                Notice(
                    f"Saving; that may take up to {left} more. {_ABANDON} leaves at once, unsaved."
                )
            )
        elif training.placed:
            limit = loop.call_later(SAVING_LIMIT_S, task.cancel)
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
