"""What goes wrong ends in one sentence, a non-zero exit, and nothing half-written."""

from __future__ import annotations

import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.commands import CommandLine, digest, losses


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "no file"),
        (b"", "no text"),
        (b" \n\n\t\n", "no text"),
        (b"anna\n\xff\xfe\x00\n", "byte 0xff in line 2"),
        (b"anna\nbe\x00la\n", "zero byte in line 2"),
    ],
)
def test_data(cli: CommandLine, tmp_path: Path, content: bytes | None, complaint: str) -> None:
    if content is not None:
        (tmp_path / "text").write_bytes(content)
    assert complaint in cli.refused("train", "text", "--run", "R")
    assert not (tmp_path / "R").exists()


def test_folder_as_data(cli: CommandLine) -> None:
    assert "holds no texts" in cli.refused("train", ".")


def test_a_file_of_the_user_as_flash(cli: CommandLine, tmp_path: Path) -> None:
    novel = tmp_path / "novel.txt"
    novel.write_text("It was a dark and stormy night.\n" * 100_000)
    before = novel.read_bytes()
    said = cli.refused("sim", "--flash", "novel.txt")
    assert "novel.txt is neither empty nor the flash of a virtual device" in said
    assert novel.read_bytes() == before


def test_shape_that_does_not_divide(cli: CommandLine, names: Path, tmp_path: Path) -> None:
    said = cli.refused("train", names, "--n-embd", "18", "--run", "R", code=2)
    assert "--n-embd 16 or 20" in said
    assert "--n-head 3" in said
    assert not (tmp_path / "R").exists()


def test_shape_that_does_not_fit(cli: CommandLine, names: Path, tmp_path: Path) -> None:
    said = cli.refused("train", names, "--n-embd", "64", "--run", "R")
    width = said.split("--n-embd ")[1].split()[0].rstrip(".")
    assert "bytes more" in said
    assert not (tmp_path / "R").exists()
    cli("train", names, "--n-embd", width, "--steps", "2", "--run", "R")
    too_wide = cli.refused("train", names, "--n-embd", str(int(width) + 4), "--run", "R2")
    assert f"--n-embd {width}" in too_wide


def test_run_folder_that_exists(cli: CommandLine, names: Path, tmp_path: Path) -> None:
    (tmp_path / "R").mkdir()
    (tmp_path / "R" / "mine").write_text("kept")
    assert "exists already" in cli.refused("train", names, "--run", "R")
    assert [path.name for path in (tmp_path / "R").iterdir()] == ["mine"]


def test_resume_without_run(cli: CommandLine, names: Path, tmp_path: Path) -> None:
    assert "not a run folder" in cli.refused("train", "--resume", "nowhere")
    cli("train", names, "--steps", "20", "--run", "R")
    (tmp_path / "other.txt").write_text("anna\n")
    assert "is not the text" in cli.refused("train", "other.txt", "--resume", "R")
    assert "R has done 20 steps" in cli.refused("train", "--resume", "R", "--steps", "7")


def test_moved_data(cli: CommandLine, names: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_bytes(names.read_bytes())
    cli("train", "mine.txt", "--steps", "20", "--run", "R")
    (tmp_path / "mine.txt").rename(tmp_path / "moved.txt")
    assert "--resume R FILE" in cli.refused("train", "--resume", "R")
    before = digest(tmp_path / "R")
    cli("train", "--resume", "R", "moved.txt")
    assert digest(tmp_path / "R") == before


def test_sample_without_model(cli: CommandLine) -> None:
    assert "ugpt train" in cli.refused("sample")


def test_absent_port(cli: CommandLine, names: Path, tmp_path: Path) -> None:
    said = cli.refused("train", names, "--port", "/dev/does-not-exist", "--run", "R")
    assert "/dev/does-not-exist" in said
    assert not (tmp_path / "R").exists()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"socket://127.0.0.1:{free.getsockname()[1]}"
    assert address in cli.refused("info", "--port", address)


def test_port_that_is_a_file(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("anna\n")
    assert "not a serial port" in cli.refused("info", "--port", tmp_path / "file")


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A port behind which something says `answer` to whatever it hears."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                while connection.recv(4096):
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"socket://127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)


def test_port_with_something_else(cli: CommandLine, names: Path) -> None:
    with answering(b"HTTP/1.1 400 Bad Request\r\n") as port:
        assert "HTTP/1.1 400" in cli.refused("train", names, "--port", port)


def test_unknown_board(cli: CommandLine) -> None:
    assert "esp32" in cli.refused("plan", "--board", "pdp11", code=2)
    assert "esp32" in cli.refused("sim", "--board", "pdp11", code=2)


def test_full_disk(cli: CommandLine, names: Path, tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))

    # The limit holds for the device too: its flash is a file that must exist by then.
    cli("info")
    said = cli.refused("train", names, "--steps", "4000", "--run", "R", preexec_fn=limit)
    assert "it is larger than files may be. Raise the limit (ulimit -f)" in said
    assert 0 < len(losses(tmp_path / "R")) < 4000
    assert not [path for path in (tmp_path / "R").iterdir() if path.name.startswith(".")]
    cli("train", "--resume", "R")
    cli("train", names, "--steps", "4000", "--run", "straight")
    assert digest(tmp_path / "R") == digest(tmp_path / "straight")
