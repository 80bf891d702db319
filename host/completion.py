"""What a Tab lists, drawn from the commands.

python host/completion.py            writes host/ugpt/cli/completion.json
python host/completion.py --check    says if it is stale
"""

from __future__ import annotations

import json
import sys
from typing import Any

import typer

from ugpt.cli.app import app
from ugpt.cli.completion import AGAIN, INDEX
from ugpt.cli.group import command_names, load_command


def index() -> str:
    """The text of the index, which `ugpt.cli.completion` describes."""
    entries = {name: _entry(load_command(name)) for name in command_names()}
    return json.dumps(entries, indent=1, ensure_ascii=False) + "\n"


def _entry(command: Any) -> dict[str, Any]:
    entry = {"help": command.get_short_help_str(limit=200)}
    if commands := getattr(command, "commands", None):
        return entry | {name: _entry(each) for name, each in commands.items()}
    for option in command.get_params(typer.Context(command, **(app.info.context_settings or {}))):
        if option.param_type_name == "option" and not option.hidden:
            # Longest first, since those of --help come in no order.
            names = sorted([*option.opts, *option.secondary_opts], key=len, reverse=True)
            entry[" ".join([*names, *([AGAIN] if option.multiple else [])])] = option.help
    return entry


def main() -> int:
    written = index()
    if "--check" in sys.argv[1:]:
        if not INDEX.exists() or INDEX.read_text("utf-8") != written:
            print(f"stale: {INDEX.name}\nrun: python host/completion.py")
            return 1
        return 0
    INDEX.write_text(written, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
