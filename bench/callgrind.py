"""Reads what callgrind writes: instructions by function, without those of the functions it calls.

The format is described in Valgrind's manual, "Callgrind Format Specification".
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

_FUNCTION = re.compile(r"fn=\((\d+)\)(?: (.*))?")
_COST = re.compile(r"[+\-*\d]\S* (\d+)")
_TEMPLATE = re.compile(r"<[^<>]*>")


def costs_by_function(file: Path) -> Counter[str]:
    """Instructions spent in each function, template instances and copies taken together."""
    names: dict[str, str] = {}
    costs: Counter[str] = Counter()
    function = ""
    is_call = False
    with file.open() as lines:
        for line in lines:
            if found := re.match(r"c?fn=\((\d+)\) (.*)", line):
                names[found[1]] = _short(found[2])
            if found := _FUNCTION.match(line):
                function = names[found[1]]
            elif line.startswith("calls="):
                is_call = True  # the next line holds the cost of the callee
            elif found := _COST.match(line):
                if not is_call:
                    costs[function] += int(found[1])
                is_call = False
    return costs


def _short(name: str) -> str:
    """`ugpt::engine::(anonymous namespace)::adam<Lanes>(...)` as `adam`."""
    name = name.replace("(anonymous namespace)::", "").replace("ugpt::engine::", "")
    while _TEMPLATE.search(name):
        name = _TEMPLATE.sub("", name)
    name = name.split("(")[0].split("'")[0].strip()
    return name.split(" ")[-1]
