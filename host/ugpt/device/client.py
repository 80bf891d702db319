"""A device as an object: one typed method for each command of the protocol."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from ..concurrency import run_together
from ..errors import InvalidValue
from ..rpc import messages
from ..rpc.errors import DeviceRestarted, LinkClosed, NoAnswer, ProtocolError
from ..rpc.link import Link, LinkSession
from ..rpc.messages import (
    DataSet,
    Hello,
    ModelInfo,
    Plan,
    Profile,
    Recipe,
    Shape,
    Source,
    Status,
    TensorKind,
)
from ..rpc.schema import Call
from ..rpc.stats import LinkStats
from .tensors import (
    VALUE_BYTES,
    decode_floats,
    decode_tokens,
    encode_data_set,
    encode_floats,
    tensor_shapes,
)

ResultT = TypeVar("ResultT")

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""

# What a request or a response takes in a frame besides its data, at most.
_ENVELOPE_BYTES = 96
# In front of a document: MessagePack's marker and length.
_BIN_HEADER_BYTES = 3
_DOCUMENTS_PER_REQUEST = 1024
_DOCUMENTS_PER_EVALUATION = 256
_BIN_BYTES = 8000
_VALUES_PER_REQUEST = 256
_LOSSES_PER_EVALUATION = 320  # of documents and positions together
# Tensors are written in whole blocks, in which packed moments are kept.
_BLOCK_BYTES = 64 * VALUE_BYTES
_LOSSES_PER_REQUEST = 2000
_RESTART_TIMEOUT_S = 10.0
_STRIDE_MINOR = 1  # of the protocol, from which on a curve may leave steps out


class Losses(NamedTuple):
    """Losses of consecutive steps; `first` is the step (1-based) of the first."""

    first: int
    values: tuple[float, ...]


class KeptLosses(NamedTuple):
    """Losses of every `stride`th step from `first` (1-based) on."""

    first: int
    stride: int
    values: tuple[float, ...]


class DocumentsTaken(NamedTuple):
    """The index of the next document to send, and how many there is room for."""

    next: int
    free: int


class Evaluated(NamedTuple):
    """The mean loss of each document's positions, after `step` completed steps."""

    step: int
    losses: tuple[float, ...]


class TokensEvaluated(NamedTuple):
    """The loss of every position of each document, after `step` completed steps.

    A document of n tokens has n + 1 positions, its last one predicting BOS, or block_size if that
    is less.
    """

    step: int
    losses: tuple[tuple[float, ...], ...]


class WeightsDigest(NamedTuple):
    """A digest of all weights after `step` completed steps."""

    step: int
    sha256: str
    """In hex, of the weights as little-endian float32 in canonical order, as in weights.sha256."""


class Sampled(NamedTuple):
    """Tokens drawn, in the form of documents, and whether BOS ended them."""

    tokens: bytes
    ended: bool


class SelfTest(NamedTuple):
    """The digest of a device's arithmetic and the one every right processor gives."""

    digest: int
    expected: int
    failed: str = ""
    """The operations whose results differ, between commas."""


class Device:
    """An open connection to a device, from `ugpt.connect`.

    Methods may be called from several tasks at once. They raise DeviceError if the device
    refuses, LinkError if the conversation fails, PortError if the port is lost and
    InvalidValue for a value outside its range.
    """

    def __init__(self, link: Link | LinkSession, description: str) -> None:
        self._link = link
        self.description = description
        """Which device this is and why it was chosen."""

    @property
    def hello(self) -> Hello:
        """What the device said of itself when it was greeted last."""
        if self._link.hello is None:
            raise LinkClosed
        return self._link.hello

    @property
    def stats(self) -> LinkStats:
        return self._link.stats

    # The conversation

    async def greet(self) -> Hello:
        """Says hello again after DeviceRestarted; does nothing if that has been done."""
        return await self._link.handshake(_RESTART_TIMEOUT_S)

    def until_restart(self) -> Device:
        """This device until it restarts.

        From then on every method raises DeviceRestarted, also if another task has greeted the
        device in the meantime.
        """
        if isinstance(self._link, LinkSession):
            return self
        return Device(LinkSession(self._link), self.description)

    async def ping(self, payload: bytes = b"") -> bytes:
        """Returns the payload after a round trip."""
        return await self._link.call(messages.ping(payload))

    async def reset(self) -> Hello:
        """Restarts the device and greets it; what is not in a checkpoint is lost."""
        before = self.hello.boot
        # It may restart before the answer is through.
        with contextlib.suppress(DeviceRestarted, NoAnswer):
            await self._link.call(messages.reset())
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + _RESTART_TIMEOUT_S
        while loop.time() < deadline_s:
            self._link.expect_restart()
            hello = await self._link.handshake(_RESTART_TIMEOUT_S)
            if hello.boot != before:
                return hello
            await asyncio.sleep(0.1)
        raise NoAnswer("The device did not restart.", "Press its reset button.")

    async def self_test(self) -> SelfTest:
        """Checks the arithmetic of the device: both numbers are equal on a right one."""
        result = await self._link.call(messages.self_test())
        return SelfTest(result.digest, result.expected, result.failed)

    async def profile(self, enabled: bool) -> Profile:
        """Switches the profile of training steps on, from zero, or off, and reads it.

        Switching it to what it is changes nothing, so that it can be read at any time.
        """
        return await self._link.call(messages.profile(enabled))

    # The model

    async def plan(self, shape: Shape, recipe: Recipe, vocabulary_bytes: int) -> Plan:
        """What a model would cost; `vocabulary_bytes` is the length of its UTF-8 characters."""
        return await self._link.call(messages.plan(shape, recipe, vocabulary_bytes))

    async def create(self, run_id: int, shape: Shape, recipe: Recipe, vocabulary: str) -> Plan:
        """Makes a model with zero weights; `vocabulary` are its characters in id order."""
        text = vocabulary.encode()
        plan = await self._link.call(messages.create(run_id, shape, recipe, len(text)))
        await self._all(
            [
                messages.vocabulary_write(offset, text[offset : offset + size])
                for offset, size in _chunks(len(text), self._data_bytes)
            ]
        )
        return plan

    async def model_info(self) -> ModelInfo:
        return await self._link.call(messages.model_info())

    async def init_weights(self, seed: int, init_std: float = 0.08) -> None:
        """Draws the weights from the device's own generator."""
        await self._link.call(messages.init_weights(seed, init_std))

    async def vocabulary(self) -> str:
        """The characters of the model in id order, BOS left out."""
        size = (await self.model_info()).vocabulary_bytes
        chunks = list(_chunks(size, self._data_bytes))
        parts = await self._all([messages.vocabulary_read(*chunk) for chunk in chunks])
        data = b"".join(parts)
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise ProtocolError("The device holds a vocabulary that is not UTF-8 text.") from error

    async def set_step(self, step: int) -> None:
        """Sets the number of completed steps, after tensors have been restored."""
        await self._link.call(messages.seek(step))

    async def save(self) -> int:
        """Writes a checkpoint to flash; returns its step."""
        return await self._link.call(messages.save())

    async def weights_digest(self) -> WeightsDigest:
        """The digest of all weights, computed by the device."""
        result = await self._link.call(messages.weights_digest())
        return WeightsDigest(result.step, result.sha256.hex())

    # Tensors

    async def read_tensor(self, name: str, kind: TensorKind = TensorKind.WEIGHTS) -> bytes:
        """A whole matrix as little-endian float32, row by row."""
        rows, columns = tensor_shapes((await self.model_info()).shape).get(name, (1, 1))
        return await self._read_values(name, kind, rows * columns, lambda _: None)

    async def write_tensor(self, name: str, kind: TensorKind, data: bytes) -> None:
        """Replaces the first values of a matrix by little-endian float32."""
        await self._write_values(name, kind, data, lambda _: None)

    async def read_tensors(
        self, kind: TensorKind = TensorKind.WEIGHTS, progress: Progress | None = None
    ) -> dict[str, bytes]:
        """All matrices by name, in the canonical order."""
        shapes = tensor_shapes((await self.model_info()).shape)
        total = VALUE_BYTES * sum(rows * columns for rows, columns in shapes.values())
        done = _counter(total, progress)
        return {
            name: await self._read_values(name, kind, rows * columns, done)
            for name, (rows, columns) in shapes.items()
        }

    async def write_tensors(
        self,
        tensors: Mapping[str, bytes],
        kind: TensorKind = TensorKind.WEIGHTS,
        progress: Progress | None = None,
    ) -> None:
        """Replaces matrices by name."""
        done = _counter(sum(map(len, tensors.values())), progress)
        for name, data in tensors.items():
            await self._write_values(name, kind, data, done)

    async def _read_values(
        self, name: str, kind: TensorKind, count: int, done: Callable[[int], None]
    ) -> bytes:
        most = min(self._data_bytes // VALUE_BYTES, _VALUES_PER_REQUEST)
        chunks = list(_chunks(count, most))
        parts = await self._all(
            [messages.tensor_read(name, kind, offset, size) for offset, size in chunks],
            lambda index: done(VALUE_BYTES * chunks[index][1]),
        )
        data = b"".join(parts)
        if len(data) != VALUE_BYTES * count:
            raise ProtocolError(f"The device sent {len(data)} bytes of {name}.")
        return data

    async def _write_values(
        self, name: str, kind: TensorKind, data: bytes, done: Callable[[int], None]
    ) -> None:
        if len(data) % VALUE_BYTES:
            raise InvalidValue(f"{len(data)} bytes for {name} are no whole number of values.")
        most = self._data_bytes // _BLOCK_BYTES * _BLOCK_BYTES
        chunks = list(_chunks(len(data), most))
        await self._all(
            [
                messages.tensor_write(
                    name, kind, offset // VALUE_BYTES, data[offset : offset + size]
                )
                for offset, size in chunks
            ],
            lambda index: done(chunks[index][1]),
        )

    # Training and sampling

    async def status(self) -> Status:
        """A snapshot; never waits for a training step."""
        return await self._link.call(messages.status())

    async def documents_write(self, first: int, documents: Sequence[bytes]) -> DocumentsTaken:
        """Sends documents of the training order from index `first` on, as many as one frame holds.

        They are in the form of `encode_tokens`. Go on with the index this returns; raises
        DocumentGap if the device needs earlier ones.
        """
        taken = self._fitting(documents[:_DOCUMENTS_PER_REQUEST])
        result = await self._link.call(messages.documents_write(first, taken))
        return DocumentsTaken(result.next, result.free)

    async def train(
        self,
        target_step: int,
        save_every: int = 0,
        source: Source = Source.HOST,
        gradient_norm: bool = False,
    ) -> None:
        """Sets the step at which training stops; returns at once.

        With `gradient_norm` the device computes the norm of the gradient at every step; `status`
        has the last one.
        """
        await self._link.call(messages.train(target_step, save_every, source, gradient_norm))

    async def pause(self) -> int:
        """Stops training at a step boundary; returns the steps completed."""
        return await self._link.call(messages.pause())

    async def stop(self) -> int:
        """Ends training at a step boundary and saves; returns the steps completed.

        Raises NoModel, and FlashFailed or NoRoom if it was stopped but could not be saved.
        """
        return await self._link.call(messages.stop())

    async def losses(self, first: int, count: int = _LOSSES_PER_REQUEST) -> Losses:
        """Losses from step `first` (1-based) on, at most those one frame holds."""
        most = min(count, _LOSSES_PER_REQUEST, self._data_bytes // VALUE_BYTES)
        result = await self._link.call(messages.losses(first, most))
        return Losses(result.first, decode_floats(result.values))

    async def evaluate(self, documents: Sequence[bytes]) -> Evaluated:
        """The loss of documents the model is not trained on; changes nothing.

        They are in the form of `encode_tokens`. Of a model that is being trained, each may meet
        another step; the one returned is that of the last.
        """
        calls: list[Call[messages.EvaluateResult]] = []
        start = 0
        while start < len(documents):
            batch = self._fitting(documents[start : start + _DOCUMENTS_PER_EVALUATION])
            calls.append(messages.evaluate(batch))
            start += len(batch)
        results = await self._all(calls)
        losses = tuple(loss for result in results for loss in decode_floats(result.losses))
        if len(losses) != len(documents):
            raise ProtocolError(f"The device sent {len(losses)} losses of {len(documents)}.")
        return Evaluated(max((result.step for result in results), default=0), losses)

    async def evaluate_tokens(self, documents: Sequence[bytes]) -> TokensEvaluated:
        """The loss of every position of documents in the form of `encode_tokens`.

        Of a model that is being trained, each may meet another step; the one returned is that of
        the last.
        """
        shape = (await self.model_info()).shape
        counts = [
            min(len(decode_tokens(document, shape.vocab_size)) + 1, shape.block_size)
            for document in documents
        ]
        batches = list(self._by_positions(counts))
        results = await self._all(
            [messages.evaluate(documents[batch], by_token=True) for batch in batches]
        )
        losses: list[tuple[float, ...]] = []
        for batch, result in zip(batches, results, strict=True):
            values = decode_floats(result.token_losses)
            if len(values) != sum(counts[batch]):
                raise ProtocolError(f"The device sent {len(values)} losses of tokens.")
            for count in counts[batch]:
                losses.append(values[:count])
                values = values[count:]
        return TokensEvaluated(max((result.step for result in results), default=0), tuple(losses))

    def _by_positions(self, counts: Sequence[int]) -> Iterator[slice]:
        """Documents with so many positions in portions whose losses fit one answer each."""
        most = min(self._data_bytes // VALUE_BYTES, _LOSSES_PER_EVALUATION)
        start, losses = 0, 0
        for index, count in enumerate(counts):
            if losses + count + 1 > most:
                yield slice(start, index)
                start, losses = index, 0
            losses += count + 1
        if losses:
            yield slice(start, len(counts))

    async def sample(
        self,
        seed: int,
        number: int,
        temperature: float = 0.5,
        prompt: bytes = b"",
        uniforms: Sequence[float] = (),
    ) -> Sampled:
        """Draws text `number` of a seed, or one from the `uniforms` in [0, 1)."""
        drawn = encode_floats(uniforms)
        result = await self._link.call(messages.sample(seed, number, temperature, prompt, drawn))
        return Sampled(result.tokens, result.ended)

    # Without a host

    async def data_store(
        self, documents: Sequence[bytes], vocab_size: int, progress: Progress | None = None
    ) -> DataSet:
        """Replaces the data set in flash, from which `train` with Source.FLASH takes documents.

        They are in the form of `encode_tokens`. Raises NoRoom if the flash is too small.
        """
        data, content = encode_data_set(documents, vocab_size)
        await self._link.call(messages.data_begin(data))
        chunks = list(_chunks(len(content), self._data_bytes))
        done = _counter(len(content), progress)
        await self._all(
            [
                messages.data_write(offset, content[offset : offset + size])
                for offset, size in chunks
            ],
            lambda index: done(chunks[index][1]),
        )
        await self._link.call(messages.data_commit())
        return data

    async def data_info(self) -> DataSet:
        """The data set in flash; raises BadData if there is none."""
        return await self._link.call(messages.data_info())

    async def curve(self, first: int, count: int = _LOSSES_PER_REQUEST) -> KeptLosses:
        """Losses from step `first` (1-based) on that a run from flash has kept.

        At most those one frame holds; none if none are kept.
        """
        most = min(count, _LOSSES_PER_REQUEST, self._data_bytes // VALUE_BYTES)
        strided = self.hello.minor >= _STRIDE_MINOR
        result = await self._link.call(messages.curve(first, most, strided))
        # A device that knows no strides has them all, from the first one wanted on.
        return KeptLosses(result.first or first, result.stride, decode_floats(result.values))

    async def autorun(self, enabled: bool, temperature: float = 0.5) -> None:
        """Makes the device print samples by itself, from power-up on, or no longer."""
        await self._link.call(messages.autorun(enabled, temperature))

    # Bulk

    @property
    def _data_bytes(self) -> int:
        return min(self.hello.frame_bytes - _ENVELOPE_BYTES, _BIN_BYTES)

    def _fitting(self, documents: Sequence[bytes]) -> tuple[bytes, ...]:
        """As many of the documents as one frame holds, at least one."""
        room = self._data_bytes
        count = 0
        for document in documents:
            room -= len(document) + _BIN_HEADER_BYTES
            if room < 0:
                break
            count += 1
        return tuple(documents[: max(count, 1)])

    async def _all(
        self,
        calls: Sequence[Call[ResultT]],
        done: Callable[[int], None] = lambda index: None,
    ) -> list[ResultT]:
        """Keeps the window full of calls; passes `done` the index of each that is answered.

        Returns the results in the order of the calls, or raises the first error.
        """
        results: dict[int, ResultT] = {}
        todo = iter(enumerate(calls))

        async def work() -> None:
            for index, call in todo:
                results[index] = await self._link.call(call)
                done(index)

        await run_together(*(work() for _ in range(min(self.stats.window, len(calls)))))
        return [results[index] for index in range(len(calls))]


def _chunks(size: int, most: int) -> Iterator[tuple[int, int]]:
    """Offsets and sizes of the pieces of at most `most`."""
    for offset in range(0, size, most):
        yield offset, min(most, size - offset)


def _counter(total: int, progress: Progress | None) -> Callable[[int], None]:
    """Sums what is done and tells `progress`."""
    so_far = 0

    def done(size: int) -> None:
        nonlocal so_far
        so_far += size
        if progress is not None:
            progress(so_far, total)

    return done
