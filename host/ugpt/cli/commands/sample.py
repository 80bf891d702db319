"""Let the model on the board write."""

from __future__ import annotations

import dataclasses
import secrets
import sys
from contextlib import AbstractAsyncContextManager
from typing import Annotated

import typer

from ...device.client import Device
from ...device.target import Target
from ...rpc.messages import METHODS
from ...training.belonging import require_last_device
from ...training.sampling import TEMPERATURE, sample_texts
from ...view.output import print_json, say
from ..numbers import protocol_number, whole_number
from ..options import Baud, Json, NoReset, Pace, Port, run
from ..signals import until_interrupted

_SAMPLE = METHODS["sample"]
_NUMBERS = _SAMPLE.param("number").range[1] + 1  # of the texts of a seed

EXAMPLES = [
    "ugpt sample",
    "ugpt sample -n 5 --temperature 0.8 --prompt ka",
    "ugpt sample -n 3 --seed 7     # the same three every time",
    "ugpt sample -n 1 --seed 7 --start 2     # only the third of them",
    "ugpt sample --forever",
]


def command(
    count: Annotated[
        int, typer.Option("-n", "--count", help="How many texts.", **whole_number(1))
    ] = 20,
    port: Port = None,
    baud: Baud = None,
    temperature: Annotated[
        float,
        typer.Option(
            help="Low values play safe, high ones take risks.",
            **protocol_number(_SAMPLE.param("temperature")),
        ),
    ] = TEMPERATURE,
    seed: Annotated[
        int | None,
        typer.Option(
            help="The same seed gives the same texts. Default: a random one, which is printed.",
            show_default=False,
            **protocol_number(_SAMPLE.param("seed")),
        ),
    ] = None,
    start: Annotated[
        int,
        typer.Option(
            help="Number of the first text, counted from 0.",
            **protocol_number(_SAMPLE.param("number")),
        ),
    ] = 0,
    prompt: Annotated[
        str, typer.Option(help="Text that every sample begins with.", metavar="TEXT")
    ] = "",
    forever: Annotated[bool, typer.Option("--forever", help="Keep writing until Ctrl-C.")] = False,
    no_reset: NoReset = False,
    pace: Pace = False,
    json: Json = False,
) -> None:
    chosen = secrets.randbelow(1_000_000) if seed is None else seed
    connecting = Target(port, baud, no_reset, pace=pace).connect()
    if forever:
        count = _NUMBERS - start
    work = _sample(connecting, count, temperature, chosen, start, prompt, json)
    run(until_interrupted(work) if forever else work)


async def _sample(
    connecting: AbstractAsyncContextManager[Device],
    count: int,
    temperature: float,
    seed: int,
    start: int,
    prompt: str,
    json: bool,
) -> None:
    async with connecting as device:
        require_last_device(device, "sample")
        say(f"{device.description}, seed {seed}")
        texts = sample_texts(
            device, count, seed=seed, first=start, temperature=temperature, prompt=prompt
        )
        async for text in texts:
            if json:
                print_json({"seed": seed, **dataclasses.asdict(text)})
            else:
                # A terminal shows that the context was full; a file holds the text alone.
                cut = not text.ended and sys.stdout.isatty()
                typer.echo(text.text + (typer.style("…", dim=True) if cut else ""))
