"""The picture of the README shows what the dashboard shows today, of a run that was recorded."""

from __future__ import annotations

import json
import re
from html import unescape

from docs import picture
from tests.support.tools import ROOT


def shown(svg: str) -> list[str]:
    """Its texts; the rest depends on the version of rich."""
    return [unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def test_picture_is_up_to_date() -> None:
    assert shown(picture.draw()) == shown(picture.PICTURE.read_text("utf-8"))


def test_recording_is_an_asciicast() -> None:
    header, *events = map(json.loads, (ROOT / "docs/first-minute.cast").read_text().splitlines())
    assert (header["version"], header["width"], header["height"]) == (2, 80, 24)
    times = [time_s for time_s, kind, _ in events]
    assert times == sorted(times)
    assert {kind for _, kind, _ in events} == {"o"}
    assert "letter pairs" in events[len(events) // 2][2]
    assert "20,000 steps" in events[-1][2]
