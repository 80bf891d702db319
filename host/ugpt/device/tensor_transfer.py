"""Matrices over the link, in pieces that a frame holds."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import InvalidValue
from ..rpc import messages
from ..rpc.errors import ProtocolError
from ..rpc.messages import TensorKind
from .bulk import Bulk, chunks
from .tensors import VALUE_BYTES

_VALUES_PER_REQUEST = messages.METHODS["tensor_read"].param("count").range[1]
# Tensors are written in whole blocks, in which packed moments are kept.
_BLOCK_BYTES = 64 * VALUE_BYTES


async def read(
    bulk: Bulk, name: str, kind: TensorKind, count: int, done: Callable[[int], None] | None = None
) -> bytes:
    """All `count` values of a matrix; passes `done` the bytes of each piece that has come."""
    most = min(bulk.data_bytes // VALUE_BYTES, _VALUES_PER_REQUEST)
    pieces = list(chunks(count, most))
    parts = await bulk.call_all(
        [messages.tensor_read(name, kind, offset, size) for offset, size in pieces],
        lambda index: done(VALUE_BYTES * pieces[index][1]) if done else None,
    )
    data = b"".join(parts)
    if len(data) != VALUE_BYTES * count:
        raise ProtocolError(f"The device sent {len(data)} bytes of {name}.")
    return data


async def write(
    bulk: Bulk, name: str, kind: TensorKind, data: bytes, done: Callable[[int], None] | None = None
) -> None:
    """The first values of a matrix; passes `done` the bytes of each piece that is written."""
    if len(data) % VALUE_BYTES:
        raise InvalidValue(f"{len(data)} bytes for {name} are no whole number of values.")
    most = bulk.data_bytes // _BLOCK_BYTES * _BLOCK_BYTES
    pieces = list(chunks(len(data), most))
    await bulk.call_all(
        [
            messages.tensor_write(name, kind, offset // VALUE_BYTES, data[offset : offset + size])
            for offset, size in pieces
        ],
        lambda index: done(pieces[index][1]) if done else None,
    )
