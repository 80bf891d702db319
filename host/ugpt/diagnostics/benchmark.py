"""How fast a device trains, writes and talks, measured without touching the model it keeps."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import secrets
import string
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

from ..concurrency import run_together
from ..device.activity import stand_still
from ..device.client import Device
from ..device.compatibility import missing_regions
from ..device.tensors import encode_tokens
from ..rpc.errors import NoRoom
from ..rpc.messages import Profile, Recipe, Shape, TensorKind
from ..training.fit import require_fit
from ..training.guard import require_no_detached_run
from ..training.restore import INIT_STD
from ..wording import command

PHASES = ("embedding", "attention", "mlp", "loss", "adam")
VOCABULARY = string.ascii_lowercase

# Made-up names, as long as those of names.txt: 7.12 positions a step on average.
_NAMES_BY_LENGTH = {3: 1, 4: 3, 5: 6, 6: 6, 7: 4, 8: 2, 9: 2, 10: 1}
_STEPS = 1000  # as the standard run; then from the start again, for training changes its own speed
_TOTAL_STEPS = _STEPS + 1  # never reached, so that nothing is saved
_RECIPE = Recipe(learning_rate=0.01, beta1=0.85, beta2=0.99, epsilon=1e-8, total_steps=_TOTAL_STEPS)
_SEED = 42
_DOCUMENTS_AT_ONCE = 512
_LOOKS = 50  # at the device, in a measurement
_LOOK_MAX_S = 50.0  # of a measurement without a limit: one look a second at least
_PINGS = 64
_TENSOR = "layer0.mlp_fc1"


@dataclass(frozen=True)
class LinkSpeed:
    """What the line carries, apart from frames and envelopes."""

    baud: int
    """0 if the line has no rate."""
    round_trip_s: float
    sent_bytes_per_s: float
    received_bytes_per_s: float


@dataclass(frozen=True)
class TrainingSpeed:
    """Steps of one document each, sent by this computer meanwhile."""

    steps: int
    duration_s: float
    steps_per_s: float
    positions_per_step: float


@dataclass(frozen=True)
class Phases:
    """Where the time of a step goes: forward and backward pass of a part together."""

    tick_hz: int
    """Ticks a second: the clock of the core if it counts its cycles."""
    steps: int
    ticks_per_step: dict[str, float]


@dataclass(frozen=True)
class SamplingSpeed:
    """Texts drawn from the model that has just been trained."""

    names: int
    names_per_s: float
    tokens_per_s: float


@dataclass(frozen=True)
class StandardRun:
    """A run that ends in the same weights on every device."""

    steps: int
    weights_sha256: str


@dataclass(frozen=True)
class Measurement:
    """All that `measure` finds out."""

    device: str
    shape: Shape
    parameters: int
    link: LinkSpeed
    training: TrainingSpeed
    phases: Phases
    sampling: SamplingSpeed
    standard_run: StandardRun | None = None
    """None if it was not asked for."""

    def to_json(self) -> dict[str, Any]:
        values = asdict(self)
        if self.standard_run is None:
            del values["standard_run"]
        return values


async def measure(
    device: Device,
    shape: Shape,
    duration_s: float,
    on_part: Callable[[str], None],
    *,
    may_overwrite: bool,
    standard_run: bool = False,
) -> Measurement:
    """Measures each part for about `duration_s` and calls `on_part` with what comes next.

    With `standard_run` it also trains `_STEPS` steps for the digest of their weights.

    The model the device holds is saved first if it was not, and is back afterwards. Raises
    WouldOverwrite while the device trains by itself, DoesNotFit if `shape` needs too much memory.
    """
    plan = await require_fit(device, shape, _RECIPE, len(VOCABULARY))
    async with _lent(device, may_overwrite):
        await device.create(1 + secrets.randbelow(2**32 - 1), shape, _RECIPE, VOCABULARY)
        on_part("link")
        link = await _measure_link(device, duration_s)
        on_part("training")
        training = await _measure_training(device, shape, duration_s)
        on_part("phases")
        phases = await _measure_phases(device, shape, duration_s)
        on_part("sampling")
        sampling = await _measure_sampling(device, duration_s)
        run = None
        if standard_run:
            on_part("standard_run")
            run = await _standard_run(device, shape)
    return Measurement(
        device.description, shape, plan.parameters, link, training, phases, sampling, run
    )


@asynccontextmanager
async def _lent(device: Device, may_overwrite: bool) -> AsyncIterator[None]:
    """The memory of the device; afterwards it starts afresh and loads its own model."""
    await _keep(device, may_overwrite)
    try:
        yield
    finally:
        await device.reset()


async def _keep(device: Device, may_overwrite: bool) -> None:
    """Has the device save what it has not saved yet. Raises UgptError if it cannot."""
    if not may_overwrite:
        require_no_detached_run(device, await device.status())
    status = await stand_still(device)
    if status.step <= status.saved_step:
        return
    try:
        await device.save()
    except NoRoom as error:
        cause = missing_regions(device.hello) or "The flash of the device is too small."
        raise NoRoom(
            error.code,
            f"{cause} The model in its memory cannot be saved there, and would be lost",
            advice="If it may be lost, restart the device first: "
            + command("reset", *device.option, "--overwrite"),
        ) from None


async def _measure_link(device: Device, duration_s: float) -> LinkSpeed:
    """Moves a tensor to and fro, as often at a time as the device takes requests."""
    weights = await device.read_tensor(_TENSOR)

    async def send() -> None:
        await device.write_tensor(_TENSOR, TensorKind.WEIGHTS, weights)

    async def receive() -> None:
        await device.read_tensor(_TENSOR)

    sent_per_s = await _rate(send, device.stats.window, duration_s)
    received_per_s = await _rate(receive, device.stats.window, duration_s)
    for _ in range(_PINGS):
        await device.ping()
    stats = device.stats
    return LinkSpeed(
        baud=stats.baud,
        round_trip_s=stats.round_trip_median_s,
        sent_bytes_per_s=sent_per_s * len(weights),
        received_bytes_per_s=received_per_s * len(weights),
    )


async def _rate(call: Callable[[], Awaitable[None]], at_once: int, duration_s: float) -> float:
    """How often a second `call` is done, by `at_once` tasks side by side."""
    started_s = time.perf_counter()
    count = 0

    async def work() -> None:
        nonlocal count
        while time.perf_counter() - started_s < duration_s:
            await call()
            count += 1

    await run_together(*(work() for _ in range(at_once)))
    return count / (time.perf_counter() - started_s)


async def _measure_training(device: Device, shape: Shape, duration_s: float) -> TrainingSpeed:
    """Trains the first steps of a run over and over."""
    before = await device.status()
    steps, elapsed_s = 0, 0.0
    while elapsed_s < duration_s:
        done, taken_s = await _train(device, shape, duration_s)
        steps += done
        elapsed_s += taken_s
    positions = (await device.status()).positions - before.positions
    return TrainingSpeed(steps, elapsed_s, steps / elapsed_s, positions / steps)


async def _measure_phases(device: Device, shape: Shape, duration_s: float) -> Phases:
    await device.profile(True)
    elapsed_s = 0.0
    while elapsed_s < duration_s:
        _, taken_s = await _train(device, shape, duration_s)
        elapsed_s += taken_s
    return _phases(await device.profile(False))


async def _standard_run(device: Device, shape: Shape) -> StandardRun:
    """The first steps of the run that is measured, to the last of them."""
    steps, _ = await _train(device, shape, math.inf)
    return StandardRun(steps, (await device.weights_digest()).sha256)


async def _train(device: Device, shape: Shape, duration_s: float) -> tuple[int, float]:
    """Trains a new model for up to `_STEPS` steps; returns their number and the time they took."""
    documents = list(itertools.islice(_documents(shape), _STEPS))
    await device.init_weights(_SEED, INIT_STD)
    started_s = time.perf_counter()
    await device.train(_TOTAL_STEPS)
    sent = step = 0
    elapsed_s = 0.0
    while step < _STEPS and (elapsed_s < duration_s or step == 0):
        if sent < _STEPS:
            batch = documents[sent : sent + _DOCUMENTS_AT_ONCE]
            sent = (await device.documents_write(sent, batch)).next
        step = (await device.status()).step
        elapsed_s = time.perf_counter() - started_s
        await asyncio.sleep(min(elapsed_s, duration_s, _LOOK_MAX_S) / _LOOKS)
    return await device.pause(), elapsed_s


def _documents(shape: Shape) -> Iterator[bytes]:
    generator = random.Random(_SEED)
    lengths = [length for length, count in _NAMES_BY_LENGTH.items() for _ in range(count)]
    while True:
        generator.shuffle(lengths)
        for length in lengths:
            letters = generator.choices(range(len(VOCABULARY)), k=min(length, shape.block_size))
            yield encode_tokens(letters, shape.vocab_size)


def _phases(profile: Profile) -> Phases:
    ticks = {name: getattr(profile, name) / profile.steps for name in PHASES}
    return Phases(profile.tick_hz, profile.steps, ticks)


async def _measure_sampling(device: Device, duration_s: float) -> SamplingSpeed:
    numbers = itertools.count()
    names = tokens = 0

    async def draw() -> None:
        nonlocal names, tokens
        sampled = await device.sample(_SEED, next(numbers))
        names += 1
        tokens += len(sampled.tokens) + sampled.ended  # BOS is drawn too, though not given

    names_per_s = await _rate(draw, device.stats.window, duration_s)
    return SamplingSpeed(names, names_per_s, names_per_s * tokens / names)
