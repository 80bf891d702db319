"""Writes everything that follows from `protocol/ugpt.toml`.

`python protocol/generate.py` writes the files that are stale; with `--check` it only names them,
and its exit status is 1 if there is any.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

PROTOCOL = Path(__file__).resolve().parent
ROOT = PROTOCOL.parent
sys.path.insert(0, str(PROTOCOL))

from generator import cpp, dispatch, golden, python, reference  # noqa: E402
from generator.checks import SchemaError  # noqa: E402
from generator.reading import load  # noqa: E402


def outputs(root: Path = ROOT) -> dict[Path, str]:
    """Path and text of every generated file."""
    schema = load(root / "protocol" / "ugpt.toml")
    kept = root / "protocol/golden.json"
    cases = golden.load(kept.read_text(encoding="utf-8") if kept.exists() else "", schema)
    return {
        root / "device/src/rpc/messages.h": cpp.header(schema),
        root / "device/src/rpc/messages.cpp": cpp.source(schema),
        root / "device/src/app/handlers.h": dispatch.header(schema),
        root / "device/src/app/handlers.cpp": dispatch.source(schema),
        root / "host/ugpt/rpc/messages.py": python.module(schema),
        root / "docs/protocol.md": reference.page(schema),
        root / "protocol/golden.json": golden.to_json(cases),
        root / "tests/rpc/golden.inc": golden.cpp_cases(cases, schema),
        root / "tests/rpc/every_message.inc": cpp.message_list(schema),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say which files are stale")
    check = parser.parse_args().check
    try:
        files = outputs()
    except SchemaError as error:
        print(error, file=sys.stderr)
        return 1
    stale = [
        path
        for path, text in files.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        print(f"{'stale' if check else 'wrote'}: {path.relative_to(ROOT)}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], encoding="utf-8")
    if check and stale:
        print("run: python protocol/generate.py")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
