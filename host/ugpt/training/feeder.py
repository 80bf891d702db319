"""The traffic of training: documents ahead of the device's steps, losses after them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..concurrency import run_together
from ..device.client import Device
from ..device.results import Losses
from ..rpc.errors import DocumentGap, NoAnswer, ProtocolError, RunMismatch
from ..rpc.messages import METHODS, DeviceState, ErrorCode, Status
from .claims import Progress, require_losses, require_sound

_LOSSES_HELD = 1024  # a device holds the losses of at least so many last steps
_DOCUMENT_BYTES = 3  # of the header of a document, at most
_DOCUMENTS_MAX = METHODS["documents_write"].param("documents").items  # in one request
_GRADIENT_NORM_MINOR = 1  # of the protocol, from which on devices compute it
_IDLE_MAX_S = 0.2
_PATIENCE = 0.4  # share of the documents on the device that may be used up between two looks
_SAVING_LOOK_S = 0.02  # at a device that saves itself
_SAVING_LOOKS = 10_000  # after which it is given up: minutes, where an emulator takes 19 s


@dataclass(frozen=True)
class Feed:
    """What a device is trained on."""

    run_id: int
    total_steps: int
    batch: int
    document: Callable[[int], bytes]
    """Document number i of the training order, as `encode_tokens` packs it."""
    measures_gradient: bool = False
    """Whether the device computes the norm of the gradient, if it can."""


class DocumentFeeder:
    """Feeds one device that holds a run and follows its losses."""

    def __init__(
        self,
        device: Device,
        feed: Feed,
        on_losses: Callable[[int, Sequence[float]], None],
    ) -> None:
        """`on_losses` gets (first step, losses)."""
        self._device = device
        self._feed = feed
        self._batch = feed.batch
        self._on_losses = on_losses
        self._room = 0
        self._next = 0
        self._end = 0
        self._steps_per_s = 0.0
        self.step = 0
        """Steps (completed by the device) whose losses have been pulled."""
        self.status: Status
        """Of the last look at the device."""

    async def begin(self, known_step: int) -> None:
        """Takes up the device as it is; the losses up to `known_step` are known."""
        self.status = status = await self._device.status()
        # A device that is ahead of that still holds the losses in between.
        self.step = min(status.step, known_step)
        self._next, self._room = status.documents_next, status.documents_free

    async def advance(
        self,
        step: int,
        target: int,
        stop: asyncio.Event,
        on_round: Callable[[], object],
    ) -> None:
        """Trains up to `step` completed steps, all losses pulled; earlier when `stop` is set.

        Where `target` is later, the device only waits there, for documents; it does not save.
        """
        self._end = step * self._batch
        await self._train(target)
        progress = Progress()
        while self.step < step and not stop.is_set():
            looked_s, before = time.monotonic(), self.step
            status = await self._exchange()
            if status.state is DeviceState.IDLE and status.step < target:
                await self._train(target)  # someone else stopped it
            progress.seen(self.step, status)
            on_round()
            await self._pause_between(status, stop)
            self._measure(self.step - before, time.monotonic() - looked_s)

    async def _train(self, target: int) -> None:
        measures = self._feed.measures_gradient and self._device.hello.minor >= _GRADIENT_NORM_MINOR
        await self._device.train(target, gradient_norm=measures)

    async def drain(self) -> None:
        """Pulls what is left of a device that stands still."""
        status = await self._exchange(feed=False)
        while (before := self.step) < status.step:
            status = await self._exchange(feed=False)
            if self.step == before:
                raise ProtocolError(
                    f"The device stands after step {status.step:,}, but has no loss of step "
                    f"{before + 1:,}."
                )

    async def see_saved(self) -> None:
        """Waits while the device, which has reached its target, saves itself."""
        for _ in range(_SAVING_LOOKS):
            if self.status.step >= self.step and self.status.state is not DeviceState.SAVING:
                return
            await asyncio.sleep(_SAVING_LOOK_S)
            self.status = await self._device.status()
        raise NoAnswer("The device has been saving for too long.", "Reset the board.")

    async def _exchange(self, feed: bool = True) -> Status:
        """One look at the device: documents out, losses and status in, all at once."""
        batches = self._batches() if feed else []
        sending = (self._send(first, batch) for first, batch in batches)
        # The status comes last, so that it tells what room the documents have left.
        losses: Losses
        status: Status
        *taken, losses, status = await run_together(
            *sending, self._device.losses(self.step + 1), self._device.status()
        )
        if not all(taken):
            await self._send_again(
                [batch for batch, was in zip(batches, taken, strict=True) if not was]
            )
            status = await self._device.status()
        self._check(status)
        self.status = status
        if losses.values:
            if losses.first != self.step + 1:
                raise ProtocolError(
                    f"The device no longer holds the losses of steps {self.step + 1:,} "
                    f"to {losses.first - 1:,}."
                )
            steps = range(losses.first, losses.first + len(losses.values))
            require_losses(steps, losses.values, self._feed.total_steps)
            self._on_losses(losses.first, losses.values)
            self.step += len(losses.values)
        self._next, self._room = status.documents_next, status.documents_free
        return status

    async def _send(self, first: int, documents: Sequence[bytes]) -> bool:
        """False if the device lacks the documents before these."""
        try:
            await self._device.documents_write(first, documents)
        except DocumentGap:
            return False
        return True

    async def _send_again(self, batches: Sequence[tuple[int, list[bytes]]]) -> None:
        """Of batches that went out together, one that was lost on the way may come last."""
        for first, documents in batches:
            # If one has found less room than expected, the status says where to go on.
            if not await self._send(first, documents):
                return

    def _batches(self) -> list[tuple[int, list[bytes]]]:
        """Documents the device has room for, in portions of one request each."""
        # So far ahead and no further: what is trained must still be held when we next look.
        held = (self.step + _LOSSES_HELD) * self._batch
        end = min(self._next + self._room, held, self._end)
        batches: list[tuple[int, list[bytes]]] = []
        space = 0
        for index in range(self._next, end):
            document = self._feed.document(index)
            needed = len(document) + _DOCUMENT_BYTES
            if needed > space or len(batches[-1][1]) == _DOCUMENTS_MAX:
                batches.append((index, []))
                space = self._device.data_bytes
            batches[-1][1].append(document)
            space -= needed
        return batches

    def _check(self, status: Status) -> None:
        if status.run_id != self._feed.run_id:
            raise RunMismatch(
                ErrorCode.OTHER_RUN,
                "Another program has put another model on the device.",
                advice="Let one program use the device at a time, then resume this run.",
            )
        require_sound(status, self._feed.total_steps)

    def _measure(self, steps: int, duration_s: float) -> None:
        rate = steps / max(duration_s, 1e-6)
        self._steps_per_s += (rate - self._steps_per_s) * (0.3 if self._steps_per_s else 1.0)

    async def _pause_between(self, status: Status, stop: asyncio.Event) -> None:
        """Waits while the device is busy with what it has."""
        ahead = min(self._next, self._end) / self._batch - status.step
        wait_s = _PATIENCE * ahead / self._steps_per_s if self._steps_per_s else 0.0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(max(wait_s, 0.0), _IDLE_MAX_S)):
                await stop.wait()
