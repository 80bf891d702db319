"""Put a pretrained language model on the board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...device.target import Target
from ...models.image import ModelImage
from ...models.reading import read_image_file, write_image_file
from ...rpc.errors import BadStory
from ...view.output import console, print_fields, print_json, say
from ...view.progress import byte_progress
from ...view.style import byte_count
from ..group import command_group, command_of
from ..model_files import ImageGroup, Source, fields_of_file, json_of_file
from ..model_list import image_on, images_in, print_models, print_models_json
from ..model_on_board import fields_of_board, json_of_board, push_image
from ..options import Json, StoryContext, TargetGroup, run
from ..paths import output_path, path
from ..text_plans import fields_of_plan, json_of_plan, plan_of, print_places

EXAMPLES = [
    "ugpt model push stories260K.bin --tokenizer tok512.bin",
    "ugpt model push TinyStories-656K --format q8",
    "ugpt model convert stories260K.bin stories.ugpt --tokenizer tok512.bin --licence MIT",
    "ugpt model list models",
    "ugpt model info --context 128",
    "ugpt model remove",
]

app = command_group(__doc__, EXAMPLES)


@command_of(app, EXAMPLES[:2])
def push(
    source: Source,
    *,
    target: TargetGroup,
    made: ImageGroup,
    json: Json = False,
) -> None:
    """Replace the pretrained model on the board; an interrupted push goes on where it was."""
    image = made.image(source)
    run(_push(image, target, json))


@command_of(app, EXAMPLES[2:3])
def convert(
    source: Source,
    *,
    image_file: Annotated[
        Path,
        typer.Argument(help="Where the image is written.", metavar="IMAGE", parser=output_path),
    ],
    made: ImageGroup,
    json: Json = False,
) -> None:
    """Write the image of a pretrained model to a file, which `push` takes."""
    image = made.image(source)
    write_image_file(image, image_file)
    if json:
        print_json({"file": str(image_file), **json_of_file(image)})
    else:
        console().tell(f"{image_file}: {image.name}, {byte_count(len(image.content))}")


@command_of(app, EXAMPLES[3:4], "list")
def list_models(
    folder: Annotated[
        Path, typer.Argument(help="Folder with images.", metavar="FOLDER", parser=path)
    ] = Path(),
    *,
    target: TargetGroup,
    json: Json = False,
) -> None:
    """List the pretrained model on the board and the images in a folder."""
    run(_list(folder, target, json))


@command_of(app, EXAMPLES[4:5])
def info(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Image of a model. Default: the model on the board.",
            metavar="FILE",
            parser=path,
        ),
    ] = None,
    *,
    target: TargetGroup,
    context: StoryContext = None,
    json: Json = False,
) -> None:
    """Describe the pretrained model on the board, and where its weights lie; or one in a file."""
    if file is None:
        run(_info(target, context, json))
        return
    if context is not None:
        raise typer.BadParameter("only a board has memory", param_hint="--context")
    _show_file(read_image_file(file), json)


@command_of(app, EXAMPLES[5:])
def remove(*, target: TargetGroup, json: Json = False) -> None:
    """Remove the pretrained model from the board."""
    run(_remove(target, json))


async def _push(image: ModelImage, target: Target, json: bool) -> None:
    async with target.connect() as device:
        say(device.introduction())
        with byte_progress(f"{image.name} to the board") as progress:
            was_there = await push_image(device, image, progress)
        stored = await device.image_info()
        if json:
            room = {"room_bytes": device.hello.model_bytes, "was_there": was_there}
            print_json({**json_of_board(stored), **room})
            return
        how = "is on the board already" if was_there else "is on the board now"
        console().tell(
            f"{stored.name} {how}: {byte_count(stored.size_bytes)} of "
            f"{byte_count(device.hello.model_bytes)}, {stored.format.name.lower()}"
        )


async def _list(folder: Path, target: Target, json: bool) -> None:
    files = images_in(folder)
    async with target.connect() as device:
        show = print_models_json if json else print_models
        show(await image_on(device), files)


def _show_file(image: ModelImage, json: bool) -> None:
    if json:
        print_json(json_of_file(image))
    else:
        print_fields(fields_of_file(image))


async def _info(target: Target, context: int | None, json: bool) -> None:
    async with target.connect() as device:
        stored = await device.image_info()
        plan = await plan_of(device, context) if stored.whole else None
        room = device.hello.model_bytes
        if json:
            described = None if plan is None else json_of_plan(plan, stored.shape)
            print_json({**json_of_board(stored), "room_bytes": room, "plan": described})
            return
        fields = fields_of_board(stored, room)
        if plan is None:
            print_fields(fields)
            return
        print_fields({**fields, **fields_of_plan(plan)})
        console().tell()
        print_places(plan, stored.shape)


async def _remove(target: Target, json: bool) -> None:
    async with target.connect() as device:
        try:
            name = (await device.image_info()).name
        except BadStory:
            name = "the damaged model"
        await device.image_erase()
        if json:
            print_json({"removed": name})
        else:
            console().tell(f"{name} is no longer on the board")
