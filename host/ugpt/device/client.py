"""A device as an object: one typed method for each command of the protocol."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import TypeVar

from ..concurrency import run_together
from ..rpc import messages
from ..rpc.errors import (
    DeviceRestarted,
    LinkClosed,
    NoAnswer,
    ProtocolError,
    UnknownMethod,
    firmware_too_old,
)
from ..rpc.link import Link, LinkSession
from ..rpc.messages import (
    DataSet,
    Hello,
    ImageInfo,
    ModelInfo,
    Plan,
    Profile,
    Recipe,
    Shape,
    Source,
    Status,
    TensorKind,
)
from ..rpc.stats import LinkStats
from ..wording import counted
from . import evaluation, image_transfer, stories, tensor_transfer
from .bulk import Bulk, Progress, counter
from .compatibility import table_blamed
from .ports import VIRTUAL
from .results import (
    DocumentsTaken,
    Evaluation,
    KeptLosses,
    Losses,
    Sampled,
    SelfTest,
    TokenEvaluation,
    WeightsDigest,
)
from .stories import StoryText, TextWish
from .tensors import (
    VALUE_BYTES,
    decode_floats,
    encode_data_set,
    encode_floats,
    tensor_shapes,
)
from .text_context import largest_context, push_blamed
from .text_plan import TextPlan, text_plan

ResultT = TypeVar("ResultT")

_DOCUMENTS_PER_REQUEST = messages.METHODS["documents_write"].param("documents").items
_LOSSES_PER_REQUEST = messages.METHODS["losses"].result["values"].range[1] // VALUE_BYTES
_VOCABULARY_BYTES = int(messages.METHODS["create"].param("vocabulary_bytes").range[1])
_RESTART_TIMEOUT_S = 10.0
_STRIDE_MINOR = 1  # of the protocol, from which on a curve may leave steps out
_LEAST_TEMPERATURE_OF_MINOR_0 = 0.001
_TIMES_MINOR = 1  # of the protocol, from which on devices estimate how long things take


class Device:
    """An open connection to a device, from `ugpt.connect`.

    Methods may be called from several tasks at once. They raise DeviceError if the device
    refuses, LinkError if the conversation fails, PortError if the port is lost and
    InvalidValue for a value outside its range.
    """

    def __init__(
        self,
        link: Link | LinkSession,
        description: str,
        name: str = "",
        *,
        port: str = "",
        named: bool = True,
        reason: str = "",
    ) -> None:
        self._link = link
        self._bulk = Bulk(link)
        self.description = description
        """Which device this is."""
        self.name = name or description
        """The same in a few words, for where there is little room."""
        self.port = port
        self.named = named
        """Whether the port was asked for, rather than found."""
        self.reason = reason
        """Why this one was found, and what is odd about it."""

    @property
    def hello(self) -> Hello:
        """What the device said of itself at the last handshake."""
        if self._link.hello is None:
            raise LinkClosed
        return self._link.hello

    def introduction(self, *details: str) -> str:
        """The line that says which device is used, and why: first what it is, and `details`."""
        what = ", ".join([self.description, *details])
        return f"{what}; {self.reason}" if self.reason else what

    @property
    def option(self) -> tuple[str, ...]:
        """The words of a command line that name this device; none if it is the one found."""
        return ("--port", self.port) if self.named else ()

    @property
    def started_here(self) -> bool:
        """Whether it is the virtual device that `connect` has started."""
        return self.port == VIRTUAL

    @property
    def stats(self) -> LinkStats:
        return self._link.stats

    # The conversation

    async def handshake(self) -> Hello:
        """Opens a new conversation after DeviceRestarted; does nothing if there is one."""
        return await self._link.handshake(_RESTART_TIMEOUT_S)

    def until_restart(self) -> Device:
        """This device until it restarts.

        From then on every method raises DeviceRestarted, also if another task has made a
        handshake in the meantime.
        """
        if isinstance(self._link, LinkSession):
            return self
        return Device(
            LinkSession(self._link),
            self.description,
            self.name,
            port=self.port,
            named=self.named,
            reason=self.reason,
        )

    async def ping(self, payload: bytes = b"") -> bytes:
        """Returns the payload after a round trip."""
        return await self._link.call(messages.ping(payload))

    async def reset(self) -> Hello:
        """Restarts the device and makes a handshake; what is not in a checkpoint is lost."""
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
        return await self._link.call(messages.self_test())

    async def profile(self, enabled: bool) -> Profile:
        """Switches the profile of training steps on, from zero, or off, and reads it.

        Switching it to what it is changes nothing, so that it can be read at any time.
        """
        return await self._link.call(messages.profile(enabled))

    # The model

    async def plan(
        self, shape: Shape, recipe: Recipe, vocabulary_bytes: int, positions: int = 0
    ) -> Plan:
        """What a model would cost; `vocabulary_bytes` is the length of its UTF-8 characters.

        Times are those of documents with so many `positions`; 0 stands for all of the context.
        Firmware older than protocol 1.1 does not tell them.
        """
        if self.hello.minor < _TIMES_MINOR:
            positions = 0
        return await self._link.call(messages.plan(shape, recipe, vocabulary_bytes, positions))

    async def create(self, run_id: int, shape: Shape, recipe: Recipe, vocabulary: str) -> Plan:
        """Makes a model with zero weights; `vocabulary` are its characters in id order."""
        text = vocabulary.encode()
        plan = await self._link.call(messages.create(run_id, shape, recipe, len(text)))
        await self._bulk.send(text, messages.vocabulary_write)
        return plan

    async def model_info(self) -> ModelInfo:
        return await self._link.call(messages.model_info())

    async def init_weights(self, seed: int, init_std: float = 0.08) -> None:
        """Draws the weights from the device's own generator."""
        await self._link.call(messages.init_weights(seed, init_std))

    async def vocabulary(self) -> str:
        """The characters of the model in id order, BOS left out."""
        size = (await self.model_info()).vocabulary_bytes
        if size > _VOCABULARY_BYTES:
            raise ProtocolError(f"The device tells of a vocabulary of {counted(size, 'byte')}.")
        data = await self._bulk.receive(size, messages.vocabulary_read, what="the vocabulary")
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise ProtocolError("The device holds a vocabulary that is not UTF-8 text.") from error

    async def set_step(self, step: int) -> None:
        """Sets the number of completed steps, after tensors have been restored."""
        await self._link.call(messages.seek(step))

    async def save(self) -> int:
        """Writes a checkpoint to flash; returns its step."""
        with table_blamed(self.hello):
            return await self._link.call(messages.save())

    async def weights_digest(self) -> WeightsDigest:
        """The digest of all weights, computed by the device."""
        result = await self._link.call(messages.weights_digest())
        return WeightsDigest(result.step, result.sha256.hex())

    # Tensors

    async def read_tensor(self, name: str, kind: TensorKind = TensorKind.WEIGHTS) -> bytes:
        """A whole matrix as little-endian float32, row by row."""
        rows, columns = tensor_shapes((await self.model_info()).shape).get(name, (1, 1))
        return await tensor_transfer.read(self._bulk, name, kind, rows * columns)

    async def write_tensor(self, name: str, kind: TensorKind, data: bytes) -> None:
        """Replaces the first values of a matrix by little-endian float32."""
        await tensor_transfer.write(self._bulk, name, kind, data)

    async def read_tensors(
        self, kind: TensorKind = TensorKind.WEIGHTS, progress: Progress | None = None
    ) -> dict[str, bytes]:
        """All matrices by name, in the canonical order."""
        shapes = tensor_shapes((await self.model_info()).shape)
        total = VALUE_BYTES * sum(rows * columns for rows, columns in shapes.values())
        done = counter(total, progress)
        # All at once, so that the window stays full between one matrix and the next.
        matrices = await run_together(
            *(
                tensor_transfer.read(self._bulk, name, kind, rows * columns, done)
                for name, (rows, columns) in shapes.items()
            )
        )
        return dict(zip(shapes, matrices, strict=True))

    async def write_tensors(
        self,
        tensors: Mapping[str, bytes],
        kind: TensorKind = TensorKind.WEIGHTS,
        progress: Progress | None = None,
    ) -> None:
        """Replaces matrices by name."""
        done = counter(sum(map(len, tensors.values())), progress)
        await run_together(
            *(
                tensor_transfer.write(self._bulk, name, kind, data, done)
                for name, data in tensors.items()
            )
        )

    async def weights_saved(self, step: int, sha256: str) -> None:
        """Tells the device that a run folder has its weights, which may then be overwritten.

        `sha256` is that of `weights_digest`. Firmware of 0.1.0 need not be told. Raises RunMismatch
        if it holds other weights.
        """
        with contextlib.suppress(UnknownMethod):
            await self._link.call(messages.weights_saved(step, bytes.fromhex(sha256)))

    # Training and sampling

    @property
    def data_bytes(self) -> int:
        """How much data one request or response should hold; less while the line is bad."""
        return self._bulk.data_bytes

    async def status(self) -> Status:
        """A snapshot; never waits for a training step."""
        return await self._link.call(messages.status())

    async def documents_write(self, first: int, documents: Sequence[bytes]) -> DocumentsTaken:
        """Sends documents of the training order from index `first` on, as many as one frame holds.

        They are in the form of `encode_tokens`. Go on with the index this returns; raises
        DocumentGap if the device needs earlier ones.
        """
        taken = self._bulk.fitting(documents[:_DOCUMENTS_PER_REQUEST])
        return await self._link.call(messages.documents_write(first, taken))

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
        with table_blamed(self.hello):
            return await self._link.call(messages.stop())

    async def losses(self, first: int, count: int = _LOSSES_PER_REQUEST) -> Losses:
        """Losses from step `first` (1-based) on, at most those one frame holds."""
        most = min(count, _LOSSES_PER_REQUEST, self._bulk.data_bytes // VALUE_BYTES)
        result = await self._link.call(messages.losses(first, most))
        values = _losses(result.values, most)
        if values and result.first < first:
            raise ProtocolError(
                f"The device sent losses from step {result.first:,} on instead of step {first:,}."
            )
        return Losses(result.first, values)

    async def evaluate(self, documents: Sequence[bytes]) -> Evaluation:
        """The loss of documents the model is not trained on; changes nothing.

        They are in the form of `encode_tokens`. Of a model that is being trained, each may meet
        another step; the one returned is that of the last.
        """
        return await evaluation.mean_losses(self._bulk, documents)

    async def evaluate_tokens(self, documents: Sequence[bytes]) -> TokenEvaluation:
        """The loss of every position of documents in the form of `encode_tokens`.

        Of a model that is being trained, each may meet another step; the one returned is that of
        the last.
        """
        shape = (await self.model_info()).shape
        return await evaluation.token_losses(self._bulk, documents, shape)

    async def sample(
        self,
        seed: int,
        number: int,
        temperature: float = 0.5,
        prompt: bytes = b"",
        uniforms: Sequence[float] = (),
        top_k: int = 0,
        top_p: float = 1.0,
    ) -> Sampled:
        """Draws text `number` of a seed, or one from the `uniforms` in [0, 1).

        A temperature of 0 takes the likeliest token each time.
        """
        if temperature < _LEAST_TEMPERATURE_OF_MINOR_0 and self.hello.minor < 1:
            raise firmware_too_old(self.hello, "a temperature of 0")
        drawn = encode_floats(uniforms)
        return await self._link.call(
            messages.sample(seed, number, temperature, prompt, drawn, top_k, top_p)
        )

    async def begin_text(self, wish: TextWish) -> StoryText:
        """Has the pretrained model write a text; raises NoStory if there is none on the board.

        The model that the board trains makes room and comes back when it is asked for. Raises Busy
        while it is trained.
        """
        with table_blamed(self.hello):
            return await stories.begin_text(self._link, wish)

    async def text_plan(self, context: int = 0) -> TextPlan:
        """Where the pretrained model would lie for texts of `context` tokens, and what one takes.

        0 stands for the context that `begin_text` takes. Nothing is loaded. Raises NoStory if there
        is no model on the board, UnfitValue if such texts have no room.
        """
        return await text_plan(self._link, context)

    async def longest_texts(self) -> int:
        """The largest context that the pretrained model and the memory allow."""
        info = await self.image_info()
        return await largest_context(self._link, info.shape.context)

    # Without a host

    async def data_store(
        self, documents: Sequence[bytes], vocab_size: int, progress: Progress | None = None
    ) -> DataSet:
        """Replaces the data set in flash, from which `train` with Source.FLASH takes documents.

        They are in the form of `encode_tokens`. Raises NoRoom if the flash is too small.
        """
        data, content = encode_data_set(documents, vocab_size)
        done = counter(len(content), progress)
        with table_blamed(self.hello):
            await self._link.call(messages.data_begin(data))
            await self._bulk.send(content, messages.data_write, done)
            await self._link.call(messages.data_commit())
        return data

    async def data_info(self) -> DataSet:
        """The data set in flash; raises BadData if there is none."""
        return await self._link.call(messages.data_info())

    async def loss_history(self, first: int, count: int = _LOSSES_PER_REQUEST) -> KeptLosses:
        """Losses from step `first` (1-based) on that a run from flash has kept.

        At most those one frame holds; none if none are kept.
        """
        most = min(count, _LOSSES_PER_REQUEST, self._bulk.data_bytes // VALUE_BYTES)
        strided = self.hello.minor >= _STRIDE_MINOR
        result = await self._link.call(messages.curve(first, most, strided))
        # A device that knows no strides has them all, from the first one wanted on.
        return KeptLosses(result.first or first, result.stride, _losses(result.values, most))

    async def autorun(
        self, enabled: bool, temperature: float = 0.5, *, console: bool = False
    ) -> None:
        """Enables or disables printing samples by itself from power-up on.

        With `console` it writes the stories that somebody begins at a serial terminal instead.
        """
        if console and self.hello.minor < 1:
            raise firmware_too_old(self.hello, "a console")
        with table_blamed(self.hello):
            async with push_blamed(self._link):
                await self._link.call(messages.autorun(enabled, temperature, console))

    # A pretrained model

    async def image_store(self, content: bytes, progress: Progress | None = None) -> None:
        """Replaces the pretrained model in flash by this image (docs/model-image.md).

        An interrupted call leaves no model. The next one with the same image sends what is missing.
        Raises NoRoom, DoesNotFit or BadStory, and leaves the model that is there, if the device
        refuses the image by its header; BadStory also if it finds it wrong at the end.
        """
        header = content[: image_transfer.HEADER_BYTES]
        if await self._link.call(messages.image_begin(header)):
            missing = await image_transfer.missing_blocks(self._link.call, content)
        else:
            missing = [image_transfer.all_blocks(content)]
        await image_transfer.send(self._bulk, content, missing, progress)
        await self._link.call(messages.image_commit())

    async def image_info(self) -> ImageInfo:
        """The pretrained model in flash, or the one whose push was interrupted.

        Raises NoStory if there is neither.
        """
        return await self._link.call(messages.image_info())

    async def image_erase(self) -> None:
        """Removes the pretrained model from the flash."""
        await self._link.call(messages.image_erase())


def _losses(data: bytes, most: int) -> tuple[float, ...]:
    """At most so many losses; raises ProtocolError for more, or for a part of one."""
    if len(data) % VALUE_BYTES or len(data) > VALUE_BYTES * most:
        raise ProtocolError(
            f"The device sent {counted(len(data), 'byte')} as {counted(most, 'loss', 'losses')}."
        )
    return decode_floats(data)
