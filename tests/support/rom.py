"""The loader in the ROM of an ESP32, as far as esptool talks to it, and what it starts.

The frames and commands are those of Espressif's serial protocol:
https://docs.espressif.com/projects/esptool/en/latest/esp32/advanced-topics/serial-protocol.html
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

FLASH_BYTES = 4 * 2**20

_MAGIC_REGISTER, _MAGIC = 0x40001000, 0x00F01D83
_SPI_W0, _FLASH_ID = 0x3FF42080, 0x1640EF  # a Winbond chip of 4 MiB
_END = b"\xc0"


class RomLoader:
    """A chip behind a TCP port: in download mode until it has been written, then a device.

    `flash` is its flash. `lost_after` is the number of blocks after which the cable is pulled.
    `device` is the address (host, port) of the device that answers once the firmware runs, and
    with `runs_already` before, too, to whoever does not begin as esptool does.
    """

    def __init__(self) -> None:
        self.flash = bytearray(b"\xff" * FLASH_BYTES)
        self.lost_after: int | None = None
        self.device: tuple[str, int] | None = None
        self.runs_already = False
        self.address = ""
        self.written_blocks = 0
        self._write_at = 0
        self._running = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first = await reader.readexactly(1)
            if self.device and (self._running or (self.runs_already and first != _END)):
                await self._run_device(first, reader, writer)
            else:
                await self._load(first, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _load(
        self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        is_begun = first == _END
        while True:
            if not is_begun:
                await reader.readuntil(_END)
            is_begun = False
            packet = (await reader.readuntil(_END))[:-1]
            if not packet:
                continue
            packet = packet.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
            _, command, _, _ = struct.unpack_from("<BBHI", packet)
            if command == 0x03 and self.written_blocks == self.lost_after:
                return
            value, data, failed = self._obey(command, packet[8:])
            status = bytes([failed, 5 if failed else 0, 0, 0])
            answer = struct.pack("<BBHI", 1, command, len(data) + 4, value) + data + status
            answer = answer.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
            # A ROM answers the first greeting eight times.
            writer.write((_END + answer + _END) * (8 if command == 0x08 else 1))
            await writer.drain()

    def _obey(self, command: int, data: bytes) -> tuple[int, bytes, bool]:
        """Value, data and failure of the answer."""
        match command:
            case 0x02:  # FLASH_BEGIN: size to erase, blocks, block size, offset
                size, _, _, self._write_at = struct.unpack_from("<IIII", data)
                self.flash[self._write_at : self._write_at + size] = b"\xff" * size
            case 0x03:  # FLASH_DATA
                size, number = struct.unpack_from("<II", data)
                at = self._write_at + number * 0x400
                self.flash[at : at + size] = data[16 : 16 + size]
                self.written_blocks += 1
            case 0x0A:  # READ_REG
                (register,) = struct.unpack_from("<I", data)
                return {_MAGIC_REGISTER: _MAGIC, _SPI_W0: _FLASH_ID}.get(register, 0), b"", False
            case 0x13:  # SPI_FLASH_MD5
                at, size = struct.unpack_from("<II", data)
                self._running = True
                return 0, hashlib.md5(self.flash[at : at + size]).hexdigest().encode(), False
            case 0x08:  # SYNC: a stub would answer 0
                return 0x20120707, b"", False
            case 0x04 | 0x09 | 0x0B | 0x0D:  # FLASH_END, WRITE_REG, SPI set-up
                pass
            case _:
                return 0, b"", True
        return 0, b"", False

    async def _run_device(
        self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        assert self.device is not None
        far_reader, far_writer = await asyncio.open_connection(*self.device)
        far_writer.write(first)
        pumps = [
            asyncio.create_task(_pump(reader, far_writer)),
            asyncio.create_task(_pump(far_reader, writer)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.wait(pumps)
        far_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def rom_loader() -> AsyncIterator[RomLoader]:
    """Its port is `.address`."""
    rom = RomLoader()
    server = await asyncio.start_server(rom.serve, "127.0.0.1", 0)
    rom.address = f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield rom
    finally:
        server.close()
