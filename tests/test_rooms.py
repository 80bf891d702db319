"""The rooms of the code: arrows only where docs/rooms.toml has them, no cycles, pictures fresh."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from docs import rooms

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "host" / "ugpt"
SOURCE = ROOT / "device" / "src"
HOST = rooms.read_rooms("host")
DEVICE = rooms.read_rooms("device")


def test_host_arrows_are_allowed() -> None:
    arrows = rooms.host_arrows(PACKAGE)
    assert len(arrows) > 200
    assert not (wrong := rooms.forbidden(arrows, HOST)), "\n".join(wrong)


def test_device_arrows_are_allowed() -> None:
    arrows = rooms.device_arrows(SOURCE, DEVICE)
    assert len(arrows) > 150
    assert not (wrong := rooms.forbidden(arrows, DEVICE)), "\n".join(wrong)


def test_no_file_is_part_of_a_cycle() -> None:
    assert not rooms.file_cycle(rooms.host_arrows(PACKAGE))
    assert not rooms.file_cycle(rooms.device_arrows(SOURCE, DEVICE))


def test_allowed_arrows_run_one_way() -> None:
    for table in (HOST, DEVICE):
        pairs = {(name, used) for name, room in table.items() for used in room.uses}
        assert all(used in table for _, used in pairs)
        rooms.floors(table, pairs)  # raises if there is a cycle


def test_rooms_that_use_each_other_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = {name: rooms.Room(name, "", frozenset()) for name in "abc"}
    with pytest.raises(rooms.RoomCycle, match=r"^b -> c -> b$"):
        rooms.floors(table, {("a", "b"), ("b", "c"), ("c", "b")})

    def cycle() -> int:
        raise rooms.RoomCycle("b -> c -> b")

    monkeypatch.setattr(rooms, "update", cycle)
    assert rooms.main() == 1
    assert capsys.readouterr().out == "rooms that use each other: b -> c -> b\n"


def test_every_allowed_arrow_is_used() -> None:
    sides = ((HOST, rooms.host_arrows(PACKAGE)), (DEVICE, rooms.device_arrows(SOURCE, DEVICE)))
    for table, arrows in sides:
        allowed = {(name, used) for name, room in table.items() for used in room.uses}
        assert not allowed - rooms.room_arrows(arrows, table)


def test_every_file_has_a_room() -> None:
    top = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    folders = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert top | folders == set(HOST)
    files = [path for kind in ("*.h", "*.cpp") for path in SOURCE.rglob(kind)]
    assert {rooms.device_room(SOURCE, path, DEVICE) for path in files} <= set(DEVICE)


def test_the_package_itself_is_small() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= 6


def test_hidden_modules_stay_in_their_rooms() -> None:
    assert not (wrong := rooms.hidden_modules_used(rooms.host_arrows(PACKAGE))), "\n".join(wrong)


def test_no_room_goes_round_by_the_package() -> None:
    assert not (wrong := rooms.taken_from_the_package(PACKAGE)), "\n".join(wrong)


def test_the_engine_has_one_face() -> None:
    outside = ("app", "store", "main", "port", "rpc", "base")
    included = {
        arrow.target.relative_to(SOURCE).as_posix()
        for arrow in rooms.device_arrows(SOURCE, DEVICE)
        if arrow.room in outside and arrow.target_room.startswith("engine")
    }
    assert included == {"engine/engine.h"}


def test_only_ports_and_roots_know_a_platform() -> None:
    for arrow in rooms.device_arrows(SOURCE, DEVICE):
        if arrow.target.parent.name in ("posix", "esp32"):
            assert arrow.room in ("port", "main"), f"{arrow.source}:{arrow.line}"


def test_picture_and_tables_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "rooms.py"), "--check"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


# The checks themselves


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def small(uses: dict[str, set[str]]) -> dict[str, rooms.Room]:
    return {name: rooms.Room(name, "", frozenset(used)) for name, used in uses.items()}


def test_a_forbidden_import_is_named_with_its_line(tmp_path: Path) -> None:
    package = write(
        tmp_path / "ugpt",
        {
            "__init__.py": "",
            "rpc/__init__.py": "",
            "rpc/link.py": "import os\n\ndef f():\n    from ..view import chart\n",
            "view/__init__.py": "",
            "view/chart.py": "",
        },
    )
    table = small({"rpc": set(), "view": {"rpc"}})
    (line,) = rooms.forbidden(rooms.host_arrows(package), table, tmp_path)
    assert line.startswith("ugpt/rpc/link.py:4: rpc must not use view")


@pytest.mark.parametrize("line", ["from .. import __version__, Run", "from ugpt import Run"])
def test_a_way_round_by_the_package_is_named(tmp_path: Path, line: str) -> None:
    files = {"__init__.py": "", "errors.py": "", "a/__init__.py": "from .. import errors\n"}
    package = write(tmp_path / "ugpt", {**files, "a/b.py": f"\n{line}\n"})
    (found,) = rooms.taken_from_the_package(package, tmp_path)
    assert found == "ugpt/a/b.py:2: Run is to be imported from its room"


def test_a_cycle_of_imports_is_named(tmp_path: Path) -> None:
    package = write(
        tmp_path / "ugpt",
        {
            "__init__.py": "",
            "a.py": "from .b import x\n",
            "b.py": "if TYPE_CHECKING:\n    from . import a\n",
        },
    )
    assert rooms.file_cycle(rooms.host_arrows(package), tmp_path).count("ugpt/") == 3


def test_a_hidden_module_of_another_room_is_named(tmp_path: Path) -> None:
    package = write(
        tmp_path / "ugpt",
        {
            "__init__.py": "",
            "a/__init__.py": "",
            "a/_secret.py": "",
            "a/own.py": "from . import _secret\n",
            "b/__init__.py": "",
            "b/c.py": "from ..a._secret import x\n",
        },
    )
    (line,) = rooms.hidden_modules_used(rooms.host_arrows(package), tmp_path)
    assert line.startswith("ugpt/b/c.py:1: _secret is hidden in a")


def test_a_forbidden_include_is_named_with_its_line(tmp_path: Path) -> None:
    source = write(
        tmp_path,
        {
            "engine/engine.h": "#pragma once\n",
            "engine/train/pass.h": '#include "rpc/frame.h"\n',
            "rpc/frame.h": '#include <span>\n#include "engine/engine.h"\n',
        },
    )
    table = small({"engine": set(), "engine/train": {"engine", "rpc"}, "rpc": set()})
    arrows = rooms.device_arrows(source, table)
    (line,) = rooms.forbidden(arrows, table, tmp_path)
    assert line.startswith("rpc/frame.h:2: rpc must not use engine")
    assert not rooms.file_cycle(arrows)


@pytest.mark.parametrize("include", ['"../app/trainer.h"', "<app/trainer.h>", '"app/trainer.h"'])
def test_an_include_is_found_however_it_is_written(tmp_path: Path, include: str) -> None:
    files = {"app/trainer.h": "", "store/result.h": f"#pragma once\n#include {include}\n"}
    table = small({"app": {"store"}, "store": set()})
    arrows = rooms.device_arrows(write(tmp_path, files), table)
    (line,) = rooms.forbidden(arrows, table, tmp_path)
    assert line.startswith("store/result.h:2: store must not use app")


def test_a_cycle_of_includes_of_one_folder_is_named(tmp_path: Path) -> None:
    files = {"app/a.h": '#include "b.h"\n', "app/b.h": '#include "app/a.h"\n'}
    source = write(tmp_path, files)
    assert rooms.file_cycle(rooms.device_arrows(source, small({"app": set()})), source)


@pytest.mark.parametrize(
    "line", ['import_module("ugpt.view._x.chart")', "from ..view._x import chart"]
)
def test_an_import_is_found_however_it_is_written(tmp_path: Path, line: str) -> None:
    files = {
        "__init__.py": "", "rpc/__init__.py": "", "rpc/link.py": f"\n{line}\n",
        "view/__init__.py": "", "view/_x/__init__.py": "", "view/_x/chart.py": "",
    }  # fmt: skip
    arrows = rooms.host_arrows(write(tmp_path / "ugpt", files))
    (found,) = rooms.forbidden(arrows, small({"rpc": set(), "view": {"rpc"}}), tmp_path)
    assert found.startswith("ugpt/rpc/link.py:2: rpc must not use view")
    (hidden,) = rooms.hidden_modules_used(arrows, tmp_path)
    assert hidden.startswith("ugpt/rpc/link.py:2: _x is hidden in view")
