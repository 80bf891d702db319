"""Options that come in groups: written once, and taken by every command that trains."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

import ugpt
from ugpt.cli import group
from ugpt.cli.commands.bench import STORIES
from ugpt.cli.option_groups import CONNECTION, OptionGroup, panel_order, takes_groups
from ugpt.rpc.messages import RECIPE, MomentFormat, Schedule
from ugpt.sweep.axes import NAMES
from ugpt.sweep.settings import Settings
from ugpt.training.options import ModelOptions, Option, RecipeOptions, options_of, to_words


def parameters(*path: str) -> dict[str, Any]:
    command = group.load_command(path[0])
    for name in path[1:]:
        command = command.commands[name]
    return {parameter.name: parameter for parameter in command.params}


@pytest.mark.parametrize("path", [("train",), ("sweep",), ("fleet", "train")])
def test_every_command_that_trains_takes_every_option(path: tuple[str, ...]) -> None:
    taken = parameters(*path)
    for options in (RecipeOptions, ModelOptions):
        defaults = to_words(options())
        for name, (_, option) in options_of(options).items():
            assert taken[name].help == option.help
            assert taken[name].default == defaults[name]


def test_a_plan_takes_what_it_depends_on() -> None:
    taken = parameters("plan")
    assert set(options_of(ModelOptions)) <= set(taken)
    for name, (_, option) in options_of(RecipeOptions).items():
        assert (name in taken) == option.planned


def commands() -> list[tuple[str, ...]]:
    """The words of every command, also of one within another."""
    found: list[tuple[str, ...]] = []
    for name in group.command_names():
        within = getattr(group.load_command(name), "commands", None)
        found += [(name, each) for each in within] if within else [(name,)]
    return found


def panels(path: tuple[str, ...]) -> list[str | None]:
    return [getattr(each, "rich_help_panel", None) for each in parameters(*path).values()]


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_help_has_its_panels_in_one_order(path: tuple[str, ...]) -> None:
    assert panels(path) == sorted(panels(path), key=panel_order)


def test_commands_that_train_have_the_same_panels_in_one_order() -> None:
    first = [None, "Training", "Model", "Validation"]
    assert list(dict.fromkeys(panels(("train",)))) == [*first, "Reading the text", CONNECTION]
    last = ["Reading the text", "Boards"]
    assert list(dict.fromkeys(panels(("sweep",)))) == [*first, *last]
    assert list(dict.fromkeys(panels(("fleet", "train")))) == [*first, "Joint training", *last]


def test_options_of_the_connection_come_last() -> None:
    for name in ("train", "sample", "write", "bench", "attach"):
        assert panels((name,))[-1] == CONNECTION


def test_both_options_of_a_pretrained_model_are_in_one_panel() -> None:
    taken = parameters("bench")
    together = [each.opts[0] for each in taken.values() if each.rich_help_panel == STORIES]
    assert together == ["--model", "--context"]


def test_the_seed_of_a_sweep_stands_ahead_of_how_it_is_shown() -> None:
    names = [name for name in parameters("sweep") if name in ("seed", "plain", "json")]
    assert names == ["seed", "plain", "json"]


@pytest.mark.parametrize("path", [path for path in commands() if len(path) > 1], ids=" ".join)
def test_the_first_example_of_a_command_within_another_is_its_own(path: tuple[str, ...]) -> None:
    command = group.load_command(path[0]).commands[path[1]]
    first = command.epilog.split("\n\n")[1]
    assert first.startswith(f"ugpt {' '.join(path)}")


def test_python_has_the_options_of_the_command_line() -> None:
    keywords = inspect.signature(ugpt.train).parameters
    for field in fields(RecipeOptions):
        assert keywords[field.name].default == field.default
    assert set(options_of(ModelOptions)) <= set(keywords)


def test_a_sweep_can_vary_every_number_and_word() -> None:
    options = options_of(Settings)
    assert set(NAMES) == {name for name, (kind, _) in options.items() if kind is not bool}
    words = {"schedule": "cosine", "moments": "q8", "n_embd": 8}
    varied = Settings().varied(words)
    assert (varied.schedule, varied.moments) == (Schedule.COSINE, MomentFormat.Q8)
    assert Settings().varied(to_words(varied)) == varied
    assert varied.recipe().moments is MomentFormat.Q8
    assert varied.shape(27).n_embd == 8


def test_settings_of_a_version_with_fewer_options_are_read() -> None:
    words = to_words(Settings(steps=7))
    del words["clip"]
    assert Settings().varied(words) == Settings(steps=7)


# A group of its own


@dataclass(frozen=True, kw_only=True)
class More(RecipeOptions):
    """One option more than there are: it needs this line and no other."""

    smoothing: Annotated[float, Option("Smooth.", RECIPE["weight_decay"], short="ls")] = 0.25
    for_programs: int = 3


def run(command: Any, *arguments: str) -> str:
    app = typer.Typer(add_completion=False)
    app.command()(takes_groups(command))
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_group_comes_as_one_value() -> None:
    taken: list[Any] = []

    def command(
        *,
        steps: Annotated[int, typer.Option("--steps")] = 9,
        more: Annotated[More, OptionGroup("A panel")],
        schedule_name: Annotated[str, typer.Option()] = "x",
    ) -> None:
        taken.extend((steps, more, schedule_name))

    run(command)
    run(command, "--steps", "5", "--ls", "0.5", "--schedule", "cosine", "--schedule-name", "y")
    assert taken[:3] == [9, More(steps=9), "x"]
    assert taken[3:] == [5, More(steps=5, smoothing=0.5, schedule=Schedule.COSINE), "y"]
    shown = run(command, "--help")
    assert "A panel" in shown
    assert "--smoothing" in shown
    assert "programs" not in shown
    assert shown.index("--steps") < shown.index("--learning-rate")
