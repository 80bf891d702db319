"""Shows how a model comes onto a board."""

from __future__ import annotations

from ..device.client import Device
from ..training.events import Event, Purpose, Transfer
from ..training.load import Loaded, load
from ..training.stored_model import StoredModel
from ..view.progress import byte_progress


async def load_shown(device: Device, model: StoredModel, may_overwrite: bool) -> Loaded:
    """Makes the device hold `model`, and shows how far that is."""
    with byte_progress(f"{model.origin.name} to the board") as progress:

        def show(event: Event) -> None:
            if isinstance(event, Transfer) and event.purpose == Purpose.RESTORE:
                progress(event.done_bytes, event.total_bytes)

        return await load(device, model, show, may_overwrite=may_overwrite)
