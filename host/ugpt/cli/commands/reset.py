"""Restart the board, as its reset button does.

Anything that is not in a checkpoint is lost. A detached run continues from its checkpoint.
"""

from __future__ import annotations

import dataclasses

from ...device.target import Target
from ...diagnostics.reset import restart
from ...rpc.messages import DeviceState
from ...view.output import console, print_json
from ..options import Json, NoReset, Port, run

EXAMPLES = ["ugpt reset", "ugpt reset --port /dev/ttyUSB0"]


def command(port: Port = None, no_reset: NoReset = False, json: Json = False) -> None:
    description, hello, status = run(restart(Target(port, no_reset=no_reset)))
    if json:
        print_json({"device": description, "hello": dataclasses.asdict(hello)})
        return
    console().tell(f"{description} restarted: firmware {hello.build}")
    if status.state is DeviceState.EMPTY:
        console().tell("it holds no model")
    else:
        going = "trains on" if status.state is DeviceState.TRAINING else "holds the model"
        console().tell(f"it {going} from step {status.step:,}, as saved in its flash")
