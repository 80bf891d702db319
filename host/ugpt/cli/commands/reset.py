"""Restart the board, as its reset button does.

A detached run is saved first and goes on. ugpt asks before a restart loses steps that no checkpoint
has.
"""

from __future__ import annotations

from ...device.activity import is_training
from ...device.chip_facts import hello_json
from ...device.target import Target
from ...diagnostics.reset import restart
from ...rpc.messages import DeviceState, Hello, Status
from ...view.output import console, print_json
from ..options import Json, NoReset, Port
from ..overwriting import Overwrite, run_asking

EXAMPLES = ["ugpt reset", "ugpt reset --port /dev/ttyUSB0"]


def command(
    port: Port = None, overwrite: Overwrite = False, no_reset: NoReset = False, json: Json = False
) -> None:
    target = Target(port, no_reset=no_reset)

    async def work(may_overwrite: bool) -> tuple[str, Hello, Status]:
        return await restart(target, may_overwrite=may_overwrite)

    description, hello, status = run_asking(work, overwrite, json=json)
    if json:
        print_json({"device": description, "hello": hello_json(hello)})
        return
    console().tell(f"{description} restarted: firmware {hello.build}")
    if status.state is DeviceState.EMPTY:
        console().tell("it holds no model")
    else:
        going = "trains on" if is_training(status) else "holds the model"
        console().tell(f"it {going} from step {status.step:,}, as saved in its flash")
