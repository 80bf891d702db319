"""A push of a pretrained model that ends while the flash is erased, and one that goes on later."""

from __future__ import annotations

import asyncio
import random
import struct
import zlib
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from tests.support.peer import Peer, device_of
from tests.support.virtual_time import leaping
from ugpt.cli.model_on_board import push_image
from ugpt.device.image_transfer import BLOCK_BYTES, HEADER_BYTES
from ugpt.rpc.errors import DoesNotFit, LinkClosed, NoStory
from ugpt.rpc.messages import ErrorCode

TOLD = "The push was not completed: no model is on the board."


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (asyncio.CancelledError(), True),
        (LinkClosed(), True),
        (DoesNotFit(ErrorCode.DOES_NOT_FIT, "It does not fit.", 5), False),  # nothing was erased
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_is_told(
    capsys: pytest.CaptureFixture[str], end: BaseException, told: bool
) -> None:
    device: Any = AsyncMock()
    device.hello = Mock(model_bytes=1_000_000)
    device.image_info.side_effect = NoStory(ErrorCode.NO_STORY, "There is none.")
    device.image_store.side_effect = end
    with pytest.raises(type(end)):
        await push_image(device, Mock(content=bytes(1000), digest="ab"), lambda done, total: None)
    assert (TOLD in capsys.readouterr().err) is told


@leaping
async def test_one_that_goes_on_sends_what_is_missing_and_counts_all() -> None:
    content = random.Random(1).randbytes(HEADER_BYTES + 2 * BLOCK_BYTES + 100)
    first = zlib.crc32(content[HEADER_BYTES : HEADER_BYTES + BLOCK_BYTES])
    board, written, heard = Peer(), bytearray(content[: HEADER_BYTES + BLOCK_BYTES]), []

    def write(params: list[Any]) -> list[object]:
        assert params[0] == len(written)
        written.extend(params[1])
        return []

    board.handlers["image_begin"] = lambda params: [True]
    board.handlers["image_checksums"] = lambda params: [struct.pack("<3I", first, 0, 0)]
    board.handlers["image_write"] = write
    board.handlers["image_commit"] = lambda params: []
    async with device_of(board) as device:
        await device.image_store(content, lambda *progress: heard.append(progress))
    assert written == content
    assert heard[0] == (HEADER_BYTES + BLOCK_BYTES, len(content))
    assert heard[-1] == (len(content), len(content))
