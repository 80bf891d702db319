# Generated from protocol/ugpt.toml by protocol/generate.py. Do not edit.
"""Every message of the protocol as a value.

`to_wire` gives the positional array that goes into a body and raises InvalidValue for a field
outside its range; `from_wire` reads one and raises ProtocolError.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from . import codec
from .codec import FieldReader, Request

PROTOCOL_MAJOR = 1
PROTOCOL_MINOR = 0

FRAME_MIN_BYTES = 1280
"""The smallest `frame_bytes` a device may announce: every fixed-size message fits in it."""
FRAME_MAX_BYTES = 8192
"""The largest `frame_bytes` a device may announce."""
WINDOW_MAX = 16
"""The most requests a device may allow in flight."""
FIRST_BAUD = 115200
"""The rate of every link until both sides agree on another."""
BAUD_TRIAL_MS = 1000
"""After `set_baud` the device waits this long for a valid frame at the new rate, then returns to
`first_baud`.
"""
BLOCK_SIZE_MAX = 256
"""The longest context: a sample and its uniforms fit in one frame."""


class DeviceState(IntEnum):
    """What the trainer is doing."""

    EMPTY = 0
    """No model has been created or loaded."""
    IDLE = 1
    """A model is in memory; nothing is asked of it."""
    TRAINING = 2
    """Steps are being run towards the target."""
    WAITING = 3
    """The target is ahead, but the next document has not arrived."""
    SAVING = 4
    """A checkpoint is being written to flash."""


class TensorKind(IntEnum):
    """Which values of a parameter matrix are meant."""

    WEIGHTS = 0
    """The parameters."""
    FIRST_MOMENT = 1
    """Adam's first moment, without its factor (1 - beta1)."""
    SECOND_MOMENT = 2
    """Adam's second moment, without its factor (1 - beta2)."""


class LogLevel(IntEnum):
    """How serious a log line is."""

    ERROR = 0
    """Something was lost or could not be done."""
    WARNING = 1
    """Something was put right."""
    INFO = 2
    """Something happened."""


class Source(IntEnum):
    """Where the documents of a run come from."""

    HOST = 0
    """The host sends them."""
    FLASH = 1
    """The data set in the device's flash; training needs no host and goes on after a power cut."""


class Schedule(IntEnum):
    """How the learning rate changes after the warm-up."""

    LINEAR = 0
    """Falls in a straight line to zero."""
    COSINE = 1
    """Falls along half a cosine to zero."""
    CONSTANT = 2
    """Stays."""


class MomentFormat(IntEnum):
    """How Adam's moments are kept."""

    F32 = 0
    """Four bytes a value."""
    BF16 = 1
    """Two bytes a value."""
    Q8 = 2
    """A byte a value and a scale for each block of values."""


class ErrorCode(IntEnum):
    """Why a device refused a request."""

    BAD_MESSAGE = 1
    """The frame was whole, but its body is not a MessagePack-RPC request."""
    UNKNOWN_METHOD = 2
    """The firmware does not know this method."""
    BAD_PARAMS = 3
    """A parameter is missing, has the wrong type or lies outside its range."""
    WRONG_VERSION = 4
    """Host and firmware speak different major versions of the protocol."""
    BUSY = 5
    """The command needs an idle trainer, and one is training."""
    NO_MODEL = 6
    """The device holds no model."""
    DOES_NOT_FIT = 7
    """The model needs more memory than the device has; detail carries the missing bytes."""
    BAD_SHAPE = 8
    """The numbers of the shape contradict each other."""
    GAP = 9
    """These documents start after the next one the device needs; detail carries the wanted index.
    """
    BAD_TOKEN = 10
    """A token lies outside the vocabulary of the model."""
    UNKNOWN_TENSOR = 11
    """The model has no tensor of that name, or the range lies outside it."""
    FLASH_FAILED = 12
    """Reading, erasing or writing the flash failed."""
    NO_ROOM = 13
    """The flash region is too small; detail carries the missing bytes."""
    NOT_FINITE = 14
    """The loss became infinite or not a number; training stopped before the weights were touched
    again.
    """
    OTHER_RUN = 15
    """The device holds another run than the one named."""
    BAD_DATA = 17
    """The data set in flash is absent, incomplete or does not match its checksum."""
    HELLO_FIRST = 16
    """The device has started since the last `hello`, or has not seen one yet."""


ERROR_DOC: dict[ErrorCode, str] = {
    ErrorCode.BAD_MESSAGE: "The frame was whole, but its body is not a MessagePack-RPC request.",
    ErrorCode.UNKNOWN_METHOD: "The firmware does not know this method.",
    ErrorCode.BAD_PARAMS: "A parameter is missing, has the wrong type or lies outside its range.",
    ErrorCode.WRONG_VERSION: "Host and firmware speak different major versions of the protocol.",
    ErrorCode.BUSY: "The command needs an idle trainer, and one is training.",
    ErrorCode.NO_MODEL: "The device holds no model.",
    ErrorCode.DOES_NOT_FIT: (
        "The model needs more memory than the device has; detail carries the missing bytes."
    ),
    ErrorCode.BAD_SHAPE: "The numbers of the shape contradict each other.",
    ErrorCode.GAP: (
        "These documents start after the next one the device needs; detail carries the wanted "
        "index."
    ),
    ErrorCode.BAD_TOKEN: "A token lies outside the vocabulary of the model.",
    ErrorCode.UNKNOWN_TENSOR: "The model has no tensor of that name, or the range lies outside it.",
    ErrorCode.FLASH_FAILED: "Reading, erasing or writing the flash failed.",
    ErrorCode.NO_ROOM: "The flash region is too small; detail carries the missing bytes.",
    ErrorCode.NOT_FINITE: (
        "The loss became infinite or not a number; training stopped before the weights were touched"
        " again."
    ),
    ErrorCode.OTHER_RUN: "The device holds another run than the one named.",
    ErrorCode.BAD_DATA: (
        "The data set in flash is absent, incomplete or does not match its checksum."
    ),
    ErrorCode.HELLO_FIRST: (
        "The device has started since the last `hello`, or has not seen one yet."
    ),
}
"""What an error means."""

ERROR_ADVICE: dict[ErrorCode, str] = {
    ErrorCode.BAD_MESSAGE: "Update host and firmware to the same version.",
    ErrorCode.UNKNOWN_METHOD: "Update the firmware: it is older than this program.",
    ErrorCode.BAD_PARAMS: "Check the value that the message names.",
    ErrorCode.WRONG_VERSION: (
        "Install the ugpt release that matches the firmware, or flash the firmware of this one."
    ),
    ErrorCode.BUSY: "Pause the training first.",
    ErrorCode.NO_MODEL: "Train one first: ugpt train FILE.",
    ErrorCode.DOES_NOT_FIT: "Choose a smaller shape; `ugpt plan` shows what takes the room.",
    ErrorCode.BAD_SHAPE: "Make n_embd divisible by n_head.",
    ErrorCode.GAP: "Send the documents from the wanted index on.",
    ErrorCode.BAD_TOKEN: "Use only characters that the training text contains.",
    ErrorCode.UNKNOWN_TENSOR: "Check the name and the range against the shape.",
    ErrorCode.FLASH_FAILED: "Try again; if it persists the flash chip may be worn out.",
    ErrorCode.NO_ROOM: "Choose a smaller model or data set, or a board with more flash.",
    ErrorCode.NOT_FINITE: "Use a smaller learning rate.",
    ErrorCode.OTHER_RUN: "Resume the run that is on the board, or start a new one.",
    ErrorCode.BAD_DATA: "Send it again: ugpt data push FILE.",
    ErrorCode.HELLO_FIRST: "Say hello again; what was not in a checkpoint is gone.",
}
"""What the user can do about an error."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a transformer."""

    n_layer: int
    """Transformer blocks."""
    n_embd: int
    """Width of the residual stream; a multiple of n_head."""
    n_head: int
    """Attention heads in a block."""
    block_size: int
    """Longest context in tokens."""
    vocab_size: int
    """Characters and BOS, which has the last id."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("n_layer", self.n_layer, 1, 64),
            codec.integer("n_embd", self.n_embd, 1, 1024),
            codec.integer("n_head", self.n_head, 1, 64),
            codec.integer("block_size", self.block_size, 1, 256),
            codec.integer("vocab_size", self.vocab_size, 2, 65535),
        ]

    @classmethod
    def from_wire(cls, value: object) -> Shape:
        fields = FieldReader("Shape", value)
        return cls(
            n_layer=fields.integer("n_layer", 1, 64),
            n_embd=fields.integer("n_embd", 1, 1024),
            n_head=fields.integer("n_head", 1, 64),
            block_size=fields.integer("block_size", 1, 256),
            vocab_size=fields.integer("vocab_size", 2, 65535),
        )


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the weights are trained: Adam, and by default microgpt's learning rate, which falls
    linearly to zero.
    """

    learning_rate: float
    """Of the first step."""
    beta1: float
    """Decay of the first moment."""
    beta2: float
    """Decay of the second moment."""
    epsilon: float
    """Added to the root of the second moment."""
    total_steps: int
    """The step at which the learning rate reaches zero."""
    batch: int = 1
    """Documents a step; their gradients are averaged."""
    schedule: Schedule = Schedule.LINEAR
    """How the learning rate changes after the warm-up."""
    warmup_steps: int = 0
    """Steps over which the learning rate rises from zero in a straight line."""
    weight_decay: float = 0.0
    """Decoupled from the gradient, as in AdamW: each step takes this times the learning rate off
    every weight.
    """
    clip_norm: float = 0.0
    """A gradient whose norm is larger is scaled down to it; 0 for no limit."""
    moments: MomentFormat = MomentFormat.F32
    """How Adam's moments are kept."""
    recompute: bool = False
    """Whether activations are computed again in the backward pass, which takes less memory and more
    time.
    """

    def to_wire(self) -> list[object]:
        return [
            codec.f32("learning_rate", self.learning_rate, 0.0, 10.0),
            codec.f32("beta1", self.beta1, 0.0, 0.9999),
            codec.f32("beta2", self.beta2, 0.0, 0.9999),
            codec.f32("epsilon", self.epsilon, 1e-10, 0.01),
            codec.integer("total_steps", self.total_steps, 1, 16777216),
            codec.integer("batch", self.batch, 1, 1024),
            codec.enum("schedule", self.schedule),
            codec.integer("warmup_steps", self.warmup_steps, 0, 16777216),
            codec.f32("weight_decay", self.weight_decay, 0.0, 1.0),
            codec.f32("clip_norm", self.clip_norm, 0.0, 1000000.0),
            codec.enum("moments", self.moments),
            codec.boolean("recompute", self.recompute),
        ]

    @classmethod
    def from_wire(cls, value: object) -> Recipe:
        fields = FieldReader("Recipe", value)
        return cls(
            learning_rate=fields.f32("learning_rate", 0.0, 10.0),
            beta1=fields.f32("beta1", 0.0, 0.9999),
            beta2=fields.f32("beta2", 0.0, 0.9999),
            epsilon=fields.f32("epsilon", 1e-10, 0.01),
            total_steps=fields.integer("total_steps", 1, 16777216),
            batch=fields.integer("batch", 1, 1024, default=1),
            schedule=fields.enum("schedule", Schedule, default=Schedule.LINEAR),
            warmup_steps=fields.integer("warmup_steps", 0, 16777216, default=0),
            weight_decay=fields.f32("weight_decay", 0.0, 1.0, default=0.0),
            clip_norm=fields.f32("clip_norm", 0.0, 1000000.0, default=0.0),
            moments=fields.enum("moments", MomentFormat, default=MomentFormat.F32),
            recompute=fields.boolean("recompute", default=False),
        )


@dataclass(frozen=True, slots=True)
class Hello:
    """Who answers."""

    major: int
    """Protocol version of the firmware; a different one is refused."""
    minor: int
    """Additions since that version."""
    build: str
    """Firmware version."""
    chip: str
    """Name of the chip, such as `esp32`."""
    board: str
    """Name of the board, or of the profile of a virtual device."""
    virtual_device: bool
    """Whether this is the firmware compiled for the host."""
    cores: int
    """Processor cores."""
    clock_hz: int
    """Clock of a core; 0 where it has no meaning."""
    memory_blocks: tuple[int, ...]
    """Sizes in bytes of the memory blocks that tensors can use."""
    checkpoint_bytes: int
    """Size of one checkpoint slot in flash."""
    boot: int
    """Changes with every start of the device."""
    frame_bytes: int
    """Largest body of a frame, either way."""
    window: int
    """Requests that may be in flight."""
    baud_max: int
    """Highest rate of the UART; 0 where a rate has no meaning."""
    data_bytes: int = 0
    """Room in flash for the content of a data set."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("major", self.major, 0, 65535),
            codec.integer("minor", self.minor, 0, 65535),
            codec.string("build", self.build, 64),
            codec.string("chip", self.chip, 32),
            codec.string("board", self.board, 32),
            codec.boolean("virtual_device", self.virtual_device),
            codec.integer("cores", self.cores, 0, 255),
            codec.integer("clock_hz", self.clock_hz, 0, 4294967295),
            codec.integers("memory_blocks", self.memory_blocks, 4),
            codec.integer("checkpoint_bytes", self.checkpoint_bytes, 0, 4294967295),
            codec.integer("boot", self.boot, 0, 4294967295),
            codec.integer("frame_bytes", self.frame_bytes, 1280, 8192),
            codec.integer("window", self.window, 1, 16),
            codec.integer("baud_max", self.baud_max, 0, 4294967295),
            codec.integer("data_bytes", self.data_bytes, 0, 4294967295),
        ]

    @classmethod
    def from_wire(cls, value: object) -> Hello:
        fields = FieldReader("Hello", value)
        return cls(
            major=fields.integer("major", 0, 65535),
            minor=fields.integer("minor", 0, 65535),
            build=fields.string("build", 64),
            chip=fields.string("chip", 32),
            board=fields.string("board", 32),
            virtual_device=fields.boolean("virtual_device"),
            cores=fields.integer("cores", 0, 255),
            clock_hz=fields.integer("clock_hz", 0, 4294967295),
            memory_blocks=fields.integers("memory_blocks", 4),
            checkpoint_bytes=fields.integer("checkpoint_bytes", 0, 4294967295),
            boot=fields.integer("boot", 0, 4294967295),
            frame_bytes=fields.integer("frame_bytes", 1280, 8192),
            window=fields.integer("window", 1, 16),
            baud_max=fields.integer("baud_max", 0, 4294967295),
            data_bytes=fields.integer("data_bytes", 0, 4294967295, default=0),
        )


@dataclass(frozen=True, slots=True)
class Status:
    """A snapshot of the trainer; reading it never waits for a training step."""

    state: DeviceState
    """What the trainer is doing."""
    run_id: int
    """The run in memory; 0 where there is none."""
    step: int
    """Steps completed."""
    target_step: int
    """Where training stops."""
    saved_step: int
    """Step of the newest checkpoint of this run in flash; 0 where there is none."""
    loss: float
    """Loss of the last step; 0 before the first."""
    positions: int
    """Positions trained on since the start of the device."""
    documents_next: int
    """Index of the next document to send."""
    documents_free: int
    """Documents there is room for."""
    losses_first: int
    """Oldest step (1-based) whose loss is still held."""
    error: int
    """Error code that stopped the training; 0 where none did."""
    step_us: int
    """Duration of the last training step in microseconds."""
    free_bytes: int
    """Tensor memory not taken by the model."""
    source: Source = Source.HOST
    """Where the documents of the run come from."""
    autorun: bool = False
    """Whether the device prints samples by itself while no host speaks to it."""

    def to_wire(self) -> list[object]:
        return [
            codec.enum("state", self.state),
            codec.integer("run_id", self.run_id, 0, 4294967295),
            codec.integer("step", self.step, 0, 4294967295),
            codec.integer("target_step", self.target_step, 0, 4294967295),
            codec.integer("saved_step", self.saved_step, 0, 4294967295),
            codec.f32("loss", self.loss),
            codec.integer("positions", self.positions, 0, 18446744073709551615),
            codec.integer("documents_next", self.documents_next, 0, 4294967295),
            codec.integer("documents_free", self.documents_free, 0, 65535),
            codec.integer("losses_first", self.losses_first, 0, 4294967295),
            codec.integer("error", self.error, 0, 255),
            codec.integer("step_us", self.step_us, 0, 4294967295),
            codec.integer("free_bytes", self.free_bytes, 0, 4294967295),
            codec.enum("source", self.source),
            codec.boolean("autorun", self.autorun),
        ]

    @classmethod
    def from_wire(cls, value: object) -> Status:
        fields = FieldReader("Status", value)
        return cls(
            state=fields.enum("state", DeviceState),
            run_id=fields.integer("run_id", 0, 4294967295),
            step=fields.integer("step", 0, 4294967295),
            target_step=fields.integer("target_step", 0, 4294967295),
            saved_step=fields.integer("saved_step", 0, 4294967295),
            loss=fields.f32("loss"),
            positions=fields.integer("positions", 0, 18446744073709551615),
            documents_next=fields.integer("documents_next", 0, 4294967295),
            documents_free=fields.integer("documents_free", 0, 65535),
            losses_first=fields.integer("losses_first", 0, 4294967295),
            error=fields.integer("error", 0, 255),
            step_us=fields.integer("step_us", 0, 4294967295),
            free_bytes=fields.integer("free_bytes", 0, 4294967295),
            source=fields.enum("source", Source, default=Source.HOST),
            autorun=fields.boolean("autorun", default=False),
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What a model costs in bytes."""

    parameters: int
    """Number of weights."""
    weights_bytes: int
    """The weights."""
    moments_bytes: int
    """Adam's two moments."""
    gradients_bytes: int
    """Gradient buffers."""
    activations_bytes: int
    """Everything a step keeps between forward and backward; sampling uses the same room."""
    vocabulary_bytes: int
    """The characters of the vocabulary."""
    total_bytes: int
    """All parts with their alignment."""
    available_bytes: int
    """All memory blocks together."""
    missing_bytes: int
    """By how much it does not fit; 0 where it does."""
    checkpoint_bytes: int
    """Size of a checkpoint in flash."""
    fits: bool
    """Whether it can be created on this device."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("parameters", self.parameters, 0, 4294967295),
            codec.integer("weights_bytes", self.weights_bytes, 0, 4294967295),
            codec.integer("moments_bytes", self.moments_bytes, 0, 4294967295),
            codec.integer("gradients_bytes", self.gradients_bytes, 0, 4294967295),
            codec.integer("activations_bytes", self.activations_bytes, 0, 4294967295),
            codec.integer("vocabulary_bytes", self.vocabulary_bytes, 0, 4294967295),
            codec.integer("total_bytes", self.total_bytes, 0, 4294967295),
            codec.integer("available_bytes", self.available_bytes, 0, 4294967295),
            codec.integer("missing_bytes", self.missing_bytes, 0, 4294967295),
            codec.integer("checkpoint_bytes", self.checkpoint_bytes, 0, 4294967295),
            codec.boolean("fits", self.fits),
        ]

    @classmethod
    def from_wire(cls, value: object) -> Plan:
        fields = FieldReader("Plan", value)
        return cls(
            parameters=fields.integer("parameters", 0, 4294967295),
            weights_bytes=fields.integer("weights_bytes", 0, 4294967295),
            moments_bytes=fields.integer("moments_bytes", 0, 4294967295),
            gradients_bytes=fields.integer("gradients_bytes", 0, 4294967295),
            activations_bytes=fields.integer("activations_bytes", 0, 4294967295),
            vocabulary_bytes=fields.integer("vocabulary_bytes", 0, 4294967295),
            total_bytes=fields.integer("total_bytes", 0, 4294967295),
            available_bytes=fields.integer("available_bytes", 0, 4294967295),
            missing_bytes=fields.integer("missing_bytes", 0, 4294967295),
            checkpoint_bytes=fields.integer("checkpoint_bytes", 0, 4294967295),
            fits=fields.boolean("fits"),
        )


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set in flash. Its content is each document's length in tokens as two bytes, then its
    tokens, in the form of `documents_write`, all little-endian.
    """

    documents: int
    """Number of documents; document i of the training order is number i modulo this."""
    size_bytes: int
    """Of the content."""
    token_bytes: int
    """Bytes of a token: one where vocab_size <= 256."""
    crc: int
    """CRC-32 of the content."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("documents", self.documents, 1, 4294967295),
            codec.integer("size_bytes", self.size_bytes, 3, 4294967295),
            codec.integer("token_bytes", self.token_bytes, 1, 2),
            codec.integer("crc", self.crc, 0, 4294967295),
        ]

    @classmethod
    def from_wire(cls, value: object) -> DataSet:
        fields = FieldReader("DataSet", value)
        return cls(
            documents=fields.integer("documents", 1, 4294967295),
            size_bytes=fields.integer("size_bytes", 3, 4294967295),
            token_bytes=fields.integer("token_bytes", 1, 2),
            crc=fields.integer("crc", 0, 4294967295),
        )


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The model in memory."""

    run_id: int
    """The run it belongs to, chosen by the host."""
    shape: Shape
    """Its shape."""
    recipe: Recipe
    """How it is trained."""
    vocabulary_bytes: int
    """Length of the vocabulary as UTF-8 text, BOS left out."""
    step: int
    """Steps completed."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("run_id", self.run_id, 0, 4294967295),
            self.shape.to_wire(),
            self.recipe.to_wire(),
            codec.integer("vocabulary_bytes", self.vocabulary_bytes, 0, 4294967295),
            codec.integer("step", self.step, 0, 4294967295),
        ]

    @classmethod
    def from_wire(cls, value: object) -> ModelInfo:
        fields = FieldReader("ModelInfo", value)
        return cls(
            run_id=fields.integer("run_id", 0, 4294967295),
            shape=fields.record("shape", Shape.from_wire),
            recipe=fields.record("recipe", Recipe.from_wire),
            vocabulary_bytes=fields.integer("vocabulary_bytes", 0, 4294967295),
            step=fields.integer("step", 0, 4294967295),
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """Where the time of training goes: ticks of a counter in each part of a step, forward and
    backward pass together.
    """

    tick_hz: int
    """Ticks a second: the clock of the core, where it counts its cycles."""
    steps: int
    """Training steps counted."""
    embedding: int
    """Ticks spent on the embeddings and their norm."""
    attention: int
    """On attention with its norm and projections."""
    mlp: int
    """On the multilayer perceptrons with their norms."""
    loss: int
    """On the logits and the loss."""
    adam: int
    """On the updates of the weights."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("tick_hz", self.tick_hz, 1, 4294967295),
            codec.integer("steps", self.steps, 0, 4294967295),
            codec.integer("embedding", self.embedding, 0, 18446744073709551615),
            codec.integer("attention", self.attention, 0, 18446744073709551615),
            codec.integer("mlp", self.mlp, 0, 18446744073709551615),
            codec.integer("loss", self.loss, 0, 18446744073709551615),
            codec.integer("adam", self.adam, 0, 18446744073709551615),
        ]

    @classmethod
    def from_wire(cls, value: object) -> Profile:
        fields = FieldReader("Profile", value)
        return cls(
            tick_hz=fields.integer("tick_hz", 1, 4294967295),
            steps=fields.integer("steps", 0, 4294967295),
            embedding=fields.integer("embedding", 0, 18446744073709551615),
            attention=fields.integer("attention", 0, 18446744073709551615),
            mlp=fields.integer("mlp", 0, 18446744073709551615),
            loss=fields.integer("loss", 0, 18446744073709551615),
            adam=fields.integer("adam", 0, 18446744073709551615),
        )


@dataclass(frozen=True, slots=True)
class HelloResult:
    """What `hello` returns."""

    hello: Hello
    """Who answers."""

    def to_wire(self) -> list[object]:
        return [
            self.hello.to_wire(),
        ]

    @classmethod
    def from_wire(cls, value: object) -> HelloResult:
        fields = FieldReader("HelloResult", value)
        return cls(
            hello=fields.record("hello", Hello.from_wire),
        )


@dataclass(frozen=True, slots=True)
class HelloRequest(Request[HelloResult]):
    """Opens a conversation; the first request on every connection."""

    METHOD: ClassVar[str] = "hello"
    RESULT: ClassVar[type[HelloResult]] = HelloResult

    major: int
    """Protocol version of the host."""
    minor: int
    """Additions the host knows."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("major", self.major, 0, 65535),
            codec.integer("minor", self.minor, 0, 65535),
        ]

    @classmethod
    def from_wire(cls, value: object) -> HelloRequest:
        fields = FieldReader("HelloRequest", value)
        return cls(
            major=fields.integer("major", 0, 65535),
            minor=fields.integer("minor", 0, 65535),
        )

    def decode_result(self, value: object) -> HelloResult:
        return HelloResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class PingResult:
    """What `ping` returns."""

    payload: bytes
    """The same bytes."""

    def to_wire(self) -> list[object]:
        return [
            codec.binary("payload", self.payload, 8000),
        ]

    @classmethod
    def from_wire(cls, value: object) -> PingResult:
        fields = FieldReader("PingResult", value)
        return cls(
            payload=fields.binary("payload", 8000),
        )


@dataclass(frozen=True, slots=True)
class PingRequest(Request[PingResult]):
    """Returns what it is given."""

    METHOD: ClassVar[str] = "ping"
    RESULT: ClassVar[type[PingResult]] = PingResult

    payload: bytes
    """Any bytes."""

    def to_wire(self) -> list[object]:
        return [
            codec.binary("payload", self.payload, 8000),
        ]

    @classmethod
    def from_wire(cls, value: object) -> PingRequest:
        fields = FieldReader("PingRequest", value)
        return cls(
            payload=fields.binary("payload", 8000),
        )

    def decode_result(self, value: object) -> PingResult:
        return PingResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class SetBaudResult:
    """What `set_baud` returns."""

    baud: int
    """The rate from now on."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("baud", self.baud, 0, 4294967295),
        ]

    @classmethod
    def from_wire(cls, value: object) -> SetBaudResult:
        fields = FieldReader("SetBaudResult", value)
        return cls(
            baud=fields.integer("baud", 0, 4294967295),
        )


@dataclass(frozen=True, slots=True)
class SetBaudRequest(Request[SetBaudResult]):
    """Changes the rate of the UART after the reply has left; the device goes back when no valid
    frame follows in time.
    """

    METHOD: ClassVar[str] = "set_baud"
    RESULT: ClassVar[type[SetBaudResult]] = SetBaudResult

    baud: int
    """The new rate."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("baud", self.baud, 9600, 5000000),
        ]

    @classmethod
    def from_wire(cls, value: object) -> SetBaudRequest:
        fields = FieldReader("SetBaudRequest", value)
        return cls(
            baud=fields.integer("baud", 9600, 5000000),
        )

    def decode_result(self, value: object) -> SetBaudResult:
        return SetBaudResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class ResetResult:
    """What `reset` returns."""

    def to_wire(self) -> list[object]:
        return []

    @classmethod
    def from_wire(cls, value: object) -> ResetResult:
        FieldReader("ResetResult", value)
        return cls()


@dataclass(frozen=True, slots=True)
class ResetRequest(Request[ResetResult]):
    """Restarts the device after the reply has left. What is not in a checkpoint is lost."""

    METHOD: ClassVar[str] = "reset"
    RESULT: ClassVar[type[ResetResult]] = ResetResult

    def to_wire(self) -> list[object]:
        return []

    @classmethod
    def from_wire(cls, value: object) -> ResetRequest:
        FieldReader("ResetRequest", value)
        return cls()

    def decode_result(self, value: object) -> ResetResult:
        return ResetResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class StatusResult:
    """What `status` returns."""

    status: Status
    """The snapshot."""

    def to_wire(self) -> list[object]:
        return [
            self.status.to_wire(),
        ]

    @classmethod
    def from_wire(cls, value: object) -> StatusResult:
        fields = FieldReader("StatusResult", value)
        return cls(
            status=fields.record("status", Status.from_wire),
        )


@dataclass(frozen=True, slots=True)
class StatusRequest(Request[StatusResult]):
    """Reads the status snapshot."""

    METHOD: ClassVar[str] = "status"
    RESULT: ClassVar[type[StatusResult]] = StatusResult

    def to_wire(self) -> list[object]:
        return []

    @classmethod
    def from_wire(cls, value: object) -> StatusRequest:
        FieldReader("StatusRequest", value)
        return cls()

    def decode_result(self, value: object) -> StatusResult:
        return StatusResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class LossesResult:
    """What `losses` returns."""

    first: int
    """Step of the first value: later than asked for where older ones are no longer held."""
    values: bytes
    """Losses of consecutive steps as little-endian float32."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("first", self.first, 0, 4294967295),
            codec.binary("values", self.values, 8000),
        ]

    @classmethod
    def from_wire(cls, value: object) -> LossesResult:
        fields = FieldReader("LossesResult", value)
        return cls(
            first=fields.integer("first", 0, 4294967295),
            values=fields.binary("values", 8000),
        )


@dataclass(frozen=True, slots=True)
class LossesRequest(Request[LossesResult]):
    """Reads losses of completed steps; reading never waits for a training step."""

    METHOD: ClassVar[str] = "losses"
    RESULT: ClassVar[type[LossesResult]] = LossesResult

    first: int
    """The first step (1-based) wanted."""
    count: int
    """The most values wanted."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("first", self.first, 1, 4294967295),
            codec.integer("count", self.count, 1, 2048),
        ]

    @classmethod
    def from_wire(cls, value: object) -> LossesRequest:
        fields = FieldReader("LossesRequest", value)
        return cls(
            first=fields.integer("first", 1, 4294967295),
            count=fields.integer("count", 1, 2048),
        )

    def decode_result(self, value: object) -> LossesResult:
        return LossesResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class PlanResult:
    """What `plan` returns."""

    plan: Plan
    """The bytes of each part."""

    def to_wire(self) -> list[object]:
        return [
            self.plan.to_wire(),
        ]

    @classmethod
    def from_wire(cls, value: object) -> PlanResult:
        fields = FieldReader("PlanResult", value)
        return cls(
            plan=fields.record("plan", Plan.from_wire),
        )


@dataclass(frozen=True, slots=True)
class PlanRequest(Request[PlanResult]):
    """Says what a model would cost, without creating it."""

    METHOD: ClassVar[str] = "plan"
    RESULT: ClassVar[type[PlanResult]] = PlanResult

    shape: Shape
    """The shape asked about."""
    recipe: Recipe
    """How it would be trained."""
    vocabulary_bytes: int
    """Length of the vocabulary as UTF-8 text."""

    def to_wire(self) -> list[object]:
        return [
            self.shape.to_wire(),
            self.recipe.to_wire(),
            codec.integer("vocabulary_bytes", self.vocabulary_bytes, 0, 262144),
        ]

    @classmethod
    def from_wire(cls, value: object) -> PlanRequest:
        fields = FieldReader("PlanRequest", value)
        return cls(
            shape=fields.record("shape", Shape.from_wire),
            recipe=fields.record("recipe", Recipe.from_wire),
            vocabulary_bytes=fields.integer("vocabulary_bytes", 0, 262144),
        )

    def decode_result(self, value: object) -> PlanResult:
        return PlanResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class CreateResult:
    """What `create` returns."""

    plan: Plan
    """What it takes."""

    def to_wire(self) -> list[object]:
        return [
            self.plan.to_wire(),
        ]

    @classmethod
    def from_wire(cls, value: object) -> CreateResult:
        fields = FieldReader("CreateResult", value)
        return cls(
            plan=fields.record("plan", Plan.from_wire),
        )


@dataclass(frozen=True, slots=True)
class CreateRequest(Request[CreateResult]):
    """Makes a model with zero weights and moments at step 0; does nothing where the same run, shape
    and recipe are in memory already.
    """

    METHOD: ClassVar[str] = "create"
    RESULT: ClassVar[type[CreateResult]] = CreateResult

    run_id: int
    """Chosen by the host; names the run from now on."""
    shape: Shape
    """Its shape."""
    recipe: Recipe
    """How it will be trained."""
    vocabulary_bytes: int
    """Length of the vocabulary as UTF-8 text."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("run_id", self.run_id, 1, 4294967295),
            self.shape.to_wire(),
            self.recipe.to_wire(),
            codec.integer("vocabulary_bytes", self.vocabulary_bytes, 0, 262144),
        ]

    @classmethod
    def from_wire(cls, value: object) -> CreateRequest:
        fields = FieldReader("CreateRequest", value)
        return cls(
            run_id=fields.integer("run_id", 1, 4294967295),
            shape=fields.record("shape", Shape.from_wire),
            recipe=fields.record("recipe", Recipe.from_wire),
            vocabulary_bytes=fields.integer("vocabulary_bytes", 0, 262144),
        )

    def decode_result(self, value: object) -> CreateResult:
        return CreateResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class ModelInfoResult:
    """What `model_info` returns."""

    model: ModelInfo
    """The model."""

    def to_wire(self) -> list[object]:
        return [
            self.model.to_wire(),
        ]

    @classmethod
    def from_wire(cls, value: object) -> ModelInfoResult:
        fields = FieldReader("ModelInfoResult", value)
        return cls(
            model=fields.record("model", ModelInfo.from_wire),
        )


@dataclass(frozen=True, slots=True)
class ModelInfoRequest(Request[ModelInfoResult]):
    """Describes the model in memory."""

    METHOD: ClassVar[str] = "model_info"
    RESULT: ClassVar[type[ModelInfoResult]] = ModelInfoResult

    def to_wire(self) -> list[object]:
        return []

    @classmethod
    def from_wire(cls, value: object) -> ModelInfoRequest:
        FieldReader("ModelInfoRequest", value)
        return cls()

    def decode_result(self, value: object) -> ModelInfoResult:
        return ModelInfoResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class InitWeightsResult:
    """What `init_weights` returns."""

    def to_wire(self) -> list[object]:
        return []

    @classmethod
    def from_wire(cls, value: object) -> InitWeightsResult:
        FieldReader("InitWeightsResult", value)
        return cls()


@dataclass(frozen=True, slots=True)
class InitWeightsRequest(Request[InitWeightsResult]):
    """Draws every weight from the device's own generator; the moments and the step become zero."""

    METHOD: ClassVar[str] = "init_weights"
    RESULT: ClassVar[type[InitWeightsResult]] = InitWeightsResult

    seed: int
    """Of the generator."""
    deviation: float
    """Standard deviation of the weights."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("seed", self.seed, 0, 18446744073709551615),
            codec.f32("deviation", self.deviation, 0.0, 10.0),
        ]

    @classmethod
    def from_wire(cls, value: object) -> InitWeightsRequest:
        fields = FieldReader("InitWeightsRequest", value)
        return cls(
            seed=fields.integer("seed", 0, 18446744073709551615),
            deviation=fields.f32("deviation", 0.0, 10.0),
        )

    def decode_result(self, value: object) -> InitWeightsResult:
        return InitWeightsResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class VocabularyWriteResult:
    """What `vocabulary_write` returns."""

    def to_wire(self) -> list[object]:
        return []

    @classmethod
    def from_wire(cls, value: object) -> VocabularyWriteResult:
        FieldReader("VocabularyWriteResult", value)
        return cls()


@dataclass(frozen=True, slots=True)
class VocabularyWriteRequest(Request[VocabularyWriteResult]):
    """Stores part of the vocabulary: the characters in id order as UTF-8 text, BOS left out."""

    METHOD: ClassVar[str] = "vocabulary_write"
    RESULT: ClassVar[type[VocabularyWriteResult]] = VocabularyWriteResult

    offset: int
    """In bytes."""
    data: bytes
    """The bytes from there on."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("offset", self.offset, 0, 4294967295),
            codec.binary("data", self.data, 8000),
        ]

    @classmethod
    def from_wire(cls, value: object) -> VocabularyWriteRequest:
        fields = FieldReader("VocabularyWriteRequest", value)
        return cls(
            offset=fields.integer("offset", 0, 4294967295),
            data=fields.binary("data", 8000),
        )

    def decode_result(self, value: object) -> VocabularyWriteResult:
        return VocabularyWriteResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class VocabularyReadResult:
    """What `vocabulary_read` returns."""

    data: bytes
    """The bytes from there on."""

    def to_wire(self) -> list[object]:
        return [
            codec.binary("data", self.data, 8000),
        ]

    @classmethod
    def from_wire(cls, value: object) -> VocabularyReadResult:
        fields = FieldReader("VocabularyReadResult", value)
        return cls(
            data=fields.binary("data", 8000),
        )


@dataclass(frozen=True, slots=True)
class VocabularyReadRequest(Request[VocabularyReadResult]):
    """Reads part of the vocabulary."""

    METHOD: ClassVar[str] = "vocabulary_read"
    RESULT: ClassVar[type[VocabularyReadResult]] = VocabularyReadResult

    offset: int
    """In bytes."""
    count: int
    """The most bytes wanted."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("offset", self.offset, 0, 4294967295),
            codec.integer("count", self.count, 0, 8000),
        ]

    @classmethod
    def from_wire(cls, value: object) -> VocabularyReadRequest:
        fields = FieldReader("VocabularyReadRequest", value)
        return cls(
            offset=fields.integer("offset", 0, 4294967295),
            count=fields.integer("count", 0, 8000),
        )

    def decode_result(self, value: object) -> VocabularyReadResult:
        return VocabularyReadResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class TensorWriteResult:
    """What `tensor_write` returns."""

    def to_wire(self) -> list[object]:
        return []

    @classmethod
    def from_wire(cls, value: object) -> TensorWriteResult:
        FieldReader("TensorWriteResult", value)
        return cls()


@dataclass(frozen=True, slots=True)
class TensorWriteRequest(Request[TensorWriteResult]):
    """Stores part of a tensor."""

    METHOD: ClassVar[str] = "tensor_write"
    RESULT: ClassVar[type[TensorWriteResult]] = TensorWriteResult

    name: str
    """Such as `wte` or `layer0.attn_wq`."""
    kind: TensorKind
    """Weights or a moment."""
    offset: int
    """In values, row by row; a multiple of 64."""
    data: bytes
    """Little-endian float32 values: a multiple of 64 of them, or all up to the end, since packed
    moments are kept in blocks.
    """

    def to_wire(self) -> list[object]:
        return [
            codec.string("name", self.name, 32),
            codec.enum("kind", self.kind),
            codec.integer("offset", self.offset, 0, 4294967295),
            codec.binary("data", self.data, 8000),
        ]

    @classmethod
    def from_wire(cls, value: object) -> TensorWriteRequest:
        fields = FieldReader("TensorWriteRequest", value)
        return cls(
            name=fields.string("name", 32),
            kind=fields.enum("kind", TensorKind),
            offset=fields.integer("offset", 0, 4294967295),
            data=fields.binary("data", 8000),
        )

    def decode_result(self, value: object) -> TensorWriteResult:
        return TensorWriteResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class TensorReadResult:
    """What `tensor_read` returns."""

    data: bytes
    """Little-endian float32 values."""

    def to_wire(self) -> list[object]:
        return [
            codec.binary("data", self.data, 1024),
        ]

    @classmethod
    def from_wire(cls, value: object) -> TensorReadResult:
        fields = FieldReader("TensorReadResult", value)
        return cls(
            data=fields.binary("data", 1024),
        )


@dataclass(frozen=True, slots=True)
class TensorReadRequest(Request[TensorReadResult]):
    """Reads part of a tensor."""

    METHOD: ClassVar[str] = "tensor_read"
    RESULT: ClassVar[type[TensorReadResult]] = TensorReadResult

    name: str
    """Such as `wte` or `layer0.attn_wq`."""
    kind: TensorKind
    """Weights or a moment."""
    offset: int
    """In values, row by row."""
    count: int
    """The most values wanted."""

    def to_wire(self) -> list[object]:
        return [
            codec.string("name", self.name, 32),
            codec.enum("kind", self.kind),
            codec.integer("offset", self.offset, 0, 4294967295),
            codec.integer("count", self.count, 1, 256),
        ]

    @classmethod
    def from_wire(cls, value: object) -> TensorReadRequest:
        fields = FieldReader("TensorReadRequest", value)
        return cls(
            name=fields.string("name", 32),
            kind=fields.enum("kind", TensorKind),
            offset=fields.integer("offset", 0, 4294967295),
            count=fields.integer("count", 1, 256),
        )

    def decode_result(self, value: object) -> TensorReadResult:
        return TensorReadResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class SeekResult:
    """What `seek` returns."""

    def to_wire(self) -> list[object]:
        return []

    @classmethod
    def from_wire(cls, value: object) -> SeekResult:
        FieldReader("SeekResult", value)
        return cls()


@dataclass(frozen=True, slots=True)
class SeekRequest(Request[SeekResult]):
    """Sets the number of completed steps, after tensors have been restored; documents and losses
    are taken up from there.
    """

    METHOD: ClassVar[str] = "seek"
    RESULT: ClassVar[type[SeekResult]] = SeekResult

    step: int
    """Steps completed."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("step", self.step, 0, 16777216),
        ]

    @classmethod
    def from_wire(cls, value: object) -> SeekRequest:
        fields = FieldReader("SeekRequest", value)
        return cls(
            step=fields.integer("step", 0, 16777216),
        )

    def decode_result(self, value: object) -> SeekResult:
        return SeekResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class DocumentsWriteResult:
    """What `documents_write` returns."""

    next: int
    """Index of the next document to send."""
    free: int
    """Documents there is room for."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("next", self.next, 0, 4294967295),
            codec.integer("free", self.free, 0, 65535),
        ]

    @classmethod
    def from_wire(cls, value: object) -> DocumentsWriteResult:
        fields = FieldReader("DocumentsWriteResult", value)
        return cls(
            next=fields.integer("next", 0, 4294967295),
            free=fields.integer("free", 0, 65535),
        )


@dataclass(frozen=True, slots=True)
class DocumentsWriteRequest(Request[DocumentsWriteResult]):
    """Sends documents of the training order by index; those the device already has are passed over,
    those it has no room for are left out.
    """

    METHOD: ClassVar[str] = "documents_write"
    RESULT: ClassVar[type[DocumentsWriteResult]] = DocumentsWriteResult

    first: int
    """Index of the first document; step s (0-based) is trained on documents s * batch to s * batch
    + batch - 1.
    """
    documents: tuple[bytes, ...]
    """Tokens without BOS, cut to block_size: a byte each where vocab_size <= 256, else two, little-
    endian.
    """

    def to_wire(self) -> list[object]:
        return [
            codec.integer("first", self.first, 0, 4294967295),
            codec.binaries("documents", self.documents, 1024, 512),
        ]

    @classmethod
    def from_wire(cls, value: object) -> DocumentsWriteRequest:
        fields = FieldReader("DocumentsWriteRequest", value)
        return cls(
            first=fields.integer("first", 0, 4294967295),
            documents=fields.binaries("documents", 1024, 512),
        )

    def decode_result(self, value: object) -> DocumentsWriteResult:
        return DocumentsWriteResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class EvaluateResult:
    """What `evaluate` returns."""

    step: int
    """Steps completed."""
    losses: bytes
    """The mean loss of each document's positions, as little-endian float32."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("step", self.step, 0, 4294967295),
            codec.binary("losses", self.losses, 1024),
        ]

    @classmethod
    def from_wire(cls, value: object) -> EvaluateResult:
        fields = FieldReader("EvaluateResult", value)
        return cls(
            step=fields.integer("step", 0, 4294967295),
            losses=fields.binary("losses", 1024),
        )


@dataclass(frozen=True, slots=True)
class EvaluateRequest(Request[EvaluateResult]):
    """Computes the loss of documents the model is not trained on; changes nothing."""

    METHOD: ClassVar[str] = "evaluate"
    RESULT: ClassVar[type[EvaluateResult]] = EvaluateResult

    documents: tuple[bytes, ...]
    """In the form of `documents_write`."""

    def to_wire(self) -> list[object]:
        return [
            codec.binaries("documents", self.documents, 256, 512),
        ]

    @classmethod
    def from_wire(cls, value: object) -> EvaluateRequest:
        fields = FieldReader("EvaluateRequest", value)
        return cls(
            documents=fields.binaries("documents", 256, 512),
        )

    def decode_result(self, value: object) -> EvaluateResult:
        return EvaluateResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What `train` returns."""

    def to_wire(self) -> list[object]:
        return []

    @classmethod
    def from_wire(cls, value: object) -> TrainResult:
        FieldReader("TrainResult", value)
        return cls()


@dataclass(frozen=True, slots=True)
class TrainRequest(Request[TrainResult]):
    """Sets the step at which training stops and returns at once; a target that has been reached
    changes nothing.
    """

    METHOD: ClassVar[str] = "train"
    RESULT: ClassVar[type[TrainResult]] = TrainResult

    target_step: int
    """Training stops when this many steps are completed, and the model is saved."""
    save_every: int
    """Also save after every so many steps; 0 for the end only."""
    source: Source = Source.HOST
    """Where the documents come from; a run from flash also saves before its first step."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("target_step", self.target_step, 0, 16777216),
            codec.integer("save_every", self.save_every, 0, 4294967295),
            codec.enum("source", self.source),
        ]

    @classmethod
    def from_wire(cls, value: object) -> TrainRequest:
        fields = FieldReader("TrainRequest", value)
        return cls(
            target_step=fields.integer("target_step", 0, 16777216),
            save_every=fields.integer("save_every", 0, 4294967295),
            source=fields.enum("source", Source, default=Source.HOST),
        )

    def decode_result(self, value: object) -> TrainResult:
        return TrainResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class PauseResult:
    """What `pause` returns."""

    step: int
    """Steps completed."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("step", self.step, 0, 4294967295),
        ]

    @classmethod
    def from_wire(cls, value: object) -> PauseResult:
        fields = FieldReader("PauseResult", value)
        return cls(
            step=fields.integer("step", 0, 4294967295),
        )


@dataclass(frozen=True, slots=True)
class PauseRequest(Request[PauseResult]):
    """Stops training at the next step boundary."""

    METHOD: ClassVar[str] = "pause"
    RESULT: ClassVar[type[PauseResult]] = PauseResult

    def to_wire(self) -> list[object]:
        return []

    @classmethod
    def from_wire(cls, value: object) -> PauseRequest:
        FieldReader("PauseRequest", value)
        return cls()

    def decode_result(self, value: object) -> PauseResult:
        return PauseResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class SaveResult:
    """What `save` returns."""

    step: int
    """The step that was saved."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("step", self.step, 0, 4294967295),
        ]

    @classmethod
    def from_wire(cls, value: object) -> SaveResult:
        fields = FieldReader("SaveResult", value)
        return cls(
            step=fields.integer("step", 0, 4294967295),
        )


@dataclass(frozen=True, slots=True)
class SaveRequest(Request[SaveResult]):
    """Writes a checkpoint to flash."""

    METHOD: ClassVar[str] = "save"
    RESULT: ClassVar[type[SaveResult]] = SaveResult

    def to_wire(self) -> list[object]:
        return []

    @classmethod
    def from_wire(cls, value: object) -> SaveRequest:
        FieldReader("SaveRequest", value)
        return cls()

    def decode_result(self, value: object) -> SaveResult:
        return SaveResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class SampleResult:
    """What `sample` returns."""

    tokens: bytes
    """The tokens drawn, prompt and BOS left out."""
    ended: bool
    """Whether BOS was drawn, rather than the context filled."""

    def to_wire(self) -> list[object]:
        return [
            codec.binary("tokens", self.tokens, 512),
            codec.boolean("ended", self.ended),
        ]

    @classmethod
    def from_wire(cls, value: object) -> SampleResult:
        fields = FieldReader("SampleResult", value)
        return cls(
            tokens=fields.binary("tokens", 512),
            ended=fields.boolean("ended"),
        )


@dataclass(frozen=True, slots=True)
class SampleRequest(Request[SampleResult]):
    """Draws one text from the model. The same seed and number give the same text."""

    METHOD: ClassVar[str] = "sample"
    RESULT: ClassVar[type[SampleResult]] = SampleResult

    seed: int
    """Of the generator."""
    number: int
    """Which of the texts of this seed."""
    temperature: float
    """Logits are divided by it."""
    prompt: bytes
    """Tokens the text starts with, in the form of documents."""
    uniforms: bytes
    """Little-endian float32 in [0, 1), one for each token to be drawn, in place of the generator;
    empty to use it.
    """

    def to_wire(self) -> list[object]:
        return [
            codec.integer("seed", self.seed, 0, 18446744073709551615),
            codec.integer("number", self.number, 0, 4294967295),
            codec.f32("temperature", self.temperature, 0.001, 100.0),
            codec.binary("prompt", self.prompt, 512),
            codec.binary("uniforms", self.uniforms, 1024),
        ]

    @classmethod
    def from_wire(cls, value: object) -> SampleRequest:
        fields = FieldReader("SampleRequest", value)
        return cls(
            seed=fields.integer("seed", 0, 18446744073709551615),
            number=fields.integer("number", 0, 4294967295),
            temperature=fields.f32("temperature", 0.001, 100.0),
            prompt=fields.binary("prompt", 512),
            uniforms=fields.binary("uniforms", 1024),
        )

    def decode_result(self, value: object) -> SampleResult:
        return SampleResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class DataBeginResult:
    """What `data_begin` returns."""

    def to_wire(self) -> list[object]:
        return []

    @classmethod
    def from_wire(cls, value: object) -> DataBeginResult:
        FieldReader("DataBeginResult", value)
        return cls()


@dataclass(frozen=True, slots=True)
class DataBeginRequest(Request[DataBeginResult]):
    """Erases the data set in flash and makes room for another, whose content is sent next."""

    METHOD: ClassVar[str] = "data_begin"
    RESULT: ClassVar[type[DataBeginResult]] = DataBeginResult

    data: DataSet
    """What will be sent."""

    def to_wire(self) -> list[object]:
        return [
            self.data.to_wire(),
        ]

    @classmethod
    def from_wire(cls, value: object) -> DataBeginRequest:
        fields = FieldReader("DataBeginRequest", value)
        return cls(
            data=fields.record("data", DataSet.from_wire),
        )

    def decode_result(self, value: object) -> DataBeginResult:
        return DataBeginResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class DataWriteResult:
    """What `data_write` returns."""

    def to_wire(self) -> list[object]:
        return []

    @classmethod
    def from_wire(cls, value: object) -> DataWriteResult:
        FieldReader("DataWriteResult", value)
        return cls()


@dataclass(frozen=True, slots=True)
class DataWriteRequest(Request[DataWriteResult]):
    """Stores part of the content of the data set."""

    METHOD: ClassVar[str] = "data_write"
    RESULT: ClassVar[type[DataWriteResult]] = DataWriteResult

    offset: int
    """In bytes."""
    content: bytes
    """The bytes from there on."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("offset", self.offset, 0, 4294967295),
            codec.binary("content", self.content, 8000),
        ]

    @classmethod
    def from_wire(cls, value: object) -> DataWriteRequest:
        fields = FieldReader("DataWriteRequest", value)
        return cls(
            offset=fields.integer("offset", 0, 4294967295),
            content=fields.binary("content", 8000),
        )

    def decode_result(self, value: object) -> DataWriteResult:
        return DataWriteResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class DataCommitResult:
    """What `data_commit` returns."""

    def to_wire(self) -> list[object]:
        return []

    @classmethod
    def from_wire(cls, value: object) -> DataCommitResult:
        FieldReader("DataCommitResult", value)
        return cls()


@dataclass(frozen=True, slots=True)
class DataCommitRequest(Request[DataCommitResult]):
    """Checks the content against what `data_begin` announced; from then on the set can be trained
    on.
    """

    METHOD: ClassVar[str] = "data_commit"
    RESULT: ClassVar[type[DataCommitResult]] = DataCommitResult

    def to_wire(self) -> list[object]:
        return []

    @classmethod
    def from_wire(cls, value: object) -> DataCommitRequest:
        FieldReader("DataCommitRequest", value)
        return cls()

    def decode_result(self, value: object) -> DataCommitResult:
        return DataCommitResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class DataInfoResult:
    """What `data_info` returns."""

    data: DataSet
    """The data set."""

    def to_wire(self) -> list[object]:
        return [
            self.data.to_wire(),
        ]

    @classmethod
    def from_wire(cls, value: object) -> DataInfoResult:
        fields = FieldReader("DataInfoResult", value)
        return cls(
            data=fields.record("data", DataSet.from_wire),
        )


@dataclass(frozen=True, slots=True)
class DataInfoRequest(Request[DataInfoResult]):
    """Describes the data set in flash; `bad_data` where there is none."""

    METHOD: ClassVar[str] = "data_info"
    RESULT: ClassVar[type[DataInfoResult]] = DataInfoResult

    def to_wire(self) -> list[object]:
        return []

    @classmethod
    def from_wire(cls, value: object) -> DataInfoRequest:
        FieldReader("DataInfoRequest", value)
        return cls()

    def decode_result(self, value: object) -> DataInfoResult:
        return DataInfoResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class CurveResult:
    """What `curve` returns."""

    values: bytes
    """Losses of consecutive steps as little-endian float32; none where none are stored."""

    def to_wire(self) -> list[object]:
        return [
            codec.binary("values", self.values, 8000),
        ]

    @classmethod
    def from_wire(cls, value: object) -> CurveResult:
        fields = FieldReader("CurveResult", value)
        return cls(
            values=fields.binary("values", 8000),
        )


@dataclass(frozen=True, slots=True)
class CurveRequest(Request[CurveResult]):
    """Reads losses that a run from flash has stored with its checkpoints."""

    METHOD: ClassVar[str] = "curve"
    RESULT: ClassVar[type[CurveResult]] = CurveResult

    first: int
    """The first step (1-based) wanted."""
    count: int
    """The most values wanted."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("first", self.first, 1, 4294967295),
            codec.integer("count", self.count, 1, 2048),
        ]

    @classmethod
    def from_wire(cls, value: object) -> CurveRequest:
        fields = FieldReader("CurveRequest", value)
        return cls(
            first=fields.integer("first", 1, 4294967295),
            count=fields.integer("count", 1, 2048),
        )

    def decode_result(self, value: object) -> CurveResult:
        return CurveResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class AutorunResult:
    """What `autorun` returns."""

    def to_wire(self) -> list[object]:
        return []

    @classmethod
    def from_wire(cls, value: object) -> AutorunResult:
        FieldReader("AutorunResult", value)
        return cls()


@dataclass(frozen=True, slots=True)
class AutorunRequest(Request[AutorunResult]):
    """Makes the device print samples by itself, as plain text, from power-up on while no host
    speaks to it.
    """

    METHOD: ClassVar[str] = "autorun"
    RESULT: ClassVar[type[AutorunResult]] = AutorunResult

    enabled: bool
    """Whether it shall; kept in flash."""
    temperature: float
    """Logits are divided by it."""

    def to_wire(self) -> list[object]:
        return [
            codec.boolean("enabled", self.enabled),
            codec.f32("temperature", self.temperature, 0.001, 100.0),
        ]

    @classmethod
    def from_wire(cls, value: object) -> AutorunRequest:
        fields = FieldReader("AutorunRequest", value)
        return cls(
            enabled=fields.boolean("enabled"),
            temperature=fields.f32("temperature", 0.001, 100.0),
        )

    def decode_result(self, value: object) -> AutorunResult:
        return AutorunResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class SelfTestResult:
    """What `self_test` returns."""

    digest: int
    """Of all results."""
    expected: int
    """What every right processor gives."""
    failed: str = ""
    """The operations whose results differ, between commas."""

    def to_wire(self) -> list[object]:
        return [
            codec.integer("digest", self.digest, 0, 4294967295),
            codec.integer("expected", self.expected, 0, 4294967295),
            codec.string("failed", self.failed, 256),
        ]

    @classmethod
    def from_wire(cls, value: object) -> SelfTestResult:
        fields = FieldReader("SelfTestResult", value)
        return cls(
            digest=fields.integer("digest", 0, 4294967295),
            expected=fields.integer("expected", 0, 4294967295),
            failed=fields.string("failed", 256, default=""),
        )


@dataclass(frozen=True, slots=True)
class SelfTestRequest(Request[SelfTestResult]):
    """Runs the arithmetic the engine is built on and returns a digest of the results."""

    METHOD: ClassVar[str] = "self_test"
    RESULT: ClassVar[type[SelfTestResult]] = SelfTestResult

    def to_wire(self) -> list[object]:
        return []

    @classmethod
    def from_wire(cls, value: object) -> SelfTestRequest:
        FieldReader("SelfTestRequest", value)
        return cls()

    def decode_result(self, value: object) -> SelfTestResult:
        return SelfTestResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class ProfileResult:
    """What `profile` returns."""

    profile: Profile
    """What has been counted."""

    def to_wire(self) -> list[object]:
        return [
            self.profile.to_wire(),
        ]

    @classmethod
    def from_wire(cls, value: object) -> ProfileResult:
        fields = FieldReader("ProfileResult", value)
        return cls(
            profile=fields.record("profile", Profile.from_wire),
        )


@dataclass(frozen=True, slots=True)
class ProfileRequest(Request[ProfileResult]):
    """Switches the profile of training steps on or off, and reads it. It starts from zero when it
    is switched on, and keeps its counts when it is switched off; switching it to what it is
    changes nothing.
    """

    METHOD: ClassVar[str] = "profile"
    RESULT: ClassVar[type[ProfileResult]] = ProfileResult

    enabled: bool
    """Whether it shall be on."""

    def to_wire(self) -> list[object]:
        return [
            codec.boolean("enabled", self.enabled),
        ]

    @classmethod
    def from_wire(cls, value: object) -> ProfileRequest:
        fields = FieldReader("ProfileRequest", value)
        return cls(
            enabled=fields.boolean("enabled"),
        )

    def decode_result(self, value: object) -> ProfileResult:
        return ProfileResult.from_wire(value)


@dataclass(frozen=True, slots=True)
class LogNotification:
    """A line of the device log."""

    NAME: ClassVar[str] = "log"

    level: LogLevel
    """How serious it is."""
    text: str
    """The line."""

    def to_wire(self) -> list[object]:
        return [
            codec.enum("level", self.level),
            codec.string("text", self.text, 512),
        ]

    @classmethod
    def from_wire(cls, value: object) -> LogNotification:
        fields = FieldReader("LogNotification", value)
        return cls(
            level=fields.enum("level", LogLevel),
            text=fields.string("text", 512),
        )


TRAINER_METHODS: frozenset[str] = frozenset(
    {
        "create",
        "model_info",
        "init_weights",
        "vocabulary_write",
        "vocabulary_read",
        "tensor_write",
        "tensor_read",
        "seek",
        "evaluate",
        "train",
        "pause",
        "save",
        "sample",
        "data_begin",
        "data_write",
        "data_commit",
        "data_info",
        "curve",
        "autorun",
        "self_test",
        "profile",
    }
)
"""Methods answered between two training steps; the others are answered at once."""
