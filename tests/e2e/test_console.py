"""A board on its own, and a person at a serial terminal that knows nothing of ugpt."""

from __future__ import annotations

import asyncio
import os
import re
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from llama_models import SMALL, random_model, stories

from tests.support.commands import CommandLine
from tests.support.devices import listening_device
from tests.support.stories import LONG, endless_model, put_model
from ugpt.models.layouts import TensorFormat
from ugpt.models.model import LanguageModel

if sys.platform == "win32":
    pytest.skip("needs pseudo-terminals", allow_module_level=True)

TIMEOUT_S = 60.0
PROMPT = "\r\n> "
# As good as the likeliest token each time, whatever the random numbers are.
COLD = ("--temperature", "0.001")


@dataclass
class Terminal:
    """A serial terminal without any wit."""

    descriptor: int
    shown: str = ""

    def until(self, end: str) -> str:
        """All up to and with `end`."""
        deadline_s = time.monotonic() + TIMEOUT_S
        while (found := self.shown.find(end)) < 0:
            assert time.monotonic() < deadline_s, self.shown
            if select.select([self.descriptor], [], [], 1.0)[0]:
                self.shown += os.read(self.descriptor, 4096).decode("utf-8", "replace")
        text, self.shown = self.shown[: found + len(end)], self.shown[found + len(end) :]
        return text

    def press(self, keys: str) -> None:
        os.write(self.descriptor, keys.encode())


@contextmanager
def terminal(port: str) -> Iterator[Terminal]:
    descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(descriptor, termios.TCSANOW)  # without losing what has come
    try:
        yield Terminal(descriptor)
    finally:
        os.close(descriptor)


async def switch_on(
    cli: CommandLine, flash: Path, model: LanguageModel, layout: TensorFormat, *options: str
) -> None:
    put_model(flash, model, layout)
    async with listening_device("tcp", flash) as port:
        said = cli("autorun", "on", "--console", *options, "--port", port)
        assert "will offer a story prompt after the next restart" in said


async def test_a_story_from_power_up(cli: CommandLine, tmp_path: Path) -> None:
    flash = tmp_path / "flash"
    await switch_on(cli, flash, stories(), TensorFormat.Q8, *COLD)
    async with listening_device("pty", flash) as port:

        def talk() -> str:
            with terminal(port) as person:
                person.until(PROMPT)
                person.press("Once upon\x1b[A a timf\x7fe\r")
                return person.until(PROMPT)

        story = await asyncio.to_thread(talk)
    assert story.startswith(
        "Once upon a timf\b \be, there was a little girl named Lily. She loved to play outside"
    )
    assert "(The context is full.)" in story or story.count("Lily") > 1
    assert not re.search(r"(?<!\r)\n", story)


async def test_a_prompt_that_is_too_long(cli: CommandLine, tmp_path: Path) -> None:
    flash = tmp_path / "flash"
    await switch_on(cli, flash, random_model(replace(SMALL, context=16)), TensorFormat.F32, *COLD)
    async with listening_device("pty", flash) as port:

        def talk() -> str:
            with terminal(port) as person:
                person.until(PROMPT)
                person.press(40 * "x" + "\r")
                return person.until(PROMPT)

        answer = await asyncio.to_thread(talk)
    assert answer.endswith("x\r\nThe prompt fills the context.\r\n> ")


async def test_ctrl_c_and_a_host_in_between(cli: CommandLine, tmp_path: Path) -> None:
    flash = tmp_path / "flash"
    await switch_on(cli, flash, endless_model(), TensorFormat.F32, *COLD)
    async with listening_device("pty", flash) as port:

        def begin() -> str:
            with terminal(port) as person:
                person.until(PROMPT)
                person.press("Once\r")
                person.until("Once")
                person.press("\x03")
                first = person.until(PROMPT)
                person.press("Once\r")
                person.until("Once")
                return first

        stopped = await asyncio.to_thread(begin)
        assert len(stopped) < LONG.context
        # A host in the middle of a story.
        info = await asyncio.to_thread(cli, "info", "--port", port)
        assert "the pretrained model" in info
        assert await asyncio.to_thread(
            cli, "write", "a", "--temperature", "0", "--max-tokens", "3", "--port", port
        )
        await asyncio.to_thread(cli, "reset", "--port", port)


async def test_a_reset_brings_the_prompt_back(cli: CommandLine, tmp_path: Path) -> None:
    flash = tmp_path / "flash"
    await switch_on(cli, flash, random_model(SMALL), TensorFormat.F32)
    for _ in range(2):  # the power is cut in between
        async with listening_device("pty", flash) as port:

            def greeted(port: str = port) -> str:
                with terminal(port) as person:
                    return person.until(PROMPT)

            assert "Type the beginning of a story" in await asyncio.to_thread(greeted)
    async with listening_device("tcp", flash) as port:
        assert "no longer writes on its own" in cli("autorun", "off", "--port", port)
