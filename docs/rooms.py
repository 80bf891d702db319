"""The rooms of the code, read from its imports and includes.

    python docs/rooms.py            draws docs/rooms.svg and the tables of docs/architecture.md
    python docs/rooms.py --check    says which of them are stale

rooms.toml says what each room is for and which others it may use.
"""

from __future__ import annotations

import ast
import html
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "rooms.toml"
PICTURE = ROOT / "docs" / "rooms.svg"
PAGE = ROOT / "docs" / "architecture.md"

_INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)


@dataclass(frozen=True)
class Room:
    """A row of rooms.toml."""

    name: str
    purpose: str
    uses: frozenset[str]
    everywhere: bool = False
    """Every other room may use it."""


@dataclass(frozen=True)
class Arrow:
    """One import or include: which file uses which."""

    source: Path
    line: int
    room: str
    target: Path
    target_room: str


class RoomCycle(Exception):
    """Rooms that use each other, one after the other."""


def read_rooms(side: str, table: Path = TABLE) -> dict[str, Room]:
    """The rooms of `host` or `device`, in the order of the table."""
    rows = tomllib.loads(table.read_text("utf-8"))[side]
    return {
        name: Room(name, row["purpose"], frozenset(row["uses"]), row.get("everywhere", False))
        for name, row in rows.items()
    }


# Python


def host_arrows(package: Path) -> list[Arrow]:
    """Every import of a module of the package by another one, wherever it stands in the file."""
    modules = {_module_name(package, path): path for path in sorted(package.rglob("*.py"))}
    arrows = []
    for name, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for target in _imported(node, name, path, modules):
                arrows.append(
                    Arrow(
                        path, node.lineno, _host_room(package, path),
                        modules[target], _host_room(package, modules[target]),
                    )
                )  # fmt: skip
    return arrows


def taken_from_the_package(package: Path, root: Path = ROOT) -> list[str]:
    """A line for each name but the version that a room imports from the package itself, whose face
    leads to every room."""
    modules = {_module_name(package, path): path for path in sorted(package.rglob("*.py"))}
    return [
        f"{_shown(path, root)}:{node.lineno}: {alias.name} is to be imported from its room"
        for name, path in modules.items()
        if path.parent != package
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and _base(node, name, path) == package.name
        for alias in node.names
        if alias.name != "__version__" and f"{package.name}.{alias.name}" not in modules
    ]


def _module_name(package: Path, path: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(node: ast.AST, name: str, path: Path, modules: Mapping[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.Call) and _called(node.func) == "import_module" and node.args:
        named = getattr(node.args[0], "value", None)
        if named in modules and "." in named:  # the package as such imports nothing by itself
            yield named
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in modules)
    if not isinstance(node, ast.ImportFrom):
        return
    base = _base(node, name, path)
    for alias in node.names:
        inner = f"{base}.{alias.name}"
        if inner in modules:
            yield inner
        elif base in modules and base != name:
            yield base


def _base(node: ast.ImportFrom, name: str, path: Path) -> str:
    """The module that names are imported from."""
    if not node.level:
        return node.module or ""
    here = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    return ".".join(here[: len(here) - node.level + 1] + ([node.module] if node.module else []))


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _host_room(package: Path, path: Path) -> str:
    parts = path.relative_to(package).parts
    return parts[0] if len(parts) > 1 else path.stem


# C++


def device_arrows(source: Path, rooms: Mapping[str, Room]) -> list[Arrow]:
    """Every include of a file of the tree by another one."""
    arrows = []
    for path in sorted(source.rglob("*")):
        if path.suffix not in {".h", ".cpp"}:
            continue
        text = path.read_text("utf-8")
        for found in _INCLUDE.finditer(text):
            target = _included(found[1], source, path)
            if target is not None:
                line = text.count("\n", 0, found.start(1)) + 1
                arrows.append(
                    Arrow(
                        path, line, device_room(source, path, rooms),
                        target, device_room(source, target, rooms),
                    )
                )  # fmt: skip
    return arrows


def _included(name: str, source: Path, path: Path) -> Path | None:
    """The file of the tree that is meant, from its root on or from the file that includes it."""
    for folder in (source, path.parent):
        target = Path(os.path.normpath(folder / name))
        if target.is_file() and target.is_relative_to(source):
            return target
    return None


def device_room(source: Path, path: Path, rooms: Mapping[str, Room]) -> str:
    """The innermost room that a file lies in."""
    folder = path.relative_to(source).parent
    for place in (folder, *folder.parents):
        if place.as_posix() in rooms:
            return place.as_posix()
    return folder.as_posix()


# What breaks the rules


def forbidden(arrows: list[Arrow], rooms: Mapping[str, Room], root: Path = ROOT) -> list[str]:
    """A line for each arrow between rooms that the table does not allow."""
    return [
        f"{_shown(arrow.source, root)}:{arrow.line}: {arrow.room} must not use "
        f"{arrow.target_room} ({_shown(arrow.target, root)})"
        for arrow in arrows
        if arrow.room != arrow.target_room
        and arrow.target_room in rooms
        and not rooms[arrow.target_room].everywhere
        and arrow.target_room not in rooms.get(arrow.room, Room("", "", frozenset())).uses
        and arrow.room in rooms
    ]


def file_cycle(arrows: list[Arrow], root: Path = ROOT) -> str:
    """The files of one cycle, or nothing."""
    graph: dict[Path, set[Path]] = {}
    for arrow in arrows:
        if arrow.source != arrow.target:
            graph.setdefault(arrow.source, set()).add(arrow.target)
    state: dict[Path, int] = {}
    trail: list[Path] = []

    def visit(path: Path) -> str:
        state[path] = 1
        trail.append(path)
        for target in sorted(graph.get(path, ())):
            if state.get(target) == 1:
                loop = [*trail[trail.index(target) :], target]
                return " -> ".join(_shown(each, root) for each in loop)
            if target not in state and (found := visit(target)):
                return found
        trail.pop()
        state[path] = 2
        return ""

    for path in sorted(graph):
        if path not in state and (found := visit(path)):
            return found
    return ""


def hidden_modules_used(arrows: list[Arrow], root: Path = ROOT) -> list[str]:
    """A line for each use of a module with a leading underscore, or in a folder with one, from
    outside its room."""
    return [
        f"{_shown(arrow.source, root)}:{arrow.line}: {name} is hidden in {arrow.target_room}"
        for arrow in arrows
        if arrow.room != arrow.target_room
        for name in arrow.target.relative_to(root).with_suffix("").parts
        if name.startswith("_") and not name.startswith("__")
    ]


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


# The picture and the tables


def room_arrows(arrows: list[Arrow], rooms: Mapping[str, Room]) -> set[tuple[str, str]]:
    """Pairs of rooms of which the first uses the second; those for every room are left out."""
    return {
        (arrow.room, arrow.target_room)
        for arrow in arrows
        if arrow.room != arrow.target_room
        and {arrow.room, arrow.target_room} <= rooms.keys()
        and not rooms[arrow.target_room].everywhere
    }


def floors(rooms: Mapping[str, Room], pairs: set[tuple[str, str]]) -> list[list[str]]:
    """Rooms by floor, from the top: each stands above all that it uses, those for all lowest.

    Raises RoomCycle if rooms use each other.
    """
    level: dict[str, int] = {}

    def height(name: str, above: tuple[str, ...] = ()) -> int:
        if name in above:
            raise RoomCycle(" -> ".join([*above[above.index(name) :], name]))
        if name not in level:
            below = [height(target, (*above, name)) for source, target in pairs if source == name]
            level[name] = 1 + max(below, default=-1)
        return level[name]

    for name in rooms:
        height(name)
    for name, room in rooms.items():
        level[name] = level[name] + 1 if not room.everywhere else 0
    storeys = [[n for n in rooms if level[n] == h] for h in range(max(level.values()), -1, -1)]
    return [names for names in storeys if names]


_WIDTH, _BOX_W, _BOX_H, _GAP_Y, _TOP = 980, 148, 46, 44, 64
_DASHED = ' stroke-dasharray="5 4"'  # for every room: no arrows are drawn to it
_COLOURS = ("#e8f1fb", "#4a7fb5", "#1d3b58")


def draw(sides: Mapping[str, tuple[Mapping[str, Room], list[Arrow]]]) -> str:
    """Both trees as one SVG: floors from top to bottom, arrows downwards."""
    parts: list[str] = []
    y = 0
    for title, (rooms, arrows) in sides.items():
        piece, y = _draw_side(title, rooms, room_arrows(arrows, rooms), y)
        parts += piece
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" '
        f'height="{y}" font-family="system-ui, sans-serif">\n'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0,0.5 L7,4 L0,7.5 z" fill="#7d93a8"/></marker>'
        f'</defs>\n<rect width="{_WIDTH}" height="{y}" fill="#ffffff"/>\n'
    )
    return head + "\n".join(parts) + "\n</svg>\n"


def _draw_side(
    title: str, rooms: Mapping[str, Room], pairs: set[tuple[str, str]], top: int
) -> tuple[list[str], int]:
    levels = floors(rooms, pairs)
    centres: dict[str, tuple[float, float]] = {}
    for row, names in enumerate(levels):
        step = _WIDTH / len(names)
        shift = (0.16 if row % 2 else -0.16) * min(step, 220) if len(names) < 4 else 0
        for column, name in enumerate(names):
            x = step * (column + 0.5) + shift
            centres[name] = (x, top + _TOP + row * (_BOX_H + _GAP_Y) + _BOX_H / 2)
    lines = [
        f'<text x="24" y="{top + 34}" font-size="20" font-weight="600" fill="{_COLOURS[2]}">'
        f"{html.escape(title)}</text>"
    ]
    for source, target in sorted(pairs):
        (x1, y1), (x2, y2) = centres[source], centres[target]
        start, end = y1 + _BOX_H / 2, y2 - _BOX_H / 2 - 2
        lean = max(-60.0, min(60.0, (x2 - x1) * 0.22))
        bend = (end - start) * 0.5
        lines.append(
            f'<path d="M{x1 + lean:.0f},{start:.0f} C{x1 + lean:.0f},{start + bend:.0f} '
            f'{x2 - lean:.0f},{end - bend:.0f} {x2 - lean:.0f},{end:.0f}" fill="none" '
            'stroke="#7d93a8" stroke-width="1.3" stroke-opacity="0.75" marker-end="url(#tip)"/>'
        )
    for name, (x, y) in centres.items():
        lines.append(
            f'<rect x="{x - _BOX_W / 2:.0f}" y="{y - _BOX_H / 2:.0f}" width="{_BOX_W}" '
            f'height="{_BOX_H}" rx="8" fill="{_COLOURS[0]}" stroke="{_COLOURS[1]}"'
            f"{_DASHED if rooms[name].everywhere else ''}/>"
            f'<text x="{x:.0f}" y="{y + 5:.0f}" text-anchor="middle" font-size="15" '
            f'fill="{_COLOURS[2]}">{html.escape(name)}</text>'
        )
    return lines, top + _TOP + len(levels) * (_BOX_H + _GAP_Y)


def table(rooms: Mapping[str, Room], arrows: list[Arrow]) -> str:
    """A markdown table of the rooms, highest floor first, with what each really uses."""
    pairs = room_arrows(arrows, rooms)
    rows = ["| room | what it is for | uses |", "| --- | --- | --- |"]
    for name in (name for names in floors(rooms, pairs) for name in names):
        used = ", ".join(target for target in rooms if (name, target) in pairs) or "nothing"
        purpose = rooms[name].purpose + (" Every room may use it." * rooms[name].everywhere)
        rows.append(f"| `{name}` | {purpose} | {used} |")
    return "\n".join(rows)


def main() -> int:
    try:
        return update()
    except RoomCycle as cycle:
        print(f"rooms that use each other: {cycle}")
        return 1


def update() -> int:
    """Writes what is stale, or says so. Returns the exit status."""
    host, device = read_rooms("host"), read_rooms("device")
    sides = {
        "host/ugpt": (host, host_arrows(ROOT / "host" / "ugpt")),
        "device/src": (device, device_arrows(ROOT / "device" / "src", device)),
    }
    page = PAGE.read_text("utf-8")
    for title, (rooms, arrows) in sides.items():
        begin, end = f"<!-- rooms of {title} -->", f"<!-- end of {title} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        text = f"{begin}\n{table(rooms, arrows)}\n{end}"
        page = pattern.sub(lambda _, text=text: text, page)
    stale = False
    for path, content in {PAGE: page, PICTURE: draw(sides)}.items():
        if path.exists() and path.read_text("utf-8") == content:
            continue
        stale = True
        name = path.relative_to(ROOT)
        if "--check" in sys.argv[1:]:
            print(f"stale: {name}\nrun: python docs/rooms.py")
        else:
            path.write_text(content, "utf-8")
            print(f"wrote: {name}")
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
