"""A run as one object: its losses, its weights, and what its model writes."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..device.client import Device
from ..device.target import Target
from ..device.virtual import IN_MEMORY
from ..errors import InvalidValue
from ..export.errors import ExportError
from ..export.formats import Format, export
from ..export.model import TrainedModel
from ..runs import folder
from ..runs.config import RunConfig
from ..runs.naming import find_folder
from ..training.sampling import TEMPERATURE, sample_texts
from ..wording import counted
from . import curve
from .blocking import blocking
from .values import choice, in_keywords, whole


class Run:
    """A training run, from its folder. `ugpt.train` gives one, and `Run.open`."""

    def __init__(self, run_folder: folder.Run) -> None:
        self._folder = run_folder

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """The run of that name or folder, as it is now. Raises RunError if there is none."""
        return cls(folder.Run.open(find_folder(path)))

    @property
    def path(self) -> Path:
        """Its folder."""
        return self._folder.path

    @property
    def config(self) -> RunConfig:
        """What decides the weights: shape, recipe, seed, data."""
        return self._folder.config

    @property
    def step(self) -> int:
        """The last step whose loss is known."""
        return self._folder.metrics.step

    @property
    def losses(self) -> NDArray[np.float32]:
        """The loss of step i + 1 at index i; not a number if it is not known."""
        return np.array(self._folder.metrics.losses, dtype=np.float32)

    @property
    def val_losses(self) -> dict[int, float]:
        """Validation losses by step."""
        return dict(self._folder.metrics.val_losses)

    @property
    def weights(self) -> dict[str, NDArray[np.float32]]:
        """The matrices of the newest checkpoint by name. Raises UgptError if there is none."""
        return TrainedModel.of(self._folder).weights

    async def asample(
        self,
        count: int = 20,
        *,
        seed: int | None = None,
        first: int = 0,
        temperature: float = TEMPERATURE,
        prompt: str = "",
        top_k: int = 0,
        top_p: float = 1.0,
    ) -> list[str]:
        """Texts of the newest checkpoint, those that a board would write.

        A virtual device draws them, which exists for this call only: no board is touched. `seed` is
        that of the run by default; the other parameters are those of `sample_texts`.
        """
        if (number := whole("count", count)) < 0:
            raise InvalidValue(f"count is {number:,}; it must be at least 0.")
        model = TrainedModel.of(self._folder)
        async with self._device(model) as device:
            texts = sample_texts(
                device,
                number,
                seed=model.seed if seed is None else whole("seed", seed),
                first=first,
                temperature=temperature,
                prompt=prompt,
                top_k=top_k,
                top_p=top_p,
            )
            return [text.text async for text in texts]

    sample = blocking(asample)

    @asynccontextmanager
    async def _device(self, model: TrainedModel) -> AsyncIterator[Device]:
        """A virtual device that holds the model."""
        async with Target("virtual", flash=IN_MEMORY).connect() as device:
            run_id, recipe = self.config.run_id, self.config.recipe
            await device.create(run_id, model.shape, recipe, model.characters)
            tensors = {name: each.astype("<f4").tobytes() for name, each in model.weights.items()}
            await device.write_tensors(tensors)
            yield device

    def plot(self, axes: Any = None) -> Any:
        """Draws the losses into `axes` of matplotlib, by default new ones, and returns them."""
        if axes is None:
            import matplotlib.pyplot as plt

            _, axes = plt.subplots(figsize=(8, 4))
        curve.draw(axes, self.losses, self.val_losses, self.config.recipe.total_steps)
        return axes

    def export(
        self, to: Format | str, out: Path | str | None = None, *, overwrite: bool = False
    ) -> list[Path]:
        """Writes the run for other programs, as `ugpt export` does; returns the files.

        Raises InvalidValue for a format that there is not, and UgptError, with nothing written, for
        all else.
        """
        place = None if out is None else Path(out)
        try:
            return export(self._folder, choice(Format, "to", to), place, overwrite=overwrite)
        except ExportError as error:
            raise in_keywords(error) from None

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self._summary()})"

    def _summary(self) -> str:
        total_steps = self.config.recipe.total_steps
        done = f"{self.step:,} of " if self.step < total_steps else ""
        said = f"{done}{counted(total_steps, 'step')}"
        last = self._folder.metrics.losses[-1:]
        return said + (f", loss {last[0]:.3f}" if last and math.isfinite(last[0]) else "")

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        title = f"<b>{html.escape(str(self.path))}</b>: {self._summary()}"
        if not self.step:
            return title
        png = curve.picture(self.losses, self.val_losses, self.config.recipe.total_steps)
        source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
        return f'{title}<br><img alt="loss by step" src="{source}">'
