"""Properties of frames that hold for bytes of any kind, however they are cut."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ugpt.rpc.frames import (
    Frame,
    FrameDecoder,
    Text,
    cobs_decode,
    cobs_encode,
    decode_frame,
    encode_frame,
)

# Zeros and long runs without any are what the encoding is about.
RUNS = st.builds(
    lambda byte, length: bytes([byte]) * length,
    st.sampled_from([0, 1, 2, 10, 255]),
    st.sampled_from([1, 2, 3, 252, 253, 254, 255, 256, 508, 509]),
)
DATA = st.lists(st.binary(max_size=20) | RUNS, max_size=6).map(b"".join)
# As every message of the protocol begins.
BODIES = st.builds(bytes.__add__, st.sampled_from([b"\x94\x00", b"\x94\x01", b"\x93\x02"]), DATA)
WORDS = st.text("abcdefghij 0123456789:()", min_size=8, max_size=30).map(str.strip).filter(bool)


def fed(stream: bytes, cuts: Sequence[int]) -> list[Frame | Text]:
    """What a decoder finds in a stream that is cut at these places."""
    decoder = FrameDecoder()
    found: list[Frame | Text] = []
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for start, end in pairwise(places):
        found += decoder.feed(stream[start:end])
    return found + decoder.flush()


CUTS = st.lists(st.integers(0, 3000), max_size=8)


@given(DATA)
def test_stuffed_bytes_return_and_hold_no_zero(data: bytes) -> None:
    encoded = cobs_encode(data)
    assert 0 not in encoded
    assert len(encoded) <= len(data) + len(data) // 254 + 1
    assert cobs_decode(encoded) == data


@given(BODIES)
def test_the_body_of_a_frame_returns(body: bytes) -> None:
    frame = encode_frame(body)
    assert frame[0] == frame[-1] == 0
    assert decode_frame(frame[1:-1]) == body


@given(BODIES, st.data())
def test_a_damaged_frame_is_none(body: bytes, data: st.DataObject) -> None:
    frame = bytearray(encode_frame(body))
    place = data.draw(st.integers(1, len(frame) - 2))
    frame[place] ^= data.draw(st.integers(1, 255))
    found = fed(bytes(frame) + encode_frame(b"\x94\x01next"), [])
    assert [piece for piece in found if isinstance(piece, Frame)] == [Frame(b"\x94\x01next")]


@given(st.lists(BODIES | WORDS, max_size=8), CUTS)
def test_frames_and_lines_between_them_are_found_in_their_order(
    sent: list[bytes | str], cuts: list[int]
) -> None:
    stream = b"".join(
        encode_frame(piece) if isinstance(piece, bytes) else piece.encode() + b"\r\n"
        for piece in sent
    )
    assert fed(stream, cuts) == [
        Frame(piece) if isinstance(piece, bytes) else Text(piece) for piece in sent
    ]


@given(st.lists(st.tuples(BODIES, st.binary(max_size=60)), max_size=5), CUTS)
def test_frames_are_found_among_noise(sent: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    stream = b"".join(noise + encode_frame(body) for body, noise in sent)
    found = [piece.body for piece in fed(stream, cuts) if isinstance(piece, Frame)]
    assert found == [body for body, _ in sent]


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_a_stream_without_frames_harms_nothing(pieces: list[bytes]) -> None:
    decoder = FrameDecoder(1280)
    for piece in pieces:
        decoder.feed(piece)
    decoder.flush()
    assert decoder.feed(encode_frame(b"\x94\x01")) == [Frame(b"\x94\x01")]
