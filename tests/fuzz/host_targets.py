"""What the host reads and others write: a target for each parser, with inputs to begin with.

A target takes any bytes and returns if the parser did what it promises; anything else is raised.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import msgpack
import numpy as np

from tests.support.peer import HELLO
from ugpt import Recipe, Shape, tensor_shapes
from ugpt.firmware.backtrace import code_addresses, elf_digest
from ugpt.rpc import messages
from ugpt.rpc.boot_log import BootLog
from ugpt.rpc.codec import decode, encode_fields, encode_record
from ugpt.rpc.envelope import Notification, Response, decode_body
from ugpt.rpc.errors import ProtocolError
from ugpt.rpc.frames import Frame, FrameDecoder, Text, decode_frame, encode_frame
from ugpt.rpc.schema import Layout
from ugpt.runs.checkpoint import Checkpoint
from ugpt.runs.config import Init, RunConfig
from ugpt.runs.errors import RunError
from ugpt.runs.folder import Run
from ugpt.runs.metrics import STEPS_MAX, Metrics
from ugpt.runs.save_period import EVERY_MINUTE

T = TypeVar("T")

MESSAGE_LENGTH_MAX = 1000
"""Of an error: what a stranger has written is not repeated at length."""

SHAPE = Shape(1, 2, 1, 2, 3)
CONFIG = RunConfig(
    Path("names.txt"), "ab" * 32, SHAPE, Recipe(0.01, 0.85, 0.99, 1e-8, 100), 42, Init.DEVICE,
    EVERY_MINUTE, 7, "", "0.1.0",
)  # fmt: skip
NEXT = b"\x94\x01next"
PANIC = (
    b"Backtrace: 0x400d1234:0x3ffb5ab0 0x400d5678:0x3ffb5ad0\r\nELF file SHA256: 0123456789abcdef"
)
BOOT = (
    b"ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
)


@dataclass(frozen=True)
class Target:
    run: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]


# Frames


def frames(data: bytes) -> None:
    """The pieces in which a stream comes change no frame, and the next one is found."""
    if not data:
        return
    size, stream = 1 + data[0], data[1:] + encode_frame(NEXT)
    whole = _bodies([stream])
    assert whole == _bodies(stream[at : at + size] for at in range(0, len(stream), size))
    assert whole[-1] == NEXT
    if len(data) > 1:
        assert decode_frame(encode_frame(data[1:])[1:-1]) == data[1:]


def _bodies(pieces: Sequence[bytes] | Iterator[bytes]) -> list[bytes]:
    decoder = FrameDecoder()
    found = [part for piece in pieces for part in decoder.feed(piece)] + decoder.flush()
    return [part.body for part in found if isinstance(part, Frame)]


def _frame_seeds() -> list[bytes]:
    body = bytes(msgpack.packb([1, 5, None, [b"abc"]]))
    return [b"\x03" + BOOT + encode_frame(body) + b"\xff" * 9, b"\x40" + encode_frame(bytes(600))]


# Messages

LAYOUTS: Sequence[Layout] = (
    *messages.RECORDS.values(),
    *messages.NOTIFICATIONS.values(),
    *(method.result for method in messages.METHODS.values()),
)


def codec(data: bytes) -> None:
    """Bytes are a message or a ProtocolError; what is taken can be encoded and taken again."""
    try:
        message = decode_body(data)
    except ProtocolError:
        return
    if isinstance(message, Notification):
        _returns_if_taken(messages.NOTIFICATIONS["log"], message.params)
    elif isinstance(message, Response):
        for layout in LAYOUTS:
            _returns_if_taken(layout, message.result)


def _returns_if_taken(layout: Layout, wire: object) -> None:
    as_tuple = Layout(layout.name, layout.fields, lambda *values: values)
    try:
        taken = decode(as_tuple, wire)
    except ProtocolError:
        return
    if "\\udc" in repr(taken):
        return  # text that is no UTF-8 is shown, but never sent
    again = decode(as_tuple, encode_fields(layout.fields, taken))
    assert repr(again) == repr(taken)  # by which NaN is itself


def _codec_seeds() -> list[bytes]:
    sent: tuple[list[object], ...] = (
        [1, 5, None, [encode_record(HELLO)]],
        [1, 5, None, [encode_record(SHAPE), encode_record(CONFIG.recipe)]],
        [1, 5, None, [b"abc", True]],
        [1, 5, None, [7, bytes(8), b""]],
        [1, 5, None, [1, 2, 0.5, 3]],
        [1, 5, [3, "busy", 0], None],
        [2, "log", [1, "text"]],
    )
    return [bytes(msgpack.packb(message, use_single_float=True)) for message in sent]


# The files of a run folder


@cache
def _folder() -> Path:
    """One for the whole process; it goes with it."""
    holder = tempfile.TemporaryDirectory(prefix="ugpt-fuzz-")
    _HOLDERS.append(holder)
    return Path(holder.name)


_HOLDERS: list[tempfile.TemporaryDirectory[str]] = []


def safetensors(data: bytes) -> None:
    """A checkpoint of a stranger, also of one who knows how to compute the digest."""
    for content in {data, _sealed(data)}:
        (_folder() / "checkpoint.safetensors").write_bytes(content)
        checkpoint = _taken_or_told(lambda: _run().read_checkpoint(tensor_shapes(SHAPE)))
        if checkpoint is not None:
            assert 0 <= checkpoint.step <= CONFIG.recipe.total_steps


def _sealed(data: bytes) -> bytes:
    place = re.search(rb'"sha256":"([^"]{64})"', data)
    if place is None:
        return data
    blank = data[: place.start(1)] + b"0" * 64 + data[place.end(1) :]
    return blank.replace(b"0" * 64, sha256(blank).hexdigest().encode(), 1)


def _checkpoint_seeds() -> list[bytes]:
    kinds = [
        {name: np.zeros(size, np.float32) for name, size in tensor_shapes(SHAPE).items()}
        for _ in range(3)
    ]
    _run().write_checkpoint(Checkpoint(30, *kinds), "ab")
    return [(_folder() / "checkpoint.safetensors").read_bytes()]


def config(data: bytes) -> None:
    """A configuration that is taken makes sense, and can be written and taken again."""
    (_folder() / "config.toml").write_bytes(data)
    run = _taken_or_told(lambda: Run.open(_folder()))
    if run is not None:
        assert run.config.next_evaluation(0) > 0
        assert repr(RunConfig.from_toml(run.config.to_toml())) == repr(run.config)


def metrics(data: bytes) -> None:
    """Whatever the losses are, a run can go on with them, and then they are read as they were."""
    path = _folder() / "metrics.jsonl"
    path.write_bytes(data)
    found = _taken_or_told(lambda: Metrics.open(path))
    if found is not None and found.step < STEPS_MAX:
        found.record(found.step + 1, [2.0], [5])
        again = Metrics.open(path)
        assert repr(again.losses) == repr(found.losses)
        assert again.val_losses == found.val_losses


def _metrics_seeds() -> list[bytes]:
    line = b'{"step": %d, "loss": 2.5, "tokens": 5}\n'
    with_validation = b'{"step": 3, "loss": 2.5, "tokens": 5, "val_loss": 2.25}\n'
    return [line % 1 + line % 2 + with_validation, line % 1 + line % 7 + b'{"step": 8, "lo']


def _run() -> Run:
    return Run(_folder(), CONFIG, Metrics.open(_folder() / "none.jsonl"))


def _taken_or_told(read: Callable[[], T]) -> T | None:
    """The parser may refuse, in one sentence of some length."""
    try:
        return read()
    except RunError as error:
        told = str(error)
    assert len(told) <= MESSAGE_LENGTH_MAX
    assert "\n" not in told
    return None


# What a board prints


def boot_log(data: bytes) -> None:
    """Lines of any kind are text or nothing, and what is told of them is short and theirs."""
    decoder, log = FrameDecoder(), BootLog()
    lines = []
    for piece in [*decoder.feed(data), *decoder.flush()]:
        if isinstance(piece, Text):
            lines.append(piece.line)
            log.read(piece.line)
            assert all(0 <= address < 2**32 for address in code_addresses(piece.line))
            assert re.fullmatch(r"[0-9a-f]{0,64}", elf_digest(piece.line))
    for found in (log.diagnosis(), log.cause_of_restart(), log.silence()):
        if found is not None:
            assert found.text
            assert len(f"{found.text}{found.line}") <= MESSAGE_LENGTH_MAX
            assert any(found.line in line for line in lines)


def _boot_seeds() -> list[bytes]:
    lines = (
        b"rst:0xf (RTCWDT_BROWN_OUT_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)",
        b"waiting for download",
        b"E (57) boot_comm: mismatch chip ID, expected 0, found 9",
        b"E (36) spi_flash: Detected size(2048k) smaller than the size in the binary image "
        b"header(4096k)",
        b"I (30) cpu_start: Project name:     blink",
        b"Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.",
    )
    return [BOOT + line + b"\r\n" for line in lines]


TARGETS: Mapping[str, Target] = {
    "frames": Target(frames, _frame_seeds),
    "codec": Target(codec, _codec_seeds),
    "safetensors": Target(safetensors, _checkpoint_seeds),
    "config": Target(config, lambda: [CONFIG.to_toml().encode()]),
    "metrics": Target(metrics, _metrics_seeds),
    "boot-log": Target(boot_log, lambda: [BOOT + PANIC, *_boot_seeds()]),
}
