"""What a command imports: nothing heavy before it is known which one is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.core import TyperCommand, TyperGroup

from tests.support.in_process import Program
from ugpt.cli import group
from ugpt.export.formats import Format
from ugpt.runs.listing import SortKey

HEAVY = ("asyncio", "matplotlib", "msgpack", "numpy", "platformdirs", "safetensors", "serial")

_PROGRAM = """
import sys
from ugpt.cli import main
try:
    main()
except SystemExit as end:
    status = end.code
print("status", status, file=sys.stderr)
print("imported", *sys.modules, file=sys.stderr)
"""


def run(*arguments: str, **variables: str) -> tuple[str, set[str]]:
    """Standard output, and the names of the modules that were imported."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "COLUMNS": "100", **variables},
    )
    status, imported = done.stderr.splitlines()[-2:]
    assert status == "status 0", done.stderr
    return done.stdout, set(imported.split()[1:])


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("-h",)])
def test_version_and_help_import_nothing_heavy(arguments: tuple[str, ...]) -> None:
    shown, imported = run(*arguments)
    assert shown.strip()
    assert not imported & {*HEAVY, "markdown_it"}
    assert not any(name.startswith("ugpt.cli.commands") for name in imported)


def test_a_tab_imports_nothing_heavy() -> None:
    shown, imported = run(_UGPT_COMPLETE="complete_bash", COMP_WORDS="ugpt s", COMP_CWORD="1")
    assert shown.split() == [name for name in group.command_names() if name.startswith("s")]
    assert not imported & {*HEAVY, "pydantic"}


@pytest.mark.parametrize("ahead", ["--version", "--install-completion", "--unknown"])
def test_a_tab_behind_an_option(ahead: str) -> None:
    words = {"COMP_WORDS": f"ugpt {ahead} sam", "COMP_CWORD": "2"}
    assert run(_UGPT_COMPLETE="complete_bash", **words)[0].split() == ["sample"]


@pytest.mark.parametrize(
    "words", ["train --", "train names --port x -", "data check --te", "data "]
)
def test_a_tab_for_an_option_imports_nothing_heavy(words: str) -> None:
    place = str(len(words.split(" ")))
    tab = {"_UGPT_COMPLETE": "complete_bash", "COMP_WORDS": f"ugpt {words}", "COMP_CWORD": place}
    shown, imported = run(**tab)
    assert shown.split()
    assert not imported & {*HEAVY, "pydantic"}
    assert not any(name.startswith("ugpt.cli.commands.") for name in imported)


def test_the_index_of_a_tab_is_up_to_date() -> None:
    script = Path(__file__).resolve().parents[2] / "host" / "completion.py"
    subprocess.run([sys.executable, script, "--check"], check=True, timeout=60)


_WORDS = [
    "train -", "train --b", "train --lr 1 -", "train --port=x --", "train --unknown --s",
    "train -- -", "train --init ", "train --init=d", "train --init m", "train na",
    "sweep --set a=1 --se", "data ", "data c", "data --", "data check -", "data check names --l",
    "data nothing -", "model p", "sample -n5 -", "sample -p/dev/x --", "sample -n 5 -p x -",
]  # fmt: skip


@pytest.mark.parametrize("words", _WORDS)
def test_a_tab_lists_the_same_from_the_index(
    ugpt: Program, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setenv("_UGPT_COMPLETE", "complete_zsh")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", f"ugpt {words}")
    from_index = ugpt().out
    monkeypatch.setattr(group, "indexed", dict)
    # The names of --help come in no order.
    assert sorted(re.findall(r'".*"', from_index)) == sorted(re.findall(r'".*"', ugpt().out))


def test_the_package_imports_what_is_used() -> None:
    program = (
        "import sys, ugpt\n"
        f"assert not set(sys.modules) & set({HEAVY!r})\n"
        "for name in ugpt.__all__: getattr(ugpt, name)\n"
        "from ugpt import *\n"
        "assert connect.__name__ == 'connect' and 'connect' in dir(ugpt)\n"
        "try: ugpt.nothing\n"
        "except AttributeError as error: assert 'nothing' in str(error)\n"
        "else: raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("name", group.command_names())
def test_every_command_has_a_summary_and_examples(name: str) -> None:
    command = group.load_command(name)
    assert command.name == name
    assert command.help.startswith(group.summary(name))
    assert group.summary(name).endswith(".")
    assert len(group.summary(name)) <= 72


@pytest.mark.parametrize("name", [*group.command_names(), "data check", "data push", "data info"])
def test_help_reads_well(ugpt: Program, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = ugpt(*name.split(), "--help").out
    for odd in ("<bool>", "<list", "<=x<=", "x>=", "x<=", "Whether it shall"):
        assert odd not in shown
    assert "Examples:" in shown


@pytest.mark.parametrize(
    ("name", "option", "choices"),
    [("runs", "--sort", [*SortKey]), ("export", "--to", [*Format])],
)
def test_choices_are_whole_words_in_help_and_in_a_refusal(
    ugpt: Program, monkeypatch: pytest.MonkeyPatch, name: str, option: str, choices: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    words = re.compile(r"[\w-]+")
    assert {option, *choices} <= {*words.findall(ugpt(name, "--help").out)}
    refused = ugpt(name, "first", option, "nonsense", status=2)
    assert {"nonsense", *choices} <= {*words.findall(refused.err)}


def test_the_help_of_flash_offers_no_virtual_device() -> None:
    assert "virtual" not in run("flash", "--help")[0]


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_the_front_page_says_what_help_of_typer_says(
    ugpt: Program, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    drawn = ugpt("--help").out
    summaries = {
        name: TyperCommand(name, help=group.summary(name), rich_help_panel=group.panel_of(name))
        for name in group.command_names()
    }
    monkeypatch.setattr(group.CommandGroup, "get_command", lambda _, ctx, name: summaries[name])
    monkeypatch.setattr(group.CommandGroup, "format_help", TyperGroup.format_help)
    words = re.compile(r"[\w-]+")
    assert words.findall(drawn) == words.findall(ugpt("--help").out)


def test_help_lists_every_command_in_its_panel() -> None:
    shown, _ = run("--help")
    panels: dict[str, list[str]] = {}
    for line in shown.splitlines():
        if title := re.match(r"╭─ (.+?) ─", line):
            commands = panels[title[1]] = []
        elif line.startswith("│ ") and line[2] not in " -":
            commands.append(line.split()[1])
    assert not panels.pop("Options")
    assert {title: tuple(names) for title, names in panels.items()} == group.PANELS


def test_every_command_has_a_panel_and_every_entry_a_command() -> None:
    listed = [name for names in group.PANELS.values() for name in names]
    place = "PANELS of host/ugpt/cli/group.py"
    for name in group.command_names():
        assert listed.count(name) == 1, f"Name `{name}` once in {place}, where people look for it."
    for name in listed:
        assert name in group.command_names(), (
            f"There is no command `{name}`: take it out of {place}."
        )


def test_a_command_without_a_panel_is_listed_all_the_same(
    ugpt: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(group.PANELS, "Runs")
    group.command_names.cache_clear()
    try:
        _, others = ugpt("--help").out.split("─ Other ─")
    finally:
        group.command_names.cache_clear()
    assert all(f"│ {name} " in others for name in ("compare", "export", "load", "runs"))
    assert group.panel_of("runs") == "Other"


def test_the_front_page_tells_owners_of_a_board_to_flash_it_first() -> None:
    _, start = run("--help")[0].split("Start with:")
    flash, train, *_ = [line.strip() for line in start.splitlines() if line.strip()]
    assert flash.startswith("ugpt flash     # if you have a board")
    assert train == "ugpt train names"
