"""Data sets in the flash of a real virtual device."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

import pytest

import ugpt
from ugpt import Device
from ugpt.data.dataset import Dataset, split_documents, training_order
from ugpt.rpc.errors import BadData, NoRoom
from ugpt.rpc.messages import BLOCK_SIZE_MAX
from ugpt.training.dataset_upload import Stored, _most_tokens, push_data


def dataset(folder: Path, text: str) -> Dataset:
    path = folder / "text"
    path.write_text(text, "utf-8")
    return Dataset.load(path)


def region_of(flash: Path, content: bytes) -> bool:
    """Whether the flash holds these bytes."""
    return content in flash.read_bytes()


async def push(device: Device, data: Dataset, seed: int, **options: Any) -> Stored:
    documents = split_documents(data.documents, seed, 0).training
    return await push_data(device, documents, data, **options)


async def test_documents_are_stored_in_training_order(tmp_path: Path) -> None:
    data = dataset(tmp_path, "anna\nbea\nçaéd\n" * 7)
    async with ugpt.Target("virtual", flash=tmp_path / "flash").connect() as device:
        heard: list[tuple[int, int]] = []
        stored = await push(device, data, 7, progress=lambda *it: heard.append(it))
        assert await device.data_info() == stored.data
    assert not stored.was_there
    order = training_order(data.documents, random.Random(7))
    content = b"".join(
        struct.pack("<H", len(text)) + bytes(data.vocabulary.encode(text)) for text in order
    )
    assert stored.data.documents == 21
    assert stored.data.size_bytes == len(content)
    assert heard[-1] == (len(content), len(content))
    assert region_of(tmp_path / "flash", content)


async def test_what_is_there_is_not_sent_again(tmp_path: Path) -> None:
    data = dataset(tmp_path, "anna\nbea\n")
    async with ugpt.Target("virtual", flash=tmp_path / "flash").connect() as device:
        await push(device, data, 7)
    async with ugpt.Target("virtual", flash=tmp_path / "flash").connect() as device:
        heard: list[int] = []
        assert (await push(device, data, 7, progress=lambda n, _: heard.append(n))).was_there
        assert not heard
        assert not (await push(device, data, 8)).was_there


async def test_two_byte_tokens(tmp_path: Path) -> None:
    text = "".join(chr(0x4E00 + i) + "\n" for i in range(400))
    async with ugpt.Target("virtual", flash=tmp_path / "flash").connect() as device:
        stored = await push(device, dataset(tmp_path, text), 1)
    assert stored.data.token_bytes == 2
    assert stored.data.size_bytes == 400 * 4


async def test_long_documents_are_cut_where_they_need_the_room(tmp_path: Path) -> None:
    async with ugpt.Target("virtual", flash=tmp_path / "flash").connect() as device:
        lines = device.hello.data_bytes // 200
        data = dataset(tmp_path, ("ab" * 125 + "\n") * lines)
        stored = await push(device, data, 1, block_size=16)
        assert stored.data.size_bytes == lines * 18
        with pytest.raises(NoRoom, match="too small") as raised:
            await push(device, data, 2)
        assert "use a smaller text" in raised.value.advice
        assert await device.data_info() == stored.data


@pytest.mark.parametrize(("room_bytes", "most"), [(22, BLOCK_SIZE_MAX), (21, 16), (18, 16)])
def test_the_last_byte_of_the_room_is_used(tmp_path: Path, room_bytes: int, most: int) -> None:
    data = dataset(tmp_path, "ab" * 10)
    assert _most_tokens(data.documents, data, 16, room_bytes) == most
    with pytest.raises(NoRoom, match="takes 18 bytes of 17"):
        _most_tokens(data.documents, data, 16, 17)


async def test_absent_data(tmp_path: Path) -> None:
    async with ugpt.Target("virtual", flash=tmp_path / "flash").connect() as device:
        with pytest.raises(BadData, match="no complete data set"):
            await device.data_info()
