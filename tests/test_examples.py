"""The examples, run as a user runs them: in a folder of their own, on a virtual device."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import ugpt
from tests.support import notebook, tools
from tests.support.commands import CommandLine
from tests.support.devices import listening_device

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
TIMEOUT_S = 60.0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user stands: there is nothing here, and the virtual device is new."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    here = tmp_path / "here"
    here.mkdir()
    return here


def run(folder: Path, script: Path, *arguments: str) -> list[str]:
    """What a Python script prints."""
    done = tools.run(sys.executable, script, *arguments, cwd=folder, timeout_s=TIMEOUT_S)
    return done.splitlines()


@pytest.mark.parametrize("with_port", [False, True])
def test_train_and_sample(with_port: bool, folder: Path) -> None:
    said = run(folder, EXAMPLES / "train_and_sample.py", *["virtual"] * with_port)
    (path,) = (folder / "runs").iterdir()
    assert re.fullmatch(rf"runs/{path.name}: loss 3\.\d\d at first, 2\.\d\d at the end", said[0])
    assert len(said) == 11
    assert len((path / "metrics.jsonl").read_text().splitlines()) == 500


@pytest.mark.parametrize("script", ["train_and_sample.py", "own_dashboard.py", "seeds.py"])
def test_what_cannot_be_taken_is_named(script: str, folder: Path) -> None:
    with pytest.raises(tools.ToolFailed, match=r"\nerror: [^\n]*no-such-port[^\n]*\n$"):
        run(folder, EXAMPLES / script, "no-such-port")


def test_own_dashboard(folder: Path) -> None:
    first, *shown, last = run(folder, EXAMPLES / "own_dashboard.py")
    assert first.startswith("4,192 parameters on a virtual device")
    assert last.startswith("Finished in runs/")
    bars = [line for line in shown if "#" in line]
    assert [int(line.split()[0]) for line in bars] == list(range(50, 501, 50))
    assert len(bars[0].split()[2]) > len(bars[-1].split()[2])
    assert any(line.count(", ") > 3 for line in shown if line not in bars)


def test_seeds(folder: Path) -> None:
    title, *ranking = run(folder, EXAMPLES / "seeds.py", "5", "6", "7")
    assert title == "mean loss of the last 100 steps"
    entries = [re.fullmatch(r" +(\d)\.  (\d\.\d{4})  seed (\d)", line) for line in ranking]
    ranks, losses, seeds = zip(*(entry.groups() for entry in entries if entry), strict=True)
    assert ranks == ("1", "2", "3")
    assert list(losses) == sorted(losses)
    assert sorted(seeds) == ["5", "6", "7"]
    assert not list(folder.iterdir())


async def test_seeds_train_two_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = importlib.util.spec_from_file_location("seeds", EXAMPLES / "seeds.py")
    assert spec is not None
    assert spec.loader is not None
    seeds = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(seeds)
    training: set[Path] = set()
    most: list[int] = []

    trained = SimpleNamespace(losses=np.full(100, 2.0))

    async def train(data: str, device: ugpt.Target, **options: object) -> SimpleNamespace:
        assert device.flash is not None
        assert device.flash not in training
        training.add(device.flash)
        most.append(len(training))
        await asyncio.sleep(0)
        training.remove(device.flash)
        return trained

    monkeypatch.setattr(ugpt, "atrain", train)
    await seeds.main([1, 2, 3, 4, 5])
    assert max(most) == 2
    assert len(capsys.readouterr().out.splitlines()) == 6


def test_curve(folder: Path) -> None:
    """The notebook is run where Jupyter runs it: beside itself."""
    examples = folder / "examples"
    examples.mkdir()
    look = (
        "axes.figure.savefig('curve.png'); "
        "print(len(run.losses), len(run.val_losses), len(axes.lines))"
    )
    runner = Path(notebook.__file__)
    assert run(examples, runner, str(EXAMPLES / "curve.ipynb"), look) == ["1000 10 3"]
    assert (examples / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((examples / "runs").iterdir())) == 1


def test_curve_is_a_notebook_without_outputs() -> None:
    content = json.loads((EXAMPLES / "curve.ipynb").read_text("utf-8"))
    assert content["nbformat"] == 4
    assert len({cell["id"] for cell in content["cells"]}) == len(content["cells"])
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of talk.c, by the C compiler of this system."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler `cc`")
    program = tmp_path_factory.mktemp("talk") / "talk"
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror"]
    tools.run(compiler, *strict, "-o", program, EXAMPLES / "talk.c")
    return program


async def output(*command: str | Path) -> str:
    return await asyncio.to_thread(tools.run, *command, timeout_s=TIMEOUT_S)


@pytest.mark.parametrize("form", ["pty", "listen"])
async def test_talk_in_c(form: str, talk: Path, tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    flash = tmp_path / "flash"
    async with listening_device(form, flash) as port:
        greeting, status = (await output(talk, port)).splitlines()
        assert greeting.startswith("firmware ")
        assert "on esp32, board esp32, protocol 1." in greeting
        assert status == "empty, step 0 of 0, loss 0.0000"

        train = ["train", "names", "--port", port, "--steps", "50", "--run", "run", "--plain"]
        await asyncio.to_thread(cli, *train)
        _, status, *samples = (await output(talk, port)).splitlines()
        assert status.startswith("idle, step 50 of 50, loss ")
        sample = ["sample", "-n", "3", "--seed", "42", "--port", port]
        assert samples == (await asyncio.to_thread(cli, *sample)).splitlines()


async def test_talk_in_c_knows_characters_of_several_bytes(talk: Path, tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    # With more than 256 tokens, each takes two bytes.
    letters = "".join(map(chr, range(0x4E00, 0x4E00 + 300)))
    (tmp_path / "data.txt").write_text("\n".join(letters[i : i + 5] for i in range(0, 300, 5)))
    async with listening_device("listen", tmp_path / "flash") as port:
        train = ["train", "data.txt", "--port", port, "--steps", "5", "--run", "run", "--plain"]
        await asyncio.to_thread(cli, *train)
        samples = (await output(talk, port)).splitlines()[2:]
        sample = ["sample", "-n", "3", "--seed", "42", "--port", port]
        assert samples == (await asyncio.to_thread(cli, *sample)).splitlines()
        assert any(letter in letters for letter in "".join(samples))


@pytest.mark.parametrize("where", ["no-such-port", "socket://localhost", "socket://localhost:1"])
def test_talk_in_c_says_what_is_wrong(where: str, talk: Path) -> None:
    with pytest.raises(tools.ToolFailed, match="exit status 1\ntalk: "):
        tools.run(talk, where)
