"""Pretrained models in files, as commands name and show them."""

from __future__ import annotations

import dataclasses
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..models.errors import ModelFileError
from ..models.image import NAME_BYTES, ModelImage, write_image
from ..models.layouts import TensorFormat
from ..models.model import LlamaShape
from ..models.reading import is_image, read_image_file, read_model
from ..rpc import messages
from ..view.style import byte_count
from ..wording import counted
from .option_groups import OptionGroup
from .paths import path


class MatrixFormat(Enum):
    """How matrices are stored."""

    Q8 = "q8"
    F32 = "f32"


Source = Annotated[
    Path,
    typer.Argument(
        help="Image of a model, llama2.c model, or Hugging Face folder with a LlamaForCausalLM.",
        metavar="FILE",
        parser=path,
    ),
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """What an image is made of, beside the weights of another model."""

    tokenizer: Annotated[
        Path | None,
        typer.Option(help="tokenizer.bin of a llama2.c model.", metavar="FILE", parser=path),
    ] = None
    format: Annotated[
        MatrixFormat | None,
        typer.Option(
            help="Weights of one byte (q8) or four (f32). Default: q8, which takes a quarter "
            "of the room and is much faster on a board."
        ),
    ] = None
    name: Annotated[
        str | None,
        typer.Option(
            help="What the model is called. Default: the name of the file.", metavar="NAME"
        ),
    ] = None
    licence: Annotated[
        str | None,
        typer.Option("--licence", "--license", help="Its licence, one line.", metavar="TEXT"),
    ] = None

    def image(self, source: Path) -> ModelImage:
        """The image in a file, or one made of another model. Raises ModelFileError."""
        if is_image(source):
            if given := [f"--{name}" for name, value in vars(self).items() if value is not None]:
                raise ModelFileError(
                    f"{source} is an image, in which everything is settled.",
                    f"Leave out {' and '.join(given)}, or name the model that it was made of.",
                )
            return read_image_file(source)
        model = read_model(source, self.tokenizer)
        chosen = TensorFormat[(self.format or MatrixFormat.Q8).name]
        name = _name(source) if self.name is None else self.name
        return write_image(model, chosen, name, self.licence or "")


ImageGroup = Annotated[ImageOptions, OptionGroup()]


def _name(source: Path) -> str:
    """That of the file, as far as it can be the name of a model."""
    stem = source.resolve().name if source.is_dir() else source.stem
    line = "".join(c for c in stem if c.isprintable())
    return line.encode()[: NAME_BYTES - 1].decode(errors="ignore") or "model"


def shape_fields(shape: LlamaShape | messages.LlamaShape) -> dict[str, str]:
    """The lines about a shape."""
    classifier = "the embedding" if shape.tied_classifier else "its own"
    return {
        "layers": f"{shape.n_layer}, width {shape.n_embd}, MLP {shape.n_hidden}",
        "heads": f"{shape.n_head}, with keys and values of {shape.n_kv_head}",
        "vocabulary": f"{counted(shape.vocab_size, 'token')}, classifier: {classifier}",
        "context": counted(shape.context, "position"),
    }


def format_of(image: ModelImage) -> str:
    """How the matrices of an image are stored."""
    formats = {place.layout for place in image.places} - {TensorFormat.VECTOR}
    return formats.pop().name.lower() if len(formats) == 1 else "mixed"


def fields_of_file(image: ModelImage) -> dict[str, str]:
    return {
        "model": image.name,
        "licence": image.licence or "not stated",
        "size": byte_count(len(image.content)),
        "format": format_of(image),
        **shape_fields(image.shape),
        "digest": image.digest,
    }


def json_of_file(image: ModelImage) -> dict[str, Any]:
    return {
        "name": image.name,
        "licence": image.licence,
        "size_bytes": len(image.content),
        "format": format_of(image),
        "sha256": image.digest,
        "shape": dataclasses.asdict(image.shape),
    }
