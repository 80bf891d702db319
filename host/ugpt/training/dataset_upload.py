"""A data set in the flash of a board, for a run that needs no host."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ..data.dataset import Dataset, Vocabulary
from ..device.client import Device, Progress
from ..device.tensors import encode_data_set, encode_tokens
from ..rpc.errors import BadData, NoRoom
from ..rpc.messages import BLOCK_SIZE_MAX, DataSet, ErrorCode


@dataclasses.dataclass(frozen=True)
class Stored:
    """What is in the flash now."""

    data: DataSet
    was_there: bool
    """Whether it had been sent before."""


async def push_data(
    device: Device,
    documents: Sequence[str],
    dataset: Dataset,
    *,
    block_size: int = BLOCK_SIZE_MAX,
    progress: Progress | None = None,
) -> Stored:
    """Stores documents of `dataset` in the order given, unless they are there already.

    They are cut to `block_size` tokens, the most a model looks at, only if they would not fit
    otherwise. Raises NoRoom, leaving the flash as it was, if even that does not help.
    """
    encoded, data = _encode(documents, dataset.vocabulary, BLOCK_SIZE_MAX)
    if data.size_bytes > device.hello.data_bytes:
        encoded, data = _encode(documents, dataset.vocabulary, block_size)
    room = device.hello.data_bytes
    if data.size_bytes > room:
        raise NoRoom(
            ErrorCode.NO_ROOM,
            "",
            data.size_bytes - room,
            f"{dataset.path.name} takes {data.size_bytes:,} bytes of {room:,}: "
            "use a smaller text, or train with a host (without --detach).",
        )
    if await _is_there(device, data):
        return Stored(data, was_there=True)
    await device.data_store(encoded, dataset.vocabulary.size, progress)
    return Stored(data, was_there=False)


def _encode(
    documents: Sequence[str], vocabulary: Vocabulary, block_size: int
) -> tuple[list[bytes], DataSet]:
    encoded = [
        encode_tokens(vocabulary.encode(text[:block_size]), vocabulary.size) for text in documents
    ]
    data, _ = encode_data_set(encoded, vocabulary.size)
    return encoded, data


async def _is_there(device: Device, data: DataSet) -> bool:
    try:
        return await device.data_info() == data
    except BadData:
        return False
