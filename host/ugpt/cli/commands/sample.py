"""Generate texts with the model on the board."""

from __future__ import annotations

import dataclasses
import secrets
import sys
from collections.abc import AsyncIterator, Coroutine
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ...data.known import KnownTexts
from ...data.vocabulary import Vocabulary
from ...device.client import Device
from ...device.target import Target
from ...errors import UgptError
from ...rpc.messages import METHODS, Loaded
from ...runs.folder import Run
from ...runs.naming import find_folder
from ...training.belonging import require_last_device
from ...training.originality import NewTexts, texts_of_model
from ...training.reopen import load_dataset
from ...training.sampling import TEMPERATURE, SampledText, sample_texts
from ...training.stored_model import stored_model
from ...view.output import console, print_json, say
from ...wording import counted
from ..loading import load_shown
from ..numbers import protocol_number, whole_number
from ..options import Json, Pace, TargetGroup, run_until_interrupted
from ..overwriting import Overwrite, run_asking
from ..run_names import run_option
from ..texts import MovedTexts

_SAMPLE = METHODS["sample"]
_NUMBERS = _SAMPLE.param("number").range[1] + 1  # of the texts of a seed

_DRAWS = 100  # for each new text that is wanted, at most
_PANEL = "How a text is drawn"

EXAMPLES = [
    "ugpt sample",
    "ugpt sample -n 5 --temperature 0.8 --prompt ka",
    "ugpt sample -n 1 --temperature 0     # the likeliest character each time",
    "ugpt sample --temperature 1 --top-p 0.9",
    "ugpt sample --new     # only texts that it was not trained on",
    "ugpt sample -n 3 --seed 7     # the same three every time",
    "ugpt sample -n 1 --seed 7 --start 2     # only the third of them",
    "ugpt sample --run names-20260101-120000     # the model of an earlier run",
    "ugpt sample --forever",
]


def command(
    count: Annotated[
        int, typer.Option("-n", "--count", help="Number of texts.", **whole_number(1))
    ] = 20,
    *,
    target: TargetGroup,
    temperature: Annotated[
        float,
        typer.Option(
            help="Sampling temperature: low values play safe, high ones take risks; 0 takes the "
            "likeliest character each time.",
            rich_help_panel=_PANEL,
            **protocol_number(_SAMPLE.param("temperature")),
        ),
    ] = TEMPERATURE,
    top_k: Annotated[
        int,
        typer.Option(
            help="Draw from this many of the likeliest characters only; 0 for all.",
            rich_help_panel=_PANEL,
            **protocol_number(_SAMPLE.param("top_k")),
        ),
    ] = 0,
    top_p: Annotated[
        float,
        typer.Option(
            help="Draw from the fewest of the likeliest characters that together have this "
            "probability; 1 for all.",
            rich_help_panel=_PANEL,
            **protocol_number(_SAMPLE.param("top_p")),
        ),
    ] = 1.0,
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
            help="Index of the first text, counted from 0.",
            **protocol_number(_SAMPLE.param("number")),
        ),
    ] = 0,
    prompt: Annotated[
        str, typer.Option(help="Text that every sample begins with.", metavar="TEXT")
    ] = "",
    new: Annotated[
        bool,
        typer.Option(
            "--new",
            help=f"Leave out texts that are in the data set; try at most {_DRAWS} for each text "
            "wanted.",
        ),
    ] = False,
    data: MovedTexts = None,
    named: Annotated[
        Path | None,
        run_option(
            "--run", help="Put the model of this run on the board first, if it is not there."
        ),
    ] = None,
    overwrite: Overwrite = False,
    forever: Annotated[
        bool, typer.Option("--forever", help="Generate until Ctrl-C; --count is ignored.")
    ] = False,
    pace: Pace = False,
    json: Json = False,
) -> None:
    if not forever and count > _NUMBERS - start:
        most = f"there are {_NUMBERS - start:,} texts from --start {start} on, not {count:,}"
        raise typer.BadParameter(most, param_hint="--count")
    chosen = secrets.randbelow(1_000_000) if seed is None else seed
    wanted = _NUMBERS - start if forever else count
    opened = Run.open(find_folder(named)) if named else None
    asked = _Asked(
        wanted, chosen, start, temperature, top_k, top_p, prompt, new, data or [], json, opened
    )
    work = partial(_sample, dataclasses.replace(target, pace=pace), asked)
    if forever:
        run_asking(work, overwrite, json=json, runner=_forever)
    elif not run_asking(work, overwrite, json=json):
        raise typer.Exit(1)


@dataclasses.dataclass(frozen=True)
class _Asked:
    """What to draw, and how to show it."""

    count: int
    seed: int
    start: int
    temperature: float
    top_k: int
    top_p: float
    prompt: str
    new: bool
    data: list[Path]
    json: bool
    run: Run | None

    def texts(self, device: Device, draws: int) -> AsyncIterator[SampledText]:
        return sample_texts(
            device,
            draws,
            seed=self.seed,
            first=self.start,
            temperature=self.temperature,
            prompt=self.prompt,
            top_k=self.top_k,
            top_p=self.top_p,
        )

    async def known(self, device: Device) -> KnownTexts:
        name_it = "ugpt sample --data FILE"
        if self.run is not None:
            return KnownTexts(load_dataset(self.run, self.data, name_it).documents)
        return await texts_of_model(device, self.data, name_it)


def _forever(work: Coroutine[Any, Any, bool]) -> bool:
    run_until_interrupted(work)
    return True


async def _sample(target: Target, asked: _Asked, may_overwrite: bool) -> bool:
    """Prints texts; returns whether all that were wanted could be had."""
    model = stored_model(asked.run) if asked.run else None
    async with target.connect() as device:
        if model:
            await load_shown(device, model, may_overwrite)
        else:
            require_last_device(device, "sample")
        if (await device.status()).loaded is Loaded.STORY:
            say("The pretrained model leaves the memory to the one that was trained.")
        say(device.introduction(f"seed {asked.seed}"))
        await _tell_form(device, asked.prompt)
        if asked.new:
            return await _sample_new(device, asked)
        known = None
        if sys.stdout.isatty() and not asked.json:
            known = await _known_if_at_hand(device, asked)
        async for text in asked.texts(device, asked.count):
            _print(text, asked, known)
        return True


async def _tell_form(device: Device, prompt: str) -> None:
    """A prompt may be read in another form than it has, so that the model knows its letters."""
    read = Vocabulary(await device.vocabulary()).adapt(prompt) if prompt else prompt
    if read != prompt:
        say(f"The prompt is read as {read!r}: the model knows its letters in this form only.")


async def _sample_new(device: Device, asked: _Asked) -> bool:
    draws = min(asked.count * _DRAWS, _NUMBERS - asked.start)
    new = NewTexts(await asked.known(device), asked.count, draws)
    async for text in new.among(asked.texts(device, draws)):
        _print(text, asked)
    if new.found == new.wanted:
        return True
    say(
        f"Gave up after {counted(new.drawn, 'text')}: {new.found:,} of {new.wanted:,} wanted are "
        "new, and all others stand in the data set. A higher --temperature may help."
    )
    return False


async def _known_if_at_hand(device: Device, asked: _Asked) -> KnownTexts | None:
    try:
        return await asked.known(device)
    except UgptError as error:
        say(f"Texts that stand in the data set are not marked: {error.message}")
        return None


def _print(text: SampledText, asked: _Asked, known: KnownTexts | None = None) -> None:
    if asked.json:
        print_json({"seed": asked.seed, **dataclasses.asdict(text)})
        return
    # Marks are for a terminal; a file holds the texts alone.
    stands_in_data = known is not None and text.text in known
    console().result(text.text, "dim" if stands_in_data else "", mark="" if text.ended else "…")
