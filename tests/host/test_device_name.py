"""A device in few words, as tables have it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.peer import HELLO
from ugpt.device.ports import VIRTUAL, Choice
from ugpt.device.target import _describe
from ugpt.rpc.messages import Hello
from ugpt.runs.device_name import in_short, without_pace

BOARD = HELLO
UNPACED = replace(HELLO, virtual_device=True, board="esp32", clock_hz=0)
PACED = replace(UNPACED, clock_hz=240_000_000)
PSRAM = replace(PACED, chip="esp32s3", board="esp32s3-psram", estimated=True)


@pytest.mark.parametrize(
    ("port", "hello", "short"),
    [
        ("/dev/ttyUSB0", BOARD, "esp32 on /dev/ttyUSB0"),
        (VIRTUAL, UNPACED, "virtual esp32"),
        (VIRTUAL, PACED, "virtual esp32, paced"),
        (VIRTUAL, PSRAM, "virtual esp32s3-psram, paced"),
        ("socket://host:5555", PACED, "virtual esp32 on host:5555, paced"),
    ],
)
def test_what_a_run_keeps_of_its_device(port: str, hello: Hello, short: str) -> None:
    assert in_short(_describe(Choice(port, ""), hello)) == short


@pytest.mark.parametrize("text", ["", "virtual device", "two boards (mine)"])
def test_another_text_stays(text: str) -> None:
    assert in_short(text) == without_pace(text) == text


def test_only_the_pace_is_left_out() -> None:
    texts = {_describe(Choice("socket://h:1", ""), hello) for hello in (PACED, UNPACED)}
    assert len(texts) == 2
    assert {*map(without_pace, texts)} == {"virtual device (board esp32) on socket://h:1"}
