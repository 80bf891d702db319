"""How the firmware of a device and this program go together; docs/protocol.md has the policy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from ..rpc.errors import REINSTALL, FlashFailed, NoRoom
from ..rpc.messages import PROTOCOL_MAJOR, PROTOCOL_MINOR, Hello
from ..wording import update_command

_FLASH = "Write the current firmware to the board: ugpt flash"
OWN_TABLE = "Write the whole firmware with its own partition table: ugpt flash"
"""What helps against `missing_regions`."""
_UPDATE = "Update this program to use what is new in the firmware:"


class Age(Enum):
    """Of the firmware, compared with this program."""

    OLDER = "older"
    SAME = "same"
    NEWER = "newer"


@dataclass(frozen=True)
class Comparison:
    """How old the firmware is, in words, and what to do; both empty if there is nothing to do."""

    age: Age
    text: str = ""
    advice: str = ""


def compare_firmware(hello: Hello, program: str) -> Comparison:
    """Compares what a device says of itself with the release `program` of this package.

    The minor version of the protocol decides, since it says what can be asked of the device; if it
    is the same, the version of the firmware.
    """
    update = REINSTALL if hello.virtual_device else _FLASH
    known = f"protocol {PROTOCOL_MAJOR}.{PROTOCOL_MINOR}"
    if hello.minor < PROTOCOL_MINOR:
        text = f"older than this program ({program}, {known}): commands that need more are refused"
        return Comparison(Age.OLDER, text, update)
    if hello.minor > PROTOCOL_MINOR:
        text = f"newer than this program ({program}, {known})"
        return Comparison(Age.NEWER, text, f"{_UPDATE} {update_command()}")
    ours, theirs = _release(program), _release(hello.build)
    if ours and theirs and theirs < ours:
        return Comparison(Age.OLDER, f"older than the {program} of this program", update)
    return Comparison(Age.NEWER if ours and theirs and theirs > ours else Age.SAME)


def missing_regions(hello: Hello) -> str:
    """That the partition table on the board is a foreign one, in a sentence; empty if it is not.

    Firmware before protocol 1.1 does not tell.
    """
    missing = sum(size == 0 for size in hello.regions)
    if not missing:
        return ""
    count = "all" if missing == len(hello.regions) else f"{missing} of the"
    return (
        "The board has another partition table than this firmware's: it lacks "
        f"{count} {len(hello.regions)} regions that the firmware keeps its data in."
    )


@contextmanager
def table_blamed(hello: Hello) -> Iterator[None]:
    """Within the block a failure of the flash names a foreign partition table, if there is one."""
    try:
        yield
    except (FlashFailed, NoRoom) as error:
        if missing := missing_regions(hello):
            raise type(error)(error.code, missing, advice=OWN_TABLE) from None
        raise


def _release(version: str) -> tuple[int, ...]:
    """The numbers at the front of a version: (0, 2, 0) of "0.2.0.dev1"."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, found.group().split("."))) if found else ()
