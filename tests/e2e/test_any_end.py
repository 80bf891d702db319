"""However a command ends: the run is kept, there is no traceback, the exit status says why."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import CommandLine, Process, events_until_step, losses
from tests.support.processes import running
from tests.support.waiting import happens
from ugpt.cli.ending import Status
from ugpt.device.tensors import tensor_shapes
from ugpt.runs.folder import Run

if sys.platform != "linux":
    pytest.skip("looks into /proc", allow_module_level=True)

TIMEOUT_S = 60.0
LONG = ("--steps", "3000000", "--pace", "--run", "R")
SHORT = ("--steps", "2000", "--run", "R")
ALL = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def ignoring(*numbers: signal.Signals) -> Callable[[], None]:
    """What `nohup` and `trap ''` do before they start a program."""

    def ignore() -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)

    return ignore


def closing(*descriptors: int) -> Callable[[], None]:
    """What `>&-` does."""

    def close() -> None:
        for descriptor in descriptors:
            os.close(descriptor)

    return close


def catches(process: Process, number: signal.Signals) -> bool:
    """Whether a program has come so far that it can know of a signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    mask = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(mask.split()[1], 16) >> (number - 1) & 1)


def device_of(process: Process) -> int:
    """The virtual device that a program has started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return next(
        int(pid) for pid in children if "ugpt-device" in Path(f"/proc/{pid}/exe").readlink().name
    )


def waiting_bytes(process: Process) -> int:
    """How much of the output of a program nobody has read yet."""
    assert process.stdout is not None
    answer = fcntl.ioctl(process.stdout, termios.FIONREAD, bytes(4))
    return int.from_bytes(answer, sys.byteorder)


def saved_step(folder: Path) -> int | None:
    if not folder.exists():
        return None
    run = Run.open(folder)
    checkpoint = run.read_checkpoint(tensor_shapes(run.config.shape))
    return checkpoint.step if checkpoint else None


def check_kept(folder: Path) -> int:
    """Every step that is known is in the checkpoint; returns how many there are."""
    steps = len(losses(folder))
    assert saved_step(folder) == steps > 0
    return steps


def rest(process: Process) -> tuple[str, str]:
    """What a program that ends has still written; `communicate` would pass over a part."""
    assert process.stdout is not None
    assert process.stderr is not None
    said = process.stdout.read(), process.stderr.read()
    process.wait(TIMEOUT_S)
    return said


def objects(lines: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in lines.splitlines()]
    assert all(isinstance(value, dict) for value in found)
    return found


# Signals


@pytest.mark.own_process
@pytest.mark.parametrize("seed", range(6))
def test_a_signal_at_any_moment(cli: CommandLine, names: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    number, presses = chance.choice(ALL), chance.choice([1, 2, 10])
    with cli.running("train", names, *LONG, "--json") as process:
        assert happens(lambda: catches(process, signal.SIGTERM), TIMEOUT_S)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.0, 0.5) ** 2 * 8)  # a moment that nobody chose
        for _ in range(presses):
            process.send_signal(number)
        out, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 128 + number, errors
    assert "Traceback" not in errors
    assert "itself failed" not in errors
    ended = {"event": "ended", "signal": number.name, "exit_status": 128 + number}
    assert objects(out)[-1] == ended
    if (tmp_path / "R" / "metrics.jsonl").exists():
        check_kept(tmp_path / "R")


PRESSED_DURING_AN_IMPORT = """
import os, signal, sys
from ugpt.cli import main

class Press:
    def find_spec(self, name, *more):
        if name == "ugpt.cli.ending":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Press())
main()
"""


def test_a_signal_before_anything_is_imported(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PRESSED_DURING_AN_IMPORT, "plan"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == -signal.SIGINT
    assert done.stderr == ""


@pytest.mark.parametrize("number", ALL)
def test_ten_presses_save(
    cli: CommandLine, names: Path, tmp_path: Path, number: signal.Signals
) -> None:
    with cli.running("train", names, *LONG, "--threads", "2", "--json") as process:
        events_until_step(process, 500)
        for _ in range(10):
            process.send_signal(number)
        out, errors = rest(process)
    assert process.returncode == 128 + number
    steps = check_kept(tmp_path / "R")
    said, again = errors.splitlines()[-2:]
    assert said == f"Stopped after step {steps:,}; all is kept in R. Go on with:"
    assert again.endswith("train --resume R --pace --threads 2")
    (stopped,) = [event for event in objects(out) if event["event"] == "stopped"]
    assert stopped["step"] == stopped["saved_step"] == steps


def test_a_folder_that_is_gone_is_not_to_be_resumed(
    cli: CommandLine, names: Path, tmp_path: Path
) -> None:
    with cli.running("train", names, *LONG, "--json") as process:
        events_until_step(process, 500)
        shutil.rmtree(tmp_path / "R")
        process.send_signal(signal.SIGTERM)
        _, errors = rest(process)
    assert "; the folder R is gone." in errors
    assert "--resume" not in errors
    assert "Traceback" not in errors


def test_a_folder_that_is_another_one_is_not_to_be_resumed(
    cli: CommandLine, names: Path, tmp_path: Path
) -> None:
    cli("train", names, "--steps", "20", "--run", "other")
    before = (tmp_path / "other" / "metrics.jsonl").read_bytes()
    with cli.running("train", names, *LONG, "--json") as process:
        events_until_step(process, 500)
        (tmp_path / "R").rename(tmp_path / "moved")
        (tmp_path / "other").rename(tmp_path / "R")
        process.send_signal(signal.SIGTERM)
        _, errors = rest(process)
    assert process.returncode != 0
    assert "moved, replaced or removed" in errors
    assert "; the folder R is another one by now." in errors
    assert "--resume" not in errors
    assert (tmp_path / "R" / "metrics.jsonl").read_bytes() == before


def test_losses_that_somebody_removes_are_put_back(
    cli: CommandLine, names: Path, tmp_path: Path
) -> None:
    train = ("train", names, "--steps", "4000", "--pace", "--run", "R", "--json")
    with cli.running(*train) as process:
        events_until_step(process, 500)
        (tmp_path / "R" / "metrics.jsonl").unlink()
        out, errors = rest(process)
    assert process.returncode == 0, errors
    assert check_kept(tmp_path / "R") == 4000
    (told,) = [event["text"] for event in objects(out) if event["event"] == "notice"]
    assert "losses from metrics.jsonl; ugpt put them back" in told


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_signal_that_was_ignored_at_the_start_stays_ignored(
    cli: CommandLine, names: Path, tmp_path: Path, number: signal.Signals
) -> None:
    with cli.running("train", names, *LONG, "--json", preexec_fn=ignoring(number)) as process:
        events_until_step(process, 500)
        os.kill(device_of(process), number)
        process.send_signal(number)
        events_until_step(process, 5000)
        process.terminate()
        rest(process)
    assert process.returncode == 128 + signal.SIGTERM
    assert check_kept(tmp_path / "R") >= 5000


def test_sim_under_nohup(cli: CommandLine, names: Path, tmp_path: Path) -> None:
    sim = ("sim", "--listen", "127.0.0.1:0", "--flash", tmp_path / "flash")
    with cli.running(*sim, preexec_fn=ignoring(signal.SIGHUP)) as process:
        assert process.stdout is not None
        port = process.stdout.readline().split()[-1]
        os.kill(device_of(process), signal.SIGHUP)
        process.send_signal(signal.SIGHUP)
        cli("train", names, *SHORT, "--port", port)
        process.terminate()
        assert process.wait(TIMEOUT_S) == 128 + signal.SIGTERM
    assert not running(str(tmp_path / "flash"))


@contextlib.contextmanager
def silent_port() -> Iterator[tuple[str, socket.socket]]:
    """An address where somebody listens who never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(TIMEOUT_S)
        yield f"socket://127.0.0.1:{server.getsockname()[1]}", server


@pytest.mark.parametrize(
    ("command", "number"),
    [
        ("attach", signal.SIGTERM),
        ("bench", signal.SIGINT),
        ("doctor", signal.SIGHUP),
        ("info", signal.SIGINT),
        ("monitor", signal.SIGINT),
        ("monitor", signal.SIGTERM),
        ("plan", signal.SIGTERM),
        ("sample --forever", signal.SIGINT),
        ("sample", signal.SIGINT),
        ("train names", signal.SIGINT),
    ],
)
def test_every_command_ends_alike(cli: CommandLine, command: str, number: signal.Signals) -> None:
    endless = command in ("monitor", "sample --forever")
    with (
        silent_port() as (port, server),
        cli.running(*command.split(), "--port", port) as process,
        server.accept()[0],
    ):
        for _ in range(3):
            process.send_signal(number)
        _, errors = process.communicate(timeout=TIMEOUT_S)
    is_good_end = endless and number is signal.SIGINT
    assert process.returncode == (0 if is_good_end else 128 + number), errors
    assert "Traceback" not in errors


# Streams


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_reader_that_goes_leaves_the_run_alone(
    cli: CommandLine, names: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    with cli.running("train", names, *SHORT, *more) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        errors = process.stderr.read()
        assert process.wait(TIMEOUT_S) == Status.READER_GONE
    assert "Nothing more is shown." in errors
    assert "Traceback" not in errors
    assert check_kept(tmp_path / "R") == 2000


@pytest.mark.parametrize("command", ["sample --forever", "--help", "doctor"])
def test_a_command_whose_reader_goes_has_nothing_left_to_do(
    cli: CommandLine, names: Path, command: str
) -> None:
    cli("train", names, "--steps", "10", "--run", "R")
    reader, writer = os.pipe()
    os.close(reader)
    with cli.running(*command.split(), stdout=writer) as process:
        os.close(writer)
        _, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == Status.READER_GONE
    assert "rror" not in errors


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_full_disk_behind_the_output(
    cli: CommandLine, names: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    train = ("train", names, *SHORT, *more)
    with Path("/dev/full").open("w") as full, cli.running(*train, stdout=full) as process:
        _, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 1
    assert "error: Standard output cannot be written (No space left on device)." in errors
    assert "Traceback" not in errors
    assert check_kept(tmp_path / "R") == 2000


@pytest.mark.parametrize(
    ("descriptors", "more"), [((0,), ()), ((1,), ("--json",)), ((2,), ()), ((0, 1, 2), ())]
)
def test_closed_streams(
    cli: CommandLine,
    names: Path,
    tmp_path: Path,
    descriptors: tuple[int, ...],
    more: tuple[str, ...],
) -> None:
    close = closing(*descriptors)
    done = cli.finished("train", names, *SHORT, *more, preexec_fn=close)
    assert "Traceback" not in done.stderr
    assert check_kept(tmp_path / "R") == 2000


def test_a_reader_that_stands_still_does_not_keep_a_run_from_ending(
    cli: CommandLine, names: Path, tmp_path: Path
) -> None:
    with cli.running("train", names, *LONG, "--json", stderr=subprocess.DEVNULL) as process:
        assert happens(lambda: waiting_bytes(process) > 60_000, TIMEOUT_S)  # a pipe holds 65,536
        process.terminate()
        assert process.wait(TIMEOUT_S) == 128 + signal.SIGTERM
    check_kept(tmp_path / "R")


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1"])
def test_what_a_stream_cannot_show_is_exact_elsewhere(
    cli: CommandLine, tmp_path: Path, encoding: str
) -> None:
    texts = ["Łukasz", "Żaneta", "Świętosława"]
    data = tmp_path / "imiona.txt"
    data.write_text("\n".join(texts), "utf-8")
    variables = {"PYTHONIOENCODING": encoding}
    plain = cli("train", data, "--steps", "3000", "--run", "P", env=variables)
    assert "?" in plain
    lines = cli("train", data, "--steps", "3000", "--run", "J", "--json", env=variables)
    finished = objects(lines)[-1]
    assert finished["samples"] == (tmp_path / "J" / "samples.txt").read_text("utf-8").splitlines()
    assert set("ŁŻŚ") & set("".join(finished["samples"]))


# Standing still


def test_a_device_that_is_stopped_and_goes_on(
    cli: CommandLine, names: Path, tmp_path: Path
) -> None:
    with cli.running("train", names, *LONG, "--json") as process:
        events_until_step(process, 500)
        pid = device_of(process)
        os.kill(pid, signal.SIGSTOP)
        assert process.stdout is not None
        silent = next(line for line in process.stdout if json.loads(line)["event"] == "silent")
        assert json.loads(silent)["silent_s"] > 0
        os.kill(pid, signal.SIGCONT)
        events_until_step(process, 20_000)
        assert device_of(process) == pid
        process.terminate()
        out, _ = rest(process)
    assert not [event for event in objects(out) if event["event"] in ("interrupted", "restored")]
    check_kept(tmp_path / "R")


# Errors for programs


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("info", "--port", "/dev/nothing"), 1),
        (("train", "nothing.txt"), 1),
        (("sample", "-n", "0"), 2),
        (("bench", "--nonsense"), 2),
    ],
)
def test_with_json_an_error_is_an_object(
    cli: CommandLine, arguments: tuple[str, ...], status: int
) -> None:
    done = cli.finished(*arguments, "--json", code=status)
    (error,) = objects(done.stdout)
    assert error["event"] == "error"
    assert error["exit_status"] == status
    assert error["message"]
    assert done.stderr
