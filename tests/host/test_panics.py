"""Panic text as boards print it, decoded with a real ELF file."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from ugpt.firmware.backtrace import Symbols, code_addresses, elf_digest, newest_elf
from ugpt.firmware.errors import ToolError

SOURCE = """\
int depth;
__attribute__((noinline)) int step(int n) {
    return n + depth;
}
int main(void) { return step(3); }
"""


@pytest.mark.parametrize(
    ("line", "addresses"),
    [
        (
            "Backtrace: 0x400d1a2b:0x3ffb1f50 0x400d1a80:0x3ffb1f70 |<-CORRUPTED",
            [0x400D1A2B, 0x400D1A80],
        ),
        ("Backtrace:0x40081234:0x3ffb0000", [0x40081234]),
        ("abort() was called at PC 0x400d1234 on core 1", [0x400D1234]),
        (
            "MEPC    : 0x4200abcd  RA      : 0x4200ef01  SP      : 0x3fc90000",
            [0x4200ABCD, 0x4200EF01],
        ),
        ("PC      : 0x400d1a2b  PS      : 0x00060330  A0      : 0x800d1a80", []),
        ("EXTRA   : 0x400d1a2b", []),
        ("kamon", []),
    ],
)
def test_addresses(line: str, addresses: list[int]) -> None:
    assert code_addresses(line) == addresses


def test_digest() -> None:
    assert elf_digest("ELF file SHA256: 9a8b7c6d5e4f3a2b") == "9a8b7c6d5e4f3a2b"
    assert elf_digest("Rebooting...") == ""


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("g++")
    if compiler is None or shutil.which("addr2line") is None:
        pytest.skip("needs a C compiler and addr2line")
    folder = tmp_path_factory.mktemp("elf")
    (folder / "fall.c").write_text(SOURCE)
    command = [compiler, "-g", "-O0", "-no-pie", "-o", "firmware.elf", "fall.c"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "firmware.elf"


def address_of(elf: Path, name: str) -> int:
    listed = subprocess.run(["nm", elf], capture_output=True, text=True, check=True).stdout
    return next(int(line.split()[0], 16) for line in listed.splitlines() if line.endswith(name))


async def test_source_lines(elf: Path) -> None:
    symbols = Symbols(elf)
    (line,) = await symbols.describe([address_of(elf, " step")])
    assert "step at " in line
    assert "fall.c:2" in line
    both = await symbols.describe([address_of(elf, " step"), address_of(elf, " main")])
    assert "main at " in both[1]
    (unknown,) = await symbols.describe([0x10])
    assert "??" in unknown


def test_build_is_recognised(elf: Path) -> None:
    digest = hashlib.sha256(elf.read_bytes()).hexdigest()
    assert Symbols(elf).belongs_to(digest[:16])
    assert not Symbols(elf).belongs_to("0123456789abcdef")


def test_files_that_are_no_elf(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cannot be read"):
        Symbols(tmp_path / "absent.elf")
    with (tmp_path / "large.elf").open("wb") as file:
        file.truncate(2**28 + 1)
    with pytest.raises(ToolError, match="file too large"):
        Symbols(tmp_path / "large.elf")
    (tmp_path / "text").write_text("anna")
    with pytest.raises(ToolError, match="not an ELF file"):
        Symbols(tmp_path / "text")


def test_chip_without_a_toolchain(
    tmp_path: Path, elf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray(elf.read_bytes())
    content[18:20] = (94).to_bytes(2, "little")  # Xtensa
    (tmp_path / "firmware.elf").write_bytes(content)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ToolError, match="xtensa-esp32-elf-addr2line"):
        Symbols(tmp_path / "firmware.elf")
    tools = tmp_path / ".platformio" / "packages" / "toolchain-xtensa-esp-elf" / "bin"
    tools.mkdir(parents=True)
    program = tools / "xtensa-esp32-elf-addr2line"
    program.write_text("#!/bin/sh\necho 0x400d1a2b: found at engine/model.cpp:7\n")
    program.chmod(0o755)
    described = asyncio.run(Symbols(tmp_path / "firmware.elf").describe([0x400D1A2B]))
    assert described == ["0x400d1a2b: found at engine/model.cpp:7"]


@pytest.mark.parametrize(
    ("script", "complaint"),
    [("echo no lines >&2; exit 3", "failed: no lines"), ("kill $$", "failed")],
)
def test_a_program_that_fails_is_quoted(elf: Path, script: str, complaint: str) -> None:
    symbols = Symbols(elf)
    program = elf.parent / "addr2line"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    symbols._program = str(program)
    with pytest.raises(ToolError, match=complaint):
        asyncio.run(symbols.describe([1]))


def test_newest_build(tmp_path: Path) -> None:
    assert newest_elf(tmp_path) is None
    for age, folder in enumerate((".pio/build/esp32dev", "build")):
        (tmp_path / folder).mkdir(parents=True)
        file = tmp_path / folder / "firmware.elf"
        file.touch()
        shutil.copystat(__file__, file)
        if age == 0:
            file.touch()
    assert newest_elf(tmp_path) == tmp_path / ".pio/build/esp32dev/firmware.elf"
