"""Stop the training run on the board and save it.

Works for detached runs too, with or without their run folder. Training ends after the current step,
and the model is saved in the flash of the board.
"""

from __future__ import annotations

from ...device.activity import is_training
from ...device.target import Target
from ...rpc.errors import NoModel
from ...rpc.messages import DeviceState
from ...runs.errors import NoRun
from ...runs.registry import find_run, note_stopped
from ...view.output import console, print_json, say
from ...wording import command as command_line
from ..options import Json, TargetGroup, run

EXAMPLES = ["ugpt stop", "ugpt stop --port /dev/ttyUSB0"]


def command(*, target: TargetGroup, json: Json = False) -> None:
    run(_stop(target, json))


async def _stop(target: Target, json: bool) -> None:
    async with target.connect() as device:
        before = await device.status()
        # The last checkpoint is written when all steps are done.
        was_training = is_training(before) or before.state is DeviceState.SAVING
        try:
            step = await device.stop()
        except NoModel as error:
            raise NoRun("There is no run to stop: the device holds no model.") from error
        run_stopped = find_run(before.run_id)
        if run_stopped is not None:
            note_stopped(run_stopped.config.run_id)
        if json:
            print_json({"device": device.description, "step": step, "was_training": was_training})
            return
        what = "stopped" if was_training else "no run was being trained; saved"
        planned = (await device.model_info()).recipe.total_steps
        console().tell(f"{device.description}: {what} at step {step:,} of {planned:,}")
        if run_stopped is not None and (run_stopped.saved_step or 0) < step:
            again = command_line("train", "--resume", run_stopped.path, *target.option)
            say(f"The board keeps it in its flash. To have it in its folder and go on: {again}")
