"""The ESP-IDF project: one list of sources, one map of the flash, and settings with reasons."""

from __future__ import annotations

import csv
import json
import os
import platform
import re
import shlex
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.tools import ROOT, run, tool

DEVICE = ROOT / "device"
SOURCE = DEVICE / "src"
ENVIRONMENTS = {
    "esp32dev",
    "esp32-s3-devkitc-1",
    "esp32-s3-devkitc-1-psram",
    "esp32-c3-devkitm-1",
    "esp32-s3-usb",
    "esp32-c3-usb",
}
FLASH_BYTES = 4 << 20
SECTOR_BYTES = 4096
APP_ALIGNMENT = 0x10000
FIRST_FREE = 0x9000  # behind the bootloader and the partition table
REGION_TYPE = "0x40"


# PlatformIO


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    core = tmp_path_factory.mktemp("platformio")
    output = run(
        tool("pio"), "project", "config", "-d", DEVICE, "--json-output",
        variables={"PLATFORMIO_CORE_DIR": str(core)},
    )  # fmt: skip
    sections = {name: dict(options) for name, options in json.loads(output)}
    return {
        name.removeprefix("env:"): options
        for name, options in sections.items()
        if name.startswith("env:")
    }


def test_platformio_knows_every_board(environments: dict[str, dict[str, object]]) -> None:
    assert set(environments) == ENVIRONMENTS
    for options in environments.values():
        assert options["platform"] == "espressif32@6.13.0"
        assert options["framework"] == ["espidf"]
        assert options["board_build.partitions"] == "partitions.csv"


def test_settings_files_of_every_environment_exist(
    environments: dict[str, dict[str, object]],
) -> None:
    named = 0
    for options in environments.values():
        arguments = str(options.get("board_build.cmake_extra_args", ""))
        match = re.search(r"SDKCONFIG_DEFAULTS=([^\"]*)", arguments)
        for name in match[1].split(";") if match else []:
            assert (DEVICE / name).is_file(), name
            named += 1
    assert named >= 3


# Sources


@pytest.fixture(scope="module")
def component_sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What device/src/CMakeLists.txt hands to ESP-IDF, for each port of the link."""
    folder = tmp_path_factory.mktemp("component")
    script, listed = folder / "list.cmake", folder / "sources"
    script.write_text(
        f"""
        function(idf_component_register)
            cmake_parse_arguments(ARG "" "" "SRCS;INCLUDE_DIRS;PRIV_REQUIRES" ${{ARGN}})
            file(WRITE {listed} "${{ARG_SRCS}}")
        endfunction()
        function(target_compile_definitions)
        endfunction()
        function(target_compile_options)
        endfunction()
        function(target_link_libraries)
        endfunction()
        set(CMAKE_CURRENT_LIST_DIR {SOURCE})
        include({SOURCE}/CMakeLists.txt)
        """
    )
    found = {}
    for link in ("UART", "USB_SERIAL_JTAG"):
        run(tool("cmake"), f"-DCONFIG_UGPT_LINK_{link}=y", "-P", script)
        found[link] = set(listed.read_text().split(";"))
    return found


@pytest.fixture(scope="module")
def native_sources(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What the native build compiles."""
    build = tmp_path_factory.mktemp("native")
    run(
        tool("cmake"), "-S", ROOT, "-B", build, "-G", "Ninja",
        f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
        "-DCMAKE_UNITY_BUILD=OFF",
        timeout_s=300,
    )  # fmt: skip
    commands = json.loads((build / "compile_commands.json").read_text())
    return {Path(c["file"]).resolve().relative_to(SOURCE).as_posix() for c in commands}


def shared(sources: set[str]) -> set[str]:
    """The sources that belong neither to a platform nor to an instruction set of x86, nor to the
    plain reference of the engine."""
    apart = re.compile(r"port/|main/|engine/\w+/kernels_avx|engine/reference/")
    return {s for s in sources if not apart.match(s)}


def test_both_builds_have_the_same_sources(
    component_sources: dict[str, set[str]], native_sources: set[str]
) -> None:
    for sources in component_sources.values():
        assert len(shared(sources)) > 10
        assert shared(sources) == shared(native_sources)
        assert not any(re.search(r"avx|posix|reference", s) for s in sources)


def test_no_source_is_forgotten(component_sources: dict[str, set[str]]) -> None:
    listed = component_sources["UART"] | component_sources["USB_SERIAL_JTAG"]
    present = {p.relative_to(SOURCE).as_posix() for p in SOURCE.rglob("*.cpp")}
    native = re.compile(r"port/posix/|main/posix|engine/\w+/kernels_avx|engine/reference/")
    assert {s for s in present if not native.match(s)} == listed


def test_the_native_build_knows_every_source(
    component_sources: dict[str, set[str]], native_sources: set[str]
) -> None:
    listed = set().union(native_sources, *component_sources.values())
    present = {p.relative_to(SOURCE).as_posix() for p in SOURCE.rglob("*.cpp")}
    missing = present - listed
    if platform.machine() != "x86_64":
        missing = {s for s in missing if "/kernels_avx" not in s}
    assert missing == set()


def test_sources_compile_with_the_types_of_a_chip(component_sources: dict[str, set[str]]) -> None:
    """What belongs to no platform: the headers of ESP-IDF are not at hand everywhere."""
    compiler = shutil.which("arm-linux-gnueabihf-g++")
    if compiler is None:
        pytest.skip("arm-linux-gnueabihf-g++ is not in PATH; see .ci/run")
    options = [
        "-std=gnu++20", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Werror",
        "-fsyntax-only", '-DUGPT_VERSION="test"',
    ]  # fmt: skip
    types = ROOT / "tests" / "support" / "newlib_stdint.h"
    sources = shared(component_sources["UART"])
    assert len(sources) > 40
    for source in sorted(sources):
        run(compiler, *options, "-include", types, "-I", SOURCE, SOURCE / source, timeout_s=120)


# Flash


@dataclass(frozen=True)
class Partition:
    name: str
    type: str
    subtype: str
    offset: int
    size: int


def number(text: str) -> int:
    units = {"K": 1 << 10, "M": 1 << 20}
    if text[-1] in units:
        return int(text[:-1], 0) * units[text[-1]]
    return int(text, 0)


@pytest.fixture(scope="module")
def partitions() -> list[Partition]:
    lines = (DEVICE / "partitions.csv").read_text().splitlines()
    rows = csv.reader(line for line in lines if not line.startswith("#"))
    return [
        Partition(name, kind, subtype, number(offset), number(size))
        for name, kind, subtype, offset, size in ([c.strip() for c in row] for row in rows)
    ]


def test_partitions_fit_the_flash(partitions: list[Partition]) -> None:
    end = FIRST_FREE
    for partition in sorted(partitions, key=lambda p: p.offset):
        alignment = APP_ALIGNMENT if partition.type == "app" else SECTOR_BYTES
        assert partition.offset >= end, partition
        assert partition.offset % alignment == 0, partition
        assert partition.size > 0, partition
        assert partition.size % SECTOR_BYTES == 0, partition
        end = partition.offset + partition.size
    assert end <= FLASH_BYTES


def test_new_firmware_leaves_everything_else_alone(partitions: list[Partition]) -> None:
    """An image is written from address 0 to the end of the application."""
    (application,) = (p for p in partitions if p.type == "app")
    assert application.size == 1 << 20
    assert all(p.offset > application.offset for p in partitions if p is not application)


def test_a_model_can_be_mapped(partitions: list[Partition]) -> None:
    (model,) = (p for p in partitions if p.name == "model")
    assert model.size == 0x110000
    assert model.offset % APP_ALIGNMENT == 0


def test_what_follows_from_the_table_is_up_to_date() -> None:
    run(sys.executable, DEVICE / "regions.py", "--check")


def test_names_of_regions_suggest_no_other_type(partitions: list[Partition]) -> None:
    """ESP-IDF warns of a partition that is called like a type or subtype that it is not."""
    types = {"app", "data", "bootloader", "partition_table"}
    subtypes = {"ota", "phy", "nvs", "nvs_keys", "efuse", "coredump", "fat", "spiffs", "littlefs"}
    assert not {p.name for p in partitions if p.type == REGION_TYPE} & (types | subtypes)


# Settings


def settings_files() -> list[Path]:
    return sorted(DEVICE.glob("sdkconfig.defaults*"))


@pytest.mark.parametrize("path", settings_files(), ids=lambda p: p.name)
def test_every_setting_has_a_reason(path: Path) -> None:
    for block in re.split(r"\n\s*\n", path.read_text().strip()):
        lines = block.splitlines()
        settings = [line for line in lines if not line.startswith("#")]
        assert all(re.fullmatch(r"CONFIG_\w+=\S+", line) for line in settings), block
        assert lines[0].startswith("# "), f"{path.name} gives no reason for:\n{block}"


@pytest.fixture(scope="module")
def idf() -> Path:
    path = os.environ.get("IDF_PATH")
    if path is None:
        pytest.skip("IDF_PATH is not set: there is no ESP-IDF to compile against")
    return Path(path)


def test_every_setting_is_known(idf: Path) -> None:
    kconfigs = [*idf.glob("components/**/Kconfig*"), idf / "Kconfig", *SOURCE.glob("Kconfig*")]
    known = set()
    for path in filter(Path.is_file, kconfigs):
        known |= set(re.findall(r"^\s*(?:menu)?config (\w+)", path.read_text(), re.MULTILINE))
    for path in settings_files():
        for name in re.findall(r"^CONFIG_(\w+)=", path.read_text(), re.MULTILINE):
            assert name in known, f"{path.name}: {name}"


def test_the_component_compiles(idf: Path, tmp_path: Path) -> None:
    """All sources of a plain ESP32 against the headers of ESP-IDF, with the project's own flags."""
    if shutil.which("xtensa-esp32-elf-g++") is None:
        pytest.skip("xtensa-esp32-elf-g++ is not in PATH; source ESP-IDF's export.sh")
    python = Path(os.environ.get("IDF_PYTHON_ENV_PATH", sysconfig.get_path("data"))) / "bin/python"
    run(
        tool("cmake"), "-S", DEVICE, "-B", tmp_path, "-G", "Ninja",
        f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}", "-DIDF_TARGET=esp32", "-DESP_PLATFORM=1",
        "-DPYTHON_DEPS_CHECKED=1", f"-DPYTHON={python}", f"-DSDKCONFIG={tmp_path}/sdkconfig",
        timeout_s=600,
    )  # fmt: skip
    commands = json.loads((tmp_path / "compile_commands.json").read_text())
    ours = [c for c in commands if Path(c["file"]).is_relative_to(SOURCE)]
    assert len(ours) > 20
    for command in ours:
        arguments = shlex.split(command["command"])
        assert {"-Wall", "-Wextra", "-Werror", "-ffp-contract=off"} <= set(arguments)
        at = arguments.index("-o")
        del arguments[at : at + 2]
        run(*arguments, "-fsyntax-only", timeout_s=300, cwd=tmp_path)
