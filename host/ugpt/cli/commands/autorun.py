"""Make the board write texts from power-up on, or no longer.

They are plain lines, which any serial monitor shows at 115,200 baud; so does `ugpt monitor`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ... import connect
from ...rpc.messages import DeviceState
from ...training.sampling import TEMPERATURE
from ...view.output import console, say
from ..options import Baud, NoReset, Port, run

EXAMPLES = [
    "ugpt autorun on",
    "ugpt autorun on --temperature 0.8 --port /dev/ttyUSB0",
    "ugpt autorun off",
]


class Switch(StrEnum):
    ON = "on"
    OFF = "off"


def command(
    switch: Annotated[Switch, typer.Argument(help="Whether it shall.", show_default=False)],
    port: Port = None,
    baud: Baud = None,
    temperature: Annotated[
        float,
        typer.Option(
            metavar="X", help="Low: safe and alike; high: daring and odd.", min=0.001, max=100.0
        ),
    ] = TEMPERATURE,
    no_reset: NoReset = False,
) -> None:
    run(_autorun(switch, port, baud, temperature, no_reset))


async def _autorun(
    switch: Switch, port: str | None, baud: int | None, temperature: float, no_reset: bool
) -> None:
    async with connect(port, baud=baud, no_reset=no_reset) as device:
        await device.autorun(switch is Switch.ON, temperature)
        if switch is Switch.OFF:
            console().print(f"{device.description} no longer writes by itself")
            return
        console().print(f"{device.description} writes by itself from its next start on")
        if (await device.status()).state is DeviceState.EMPTY:
            say("It holds no model yet, so it stays silent; train one first: ugpt train FILE")
        else:
            say("See it: ugpt monitor" + (f" --port {port}" if port else ""))
