"""The packages that a release consists of, made as pip makes them, and used without the sources."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import ugpt
from tests.support.commands import losses
from tests.support.devices import listening_device
from tests.support.firmware import ESP32, ESP32_S3, merged
from tests.support.pages import Shell
from tests.support.processes import MARK
from tests.support.rom import rom_loader
from tests.support.tools import ROOT, project_files, run

NAME = f"ugpt_esp32-{ugpt.__version__}"
IMAGES = "ugpt/firmware/images"
NOTICES = "what the images contain\n"
BUILD_TIMEOUT_S = 600.0
COMMAND_TIMEOUT_S = 120.0

# What pip asks of the build backend; it has no command for an sdist.
BUILD_SDIST = "import sys; from scikit_build_core.build import build_sdist as b; b(sys.argv[1])"


def image_name(environment: str) -> str:
    return f"ugpt-{ugpt.__version__}-{environment}.bin"


def make_sdist(source: Path, folder: Path) -> Path:
    run(sys.executable, "-c", BUILD_SDIST, folder, cwd=source)
    return folder / f"{NAME}.tar.gz"


def unpack(sdist: Path, folder: Path) -> Path:
    with tarfile.open(sdist) as archive:
        archive.extractall(folder)
    return folder / NAME


def add_images(source: Path) -> None:
    """What the release workflow does before it makes the packages; Git ignores the folder."""
    folder = source / "host" / IMAGES
    folder.mkdir(exist_ok=True)
    (folder / image_name("esp32dev")).write_bytes(merged(ESP32, ugpt.__version__))
    (folder / image_name("esp32-s3-devkitc-1")).write_bytes(merged(ESP32_S3, ugpt.__version__))
    (folder / "NOTICES.txt").write_text(NOTICES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packages")


@pytest.fixture(scope="module")
def source(folder: Path) -> Path:
    """An unpacked sdist that was made from an unpacked sdist, to which images were added."""
    first = unpack(make_sdist(ROOT, folder), folder / "first")
    add_images(first)
    return unpack(make_sdist(first, folder / "again"), folder / "second")


@pytest.fixture(scope="module")
def wheel(folder: Path, source: Path) -> Path:
    scripts = sysconfig.get_path("scripts")
    run(
        sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index",
        # The package is looked at, not its speed, and this compiles in a third of the time.
        "--config-settings=cmake.build-type=Debug", "--wheel-dir", folder, source,
        timeout_s=BUILD_TIMEOUT_S,
        variables={"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    (made,) = folder.glob("*.whl")
    return made


@dataclass(frozen=True)
class Installation:
    """A virtual environment with the wheel, an empty folder to work in, and an empty HOME."""

    environment: Path
    folder: Path

    def __call__(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return self.run([self.environment / "bin" / "ugpt", *arguments])

    def run(self, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={
                "HOME": str(self.folder),
                "PATH": os.defpath,
                MARK: os.environ[MARK],
            },
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done


@pytest.fixture(scope="module")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / "bin" / "python"
    run(
        sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel
    )
    # Nothing is downloaded: the dependencies are those of this Python. Files named *.pth in there,
    # such as that of the installation in place, have no effect.
    paths = {sysconfig.get_path(scheme) for scheme in ("purelib", "platlib")}
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text("\n".join(paths))
    return Installation(environment, tmp_path_factory.mktemp("home"))


def test_sdist_holds_the_project(folder: Path, source: Path) -> None:
    with tarfile.open(folder / f"{NAME}.tar.gz") as archive:
        held = {member.name.removeprefix(f"{NAME}/") for member in archive if member.isfile()}
    tracked = {path.relative_to(ROOT).as_posix() for path in project_files()}
    assert len(tracked) > 200
    assert not (missing := tracked - held - {"PKG-INFO"}), missing
    others = held - tracked - {"PKG-INFO"}
    assert all(name.startswith(f"host/{IMAGES}/") for name in others), others


def test_sdist_takes_images_along(source: Path) -> None:
    images = {path.name for path in (source / "host" / IMAGES).iterdir()}
    assert images >= {image_name("esp32dev"), image_name("esp32-s3-devkitc-1"), "NOTICES.txt"}


def test_wheel_fits_every_python_of_this_platform(wheel: Path) -> None:
    name, version, python, abi, platform = wheel.stem.split("-")
    assert (name, version, python, abi) == ("ugpt_esp32", ugpt.__version__, "py3", "none")
    assert platform != "any"
    with zipfile.ZipFile(wheel) as archive:
        described = archive.read(f"{NAME}.dist-info/WHEEL").decode()
    assert f"Tag: py3-none-{platform}\n" in described
    assert "Root-Is-Purelib: false\n" in described


def test_wheel_is_complete(wheel: Path, source: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        mode = archive.getinfo("ugpt/_bin/ugpt-device").external_attr >> 16
        licence = archive.read(f"{NAME}.dist-info/licenses/LICENSE")
    package = {
        path.relative_to(source / "host").as_posix()
        for path in (source / "host" / "ugpt").rglob("*")
        if path.is_file()
    }
    information = {name for name in held if name.startswith(f"{NAME}.dist-info/")}
    assert f"{IMAGES}/{image_name('esp32dev')}" in package
    assert held - information == package | {"ugpt/_bin/ugpt-device", "ugpt/data/names.txt"}
    assert mode & 0o111
    assert licence == (ROOT / "LICENSE").read_bytes()


def test_wheel_trains_and_samples_without_the_sources(installation: Installation) -> None:
    python = installation.environment / "bin" / "python"
    where = installation.run([python, "-c", "import ugpt; print(ugpt.__file__)"]).stdout
    assert Path(where.strip()).is_relative_to(installation.environment)
    assert installation("--version").stdout == f"ugpt {ugpt.__version__}\n"
    assert "4,192" in installation("plan").stdout
    names = ["anna", "berta", "clara", "dora", "emil", "frieda", "gustav", "hanna"]
    (installation.folder / "names.txt").write_text("\n".join(names))
    installation("train", "names.txt", "--steps", "20", "--plain")
    (run_folder,) = (installation.folder / "runs").iterdir()
    assert losses(run_folder)[19:]
    assert len(installation("sample", "-n", "3").stdout.splitlines()) == 3


def test_every_command_of_the_readme_without_the_sources(
    installation: Installation, tmp_path: Path
) -> None:
    Shell(tmp_path, installation.environment / "bin" / "python").run_commands_of_the_readme()


@pytest.mark.parametrize("page", ["README.md", "docs/library.md"])
def test_python_of_a_page_without_the_sources(
    page: str, installation: Installation, tmp_path: Path
) -> None:
    Shell(tmp_path, installation.environment / "bin" / "python").run_programs_of(page)


async def test_wheel_flashes_the_image_that_it_holds(
    installation: Installation, tmp_path: Path
) -> None:
    async with listening_device("socket", tmp_path / "flash") as address, rom_loader() as rom:
        host, _, port = address.removeprefix("socket://").rpartition(":")
        rom.device = (host, int(port))
        done = await asyncio.to_thread(installation, "flash", "--port", rom.address)
    assert f"{image_name('esp32dev')}, which came with ugpt" in done.stderr
    assert "written" in done.stdout
    assert "runs ugpt" in done.stdout
    content = merged(ESP32, ugpt.__version__)
    assert bytes(rom.flash[: len(content)]) == content
