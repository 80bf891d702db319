"""loss.png: drawn whatever the settings around, and never the end of a run."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import pytest

from tests.support.sessions import Session
from ugpt.runs import plot
from ugpt.runs.errors import RunError
from ugpt.runs.lettering import Lettering
from ugpt.runs.plot import Card, loss_png
from ugpt.training.events import Notice
from ugpt.training.trainer import Outcome

pytestmark = pytest.mark.long

TEXTS = ["jana", "$\\frac{x", "名前", "serro 👍", "", "x" * 90]
BASELINES = {"random": 3.3, "letter counts": 2.8, "letter pairs": 2.3}
DRAW = (
    "import sys; from ugpt.runs.plot import Card, loss_png; "
    "sys.stdout.buffer.write(loss_png(Card([3.0, 2.0], 2, 'names.txt', 'ESP32', 4192)))"
)


def size(png: bytes) -> tuple[int, ...]:
    assert png.startswith(b"\x89PNG")
    return struct.unpack(">II", png[16:24])


@pytest.mark.parametrize(
    "losses", [[], [2.0], [float("nan")] * 4, [3.0, float("inf"), 2.0], [3.0, 2.5] * 500]
)
def test_any_losses(losses: list[float]) -> None:
    card = Card(losses, 1000, "a\nb", "ESP32", 4192, {1: 2.0, 2: float("nan")}, BASELINES, TEXTS)
    assert size(loss_png(card)) == (1600, 900)


def test_settings_of_a_notebook_do_not_matter_and_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card([3.0, 2.0], 2, "names.txt", "ESP32", 4192)
    expected = loss_png(card)
    monkeypatch.setitem(matplotlib.rcParams, "text.usetex", True)
    monkeypatch.setitem(matplotlib.rcParams, "lines.linewidth", 40)
    assert loss_png(card) == expected
    assert matplotlib.rcParams["text.usetex"] is True


@pytest.mark.parametrize(
    "settings", [b"text.usetex: True\n", b"\xff\xfe\0 no text", b"font.size: x\n"]
)
def test_settings_that_are_read_at_import(tmp_path: Path, settings: bytes) -> None:
    (tmp_path / "matplotlibrc").write_bytes(settings)
    environment = {**os.environ, "MPLBACKEND": "nonsense"}
    drawn = subprocess.run(
        [sys.executable, "-c", DRAW], cwd=tmp_path, env=environment, check=True, stdout=-1
    )
    assert size(drawn.stdout) == (1600, 900)


async def test_picture_that_cannot_be_drawn_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(figure: object, card: Card) -> None:
        raise ValueError("no ink\nand more")

    monkeypatch.setattr(plot, "_draw", fail)
    with pytest.raises(RunError, match=r"no ink$"):
        loss_png(Card([], 1, "", "", 1))
    session = Session(tmp_path, steps=50)
    assert await session.train() is Outcome.FINISHED
    assert session.told(Notice) == [Notice("loss.png could not be drawn: no ink")]
    assert not (tmp_path / "run" / "loss.png").exists()


async def test_stopped_run_has_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cards: list[Card] = []
    monkeypatch.setattr(plot, "_draw", lambda figure, card: cards.append(card))
    session = Session(tmp_path)
    training = session.training()
    session.on_event = lambda event: training.request_stop()
    assert await training.run() is Outcome.STOPPED
    (card,) = cards
    assert len(card.texts) == plot.TEXTS
    assert set(card.baselines) == set(BASELINES)
    assert card.total_steps == session.steps
    assert card.parameters == 4192
    assert size((tmp_path / "run" / "loss.png").read_bytes()) == (1600, 900)


SCRIPTS = [
    "日本のなまえ",
    "한국어",
    "नमस्ते",
    "กรุงเทพ",
    "שלום",
    "می\u200cشود",
    "Ελλάδα",
    "Ñandú",
    "жар",
    "👩\u200d🚀",
    "\ue000",
    "𓀀",
    "a\u3000b\xa0c",
]


@pytest.mark.parametrize("text", SCRIPTS)
def test_every_script_is_drawn_without_a_missing_glyph(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = SimpleNamespace(
        catch_warnings=warnings.catch_warnings,
        simplefilter=lambda _: warnings.filterwarnings("error", "Glyph"),
    )
    monkeypatch.setattr(plot, "warnings", strict)
    card = Card([3.0, 2.0], 2, f"{text}.txt", "ESP32", 4192, texts=[text])
    assert size(loss_png(card)) == (1600, 900)


def test_what_no_font_has_is_written_in_latin_letters() -> None:
    latin = Lettering(["A"], lambda character: character < "\u0250", False)
    assert latin.drawable("Ñandú 名前\n.txt") == "Ñandú MingQian .txt"
    everything = Lettering(["A"], lambda character: True, True)
    assert everything.drawable("名前 שלום می\u200cشود\x1b") == "名前 שלום می\u200cشود "
    unshaped = Lettering(["A"], lambda character: True, False)
    assert unshaped.drawable("名前 שלום") == "名前 slvm"
