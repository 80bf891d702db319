"""Measure the speed of training, sampling and the link.

What is saved on the board is kept: the benchmark runs in memory only, and the board restarts
afterwards.
"""

from __future__ import annotations

import datetime
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from ... import __version__
from ...device.target import Target
from ...device.virtual import IN_MEMORY
from ...diagnostics.benchmark import VOCABULARY, Measurement, Phases, measure
from ...diagnostics.receipt import receipt, receipt_text
from ...rpc.messages import Hello, Shape
from ...runs.files import write_atomically
from ...training.fit import check_shape
from ...view.output import console, print_fields, print_json, say
from ...view.style import ACCENT, QUIET, bar, byte_count, rate
from ...wording import counted
from ..numbers import decimal_number
from ..options import Baud, BlockSize, Json, NEmbd, NHead, NLayer, Port, given_options
from ..overwriting import Overwrite, run_asking
from ..paths import path

EXAMPLES = [
    "ugpt bench",
    "ugpt bench --port /dev/ttyUSB0 --n-embd 32 --n-layer 2",
    "ugpt bench --json > bench.json",
    "ugpt bench --receipt my-board.json     # welcome in an issue",
]

_SHAPE = {"n_layer", "n_embd", "n_head", "block_size"}
_BAR_WIDTH = 24
_PART_NAMES = {
    "link": "the link",
    "training": "training",
    "phases": "the phases of a step",
    "sampling": "sampling",
    "standard_run": "the weights after 1,000 steps",
}


def command(
    context: typer.Context,
    port: Port = None,
    baud: Baud = None,
    n_layer: NLayer = 1,
    n_embd: NEmbd = 16,
    n_head: NHead = 4,
    block_size: BlockSize = 16,
    seconds: Annotated[
        float,
        typer.Option(
            help="Duration of each measurement.",
            **decimal_number(0.1, 600.0),
        ),
    ] = 2.0,
    receipt_file: Annotated[
        Path | None,
        typer.Option(
            "--receipt",
            help="Also write a file for docs/boards.md: speeds, versions, and the digest of a run "
            "of 1,000 steps, which is the same on every board.",
            metavar="FILE",
            show_default=False,
            parser=path,
        ),
    ] = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    shape = Shape(n_layer, n_embd, n_head, block_size, len(VOCABULARY) + 1)
    check_shape(shape)
    if receipt_file:
        _refuse_beside_receipt(context)
    work = partial(_bench, Target(port, baud), shape, seconds, json, receipt_file is not None)
    measured, hello = run_asking(work, overwrite, json=json)
    if receipt_file:
        values = receipt(measured, hello, __version__, datetime.date.today())
        write_atomically(receipt_file, receipt_text(values).encode())
        say(f"The receipt is in {receipt_file}.")
    if json:
        print_json(measured.to_json())
    else:
        _show(measured)


async def _bench(
    target: Target,
    shape: Shape,
    seconds: float,
    json: bool,
    standard_run: bool,
    may_overwrite: bool,
) -> tuple[Measurement, Hello]:
    def on_part(part: str) -> None:
        if not json:
            say(f"measuring {_PART_NAMES[part]} ...")

    # Should it be the virtual device, it gets a flash of its own.
    async with replace(target, flash=IN_MEMORY).connect() as device:
        hello = device.hello
        measured = await measure(device, shape, seconds, on_part, standard_run=standard_run)
        return measured, hello


def _refuse_beside_receipt(context: typer.Context) -> None:
    for name, option in given_options(context).items():
        if name in _SHAPE:
            raise typer.BadParameter(
                "a receipt is of the standard model; leave it out", param_hint=option
            )


def _show(measured: Measurement) -> None:
    link, training, sampling = measured.link, measured.training, measured.sampling
    shape = measured.shape
    baud = f"{link.baud:,} baud, " if link.baud else ""
    print_fields(
        {
            "device": measured.device,
            "model": f"{counted(measured.parameters, 'parameter')}: n_layer {shape.n_layer}, "
            f"n_embd {shape.n_embd}, n_head {shape.n_head}, block_size {shape.block_size}",
            "training": f"{rate(training.steps_per_s)} steps/s, "
            f"{training.positions_per_step:.2f} positions a step",
            "sampling": f"{rate(sampling.names_per_s)} names/s, "
            f"{rate(sampling.tokens_per_s)} tokens/s",
            "link": f"{baud}{byte_count(link.sent_bytes_per_s)}/s to the device, "
            f"{byte_count(link.received_bytes_per_s)}/s from it, "
            f"round trip {link.round_trip_s * 1000:.1f} ms",
        }
    )
    _show_phases(measured.phases)


def _show_phases(phases: Phases) -> None:
    console().print(
        Text(f"\n{'phase':<12}{'cycles a step':>15}{'us a step':>11}{'share':>8}", QUIET)
        if not _counts_time(phases)
        else Text(f"\n{'phase':<12}{'us a step':>11}{'share':>8}", QUIET)
    )
    for name, ticks in phases.ticks_per_step.items():
        share = ticks / phases.total_ticks
        line = _figures(name, ticks, share, phases)
        line.append("  ").append_text(bar(share, _BAR_WIDTH, ACCENT))
        console().print(line)
    console().print(_figures("step", phases.total_ticks, 1.0, phases))


def _figures(name: str, ticks: float, share: float, phases: Phases) -> Text:
    cycles = "" if _counts_time(phases) else f"{ticks:>15,.0f}"
    microseconds = ticks / phases.tick_hz * 1e6
    return Text.assemble((f"{name:<12}", ACCENT), f"{cycles}{microseconds:>11,.1f}{share:>8.1%}")


def _counts_time(phases: Phases) -> bool:
    """Whether the counter is a clock of nanoseconds rather than one of cycles."""
    return phases.tick_hz == 1_000_000_000
