"""A board behind the TCP port of `ugpt serve`, within the process of a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ugpt import Device, Target
from ugpt.fleet.guest import Lobby
from ugpt.fleet.served_board import ServedBoard
from ugpt.rpc.address import Address


@dataclass
class Served:
    """A board that is offered at `address`; `remarks` are what the server has said."""

    address: Address
    lobby: Lobby
    remarks: list[str] = field(default_factory=list)

    @property
    def port(self) -> str:
        return f"socket://{self.address}"

    async def connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self.address.host, self.address.port)


@asynccontextmanager
async def served(
    port: str, *, highest_baud: int = 0, most_guests: int = 128
) -> AsyncIterator[Served]:
    remarks: list[str] = []
    lobby = Lobby(most_guests)
    board = ServedBoard("board", Target(port), highest_baud, lobby, remarks.append)
    try:
        address = await board.listen(Address("127.0.0.1", 0))
        yield Served(address, lobby, remarks)
    finally:
        await board.close()


async def works(device: Device, times: int = 1) -> None:
    """Checks that it answers, and right."""
    for number in range(times):
        payload = number.to_bytes(2, "big") * 100
        assert await device.ping(payload) == payload
