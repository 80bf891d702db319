"""`ugpt write`: stories of a pretrained model, by the real command line on real virtual devices."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from llama_models import SMALL, random_model, stories
from llama_reference import Reference

import ugpt
from tests.support.commands import CommandLine
from tests.support.devices import device_process, listening_device
from tests.support.faults import BAD_LINE, FaultySide, proxy_of
from tests.support.stories import LONG, endless_model, put_model, text_of
from ugpt import Recipe, Shape
from ugpt.device.stories import TextWish
from ugpt.device.virtual import default_flash
from ugpt.models.layouts import TensorFormat
from ugpt.rpc.messages import Loaded, TextEnd

STORY = (
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
    "One day, she saw a big, red ball. She wanted to play with it, but it was too high."
)
Q8_STORY = (
    STORY + ' She asked her mom, "Can I play with the ball?" Her mom said, "Yes, it\'s time to go '
    'home."\nLily was very excited to see the ball. She put the ball in the b'
)
LINKS = ("stdio", "pty", "tcp")
GREEDY = ("--temperature", "0")


def keep_as_default(flash: Path, cli: CommandLine) -> None:
    """Makes it the flash of the device that `ugpt` starts by itself."""
    kept = cli.folder / "state" / "ugpt" / default_flash("esp32").name
    kept.parent.mkdir(parents=True)
    flash.rename(kept)


async def written(cli: CommandLine, flash: Path, link: str, *arguments: str) -> str:
    """What `ugpt write` gives, with the device reached over one of the links."""
    if link == "stdio":
        keep_as_default(flash, cli)
        return await asyncio.to_thread(cli, "write", *arguments, "--port", "virtual")
    async with listening_device(link, flash) as port:
        return await asyncio.to_thread(cli, "write", *arguments, "--port", port)


@pytest.mark.parametrize("link", LINKS)
async def test_the_reference_text(cli: CommandLine, tmp_path: Path, link: str) -> None:
    put_model(tmp_path / "flash", stories())
    text = await written(cli, tmp_path / "flash", link, "Once upon a time", *GREEDY)
    assert text.startswith(STORY)


async def test_the_text_of_eight_bits(cli: CommandLine, tmp_path: Path) -> None:
    put_model(tmp_path / "flash", stories(), TensorFormat.Q8)
    arguments = ("Once upon a time", *GREEDY, "--context", "128")
    assert await written(cli, tmp_path / "flash", "tcp", *arguments) == Q8_STORY


@pytest.mark.parametrize("link", LINKS)
async def test_a_text_is_that_of_float64(cli: CommandLine, tmp_path: Path, link: str) -> None:
    model = random_model(SMALL)
    put_model(tmp_path / "flash", model)
    tokens = Reference(model).greedy([1], SMALL.context)[1:]
    ends = [at for at, token in enumerate(tokens) if token in (1, 2)]
    wanted = text_of(tokens[: ends[0]] if ends else tokens, model)
    assert await written(cli, tmp_path / "flash", link, *GREEDY) == wanted


@pytest.fixture
def flash(tmp_path: Path) -> Path:
    put_model(tmp_path / "small.flash", random_model(SMALL))
    return tmp_path / "small.flash"


async def test_how_a_text_is_drawn(cli: CommandLine, flash: Path) -> None:
    async with listening_device("tcp", flash) as port:

        def write(*arguments: str) -> str:
            return cli("write", "a", *arguments, "--port", port)

        warm = write("--seed", "7", "--temperature", "1")
        assert write("--seed", "7", "--temperature", "1") == warm
        assert write("--seed", "8", "--temperature", "1") != warm
        greedy = write(*GREEDY)
        assert write("--top-k", "1", "--seed", "9") == greedy
        assert write("--top-p", "0", "--seed", "9") == greedy
        assert warm.startswith("a")
        assert greedy.startswith(write(*GREEDY, "--max-tokens", "5"))
        assert greedy.startswith(write(*GREEDY, "--context", "9"))
        stop = greedy[9:12]
        assert write(*GREEDY, "--stop", "not there", "--stop", stop) == greedy[: greedy.find(stop)]


async def test_json_and_remarks(cli: CommandLine, flash: Path) -> None:
    async with listening_device("tcp", flash) as port:
        ended = cli.finished("write", "ab", *GREEDY, "--context", "9", "--port", port)
        assert "context of 9 tokens is full; --context 48 has more room." in ended.stderr
        said = json.loads(
            cli("write", "ab", *GREEDY, "--max-tokens", "4", "--json", "--port", port)
        )
    assert (said["tokens"], said["ended"]) == (4, "max_tokens")
    assert said["tokens_per_s"] > 0
    assert said["sha256"] == hashlib.sha256(said["text"].encode()).hexdigest()
    assert ended.stdout.startswith(said["text"])
    assert said["model"]["name"] == "test"
    weights = said["weights"]
    assert weights["memory_bytes"] > 0 == weights["flash_bytes"]


async def test_a_noisy_line(cli: CommandLine, flash: Path) -> None:
    async with listening_device("tcp", flash) as port:
        wanted = await asyncio.to_thread(cli, "write", "a", *GREEDY, "--port", port)
    async with listening_device("tcp", flash) as port:
        sides = FaultySide(BAD_LINE, 1), FaultySide(BAD_LINE, 2)
        async with proxy_of(port, sides) as proxy:
            found = await asyncio.to_thread(cli, "write", "a", *GREEDY, "--port", proxy.address)
    assert found == wanted
    assert sides[0].mangled + sides[1].mangled > 0


def test_ctrl_c_keeps_what_was_written(cli: CommandLine, tmp_path: Path) -> None:
    put_model(tmp_path / "long.flash", endless_model())
    arguments = ("write", *GREEDY, "--context", str(LONG.context), "--json")
    with (
        device_process(tmp_path / "long.flash") as (device, port),
        cli.running(*arguments, "--port", port) as process,
    ):
        assert process.stderr is not None
        assert "seed" in process.stderr.readline()
        device.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        device.send_signal(signal.SIGCONT)
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        said = json.loads(output.splitlines()[0])
        assert said["ended"] == "stopped", errors
        assert 0 <= said["tokens"] < LONG.context - 1
        # The board is free, and what it wrote is the beginning of the whole text.
        again = cli("write", *GREEDY, "--max-tokens", "50", "--json", "--port", port)
        texts = sorted((said["text"], json.loads(again)["text"]), key=len)
        assert texts[1].startswith(texts[0])


def test_a_killed_host_leaves_a_board_that_writes_again(cli: CommandLine, tmp_path: Path) -> None:
    put_model(tmp_path / "long.flash", endless_model())
    arguments = ("write", *GREEDY, "--context", str(LONG.context))
    with device_process(tmp_path / "long.flash") as (_, port):
        with cli.running(*arguments, "--port", port) as process:
            assert process.stderr is not None
            process.stderr.readline()
            process.kill()
            process.communicate()
        assert cli("write", *GREEDY, "--max-tokens", "3", "--port", port)


async def test_status_is_answered_between_tokens(tmp_path: Path) -> None:
    put_model(tmp_path / "long.flash", endless_model())
    wish = TextWish(temperature=0.0, context=LONG.context)
    async with ugpt.Target("virtual", flash=tmp_path / "long.flash").connect() as device:
        text = await device.begin_text(wish)
        numbers = []
        async for _ in text.pieces():
            status = await device.status()
            assert status.loaded is Loaded.STORY
            if status.writing:
                numbers.append(text.tokens)
        assert numbers, "the text was over before a status came"
        assert text.tokens > numbers[0]
        assert text.ended is TextEnd.CONTEXT_FULL
        assert (await device.status()).writing is False


DOCUMENTS = [bytes([0, 1, 2]), bytes([3, 1]), bytes([2, 2, 0, 1])]


async def train_to(device: ugpt.Device, step: int) -> None:
    await device.train(step)
    while (status := await device.status()).step < step:
        documents = [DOCUMENTS[i % 3] for i in range(status.documents_next, step)]
        if documents:
            await device.documents_write(status.documents_next, documents)


async def test_a_run_and_a_story_take_turns(tmp_path: Path) -> None:
    digests = []
    recipe = Recipe(0.01, 0.85, 0.99, 1e-8, 100)
    for writes in (False, True):
        file = tmp_path / f"turns-{writes}"
        put_model(file, random_model(SMALL))
        async with ugpt.Target("virtual", flash=file).connect() as device:
            await device.create(7, Shape(1, 8, 2, 8, 5), recipe, "abcd")
            await device.init_weights(3)
            await train_to(device, 20)
            before = await device.status()
            losses = await device.losses(1)
            assert before.loaded is Loaded.RUN
            if writes:
                async for _ in (await device.begin_text(TextWish("a", max_tokens=5))).pieces():
                    pass
                status = await device.status()
                assert (status.loaded, status.run_id, status.step) == (Loaded.STORY, 7, 20)
                assert status.saved_step == 20
                assert status.unsaved == before.unsaved
                assert (await device.model_info()).step == 20
                assert await device.vocabulary() == "abcd"
                assert (await device.status()).loaded is Loaded.STORY
                assert await device.losses(1) == losses
            sampled = await device.sample(1, 1)
            assert (await device.status()).loaded is Loaded.RUN
            await train_to(device, 40)
            digests.append((sampled, await device.weights_digest(), await device.losses(1)))
    assert digests[0] == digests[1]


async def test_commands_say_what_is_loaded(cli: CommandLine, flash: Path, names: Path) -> None:
    async with listening_device("tcp", flash) as port:

        def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
            return cli.finished(*arguments, "--port", port)

        call("train", names, "--steps", "30", "--plain", "--run", "R")
        texts = call("sample", "-n", "3", "--seed", "1").stdout
        assert "trained to step 30 has made room" in call("write", "a", *GREEDY).stderr
        assert "the pretrained model" in call("info").stdout
        again = call("sample", "-n", "3", "--seed", "1")
        assert again.stdout == texts
        assert "leaves the memory" in again.stderr
        assert json.loads(call("info", "--json").stdout)["status"]["loaded"] == "run"
        call("write", "a", *GREEDY)
        more = call("train", names, "--steps", "10", "--plain", "--run", "S")
        assert "leaves the memory" in more.stdout + more.stderr


async def test_a_run_in_progress_is_not_disturbed(
    cli: CommandLine, flash: Path, names: Path
) -> None:
    async with listening_device("tcp", flash) as port:
        cli("train", names, "--steps", "10000000", "--detach", "--run", "R", "--port", port)
        said = cli.finished("write", "a", "--port", port, code=1).stderr
        assert "training a model" in said
        assert "ugpt stop" in said
        assert "made room" not in said
        assert json.loads(cli("stop", "--json", "--port", port))["was_training"] is True


async def test_what_cannot_be_written(cli: CommandLine, tmp_path: Path, flash: Path) -> None:
    async with listening_device("tcp", tmp_path / "empty.flash") as port:
        cli("train", "names", "--steps", "5", "--plain", "--run", "R", "--port", port)
        said = cli.finished("write", "a", "--port", port, code=1).stderr
        assert "ugpt model push" in said
        assert "made room" not in said
        assert "no pretrained model" in cli.refused("autorun", "on", "--console", "--port", port)
    async with listening_device("tcp", flash) as port:
        for arguments, words, code in (
            (("a" * 60,), "fills the context", 1),
            (("a" * 1100,), "1,024 at most", 2),
            (("a", "--context", "49"), "of 48 tokens, not of 49. Give --context 48 at most.", 1),
        ):
            assert words in cli.refused("write", *arguments, "--port", port, code=code)
        assert cli("write", "a" * 40, *GREEDY, "--port", port).startswith("a" * 40)
        # No text at all, and bytes that are no UTF-8.
        assert cli("write", "", *GREEDY, "--port", port)
        assert cli("write", "\udcff", *GREEDY, "--port", port).startswith("\ufffd")


async def test_the_longest_texts_are_named(cli: CommandLine, tmp_path: Path) -> None:
    model = random_model(replace(SMALL, n_head=4, n_kv_head=4, context=9000))
    put_model(tmp_path / "long", model)
    async with listening_device("tcp", tmp_path / "long") as port:

        def wish(context: int) -> tuple[str, ...]:
            return ("write", "a", *GREEDY, "--max-tokens", "2", "--context", str(context))

        advice = [
            re.search(r"Give --context (\d+) at most", cli.refused(*wish(size), "--port", port))
            for size in (9000, 9001)
        ]
        assert advice[0]
        assert advice[1]
        longest = int(advice[0][1])
        assert longest == int(advice[1][1])
        assert 256 < longest < 9000
        assert "more than the" in cli.refused(*wish(longest + 1), "--port", port)
        assert cli(*wish(longest), "--port", port)


async def test_texts_of_the_usual_length_that_have_no_room(
    cli: CommandLine, tmp_path: Path
) -> None:
    """Of a model that was trained for fewer tokens than a device takes if it is told of none."""
    shape = replace(SMALL, n_layer=5, n_embd=96, n_head=4, n_kv_head=4, context=150)
    put_model(tmp_path / "deep", random_model(shape), TensorFormat.Q8)
    async with listening_device("tcp", tmp_path / "deep") as port:
        said = cli.refused("write", "a", "--port", port)
        assert "Texts of the usual length need" in said
        advice = re.search(r"Give --context (\d+) at most", said)
        assert advice
        longest = int(advice[1])
        assert 100 < longest < 150
        wish = ("write", "a", *GREEDY, "--max-tokens", "2", "--port", port, "--context")
        assert cli(*wish, str(longest))
        assert "more than the" in cli.refused(*wish, str(longest + 1))


@pytest.fixture
def damaged(flash: Path) -> Path:
    content = bytearray(flash.read_bytes())
    content[-5] ^= 1
    flash.write_bytes(content)
    return flash


async def test_a_damaged_model(cli: CommandLine, damaged: Path) -> None:
    async with listening_device("tcp", damaged) as port:
        said = cli.refused("write", "a", "--port", port)
    assert "is damaged: a tensor" in said
    assert "ugpt model push" in said


@pytest.mark.parametrize("json_option", [(), ("--json",)])
def test_weights_that_are_too_large_are_an_error(
    cli: CommandLine, tmp_path: Path, json_option: tuple[str, ...]
) -> None:
    model = random_model(SMALL)
    for name, values in model.tensors.items():
        if name.endswith((".w1", ".w3")):
            values *= 1e30
    flash = tmp_path / "flash"
    put_model(flash, model)
    keep_as_default(flash, cli)
    process = cli.finished("write", "a", *json_option, "--port", "virtual", code=1)
    said = process.stdout if json_option else process.stderr
    assert "The model gave something that is not a number, so the text ends here" in said
