"""Enable or disable autorun: the board writes texts from power-up.

`ugpt monitor` shows them, and so does any serial monitor at 115,200 baud. With `--console` it
writes the stories whose beginning somebody types there, with the pretrained model. The setting is
stored in the flash of the board.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ...device.target import Target
from ...rpc.messages import METHODS, DeviceState
from ...training.sampling import TEMPERATURE
from ...view.output import console, say
from ...wording import command as command_line
from ..numbers import protocol_number
from ..options import TargetGroup, run

EXAMPLES = [
    "ugpt autorun on",
    "ugpt autorun on --temperature 0.8 --port /dev/ttyUSB0",
    "ugpt autorun on --console     # type the beginning of a story at a serial terminal",
    "ugpt autorun off",
]


class Switch(StrEnum):
    ON = "on"
    OFF = "off"


def command(
    switch: Annotated[
        Switch,
        typer.Argument(
            metavar="on|off",
            help="Enable or disable autorun.",
            show_default=False,
        ),
    ],
    *,
    target: TargetGroup,
    temperature: Annotated[
        float,
        typer.Option(
            help="Sampling temperature: low values play safe, high ones take risks.",
            **protocol_number(METHODS["autorun"].param("temperature")),
        ),
    ] = TEMPERATURE,
    console_wanted: Annotated[
        bool,
        typer.Option(
            "--console",
            help="Rather than write on its own, write the stories that somebody begins at a serial "
            "terminal, with the pretrained model.",
        ),
    ] = False,
) -> None:
    run(_autorun(switch, target, temperature, console_wanted))


async def _autorun(
    switch: Switch, target: Target, temperature: float, console_wanted: bool
) -> None:
    async with target.connect() as device:
        await device.autorun(switch is Switch.ON, temperature, console=console_wanted)
        if switch is Switch.OFF:
            console().tell(f"{device.description} no longer writes on its own")
            return
        if console_wanted:
            console().tell(f"{device.description} will offer a story prompt after the next restart")
            say(f"Type the beginning of one: {command_line('monitor', *target.option)}")
            return
        console().tell(f"{device.description} will write on its own after the next restart")
        if (await device.status()).state is DeviceState.EMPTY:
            say("It holds no model yet, so it stays silent; train one first: ugpt train FILE")
        else:
            say(f"See it: {command_line('monitor', *target.option)}")
