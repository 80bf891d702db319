"""The command that brings an extra: it must reach the environment that ugpt runs in."""

from __future__ import annotations

import json
import shlex
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from ugpt import wording
from ugpt.wording import install_command, update_command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the words are those of sh")


class Installed:
    """A distribution as an installer leaves it."""

    def __init__(self, origin: str | None) -> None:
        self._origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return self._origin


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the programs of an environment that has a pip, as the path names it."""
    folder = tmp_path / "my env" / "bin"
    folder.mkdir(parents=True)
    for name in ("python", "pip"):
        (folder / name).touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr("importlib.metadata.distribution", lambda name: Installed(None))
    return folder


def test_the_pip_that_a_shell_finds(environment: Path) -> None:
    assert install_command(extra="fleet") == "pip install 'ugpt-esp32[fleet]'"
    assert update_command() == "pip install --upgrade ugpt-esp32"


def test_another_pip_is_in_the_way(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip").touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{environment}")
    words = shlex.split(install_command(extra="build"))
    python = str(environment / "python")
    assert words == [python, "-m", "pip", "install", "ugpt-esp32[build]"]


def test_an_environment_without_pip(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (environment / "pip").unlink()
    monkeypatch.setattr(wording, "find_spec", lambda name: None)
    words = shlex.split(install_command(extra="fleet"))
    python = str(environment / "python")
    assert words == ["uv", "pip", "install", "--python", python, "ugpt-esp32[fleet]"]


@pytest.mark.parametrize("editable", [False, True])
def test_a_clone_is_named(
    editable: bool, environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = tmp_path / "a clone"
    clone.mkdir()
    origin = {"url": clone.as_uri(), "dir_info": {"editable": True} if editable else {}}
    monkeypatch.setattr(
        "importlib.metadata.distribution", lambda name: Installed(json.dumps(origin))
    )
    words = shlex.split(install_command(extra="fleet"))
    assert words == ["pip", "install", *["--editable"] * editable, f"{clone}[fleet]"]
    assert update_command() == f"git -C '{clone}' pull && {install_command()}"
    clone.rmdir()
    assert install_command() == "pip install ugpt-esp32"


@pytest.mark.parametrize(
    "origin", ["", "[]", "{", '{"url": 5}', '{"url": "https://example.org/ugpt.whl"}']
)
def test_what_says_nothing_of_a_folder(
    origin: str, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.metadata.distribution", lambda name: Installed(origin))
    assert install_command() == "pip install ugpt-esp32"


def test_a_program_that_is_not_installed(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> Installed:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.distribution", absent)
    assert install_command() == "pip install ugpt-esp32"
