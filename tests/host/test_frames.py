"""Frames of the host: round trips, resynchronisation, text between frames, bounds."""

from __future__ import annotations

import random
import zlib

import pytest

from ugpt.rpc.frames import (
    CRC_BYTES,
    Frame,
    FrameDecoder,
    Text,
    cobs_decode,
    cobs_encode,
    decode_frame,
    encode_frame,
    readable,
)

# The types of message that a body starts with.
REQUEST = bytes.fromhex("940001a470696e6791c400")
RESPONSE = bytes.fromhex("940101c091c400")
LOG = bytes.fromhex("9302a36c6f679202a26f6b")


def fed(stream: bytes, size: int, body_max_bytes: int = 8192) -> list[Frame | Text]:
    """What a decoder finds in a stream that arrives `size` bytes at a time."""
    decoder = FrameDecoder(body_max_bytes)
    found: list[Frame | Text] = []
    for start in range(0, len(stream), size):
        found += decoder.feed(stream[start : start + size])
    return found + decoder.flush()


def plain_cobs(data: bytes) -> bytes:
    """COBS byte by byte, as the paper describes it."""
    encoded, block = b"", b""
    for byte in data + b"\0":
        if byte:
            block += bytes([byte])
        if not byte or len(block) == 254:
            encoded += bytes([len(block) + 1]) + block
            block = b""
    full_block_at_the_end = len(encoded) > 1 and data[-254:].count(0) == 0 and len(data) >= 254
    return encoded[:-1] if full_block_at_the_end and encoded[-1] == 1 else encoded


def test_a_frame_that_begins_with_a_line_feed_survives_being_cut() -> None:
    body = bytes.fromhex("940101c090")  # nine bytes with the CRC and no zero: the block is 0x0a
    frame = encode_frame(body)
    assert frame[1:2] == b"\n"
    for cut in range(len(frame)):
        for before, found in ((b"", []), (b"a line\r\n", [Text("a line")])):
            decoder = FrameDecoder()
            assert decoder.feed(before) == found
            assert decoder.feed(frame[:cut]) + decoder.feed(frame[cut:]) == [Frame(body)]


@pytest.mark.parametrize(
    ("data", "encoded"),
    [
        (b"\0", "0101"),
        (b"\0\0", "010101"),
        (b"\x11\x22\x00\x33", "0311220233"),
        (b"\x11\x00\x00\x00", "0211010101"),
        (bytes(range(1, 255)), "ff" + bytes(range(1, 255)).hex()),
        (bytes(range(0, 255)), "01ff" + bytes(range(1, 255)).hex()),
        (bytes(range(1, 256)), "ff" + bytes(range(1, 255)).hex() + "02ff"),
        (bytes([*range(2, 256), 0]), "ff" + bytes(range(2, 256)).hex() + "0101"),
    ],
)
def test_cobs_gives_the_published_examples(data: bytes, encoded: str) -> None:
    assert cobs_encode(data).hex() == encoded
    assert cobs_decode(bytes.fromhex(encoded)) == data


def test_cobs_round_trips_around_the_block_length() -> None:
    rng = random.Random(1)
    for size in [*range(1, 40), *range(250, 260), *range(504, 514), 2000]:
        for data in (
            bytes(size),
            bytes([7]) * size,
            rng.randbytes(size),
            rng.randbytes(size - 1) + b"\0",
            bytes(rng.choice((0, 1)) for _ in range(size)),
        ):
            encoded = cobs_encode(data)
            assert 0 not in encoded
            assert len(encoded) <= size + size // 254 + 1
            assert encoded == plain_cobs(data)
            assert cobs_decode(encoded) == data


@pytest.mark.parametrize("size", [1, 2, 7, 100, 100_000])
def test_pieces_of_any_size_give_the_same_frames(size: int) -> None:
    rng = random.Random(2)
    bodies = [RESPONSE + rng.randbytes(length) for length in (0, 1, 250, 700, 5000)]
    stream = b"".join(encode_frame(body) for body in bodies)
    assert fed(stream, size) == [Frame(body) for body in bodies]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_text_between_frames_is_given_as_lines(size: int) -> None:
    stream = (
        b"ets Jun  8 2016 00:22:57\r\n\r\nrst:0x1 (POWERON_RESET)\r\n"
        + encode_frame(RESPONSE)
        + b"\x1b[0;32mI (42) boot: caf\xc3\xa9\x1b[0m\n"
        + encode_frame(LOG)
        + b"Guru Meditation Error"
        + encode_frame(RESPONSE)
    )
    assert fed(stream, size) == [
        Text("ets Jun  8 2016 00:22:57"),
        Text("rst:0x1 (POWERON_RESET)"),
        Frame(RESPONSE),
        Text("I (42) boot: café"),
        Frame(LOG),
        Text("Guru Meditation Error"),
        Frame(RESPONSE),
    ]


def test_a_line_is_given_as_soon_as_it_ends() -> None:
    decoder = FrameDecoder()
    assert decoder.feed(b"abort() was called") == []
    assert decoder.feed(b" at PC 0x400d1234\r\nBacktr") == [
        Text("abort() was called at PC 0x400d1234")
    ]
    assert decoder.flush() == [Text("Backtr")]
    assert decoder.flush() == []


def test_a_line_that_has_begun_stays_pending() -> None:
    decoder = FrameDecoder()
    decoder.feed(encode_frame(RESPONSE) + b"> ")
    assert decoder.begun(at_rest=False) is None  # two bytes may be those of a frame
    assert decoder.begun(at_rest=True) == "> "
    decoder.feed(b"Onze")
    assert decoder.begun(at_rest=False) == "> Onze"
    decoder.feed(b"\b \b\b \b\b \b")
    assert decoder.begun(at_rest=False) == "> O"
    decoder.feed("é".encode()[:1])
    assert decoder.begun(at_rest=True) is None
    assert decoder.feed("é".encode()[1:] + b"\r\n") == [Text("> Oé")]


@pytest.mark.parametrize(
    ("printed", "left"),
    [
        ("Onze\b \b\b \b", "On"),
        ("On\b \bx\b \b\b \be two three", "e two three"),
        ("\b \bone two three", "\b \bone two three"),  # there was nothing to rub out
        # Whoever looks at all of it for each character never gets to the end of this.
        ("a" * 100_000 + "\b \b" * 99_999, "a"),
    ],
)
def test_what_a_console_has_rubbed_out_is_gone(printed: str, left: str) -> None:
    assert readable(printed.encode()) == left


@pytest.mark.parametrize("body", [REQUEST, RESPONSE, LOG])
def test_a_frame_that_comes_in_pieces_is_no_line_that_has_begun(body: bytes) -> None:
    frame = encode_frame(body + b"looks like text, but is the middle of a frame" * 3)
    for cut in range(1, len(frame)):
        decoder = FrameDecoder()
        assert decoder.feed(frame[:cut]) == []
        assert decoder.begun(at_rest=False) is None
        decoder.begun(at_rest=True)
        assert decoder.feed(frame[cut:]) == ([Frame(body_of(frame))] if cut < len(frame) else [])


def body_of(frame: bytes) -> bytes:
    body = decode_frame(frame[1:-1])
    assert body is not None
    return body


def test_a_panic_inside_a_frame_is_readable() -> None:
    half = encode_frame(RESPONSE + bytes(range(256)))[:150]
    decoder = FrameDecoder()
    found = decoder.feed(half + b"\r\nGuru Meditation Error: Core 1\r\nRebooting...\r\n")
    found += decoder.feed(encode_frame(RESPONSE))
    assert Text("Guru Meditation Error: Core 1") in found
    assert Text("Rebooting...") in found
    assert found[-1] == Frame(RESPONSE)


@pytest.mark.parametrize("body", [REQUEST, RESPONSE, LOG])
def test_a_frame_full_of_line_ends_is_not_taken_for_text(body: bytes) -> None:
    body += b"\nlooks like text\r\n" * 20
    for size in (1, 10, 1000):
        assert fed(encode_frame(body), size) == [Frame(body)]


def test_every_flipped_bit_is_noticed_and_the_next_frame_arrives() -> None:
    good = encode_frame(RESPONSE + b"a body \0 with a zero")
    for bit in range(8, 8 * (len(good) - 1)):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        found = fed(bytes(flipped) + encode_frame(LOG), 1000)
        assert [item for item in found if isinstance(item, Frame)] == [Frame(LOG)]


def test_a_frame_cut_at_any_byte_gives_no_frame_but_the_next_one() -> None:
    good = encode_frame(RESPONSE + b"some body")
    for size in range(len(good) - 1):
        found = fed(good[:size] + encode_frame(LOG), 1000)
        assert [item for item in found if isinstance(item, Frame)] == [Frame(LOG)]


def test_one_zero_between_frames_is_enough() -> None:
    found = fed(encode_frame(RESPONSE) + encode_frame(LOG)[1:], 1)
    assert found == [Frame(RESPONSE), Frame(LOG)]


def test_bodies_up_to_the_largest_are_taken() -> None:
    for body in (RESPONSE.ljust(100, b"\xff"), RESPONSE.ljust(100, b"\0")):
        assert fed(encode_frame(body), 30, body_max_bytes=100) == [Frame(body)]
    assert fed(encode_frame(RESPONSE.ljust(110, b"\xff")), 30, body_max_bytes=100) == []


def test_what_is_held_back_is_bounded() -> None:
    decoder = FrameDecoder(1000)
    for _ in range(1000):
        decoder.feed(b"\xff" * 1000)
        assert len(decoder._pending) <= 1010
    assert decoder.bad_frames == 500
    assert decoder.feed(b"\0" + encode_frame(RESPONSE)) == [Frame(RESPONSE)]


def test_a_frame_without_a_body_is_none() -> None:
    crc = zlib.crc32(b"").to_bytes(CRC_BYTES, "little")
    assert fed(b"\0" + cobs_encode(crc) + b"\0", 100) == []


def test_bad_frames_are_counted() -> None:
    decoder = FrameDecoder()
    bad = bytearray(encode_frame(RESPONSE))
    bad[5] ^= 0x55
    decoder.feed(encode_frame(LOG) + bytes(bad) + encode_frame(LOG))
    assert decoder.bad_frames == 1


def test_random_bytes_do_no_harm_and_are_rarely_text() -> None:
    rng = random.Random(3)
    lines = 0
    for _ in range(100):
        found = fed(rng.randbytes(4000) + encode_frame(RESPONSE), rng.randint(1, 500))
        assert found[-1] == Frame(RESPONSE)
        lines += len(found) - 1
    assert lines < 200
