"""Put the model of a run on the board, to sample from it or to keep it.

The weights and moments of the newest checkpoint are sent, or those of another --step that the run
folder keeps, and the digest that the board computes is compared.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from ...device.target import Target
from ...runs.errors import RunError
from ...runs.folder import Run
from ...runs.kept_checkpoints import best_step, kept_checkpoints
from ...runs.metrics import STEPS_MAX
from ...runs.naming import address_of, find_folder
from ...training.load import Loaded
from ...training.stored_model import StoredModel, stored_model
from ...view.output import console, pasteable, print_json, say
from ...wording import command as command_line
from ...wording import counted
from ..loading import load_shown
from ..options import Baud, Json, NoReset, Port
from ..overwriting import Overwrite, run_asking
from ..run_names import RunArgument

EXAMPLES = [
    "ugpt load names-20260101-120000",
    "ugpt load names-20260101-120000 --step 5000",
    "ugpt load runs/first --step best --port /dev/ttyUSB0     # the lowest validation loss",
]

_BEST = "best"


def _step(text: str) -> int | str:
    if text == _BEST:
        return text
    if text.isascii() and text.isdigit() and int(text) <= STEPS_MAX:
        return int(text)
    raise typer.BadParameter(f"{text!r} is neither a step nor {_BEST!r}")


def command(
    named: RunArgument,
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
    port: Port = None,
    baud: Baud = None,
    overwrite: Overwrite = False,
    no_reset: NoReset = False,
    json: Json = False,
) -> None:
    run = Run.open(find_folder(named))
    model = stored_model(run, _best(run) if step == _BEST else step)  # type: ignore[arg-type]
    target = Target(port, baud, no_reset)
    device, loaded = run_asking(partial(_load, target, model), overwrite, json=json)
    if json:
        print_json(
            {
                "run": str(run.path),
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
    console().tell(f"{run.path.name} after {steps}: {device} {has}")
    console().tell(f"weights sha256 {loaded.weights_sha256}, as the device computes it")
    if not loaded.in_flash:
        say("It is in memory only, and gone when the device restarts.")
    # With --run it works also with a virtual device that forgets all when a command ends.
    words = ("sample", "--run", address_of(run.path), "-n", "20", *target.option)
    say(f"Let it write: {pasteable(command_line(*words))}")


async def _load(target: Target, model: StoredModel, may_overwrite: bool) -> tuple[str, Loaded]:
    async with target.connect() as device:
        return device.description, await load_shown(device, model, may_overwrite)


def _best(run: Run) -> int:
    step = best_step(list(kept_checkpoints(run.path)), run.metrics.val_losses)
    if step is None:
        raise RunError(
            f"{run.path} holds no checkpoint of a step that was evaluated.",
            "Train with --holdout and --keep to have the best one.",
        )
    return step
