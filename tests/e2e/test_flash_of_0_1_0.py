"""A flash that version 0.1.0 left behind: the firmware of today ends its run as 0.1.0 did.

`flash-0.1.0.xz` in tests/data is the file of a virtual device of that version after

    ugpt autorun on --temperature 0.75
    ugpt train few.txt --n-embd 4 --n-head 2 --block-size 8 --steps 600 --save-every 100
        --schedule cosine --moments bf16 --warmup 20 --detach

with the first 60 names, when the power went while the checkpoint of step 300 was being written
(`--power-cut-after 190000`). `flash-0.1.0.json` has what 0.1.0 came to from there.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from pathlib import Path

import numpy as np
import pytest

import ugpt
from tests.support.waiting import until
from ugpt import Device, DeviceState, Status, TensorKind

DATA = Path(__file__).parents[1] / "data"
EXPECTED = json.loads((DATA / "flash-0.1.0.json").read_text())
KINDS = {"weights": TensorKind.WEIGHTS, "first_moment": TensorKind.FIRST_MOMENT,
         "second_moment": TensorKind.SECOND_MOMENT}  # fmt: skip


@pytest.fixture
def flash(tmp_path: Path) -> Path:
    path = tmp_path / "flash"
    path.write_bytes(lzma.decompress((DATA / "flash-0.1.0.xz").read_bytes()))
    return path


def digest(flash: Path) -> str:
    return hashlib.sha256(flash.read_bytes()).hexdigest()


async def finished(device: Device) -> Status:
    """Waits until the run is done and its last checkpoint is written."""

    async def at_rest() -> Status | None:
        status = await device.status()
        return status if status.state is DeviceState.IDLE else None

    return await until(at_rest)


async def loss_history(device: Device, steps: int) -> bytes:
    losses: list[float] = []
    while len(losses) < steps:
        more = await device.loss_history(len(losses) + 1)
        assert more, f"the losses end at step {len(losses)}"
        losses += more
    return np.array(losses, "<f4").tobytes()


async def test_it_ends_the_run_of_0_1_0(flash: Path) -> None:
    async with ugpt.Target("virtual", flash=flash).connect() as device:
        status = await finished(device)
        assert (status.run_id, status.step) == (EXPECTED["run_id"], EXPECTED["steps"])
        assert status.saved_step == EXPECTED["steps"]
        assert status.autorun
        assert await device.vocabulary() == EXPECTED["vocabulary"]
        assert await device.data_info() == ugpt.DataSet(**EXPECTED["data_set"])
        for name, kind in KINDS.items():
            tensors = await device.read_tensors(kind)
            values = b"".join(tensors.values())
            assert hashlib.sha256(values).hexdigest() == EXPECTED["tensors_sha256"][name], name
        losses = await loss_history(device, status.step)
        assert hashlib.sha256(losses).hexdigest() == EXPECTED["losses_sha256"]


async def test_a_start_that_has_nothing_to_do_changes_nothing(flash: Path) -> None:
    async with ugpt.Target("virtual", flash=flash).connect() as device:
        await finished(device)
    before = digest(flash)
    async with ugpt.Target("virtual", flash=flash).connect() as device:
        assert (await device.status()).step == EXPECTED["steps"]
    assert digest(flash) == before
