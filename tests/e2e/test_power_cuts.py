"""The power of a device is cut at any byte that it writes: the run ends with the same weights.

Where the cuts are is read from the log of a run that nothing disturbed. Such a run is a sequence of
stores, each of which writes one region of the flash; every store is cut at several places.
"""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from pathlib import Path

import pytest

import ugpt as library
from tests.support.commands import CommandLine, digest
from tests.support.devices import device_process
from tests.support.in_process import Program, program
from ugpt.device import virtual

pytestmark = pytest.mark.usefixtures("undrawn")

NAMES = Path(__file__).parents[2] / "data" / "names.txt"
SHAPE = ("--n-embd", "4", "--n-head", "2", "--block-size", "8")
TRAIN = (*SHAPE, "--steps", "24", "--save-every", "8", "--run", "R")
END_TIMEOUT_S = 20.0


class Place(Enum):
    """How far a store has come when the power goes."""

    ERASING = "half of the sectors are erased"
    FIRST = "the first byte of the content is written"
    MIDDLE = "half of the content is written"
    LAST = "the content is written but for its last byte"
    HEADER = "half of the header is written"
    ALMOST = "the header is written but for its last byte"
    WHOLE = "all is written, and the next store has not begun"


@dataclass(frozen=True)
class Act:
    """A write or an erasure."""

    name: str
    region: str
    offset: int
    size_bytes: int
    start: int
    """Bytes that had been written before."""

    @property
    def end(self) -> int:
        return self.start + self.size_bytes


@dataclass(frozen=True)
class Store:
    """What is written to one region before another has its turn."""

    acts: tuple[Act, ...]

    def bytes_until(self, place: Place) -> int:
        """How many bytes a device has written when it comes to that place."""
        erasures = [act for act in self.acts if act.name == "erase"]
        content = [act for act in self.acts if act.name == "write" and act.offset]
        header = [act for act in self.acts if act.name == "write" and not act.offset]
        match place:
            case Place.ERASING:
                return (erasures[0].start + erasures[-1].end) // 2
            case Place.FIRST:
                return content[0].start + 1
            case Place.MIDDLE:
                return (content[0].start + content[-1].end) // 2 + 1  # never between two values
            case Place.LAST:
                return content[-1].end - 1
            case Place.HEADER:
                return (header[0].start + header[0].end) // 2
            case Place.ALMOST:
                return header[0].end - 1
            case Place.WHOLE:
                return self.acts[-1].end


def read_log(path: Path) -> dict[str, Store]:
    """The stores of a run by region, numbered from 1 on, in their order."""
    acts: list[Act] = []
    for line in path.read_text().splitlines():
        name, region, offset, size = line.split()
        acts.append(Act(name, region, int(offset), int(size), acts[-1].end if acts else 0))
    stores: dict[str, Store] = {}
    for region, of_region in groupby(acts, key=lambda act: act.region):
        number = 1 + sum(name.startswith(region) for name in stores)
        stores[f"{region} {number}"] = Store(tuple(of_region))
    return stores


EVERYWHERE = tuple(Place)
HEADER_ONLY = (Place.ERASING, Place.HEADER, Place.ALMOST, Place.WHOLE)

APPENDED = (Place.FIRST, Place.MIDDLE, Place.LAST, Place.WHOLE)

WATCHED = {
    "checkpoint_a 1": EVERYWHERE,
    "settings_a 1": EVERYWHERE,  # that the host has saved these weights
    "checkpoint_b 1": EVERYWHERE,
    "settings_a 2": APPENDED,
    "checkpoint_a 2": EVERYWHERE,
    "settings_a 3": APPENDED,
}
DETACHED = {
    "documents 1": EVERYWHERE,
    "loss_history 1": HEADER_ONLY,
    "checkpoint_a 1": EVERYWHERE,
    "loss_history 2": APPENDED,
    "checkpoint_b 1": EVERYWHERE,
    "loss_history 3": APPENDED,
    "checkpoint_a 2": EVERYWHERE,
    "loss_history 4": APPENDED,
    "checkpoint_b 2": EVERYWHERE,
}
SWITCHES = ("on", "off")
SETTINGS = {"settings_a 1": HEADER_ONLY, "settings_b 1": HEADER_ONLY}


def cuts(stores: dict[str, tuple[Place, ...]]) -> list[object]:
    return [
        pytest.param(store, place, id=f"{store} {place.name.lower()}".replace(" ", "-"))
        for store, places in stores.items()
        for place in places
    ]


@dataclass(frozen=True)
class Undisturbed:
    """What became of a run, and what its device wrote on the way."""

    run: Path
    stores: dict[str, Store]


def undisturbed(cli: CommandLine, *arguments: str) -> Undisturbed:
    folder = cli.folder
    text = folder / "few.txt"
    text.write_text("".join(NAMES.read_text().splitlines(keepends=True)[:60]))
    with device_process(folder / "flash", "--flash-log", str(folder / "log")) as (_, port):
        cli("train", text, *TRAIN, *arguments, "--port", port)
        if "--detach" in arguments:
            cli("attach", "--run", "R", "--port", port)
    return Undisturbed(folder / "R", read_log(folder / "log"))


@pytest.fixture(scope="module")
def watched(
    tmp_path_factory: pytest.TempPathFactory, command_line: Callable[[Path], CommandLine]
) -> Undisturbed:
    return undisturbed(command_line(tmp_path_factory.mktemp("watched")))


@pytest.fixture(scope="module")
def detached(
    tmp_path_factory: pytest.TempPathFactory, command_line: Callable[[Path], CommandLine]
) -> Undisturbed:
    return undisturbed(command_line(tmp_path_factory.mktemp("detached")), "--detach")


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory, command_line: Callable[[Path], CommandLine]
) -> dict[str, Store]:
    folder = tmp_path_factory.mktemp("settings")
    with device_process(folder / "flash", "--flash-log", str(folder / "log")) as (_, port):
        for switch in SWITCHES:
            command_line(folder)("autorun", switch, "--port", port)
    return read_log(folder / "log")


@pytest.fixture
def ugpt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    return program(tmp_path, monkeypatch, capsys)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that gives up a lost device at once, as if it had gone with it."""
    monkeypatch.setattr("ugpt.training.retry.RETRY_DELAYS_S", ())


def check(run: Path, expected: Path) -> None:
    assert digest(run) == digest(expected)
    assert (run / "metrics.jsonl").read_bytes() == (expected / "metrics.jsonl").read_bytes()
    assert (run / "samples.txt").read_bytes() == (expected / "samples.txt").read_bytes()


def check_but_for_losses(run: Path, expected: Path) -> None:
    """As `check`; the losses that only the device's memory held may be missing."""
    assert digest(run) == digest(expected)
    assert (run / "samples.txt").read_bytes() == (expected / "samples.txt").read_bytes()
    kept = metrics(run)
    assert [line for line in metrics(expected) if line in kept] == kept


def metrics(run: Path) -> list[str]:
    return (run / "metrics.jsonl").read_text().splitlines()


def test_every_store_is_cut(
    watched: Undisturbed, detached: Undisturbed, settings: dict[str, Store]
) -> None:
    assert list(watched.stores) == list(WATCHED)
    *by_itself, told = detached.stores
    assert (by_itself, told) == (list(DETACHED), "settings_a 1")
    assert list(settings) == list(SETTINGS)
    check(detached.run, watched.run)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("store", "place"), cuts(WATCHED))
def test_a_watched_run(
    ugpt: Program, tmp_path: Path, watched: Undisturbed, store: str, place: Place
) -> None:
    flash, text = tmp_path / "flash", watched.run.parent / "few.txt"
    cut = str(watched.stores[store].bytes_until(place))
    with device_process(flash, "--power-cut-after", cut) as (process, port):
        ugpt("train", text, *TRAIN, "--port", port, status=1)
        assert process.wait(END_TIMEOUT_S) == 1
    with device_process(flash) as (_, port):
        said = ugpt("train", "--resume", "R", "--port", port)
    if place is Place.WHOLE:  # the device is ahead of the folder, and goes on from there
        check_but_for_losses(tmp_path / "R", watched.run)
        if metrics(tmp_path / "R") != metrics(watched.run):
            assert "missing" in said.out + said.err
    else:
        check(tmp_path / "R", watched.run)


@pytest.mark.parametrize("store", WATCHED)
def test_a_watched_run_whose_host_waits(
    ugpt: Program,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    watched: Undisturbed,
    store: str,
) -> None:
    place = Place.HEADER if Place.HEADER in WATCHED[store] else Place.MIDDLE
    cut = watched.stores[store].bytes_until(place)
    once = tmp_path / "once"
    device = tmp_path / "device"
    device.write_text(
        "#!/bin/sh\n"
        f'mkdir {shlex.quote(str(once))} 2>/dev/null && set -- "$@" --power-cut-after {cut}\n'
        f'exec {shlex.quote(str(virtual.program()))} "$@"\n'
    )
    device.chmod(0o755)
    monkeypatch.setenv(virtual.PROGRAM_VARIABLE, str(device))
    said = ugpt("train", watched.run.parent / "few.txt", *TRAIN, "--json").out
    events = [json.loads(line)["event"] for line in said.splitlines()]
    assert events.count("interrupted") == events.count("restored") == 1
    check(tmp_path / "R", watched.run)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("store", "place"), cuts(DETACHED))
def test_a_detached_run(
    ugpt: Program,
    tmp_path: Path,
    watched: Undisturbed,
    detached: Undisturbed,
    store: str,
    place: Place,
) -> None:
    flash, text = tmp_path / "flash", watched.run.parent / "few.txt"
    cut = str(detached.stores[store].bytes_until(place))
    with device_process(flash, "--power-cut-after", cut) as (process, port):
        # The power may go while the host still looks on, or later.
        status = ugpt("train", text, *TRAIN, "--detach", "--port", port, status=None).status
        assert process.wait(END_TIMEOUT_S) == 1
    with device_process(flash) as (_, port):
        if status != 0:
            again = ("--resume", "R") if (tmp_path / "R").exists() else (text, *TRAIN)
            ugpt("train", *again, "--detach", "--port", port)
        ugpt("attach", "--run", "R", "--port", port)
    check(tmp_path / "R", watched.run)


@pytest.mark.parametrize(("store", "place"), cuts(SETTINGS))
def test_settings(
    ugpt: Program, tmp_path: Path, settings: dict[str, Store], store: str, place: Place
) -> None:
    """A board does what it was told last, or before."""

    async def autorun(port: str) -> bool:
        async with library.connect(port) as device:
            return (await device.status()).autorun

    flash, last = tmp_path / "flash", list(SETTINGS).index(store)
    cut = str(settings[store].bytes_until(place))
    with device_process(flash, "--power-cut-after", cut) as (process, port):
        for switch in SWITCHES[:last]:
            ugpt("autorun", switch, "--port", port)
        ugpt("autorun", SWITCHES[last], "--port", port, status=1)
        assert process.wait(END_TIMEOUT_S) == 1
    with device_process(flash) as (_, port):
        written = last + (place is Place.WHOLE)
        assert asyncio.run(autorun(port)) == (written == 1)
        ugpt("autorun", SWITCHES[last], "--port", port)
        assert asyncio.run(autorun(port)) == (SWITCHES[last] == "on")
