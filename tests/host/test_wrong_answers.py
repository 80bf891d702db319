"""The client and a device that answers something else than was asked; the limits of requests."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from tests.support.peer import HELLO, Peer, device_of
from tests.support.virtual_time import leaping
from ugpt import Recipe, Shape
from ugpt.device.stories import TextWish
from ugpt.device.tensors import encode_floats
from ugpt.errors import InvalidValue
from ugpt.rpc.codec import encode_record
from ugpt.rpc.errors import ProtocolError, UnknownMethod
from ugpt.rpc.frames import decode_frame
from ugpt.rpc.line_quality import LineQuality
from ugpt.rpc.messages import ModelInfo, Story, TextEnd, TextPlan

SHAPE = Shape(1, 4, 2, 8, 27)
MODEL = ModelInfo(7, SHAPE, Recipe(0.01, 0.85, 0.99, 1e-8, 100), 26, 0)


def peer() -> Peer:
    made = Peer(replace(HELLO, frame_bytes=8192))
    made.handlers["model_info"] = lambda params: [encode_record(MODEL)]
    return made


@pytest.mark.parametrize("size", [0, 60, 68])
@leaping
async def test_a_tensor_of_another_size(size: int) -> None:
    board = peer()
    board.handlers["tensor_read"] = lambda params: [bytes(size)]
    async with device_of(board) as device:
        with pytest.raises(ProtocolError, match=f"sent {size} bytes of layer0.attn_wq"):
            await device.read_tensor("layer0.attn_wq")


@pytest.mark.parametrize("count", [0, 2, 4])
@leaping
async def test_losses_of_another_number_of_documents(count: int) -> None:
    board = peer()
    board.handlers["evaluate"] = lambda params: [5, bytes(4 * count), b""]
    async with device_of(board) as device:
        with pytest.raises(ProtocolError, match=f"sent {count} losses of 3"):
            await device.evaluate([b"\x01"] * 3)


@pytest.mark.parametrize("count", [0, 5, 7])
@leaping
async def test_losses_of_another_number_of_tokens(count: int) -> None:
    board = peer()
    board.handlers["evaluate"] = lambda params: [5, b"", bytes(4 * count)]
    async with device_of(board) as device:
        with pytest.raises(ProtocolError, match=f"sent {count} losses of tokens"):
            await device.evaluate_tokens([b"\x01"] * 3)


@pytest.mark.parametrize("size", [6, 12, 13])
@pytest.mark.parametrize("method", ["losses", "curve"])
@leaping
async def test_losses_that_are_more_or_less_than_two(method: str, size: int) -> None:
    board = peer()
    board.handlers["losses"] = lambda params: [5, bytes(size)]
    board.handlers["curve"] = lambda params: [bytes(size), 5, 1]
    async with device_of(board) as device:
        ask = device.losses if method == "losses" else device.loss_history
        with pytest.raises(ProtocolError, match=f"sent {size} bytes as 2 losses"):
            await ask(5, 2)


@leaping
async def test_a_vocabulary_that_is_no_text() -> None:
    board = peer()
    board.handlers["vocabulary_read"] = lambda params: [b"\xff" * 26]
    async with device_of(board) as device:
        with pytest.raises(ProtocolError, match="not UTF-8"):
            await device.vocabulary()


@leaping
async def test_the_latest_step_of_an_evaluation_counts() -> None:
    board = peer()
    steps = itertools.chain([5], itertools.repeat(9))
    board.handlers["evaluate"] = lambda params: [
        next(steps), bytes(4 * len(params[0])), b"",
    ]  # fmt: skip
    async with device_of(board) as device:
        step, losses = await device.evaluate([b"\x01"] * 600)
        assert (step, len(losses)) == (9, 600)


@leaping
async def test_no_more_documents_than_a_request_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LineQuality, "data_bytes", 8000)  # frames of any length
    board = peer()
    taken: list[int] = []

    def take(params: list[list[bytes]]) -> list[object]:
        taken.append(len(params[1]))
        return [len(params[1]), 5000]

    board.handlers["documents_write"] = take
    async with device_of(board) as device:
        assert (await device.documents_write(0, [b""] * 2000)).next == 1024
    assert taken == [1024]


@leaping
async def test_a_document_longer_than_a_frame_should_be_is_sent_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(LineQuality, "data_bytes", 64)
    board = peer()
    board.handlers["documents_write"] = lambda params: [params[0] + len(params[1]), 5000]
    async with device_of(board) as device:
        assert (await device.documents_write(7, [bytes(200), b""])).next == 8


@leaping
async def test_a_request_as_long_as_a_frame_may_be_is_sent() -> None:
    board = Peer()
    lengths: list[int] = []

    def note(frame: bytes) -> list[bytes]:
        lengths.append(len(decode_frame(frame[1:-1]) or b""))
        return [frame]

    board.from_host = note
    async with device_of(board) as device:
        await device.ping(bytes(1000))
        overhead = lengths[-1] - 1000
        assert await device.ping(bytes(HELLO.frame_bytes - overhead))
        assert lengths[-1] == HELLO.frame_bytes
        with pytest.raises(InvalidValue):
            await device.ping(bytes(HELLO.frame_bytes - overhead + 1))


@leaping
async def test_older_firmware_draws_texts_but_none_in_a_new_way() -> None:
    board = Peer(replace(HELLO, minor=0))
    board.handlers["sample"] = lambda params: [b"\x01", True]
    async with device_of(board) as device:
        assert (await device.sample(1, 0, 0.001)).tokens == b"\x01"
        asked = len(board.requests)
        for what, limits in (
            ("a temperature of 0", {"temperature": 0.0}),
            ("top_k of sample", {"top_k": 3}),
            ("top_p of sample", {"top_p": 0.5}),
        ):
            with pytest.raises(UnknownMethod, match=f"does not know {what}"):
                await device.sample(1, 0, **limits)  # type: ignore[arg-type]
        assert len(board.requests) == asked


@leaping
async def test_a_text_that_ends_within_a_character_shows_it() -> None:
    board = peer()
    board.handlers["text_begin"] = lambda params: [
        encode_record(Story("tiny", bytes(32), 64, 1000, 0, 0, 0)), 2,
    ]  # fmt: skip
    answers = iter([[3, b"a\xc3", 0, 2, 10], [4, b"\xa9b\xc3", TextEnd.CONTEXT_FULL, 3, 20]])
    board.handlers["text_read"] = lambda params: next(answers)
    async with device_of(board) as device:
        text = await device.begin_text(TextWish())
        assert [piece async for piece in text.pieces()] == ["a", "\xe9b\ufffd"]


PLAN = TextPlan(
    40, 1000, 500, "DRAM,flash", (5000, 9000), (1, 2), (1, 2), bytes([0, 1]), 2, 0, 0, 0
)


@pytest.mark.parametrize(
    "told",
    [
        replace(PLAN, size_bytes=(5000,)),
        replace(PLAN, places="DRAM"),
        replace(PLAN, read_bytes=()),
        replace(PLAN, homes=bytes([0, 2])),
    ],
    ids=["size_bytes", "places", "read_bytes", "homes"],
)
@leaping
async def test_places_of_weights_that_cannot_be(told: TextPlan) -> None:
    board = peer()
    board.handlers["text_plan"] = lambda params: [encode_record(told)]
    async with device_of(board) as device:
        with pytest.raises(ProtocolError, match="weights"):
            await device.text_plan()


@leaping
async def test_places_of_weights_without_end() -> None:
    board = peer()
    board.handlers["text_plan"] = lambda params: [encode_record(replace(PLAN, homes=bytes(256)))]
    async with device_of(board) as device:
        assert set((await device.text_plan()).homes) == {0}


@leaping
async def test_older_firmware_has_kept_the_losses_from_the_step_on_that_is_asked_for() -> None:
    board = Peer(replace(HELLO, minor=0))
    board.handlers["curve"] = lambda params: [encode_floats((2.0, 1.5))]
    async with device_of(board) as device:
        assert await device.loss_history(31) == (31, 1, (2.0, 1.5))
