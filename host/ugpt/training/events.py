"""What happens while a model is trained, as values: the orchestrator tells, displays listen."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from ..runs.naming import address_of
from ..wording import command

JSON_NAMES = {"evaluated": "validated", "validation_documents": "held_out"}
"""Names that the JSON lines keep, whatever the code calls them."""


@dataclass(frozen=True)
class Event:
    """The root of all events."""

    def to_json(self) -> dict[str, Any]:
        """The event as an object for `json.dumps`, its kind under `event` in snake case."""
        kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(self).__name__).lower()
        values = {
            JSON_NAMES.get(name, name): str(value) if isinstance(value, Path) else value
            for name, value in dataclasses.asdict(self).items()
        }
        return {"event": JSON_NAMES.get(kind, kind), **values}


@dataclass(frozen=True)
class Started(Event):
    """Training begins, or goes on, after `step` completed steps."""

    run: Path
    data: Path
    documents: int
    device: str
    n_layer: int
    n_embd: int
    n_head: int
    block_size: int
    vocab_size: int
    parameters: int
    memory_bytes: int
    memory_available_bytes: int
    step: int
    total_steps: int
    source: str
    validation_documents: int = 0
    resumed: bool = False
    """Whether the run had been begun before."""
    device_name: str = ""
    """The device in a few words."""


@dataclass(frozen=True)
class History(Event):
    """The losses of steps 1.. that were recorded before, and validation losses by step."""

    losses: Sequence[float]
    val_losses: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Step(Event):
    """One training step as the JSON lines tell of it."""

    step: int
    loss: float
    tokens: int


@dataclass(frozen=True)
class StepLosses(Event):
    """Losses of consecutive steps from `first` (1-based) on, with the tokens of each.

    A loss that is not known, of a step that a board on its own has left out, is no number.
    """

    first: int
    losses: Sequence[float]
    tokens: Sequence[int]

    def steps(self) -> list[Step]:
        return [
            Step(self.first + i, loss, count)
            for i, (loss, count) in enumerate(zip(self.losses, self.tokens, strict=True))
            if not math.isnan(loss)
        ]


@dataclass(frozen=True)
class Progress(Event):
    """How fast it goes, over the last seconds."""

    step: int
    total_steps: int
    loss: float | None
    steps_per_s: float
    tokens_per_s: float
    elapsed_s: float
    left_s: float | None
    baud: int
    sent_bytes_per_s: float
    received_bytes_per_s: float
    repeats: int
    """Requests that were sent again, to a device that was only busy, too."""
    lost: int = 0
    """Of these, what the line has lost, as far as is known."""
    learning_rate: float = 0.0
    """Of the next step."""
    gradient_norm: float | None = None
    """None where the device does not compute it; so are the figures below where it tells none."""
    saved_step: int = 0
    """Of the newest checkpoint in the device's flash; 0 if there is none."""
    saving: bool = False
    """Whether the device writes a checkpoint just now; its rates leave that time out."""
    step_s: float | None = None
    """How long the device works on one step."""
    heap_free_bytes: int | None = None
    heap_least_free_bytes: int | None = None
    temperature_c: float | None = None


@dataclass(frozen=True)
class Baselines(Event):
    """Losses that models without a network reach on the data set, in nats per token."""

    uniform: float
    letter_counts: float
    letter_pairs: float

    @property
    def by_name(self) -> dict[str, float]:
        """As a person reads them."""
        return {
            "random": self.uniform,
            "letter counts": self.letter_counts,
            "letter pairs": self.letter_pairs,
        }


@dataclass(frozen=True)
class Preview(Event):
    """Texts the model draws at this point of the training."""

    step: int
    texts: Sequence[str]
    known: Sequence[bool] = ()
    """Of each text, whether it is in the data set; none if that was not looked up."""


@dataclass(frozen=True)
class LetterLosses(Event):
    """The mean loss of each character; the end of a text stands under the empty string."""

    step: int
    losses: Mapping[str, float]


@dataclass(frozen=True)
class Evaluated(Event):
    """The validation loss after `step` steps: the mean over all positions of documents held out."""

    step: int
    val_loss: float
    documents: int


class Purpose(StrEnum):
    """What a transfer is for."""

    SAVE = "save"  # the device's state into its flash and into the run folder
    RESTORE = "restore"  # a checkpoint of the run folder onto the device
    PUSH = "push"  # the data set into the flash of the device


@dataclass(frozen=True)
class Transfer(Event):
    """How far something is that takes a while; training stands still meanwhile."""

    purpose: Purpose
    done_bytes: int
    total_bytes: int
    """0 while that is not known."""


@dataclass(frozen=True)
class Saved(Event):
    """A checkpoint was written to the run folder and, unless it failed, to the device's flash."""

    step: int
    on_device: bool


@dataclass(frozen=True)
class Interrupted(Event):
    """The connection was lost or the device restarted; it will be tried again."""

    reason: str


@dataclass(frozen=True)
class Restored(Event):
    """The device is back where it can go on, after `step` completed steps."""

    step: int
    source: str


@dataclass(frozen=True)
class Silent(Event):
    """The device has not said anything for `silent_s`; 0 when it is heard again."""

    silent_s: float


@dataclass(frozen=True)
class Paused(Event):
    """Training stands still on request after `step` steps."""

    step: int


@dataclass(frozen=True)
class Resumed(Event):
    """Training goes on after a pause."""

    step: int


@dataclass(frozen=True)
class Notice(Event):
    """Something the user should know; training goes on."""

    text: str


@dataclass(frozen=True)
class Stopped(Event):
    """Training was stopped on request after `step` steps."""

    run: Path
    step: int
    saved_step: int | None
    """Of the checkpoint in the run folder, read back; None if there is none."""


@dataclass(frozen=True)
class Finished(Event):
    """The run is complete."""

    run: Path
    step: int
    loss: float | None
    """Of the last step; None if metrics.jsonl lacks it."""
    elapsed_s: float | None
    """None if nobody watched it from the start."""
    weights_sha256: str
    samples: Sequence[str]
    val_loss: float | None = None
    """None if nothing was held out."""
    port: str = ""
    """What was named to reach the device; empty if it was found."""

    @property
    def more(self) -> str:
        """The command that draws more texts."""
        port = ("--port", self.port) if self.port else ()
        return command("sample", "--run", address_of(self.run), "-n", "20", *port)


OnEvent = Callable[[Event], None]
"""Hears of everything that happens."""
