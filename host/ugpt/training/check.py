"""Which models can be trained on a text, and how long a board will take."""

from __future__ import annotations

from dataclasses import dataclass

from ..data.dataset import Dataset
from ..device.target import Target
from ..rpc.errors import PortError, WrongDeviceOption
from ..rpc.messages import Recipe, Shape
from .estimate import estimate_training_s
from .fit import Planned, alphabet_that_fits, largest_shape


@dataclass(frozen=True)
class Prospects:
    """What a board can make of a text. Times are estimates, in seconds."""

    standard_fits: bool = False
    """Whether one layer of width 16 does, with 4 heads."""
    standard_estimated_s: float | None = None
    largest: Shape | None = None
    """The shape with the most parameters that fits."""
    largest_parameters: int | None = None
    largest_estimated_s: float | None = None
    alphabet_that_fits: int | None = None
    """Characters that the standard model has room for, if there are too many."""
    unknown: str = ""
    """Why nothing of this is known."""


async def prospects(target: Target, dataset: Dataset, block_size: int, recipe: Recipe) -> Prospects:
    """Asks a device, usually a virtual board, what fits into its memory."""
    shape = Shape(1, 16, 4, block_size, dataset.vocabulary.size)
    vocabulary_bytes = len(dataset.vocabulary.characters.encode())

    try:
        async with target.connect() as device:
            standard = Planned(shape, await device.plan(shape, recipe, vocabulary_bytes))
            largest = await largest_shape(device, shape, recipe, vocabulary_bytes)
            standard_s = largest_s = alphabet = None
            if standard.plan.fits:
                standard_s = await estimate_training_s(device, dataset.documents, shape, recipe)
            if largest:
                largest_s = await estimate_training_s(
                    device, dataset.documents, largest.shape, recipe
                )
            if not standard.plan.fits:
                alphabet = await alphabet_that_fits(device, standard, recipe, vocabulary_bytes)
    except WrongDeviceOption:
        raise
    except PortError as error:
        return Prospects(unknown=str(error))
    return Prospects(
        standard.plan.fits,
        standard_s,
        largest.shape if largest else None,
        largest.plan.parameters if largest else None,
        largest_s,
        alphabet,
    )
