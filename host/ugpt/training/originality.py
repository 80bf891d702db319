"""Which of the texts that a model writes are its own, and which stand in its data set."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..data.known import KnownTexts
from ..device.client import Device
from ..runs.errors import RunError
from ..runs.registry import find_run
from .reopen import load_dataset
from .sampling import SampledText


async def texts_of_model(device: Device, moved_to: Sequence[Path], name_it: str) -> KnownTexts:
    """The data set of the model on a device, as its run folder tells of it.

    `moved_to` are its files if they have moved, and `name_it` the command that names them.
    Raises RunError if no folder of that run is known, or one that is damaged, and DataError if the
    data set cannot be read.
    """
    run_id = (await device.model_info()).run_id
    run = find_run(run_id)
    if run is None:
        raise RunError(
            f"No run folder here belongs to the model on the board (number {run_id:08x}), so its "
            "data set is not known.",
            "Go to the folder in which runs/ holds it.",
        )
    return KnownTexts(load_dataset(run, moved_to, name_it).documents)


@dataclass
class NewTexts:
    """Of texts, those that do not stand in a data set, until there are `wanted` of them."""

    known: KnownTexts
    wanted: int
    draws: int
    """The most texts to look at."""
    found: int = 0
    drawn: int = 0

    async def among(self, texts: AsyncIterator[SampledText]) -> AsyncIterator[SampledText]:
        async for text in texts:
            self.drawn += 1
            if text.text not in self.known:
                self.found += 1
                yield text
            if self.found == self.wanted or self.drawn == self.draws:
                return
