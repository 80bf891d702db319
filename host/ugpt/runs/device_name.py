"""A device in few words, of the text that a run keeps of it."""

from __future__ import annotations

import re

_PACE = r" at the pace of an \w+ \(estimated\)"
_PLACE = re.compile(rf"(.+?) \(board ([^,)]+)[^)]*\)({_PACE})?( on .+)?")


def in_short(place: str) -> str:
    """Such as `esp32 on /dev/ttyUSB0` or `virtual esp32, paced`; what is no such text stays."""
    if (found := _PLACE.fullmatch(place)) is None:
        return place
    kind, board, pace, where = found.groups(default="")
    name = f"virtual {board}" if kind == "virtual device" else kind
    return f"{name}{where.replace(' on socket://', ' on ', 1)}{', paced' if pace else ''}"


def without_pace(place: str) -> str:
    """How fast a virtual device pretends to be makes no other device of it."""
    return re.sub(_PACE, "", place, count=1)
