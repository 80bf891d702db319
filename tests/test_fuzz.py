"""The fuzzing targets hold for what they begin with and for some damage of it, and can fail."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from tests.fuzz import __main__ as fuzzing
from tests.fuzz import host_targets
from tests.fuzz.host_targets import TARGETS
from ugpt.rpc.errors import ProtocolError

ROUNDS = 200


def damaged(seed: bytes, chance: random.Random) -> bytes:
    data = bytearray(seed)
    for _ in range(chance.randint(1, 4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data[: chance.randint(len(data) // 2, len(data))])


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_holds(name: str) -> None:
    chance = random.Random(name)
    seeds = TARGETS[name].seeds()
    TARGETS[name].run(b"")
    for seed in seeds:
        TARGETS[name].run(seed)
        for _ in range(ROUNDS):
            TARGETS[name].run(damaged(seed, chance))


def run_all(name: str, seeds: Sequence[bytes]) -> None:
    for seed in seeds:
        TARGETS[name].run(seed)


def broken(*arguments: object) -> None:
    raise IndexError


@pytest.mark.parametrize(
    ("name", "parser"),
    [
        ("frames", "FrameDecoder.feed"),
        ("codec", "decode_body"),
        ("safetensors", "Run.read_checkpoint"),
        ("config", "Run.open"),
        ("metrics", "Metrics.open"),
        ("boot-log", "code_addresses"),
        ("boot-log", "BootLog.read"),
    ],
)
def test_a_target_notices(monkeypatch: pytest.MonkeyPatch, name: str, parser: str) -> None:
    seeds = TARGETS[name].seeds()
    monkeypatch.setattr(f"{host_targets.__name__}.{parser}", broken)
    with pytest.raises(IndexError):
        run_all(name, seeds)


@pytest.mark.parametrize(
    ("name", "parser", "answer"),
    [
        ("frames", "decode_frame", lambda encoded: b"other"),
        ("codec", "encode_fields", lambda fields, values: [None] * len(fields)),
        ("boot-log", "elf_digest", lambda line: "no digest"),
    ],
)
def test_a_target_notices_a_wrong_answer(
    monkeypatch: pytest.MonkeyPatch, name: str, parser: str, answer: Callable[..., object]
) -> None:
    seeds = TARGETS[name].seeds()
    monkeypatch.setattr(host_targets, parser, answer)
    with pytest.raises((AssertionError, ProtocolError)):
        run_all(name, seeds)


def test_targets_of_the_device_begin_with_inputs_of_the_host() -> None:
    assert set(fuzzing.DEVICE.values()) <= set(TARGETS)
    folder = fuzzing.ROOT / "tests" / "fuzz"
    sources = {path.stem.replace("_", "-") for path in folder.glob("device_*.cpp")}
    assert sources == set(fuzzing.DEVICE)
