"""What a board says when it falls: addresses in its last words, and the source lines they name."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import reason_of
from ..storage.plain_file import read_plain
from .errors import ToolError

_BACKTRACE = re.compile(r"Backtrace:((?:\s*0x[0-9a-fA-F]{8}:0x[0-9a-fA-F]{8})+)")
_BACKTRACE_ENTRY = re.compile(r"(0x[0-9a-fA-F]{8}):")
_REGISTER = re.compile(r"\b(?:MEPC|RA)\s*:\s*(0x[0-9a-fA-F]{8})")
_ABORT = re.compile(r"abort\(\) was called at PC (0x[0-9a-fA-F]{8})")
_ELF_DIGEST = re.compile(r"ELF file SHA256:\s*([0-9a-f]{8,64})")

_MOST_BYTES = 2**28
_TIMEOUT_S = 30.0
_ELF_MAGIC = b"\x7fELF"
_MACHINE_OFFSET = 18  # of e_machine, in every ELF header
_XTENSA, _RISCV = 94, 243
_PROGRAMS = {
    _XTENSA: (
        "xtensa-esp32-elf-addr2line",
        "xtensa-esp-elf-addr2line",
        "xtensa-esp32s3-elf-addr2line",
    ),
    _RISCV: ("riscv32-esp-elf-addr2line",),
}
_OTHER_PROGRAMS = ("addr2line",)
_TOOLCHAINS = (".platformio/packages/*/bin", ".espressif/tools/*/*/*/bin")


def code_addresses(line: str) -> list[int]:
    """Addresses of code in a line of a panic, innermost first; none in any other line."""
    if backtrace := _BACKTRACE.search(line):
        found = _BACKTRACE_ENTRY.findall(backtrace[1])
    elif abort := _ABORT.search(line):
        found = [abort[1]]
    else:
        found = _REGISTER.findall(line)
    return [int(address, 16) for address in found]


def elf_digest(line: str) -> str:
    """The beginning of the digest of its ELF file, if a board tells it; else empty."""
    match = _ELF_DIGEST.search(line)
    return match[1] if match else ""


class Symbols:
    """The ELF file of a firmware, and a program that reads it."""

    def __init__(self, elf: Path) -> None:
        """Raises ToolError if the file is none or nothing can read it."""
        self.elf = elf
        try:
            content = read_plain(elf, _MOST_BYTES)
        except (OSError, ValueError) as error:
            raise ToolError(
                f"{elf} cannot be read: {reason_of(error).lower()}.",
                "Name the firmware.elf of the build with --elf.",
            ) from None
        if not content.startswith(_ELF_MAGIC) or len(content) < _MACHINE_OFFSET + 2:
            raise ToolError(f"{elf} is not an ELF file.", "Name the firmware.elf of the build.")
        (machine,) = struct.unpack_from("<H", content, _MACHINE_OFFSET)
        self._digest = hashlib.sha256(content).hexdigest()
        self._program = _find_program(_PROGRAMS.get(machine, _OTHER_PROGRAMS))

    def belongs_to(self, digest: str) -> bool:
        """Whether a board that tells `digest` runs this very build."""
        return self._digest.startswith(digest)

    async def describe(self, addresses: Sequence[int]) -> list[str]:
        """A line for each address and each function inlined there: function, file and line."""
        arguments = [f"0x{address:08x}" for address in addresses]
        process = await asyncio.create_subprocess_exec(
            self._program, "-pfiaC", "-e", self.elf, *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                output, errors = await process.communicate()
        except TimeoutError:
            process.kill()
            raise ToolError(f"{self._program} does not end.") from None
        if process.returncode:
            said = errors.decode(errors="replace").strip()
            raise ToolError(f"{self._program} failed: {said}.")
        return output.decode(errors="replace").splitlines()


def newest_elf(project: Path) -> Path | None:
    """The ELF file that was built last in a firmware project, if there is any."""
    found = [*project.glob(".pio/build/*/firmware.elf"), *project.glob("build/*.elf")]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def _find_program(names: Sequence[str]) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
        for folder in _toolchain_folders():
            if path := shutil.which(name, path=str(folder)):
                return path
    raise ToolError(
        f"Nothing here can read the ELF file: there is no {names[0]}.",
        "PlatformIO and ESP-IDF bring it along; put its folder on PATH.",
    )


def _toolchain_folders() -> Iterator[Path]:
    try:
        home = Path.home()
    except RuntimeError:  # nobody knows this user
        return
    for pattern in _TOOLCHAINS:
        yield from sorted(home.glob(pattern), reverse=True)
