"""Shapes that fit, against what a real virtual device says of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

import ugpt
from ugpt import Device, Recipe, Shape
from ugpt.training.estimate import estimate_training_s
from ugpt.training.fit import largest_shape

RECIPE = Recipe(0.01, 0.85, 0.99, 1e-8, 1000)


@pytest.fixture
async def device(tmp_path: Path) -> AsyncIterator[Device]:
    async with (
        asyncio.timeout(60.0),
        ugpt.Target("virtual", flash=tmp_path / "flash").connect() as device,
    ):
        yield device


@pytest.mark.parametrize("base", [Shape(1, 4, 4, 16, 27), Shape(1, 3, 3, 64, 300)])
async def test_no_shape_that_fits_is_larger(device: Device, base: Shape) -> None:
    found = await largest_shape(device, base, RECIPE, 26)
    assert found is not None
    assert found.plan.fits
    assert found.plan == await device.plan(found.shape, RECIPE, 26)
    largest = 0
    for n_layer in range(1, 33):
        for n_embd in range(base.n_head, 64, base.n_head):
            shape = replace(base, n_layer=n_layer, n_embd=n_embd)
            plan = await device.plan(shape, RECIPE, 26)
            largest = max(largest, plan.parameters if plan.fits else 0)
    assert found.plan.parameters == largest


async def test_times_are_those_of_the_board(device: Device) -> None:
    shape = Shape(1, 16, 4, 16, 27)
    seven = await device.plan(shape, RECIPE, 26, positions=7)
    assert 1e9 / seven.step_ns == pytest.approx(1_250, abs=25)
    assert 1e9 / seven.token_ns == pytest.approx(13_500, rel=0.02)
    full = await device.plan(shape, RECIPE, 26)
    assert full == await device.plan(shape, RECIPE, 26, positions=16)
    assert full.step_ns > 1.7 * seven.step_ns  # 1.76 times the instructions were counted
    four = await device.plan(shape, replace(RECIPE, batch=4), 26, positions=7)
    assert 2.9 * seven.step_ns < four.step_ns < 4.2 * seven.step_ns


async def test_time_of_a_run_is_that_of_its_documents(device: Device) -> None:
    shape = Shape(1, 16, 4, 16, 27)
    short, long = [
        (await device.plan(shape, RECIPE, 26, positions=count)).step_ns for count in (4, 16)
    ]
    texts = ["ada", "ada", "ada", "x" * 90]
    expected_s = RECIPE.total_steps * (0.75 * short + 0.25 * long) / 1e9
    assert await estimate_training_s(device, texts, shape, RECIPE) == pytest.approx(expected_s)


async def test_nothing_fits(device: Device) -> None:
    assert await largest_shape(device, Shape(1, 64, 64, 256, 60000), RECIPE, 100_000) is None
