"""The pretrained models on a board and in a folder, as a list; some may be of no use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..device.client import Device
from ..errors import UgptError
from ..models.errors import ModelFileError, NewerImage
from ..models.image import ModelImage
from ..models.reading import is_image, read_image_file
from ..rpc.errors import BadStory, NoStory
from ..rpc.messages import ImageInfo
from ..view.output import print_fields, print_json, say
from ..view.style import byte_count
from .model_files import json_of_file
from .model_on_board import json_of_board

Files = dict[str, ModelImage | ModelFileError]
"""By name; an error stands for an image that cannot be used."""


def images_in(folder: Path) -> Files:
    """Raises ModelFileError if there is no such folder."""
    if not folder.is_dir():
        raise ModelFileError(f"{folder} is not a folder.", "Name one that holds images of models.")
    return {str(file): _read(file) for file in sorted(folder.glob("*")) if is_image(file)}


def _read(file: Path) -> ModelImage | ModelFileError:
    try:
        return read_image_file(file)
    except ModelFileError as error:
        return error


async def image_on(device: Device) -> ImageInfo | BadStory | None:
    """An error for one that cannot be used, None for none."""
    try:
        return await device.image_info()
    except NoStory:
        return None
    except BadStory as error:
        return error


def print_models(stored: ImageInfo | BadStory | None, files: Files) -> None:
    lines = {name: _file_line(found) for name, found in files.items()}
    print_fields({"on the board": board_line(stored), **lines})
    for found in (stored, *files.values()):
        if isinstance(found, UgptError):
            say(f"remark: {found}")


def print_models_json(stored: ImageInfo | BadStory | None, files: Files) -> None:
    board: dict[str, Any] | None = None
    if isinstance(stored, BadStory):
        board = {"problem": str(stored)}
    elif stored is not None:
        board = {**json_of_board(stored), "problem": None}
    found = [{"file": name, **_file_json(image)} for name, image in files.items()]
    print_json({"board": board, "files": found})


def board_line(stored: ImageInfo | BadStory | None) -> str:
    if stored is None:
        return "no model"
    if isinstance(stored, BadStory):
        # The firmware alone knows whether it is damaged or of a newer format.
        return stored.message
    state = "" if stored.whole else "; its push was interrupted"
    return f"{stored.name}, {byte_count(stored.size_bytes)}{state}"


def _file_line(found: ModelImage | ModelFileError) -> str:
    if isinstance(found, NewerImage):
        return "of a newer ugpt"
    if isinstance(found, ModelFileError):
        return "damaged"
    return f"{found.name}, {byte_count(len(found.content))}"


def _file_json(found: ModelImage | ModelFileError) -> dict[str, Any]:
    if isinstance(found, ModelFileError):
        return {"problem": str(found)}
    return {**json_of_file(found), "problem": None}
