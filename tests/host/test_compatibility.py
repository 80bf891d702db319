"""What is said of firmware that is older or newer than this program."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.peer import HELLO
from ugpt.device.compatibility import Age, compare_firmware, missing_regions
from ugpt.rpc.messages import PROTOCOL_MINOR
from ugpt.wording import update_command


@pytest.mark.parametrize(
    ("build", "minor", "age", "words"),
    [
        ("0.2.0", PROTOCOL_MINOR, Age.SAME, ""),
        ("0.1.9", PROTOCOL_MINOR, Age.OLDER, "older than the 0.2.0 of this program"),
        ("0.2", PROTOCOL_MINOR, Age.OLDER, "older than the 0.2.0"),
        ("0.10.0", PROTOCOL_MINOR, Age.NEWER, ""),
        ("test", PROTOCOL_MINOR, Age.SAME, ""),
        ("0.2.0", PROTOCOL_MINOR - 1, Age.OLDER, "older than this program (0.2.0, protocol 1."),
        ("9.0.0", PROTOCOL_MINOR - 1, Age.OLDER, "commands that need more are refused"),
        ("0.1.0", PROTOCOL_MINOR + 1, Age.NEWER, "newer than this program (0.2.0, protocol 1."),
    ],
)
def test_the_protocol_decides_and_then_the_release(
    build: str, minor: int, age: Age, words: str
) -> None:
    compared = compare_firmware(replace(HELLO, build=build, minor=minor), "0.2.0")
    assert compared.age is age
    assert words in compared.text
    assert bool(compared.advice) == bool(words)


def test_what_to_do_depends_on_the_device() -> None:
    older = replace(HELLO, minor=PROTOCOL_MINOR - 1)
    assert "ugpt flash" in compare_firmware(older, "0.2.0").advice
    virtual = compare_firmware(replace(older, virtual_device=True), "0.2.0").advice
    assert "Install this program again" in virtual
    newer = replace(HELLO, minor=PROTOCOL_MINOR + 1)
    assert update_command() in compare_firmware(newer, "0.2.0").advice


def test_a_foreign_partition_table_is_noticed() -> None:
    assert missing_regions(HELLO) == ""  # older firmware does not tell
    assert missing_regions(replace(HELLO, regions=(1, 2, 3))) == ""
    said = missing_regions(replace(HELLO, regions=(1, 0, 3, 0)))
    assert said.endswith("it lacks 2 of the 4 regions that the firmware keeps its data in.")
    assert "it lacks all 4 regions" in missing_regions(replace(HELLO, regions=(0, 0, 0, 0)))
