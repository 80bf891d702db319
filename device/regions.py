"""The flash of a board: what follows from partitions.csv, the one table of its regions.

    python device/regions.py            writes src/port/regions.h and the table of docs/memory.md
    python device/regions.py --check    says which of them are stale

A comment above a row says what the region is for. Regions of type 0x40 are ugpt's own; their
subtypes count from 0 and name them, so that a label may change.
"""

from __future__ import annotations

import csv
import re
import sys
from dataclasses import dataclass
from pathlib import Path

DEVICE = Path(__file__).resolve().parent
TABLE = DEVICE / "partitions.csv"
HEADER = DEVICE / "src" / "port" / "regions.h"
PAGE = DEVICE.parent / "docs" / "memory.md"
OWN_TYPE = 0x40

_UNITS = {"K": 1 << 10, "M": 1 << 20}
_BEGIN, _END = "<!-- regions -->", "<!-- /regions -->"


@dataclass(frozen=True)
class Region:
    """A row of partitions.csv; numbers in bytes."""

    label: str
    kind: str
    subtype: str
    offset: int
    size_bytes: int
    purpose: str

    @property
    def own(self) -> bool:
        return self.kind.startswith("0x") and int(self.kind, 16) == OWN_TYPE


def read_regions(table: Path = TABLE) -> list[Region]:
    """The regions in the order of their offsets."""
    regions: list[Region] = []
    comment = ""
    for line in table.read_text("utf-8").splitlines():
        if line.startswith("#"):
            comment = line.removeprefix("#").strip()
            continue
        if not line.strip():
            continue
        (cells,) = csv.reader([line], skipinitialspace=True)
        label, kind, subtype, offset, size = (cell.strip() for cell in cells[:5])
        regions.append(Region(label, kind, subtype, _bytes(offset), _bytes(size), comment))
    return regions


def own_regions(regions: list[Region]) -> list[Region]:
    """ugpt's own, in the order of their subtypes."""
    own = sorted((r for r in regions if r.own), key=lambda r: int(r.subtype, 16))
    numbers = [int(region.subtype, 16) for region in own]
    if numbers != list(range(len(own))):
        raise SystemExit(f"{TABLE.name}: the subtypes {numbers} do not count from 0")
    return own


def header(regions: list[Region]) -> str:
    """The text of regions.h."""
    own = own_regions(regions)
    width = max(len(r.label) for r in own) + 1
    names = "\n".join(f"    {r.label + ',':{width}}  // {r.purpose}" for r in own)
    rows = "\n".join(f'    {{"{r.label}", {r.offset:#x}, {r.size_bytes:#x}}},' for r in own)
    return f"""\
// Generated from device/partitions.csv by device/regions.py. Do not edit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ugpt::port {{

// Regions of the flash. The number of a region is the subtype of its partition.
enum class Region : std::uint8_t {{
{names}
}};
inline constexpr std::size_t kRegionCount = {len(own)};
inline constexpr std::uint8_t kRegionType = {OWN_TYPE:#x};

struct RegionInfo {{
    const char* label;
    std::uint32_t offset;
    std::uint32_t size_bytes;
}};

inline constexpr std::array<RegionInfo, kRegionCount> kRegions{{{{
{rows}
}}}};

}}  // namespace ugpt::port
"""


def page_table(regions: list[Region]) -> str:
    rows = [
        f"| `{r.label}` | {r.offset:#08x} | {r.size_bytes >> 10:,} KiB | {r.purpose} |"
        for r in regions
    ]
    head = ["| region | offset | size | what for |", "| --- | --- | --- | --- |"]
    return "\n".join([_BEGIN, *head, *rows, _END])


def main() -> int:
    regions = read_regions()
    page = PAGE.read_text("utf-8")
    pattern = re.compile(f"{re.escape(_BEGIN)}.*{re.escape(_END)}", re.DOTALL)
    wanted = {
        HEADER: header(regions),
        PAGE: pattern.sub(lambda _: page_table(regions), page),
    }
    stale = [p for p, text in wanted.items() if not p.exists() or p.read_text("utf-8") != text]
    for path in stale:
        name = path.relative_to(DEVICE.parent)
        if "--check" in sys.argv[1:]:
            print(f"stale: {name}\nrun: python device/regions.py")
        else:
            path.write_text(wanted[path], "utf-8")
            print(f"wrote: {name}")
    return 1 if stale and "--check" in sys.argv[1:] else 0


def _bytes(text: str) -> int:
    unit = _UNITS.get(text[-1:].upper())
    return int(text[:-1]) * unit if unit else int(text, 0)


if __name__ == "__main__":
    sys.exit(main())
