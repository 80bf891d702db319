"""Matrices over the link, in pieces that a frame holds."""

from __future__ import annotations

from ..errors import InvalidValue
from ..rpc import messages
from ..rpc.messages import TensorKind
from ..wording import counted
from .bulk import Bulk, Done, ignore
from .tensors import VALUE_BYTES

_VALUES_PER_REQUEST = messages.METHODS["tensor_read"].param("count").range[1]
# Tensors are written in whole blocks, in which packed moments are kept.
_BLOCK_BYTES = 64 * VALUE_BYTES


async def read(bulk: Bulk, name: str, kind: TensorKind, count: int, done: Done = ignore) -> bytes:
    """All `count` values of a matrix; passes `done` the bytes of each piece that has come."""
    return await bulk.receive(
        count,
        lambda first, size: messages.tensor_read(name, kind, first, size),
        lambda size: done(VALUE_BYTES * size),
        unit_bytes=VALUE_BYTES,
        most=_VALUES_PER_REQUEST,
        what=name,
    )


async def write(bulk: Bulk, name: str, kind: TensorKind, data: bytes, done: Done = ignore) -> None:
    """The first values of a matrix; passes `done` the bytes of each piece that is written."""
    if len(data) % VALUE_BYTES:
        size = counted(len(data), "byte")
        raise InvalidValue(f"{size} for {name}: no whole number of values.")
    await bulk.send(
        data,
        lambda offset, piece: messages.tensor_write(name, kind, offset // VALUE_BYTES, piece),
        done,
        unit_bytes=_BLOCK_BYTES,
    )
