"""Measure the speed of training, sampling and the link.

What is saved on the board is kept: the benchmark runs in memory only, and the board restarts
afterwards. With --model the pretrained model on the board is measured instead, without a restart.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from ... import __version__
from ...device.target import Target
from ...device.virtual import IN_MEMORY
from ...diagnostics.benchmark import VOCABULARY, Measurement, measure
from ...diagnostics.receipt import RECEIPT, receipt, receipt_text
from ...diagnostics.story_benchmark import StoryMeasurement, measure_stories
from ...rpc.messages import Hello, Shape
from ...runs.files import require_replaceable, write_atomically
from ...training.fit import check_shape
from ...training.options import ModelOptions, options_of
from ...view.output import console, print_fields, print_json, say
from ...view.style import ACCENT, QUIET, bar, byte_count, rate
from ...wording import counted
from ..numbers import decimal_number
from ..options import (
    Baud,
    Json,
    Port,
    given_options,
    refuse_given,
    run,
    story_context,
)
from ..overwriting import Overwrite, run_asking
from ..paths import output_path
from ..recipe import ModelGroup

EXAMPLES = [
    "ugpt bench",
    "ugpt bench --port /dev/ttyUSB0 --n-embd 32 --n-layer 2",
    "ugpt bench --json > bench.json",
    "ugpt bench --model                     # the pretrained model on the board",
    "ugpt bench --receipt my-board.json     # welcome in an issue",
]

_SHAPE = set(options_of(ModelOptions))
_OF_TRAINING = _SHAPE | {"receipt_file", "overwrite"}
STORIES = "Pretrained model"
_NANOSECONDS_HZ = 1_000_000_000
_BAR_WIDTH = 24
_PART_NAMES = {
    "link": "the link",
    "training": "training",
    "phases": "the phases of a step",
    "sampling": "sampling",
    "standard_run": "the weights after 1,000 steps",
    "stories": "the stories of the pretrained model",
    "token_phases": "the phases of a token",
}


def command(
    context: typer.Context,
    port: Port = None,
    baud: Baud = None,
    *,
    model_shape: ModelGroup,
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
            parser=output_path,
        ),
    ] = None,
    model: Annotated[
        bool,
        typer.Option(
            "--model", help="Measure the pretrained model on the board.", rich_help_panel=STORIES
        ),
    ] = False,
    context_wanted: Annotated[int | None, story_context(STORIES)] = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    _refuse_mixed(context, model)
    if model:
        stories = run(_bench_stories(Target(port, baud), context_wanted or 0, seconds, json))
        if json:
            print_json(stories.to_json())
        else:
            _show_stories(stories)
        return
    shape = model_shape.shape(len(VOCABULARY) + 1)
    check_shape(shape)
    if receipt_file:
        require_replaceable(receipt_file, RECEIPT)
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
    # Should it be the virtual device, it gets a flash of its own.
    async with replace(target, flash=IN_MEMORY).connect() as device:
        hello = device.hello
        measured = await measure(
            device,
            shape,
            seconds,
            _announcer(json),
            may_overwrite=may_overwrite,
            standard_run=standard_run,
        )
        return measured, hello


async def _bench_stories(
    target: Target, context: int, seconds: float, json: bool
) -> StoryMeasurement:
    async with target.connect() as device:
        return await measure_stories(device, context, seconds, _announcer(json))


def _announcer(json: bool) -> Callable[[str], None]:
    def announce(part: str) -> None:
        if not json:
            say(f"measuring {_PART_NAMES[part]} ...")

    return announce


def _refuse_mixed(context: typer.Context, model: bool) -> None:
    """Raises BadParameter for an option that does not go with the others."""
    given = given_options(context)
    if model:
        refused, why = _OF_TRAINING, "is not for --model"
    elif "receipt_file" in given:
        refused, why = (
            _SHAPE | {"context_wanted"},
            "a receipt is of the standard model; leave it out",
        )
    else:
        refused, why = {"context_wanted"}, "is for --model only"
    refuse_given(context, refused, why)


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
    _show_phases("step", measured.phases.tick_hz, measured.phases.ticks_per_step)


def _show_stories(measured: StoryMeasurement) -> None:
    estimate = measured.estimated_tokens_per_s
    print_fields(
        {
            "device": measured.device,
            "model": measured.model or "without a name",
            "texts": f"{measured.texts:,} with room for {counted(measured.context, 'token')}",
            "writing": f"{rate(measured.tokens_per_s)} tokens/s, {measured.tokens:,} in "
            f"{measured.duration_s:,.1f} s",
            "estimated": "nothing is known of this chip"
            if estimate is None
            else f"{rate(estimate)} tokens/s for texts that fill their room",
        }
    )
    phases = measured.phases
    _show_phases("token", phases.tick_hz, phases.ticks_per_token)


def _show_phases(unit: str, tick_hz: int, ticks: dict[str, float]) -> None:
    """What each part of a step or a token costs."""
    total = sum(ticks.values())
    in_cycles = tick_hz != _NANOSECONDS_HZ
    cycles = f"{f'cycles a {unit}':>16}" if in_cycles else ""
    console().print(Text(f"\n{'phase':<12}{cycles}{f'us a {unit}':>12}{'share':>8}", QUIET))

    def line(name: str, count: float) -> Text:
        cycles = f"{count:>16,.0f}" if in_cycles else ""
        share = count / total if total else 0.0
        figures = f"{cycles}{count / tick_hz * 1e6:>12,.1f}{share:>8.1%}"
        return Text.assemble((f"{name:<12}", ACCENT), figures)

    for name, count in ticks.items():
        bars = bar(count / total if total else 0.0, _BAR_WIDTH, ACCENT)
        console().print(line(name, count).append("  ").append_text(bars))
    console().print(line(unit, total))
