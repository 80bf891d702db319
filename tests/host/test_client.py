"""The client against a real virtual device, over each kind of port and over a bad line."""

from __future__ import annotations

import ast
import asyncio
import hashlib
import os
import random
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import ugpt
from tests.support.devices import listening_device
from tests.support.faults import BAD_LINE, FaultySide, proxy_of
from ugpt import Device, DeviceState, Recipe, Shape, Source, TensorKind
from ugpt.errors import InvalidValue
from ugpt.rpc import messages
from ugpt.rpc.errors import (
    BadData,
    BadParams,
    BadShape,
    BadToken,
    DeviceProgramError,
    DeviceRestarted,
    DocumentGap,
    DoesNotFit,
    NoAnswer,
    NoModel,
    NoRoom,
    PortBusy,
    PortNotFound,
    UnknownTensor,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz"
SHAPE = Shape(n_layer=1, n_embd=16, n_head=4, block_size=16, vocab_size=27)
RECIPE = Recipe(learning_rate=0.01, beta1=0.85, beta2=0.99, epsilon=1e-8, total_steps=100)
FORMS = ["virtual", "pty", "socket"]


@asynccontextmanager
async def connected(
    form: str, flash: Path, *extra: str, window: int | None = None
) -> AsyncIterator[Device]:
    """A client of a device of its own; afterwards no task is left."""
    before = other_tasks()
    async with asyncio.timeout(60.0):
        if form == "virtual":
            async with ugpt.Target("virtual", flash=flash, window=window).connect() as device:
                yield device
        else:
            async with (
                listening_device(form, flash, *extra) as port,
                ugpt.Target(port, window=window).connect() as device,
            ):
                yield device
    assert other_tasks() == before


def other_tasks() -> set[asyncio.Task[object]]:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


@pytest.fixture
async def device(tmp_path: Path) -> AsyncIterator[Device]:
    async with connected("virtual", tmp_path / "flash") as device:
        yield device


def random_tensors(seed: int = 1) -> dict[str, bytes]:
    numbers = random.Random(seed)
    return {
        name: struct.pack(f"<{r * c}f", *(numbers.gauss(0, 0.08) for _ in range(r * c)))
        for name, (r, c) in ugpt.tensor_shapes(SHAPE).items()
    }


def documents(count: int) -> list[bytes]:
    numbers = random.Random(3)
    return [
        ugpt.encode_tokens(numbers.choices(range(26), k=numbers.randrange(2, 9)), 27)
        for _ in range(count)
    ]


async def create(device: Device) -> None:
    await device.create(7, SHAPE, RECIPE, LETTERS)
    await device.init_weights(42)


async def train(device: Device, steps: int) -> list[float]:
    """Streams documents until `steps` are completed; returns their losses."""
    texts = documents(steps)
    await device.train(steps)
    sent = 0
    losses: list[float] = []
    while len(losses) < steps:
        if sent < steps:
            sent = (await device.documents_write(sent, texts[sent:])).next
        first, values = await device.losses(len(losses) + 1)
        assert first == len(losses) + 1
        losses += values
    return losses


# Every way to reach a device


@pytest.mark.parametrize("form", FORMS)
async def test_a_device_is_trained_over_every_kind_of_port(form: str, tmp_path: Path) -> None:
    async with connected(form, tmp_path / "flash") as device:
        assert device.hello.virtual_device
        assert device.hello.board == "esp32"
        assert "board esp32" in device.description
        assert device.stats.baud == 0
        assert (await device.status()).state is DeviceState.EMPTY
        await create(device)
        losses = await train(device, 100)
        assert sum(losses[-20:]) < sum(losses[:20])
        assert (await device.model_info()).step == 100
        sampled = await device.sample(seed=1, number=0)
        assert sampled == await device.sample(seed=1, number=0)
        assert all(token < 27 for token in ugpt.decode_tokens(sampled.tokens, 27))
        assert device.stats.late_replies == device.stats.repeats
        assert device.stats.bad_frames == 0


async def test_a_bad_line_changes_no_bit(tmp_path: Path) -> None:
    async with connected("virtual", tmp_path / "clean") as device:
        await create(device)
        clean_losses = await train(device, 60)
        clean_weights = await device.read_tensors()
    sides = FaultySide(BAD_LINE, 1), FaultySide(BAD_LINE, 2)
    async with (
        asyncio.timeout(120.0),
        listening_device("socket", tmp_path / "bad") as port,
        proxy_of(port, sides) as proxy,
        ugpt.connect(proxy.address, open_timeout_s=10.0) as device,
    ):
        await create(device)
        assert await train(device, 60) == clean_losses
        assert await device.read_tensors() == clean_weights
        assert await device.vocabulary() == LETTERS
        assert device.stats.repeats > 0
    assert all(side.mangled > 0 for side in sides)


@pytest.mark.parametrize(("frame_bytes", "window", "limit"), [(1280, 1, 8), (8192, 16, 16)])
async def test_frame_size_and_window_change_no_bit(
    frame_bytes: int, window: int, limit: int, tmp_path: Path
) -> None:
    extra = ("--frame-bytes", str(frame_bytes), "--window", str(window))
    async with connected("socket", tmp_path / "flash", *extra, window=limit) as device:
        assert device.hello.frame_bytes == frame_bytes
        assert device.stats.window == window
        await device.create(7, SHAPE, RECIPE, LETTERS)
        tensors = random_tensors()
        await device.write_tensors(tensors)
        assert await device.read_tensors() == tensors


async def test_the_device_tells_what_it_has(tmp_path: Path) -> None:
    seen = []
    for name in ("one", "one", "other"):
        async with connected("virtual", tmp_path / name) as device:
            hello = device.hello
            assert hello.flash_bytes == 4 * 2**20
            assert len(hello.regions) == 7
            assert all(size > 0 for size in hello.regions)
            assert hello.checkpoint_bytes in hello.regions
            assert hello.model_bytes == hello.regions[6] - 4096  # of which a push notes what comes
            assert sum(hello.regions) < hello.flash_bytes
            status = await device.status()
            assert (status.heap_free_bytes, status.temperature_c) == (0, None)  # it has neither
            assert status.gradient_norm is None
            seen.append(hello.device_id)
    assert seen[0] == seen[1] != 0  # kept in the flash
    assert seen[2] not in (0, seen[0])


# Tensors, vocabulary, documents, losses


async def test_tensors_return_as_they_were_written(device: Device) -> None:
    await device.create(7, SHAPE, RECIPE, LETTERS)
    total = 4 * 4192
    for seed, kind in enumerate(TensorKind):
        tensors = random_tensors(seed)
        done: list[tuple[int, int]] = []
        await device.write_tensors(tensors, kind, lambda *args, done=done: done.append(args))
        assert done[-1] == (total, total)
        assert sorted(done) == done
    for seed, kind in enumerate(TensorKind):
        done = []
        read = await device.read_tensors(kind, lambda *args, done=done: done.append(args))
        assert read == random_tensors(seed)
        assert list(read) == list(ugpt.tensor_shapes(SHAPE))
        assert done[-1] == (total, total)
    assert await device.read_tensor("layer0.mlp_fc1") == random_tensors(0)["layer0.mlp_fc1"]


@pytest.mark.parametrize("frame_bytes", [1280, 2048, 8192])
async def test_bulk_data_is_nearly_all_of_what_is_sent(frame_bytes: int, tmp_path: Path) -> None:
    extra = ("--frame-bytes", str(frame_bytes))
    async with connected("socket", tmp_path / "flash", *extra) as device:
        await device.create(1, Shape(1, 32, 4, 16, 27), RECIPE, LETTERS)
        await device.init_weights(1)
        received = device.stats.bytes_received
        tensors = await device.read_tensors()
        size = sum(map(len, tensors.values()))
        assert size / (device.stats.bytes_received - received) > 0.95
        sent = device.stats.bytes_sent
        await device.write_tensors(tensors)
        assert size / (device.stats.bytes_sent - sent) > 0.95


async def test_a_long_vocabulary_of_any_characters_passes(device: Device) -> None:
    vocabulary = "".join(sorted(chr(code) for code in range(0x4E00, 0x4E00 + 1500)))
    shape = Shape(n_layer=1, n_embd=2, n_head=1, block_size=4, vocab_size=1501)
    await device.create(1, shape, RECIPE, vocabulary)
    assert await device.vocabulary() == vocabulary
    document = ugpt.encode_tokens([1499, 0, 256], 1501)
    assert len(document) == 6
    assert (await device.documents_write(0, [document])).next == 1


async def test_documents_are_taken_by_index(device: Device) -> None:
    await create(device)
    texts = documents(2000)
    taken = await device.documents_write(0, texts)
    assert 0 < taken.next < 2000
    assert (await device.documents_write(0, texts[: taken.next])).next == taken.next
    with pytest.raises(DocumentGap) as caught:
        await device.documents_write(taken.next + 1, texts[taken.next + 1 :])
    assert caught.value.wanted == taken.next
    with pytest.raises(BadToken):
        await device.documents_write(taken.next, [b"\xff"])


async def test_status_and_losses_agree(device: Device) -> None:
    await create(device)
    losses = await train(device, 30)
    status = await device.status()
    assert (status.step, status.target_step, status.documents_next) == (30, 30, 30)
    assert status.loss == losses[-1]
    assert (await device.losses(11, 5)).values == tuple(losses[10:15])
    assert (await device.losses(31)).values == ()


async def test_the_norm_of_the_gradient_is_measured_on_demand(tmp_path: Path) -> None:
    async def run(name: str, recipe: Recipe, gradient_norm: bool) -> tuple[float | None, str]:
        async with connected("virtual", tmp_path / name) as device:
            await device.create(7, SHAPE, recipe, LETTERS)
            await device.init_weights(42)
            await device.documents_write(0, documents(20))
            await device.train(20, gradient_norm=gradient_norm)
            while (await device.status()).state is not DeviceState.IDLE:
                pass
            status = await device.status()
            assert status.step == 20
            return status.gradient_norm, (await device.weights_digest()).sha256

    silent, weights = await run("plain", RECIPE, False)
    measured, same_weights = await run("measured", RECIPE, True)
    assert silent is None
    assert measured is not None
    assert 0 < measured < 100
    assert weights == same_weights
    clipping, _ = await run("clipping", replace(RECIPE, clip_norm=1000.0), False)
    assert clipping == pytest.approx(measured, rel=1e-6)  # it is measured before it is clipped


@pytest.mark.parametrize("frame_bytes", [1280, 8192])
async def test_every_token_is_evaluated(frame_bytes: int, tmp_path: Path) -> None:
    async with connected("socket", tmp_path / "f", "--frame-bytes", str(frame_bytes)) as device:
        await create(device)
        await train(device, 20)
        texts = [*documents(150), b"", ugpt.encode_tokens([1] * 16, 27)]
        step, by_token = await device.evaluate_tokens(texts)
        assert step == 20
        assert [len(losses) for losses in by_token] == [min(len(t) + 1, 16) for t in texts]
        means = [sum(losses) / len(losses) for losses in by_token]
        assert (await device.evaluate(texts)).losses == pytest.approx(means, rel=1e-6)
        assert await device.evaluate_tokens([]) == (0, ())
        with pytest.raises(BadParams, match="too many positions"):
            await device._link.call(messages.evaluate(texts, by_token=True))
        with pytest.raises(BadToken):
            await device.evaluate_tokens([b"\xff"])


async def test_the_digest_of_the_weights_is_that_of_the_run_folder(device: Device) -> None:
    with pytest.raises(NoModel):
        await device.weights_digest()
    await create(device)
    for steps in (0, 30):
        await train(device, steps)
        weights = await device.read_tensors()
        sha256 = hashlib.sha256(b"".join(weights.values())).hexdigest()
        assert await device.weights_digest() == (steps, sha256)


# Checkpoints and restarts


async def test_a_model_outlives_its_device(tmp_path: Path) -> None:
    flash = tmp_path / "flash"
    async with connected("virtual", flash) as device:
        await create(device)
        await train(device, 20)
        weights = await device.read_tensors()
        assert await device.save() == 20
    async with connected("virtual", flash) as device:
        assert (await device.model_info()).step == 20
        assert await device.vocabulary() == LETTERS
        assert await device.read_tensors() == weights


@pytest.mark.parametrize("form", FORMS)
async def test_a_reset_is_a_new_start(form: str, tmp_path: Path) -> None:
    async with connected(form, tmp_path / "flash") as device:
        await create(device)
        boot = device.hello.boot
        hello = await device.reset()
        assert hello.boot != boot
        assert device.hello == hello
        assert (await device.status()).state is DeviceState.EMPTY


@pytest.mark.parametrize("form", FORMS)
async def test_a_restart_nobody_asked_for_is_told_and_mended(form: str, tmp_path: Path) -> None:
    async with connected(form, tmp_path / "flash") as device:
        await create(device)
        boot = device.hello.boot

        async def watch() -> None:
            while True:
                await device.status()

        await device._link.call(messages.reset())
        with pytest.raises(DeviceRestarted):
            await watch()
        assert (await device.handshake()).boot != boot
        assert (await device.status()).state is DeviceState.EMPTY


async def test_a_second_host_hears_who_has_the_device(tmp_path: Path) -> None:
    async with (
        asyncio.timeout(60.0),
        listening_device("socket", tmp_path / "flash") as port,
        ugpt.connect(port) as first,
    ):
        for _ in range(3):
            with pytest.raises(PortBusy, match=r"in use by 127\.0\.0\.1:\d+\."):
                async with ugpt.connect(port):
                    pass
        await first.status()


# Without a host


async def test_a_run_from_flash_is_the_run_from_the_host(tmp_path: Path) -> None:
    texts = documents(40)
    async with connected("virtual", tmp_path / "host") as device:
        await create(device)
        losses = tuple(await train(device, 40))
        weights = await device.read_tensors()
    async with connected("virtual", tmp_path / "flash") as device:
        with pytest.raises(BadData):
            await device.data_info()
        done: list[tuple[int, int]] = []
        data = await device.data_store(texts, 27, lambda *args: done.append(args))
        assert await device.data_info() == data
        assert done[-1] == (data.size_bytes, data.size_bytes)
        await create(device)
        await device.train(40, save_every=10, source=Source.FLASH)
        while (await device.status()).saved_step < 40:
            pass
        assert await device.read_tensors() == weights
        assert await device.loss_history(1) == (1, 1, losses)
        assert await device.loss_history(31, 5) == (31, 1, losses[30:35])
        await device.autorun(True)
        await device.autorun(False)


async def test_a_data_set_larger_than_the_flash_is_refused(device: Device) -> None:
    with pytest.raises(NoRoom) as caught:
        await device.data_store([bytes(60000)] * 200, 27)
    assert caught.value.missing_bytes > 0


def test_every_method_of_the_protocol_is_within_reach() -> None:
    package = Path(ugpt.__file__).parent
    callers = [*(package / "device").glob("*.py"), package / "rpc/link.py", package / "rpc/baud.py"]
    called = {
        node.attr
        for path in callers
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "messages"
    }
    assert messages.METHODS.keys() <= called
    assert len(messages.METHODS) > 20


# Refusals


async def test_refusals_come_as_their_exceptions(device: Device) -> None:
    with pytest.raises(NoModel):
        await device.model_info()
    with pytest.raises(NoModel):
        await device.sample(1, 0)
    with pytest.raises(BadShape):
        await device.plan(Shape(1, 15, 4, 16, 27), RECIPE, 26)
    large = Shape(n_layer=8, n_embd=128, n_head=4, block_size=64, vocab_size=27)
    plan = await device.plan(large, RECIPE, 26)
    assert not plan.fits
    with pytest.raises(DoesNotFit) as caught:
        await device.create(1, large, RECIPE, LETTERS)
    assert caught.value.missing_bytes == plan.missing_bytes > 0
    assert f"{plan.missing_bytes:,} bytes" in str(caught.value)
    await create(device)
    with pytest.raises(UnknownTensor):
        await device.read_tensor("layer9.attn_wq")
    with pytest.raises(UnknownTensor):
        await device.write_tensor("wte", TensorKind.WEIGHTS, bytes(4 * 27 * 16 + 4))


async def test_what_no_device_accepts_is_not_sent(device: Device) -> None:
    sent = device.stats.requests
    with pytest.raises(InvalidValue, match="n_layer is 65"):
        await device.plan(Shape(65, 16, 4, 16, 27), RECIPE, 26)
    with pytest.raises(InvalidValue, match="whole number of values"):
        await device.write_tensor("wte", TensorKind.WEIGHTS, b"123")
    with pytest.raises(InvalidValue, match="outside the vocabulary"):
        ugpt.encode_tokens([27], 27)
    assert device.stats.requests == sent


async def test_the_arithmetic_of_the_virtual_device_is_right(device: Device) -> None:
    test = await device.self_test()
    assert test.digest == test.expected


async def test_log_lines_reach_the_listener(tmp_path: Path) -> None:
    async with connected("virtual", tmp_path / "flash") as device:
        await create(device)
        await train(device, 20)
        await device.save()
    loaded: asyncio.Future[ugpt.LogLine] = asyncio.get_running_loop().create_future()

    def hear(line: ugpt.LogLine) -> None:
        if "model loaded" in line.text:
            loaded.set_result(line)

    async with ugpt.Target("virtual", flash=tmp_path / "flash").connect(on_log=hear):
        async with asyncio.timeout(10.0):
            assert (await loaded).level is ugpt.LogLevel.INFO


# Ports that lead nowhere


async def test_a_device_program_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(DeviceProgramError, match=r"nosuchboard.*there are"):
        async with ugpt.Target("virtual", board="nosuchboard", flash=tmp_path / "flash").connect():
            pass


async def test_unknown_schemes_are_refused() -> None:
    with pytest.raises(PortNotFound, match=r"telnet:// is not supported"):
        async with ugpt.connect("telnet://localhost:4000"):
            pass


async def test_another_server_is_no_device() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org ESMTP\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        port = f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(NoAnswer, match="220 mail"):
            async with ugpt.connect(port, open_timeout_s=0.5):
                pass


async def test_a_cancelled_program_leaves_no_device_behind(tmp_path: Path) -> None:
    before = other_tasks()
    connected = asyncio.Event()
    pids: list[int] = []

    async def endless() -> None:
        async with ugpt.Target("virtual", flash=tmp_path / "flash").connect() as device:
            pids.append(device._link._transport._process.pid)  # type: ignore[attr-defined]
            connected.set()
            while True:
                await device.status()

    task = asyncio.create_task(endless())
    async with asyncio.timeout(10.0):
        await connected.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert other_tasks() == before
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
