"""Whatever holds a pretrained model: an image, a llama2.c model, a Hugging Face folder."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import reason_of
from ..storage.plain_file import open_plain, write_whole
from ..wording import command
from .content import read_content
from .errors import ModelFileError
from .huggingface import CONFIG, read_folder
from .image import MAGIC, ModelImage, read_image
from .llama2c import check_llama2c, read_llama2c
from .model import LanguageModel

_OF_A_RUN = ("config.toml", "checkpoint.safetensors")


def is_image(path: Path) -> bool:
    """Whether a file begins like an image. False if it cannot be read."""
    try:
        descriptor = open_plain(path)
        try:
            return os.read(descriptor, len(MAGIC)) == MAGIC
        finally:
            os.close(descriptor)
    except OSError:
        return False


def read_image_file(path: Path) -> ModelImage:
    """Raises ModelFileError."""
    content = read_content(path)
    try:
        return read_image(content)
    except ModelFileError as error:
        raise type(error)(f"{path}: {error.message}", error.advice) from None


def write_image_file(image: ModelImage, path: Path) -> None:
    """Writes an image, whole or not at all, also when the power fails; of files that exist only
    images are replaced.

    Raises ModelFileError.
    """
    if path.exists() and not is_image(path):
        raise ModelFileError(
            f"{path} exists and is not an image of a model.", "Choose another name."
        )
    try:
        write_whole(path, image.content)
    except OSError as error:
        raise ModelFileError(
            f"Cannot write {path}: {reason_of(error)}.",
            "Make room, or name a file in another folder.",
        ) from None


def read_model(path: Path, tokenizer: Path | None) -> LanguageModel:
    """Reads a model that is no image yet. Raises ModelFileError."""
    if any((path / name).exists() for name in _OF_A_RUN):
        raise ModelFileError(
            f"{path} is a run of ugpt, of another architecture than these models: it is loaded, "
            "not pushed.",
            f"To put it on a board: {command('load', path)}",
        )
    if path.is_dir():
        if not (path / CONFIG).exists():
            raise ModelFileError(
                f"{path} holds no {CONFIG}, so it is not a Hugging Face model.",
                "Name a folder with config.json, tokenizer.json and safetensors, or a file.",
            )
        if tokenizer is not None:
            raise ModelFileError(
                f"{path} has a tokenizer of its own.", f"Leave out --tokenizer {tokenizer}."
            )
        return read_folder(path)
    if not path.exists():
        raise ModelFileError(
            f"Cannot read {path}: there is no such file.",
            "A model that fits is stories260K.bin, with its tokenizer tok512.bin: "
            "https://huggingface.co/karpathy/tinyllamas/tree/main/stories260K",
        )
    if path.suffix == ".safetensors":
        raise ModelFileError(
            f"{path} alone says neither the shape of the model nor its tokens.",
            f"Name the folder that holds {CONFIG} as well.",
        )
    if tokenizer is None:
        check_llama2c(path)
        raise ModelFileError(
            f"A llama2.c model, as {path} may be, needs its tokenizer.",
            "Name it: --tokenizer tokenizer.bin",
        )
    try:
        return read_llama2c(path, tokenizer)
    except ModelFileError as error:
        raise _naming(path, tokenizer, error) from None


def _naming(path: Path, tokenizer: Path, error: ModelFileError) -> ModelFileError:
    """The error with the name of a file in it."""
    if str(path) in error.message or str(tokenizer) in error.message:
        return error
    return type(error)(f"{path} with {tokenizer}: {error.message}", error.advice)
