"""A device tells where a pretrained model would lie and what a token takes, and does as it says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from llama_models import SMALL, random_model

import ugpt
from tests.support.commands import CommandLine
from tests.support.devices import device_process
from tests.support.stories import put_model
from ugpt.device.stories import TextWish
from ugpt.errors import UnfitValue
from ugpt.models.layouts import TensorFormat
from ugpt.rpc import messages

TOKENS = 12


@pytest.mark.parametrize("board", ["esp32", "esp32s3", "esp32s3-psram", "esp32c3"])
async def test_the_plan_is_what_a_text_does(tmp_path: Path, board: str) -> None:
    put_model(tmp_path / "flash", random_model(SMALL))
    target = ugpt.Target("virtual", board=board, flash=tmp_path / "flash")
    async with target.connect() as device:
        plan = await device.text_plan(40)
        assert (await device.status()).loaded is messages.Loaded.NOTHING
        text = await device.begin_text(TextWish("a", context=40, max_tokens=1))
        weights = {place.name: place.weights_bytes for place in plan.places}
        in_words = weights.pop("IRAM", 0)
        assert (weights.pop("flash"), in_words, sum(weights.values())) == (
            text.story.flash_bytes,
            text.story.word_memory_bytes,
            text.story.memory_bytes,
        )
        assert plan.flash_bytes_per_token == text.story.flash_bytes_per_token
        blocks = device.hello.memory_blocks
        assert [place.size_bytes for place in plan.places[: len(blocks)]] == list(blocks)
        assert len(plan.homes) == len(SMALL.tensors())
        assert (plan.token_s is not None) is (board != "esp32c3")
        with pytest.raises(UnfitValue, match="texts of 48 tokens, not of 49"):
            await device.text_plan(SMALL.context + 1)


async def test_a_model_of_more_tensors_than_an_answer_holds(tmp_path: Path) -> None:
    shape = replace(SMALL, n_layer=30, n_embd=16, n_hidden=16)
    put_model(tmp_path / "flash", random_model(shape))
    async with ugpt.Target("virtual", flash=tmp_path / "flash").connect() as device:
        plan = await device.text_plan(40)
    assert len(plan.homes) == len(shape.tensors()) > 256


async def test_the_longest_texts_that_fit(tmp_path: Path) -> None:
    """A token more is refused with numbers, and the text that fits is written."""
    shape = replace(SMALL, n_layer=4, n_kv_head=4, context=1000)
    put_model(tmp_path / "flash", random_model(shape))
    async with ugpt.Target("virtual", flash=tmp_path / "flash").connect() as device:

        async def fits(context: int) -> bool:
            try:
                return (await device.text_plan(context)).context == context
            except UnfitValue:
                return False

        fitting, refused = 1, shape.context
        assert await fits(fitting)
        assert not await fits(refused)
        while refused - fitting > 1:
            middle = (fitting + refused) // 2
            fitting, refused = (middle, refused) if await fits(middle) else (fitting, middle)
        there = sum(device.hello.memory_blocks)
        said = rf"Texts of {refused} tokens need ([\d,]+) bytes? more than the {there:,} of memory"
        for ask in (device.text_plan(refused), device.begin_text(TextWish("a", context=refused))):
            with pytest.raises(UnfitValue, match=said):
                await ask
        text = await device.begin_text(TextWish("a", context=fitting, max_tokens=2))
        async for _ in text.pieces():
            pass
        assert text.tokens > 0


async def test_stories_take_the_time_of_the_board(tmp_path: Path) -> None:
    put_model(tmp_path / "flash", random_model(SMALL))
    target = ugpt.Target("virtual", flash=tmp_path / "flash", pace=True)
    async with target.connect() as device:
        most = (await device.text_plan(1)).tokens_per_s
        text = await device.begin_text(TextWish("a", max_tokens=TOKENS))
        async for _ in text.pieces():
            pass
        assert most is not None
        assert 0 < text.tokens_per_s <= most


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


def test_the_command_shows_the_plan(cli: CommandLine, tmp_path: Path) -> None:
    shape = replace(SMALL, n_embd=96, n_hidden=400, n_layer=3)
    put_model(tmp_path / "flash", random_model(shape), TensorFormat.Q8)
    with device_process(tmp_path / "flash") as (_, port):
        said = cli("model", "info", "--context", "40", "--port", port)
        told = json.loads(cli("model", "info", "--context", "40", "--json", "--port", port))
        refused = cli.refused("model", "info", "--context", "49", "--port", port)
    assert "texts of 48 tokens, not of 49" in refused
    plan = told["plan"]
    assert plan["context"] == 40
    assert list(plan["tensors"]) == list(shape.tensors())
    places = {place["name"]: place for place in plan["places"]}
    assert set(plan["tensors"].values()) <= set(places)
    assert plan["flash_bytes_per_token"] == places["flash"]["read_bytes_per_token"]
    estimated = plan["estimated"]
    assert estimated["tokens_per_s"] == pytest.approx(1 / estimated["token_s"])
    lines = {line.split()[0]: line for line in said.splitlines() if line}
    assert f"{estimated['tokens_per_s']:,.1f} tokens/s" in lines["estimated"]
    for name, place in places.items():
        kinds = {t.split(".")[-1] for t, home in plan["tensors"].items() if home == name}
        assert f"{place['weights_bytes']:,}" in lines[name]
        assert all(kind in lines[name] for kind in kinds), lines[name]


def test_a_file_has_no_memory(cli: CommandLine) -> None:
    said = cli.finished("model", "info", "a.ugpt", "--context", "40", code=2).stderr
    assert "only a board has memory" in said
