"""A data set in the flash of a board, for a run that needs no host."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..data.dataset import Dataset
from ..data.documents import lengths_of
from ..data.vocabulary import Vocabulary
from ..device.bulk import Progress
from ..device.client import Device
from ..device.compatibility import table_blamed
from ..device.tensors import encode_data_set, encode_tokens
from ..rpc.errors import BadData, NoRoom
from ..rpc.messages import BLOCK_SIZE_MAX, DataSet, ErrorCode
from ..wording import counted

_HEADER_BYTES = 2  # of a document in the flash


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
    with table_blamed(device.hello):
        most = _most_tokens(documents, dataset, block_size, device.hello.data_bytes)
    encoded, data = _encode(documents, dataset.vocabulary, most)
    if await _is_there(device, data):
        return Stored(data, was_there=True)
    await device.data_store(encoded, dataset.vocabulary.size, progress)
    return Stored(data, was_there=False)


def _most_tokens(
    documents: Sequence[str], dataset: Dataset, block_size: int, room_bytes: int
) -> int:
    """Of a document, so that all fit. Known before anything is encoded, so it costs no memory."""
    for most in (BLOCK_SIZE_MAX, block_size):
        size_bytes = _size_bytes(documents, dataset.vocabulary, most)
        if size_bytes <= room_bytes:
            return most
    raise NoRoom(
        ErrorCode.NO_ROOM,
        "",
        size_bytes - room_bytes,
        f"{dataset.title} takes {counted(size_bytes, 'byte')} of {room_bytes:,}: "
        "use a smaller text, or train with a host (without --detach).",
    )


def _size_bytes(documents: Sequence[str], vocabulary: Vocabulary, block_size: int) -> int:
    """What `_encode` would make."""
    tokens = int(np.minimum(lengths_of(documents), block_size).sum(dtype=np.int64))
    return tokens * len(encode_tokens([0], vocabulary.size)) + _HEADER_BYTES * len(documents)


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
