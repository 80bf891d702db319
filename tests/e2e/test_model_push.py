"""A model comes to a board whole or not at all: whatever cuts the push, and whoever lies."""

from __future__ import annotations

import asyncio
import json
import re
import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from llama_models import SHAPES, find_data, random_model
from test_model_image import FAULTS

import ugpt as library
from tests.host.test_models import legacy_file, tokenizer_file, version_1_file
from tests.support.commands import CommandLine
from tests.support.devices import device_process
from tests.support.in_process import Program, program
from ugpt.device.client import Device
from ugpt.errors import UgptError
from ugpt.models.image import CRC_OFFSET, ModelImage, read_image, write_image
from ugpt.models.layouts import TensorFormat
from ugpt.rpc.errors import BadParams, BadStory, DeviceError, DoesNotFit, NoRoom, NoStory

ResultT = TypeVar("ResultT")

END_TIMEOUT_S = 20.0
SECTOR = 4096


def make_image(name: str, shape: str = "small", seed: int = 1) -> ModelImage:
    return write_image(random_model(SHAPES[shape], seed), TensorFormat.Q8, name, "MIT")


OLD = make_image("old", seed=2)
NEW = make_image("new")


class Cut(Exception):
    """The push ends here."""


def on(port: str, work: Callable[[Device], Awaitable[ResultT]]) -> ResultT:
    async def connected() -> ResultT:
        async with library.connect(port) as device:
            return await work(device)

    return asyncio.run(connected())


async def held(device: Device) -> str:
    """The name of the model on a device, in brackets if it has not all come."""
    try:
        info = await device.image_info()
    except NoStory:
        return ""
    return info.name if info.whole else f"({info.name})"


def flash_content(flash: Path, size_bytes: int) -> bytes:
    """What begins the region `model` of a flash file."""
    content = flash.read_bytes()
    return content[content.index(b"uGPTmodl") :][:size_bytes]


@pytest.fixture
def ugpt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    return program(tmp_path, monkeypatch, capsys)


def test_a_push_cut_at_every_piece_goes_on(tmp_path: Path) -> None:
    async def cut_everywhere(device: Device) -> list[int]:
        await device.image_store(OLD.content)
        resumed_at: list[int] = []
        for pieces in range(1, 100):
            seen: list[int] = []

            def cut(done: int, total: int, seen: list[int] = seen, most: int = pieces) -> None:
                seen.append(done)
                if len(seen) > most and done < total:
                    raise Cut

            try:
                await device.image_store(NEW.content, cut)
            except Cut:
                assert await held(device) == "(new)"
                resumed_at.append(seen[0])
                continue
            resumed_at.append(seen[0])
            break
        assert await held(device) == "new"
        return resumed_at

    flash = tmp_path / "flash"
    with device_process(flash) as (_, port):
        resumed_at = on(port, cut_everywhere)
    assert resumed_at == sorted(resumed_at)
    assert len(set(resumed_at)) > 2
    assert flash_content(flash, len(NEW.content)) == NEW.content


def test_a_push_goes_on_after_another_start(tmp_path: Path) -> None:
    """Blocks are missing in the middle as well: they were damaged, or lost on the way."""

    async def cut(device: Device) -> None:
        def stop(done: int, total: int) -> None:
            if done > total // 2:
                raise Cut

        with pytest.raises(Cut):
            await device.image_store(NEW.content, stop)

    async def go_on(device: Device) -> int:
        assert await held(device) == "(new)"
        first: list[int] = []
        await device.image_store(NEW.content, lambda done, _: first.append(done))
        return first[0]

    flash = tmp_path / "flash"
    with device_process(flash) as (_, port):
        on(port, cut)
    with device_process(flash) as (_, port):
        assert on(port, go_on) > 0
        assert on(port, held) == "new"
    with device_process(flash) as (_, port):
        assert on(port, held) == "new"


@pytest.fixture(scope="module")
def acts(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, int, int]]:
    """What a push over another model writes: the act, the bytes before it and its size."""
    folder = tmp_path_factory.mktemp("undisturbed")
    flash, log = folder / "flash", folder / "log"
    with device_process(flash) as (_, port):
        on(port, lambda device: device.image_store(OLD.content))
    with device_process(flash, "--flash-log", str(log)) as (_, port):
        on(port, lambda device: device.image_store(NEW.content))
    found, written = [], 0
    for line in log.read_text().splitlines():
        act, region, offset, size = line.split()
        assert region == "model"
        found.append((f"{act} at {offset}", written, int(size)))
        written += int(size)
    return found


def test_the_power_is_cut_at_any_place_of_a_push(
    tmp_path: Path, acts: list[tuple[str, int, int]]
) -> None:
    """A board holds the old model until its first byte goes, and then none before the new one."""
    base = tmp_path / "base"
    with device_process(base) as (_, port):
        on(port, lambda device: device.image_store(OLD.content))
    mark = next(begin + size for act, begin, size in acts[::-1] if act == "write at 0")
    flash = tmp_path / "flash"
    places = {
        place
        for _, begin, size in acts
        for place in (begin + 1, begin + size // 3 + 1, begin + size - 1, begin + size)
    }
    for place in sorted(places):
        flash.write_bytes(base.read_bytes())
        with device_process(flash, "--power-cut-after", str(place)) as (process, port):
            with pytest.raises(UgptError):
                on(port, lambda device: device.image_store(NEW.content))
            assert process.wait(END_TIMEOUT_S) == 1
        with device_process(flash) as (_, port):
            assert on(port, held) in (("new",) if place >= mark else ("", "(new)")), place
            on(port, lambda device: device.image_store(NEW.content))
            assert on(port, held) == "new", place
        assert flash_content(flash, len(NEW.content)) == NEW.content, place


def test_a_push_that_fails_says_what_is_left(
    tmp_path: Path, ugpt: Program, acts: list[tuple[str, int, int]]
) -> None:
    (tmp_path / "new.ugpt").write_bytes(NEW.content)
    cut = next(begin for act, begin, _ in acts if act == "write at 512") + 1
    with device_process(tmp_path / "flash", "--power-cut-after", str(cut)) as (_, port):
        said = ugpt("model", "push", "new.ugpt", "--port", port, status=1).err
    assert "The push was not completed: no model is on the board. Push again to go on." in said


def test_images_with_every_field_corrupted(tmp_path: Path) -> None:
    """A lying host: what a header tells leaves the old model, what comes later leaves none."""

    async def push_all(device: Device) -> None:
        for what, (change, _) in FAULTS.items():
            await device.image_store(OLD.content)
            content = bytearray(NEW.content)
            change(content, NEW)
            begun: list[int] = []
            with pytest.raises((BadStory, BadParams, DoesNotFit, NoRoom)):
                await device.image_store(bytes(content), lambda done, _, b=begun: b.append(done))
            name = await held(device)
            assert name in ("", "(new)") if begun else name == "old", what

    with device_process(tmp_path / "flash") as (_, port):
        on(port, push_all)


def test_another_digest_or_another_byte(tmp_path: Path) -> None:
    async def push(device: Device) -> None:
        for offset in (490, len(NEW.content) - 70):
            content = bytearray(NEW.content)
            content[offset] ^= 1
            with pytest.raises(BadStory):
                await device.image_store(bytes(content))
            assert await held(device) == ""
        await device.image_store(NEW.content)
        assert await held(device) == "new"

    with device_process(tmp_path / "flash") as (_, port):
        on(port, push)


def test_one_byte_too_large(tmp_path: Path) -> None:
    def of_size(size: int) -> bytes:
        content = bytearray(NEW.content)
        struct.pack_into("<I", content, 12, size)
        struct.pack_into("<I", content, CRC_OFFSET, zlib.crc32(content[:CRC_OFFSET]))
        return bytes(content)

    async def push(device: Device) -> None:
        await device.image_store(OLD.content)
        room = device.hello.model_bytes
        with pytest.raises(NoRoom) as caught:
            await device.image_store(of_size(room + 1))
        assert caught.value.missing_bytes == 1
        assert await held(device) == "old"
        with pytest.raises(DeviceError):  # there is room; but it is not that large
            await device.image_store(of_size(room))
        assert await held(device) == ""

    with device_process(tmp_path / "flash") as (_, port):
        on(port, push)


def test_the_commands(tmp_path: Path, ugpt: Program) -> None:
    (tmp_path / "m.bin").write_bytes(legacy_file(True))
    (tmp_path / "t.bin").write_bytes(tokenizer_file())
    with device_process(tmp_path / "flash") as (_, port):
        board = ("--port", port)
        assert "ugpt model push" in ugpt("model", "info", *board, status=1).err
        said = ugpt("model", "push", "m.bin", "--tokenizer", "t.bin", "--licence", "MIT", *board)
        assert "m is on the board now" in said.out
        made = ugpt(
            "model", "convert", "m.bin", "m.ugpt", "--tokenizer", "t.bin", "--licence", "MIT"
        )
        assert made.out.startswith("m.ugpt: m, ")
        assert "is on the board already" in ugpt("model", "push", "m.ugpt", *board).out
        shown = ugpt("model", "info", *board).out
        assert re.search(r"^licence +MIT$", shown, re.MULTILINE)
        assert read_image((tmp_path / "m.ugpt").read_bytes()).digest in shown
        assert re.search(r"^m\.ugpt +m, ", ugpt("model", "list", *board).out, re.MULTILINE)
        assert '"licence": "MIT"' in ugpt("model", "info", "m.ugpt", "--json").out
        assert "no longer on the board" in ugpt("model", "remove", *board).out
        assert "model push" in ugpt("model", "remove", *board, status=1).err


def test_bad_files_leave_the_model_on_the_board(tmp_path: Path, ugpt: Program) -> None:
    big = make_image("big")
    files = {
        "empty.bin": b"",
        "text.bin": b"What a story." * 100,
        "short.bin": legacy_file(True)[:-4],
        "quantised.bin": version_1_file(True, version=2),
        "t.bin": tokenizer_file(),
        "other.bin": tokenizer_file(299),
        "good.bin": legacy_file(True),
        "cut.ugpt": big.content[:-1],
        "newer.ugpt": _newer(big.content),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with device_process(tmp_path / "flash") as (_, port):
        on(port, lambda device: device.image_store(OLD.content))
        for arguments, said in (
            (("absent.bin", "--tokenizer", "t.bin"), "there is no such file"),
            (("empty.bin", "--tokenizer", "t.bin"), "it has 0 bytes"),
            (("text.bin", "--tokenizer", "t.bin"), "is not a llama2.c model"),
            (("short.bin", "--tokenizer", "t.bin"), "a model of its shape has"),
            (("quantised.bin", "--tokenizer", "t.bin"), "(version 2)"),
            (("good.bin", "--tokenizer", "other.bin"), "has 299 tokens, the model 300"),
            (("good.bin",), "needs its tokenizer"),
            (("empty.bin",), "it has 0 bytes"),
            (("text.bin",), "is not a llama2.c model"),
            (("cut.ugpt",), f"it has {len(big.content) - 1:,} bytes and should have"),
            (("newer.ugpt",), "version 2 of the format, this program reads version 1"),
            (("cut.ugpt", "--name", "x"), "Leave out --name"),
            (("good.bin", "--tokenizer", "t.bin", "--name", "n" * 64), "at most 63 bytes"),
        ):
            error = ugpt("model", "push", *arguments, "--port", port, status=1).err
            assert said in error, error
            assert on(port, held) == "old"


def test_a_model_without_room(tmp_path: Path, ugpt: Program) -> None:
    """Numbers, and what to try; the model on the board stays."""
    model = random_model(replace(SHAPES["small"], n_hidden=1700, n_layer=2))
    image = write_image(model, TensorFormat.F32, "large")
    (tmp_path / "large.ugpt").write_bytes(image.content)
    with device_process(tmp_path / "flash") as (_, port):
        on(port, lambda device: device.image_store(OLD.content))
        error = ugpt("model", "push", "large.ugpt", "--port", port, status=1).err
        assert f"large takes {len(image.content):,} bytes of 1,110,016" in error
        assert "--format q8" in error
        assert on(port, held) == "old"


def test_commands_say_that_a_push_was_interrupted(tmp_path: Path, ugpt: Program) -> None:
    def cut(done: int, total: int) -> None:
        raise Cut

    with device_process(tmp_path / "flash") as (_, port):
        with pytest.raises(Cut):
            on(port, lambda device: device.image_store(NEW.content, cut))
        assert "its push was interrupted" in ugpt("model", "info", "--port", port).out
        assert "its push was interrupted" in ugpt("model", "list", "--port", port).out
        for words in (("write", "Once"), ("autorun", "on", "--console")):
            said = ugpt(*words, "--port", port, status=1).err
            assert "to this board was interrupted. Push the same file again" in said


def test_a_push_says_that_it_erases(tmp_path: Path, ugpt: Program) -> None:
    """But not if it goes on with what is there."""
    (tmp_path / "new.ugpt").write_bytes(NEW.content)

    def cut(done: int, total: int) -> None:
        raise Cut

    with device_process(tmp_path / "flash") as (_, port):
        push = ("model", "push", "new.ugpt", "--port", port)
        on(port, lambda device: device.image_store(OLD.content))
        assert "Erasing the flash" in ugpt(*push).err
        assert "Erasing the flash" not in ugpt(*push).err
        with pytest.raises(Cut):
            on(port, lambda device: device.image_store(OLD.content, cut))
        assert "Erasing the flash" in ugpt(*push).err
        on(port, Device.image_erase)
        with pytest.raises(Cut):
            on(port, lambda device: device.image_store(NEW.content, cut))
        assert "Erasing the flash" not in ugpt(*push).err


def test_a_list_with_images_of_no_use(tmp_path: Path, ugpt: Program) -> None:
    """All are listed: the damaged ones, those of a newer ugpt, and the others."""
    damaged = bytearray(OLD.content)
    damaged[-5] ^= 1
    images = {"bad.ugpt": bytes(damaged), "cut.ugpt": OLD.content[:600], "good.ugpt": NEW.content,
              "newer.ugpt": _newer(NEW.content)}  # fmt: skip
    for name, content in images.items():
        (tmp_path / name).write_bytes(content)
    flash = tmp_path / "flash"
    with device_process(flash) as (_, port):
        on(port, lambda device: device.image_store(OLD.content))
    content = bytearray(flash.read_bytes())
    content[content.index(b"uGPTmodl") + len(OLD.content) - 5] ^= 1
    flash.write_bytes(content)
    with device_process(flash) as (_, port):
        said = ugpt("model", "list", "--port", port)
        told = json.loads(ugpt("model", "list", "--json", "--port", port).out)
    lines = dict(re.split(r"  +", line, maxsplit=1) for line in said.out.splitlines())
    assert "damaged: a tensor" in lines.pop("on the board")
    assert lines.pop("good.ugpt").startswith("new, ")
    assert lines == {
        "bad.ugpt": "damaged", "cut.ugpt": "damaged", "newer.ugpt": "of a newer ugpt"
    }  # fmt: skip
    assert "bad.ugpt: " in said.err
    assert "ugpt model push" in said.err
    assert "damaged" in told["board"]["problem"]
    problems = {file["file"]: file["problem"] for file in told["files"]}
    assert list(problems) == list(images)
    assert [name for name, problem in problems.items() if not problem] == ["good.ugpt"]


def test_stories_in_both_formats(cli: CommandLine) -> None:
    model, tokenizer = find_data("stories260K.bin"), find_data("tok512.bin")
    for layout in ("f32", "q8"):
        said = cli("model", "push", model, "--tokenizer", tokenizer, "--format", layout)
        assert "stories260K is on the board now" in said
        assert layout in cli("model", "info")


def _newer(content: bytes) -> bytes:
    changed = bytearray(content)
    struct.pack_into("<I", changed, 8, 2)
    struct.pack_into("<I", changed, CRC_OFFSET, zlib.crc32(changed[:CRC_OFFSET]))
    return bytes(changed)
