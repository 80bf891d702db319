"""Put the model of a run on the board, to sample from it or to keep it.

The weights and moments of the newest checkpoint are sent, or those of another --step that the run
folder keeps, and the digest that the board computes is compared. RUN may also be a file
that `ugpt export` has written as safetensors or npz. If it has no moments, the board gets fresh
ones.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ...device.target import Target
from ...export.reading import is_model_file, read_model
from ...runs.errors import RunError
from ...runs.folder import Run
from ...runs.kept_checkpoints import best_step, kept_checkpoints
from ...runs.metrics import STEPS_MAX
from ...runs.naming import address_of, find_folder
from ...training.load import Loaded
from ...training.stored_model import StoredModel, model_without_run, stored_model
from ...view.output import console, pasteable, print_json, say
from ...wording import command as command_line
from ...wording import counted
from ..loading import load_shown
from ..options import Json, TargetGroup
from ..overwriting import Overwrite, run_asking
from ..run_names import run_argument

EXAMPLES = [
    "ugpt load names-20260101-120000",
    "ugpt load names-20260101-120000 --step 5000",
    "ugpt load runs/first --step best --port /dev/ttyUSB0     # the lowest validation loss",
    "ugpt load first.safetensors     # what `ugpt export first --to safetensors` wrote",
]

_BEST = "best"


def _step(text: str) -> str:
    if text == _BEST or (text.isascii() and text.isdigit() and int(text) <= STEPS_MAX):
        return text
    raise typer.BadParameter(f"{text!r} is neither a step nor {_BEST!r}")


def command(
    named: Annotated[
        Path,
        run_argument("Name or folder of a run, or a .safetensors or .npz file."),
    ],
    step: Annotated[
        str | None,
        typer.Option(
            help="Step of another checkpoint that the run keeps, or `best` for the one with the "
            "lowest validation loss.",
            metavar="STEP",
            show_default=False,
            parser=_step,
        ),
    ] = None,
    *,
    target: TargetGroup,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    model = _of_file(named, step) if is_model_file(named) else _of_run(named, step)
    device, loaded = run_asking(partial(_load, target, model), overwrite, json=json)
    if json:
        print_json(
            {
                "run": str(model.origin),
                "device": device,
                "step": loaded.step,
                "weights_sha256": loaded.weights_sha256,
                "was_there": loaded.was_there,
                "in_flash": loaded.in_flash,
            }
        )
        return
    steps = counted(loaded.step, "step")
    has = "holds it already" if loaded.was_there else "holds it now"
    console().tell(f"{model.origin.name} after {steps}: {device} {has}")
    console().tell(f"weights sha256 {loaded.weights_sha256}, as the device computes it")
    if not loaded.in_flash:
        say("It is in memory only, and gone when the device restarts.")
    # With --run it works also with a virtual device that forgets all when a command ends. It means
    # the newest checkpoint, though.
    is_newest = step is None and not is_model_file(named)
    words = ("--run", address_of(model.origin)) if is_newest else ()
    again = command_line("sample", *words, "-n", "20", *target.option)
    say(f"Let it write: {pasteable(again)}")


async def _load(target: Target, model: StoredModel, may_overwrite: bool) -> tuple[str, Loaded]:
    async with target.connect() as device:
        return device.description, await load_shown(device, model, may_overwrite)


def _of_run(named: Path, step: str | None) -> StoredModel:
    run = Run.open(find_folder(named))
    if step is None:
        return stored_model(run)
    return stored_model(run, _best(run) if step == _BEST else int(step))


def _of_file(file: Path, step: str | None) -> StoredModel:
    if step is not None:
        raise typer.BadParameter("a file holds one model; leave it out", param_hint="--step")
    model = read_model(file)
    return model_without_run(model.shape, model.recipe, model.checkpoint, file)


def _best(run: Run) -> int:
    step = best_step(list(kept_checkpoints(run.path)), run.metrics.val_losses)
    if step is None:
        raise RunError(
            f"{run.path} holds no checkpoint of a step that was evaluated.",
            "Train with --holdout and --keep to have the best one.",
        )
    return step
