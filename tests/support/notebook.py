"""Runs the code cells of a notebook in their order, as Jupyter does, in a process of its own.

python notebook.py FILE [CELL]     # CELL is Python to run after them
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import sys
from pathlib import Path
from typing import Any


def code_cells(notebook: dict[str, Any]) -> list[str]:
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


async def run(cells: list[str]) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(cells, start=1):
        code = compile(cell, f"cell {number}", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        awaited = eval(code, names)
        if inspect.iscoroutine(awaited):
            await awaited


if __name__ == "__main__":
    cells = code_cells(json.loads(Path(sys.argv[1]).read_text("utf-8")))
    asyncio.run(run([*cells, *sys.argv[2:]]))
