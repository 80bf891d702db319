"""The pretrained model on a board, as commands bring it there and show it."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..device.bulk import Progress
from ..device.client import Device
from ..models.image import ModelImage
from ..models.layouts import TensorFormat
from ..rpc.errors import BadStory, DeviceError, NoRoom, NoStory
from ..rpc.messages import ErrorCode, ImageInfo
from ..view.output import say
from ..view.style import byte_count
from ..wording import counted
from .model_files import shape_fields


async def push_image(device: Device, image: ModelImage, progress: Progress) -> bool:
    """Stores an image unless it is there already, which is what this returns.

    Raises NoRoom, leaving the flash as it was, if it is too large.
    """
    room = device.hello.model_bytes
    size = len(image.content)
    if size > room:
        raise NoRoom(ErrorCode.NO_ROOM, _too_large(image, room), advice=_smaller(image, room))
    before = await _present(device)
    if before is not None and before.whole and before.sha256.hex() == image.digest:
        return True
    if before is None or before.whole or before.sha256.hex() != image.digest:
        say("Erasing the flash for it; a board takes up to 15 seconds.")
    begun = False

    def note(done: int, total: int) -> None:
        nonlocal begun
        begun = True
        progress(done, total)

    try:
        await device.image_store(image.content, note)
    except BaseException as error:
        # A refusal comes before the erasing, in which no progress is told.
        if begun or not isinstance(error, DeviceError):
            say("The push was not completed: no model is on the board. Push again to go on.")
        raise
    return False


async def _present(device: Device) -> ImageInfo | None:
    try:
        return await device.image_info()
    except (NoStory, BadStory):
        return None


def _too_large(image: ModelImage, room: int) -> str:
    size = len(image.content)
    if room == 0:
        return (
            f"The flash of this board has no region for a model; {image.name} takes {size:,} bytes"
        )
    return f"{image.name} takes {counted(size, 'byte')} of {room:,}"


def _smaller(image: ModelImage, room: int) -> str:
    if room == 0:
        return "Write the firmware with its partition table: ugpt flash"
    if any(place.layout is TensorFormat.F32 for place in image.places):
        return "--format q8 makes it about four times as small."
    return "Choose a smaller model, or a board with more flash."


def fields_of_board(stored: ImageInfo, room: int) -> dict[str, str]:
    fields = {
        "model": stored.name,
        "licence": stored.licence or "not stated",
        "size": f"{byte_count(stored.size_bytes)} of {byte_count(room)}",
        "format": stored.format.name.lower(),
        **shape_fields(stored.shape),
        "digest": stored.sha256.hex(),
    }
    if not stored.whole:
        del fields["format"]
        fields["state"] = "its push was interrupted: no model is on the board"
    return fields


def json_of_board(stored: ImageInfo) -> dict[str, Any]:
    return {
        "whole": stored.whole,
        "name": stored.name,
        "licence": stored.licence,
        "size_bytes": stored.size_bytes,
        "format": stored.format.name.lower(),
        "sha256": stored.sha256.hex(),
        "shape": dataclasses.asdict(stored.shape),
    }
