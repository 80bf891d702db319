"""A push of a pretrained model that ends while the flash is erased, before any progress."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from ugpt.cli.model_on_board import push_image
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
