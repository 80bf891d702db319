"""The rooms of device/src: each includes only what docs/architecture.md says that it uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "device" / "src"

_ROW = re.compile(r"^\| `device/src/(\w+)/` \|.*\| ([^|]+) \|$", re.MULTILINE)
_INCLUDE = re.compile(r'^#include "(\w+)/', re.MULTILINE)


def described_rooms() -> dict[str, set[str]]:
    """What each room uses, as the page has it."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    return {
        room: set() if uses == "nothing" else set(re.findall(r"\w+", uses))
        for room, uses in _ROW.findall(page)
    }


def includes() -> Iterator[tuple[Path, str, str]]:
    """Each include of a room by a source file: the file, its room, the room included."""
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir()}
    for path in sorted(SOURCE.rglob("*")):
        if path.suffix in {".h", ".cpp"}:
            for included in _INCLUDE.findall(path.read_text("utf-8")):
                if included in rooms:
                    yield path, path.relative_to(SOURCE).parts[0], included


def test_the_page_has_every_room() -> None:
    assert set(described_rooms()) == {path.name for path in SOURCE.iterdir() if path.is_dir()}


def test_rooms_include_only_what_they_use() -> None:
    allowed = described_rooms()
    wrong = [
        f"{path.relative_to(ROOT)} includes {included}/, which {room}/ does not use"
        for path, room, included in includes()
        if included not in allowed[room] | {room}
    ]
    assert not wrong, "\n".join(wrong)


def test_arrows_run_one_way() -> None:
    uses = described_rooms()
    done: set[str] = set()
    while len(done) < len(uses):
        ready = {room for room in uses if room not in done and uses[room] <= done}
        assert ready, f"a cycle among {sorted(set(uses) - done)}"
        done |= ready


def test_only_ports_and_main_know_a_platform() -> None:
    header = re.compile(
        r'^#include "port/(?:posix|esp32)/|^#include "(?:esp_|freertos/|driver/)', re.M
    )
    for path in SOURCE.rglob("*"):
        if path.suffix in {".h", ".cpp"} and header.search(path.read_text("utf-8")):
            assert path.relative_to(SOURCE).parts[0] in {"port", "main"}, path
