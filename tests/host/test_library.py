"""What programs use: `ugpt.train`, `ugpt.Run`, and the public names."""

from __future__ import annotations

import asyncio
import base64
import concurrent.futures
import inspect
import os
import re
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

import ugpt
from ugpt.library.blocking import wait_for
from ugpt.runs.checkpoint import peek_checkpoint
from ugpt.runs.config import Init

pytestmark = pytest.mark.long

NAMES = Path(__file__).parents[2] / "data" / "names.txt"


@pytest.fixture
def target(tmp_path: Path) -> ugpt.Target:
    return ugpt.Target("virtual", flash=tmp_path / "flash")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ugpt.Run:
    folder = tmp_path_factory.mktemp("library")
    target = ugpt.Target("virtual", flash=folder / "flash")
    return ugpt.train(
        NAMES, target, path=str(folder / "run"), seed=3, steps=40, holdout="30", eval_every=20
    )


# The public names. What is changed here is changed for every program that uses ugpt.

NAMES_OF_THE_PACKAGE = """
    DataSet Device DeviceState DocumentsTaken ErrorCode Evaluation Format Hello ImageInfo Init
    LinkStats LogLevel LogLine Losses ModelInfo MomentFormat Plan Profile Recipe Run Sampled
    SampledText Schedule SelfTest Shape Source Status StoryText Target TensorKind TextWish
    TokenEvaluation UgptError WeightsDigest __version__ atrain connect decode_tokens
    encode_tokens errors events ports sample_texts tensor_shapes train virtual
"""

TRAIN = (
    "(data: 'Dataset | Path | str', target: 'Target | str | None' = None, *, "
    "path: 'Path | str | None' = None, on_step: 'OnStep | None' = None, "
    "on_event: 'OnEvent | None' = None, seed: 'int' = 42, "
    "init: 'Init | str' = <Init.DEVICE: 'device'>, "
    "n_layer: 'int | None' = None, n_embd: 'int | None' = None, n_head: 'int | None' = None, "
    "block_size: 'int | None' = None, "
    "steps: 'int' = 1000, learning_rate: 'float' = 0.01, batch: 'int' = 1, "
    "schedule: 'Schedule | str' = <Schedule.LINEAR: 0>, warmup: 'int' = 0, "
    "weight_decay: 'float' = 0.0, clip: 'float' = 0.0, "
    "moments: 'MomentFormat | str' = <MomentFormat.F32: 0>, recompute: 'bool' = False, "
    "holdout: 'str | int | None' = None, eval_every: 'int | None' = None, "
    "eval_documents: 'int | None' = None, save_every: 'str | int' = '1m', keep: 'int' = 1, "
    "parent: 'Run | Path | str | None' = None, overwrite: 'bool' = False)"
    " -> 'Run'"
)
SAMPLE = (
    "(self, count: 'int' = 20, *, seed: 'int | None' = None, first: 'int' = 0, "
    "temperature: 'float' = 0.5, prompt: 'str' = '', top_k: 'int' = 0, top_p: 'float' = 1.0)"
    " -> 'list[str]'"
)
SIGNATURES = {
    "train": TRAIN,
    "atrain": TRAIN,
    "Run.open": "(path: 'Path | str') -> 'Self'",
    "Run.sample": SAMPLE,
    "Run.asample": SAMPLE,
    "Run.plot": "(self, axes: 'Any' = None) -> 'Any'",
    "Run.export": "(self, to: 'Format | str', out: 'Path | str | None' = None, *, "
    "overwrite: 'bool' = False) -> 'list[Path]'",
    "connect": "(target: 'Target | str | None' = None, *, "
    "on_log: 'Callable[[LogLine], None] | None' = None, open_timeout_s: 'float' = 4.0)"
    " -> 'AbstractAsyncContextManager[Device]'",
    "sample_texts": "(device: 'Device', count: 'int', *, seed: 'int', first: 'int' = 0, "
    "temperature: 'float' = 0.5, prompt: 'str' = '', top_k: 'int' = 0, top_p: 'float' = 1.0)"
    " -> 'AsyncIterator[SampledText]'",
    "Target": "(port: 'str | None' = None, baud: 'int | None' = None, no_reset: 'bool' = False, "
    "board: 'str' = 'esp32', flash: 'Path | None' = None, window: 'int | None' = None, "
    "pace: 'bool' = False, threads: 'int' = 1) -> None",
}
ATTRIBUTES_OF_A_RUN = """
    asample config export losses open path plot sample step val_losses weights
"""


def test_public_names() -> None:
    assert sorted(ugpt.__all__) == sorted(NAMES_OF_THE_PACKAGE.split())
    public = [name for name in dir(ugpt.Run) if not name.startswith("_")]
    assert public == ATTRIBUTES_OF_A_RUN.split()


@pytest.mark.parametrize("name", list(SIGNATURES))
def test_signatures(name: str) -> None:
    value: object = ugpt
    for part in name.split("."):
        value = getattr(value, part)
    assert callable(value)
    assert str(inspect.signature(value)) == SIGNATURES[name]


def test_what_waits_is_no_coroutine() -> None:
    assert not inspect.iscoroutinefunction(ugpt.train)
    assert not inspect.iscoroutinefunction(ugpt.Run.sample)
    assert inspect.iscoroutinefunction(ugpt.atrain)
    assert inspect.iscoroutinefunction(ugpt.Run.asample)


# A run


def test_what_a_run_tells(run: ugpt.Run) -> None:
    assert run.losses.dtype == np.float32
    assert run.losses.shape == (40,)
    assert run.step == 40
    assert list(run.val_losses) == [20, 40]
    assert {name: values.shape for name, values in run.weights.items()} == ugpt.tensor_shapes(
        run.config.shape
    )
    again = ugpt.Run.open(str(run.path))
    assert np.array_equal(again.losses, run.losses)
    assert again.config == run.config
    assert repr(again) == f"Run('{run.path}', 40 steps, loss {run.losses[-1]:.3f})"


def test_a_run_writes_what_its_board_wrote(run: ugpt.Run) -> None:
    texts = (run.path / "samples.txt").read_text().splitlines()
    assert run.sample() == texts
    assert run.sample(3, first=4) == texts[4:7]
    assert run.sample(2, seed=1, temperature=1.0, prompt="ka") != texts[:2]
    assert all(text.startswith("ka") for text in run.sample(2, prompt="ka"))
    likeliest = run.sample(3, temperature=0.0)
    assert run.sample(3, temperature=3.0) != likeliest
    assert run.sample(3, temperature=3.0, top_p=0.0) == likeliest
    assert run.sample(3, temperature=3.0, top_k=1) == likeliest


async def test_sampling_in_a_loop(run: ugpt.Run) -> None:
    assert await run.asample(3) == run.sample(3)


def test_the_curve(run: ugpt.Run) -> None:
    with mpl.rc_context({"backend": "agg"}):
        axes = run.plot()
        assert [len(line.get_xdata()) for line in axes.lines] == [40, 40, 2]
        assert run.plot(axes) is axes
        assert len(axes.lines) == 6
        plt.close(axes.figure)


def test_a_notebook_shows_the_curve(run: ugpt.Run) -> None:
    shown = run._repr_html_()
    assert f"{run.path}</b>: 40 steps, loss {run.losses[-1]:.3f}" in shown
    found = re.search('src="data:image/png;base64,([^"]+)"', shown)
    assert found is not None
    assert base64.b64decode(found[1]).startswith(b"\x89PNG")


def test_export(run: ugpt.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "gpt.npz"
    assert run.export("npz", str(out)) == [out]
    with pytest.raises(ugpt.UgptError, match=r"exists already.*\(out\), .* it: overwrite=True$"):
        run.export(ugpt.Format.NPZ, out)
    assert run.export(ugpt.Format.NPZ, out, overwrite=True) == [out]
    inside = run.path / "below"
    inside.mkdir()
    monkeypatch.chdir(inside)
    (made,) = ugpt.Run.open("..").export("npz")
    assert made.name == f"{run.path.name}.npz"
    with pytest.raises(ugpt.UgptError, match="to is 'onnx'; it must be 'npz', "):
        run.export("onnx")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": 0}, "steps is 0; it must be at least 1"),
        ({"init": "x"}, "init is 'x'; it must be 'device' or 'microgpt'"),
        ({"holdout": 10, "eval_every": -5}, "--eval-every is -5; it must be from 1"),
        ({"holdout": 10, "eval_documents": 0}, "--eval-documents is 0; it must be from 1"),
        ({"holdout": 0.1}, "0.1"),
        ({"save_every": -5}, "save_every: "),
        ({"steps": "10"}, "steps must be a whole number, not '10'"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"n_embd": 10**5000}, "n_embd has more than 256 bits"),
        ({"warmup": 10**5000}, "warmup has more than 256 bits"),
        ({"seed": -1}, "seed is not a whole number from 0 to"),
        ({"seed": 2**64}, "seed is not a whole number from 0 to"),
        ({"learning_rate": 10**60}, "learning_rate is 1e+60; it must be from 0 to 10"),
        ({"learning_rate": 10**400}, "learning_rate is too large for a number"),
        ({"n_embd": "16"}, "n_embd must be a whole number"),
        ({"learning_rate": "fast"}, "learning_rate must be a number"),
        ({"schedule": "square"}, "schedule is 'square'; it must be 'linear', "),
        ({"moments": 2}, "moments is 2; it must be 'f32', 'bf16' or 'q8'"),
        ({"recompute": "no"}, "recompute must be True or False"),
    ],
)
def test_values_that_cannot_be(
    options: dict[str, Any], said: str, target: ugpt.Target, tmp_path: Path
) -> None:
    with pytest.raises(ugpt.UgptError, match=re.escape(said)):
        ugpt.train(NAMES, target, path=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("data", [None, 5, ["anna", "bella"]])
def test_what_is_no_text(data: Any, target: ugpt.Target) -> None:
    with pytest.raises(ugpt.UgptError, match="data must be the path of a text"):
        ugpt.train(data, target)


@pytest.mark.parametrize(
    ("count", "said"), [(-1, "count is -1"), ("3", "count must be a whole number")]
)
def test_a_number_of_texts_that_cannot_be(run: ugpt.Run, count: Any, said: str) -> None:
    with pytest.raises(ugpt.UgptError, match=said):
        run.sample(count)


def test_numbers_of_numpy_and_words(target: ugpt.Target, tmp_path: Path) -> None:
    plain: dict[str, Any] = {
        "n_embd": 8, "steps": 5, "learning_rate": 0.0078125, "seed": 7,
        "schedule": ugpt.Schedule.COSINE, "moments": ugpt.MomentFormat.Q8, "recompute": True,
    }  # fmt: skip
    odd: dict[str, Any] = {
        "n_embd": np.int32(8), "steps": np.int64(5), "learning_rate": np.float32(0.0078125),
        "seed": np.uint64(7), "schedule": "cosine", "moments": "q8", "recompute": np.True_,
    }  # fmt: skip
    configs = [
        ugpt.train(NAMES, target, path=tmp_path / name, **options).config
        for name, options in (("plain", plain), ("odd", odd))
    ]
    assert configs[0].recipe == configs[1].recipe
    assert configs[0].shape == configs[1].shape
    assert ugpt.Run.open(tmp_path / "odd").config.seed == 7


def test_words_mean_what_they_name(target: ugpt.Target, tmp_path: Path) -> None:
    by_word: Any = "microgpt"
    for folder, init in (("a", by_word), ("b", Init.MICROGPT)):
        path = tmp_path / folder
        ugpt.train(NAMES, target, path=path, steps=3, init=init, save_every=2, holdout=30)
    digests = {(tmp_path / folder / "weights.sha256").read_text().split()[0] for folder in "ab"}
    assert len(digests) == 1


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(ugpt.UgptError, match="is not a run folder"):
        ugpt.Run.open(tmp_path)


# Training


def test_every_step_is_heard_of(target: ugpt.Target, tmp_path: Path) -> None:
    heard: list[ugpt.events.Step] = []
    events: list[ugpt.events.Event] = []
    run = ugpt.train(
        NAMES, target, path=tmp_path / "run", steps=30,
        on_step=heard.append, on_event=events.append,
    )  # fmt: skip
    assert [step.step for step in heard] == list(range(1, 31))
    assert [step.loss for step in heard] == list(run.losses)
    assert isinstance(events[-1], ugpt.events.Finished)


async def test_train_where_a_loop_runs(target: ugpt.Target, tmp_path: Path) -> None:
    threads = set()
    run = ugpt.train(
        NAMES, target, path=tmp_path / "run", steps=5,
        on_step=lambda step: threads.add(threading.current_thread()),
    )  # fmt: skip
    assert run.step == 5
    assert threading.current_thread() not in threads
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    with pytest.raises(ugpt.UgptError, match="exists already"):
        ugpt.train(NAMES, target, path=tmp_path / "run")


async def test_a_run_can_be_cancelled(target: ugpt.Target, tmp_path: Path) -> None:
    def cancel(step: ugpt.events.Step) -> None:
        training.cancel()

    work = ugpt.atrain(NAMES, target, path=tmp_path / "run", steps=1_000_000, on_step=cancel)
    training = asyncio.create_task(work)
    with pytest.raises(asyncio.CancelledError):
        await training
    assert 0 < ugpt.Run.open(tmp_path / "run").step < 1_000_000


async def test_a_run_that_is_cancelled_is_saved(target: ugpt.Target, tmp_path: Path) -> None:
    def cancel(step: ugpt.events.Step) -> None:
        if step.step == 200:
            training.cancel()

    work = ugpt.atrain(NAMES, target, path=tmp_path / "run", steps=1_000_000, on_step=cancel)
    training = asyncio.create_task(work)
    with pytest.raises(asyncio.CancelledError):
        await training
    run = ugpt.Run.open(tmp_path / "run")
    assert 200 <= run.step < 1_000_000
    assert run.weights
    assert peek_checkpoint(run.path / "checkpoint.safetensors") == run.step


@pytest.mark.parametrize("hears", ["on_step", "on_event"])
def test_a_run_is_saved_if_a_listener_raises(
    target: ugpt.Target, tmp_path: Path, hears: str
) -> None:
    raised = []

    def hear(event: object) -> None:
        if raised or hears == "on_step" or isinstance(event, ugpt.events.StepLosses):
            raised.append(event)
            raise ZeroDivisionError("of a caller")

    with pytest.raises(ZeroDivisionError, match="of a caller"):
        ugpt.train(NAMES, target, path=tmp_path / "run", steps=1_000_000, **{hears: hear})
    assert len(raised) == 1  # who has raised hears no more
    run = ugpt.Run.open(tmp_path / "run")
    assert 0 < run.step < 1_000_000
    assert peek_checkpoint(run.path / "checkpoint.safetensors") == run.step


# Checkpoints on the way, and the weights of another run


def test_checkpoints_are_kept(target: ugpt.Target, tmp_path: Path) -> None:
    run = ugpt.train(NAMES, target, path=tmp_path / "run", steps=40, save_every="10", keep=3)
    kept = {file.name for file in run.path.glob("checkpoint*.safetensors")}
    older = {f"checkpoint-{step}.safetensors" for step in (20, 30)}
    assert kept == older | {"checkpoint.safetensors"}
    with pytest.raises(ugpt.UgptError, match="keep is not a whole number from 1 to 1,000"):
        ugpt.train(NAMES, target, path=tmp_path / "none", keep=0)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("named", ["run", "folder", "text"])
def test_a_run_begins_with_the_weights_of_another(
    run: ugpt.Run, target: ugpt.Target, tmp_path: Path, named: str
) -> None:
    forms: dict[str, ugpt.Run | Path | str]
    forms = {"run": run, "folder": run.path, "text": str(run.path)}
    events: list[ugpt.events.Event] = []
    begun = ugpt.train(
        NAMES, target, path=tmp_path / "run", steps=5, parent=forms[named], on_event=events.append
    )
    assert begun.config.parent is not None
    assert begun.config.parent.run_id == run.config.run_id
    assert begun.config.shape == run.config.shape
    fresh = ugpt.train(NAMES, target, path=tmp_path / "fresh", steps=5)
    assert begun.losses[0] < fresh.losses[0]
    said = [event.text for event in events if isinstance(event, ugpt.events.Notice)]
    assert "It begins with the weights of run after 40 steps, and fresh moments." in said


def test_other_shapes_than_that_of_the_parent(run: ugpt.Run, tmp_path: Path) -> None:
    same = ugpt.train(NAMES, "virtual", path=tmp_path / "a", steps=1, parent=run, n_embd=16)
    assert same.config.shape == run.config.shape
    others: list[tuple[dict[str, Any], str]] = [
        ({"n_embd": 8}, "The width of run is 16"),
        ({"block_size": 8}, "The context of run is 16"),
        ({"init": ugpt.Init.MICROGPT}, "The weights come from run"),
    ]
    for other, said in others:
        with pytest.raises(ugpt.UgptError, match=said):
            ugpt.train(NAMES, "virtual", path=tmp_path / "b", parent=run, **other)
    assert not (tmp_path / "b").exists()


# Waiting for a coroutine


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill ends the process there")
async def test_ctrl_c_cancels_what_runs_in_a_thread() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            ended.append("in order")
            raise

    # As a notebook has it: `asyncio.run` would take the first one for its own task.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            wait_for(work())
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended == ["in order"]


async def test_ctrl_c_that_comes_just_before_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """No wait is woken by it, so it is heard between two of them."""
    waits = 0

    def wait(futures: Any, timeout_s: float) -> Any:
        nonlocal waits
        waits += 1
        assert timeout_s <= 0.5
        if waits == 3:
            raise KeyboardInterrupt
        return concurrent.futures.wait(futures, 0.001)

    monkeypatch.setattr("ugpt.library.blocking.wait", wait)
    with pytest.raises(KeyboardInterrupt):
        wait_for(asyncio.Event().wait())
    assert waits >= 3


async def test_ctrl_c_while_the_thread_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        started.append(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        wait_for(asyncio.Event().wait())
    (thread,) = started
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("in_a_loop", [False, True])
def test_results_and_errors_come_through(in_a_loop: bool) -> None:
    async def give(value: int) -> int:
        await asyncio.sleep(0)
        return 10 // value

    async def within() -> None:
        check()

    def check() -> None:
        assert wait_for(give(5)) == 2
        with pytest.raises(ZeroDivisionError):
            wait_for(give(0))

    if in_a_loop:
        asyncio.run(within())
    else:
        check()


def test_errors_speak_of_python(request: pytest.FixtureRequest) -> None:
    """Not of the command line, nor of what happened on the way to the error."""
    request.getfixturevalue("ugpt")("train", NAMES, "--steps", "1000000", "--detach")
    with pytest.raises(ugpt.errors.UgptError, match=r"To overwrite it: overwrite=True\.") as failed:
        ugpt.train("names", steps=1)
    assert failed.value.__context__ is None
