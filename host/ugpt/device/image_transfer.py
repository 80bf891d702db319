"""The image of a pretrained model over the link, as far as it is not on the device yet."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Awaitable, Callable, Sequence

from ..rpc import messages
from ..rpc.schema import Call
from .bulk import Bulk, Progress, counter

HEADER_BYTES = messages.METHODS["image_begin"].param("header").range[1]
BLOCK_BYTES = 4096
_BLOCKS_PER_REQUEST = messages.METHODS["image_checksums"].param("count").range[1]

_CRC = struct.Struct("<I")

Blocks = range
"""Blocks that follow each other: block i begins with byte HEADER_BYTES + BLOCK_BYTES * i."""


async def send(
    bulk: Bulk, content: bytes, missing: Sequence[Blocks], progress: Progress | None
) -> None:
    """Sends these blocks; `progress` counts the others as done."""
    size = sum(len(_bytes_of(content, blocks)) for blocks in missing)
    done = counter(len(content), progress)
    done(len(content) - size)
    for blocks in missing:
        await bulk.send(_bytes_of(content, blocks), _writing(blocks), done)


def _writing(blocks: Blocks) -> Callable[[int, bytes], Call[None]]:
    """The request for a piece at an offset within these blocks."""
    begin = HEADER_BYTES + BLOCK_BYTES * blocks.start
    return lambda offset, piece: messages.image_write(begin + offset, piece)


async def missing_blocks(
    ask: Callable[[Call[bytes]], Awaitable[bytes]], content: bytes
) -> list[Blocks]:
    """The blocks that are not on a device where this image has been begun."""
    everything = all_blocks(content)
    wanted = [zlib.crc32(_bytes_of(content, Blocks(i, i + 1))) for i in everything]
    present: list[int] = []
    while len(present) < len(wanted):
        answer = await ask(messages.image_checksums(len(present), _BLOCKS_PER_REQUEST))
        if len(answer) < _CRC.size:
            return [everything]  # it does not say
        whole = len(answer) // _CRC.size * _CRC.size
        present += [crc for (crc,) in _CRC.iter_unpack(answer[:whole])]
    return _ranges([i for i in everything if present[i] != wanted[i]])


def all_blocks(content: bytes) -> Blocks:
    return Blocks(-(-(len(content) - HEADER_BYTES) // BLOCK_BYTES))


def _bytes_of(content: bytes, blocks: Blocks) -> bytes:
    begin = HEADER_BYTES + BLOCK_BYTES * blocks.start
    return content[begin : begin + BLOCK_BYTES * len(blocks)]


def _ranges(numbers: Sequence[int]) -> list[Blocks]:
    """Ascending numbers as ranges."""
    found: list[Blocks] = []
    for number in numbers:
        if found and found[-1].stop == number:
            found[-1] = Blocks(found[-1].start, number + 1)
        else:
            found.append(Blocks(number, number + 1))
    return found
