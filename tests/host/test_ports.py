"""Which port is taken, and how each way of not getting one is explained."""

from __future__ import annotations

import pytest

from ugpt import errors
from ugpt.device import virtual
from ugpt.device.ports import VIRTUAL, PortInfo, choose_port, list_ports
from ugpt.device.target import Target, connect
from ugpt.errors import UgptError
from ugpt.rpc.errors import DeviceError, DocumentGap, DoesNotFit, SeveralPorts, device_error
from ugpt.rpc.messages import ERRORS, ErrorCode

CP210X = PortInfo("/dev/ttyUSB0", "CP2102 USB to UART", "CP210x", "0001")
CH340 = PortInfo("/dev/ttyUSB1", "USB Serial", "CH340", "")
MODEM = PortInfo("/dev/ttyS0", "", "", "")


def test_the_one_board_is_taken() -> None:
    choice = choose_port(None, [MODEM, CP210X])
    assert choice.port == "/dev/ttyUSB0"
    assert "CP210x" in choice.reason
    assert not choice.is_virtual


@pytest.mark.parametrize("target", ["virtual", Target("virtual", window=3)])
def test_connect_takes_a_port_or_a_target(
    target: str | Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[Target] = []
    monkeypatch.setattr(Target, "connect", lambda target, **options: connected.append(target))
    connect(target)
    assert connected == [Target("virtual") if target == "virtual" else target]


@pytest.mark.parametrize("ports", [[], [MODEM]])
def test_without_a_board_the_virtual_device_is_taken(ports: list[PortInfo]) -> None:
    choice = choose_port(None, ports)
    assert choice.port == VIRTUAL
    assert choice.is_virtual
    assert choice.reason == "no board is plugged in"


def test_several_boards_are_listed() -> None:
    with pytest.raises(SeveralPorts) as caught:
        choose_port(None, [CP210X, CH340])
    assert caught.value.ports == ("/dev/ttyUSB0", "/dev/ttyUSB1")
    assert "/dev/ttyUSB0, /dev/ttyUSB1" in str(caught.value)
    assert "--port /dev/ttyUSB0" in str(caught.value)


def test_a_named_port_is_taken_whatever_is_plugged_in() -> None:
    assert choose_port("socket://localhost:5555", [CP210X, CH340]).port == "socket://localhost:5555"
    assert choose_port(VIRTUAL, [CP210X]).is_virtual


def test_boards_are_known_by_their_usb_bridge(monkeypatch: pytest.MonkeyPatch) -> None:
    class Found:
        def __init__(self, device: str, vid: int | None, pid: int | None) -> None:
            self.device, self.vid, self.pid = device, vid, pid
            self.description, self.serial_number = "n/a", None

    found = [
        Found("/dev/ttyS0", None, None),
        Found("/dev/ttyUSB3", 0x1A86, 0x7523),
        Found("/dev/ttyACM0", 0x303A, 0x1001),
        Found("/dev/ttyACM1", 0x2341, 0x0043),
    ]
    monkeypatch.setattr("ugpt.device.ports.pyserial_ports.comports", lambda: found)
    assert [(port.device, port.bridge, port.is_esp32) for port in list_ports()] == [
        ("/dev/ttyACM0", "USB-Serial-JTAG", True),
        ("/dev/ttyUSB3", "CH340", True),
        ("/dev/ttyACM1", "", False),
        ("/dev/ttyS0", "", False),
    ]


def test_every_error_code_has_its_exception() -> None:
    classes = set()
    for code in ErrorCode:
        error = device_error(code, "It failed", 12)
        assert error.CODE == error.code == code
        assert str(error).endswith(ERRORS[code].advice)
        assert ".." not in str(error)
        in_words = code in (ErrorCode.GAP, ErrorCode.LONG_PROMPT)  # with their detail
        assert in_words or ERRORS[code].doc in str(device_error(code))
        classes.add(type(error))
    assert classes == set(DeviceError.__subclasses__())


def test_an_error_code_of_the_future_is_still_an_error() -> None:
    error = device_error(200, "Something new.")
    assert type(error) is DeviceError
    assert str(error) == "Something new."


def test_details_are_put_into_words() -> None:
    fits_not = device_error(ErrorCode.DOES_NOT_FIT, "It does not fit.", 12345)
    assert isinstance(fits_not, DoesNotFit)
    assert fits_not.missing_bytes == 12345
    assert "12,345 bytes" in str(fits_not)
    gap = device_error(ErrorCode.GAP, "A gap.", 7)
    assert isinstance(gap, DocumentGap)
    assert gap.wanted == 7


def test_the_tree_at_the_top_of_the_module_is_complete() -> None:
    def below(cls: type[UgptError]) -> set[type[UgptError]]:
        return {cls}.union(*(below(sub) for sub in cls.__subclasses__()))

    assert errors.__doc__ is not None
    drawn = set(errors.__doc__.replace("|", " ").replace(",", " ").split())
    families = {cls for cls in below(UgptError) if cls.__module__.endswith(".errors")}
    assert {cls.__name__ for cls in families} <= drawn


async def test_a_device_is_named_without_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that sentences can have it in their midst."""
    monkeypatch.setattr(virtual, "kept_flash", lambda board: (virtual.IN_MEMORY, "it is odd"))
    async with Target(VIRTUAL).connect() as device:
        assert device.description == "virtual device (board esp32)"
        assert device.introduction("seed 5") == "virtual device (board esp32), seed 5; it is odd"
        assert device.until_restart().introduction() == "virtual device (board esp32); it is odd"
