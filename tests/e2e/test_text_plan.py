"""A device tells where a pretrained model would lie and what a token takes, and does as it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from llama_models import SMALL, random_model

import ugpt
from tests.support.stories import put_model
from ugpt.device.stories import TextWish
from ugpt.rpc import messages
from ugpt.rpc.errors import BadParams

TOKENS = 12


async def text_plan(device: ugpt.Device, context: int = 0, first: int = 0) -> messages.TextPlan:
    return await device._link.call(messages.text_plan(context, first))


@pytest.mark.parametrize("board", ["esp32", "esp32s3", "esp32s3-psram", "esp32c3"])
async def test_the_plan_is_what_a_text_does(tmp_path: Path, board: str) -> None:
    put_model(tmp_path / "flash", random_model(SMALL))
    target = ugpt.Target("virtual", board=board, flash=tmp_path / "flash")
    async with target.connect() as device:
        plan = await text_plan(device, 40)
        assert (await device.status()).loaded is messages.Loaded.NOTHING
        text = await device.begin_text(TextWish("a", context=40, max_tokens=1))
        places = plan.places.split(",")
        weights = dict(zip(places, plan.weights, strict=True))
        in_words = weights.pop("IRAM", 0)
        assert (weights.pop("flash"), in_words, sum(weights.values())) == (
            text.story.flash_bytes,
            text.story.word_memory_bytes,
            text.story.memory_bytes,
        )
        assert plan.read[-1] == text.story.flash_bytes_per_token
        assert list(plan.sizes[: len(device.hello.memory_blocks)]) == list(
            device.hello.memory_blocks
        )
        tensors = len(plan.homes)
        assert tensors == 2 + 9 * SMALL.n_layer
        assert set(plan.homes) <= set(range(len(places)))
        assert (await text_plan(device, 40, 3)).homes == plan.homes[3:]
        assert (await text_plan(device, 40, tensors)).homes == b""
        assert (plan.token_ns > 0) is (board != "esp32c3")
        with pytest.raises(BadParams):
            await text_plan(device, SMALL.context + 1)


async def test_stories_take_the_time_of_the_board(tmp_path: Path) -> None:
    put_model(tmp_path / "flash", random_model(SMALL))
    target = ugpt.Target("virtual", flash=tmp_path / "flash", pace=True)
    async with target.connect() as device:
        shortest_ns = (await text_plan(device, 1)).token_ns
        text = await device.begin_text(TextWish("a", temperature=0.0, max_tokens=TOKENS))
        async for _ in text.pieces():
            pass
        assert 0 < text.tokens_per_s <= 1e9 / shortest_ns


async def test_a_profile_counts_tokens(tmp_path: Path) -> None:
    put_model(tmp_path / "flash", random_model(SMALL))
    async with ugpt.Target("virtual", flash=tmp_path / "flash").connect() as device:
        await device.profile(True)
        text = await device.begin_text(TextWish("a", temperature=0.0, max_tokens=TOKENS))
        async for _ in text.pieces():
            pass
        profile = await device.profile(False)
        assert profile.tokens == text.prompt_tokens + text.tokens - 1
        assert (profile.steps, profile.adam) == (0, 0)
        for name in ("embedding", "attention", "mlp", "loss", "choice"):
            assert getattr(profile, name) > 0, name
