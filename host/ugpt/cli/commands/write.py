"""Write a story with the pretrained model on the board.

Standard output gets the prompt and what follows it, as it is written; everything else goes to
standard error. `ugpt model push` puts a model on the board.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import sys
from dataclasses import dataclass, field
from typing import Annotated

import typer

from ...device.client import Device
from ...device.stories import StoryText, TextWish
from ...device.target import Target
from ...rpc.errors import BadStory
from ...rpc.messages import METHODS, ErrorCode, Loaded, Status, TextEnd
from ...view.growing_line import GrowingText
from ...view.output import console, print_json, say
from ...view.style import byte_count
from ...wording import counted
from ..numbers import protocol_number, whole_number
from ..options import Json, StoryContext, TargetGroup, run

_BEGIN = METHODS["text_begin"]
_PANEL = "How it is written"

EXAMPLES = [
    'ugpt write "Once upon a time"',
    'ugpt write "Tom and Sue" --temperature 0     # the likeliest token each time',
    'ugpt write "The dog" --seed 7 --max-tokens 100 > story.txt',
    'ugpt write "Once" --stop "." --json',
]


def command(
    prompt: Annotated[
        str, typer.Argument(metavar="PROMPT", help="How the story begins.", show_default=False)
    ] = "",
    *,
    target: TargetGroup,
    temperature: Annotated[
        float,
        typer.Option(
            help="Low values play safe, high ones take risks; 0 takes the likeliest token each "
            "time.",
            rich_help_panel=_PANEL,
            **protocol_number(_BEGIN.param("temperature")),
        ),
    ] = TextWish.temperature,
    top_k: Annotated[
        int,
        typer.Option(
            help="Draw from this many of the likeliest tokens only; 0 for all.",
            rich_help_panel=_PANEL,
            **protocol_number(_BEGIN.param("top_k")),
        ),
    ] = TextWish.top_k,
    top_p: Annotated[
        float,
        typer.Option(
            help="Draw from the fewest of the likeliest tokens that together have this "
            "probability; 1 for all.",
            rich_help_panel=_PANEL,
            **protocol_number(_BEGIN.param("top_p")),
        ),
    ] = TextWish.top_p,
    seed: Annotated[
        int | None,
        typer.Option(
            help="The same seed gives the same story. Default: a random one, which is printed.",
            show_default=False,
            rich_help_panel=_PANEL,
            **protocol_number(_BEGIN.param("seed")),
        ),
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            help="Stop after this many tokens, those of the prompt not counted.",
            show_default=False,
            **whole_number(1, _BEGIN.param("max_tokens").range[1]),
        ),
    ] = None,
    stop: Annotated[
        list[str] | None,
        typer.Option(
            help="End before this text; may be given several times.",
            metavar="TEXT",
            show_default=False,
        ),
    ] = None,
    context: StoryContext = None,
    json: Json = False,
) -> None:
    chosen = secrets.randbelow(1_000_000) if seed is None else seed
    wish = TextWish(prompt, chosen, temperature, top_k, top_p, max_tokens or 0, context or 0)
    run(_write(target, wish, [text for text in stop or [] if text], json))


async def _write(target: Target, wish: TextWish, stops: list[str], json: bool) -> None:
    async with target.connect() as device:
        before = await device.status()
        text = await device.begin_text(wish)
        _tell_of_run(before)
        model = f"model {text.story.name or 'without a name'}"
        say(device.introduction(model, f"seed {wish.seed}"))
        page = _Page(wish, _StopTexts(stops), shown=not json)
        try:
            await _fill(page, text, device, json)
        finally:
            page.leave()
        if text.ended is TextEnd.NOT_FINITE and not page.stopped:
            raise BadStory(
                ErrorCode.BAD_STORY,
                "The model gave something that is not a number, so the text ends here",
                advice="Its weights are too large, or the file is damaged: push another model.",
            )


async def _fill(page: _Page, text: StoryText, device: Device, json: bool) -> None:
    try:
        await page.fill(text)
    except asyncio.CancelledError:
        # Ctrl-C: what the board has written by then is kept.
        page.interrupt()
        await text.stop()
        await page.fill(text)
        page.close(text, json, await _remark(device, text))
        raise
    if page.stopped:
        await text.stop()
    page.close(text, json, "" if page.stopped else await _remark(device, text))


async def _remark(device: Device, text: StoryText) -> str:
    """Why a text ends that its model has not ended."""
    if text.ended is TextEnd.STOPPED:
        return "The text was stopped before its end."
    if text.ended is not TextEnd.CONTEXT_FULL:
        return ""
    context, longest = text.story.context, await device.longest_texts()
    more = f"; --context {longest} has more room" if longest > context else ""
    return f"The context of {context:,} tokens is full{more}."


def _tell_of_run(before: Status) -> None:
    """The trained model has left its memory to the other one, and nothing of it is lost."""
    if before.loaded is Loaded.RUN:
        say(
            f"The model trained to step {before.step:,} has made room and stays in the flash; "
            "sampling or training loads it again."
        )


class _StopTexts:
    """Finds the first of some texts in one that comes in pieces."""

    def __init__(self, stops: list[str]) -> None:
        self._stops = stops
        self._held = ""
        self.found = False

    def take(self, piece: str) -> str:
        """What can be shown: nothing that may be the beginning of such a text."""
        text = self._held + piece
        places = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if places:
            self.found, self._held = True, ""
            return text[: min(places)]
        held = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def rest(self) -> str:
        """What was held back, when nothing follows."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of `text` are the beginning of `stop`."""
    most = min(len(text), len(stop) - 1)
    return next((size for size in range(most, 0, -1) if text.endswith(stop[:size])), 0)


@dataclass
class _Page:
    """The prompt and what follows it: shown as it comes, unless it is JSON."""

    wish: TextWish
    stop_texts: _StopTexts
    shown: bool
    text: str = ""
    growing: GrowingText = field(default_factory=lambda: GrowingText(console()))

    def __post_init__(self) -> None:
        prompt = self.wish.prompt.encode("utf-8", "surrogateescape")
        self._put(prompt.decode("utf-8", "replace"))

    @property
    def stopped(self) -> bool:
        return self.stop_texts.found

    async def fill(self, text: StoryText) -> None:
        async for piece in text.pieces():
            self._put(self.stop_texts.take(piece))
            if self.stopped:
                return

    def interrupt(self) -> None:
        """Somebody has pressed Ctrl-C."""
        self.growing.interrupt()

    def leave(self) -> None:
        """Nothing is held back any more, and what follows stands in a line of its own."""
        self.growing.end()

    def close(self, text: StoryText, json: bool, remark: str) -> None:
        self._put(self.stop_texts.rest())
        if json:
            print_json(self._described(text))
        self.leave()
        if remark:
            say(remark)
        if sys.stdout.isatty() and not json:
            say(_summary(text))

    def _put(self, piece: str) -> None:
        self.text += piece
        if self.shown and piece:
            self.growing.put(piece)

    def _described(self, text: StoryText) -> dict[str, object]:
        story = text.story
        return {
            "text": self.text,
            "prompt_tokens": text.prompt_tokens,
            "tokens": text.tokens,
            "ended": "stop_text" if self.stopped else text.ended.name.lower(),
            "tokens_per_s": round(text.tokens_per_s, 3),
            "sha256": hashlib.sha256(self.text.encode("utf-8", "surrogateescape")).hexdigest(),
            "seed": self.wish.seed,
            "context": story.context,
            "model": {"name": story.name, "sha256": story.sha256.hex()},
            "weights": {
                "memory_bytes": story.memory_bytes,
                "word_memory_bytes": story.word_memory_bytes,
                "flash_bytes": story.flash_bytes,
                "flash_bytes_per_token": story.flash_bytes_per_token,
            },
        }


def _summary(text: StoryText) -> str:
    story = text.story
    places = {
        "memory": story.memory_bytes,
        "IRAM": story.word_memory_bytes,
        "flash": story.flash_bytes,
    }
    lay = ", ".join(f"{byte_count(size)} in {place}" for place, size in places.items() if size)
    return (
        f"{counted(text.tokens, 'token')}, {text.tokens_per_s:,.1f} tokens/s; weights: {lay or '-'}"
    )
