"""What `ugpt` says to a board with firmware of another version."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from tests.support.commands import CommandLine
from tests.support.peer import HELLO, Peer, Refused, serving
from ugpt.rpc.codec import encode_record
from ugpt.rpc.messages import (
    PROTOCOL_MINOR,
    DeviceState,
    ErrorCode,
    FlashMode,
    Hello,
    Status,
)
from ugpt.wording import update_command


def board(hello: Hello) -> Peer:
    """A board without a model that tells no more than its version knows."""

    def no_model(params: list[object]) -> list[object]:
        raise Refused(ErrorCode.NO_MODEL, "The device holds no model.")

    peer = Peer(hello)
    peer.handlers["model_info"] = no_model
    status = encode_record(Status(DeviceState.EMPTY, 0, 0, 0, 0, 0.0, 0, 0, 0, 1, 0, 0, 0))
    peer.handlers["status"] = lambda params: [status[:15] if hello.minor == 0 else status]
    peer.handlers["self_test"] = lambda params: [7, 7]
    return peer


async def told(cli: CommandLine, hello: Hello, command: str = "info", *more: str) -> str:
    async with serving(board(hello)) as port:
        return await asyncio.to_thread(cli, command, "--port", port, *more)


async def test_older_firmware(cli: CommandLine) -> None:
    older = replace(HELLO, minor=PROTOCOL_MINOR - 1, build="0.0.9")
    said = await told(cli, older)
    assert "0.0.9, protocol 1.0; older than this program" in said
    assert "ugpt flash" in said
    described = json.loads(await told(cli, older, "info", "--json"))
    assert described["firmware"]["age"] == "older"
    assert "ugpt flash" in described["firmware"]["advice"]
    assert "older than this program" in await told(cli, older, "doctor")


async def test_what_a_board_tells_of_its_chip(cli: CommandLine) -> None:
    hello = replace(
        HELLO,
        flash_bytes=4 << 20,
        flash_mode=FlashMode.DIO,
        flash_hz=40_000_000,
        chip_revision=301,
        image_sha256=bytes(range(32)),
    )
    said = await told(cli, hello)
    assert "esp32 v3.1, 2 cores" in said
    assert "4.0 MiB, read in DIO at 40 MHz, two checkpoints" in said
    described = json.loads(await told(cli, hello, "info", "--json"))["hello"]
    assert described["flash_mode"] == "DIO"
    assert described["image_sha256"] == bytes(range(32)).hex()


async def test_newer_firmware(cli: CommandLine) -> None:
    newer = replace(HELLO, minor=PROTOCOL_MINOR + 1, build="99.0.0")
    said = await told(cli, newer)
    assert "newer than this program" in said
    assert f"Update this program to use what is new in the firmware: {update_command()}" in said
    assert json.loads(await told(cli, newer, "info", "--json"))["firmware"]["age"] == "newer"
    assert "newer than this program" in await told(cli, newer, "doctor")


@pytest.mark.parametrize(
    ("build", "age", "words"), [("0.0.9", "older", "ugpt flash"), ("99.0.0", "newer", "")]
)
async def test_another_release_of_the_same_protocol(
    cli: CommandLine, build: str, age: str, words: str
) -> None:
    other = replace(HELLO, build=build)
    said = await told(cli, other)
    assert words in said
    assert ("older than the" in said) == (age == "older")
    assert json.loads(await told(cli, other, "info", "--json"))["firmware"]["age"] == age


async def test_another_protocol(cli: CommandLine) -> None:
    async with serving(board(replace(HELLO, major=2, build="2.0.0"))) as port:
        said = await asyncio.to_thread(cli.refused, "info", "--port", port)
    assert "firmware 2.0.0 speaks version 2 of the protocol, this program version 1" in said
    assert "ugpt flash" in said


async def test_a_foreign_partition_table(cli: CommandLine) -> None:
    foreign = replace(HELLO, regions=(458752, 458752, 0, 0), flash_bytes=4 * 2**20)
    said = await told(cli, foreign)
    assert "4.0 MiB" in said
    assert "lacks 2 of the 4 regions" in " ".join(said.split())
