# Generated from protocol/ugpt.toml by protocol/generate.py. Do not edit.
"""The protocol as data: enums, records, and for each method a row of `METHODS` and a typed call.

`codec` interprets the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from .schema import Call, Field, Layout, Task, method, table

PROTOCOL_MAJOR = 1
PROTOCOL_MINOR = 1

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


class MatrixFormat(IntEnum):
    """How the matrices of a pretrained model are stored; docs/model-image.md has the layouts."""

    UNKNOWN = 0
    """They have not all come."""
    F32 = 1
    """Four bytes a weight."""
    Q8 = 2
    """A byte a weight, and scales."""
    MIXED = 3
    """Some one way, some another."""


class FlashMode(IntEnum):
    """How the chip reads its flash."""

    UNKNOWN = 0
    """Not known."""
    SINGLE = 1
    """One data line."""
    DOUT = 2
    """Two lines for data."""
    DIO = 3
    """Two lines for addresses and data."""
    QOUT = 4
    """Four lines for data."""
    QIO = 5
    """Four lines for addresses and data."""


class Loaded(IntEnum):
    """Which model has the memory. The other one lies in the flash, and is loaded when it is asked
    for.
    """

    NOTHING = 0
    """None."""
    RUN = 1
    """The model that the device trains."""
    STORY = 2
    """The pretrained model."""


class TextEnd(IntEnum):
    """How a text ended."""

    NONE = 0
    """It is being written."""
    END_OF_TEXT = 1
    """The model ended it."""
    MAX_TOKENS = 2
    """As many tokens have been drawn as were wanted."""
    CONTEXT_FULL = 3
    """The context has no room for another token."""
    STOPPED = 4
    """It was stopped, or the memory was wanted by the model that the device trains."""
    NOT_FINITE = 5
    """The model gave something that is not a number."""


class ErrorCode(IntEnum):
    """Why a device refused a request."""

    BAD_MESSAGE = 1
    UNKNOWN_METHOD = 2
    BAD_PARAMS = 3
    WRONG_VERSION = 4
    BUSY = 5
    NO_MODEL = 6
    DOES_NOT_FIT = 7
    BAD_SHAPE = 8
    GAP = 9
    BAD_TOKEN = 10
    UNKNOWN_TENSOR = 11
    FLASH_FAILED = 12
    NO_ROOM = 13
    NOT_FINITE = 14
    OTHER_RUN = 15
    BAD_DATA = 17
    NO_STORY = 18
    BAD_STORY = 19
    LONG_PROMPT = 20
    HELLO_FIRST = 16


class ErrorText(NamedTuple):
    """What an error means, and what the user can do about it."""

    doc: str
    advice: str


ERRORS: dict[int, ErrorText] = {
    ErrorCode.BAD_MESSAGE: ErrorText(
        "The frame was whole, but its body is not a MessagePack-RPC request.",
        "Update host and firmware to the same version.",
    ),
    ErrorCode.UNKNOWN_METHOD: ErrorText(
        "The firmware does not know this method.",
        "The board runs older firmware than this program; write the current one: ugpt flash",
    ),
    ErrorCode.BAD_PARAMS: ErrorText(
        "A parameter is missing, has the wrong type or lies outside its range.",
        "Check the value that the message names.",
    ),
    ErrorCode.WRONG_VERSION: ErrorText(
        "Host and firmware speak different major versions of the protocol.",
        "Write the firmware of this release to the board with `ugpt flash`, or install the "
        "release that matches it.",
    ),
    ErrorCode.BUSY: ErrorText(
        "The command needs an idle trainer, and one is training.",
        "Follow it to its end: ugpt attach. Or stop it: ugpt stop",
    ),
    ErrorCode.NO_MODEL: ErrorText(
        "The device holds no model.",
        "Train one first: ugpt train FILE.",
    ),
    ErrorCode.DOES_NOT_FIT: ErrorText(
        "The model needs more memory than the device has; detail carries the missing bytes.",
        "Choose a smaller shape; `ugpt plan` shows what takes the room.",
    ),
    ErrorCode.BAD_SHAPE: ErrorText(
        "The numbers of the shape contradict each other.",
        "Make n_embd divisible by n_head.",
    ),
    ErrorCode.GAP: ErrorText(
        "These documents start after the next one the device needs; detail carries the wanted"
        " index.",
        "Send the documents from the wanted index on.",
    ),
    ErrorCode.BAD_TOKEN: ErrorText(
        "A token lies outside the vocabulary of the model.",
        "Use only characters that the training text contains.",
    ),
    ErrorCode.UNKNOWN_TENSOR: ErrorText(
        "The model has no tensor of that name, or the range lies outside it.",
        "Check the name and the range against the shape.",
    ),
    ErrorCode.FLASH_FAILED: ErrorText(
        "Reading, erasing or writing the flash failed.",
        "Try again; if it persists the flash chip may be worn out.",
    ),
    ErrorCode.NO_ROOM: ErrorText(
        "The flash region is too small; detail carries the missing bytes.",
        "Choose a smaller model or data set, or a board with more flash.",
    ),
    ErrorCode.NOT_FINITE: ErrorText(
        "The loss became infinite or not a number; training stopped before the weights were "
        "touched again.",
        "Use a smaller learning rate.",
    ),
    ErrorCode.OTHER_RUN: ErrorText(
        "The device holds another run than the one named.",
        "Resume the run that is on the board, or start a new one.",
    ),
    ErrorCode.BAD_DATA: ErrorText(
        "The device holds no complete data set.",
        "Send it again: ugpt data push FILE.",
    ),
    ErrorCode.NO_STORY: ErrorText(
        "There is no pretrained model in the flash.",
        "Push one: ugpt model push FILE.",
    ),
    ErrorCode.BAD_STORY: ErrorText(
        "The pretrained model is damaged, or newer than the firmware.",
        "Push it again: ugpt model push FILE.",
    ),
    ErrorCode.LONG_PROMPT: ErrorText(
        "The prompt fills the context; detail carries its tokens.",
        "Shorten it, or give more --context.",
    ),
    ErrorCode.HELLO_FIRST: ErrorText(
        "The device has started since the last `hello`, or has not seen one yet.",
        "Say hello again; what was not in a checkpoint is gone.",
    ),
}


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


SHAPE = Layout(
    "Shape",
    (
        Field("n_layer", "u16", 1, 64),
        Field("n_embd", "u16", 1, 1024),
        Field("n_head", "u16", 1, 64),
        Field("block_size", "u16", 1, 256),
        Field("vocab_size", "u16", 2, 65535),
    ),
    Shape,
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the weights are trained: Adam, and by default microgpt's learning rate, which falls
    linearly to zero.
    """

    learning_rate: float
    """The highest; that of the first step if there is no warm-up."""
    beta1: float
    """Decay of the first moment."""
    beta2: float
    """Decay of the second moment."""
    epsilon: float
    """Added to the root of the second moment."""
    total_steps: int
    """Steps of the run. The schedules `linear` and `cosine` reach zero at its end."""
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


RECIPE = Layout(
    "Recipe",
    (
        Field("learning_rate", "f32", 0.0, 10.0),
        Field("beta1", "f32", 0.0, 0.9999),
        Field("beta2", "f32", 0.0, 0.9999),
        Field("epsilon", "f32", 1e-10, 0.01),
        Field("total_steps", "u32", 1, 16777216),
        Field("batch", "u16", 1, 1024, default=1),
        Field("schedule", Schedule, default=Schedule.LINEAR),
        Field("warmup_steps", "u32", most=16777216, default=0),
        Field("weight_decay", "f32", 0.0, 1.0, default=0.0),
        Field("clip_norm", "f32", 0.0, 1000000.0, default=0.0),
        Field("moments", MomentFormat, default=MomentFormat.F32),
        Field("recompute", "bool", default=False),
    ),
    Recipe,
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
    """Clock of a core; 0 if it has no meaning."""
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
    """Highest rate of the UART; 0 if a rate has no meaning."""
    data_bytes: int = 0
    """Room in flash for the content of a data set."""
    device_id: int = 0
    """The chip's MAC address, or a virtual device's own number, which it keeps in its flash; 0 if
    not known.
    """
    flash_bytes: int = 0
    """Size of the flash chip; 0 if not known."""
    regions: tuple[int, ...] = ()
    """Sizes in bytes of the flash regions that the device has found, in the order of their subtypes
    in device/partitions.csv; 0 for one that its partition table lacks.
    """
    model_bytes: int = 0
    """Room in flash for the image of a pretrained model."""
    estimated: bool = False
    """Whether the sizes of its memory are estimates: a virtual device of a board that has not been
    looked at.
    """
    flash_mode: FlashMode = FlashMode.UNKNOWN
    """How the cache reads the flash; that of its board, if it is virtual."""
    flash_hz: int = 0
    """Clock of the flash; 0 if not known."""
    chip_revision: int | None = None
    """Of the chip, 100 for v1.0; nil if it has none."""
    image_sha256: bytes = b""
    """The digest of the firmware's ELF file, as `esp_app_desc` has it; empty if there is none."""
    word_memory_bytes: int = 0
    """Size of more memory, which is read and written by whole words only: packed moments and the
    weights of pretrained models can use it.
    """


HELLO = Layout(
    "Hello",
    (
        Field("major", "u16"),
        Field("minor", "u16"),
        Field("build", "str", most=64),
        Field("chip", "str", most=32),
        Field("board", "str", most=32),
        Field("virtual_device", "bool"),
        Field("cores", "u8"),
        Field("clock_hz", "u32"),
        Field("memory_blocks", "[u32]", items=4),
        Field("checkpoint_bytes", "u32"),
        Field("boot", "u32"),
        Field("frame_bytes", "u16", 1280, 8192),
        Field("window", "u8", 1, 16),
        Field("baud_max", "u32"),
        Field("data_bytes", "u32", default=0),
        Field("device_id", "u64", default=0, since=1),
        Field("flash_bytes", "u32", default=0, since=1),
        Field("regions", "[u32]", items=16, default=(), since=1),
        Field("model_bytes", "u32", default=0, since=1),
        Field("estimated", "bool", default=False, since=1),
        Field("flash_mode", FlashMode, default=FlashMode.UNKNOWN, since=1),
        Field("flash_hz", "u32", default=0, since=1),
        Field("chip_revision", "u16", default=None, optional=True, since=1),
        Field("image_sha256", "bin", most=32, default=b"", since=1),
        Field("word_memory_bytes", "u32", default=0, since=1),
    ),
    Hello,
)


@dataclass(frozen=True, slots=True)
class Status:
    """A snapshot of the trainer; reading it never waits for a training step."""

    state: DeviceState
    """What the trainer is doing."""
    run_id: int
    """The run in memory; 0 if there is none."""
    step: int
    """Steps completed."""
    target_step: int
    """Where training stops."""
    saved_step: int
    """Step of the newest checkpoint of this run in flash; 0 if there is none."""
    loss: float
    """Loss of the last step; 0 before the first."""
    positions: int
    """Positions trained on since the start of the device."""
    documents_next: int
    """Index of the next document to send."""
    documents_free: int
    """Documents there is room for."""
    first_loss_step: int
    """Oldest step (1-based) whose loss is still held."""
    error: int
    """Error code that stopped the training; 0 if none did."""
    step_us: int
    """Duration of the last training step in microseconds."""
    free_bytes: int
    """Tensor memory not taken by the model."""
    source: Source = Source.HOST
    """Where the documents of the run come from."""
    autorun: bool = False
    """Whether the device prints samples by itself while no host speaks to it."""
    detached: bool = False
    """Whether a run goes on that needs no host."""
    heap_free_bytes: int = 0
    """Memory that the firmware has not taken, besides that for tensors; 0 if not known."""
    heap_least_free_bytes: int = 0
    """The least of it since the start; 0 if not known."""
    temperature_c: float | None = None
    """Of the chip, in degrees Celsius; nil without a sensor."""
    gradient_norm: float | None = None
    """Norm of the gradient of the last step that computed it, before clipping; nil if none has
    since the model was made or moved.
    """
    unsaved: bool = False
    """Whether the model has been trained to weights that no host has said to have saved; see
    `weights_saved`.
    """
    loaded: Loaded = Loaded.NOTHING
    """Which model has the memory."""
    writing: bool = False
    """Whether a text is being written by the pretrained model."""


STATUS = Layout(
    "Status",
    (
        Field("state", DeviceState),
        Field("run_id", "u32"),
        Field("step", "u32"),
        Field("target_step", "u32"),
        Field("saved_step", "u32"),
        Field("loss", "f32"),
        Field("positions", "u64"),
        Field("documents_next", "u32"),
        Field("documents_free", "u16"),
        Field("first_loss_step", "u32"),
        Field("error", "u8"),
        Field("step_us", "u32"),
        Field("free_bytes", "u32"),
        Field("source", Source, default=Source.HOST),
        Field("autorun", "bool", default=False),
        Field("detached", "bool", default=False, since=1),
        Field("heap_free_bytes", "u32", default=0, since=1),
        Field("heap_least_free_bytes", "u32", default=0, since=1),
        Field("temperature_c", "f32", default=None, optional=True, since=1),
        Field("gradient_norm", "f32", default=None, optional=True, since=1),
        Field("unsaved", "bool", default=False, since=1),
        Field("loaded", Loaded, default=Loaded.NOTHING, since=1),
        Field("writing", "bool", default=False, since=1),
    ),
    Status,
)


@dataclass(frozen=True, slots=True)
class Story:
    """The pretrained model, and where its weights lie."""

    name: str
    """Its name."""
    sha256: bytes
    """The digest of its image."""
    context: int
    """Tokens that a text has room for, BOS and the prompt included."""
    memory_bytes: int
    """Weights in the memory for tensors."""
    word_memory_bytes: int
    """Weights in memory that is read by whole words only."""
    flash_bytes: int
    """Weights that stay in the flash."""
    flash_bytes_per_token: int
    """What is read from there for each token."""


STORY = Layout(
    "Story",
    (
        Field("name", "str", most=63),
        Field("sha256", "bin", most=32),
        Field("context", "u16"),
        Field("memory_bytes", "u32"),
        Field("word_memory_bytes", "u32"),
        Field("flash_bytes", "u32"),
        Field("flash_bytes_per_token", "u32"),
    ),
    Story,
)


@dataclass(frozen=True, slots=True)
class TextPlan:
    """Where the pretrained model lies while it writes, and what a token takes."""

    context: int
    """Tokens that a text has room for, BOS and the prompt included."""
    cache_bytes: int
    """Keys and values of such a text."""
    activations_bytes: int
    """What computing a token needs."""
    places: str
    """The blocks of memory as the maker of the chip calls them, memory that is read by whole words
    only if there is any, and `flash`, between commas. The next three have a number for each.
    """
    size_bytes: tuple[int, ...]
    """Bytes of it that such models can use."""
    weights_bytes: tuple[int, ...]
    """Bytes of the weights that lie there."""
    read_bytes: tuple[int, ...]
    """Bytes of them that are read for each token."""
    homes: bytes
    """For each tensor from the one asked for on, the number of its place. Less than 256 end with
    the last tensor.
    """
    cores: int
    """Cores that share the work."""
    flash_bytes_per_s: int
    """The estimated rate of the flash; 0 if nothing is known of this chip."""
    instructions: int
    """Estimated instructions of a token, on average over a text that fills the context; 0 as
    before.
    """
    token_ns: int
    """Its estimated time in nanoseconds; 0 as before."""


TEXT_PLAN = Layout(
    "TextPlan",
    (
        Field("context", "u16"),
        Field("cache_bytes", "u32"),
        Field("activations_bytes", "u32"),
        Field("places", "str", most=64),
        Field("size_bytes", "[u32]", items=6),
        Field("weights_bytes", "[u32]", items=6),
        Field("read_bytes", "[u32]", items=6),
        Field("homes", "bin", most=256),
        Field("cores", "u8"),
        Field("flash_bytes_per_s", "u32"),
        Field("instructions", "u32"),
        Field("token_ns", "u64"),
    ),
    TextPlan,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a model costs in bytes, and in time."""

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
    """All memory blocks together, and with packed moments the memory for whole words too."""
    missing_bytes: int
    """By how much it does not fit; 0 if it does."""
    checkpoint_bytes: int
    """Size of a checkpoint in flash."""
    fits: bool
    """Whether it can be created on this device."""
    step_ns: int = 0
    """Estimated nanoseconds of a training step; 0 if nothing is known of this chip."""
    token_ns: int = 0
    """Estimated nanoseconds of one token of a text that is sampled; 0 if nothing is known of this
    chip.
    """


PLAN = Layout(
    "Plan",
    (
        Field("parameters", "u32"),
        Field("weights_bytes", "u32"),
        Field("moments_bytes", "u32"),
        Field("gradients_bytes", "u32"),
        Field("activations_bytes", "u32"),
        Field("vocabulary_bytes", "u32"),
        Field("total_bytes", "u32"),
        Field("available_bytes", "u32"),
        Field("missing_bytes", "u32"),
        Field("checkpoint_bytes", "u32"),
        Field("fits", "bool"),
        Field("step_ns", "u64", default=0, since=1),
        Field("token_ns", "u64", default=0, since=1),
    ),
    Plan,
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
    """Bytes of a token: one if vocab_size <= 256."""
    crc: int
    """CRC-32 of the content."""


DATA_SET = Layout(
    "DataSet",
    (
        Field("documents", "u32", 1),
        Field("size_bytes", "u32", 3),
        Field("token_bytes", "u8", 1, 2),
        Field("crc", "u32"),
    ),
    DataSet,
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


MODEL_INFO = Layout(
    "ModelInfo",
    (
        Field("run_id", "u32"),
        Field("shape", SHAPE),
        Field("recipe", RECIPE),
        Field("vocabulary_bytes", "u32"),
        Field("step", "u32"),
    ),
    ModelInfo,
)


@dataclass(frozen=True, slots=True)
class LlamaShape:
    """The shape of a pretrained model: RMSNorm with gains, rotary position embeddings, grouped key-
    value heads, SwiGLU.
    """

    n_layer: int
    """Transformer blocks."""
    n_embd: int
    """Width of the residual stream."""
    n_head: int
    """Attention heads in a block."""
    n_kv_head: int
    """Keys and values that they share."""
    n_hidden: int
    """Width of the multilayer perceptrons."""
    vocab_size: int
    """Tokens."""
    context: int
    """Positions that it was trained for."""
    tied_classifier: bool
    """Whether the logits are products with the embedding."""


LLAMA_SHAPE = Layout(
    "LlamaShape",
    (
        Field("n_layer", "u32"),
        Field("n_embd", "u32"),
        Field("n_head", "u32"),
        Field("n_kv_head", "u32"),
        Field("n_hidden", "u32"),
        Field("vocab_size", "u32"),
        Field("context", "u32"),
        Field("tied_classifier", "bool"),
    ),
    LlamaShape,
)


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """The image of a pretrained model in flash."""

    whole: bool
    """Whether it is there; else `image_begin` has announced it, and it has not all come."""
    name: str
    """What it is called."""
    licence: str
    """Its licence, or nothing."""
    size_bytes: int
    """Of the whole image."""
    sha256: bytes
    """Its digest, as in its header."""
    format: MatrixFormat
    """How its matrices are stored."""
    shape: LlamaShape
    """Its shape."""


IMAGE_INFO = Layout(
    "ImageInfo",
    (
        Field("whole", "bool"),
        Field("name", "str", most=63),
        Field("licence", "str", most=255),
        Field("size_bytes", "u32"),
        Field("sha256", "bin", most=32),
        Field("format", MatrixFormat),
        Field("shape", LLAMA_SHAPE),
    ),
    ImageInfo,
)


@dataclass(frozen=True, slots=True)
class Profile:
    """Where the time of training goes: ticks of a counter in each part of a step, forward and
    backward pass together; or that of tokens of the pretrained model.
    """

    tick_hz: int
    """Ticks a second: the clock of the core, if it counts cycles."""
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
    tokens: int = 0
    """Tokens of the pretrained model counted, those of prompts too."""
    choice: int = 0
    """Ticks spent on the choice of such tokens."""


PROFILE = Layout(
    "Profile",
    (
        Field("tick_hz", "u32", 1),
        Field("steps", "u32"),
        Field("embedding", "u64"),
        Field("attention", "u64"),
        Field("mlp", "u64"),
        Field("loss", "u64"),
        Field("adam", "u64"),
        Field("tokens", "u32", default=0, since=1),
        Field("choice", "u64", default=0, since=1),
    ),
    Profile,
)


@dataclass(frozen=True, slots=True)
class LossesResult:
    """What `losses` returns."""

    first: int
    """Step of the first value: later than asked for if older ones are no longer held."""
    values: bytes
    """Losses of consecutive steps as little-endian float32."""


@dataclass(frozen=True, slots=True)
class WeightsDigestResult:
    """What `weights_digest` returns."""

    step: int
    """Steps completed."""
    sha256: bytes
    """SHA-256 of the weights as little-endian float32, in the canonical order of the matrices."""


@dataclass(frozen=True, slots=True)
class DocumentsWriteResult:
    """What `documents_write` returns."""

    next: int
    """Index of the next document to send."""
    free: int
    """Documents there is room for."""


@dataclass(frozen=True, slots=True)
class EvaluateResult:
    """What `evaluate` returns."""

    step: int
    """Steps completed."""
    losses: bytes
    """The mean loss of each document's positions, as little-endian float32."""
    token_losses: bytes = b""
    """The loss of each position of each document, as little-endian float32: a document of n tokens
    has n + 1, or block_size if that is less.
    """


@dataclass(frozen=True, slots=True)
class SampleResult:
    """What `sample` returns."""

    tokens: bytes
    """The tokens drawn, prompt and BOS left out."""
    ended: bool
    """Whether BOS was drawn, rather than the context filled."""


@dataclass(frozen=True, slots=True)
class TextBeginResult:
    """What `text_begin` returns."""

    story: Story
    """The model that writes it."""
    prompt_tokens: int
    """Tokens of the prompt with BOS: the number of the first token that is drawn, counted from 0.
    """


@dataclass(frozen=True, slots=True)
class TextReadResult:
    """What `text_read` returns."""

    next: int
    """Number of the next token to ask for."""
    text: bytes
    """The bytes of the tokens before it. A character may end in those of the next one."""
    ended: TextEnd
    """How the text ended; while there is more to read, `none`."""
    computed: int
    """Tokens that have gone through the model, the prompt included."""
    computed_us: int
    """How long that took."""


@dataclass(frozen=True, slots=True)
class CurveResult:
    """What `curve` returns."""

    values: bytes
    """Losses as little-endian float32; none if none are stored."""
    first: int = 0
    """The step of the first loss, which is not before the one wanted; 0 if none are stored."""
    stride: int = 1
    """Steps from one loss to the next."""


@dataclass(frozen=True, slots=True)
class SelfTestResult:
    """What `self_test` returns."""

    digest: int
    """Of all results."""
    expected: int
    """What every right processor gives."""
    failed: str = ""
    """The operations whose results differ, between commas."""


@dataclass(frozen=True, slots=True)
class Log:
    """A line of the device log."""

    level: LogLevel
    """How serious it is."""
    text: str
    """The line."""


RECORDS: dict[type, Layout] = {
    Shape: SHAPE,
    Recipe: RECIPE,
    Hello: HELLO,
    Status: STATUS,
    Story: STORY,
    TextPlan: TEXT_PLAN,
    Plan: PLAN,
    DataSet: DATA_SET,
    ModelInfo: MODEL_INFO,
    LlamaShape: LLAMA_SHAPE,
    ImageInfo: IMAGE_INFO,
    Profile: PROFILE,
}


METHODS = table(
    method(
        "hello",
        Task.LINK,
        (Field("major", "u16"), Field("minor", "u16")),
        (Field("hello", HELLO),),
    ),
    method(
        "ping",
        Task.LINK,
        (Field("payload", "bin", most=8000),),
        (Field("payload", "bin", most=8000),),
    ),
    method("set_baud", Task.LINK, (Field("baud", "u32", 9600, 5000000),), (Field("baud", "u32"),)),
    method("reset", Task.LINK, (), ()),
    method("status", Task.LINK, (), (Field("status", STATUS),)),
    method(
        "losses",
        Task.LINK,
        (Field("first", "u32", 1), Field("count", "u16", 1, 2048)),
        (Field("first", "u32"), Field("values", "bin", most=8000)),
        make=LossesResult,
    ),
    method(
        "plan",
        Task.LINK,
        (
            Field("shape", SHAPE),
            Field("recipe", RECIPE),
            Field("vocabulary_bytes", "u32", most=262144),
            Field("positions", "u16", most=256, default=0, since=1),
        ),
        (Field("plan", PLAN),),
    ),
    method(
        "create",
        Task.TRAINER,
        (
            Field("run_id", "u32", 1),
            Field("shape", SHAPE),
            Field("recipe", RECIPE),
            Field("vocabulary_bytes", "u32", most=262144),
        ),
        (Field("plan", PLAN),),
    ),
    method("model_info", Task.TRAINER, (), (Field("model", MODEL_INFO),)),
    method(
        "init_weights",
        Task.TRAINER,
        (Field("seed", "u64"), Field("deviation", "f32", 0.0, 10.0)),
        (),
    ),
    method(
        "vocabulary_write",
        Task.TRAINER,
        (Field("offset", "u32"), Field("data", "bin", most=8000)),
        (),
    ),
    method(
        "vocabulary_read",
        Task.TRAINER,
        (Field("offset", "u32"), Field("count", "u16", most=8000)),
        (Field("data", "bin", most=8000),),
    ),
    method(
        "tensor_write",
        Task.TRAINER,
        (
            Field("name", "str", most=32),
            Field("kind", TensorKind),
            Field("offset", "u32"),
            Field("data", "bin", most=8000),
        ),
        (),
    ),
    method(
        "tensor_read",
        Task.TRAINER,
        (
            Field("name", "str", most=32),
            Field("kind", TensorKind),
            Field("offset", "u32"),
            Field("count", "u16", 1, 256),
        ),
        (Field("data", "bin", most=1024),),
    ),
    method(
        "weights_digest",
        Task.TRAINER,
        (),
        (Field("step", "u32"), Field("sha256", "bin", most=32)),
        make=WeightsDigestResult,
        since=1,
    ),
    method(
        "weights_saved",
        Task.TRAINER,
        (Field("step", "u32", most=16777216), Field("sha256", "bin", most=32)),
        (),
        since=1,
    ),
    method("seek", Task.TRAINER, (Field("step", "u32", most=16777216),), ()),
    method(
        "documents_write",
        Task.LINK,
        (Field("first", "u32"), Field("documents", "[bin]", most=512, items=1024)),
        (Field("next", "u32"), Field("free", "u16")),
        make=DocumentsWriteResult,
    ),
    method(
        "evaluate",
        Task.TRAINER,
        (
            Field("documents", "[bin]", most=512, items=256),
            Field("by_token", "bool", default=False, since=1),
        ),
        (
            Field("step", "u32"),
            Field("losses", "bin", most=1024),
            Field("token_losses", "bin", most=1280, default=b"", since=1),
        ),
        make=EvaluateResult,
    ),
    method(
        "train",
        Task.TRAINER,
        (
            Field("target_step", "u32", most=16777216),
            Field("save_every", "u32"),
            Field("source", Source, default=Source.HOST),
            Field("gradient_norm", "bool", default=False, since=1),
        ),
        (),
    ),
    method("pause", Task.TRAINER, (), (Field("step", "u32"),)),
    method("stop", Task.TRAINER, (), (Field("step", "u32"),), since=1),
    method("save", Task.TRAINER, (), (Field("step", "u32"),)),
    method(
        "sample",
        Task.TRAINER,
        (
            Field("seed", "u64"),
            Field("number", "u32"),
            Field("temperature", "f32", 0.0, 100.0),
            Field("prompt", "bin", most=512),
            Field("uniforms", "bin", most=1024),
            Field("top_k", "u16", default=0, since=1),
            Field("top_p", "f32", 0.0, 1.0, default=1.0, since=1),
        ),
        (Field("tokens", "bin", most=512), Field("ended", "bool")),
        make=SampleResult,
    ),
    method(
        "text_begin",
        Task.TRAINER,
        (
            Field("text_id", "u32", 1),
            Field("prompt", "bin", most=1024),
            Field("seed", "u64"),
            Field("temperature", "f32", 0.0, 100.0),
            Field("top_k", "u16"),
            Field("top_p", "f32", 0.0, 1.0),
            Field("max_tokens", "u16"),
            Field("context", "u16"),
        ),
        (Field("story", STORY), Field("prompt_tokens", "u16")),
        make=TextBeginResult,
        since=1,
    ),
    method(
        "text_plan",
        Task.TRAINER,
        (Field("context", "u16"), Field("first", "u32", default=0)),
        (Field("plan", TEXT_PLAN),),
        since=1,
    ),
    method(
        "text_read",
        Task.TRAINER,
        (Field("text_id", "u32", 1), Field("first", "u16", 1)),
        (
            Field("next", "u16"),
            Field("text", "bin", most=512),
            Field("ended", TextEnd),
            Field("computed", "u16"),
            Field("computed_us", "u64"),
        ),
        make=TextReadResult,
        since=1,
    ),
    method("text_stop", Task.TRAINER, (Field("text_id", "u32", 1),), (), since=1),
    method("data_begin", Task.TRAINER, (Field("data", DATA_SET),), ()),
    method(
        "data_write",
        Task.TRAINER,
        (Field("offset", "u32"), Field("content", "bin", most=8000)),
        (),
    ),
    method("data_commit", Task.TRAINER, (), ()),
    method("data_info", Task.TRAINER, (), (Field("data", DATA_SET),)),
    method(
        "image_begin",
        Task.TRAINER,
        (Field("header", "bin", most=512),),
        (Field("resumed", "bool"),),
        since=1,
    ),
    method(
        "image_checksums",
        Task.TRAINER,
        (Field("first", "u32"), Field("count", "u16", 1, 128)),
        (Field("checksums", "bin", most=512),),
        since=1,
    ),
    method(
        "image_write",
        Task.TRAINER,
        (Field("offset", "u32", 512), Field("content", "bin", most=8000)),
        (),
        since=1,
    ),
    method("image_commit", Task.TRAINER, (), (), since=1),
    method("image_info", Task.TRAINER, (), (Field("image", IMAGE_INFO),), since=1),
    method("image_erase", Task.TRAINER, (), (), since=1),
    method(
        "curve",
        Task.TRAINER,
        (
            Field("first", "u32", 1),
            Field("count", "u16", 1, 2048),
            Field("strided", "bool", default=False, since=1),
        ),
        (
            Field("values", "bin", most=8000),
            Field("first", "u32", default=0, since=1),
            Field("stride", "u32", default=1, since=1),
        ),
        make=CurveResult,
    ),
    method(
        "autorun",
        Task.TRAINER,
        (
            Field("enabled", "bool"),
            Field("temperature", "f32", 0.001, 100.0),
            Field("console", "bool", default=False, since=1),
        ),
        (),
    ),
    method(
        "self_test",
        Task.TRAINER,
        (),
        (
            Field("digest", "u32"),
            Field("expected", "u32"),
            Field("failed", "str", most=256, default=""),
        ),
        make=SelfTestResult,
    ),
    method("profile", Task.TRAINER, (Field("enabled", "bool"),), (Field("profile", PROFILE),)),
)


NOTIFICATIONS: dict[str, Layout] = {
    "log": Layout(
        "a log notification",
        (Field("level", LogLevel), Field("text", "str", most=512)),
        Log,
    ),
}


def hello(major: int, minor: int) -> Call[Hello]:
    """Opens a conversation; the first request on every connection."""
    return Call(METHODS["hello"], (major, minor))


def ping(payload: bytes) -> Call[bytes]:
    """Returns what it is given."""
    return Call(METHODS["ping"], (payload,))


def set_baud(baud: int) -> Call[int]:
    """Changes the rate of the UART after the reply has left; the device goes back when no valid
    frame follows in time.
    """
    return Call(METHODS["set_baud"], (baud,))


def reset() -> Call[None]:
    """Restarts the device after the reply has left. What is not in a checkpoint is lost."""
    return Call(METHODS["reset"], ())


def status() -> Call[Status]:
    """Reads the status snapshot."""
    return Call(METHODS["status"], ())


def losses(first: int, count: int) -> Call[LossesResult]:
    """Reads losses of completed steps; reading never waits for a training step."""
    return Call(METHODS["losses"], (first, count))


def plan(shape: Shape, recipe: Recipe, vocabulary_bytes: int, positions: int = 0) -> Call[Plan]:
    """Says what a model would cost, without creating it."""
    return Call(METHODS["plan"], (shape, recipe, vocabulary_bytes, positions))


def create(run_id: int, shape: Shape, recipe: Recipe, vocabulary_bytes: int) -> Call[Plan]:
    """Makes a model with zero weights and moments at step 0; does nothing if the same run, shape
    and recipe are in memory already.
    """
    return Call(METHODS["create"], (run_id, shape, recipe, vocabulary_bytes))


def model_info() -> Call[ModelInfo]:
    """Describes the model in memory."""
    return Call(METHODS["model_info"], ())


def init_weights(seed: int, deviation: float) -> Call[None]:
    """Draws every weight from the device's own generator; the moments and the step become zero."""
    return Call(METHODS["init_weights"], (seed, deviation))


def vocabulary_write(offset: int, data: bytes) -> Call[None]:
    """Stores part of the vocabulary: the characters in id order as UTF-8 text, BOS left out."""
    return Call(METHODS["vocabulary_write"], (offset, data))


def vocabulary_read(offset: int, count: int) -> Call[bytes]:
    """Reads part of the vocabulary."""
    return Call(METHODS["vocabulary_read"], (offset, count))


def tensor_write(name: str, kind: TensorKind, offset: int, data: bytes) -> Call[None]:
    """Stores part of a tensor."""
    return Call(METHODS["tensor_write"], (name, kind, offset, data))


def tensor_read(name: str, kind: TensorKind, offset: int, count: int) -> Call[bytes]:
    """Reads part of a tensor."""
    return Call(METHODS["tensor_read"], (name, kind, offset, count))


def weights_digest() -> Call[WeightsDigestResult]:
    """Computes a digest of all weights, without sending them."""
    return Call(METHODS["weights_digest"], ())


def weights_saved(step: int, sha256: bytes) -> Call[None]:
    """Tells the device that its weights are saved in a run folder, so that they may be overwritten;
    it remembers this with its checkpoint. `other_run` if it holds other weights.
    """
    return Call(METHODS["weights_saved"], (step, sha256))


def seek(step: int) -> Call[None]:
    """Sets the number of completed steps, after tensors have been restored; documents and losses
    are taken up from there.
    """
    return Call(METHODS["seek"], (step,))


def documents_write(first: int, documents: Sequence[bytes]) -> Call[DocumentsWriteResult]:
    """Sends documents of the training order by index; those the device already has are passed over,
    those it has no room for are left out.
    """
    return Call(METHODS["documents_write"], (first, documents))


def evaluate(documents: Sequence[bytes], by_token: bool = False) -> Call[EvaluateResult]:
    """Computes the loss of documents the model is not trained on; changes nothing."""
    return Call(METHODS["evaluate"], (documents, by_token))


def train(
    target_step: int, save_every: int, source: Source = Source.HOST, gradient_norm: bool = False
) -> Call[None]:
    """Sets the step at which training stops and returns at once; a target that has been reached
    changes nothing.
    """
    return Call(METHODS["train"], (target_step, save_every, source, gradient_norm))


def pause() -> Call[int]:
    """Stops training at the next step boundary."""
    return Call(METHODS["pause"], ())


def stop() -> Call[int]:
    """Ends training at the next step boundary and writes a checkpoint, so that a detached run does
    not go on after a restart.
    """
    return Call(METHODS["stop"], ())


def save() -> Call[int]:
    """Writes a checkpoint to flash."""
    return Call(METHODS["save"], ())


def sample(
    seed: int,
    number: int,
    temperature: float,
    prompt: bytes,
    uniforms: bytes,
    top_k: int = 0,
    top_p: float = 1.0,
) -> Call[SampleResult]:
    """Draws one text from the model. The same seed and number give the same text. Tokens are ranked
    by their logits; of equal ones the smaller token ranks higher.
    """
    return Call(METHODS["sample"], (seed, number, temperature, prompt, uniforms, top_k, top_p))


def text_begin(
    text_id: int,
    prompt: bytes,
    seed: int,
    temperature: float,
    top_k: int,
    top_p: float,
    max_tokens: int,
    context: int,
) -> Call[TextBeginResult]:
    """Begins a text of the pretrained model, which then writes it token by token while other
    requests are answered. A text before it ends. The model that the device trains makes room: it
    is saved to the flash first. `busy` while it is trained.
    """
    return Call(
        METHODS["text_begin"],
        (text_id, prompt, seed, temperature, top_k, top_p, max_tokens, context),
    )


def text_plan(context: int, first: int = 0) -> Call[TextPlan]:
    """Says where the weights of the pretrained model lie while it writes texts of a length, and how
    long a token takes by an estimate. Nothing is loaded; what `text_begin` would refuse for its
    context is refused.
    """
    return Call(METHODS["text_plan"], (context, first))


def text_read(text_id: int, first: int) -> Call[TextReadResult]:
    """Reads what has been written of a text; it can be read again for as long as no other one is
    begun.
    """
    return Call(METHODS["text_read"], (text_id, first))


def text_stop(text_id: int) -> Call[None]:
    """Ends a text between two tokens; what has been written can still be read. A text that is not
    being written is left as it is.
    """
    return Call(METHODS["text_stop"], (text_id,))


def data_begin(data: DataSet) -> Call[None]:
    """Erases the data set in flash and makes room for another, whose content is sent next."""
    return Call(METHODS["data_begin"], (data,))


def data_write(offset: int, content: bytes) -> Call[None]:
    """Stores part of the content of the data set."""
    return Call(METHODS["data_write"], (offset, content))


def data_commit() -> Call[None]:
    """Checks the content against what `data_begin` announced; from then on the set can be trained
    on.
    """
    return Call(METHODS["data_commit"], ())


def data_info() -> Call[DataSet]:
    """Describes the data set in flash; `bad_data` if there is none."""
    return Call(METHODS["data_info"], ())


def image_begin(header: bytes) -> Call[bool]:
    """Makes room for the image of a pretrained model, whose content is sent next. If it is refused,
    the image that is there stays: `no_room`, `does_not_fit` if the memory has no room even for a
    text of one token, or `bad_story`. Otherwise that image is erased, unless it is the same. A
    push of the same image that was not finished is resumed.
    """
    return Call(METHODS["image_begin"], (header,))


def image_checksums(first: int, count: int) -> Call[bytes]:
    """Says what is in the flash of the image that was begun, or of the one that is there."""
    return Call(METHODS["image_checksums"], (first, count))


def image_write(offset: int, content: bytes) -> Call[None]:
    """Stores part of the content of the image."""
    return Call(METHODS["image_write"], (offset, content))


def image_commit() -> Call[None]:
    """Checks the content against the header, its checksums and its digest; from then on it is an
    image. `bad_story` if it is none: then the push has to begin anew.
    """
    return Call(METHODS["image_commit"], ())


def image_info() -> Call[ImageInfo]:
    """Describes the image in flash, or the one that was begun; `no_story` if there is none."""
    return Call(METHODS["image_info"], ())


def image_erase() -> Call[None]:
    """Removes the image in flash, or the one that was begun; does nothing if there is none."""
    return Call(METHODS["image_erase"], ())


def curve(first: int, count: int, strided: bool = False) -> Call[CurveResult]:
    """Reads the losses that a detached run has stored in the flash."""
    return Call(METHODS["curve"], (first, count, strided))


def autorun(enabled: bool, temperature: float, console: bool = False) -> Call[None]:
    """Makes the device print samples by itself, as plain text, from power-up on while no host
    speaks to it.
    """
    return Call(METHODS["autorun"], (enabled, temperature, console))


def self_test() -> Call[SelfTestResult]:
    """Runs the arithmetic the engine is built on and returns a digest of the results."""
    return Call(METHODS["self_test"], ())


def profile(enabled: bool) -> Call[Profile]:
    """Switches the profile of training steps and of stories on or off, and reads it. It starts from
    zero when it is switched on, and keeps its counts when it is switched off; switching it to
    what it is changes nothing.
    """
    return Call(METHODS["profile"], (enabled,))
