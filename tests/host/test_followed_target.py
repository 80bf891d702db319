"""A board that comes back as another port is found; another board in its place is not taken."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.devices import listening_device
from ugpt.device import followed_target, ports
from ugpt.device.followed_target import FollowedTarget, find_again
from ugpt.device.ports import VIRTUAL, PortInfo, choose_port, follow_link
from ugpt.device.target import Target
from ugpt.rpc.errors import PortNotFound, SeveralPorts

MINE = PortInfo("/dev/ttyUSB0", "", "CP210x", "D7A2", "1-1.2")
GENERIC = PortInfo("/dev/ttyUSB0", "", "CP210x", "0001", "1-1.2")
CLONE = PortInfo("/dev/ttyUSB5", "", "CP210x", "0001", "1-1.4")
CH340 = PortInfo("/dev/ttyUSB0", "", "CH340", "", "1-1.2")


def moved(port: PortInfo, device: str = "/dev/ttyUSB1", location: str | None = None) -> PortInfo:
    return replace(port, device=device, location=port.location if location is None else location)


@pytest.mark.parametrize(
    ("board", "present", "found"),
    [
        (MINE, [moved(MINE)], "/dev/ttyUSB1"),
        (MINE, [moved(MINE, location="3-4")], "/dev/ttyUSB1"),
        (MINE, [replace(MINE, serial_number="E9"), moved(MINE)], "/dev/ttyUSB1"),
        (MINE, [replace(MINE, serial_number="E9")], None),
        (MINE, [], None),
        (GENERIC, [moved(GENERIC), CLONE], "/dev/ttyUSB1"),
        (GENERIC, [moved(CLONE, "/dev/ttyUSB0"), moved(GENERIC)], "/dev/ttyUSB1"),
        (GENERIC, [moved(CLONE, "/dev/ttyUSB0"), moved(CLONE, location="7-1")], None),
        (CH340, [moved(CH340)], "/dev/ttyUSB1"),
        (CH340, [moved(CH340, "/dev/ttyUSB0", "2-1"), moved(CH340)], "/dev/ttyUSB1"),
        (CH340, [moved(CH340, "/dev/ttyUSB0", "2-1")], "/dev/ttyUSB0"),
        (CH340, [moved(CH340, "/dev/ttyUSB1", "2-1")], None),
        (CH340, [moved(MINE, "/dev/ttyUSB0")], None),
    ],
)
def test_a_board_is_known_again(
    board: PortInfo, present: list[PortInfo], found: str | None
) -> None:
    again = find_again(board, present)
    assert (again.device if again else None) == found


def plugged_in(monkeypatch: pytest.MonkeyPatch, *present: PortInfo) -> None:
    for module in (ports, followed_target):
        monkeypatch.setattr(module, "list_ports", lambda: list(present))


@pytest.mark.parametrize("named", [None, "/dev/ttyUSB0", "d7a2"])
def test_a_target_follows_its_board(monkeypatch: pytest.MonkeyPatch, named: str | None) -> None:
    opened: list[str | None] = []
    monkeypatch.setattr(Target, "connect", lambda target, *, at, **options: opened.append(at.port))
    target = FollowedTarget(Target(named))
    plugged_in(monkeypatch, MINE)
    target.connect()
    plugged_in(monkeypatch)
    with pytest.raises(PortNotFound, match=r"/dev/ttyUSB0 .*its board is not plugged in"):
        target.connect()
    plugged_in(monkeypatch, GENERIC)
    with pytest.raises(PortNotFound):
        target.connect()
    plugged_in(monkeypatch, GENERIC, moved(MINE))
    target.connect()
    assert opened == ["/dev/ttyUSB0", "/dev/ttyUSB1"]


def test_a_run_of_the_virtual_device_stays_there(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str | None] = []
    monkeypatch.setattr(Target, "connect", lambda target, *, at, **options: opened.append(at.port))
    plugged_in(monkeypatch)
    targets = [FollowedTarget(Target()), FollowedTarget(Target(pace=True))]
    for target in targets:
        target.connect()
    plugged_in(monkeypatch, MINE)
    for target in targets:
        target.connect()
    assert opened == [VIRTUAL] * 4


def test_an_address_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    plugged_in(monkeypatch, MINE)
    target = FollowedTarget(Target("socket://localhost:5555"))
    assert target.find().port == target.find().port == "socket://localhost:5555"


# Names of a port


def test_a_port_is_named_by_its_serial_number() -> None:
    choice = choose_port("d7a2", [CLONE, MINE])
    assert choice.port == "/dev/ttyUSB0"
    assert choice.reason == "serial number d7a2"


def test_a_serial_number_that_several_have_names_none() -> None:
    with pytest.raises(SeveralPorts, match="/dev/ttyUSB0, /dev/ttyUSB5"):
        choose_port("0001", [GENERIC, CLONE])


def test_what_names_nothing_is_passed_on() -> None:
    assert choose_port("COM3", [MINE]).port == "COM3"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such links")
def test_a_link_is_what_it_leads_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ttyUSB0", "ttyUSB1"):
        (tmp_path / name).touch()
    link = tmp_path / "by-id"
    link.symlink_to("ttyUSB0")
    choice = choose_port(str(link), [])
    assert choice.port == os.path.realpath(tmp_path / "ttyUSB0")
    assert choice.reason == str(link)
    assert follow_link(choice) == choice
    plugged_in(monkeypatch)
    target = FollowedTarget(Target(str(link)))
    assert target.find().port == choice.port
    link.unlink()
    link.symlink_to("ttyUSB1")
    assert target.find().port == os.path.realpath(tmp_path / "ttyUSB1")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
async def test_doctor_and_monitor_take_a_link_for_its_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ugpt.diagnostics import doctor

    link = tmp_path / "by-id"
    async with listening_device("pty", tmp_path / "flash") as port:
        link.symlink_to(port)
        board = PortInfo(port, "", "CP210x", "D7A2")
        monkeypatch.setattr(doctor, "list_ports", lambda: [board])
        plugged_in(monkeypatch, board)
        found = [
            [
                finding
                async for finding in doctor.examine(Target(name, no_reset=True))
                if finding.name in ("permission", "other programs", "chip")
            ]
            for name in (port, str(link))
        ]
        assert found[0] == found[1]
        assert "--no-reset" in found[0][-1].text
        assert FollowedTarget(Target(str(link))).find().port == port
