"""Shapes that fit, against what a real virtual device says of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

import ugpt
from ugpt import Device, Recipe, Shape
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


async def test_nothing_fits(device: Device) -> None:
    assert await largest_shape(device, Shape(1, 64, 64, 256, 60000), RECIPE, 100_000) is None
