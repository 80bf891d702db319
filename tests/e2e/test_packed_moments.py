"""Packed moments use memory that others cannot, and stay packed in the flash."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from llama_models import SMALL, random_model

import ugpt
from tests.host.test_client import LETTERS, documents
from tests.support.stories import put_model
from ugpt import MomentFormat, Recipe, Shape, TensorKind
from ugpt.device.client import Device
from ugpt.device.stories import TextWish
from ugpt.models.layouts import TensorFormat
from ugpt.rpc.errors import DoesNotFit

LARGEST = Shape(n_layer=9, n_embd=20, n_head=4, block_size=16, vocab_size=27)
Q8 = Recipe(
    learning_rate=0.01,
    beta1=0.85,
    beta2=0.99,
    epsilon=1e-8,
    total_steps=100,
    moments=MomentFormat.Q8,
    recompute=True,
)
WORDS = 44 * 1024


async def create(device: Device) -> None:
    await device.create(7, LARGEST, Q8, LETTERS)
    await device.init_weights(42)


async def train_to(device: Device, target: int) -> None:
    texts = documents(target)
    await device.train(target)
    async with asyncio.timeout(60.0):
        while (status := await device.status()).step < target:
            if status.documents_next < target:
                first = status.documents_next
                await device.documents_write(first, texts[first:])


async def everything(device: Device) -> list[dict[str, bytes]]:
    return [await device.read_tensors(kind) for kind in TensorKind]


async def test_the_plain_esp32_trains_over_44_000_parameters(tmp_path: Path) -> None:
    async with ugpt.Target("virtual", flash=tmp_path / "flash").connect() as device:
        hello = device.hello
        assert hello.word_memory_bytes == WORDS
        plan = await device.plan(LARGEST, Q8, len(LETTERS))
        assert plan.parameters == 44_600
        assert plan.fits
        assert sum(hello.memory_blocks) < plan.total_bytes <= plan.available_bytes
        assert plan.available_bytes == sum(hello.memory_blocks) + WORDS
        assert plan.checkpoint_bytes < 6.2 * plan.parameters
        # Floats cannot lie there.
        floats = await device.plan(LARGEST, replace(Q8, moments=MomentFormat.F32), len(LETTERS))
        assert floats.available_bytes == sum(hello.memory_blocks)
        await create(device)
        await train_to(device, 5)


@pytest.mark.parametrize("board", ["esp32s3", "esp32c3"])
async def test_other_chips_have_one_kind_of_memory(tmp_path: Path, board: str) -> None:
    target = ugpt.Target("virtual", board=board, flash=tmp_path / "flash")
    async with target.connect() as device:
        assert device.hello.word_memory_bytes == 0
        plan = await device.plan(LARGEST, Q8, len(LETTERS))
        assert plan.available_bytes == sum(device.hello.memory_blocks)
        assert plan.fits == (plan.total_bytes <= plan.available_bytes)
        if not plan.fits:
            with pytest.raises(DoesNotFit):
                await device.create(7, LARGEST, Q8, LETTERS)


async def test_a_run_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    """After a restart, and after a story whose weights lay where its moments had been."""
    story = random_model(replace(SMALL, n_layer=10, n_embd=64, n_hidden=172, vocab_size=512))
    put_model(tmp_path / "flash", story, TensorFormat.Q8)
    async with ugpt.Target("virtual", flash=tmp_path / "other").connect() as device:
        await create(device)
        await train_to(device, 30)
        uninterrupted = await everything(device)
    target = ugpt.Target("virtual", flash=tmp_path / "flash")
    async with target.connect() as device:
        await create(device)
        await train_to(device, 10)
        assert await device.save() == 10
        saved = await everything(device)
    async with target.connect() as device:
        assert (await device.model_info()).step == 10
        assert await everything(device) == saved
        await train_to(device, 20)
        text = await device.begin_text(TextWish("a", max_tokens=3))
        async for _ in text.pieces():
            pass
        assert text.story.word_memory_bytes > WORDS / 2
        await train_to(device, 30)
        assert await everything(device) == uninterrupted
