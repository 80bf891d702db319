"""One run on a virtual device of its own, and all that is told of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import ugpt
from ugpt import Device, Recipe, Shape
from ugpt.data.dataset import Dataset
from ugpt.rpc import messages
from ugpt.rpc.errors import DeviceRestarted, NoAnswer
from ugpt.runs.config import Init, RunConfig
from ugpt.runs.folder import Run
from ugpt.runs.save_period import EVERY_MINUTE, SavePeriod
from ugpt.training import session as training_session
from ugpt.training.events import Event, Finished, StepLosses
from ugpt.training.trainer import Outcome, Training

EventT = TypeVar("EventT", bound=Event)

NAMES = Path(__file__).parents[2] / "data" / "names.txt"
STEPS = 6000
_NUMBER_AT = (448 + 448 + 4 + 4 + 128 + 832) * 1024  # behind the regions of version 0.1.0
_NUMBER_BYTES = 8


@dataclass
class Session:
    """Trains in `folder`; `recipe` takes precedence over `steps`."""

    folder: Path
    steps: int = STEPS
    save_every: SavePeriod = EVERY_MINUTE
    init: Init = Init.DEVICE
    n_embd: int = 16
    port: str = "virtual"
    pace: bool = False
    recipe: Recipe | None = None
    validation_documents: int = 0
    eval_every: int = 0
    events: list[Event] = field(default_factory=list)
    device: Device | None = None
    on_event: Callable[[Event], None] = lambda event: None
    _restarts: list[asyncio.Task[None]] = field(default_factory=list)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Device]:
        target = ugpt.Target(self.port, flash=self.folder / "flash", pace=self.pace)
        async with target.connect() as device:
            self.device = device
            yield device

    def training(self) -> Training:
        path = self.folder / "run"
        dataset = Dataset.load(NAMES)
        if path.exists():
            run = Run.open(path)
        else:
            shape = Shape(1, self.n_embd, 4, 16, dataset.vocabulary.size)
            recipe = self.recipe or Recipe(0.01, 0.85, 0.99, 1e-8, self.steps)
            run = Run.new(
                path,
                RunConfig(
                    dataset.path, dataset.sha256, shape, recipe, 42, self.init, self.save_every,
                    4711, "", "test", self.validation_documents, self.eval_every, 100,
                ),
            )  # fmt: skip
        return Training(self.connect, training_session.Session(run, dataset, self._hear))

    async def train(self) -> Outcome:
        async with asyncio.timeout(60.0):
            return await self.training().run()

    def erase_flash(self) -> None:
        """The device forgets all but its own number, as a board does."""
        file = self.folder / "flash"
        number = file.read_bytes()[_NUMBER_AT : _NUMBER_AT + _NUMBER_BYTES]
        file.write_bytes(b"\xff" * _NUMBER_AT + number)

    def restart_device(self) -> None:
        """Starts the device anew, as a power cut would; whoever trains must notice."""
        assert self.device is not None
        self._restarts.append(asyncio.create_task(_restart(self.device)))

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        self.on_event(event)

    def told(self, kind: type[EventT]) -> list[EventT]:
        return [event for event in self.events if type(event) is kind]

    @property
    def digest(self) -> str:
        (event,) = self.told(Finished)
        assert isinstance(event, Finished)
        return event.weights_sha256

    @property
    def metrics(self) -> Path:
        return self.folder / "run" / "metrics.jsonl"


async def _restart(device: Device) -> None:
    # Not Device.reset: it would make the handshake, and the training would see two restarts of one.
    with contextlib.suppress(DeviceRestarted, NoAnswer):
        await device._link.call(messages.reset())


def once(step: int, act: Callable[[], None]) -> Callable[[Event], None]:
    """Acts when `step` steps are done, once."""
    done = []

    def hear(event: Event) -> None:
        if isinstance(event, StepLosses) and event.first > step and not done:
            done.append(True)
            act()

    return hear
