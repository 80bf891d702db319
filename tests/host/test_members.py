"""Who is there: every board once, by a name that lasts, and why the others are left out."""

from __future__ import annotations

import os
import pty
import re
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from tests.support.devices import listening_device
from tests.support.in_process import Program
from ugpt.device import ports as device_ports
from ugpt.device.ports import PortInfo
from ugpt.device.target import Target
from ugpt.fleet import asking, members, places
from ugpt.fleet.asking import ask_each
from ugpt.fleet.errors import NoBoards
from ugpt.fleet.members import find_members, name_order, named_apart
from ugpt.fleet.places import Place
from ugpt.rpc import link
from ugpt.rpc.errors import PortNotFound


@pytest.fixture(autouse=True)
def _nothing_is_plugged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    plugged_in(monkeypatch)


def plugged_in(monkeypatch: pytest.MonkeyPatch, *ports: str) -> None:
    present = [PortInfo(port, "", "CP210x", f"SN{index}") for index, port in enumerate(ports)]
    for module in (places, device_ports):
        monkeypatch.setattr(module, "list_ports", lambda: present)


@pytest.mark.parametrize("count", [1, 3])
async def test_so_many_virtual_boards_and_no_other(count: int) -> None:
    found = await find_members([], virtual=count)
    assert [member.name for member in found.members] == [
        f"virtual-{number}" for number in range(1, count + 1)
    ]
    assert len({member.hello.device_id for member in found.members}) == count
    assert not found.left_out


async def test_virtual_boards_of_several_computers_have_names_of_their_own() -> None:
    found = [(await find_members([], virtual=2)).members for _ in range(2)]
    here, there = map(named_apart, found)
    names = {member.name for member in (*here, *there)}
    assert len(names) == 4
    assert all(re.fullmatch(r"virtual-[0-9a-f]{12}", name) for name in names)


async def test_the_pace_is_that_of_the_virtual_boards(tmp_path: Path) -> None:
    async with listening_device("tcp", tmp_path / "flash") as port:
        found = await find_members([port], virtual=1, pace=True)
    assert sorted((each.target.pace, each.hello.clock_hz > 0) for each in found.members) == [
        (False, False),
        (True, True),
    ]


async def test_a_board_keeps_its_name_at_another_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = []
    for form in ("tcp", "pty"):
        async with listening_device(form, tmp_path / "flash") as port:
            if form == "pty":
                plugged_in(monkeypatch, port)
            found = await find_members([port] if form == "tcp" else [])
            names += [member.name for member in found.members]
    assert len(names) == 2
    assert len(set(names)) == 1
    assert names[0].startswith("virtual-")


async def test_a_board_that_is_reached_twice_counts_once(tmp_path: Path) -> None:
    async with listening_device("tcp", tmp_path / "flash") as port:
        other = port.replace("127.0.0.1", "localhost")
        found = await find_members([port, other, port])
    assert [member.target.port for member in found.members] == [port]
    assert not found.left_out


async def test_a_plugged_in_board_that_is_named_too_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening_device("pty", tmp_path / "flash") as port:
        plugged_in(monkeypatch, port)
        (tmp_path / "link").symlink_to(port)
        found = await find_members(["SN0", str(tmp_path / "link")])
    assert len(found.members) == 1
    assert not found.left_out


async def test_a_list_gives_a_board_its_name(tmp_path: Path) -> None:
    async with listening_device("tcp", tmp_path / "flash") as port:
        (tmp_path / "lab.toml").write_text(f"[[board]]\nname = 'window'\nport = '{port}'\n")
        found = await find_members([port], boards_file=tmp_path / "lab.toml")
    assert [member.name for member in found.members] == ["window"]


async def test_the_others_go_on_without_one_that_is_not_there(tmp_path: Path) -> None:
    async with listening_device("tcp", tmp_path / "flash") as port:
        found = await find_members([port, "/dev/no-such-port"], virtual=1)
    assert len(found.members) == 2
    assert [left_out.where for left_out in found.left_out] == ["/dev/no-such-port"]
    assert "/dev/no-such-port cannot be opened" in found.left_out[0].reason


async def test_no_board_is_restarted_by_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Target] = []

    def connect(target: Target) -> object:
        opened.append(target)
        raise PortNotFound("/dev/ttyUSB0", "no device is behind it", "")

    monkeypatch.setattr(Target, "connect", connect)
    for at_first_rate in (True, False):
        await ask_each(
            [Place("a board", Target("/dev/ttyUSB0"))], AsyncMock(), at_first_rate=at_first_rate
        )
    assert [(target.no_reset, target.baud) for target in opened] == [(True, 115_200), (True, None)]


async def test_nobody_waits_for_a_silent_board(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_ANSWER_TIMEOUT_S", 0.3)
    far, near = pty.openpty()
    try:
        with pytest.raises(NoBoards, match=f"Nothing answers on {os.ttyname(near)} within"):
            await find_members([os.ttyname(near)])
    finally:
        os.close(far)
        os.close(near)


async def test_other_firmware_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "__version__", "9.0.0")
    with pytest.raises(NoBoards, match=r"virtual-1 has the firmware .*, this program is 9\.0\.0"):
        await find_members([], virtual=1)
    with pytest.raises(NoBoards, match=r"None of 2 boards .*virtual-1 .*virtual-2 "):
        await find_members([], virtual=2)


async def test_another_protocol_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "PROTOCOL_MAJOR", 2)
    with pytest.raises(NoBoards, match=r"speaks version 1 of the protocol, this program version 2"):
        await find_members([], virtual=1)


async def test_no_board_at_all() -> None:
    with pytest.raises(NoBoards, match=r"^No board is plugged in, and none is named\. Plug"):
        await find_members([])


def test_names_are_sorted_as_people_count() -> None:
    names = ["virtual-10", "esp32-9e3ffc72a8a4", "virtual-2", "window", "esp32-00121fa8a400", "2"]
    assert sorted(names, key=name_order) == [
        "2",
        "esp32-00121fa8a400",
        "esp32-9e3ffc72a8a4",
        "virtual-2",
        "virtual-10",
        "window",
    ]


def test_a_board_of_old_firmware_is_called_after_its_port() -> None:
    hello = link.Hello(1, 0, "0.1.0", "esp32", "esp32", False, 2, 0, (), 0, 0, 2048, 4, 0)
    place = Place("/dev/ttyUSB0", members.Target("/dev/ttyUSB0"))
    assert members.board_name(place, hello) == "/dev/ttyUSB0"
    assert members.board_key(place, hello) == "/dev/ttyUSB0"


# The command


def test_the_table_of_boards(ugpt: Program) -> None:
    said = ugpt("boards", "--virtual", "2", "--port", "/dev/no-such-port")
    header, *rows = said.out.splitlines()
    assert header.split()[:3] == ["name", "where", "chip"]
    assert [row.split()[0] for row in rows] == ["virtual-1", "virtual-2", "-"]
    assert "nothing" in rows[0]
    assert "nobody" in rows[0]
    assert "unreachable" in rows[2]
    assert "/dev/no-such-port cannot be opened" in said.err


def test_boards_as_json_with_a_list_of_the_folder(ugpt: Program) -> None:
    (ugpt.folder / "boards.toml").write_text("[[board]]\nname='x'\nport='/dev/no-such-port'\n")
    rows = ugpt("boards", "--virtual", "1", "--json").out.splitlines()
    assert '"name": "virtual-1"' in rows[0]
    assert '"state": "empty"' in rows[0]
    assert '"name": "x"' in rows[1]
    assert '"state": "unreachable"' in rows[1]


@pytest.mark.parametrize("what", ["a folder", "a link to nowhere"])
def test_a_list_of_the_folder_that_cannot_be_read_is_told(ugpt: Program, what: str) -> None:
    place = ugpt.folder / "boards.toml"
    place.mkdir() if what == "a folder" else place.symlink_to("elsewhere.toml")
    said = ugpt("boards", "--virtual", "1", status=1)
    assert "The list of boards boards.toml cannot be read" in said.err


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 1, "No board is plugged in, and none is named."),
        (("--pace",), 2, "there is no virtual board"),
        (("--virtual", "1000"), 2, "not in the range 0 to 256"),
        (("--port", "socket://nowhere"), 2, "it names no port"),
        (("--boards", "none.toml"), 1, "The list of boards none.toml cannot be read"),
    ],
)
def test_boards_that_cannot_be_listed(
    ugpt: Program, arguments: tuple[str, ...], status: int, said: str
) -> None:
    assert said in ugpt("boards", *arguments, status=status).err
