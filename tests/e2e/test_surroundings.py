"""What a system may lack: a home, a place for state, locks, a terminal, room for a file."""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaign.disks import fill, missing, small_disk
from tests.support.commands import CommandLine, digest
from tests.support.devices import listening_device
from ugpt.device import virtual
from ugpt.storage.state_folder import state_folder

SHORT = ("--steps", "100", "--run", "R")
NO_SYSTEM_LOCKS = """
#include <errno.h>
int flock(int fd, int op) { (void)fd; (void)op; errno = ENOLCK; return -1; }
"""


@pytest.fixture
def unusable(tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """A folder for state that cannot be used, in one of several ways."""
    place = tmp_path / "unusable"
    match request.param:
        case "file":
            place.write_text("")
        case "no such file system":
            place = Path("/proc/nowhere")
        case "flash is a folder":
            (place / "ugpt" / "virtual-esp32.flash").mkdir(parents=True)
        case "flash is a pipe":
            (place / "ugpt").mkdir(parents=True)
            os.mkfifo(place / "ugpt" / "virtual-esp32.flash")
    return {"XDG_STATE_HOME": str(place)}


UNUSABLE = pytest.mark.parametrize(
    "unusable",
    ["file", "no such file system", "flash is a folder", "flash is a pipe"],
    indirect=True,
)


@UNUSABLE
def test_a_device_of_the_moment(
    cli: CommandLine, tmp_path: Path, names: Path, unusable: dict[str, str]
) -> None:
    said = cli("train", names, *SHORT, env=unusable)
    assert "its flash is not kept" in said
    assert digest(tmp_path / "R")
    assert "holds no" in cli.refused("sample", env=unusable)
    assert "its flash is not kept" in cli("info", env=unusable)
    # What is advised works with a device that forgets all.
    loaded = cli.finished("load", "R", env=unusable).stderr
    advised = re.search(r"ugpt (sample .*)", loaded)
    assert advised is not None, loaded
    assert cli(*shlex.split(advised[1]), env=unusable)
    alone = ("--steps", "16000000", "--run", "alone", "--detach")
    left = cli.finished("train", names, *alone, env=unusable).stderr
    assert "stops when this command exits, and the run is lost" in left
    assert "cable can be pulled" not in left


@pytest.mark.skipif(bool(missing()), reason=f"a full disk needs {missing()}")
def test_a_full_disk_keeps_no_flash(cli: CommandLine, tmp_path: Path, names: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk):
        fill(disk / "filler", 0)
        said = cli("train", names, *SHORT, env={"XDG_STATE_HOME": str(disk)})
    assert "its flash is not kept: No space left on device" in said
    assert digest(tmp_path / "R")


@pytest.mark.parametrize("unusable", ["file", "no such file system"], indirect=True)
async def test_a_run_that_is_not_remembered(
    cli: CommandLine, tmp_path: Path, names: Path, unusable: dict[str, str]
) -> None:
    run = ("--steps", "3000", "--run", tmp_path / "deep" / "er" / "R")
    async with listening_device("socket", tmp_path / "flash") as port:
        said = cli("train", names, *run, "--detach", "--port", port, env=unusable)
        command = next(line for line in said.splitlines() if line.startswith("watch it: "))
        _, separator, options = command.partition("ugpt attach ")
        assert (separator, options) == ("ugpt attach ", f"--port {port} --run {run[3]}")
        assert "attach --run RUN" in cli.refused("attach", "--port", port, env=unusable)
        cli("attach", *shlex.split(options), env=unusable)
    assert digest(tmp_path / "deep" / "er" / "R")


@pytest.mark.parametrize("note", [b"\xff\xfe", b"/no/such/run\n", b"\0", b"x" * 100_000, b""])
async def test_a_stale_note_is_no_obstacle(
    cli: CommandLine, tmp_path: Path, names: Path, note: bytes
) -> None:
    async with listening_device("socket", tmp_path / "flash") as port:
        cli("train", names, "--steps", "3000", "--run", "R", "--detach", "--port", port)
        (written,) = (tmp_path / "state" / "ugpt" / "runs").iterdir()
        written.write_bytes(note)
        cli("attach", "--port", port)
    assert digest(tmp_path / "R")


def test_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (Path("~/.local/state/ugpt"), Path("relative")):
        monkeypatch.setattr("platformdirs.user_state_path", lambda name, place=place: place)
        with pytest.raises(FileNotFoundError, match="no home folder"):
            state_folder()
        assert virtual.kept_flash("esp32") == (
            virtual.IN_MEMORY,
            "its flash is not kept: this user has no home folder",
        )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_user_whom_nobody_knows(tmp_path: Path, names: Path) -> None:
    """As in a container that is started with a number for its user."""
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    capability = "+dac_read_search"  # the tests may lie where this user could not look
    become = (
        *("setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"),
        *("--inh-caps", capability, "--ambient-caps", capability),
    )
    tmp_path.chmod(0o777)
    environment = {"PATH": os.environ["PATH"]}
    for arguments in (("train", str(names), *SHORT), ("plan",), ("doctor",)):
        done = subprocess.run(
            [*become, sys.executable, "-m", "ugpt", *arguments],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
    assert digest(tmp_path / "R")


@pytest.mark.parametrize("closed", ["<&-", "</dev/null"])
def test_without_a_terminal_and_without_input(
    cli: CommandLine, tmp_path: Path, names: Path, closed: str
) -> None:
    """As under cron."""
    command = f'"{sys.executable}" -m ugpt train "{names}" --steps 100 --run R {closed}'
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=tmp_path, env={"HOME": str(tmp_path)}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert digest(tmp_path / "R")


def test_a_current_folder_that_is_gone(tmp_path: Path, names: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f'rmdir "{gone}"; exec "{sys.executable}" -m ugpt plan'
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=gone, env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.own_process  # the library is loaded as a program starts
def test_a_file_system_without_locks(cli: CommandLine, tmp_path: Path, names: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("this needs a C compiler and Linux")
    (tmp_path / "locks.c").write_text(NO_SYSTEM_LOCKS)
    library = tmp_path / "locks.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", library, tmp_path / "locks.c"], check=True, timeout=60
    )
    for arguments in (("train", names, *SHORT), ("sim", "--flash", "x.flash")):
        said = cli.refused(*arguments, env={"LD_PRELOAD": str(library)})
        assert "without locks" in said
        assert "local disk" in said


def test_a_limit_on_the_size_of_files(cli: CommandLine, tmp_path: Path, names: Path) -> None:
    """`ulimit -f`: the flash of the virtual device and the losses go beyond it."""
    cli("info")  # makes the flash

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))

    more = ("--steps", "3000", "--run", "R", "--save-every", "500", "--json")
    done = cli.finished("train", names, *more, code=1, preexec_fn=limited)
    assert done.stderr.count("error: ") == 1
    assert "it is larger than files may be. Raise the limit (ulimit -f)" in done.stderr
    assert "Traceback" not in done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert max(event["step"] for event in events if event["event"] == "step") == 3000
    for line in (tmp_path / "R" / "metrics.jsonl").read_text().splitlines():
        json.loads(line)
    cli("train", "--resume", "R")
    cli("train", names, "--steps", "3000", "--run", "straight")
    assert digest(tmp_path / "R") == digest(tmp_path / "straight")
