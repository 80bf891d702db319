"""Addresses: those that are none are one sentence, wherever one is taken."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.devices import listening_device
from tests.support.in_process import Program
from ugpt.device.target import connect
from ugpt.rpc.address import Address, parse_listen, parse_url
from ugpt.rpc.errors import PortNotFound

LONG_LABEL = "a" * 64

BAD = {
    "board..local:5555": "no host can be called 'board..local'",
    ".local:5555": "no host can be called",
    f"{LONG_LABEL}.local:5555": "no host can be called",
    ".".join(["a" * 60] * 5) + ":5555": "no host can be called",
    "two words:5555": "no host can be called",
    "bo\0ard:5555": "no host can be called",
    "user@board:5555": "no host can be called",
    "[board]:5555": "'board' is not an IPv6 address",
    "[::1:5555": "needs brackets",
    "localhost:" + "0" * 5000: "is not a port number",
    "::1:5555": "needs brackets.*[::1]:5555",
    "localhost:65536": "'65536' is not a port number",
    "localhost:99999": "'99999' is not a port number",
    "localhost:" + "9" * 5000: "is not a port number",
    "localhost:-1": "is not a port number",
    "localhost:+80": "is not a port number",
    "localhost:\u0663": "is not a port number",
    "localhost:": "is not a port number",
    "localhost": "it names no port",
    "[::1]": "it names no port",
}
GOOD = {
    "localhost:5555": Address("localhost", 5555),
    "board.local.:1": Address("board.local.", 1),
    "my_board:65535": Address("my_board", 65535),
    "192.0.2.7:5555": Address("192.0.2.7", 5555),
    "m\u00fcnchen.example:5555": Address("m\u00fcnchen.example", 5555),
    "[::1]:5555": Address("::1", 5555),
    "[fe80::1%eth0]:5555": Address("fe80::1%eth0", 5555),
}


@pytest.mark.parametrize(("text", "address"), GOOD.items())
def test_addresses(text: str, address: Address) -> None:
    assert parse_listen(text) == parse_url(f"socket://{text}") == address
    assert str(address) == text
    assert parse_url(f"rfc2217://{text}?ign_set_control") == address


@pytest.mark.parametrize("text", BAD)
@pytest.mark.parametrize("scheme", ["socket://", "rfc2217://", ""])
def test_what_is_no_address_is_one_sentence(scheme: str, text: str) -> None:
    with pytest.raises(PortNotFound, match=BAD[text].replace("[", r"\[")) as caught:
        parse_url(scheme + text) if scheme else parse_listen(text)
    assert caught.value.advice
    assert "\n" not in str(caught.value)


def test_only_a_listener_may_leave_a_part_open() -> None:
    assert parse_listen(":0") == Address("", 0)
    for text in ("socket://:5555", "socket://localhost:0"):
        with pytest.raises(PortNotFound, match=r"names no host|is not a port number"):
            parse_url(text)


@given(st.text(max_size=30))
def test_any_text_is_an_address_or_a_sentence(text: str) -> None:
    for parse in (parse_listen, parse_url):
        try:
            address = parse(text)
        except PortNotFound:
            continue
        assert 0 <= address.port <= 65535
        assert parse_listen(str(address)) == address


@pytest.mark.parametrize("text", ["board..local:5555", "localhost:99999", "::1:5555"])
@pytest.mark.parametrize(
    "command",
    [("info", "--port"), ("train", "names", "--port"), ("flash", "--port"), ("sim", "--listen")],
)
def test_every_command_refuses_it_at_once(
    ugpt: Program, command: tuple[str, ...], text: str
) -> None:
    scheme = "" if command[0] == "sim" else "socket://"
    said = ugpt(*command, scheme + text, status=2).err
    assert said.startswith(f"error: Port {scheme}{text} cannot be opened: ")
    assert len(said.split(". ")) == 2, said
    assert not (ugpt.folder / "runs").exists()


def test_the_doctor_finds_that_it_is_none(ugpt: Program) -> None:
    said = ugpt("doctor", "--port", "socket://board..local:5555", status=1)
    assert said.out.startswith("fail    port")
    assert "no host can be called 'board..local'" in said.out


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this computer has no IPv6 loopback")
async def test_a_device_listens_at_an_ipv6_address(tmp_path: Path) -> None:
    extra = ("--listen", "[::1]:0")
    async with listening_device("socket", tmp_path / "flash", *extra) as port:
        assert port.startswith("socket://[::1]:")
        async with connect(port) as device:
            assert await device.ping(b"here") == b"here"
