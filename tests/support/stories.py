"""Pretrained models on virtual devices, without a push."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from llama_models import random_model

from device.regions import read_regions
from ugpt.models.image import write_image
from ugpt.models.layouts import TensorFormat
from ugpt.models.model import LanguageModel, LlamaShape

_IDENTITY_BYTES = 4096
_DEVICE_NUMBER = 0x020000000007
_BEFORE_IDENTITY = 6

LONG = LlamaShape(1, 32, 8, 1, 2400, 300, 3300, tied_classifier=False)
"""A shape whose texts take a while."""


def put_model(flash: Path, model: LanguageModel, layout: TensorFormat = TensorFormat.F32) -> None:
    """Writes an image to the region `model` of the flash file of a virtual device."""
    own = sorted((r for r in read_regions() if r.own), key=lambda region: int(region.subtype, 16))
    number = [region.label for region in own].index("model")
    at = sum(region.size_bytes for region in own[:number])
    before = flash.read_bytes() if flash.exists() else b""
    if number >= _BEFORE_IDENTITY:
        identity = sum(region.size_bytes for region in own[:_BEFORE_IDENTITY])
        if len(before) <= identity:
            before = before.ljust(identity, b"\xff") + _DEVICE_NUMBER.to_bytes(8, "little")
        at += _IDENTITY_BYTES
    content = write_image(model, layout, "test").content
    flash.write_bytes(before[:at].ljust(at, b"\xff") + content)


def endless_model() -> LanguageModel:
    """One that never ends a text by itself when the likeliest token is taken."""
    model = random_model(LONG)
    classifier = model.tensors["classifier"]
    classifier[[1, 2]] = np.float32(0)  # some other logit is larger than zero
    return model


def text_of(tokens: list[int], model: LanguageModel) -> str:
    """Of the tokens behind BOS."""
    pieces = model.vocabulary.pieces
    text = b"".join(bytes([token - 3]) if 3 <= token < 259 else pieces[token] for token in tokens)
    leads = bool(tokens) and pieces[tokens[0]].startswith(b" ")
    return text[leads:].decode("utf-8", "replace")
