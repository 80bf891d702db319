"""Whether a checkpoint is of the run that config.toml tells of.

A checkpoint holds the configuration it was written under, protected by its digest; config.toml is a
file that anybody may edit or put back from a copy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from .config import RunConfig, recipe_values
from .errors import RunError
from .naming import CONFIG_FILE

_ADVICE = (
    f"Restore {CONFIG_FILE}; the checkpoint has the settings it was trained with in its metadata."
)


def require_of(config: RunConfig, metadata: Mapping[str, str], step: int, file: Path) -> None:
    """Raises RunError if the checkpoint in `file` is not of `config` after `step` steps.

    Its values must make sense; those of version 0.1.0 may lack the configuration.
    """
    if json.loads(metadata["shape"]) != asdict(config.shape):
        raise RunError(
            f"{file} is damaged: it is of a model of another shape than the one in {CONFIG_FILE}.",
            _ADVICE,
        )
    if (text := metadata.get("config")) is None:
        return
    written = _decisive(RunConfig.from_toml(text))
    plans = [_decisive(plan) for plan in _plans_at(config, step)]
    if written in plans:
        return
    ours = plans[0]
    others = [name for name in written if written[name] != ours[name]]
    if names := [name for name in others if name not in ("run_id", "total_steps", "extensions")]:
        name = names[0]
        raise RunError(
            f"{file} was trained with other settings than those in {CONFIG_FILE}: {name} "
            f"{written[name]} there, {ours[name]} here.",
            _ADVICE,
        )
    if written["extensions"] == ours["extensions"] and written["run_id"] != ours["run_id"]:
        raise RunError(f"{file} is of another run than {CONFIG_FILE}.", _ADVICE)
    raise RunError(
        f"{file} follows another plan of steps than {CONFIG_FILE}.",
        f"{_ADVICE} If the plan was changed on purpose, take a checkpoint of before.",
    )


def _plans_at(config: RunConfig, step: int) -> Iterator[RunConfig]:
    """What the configuration can have been after `step` steps, the newest first.

    At the step of an extension a checkpoint may be from before it or from after it.
    """
    yield config
    for count in reversed(range(len(config.extensions))):
        change = config.extensions[count]
        if change.after < step:
            return
        config = replace(
            config,
            recipe=replace(config.recipe, total_steps=change.total_steps),
            extensions=config.extensions[:count],
            run_id=change.run_id or config.run_id,
        )
        yield config


def _decisive(config: RunConfig) -> dict[str, Any]:
    """What decides the weights, by the names that people know."""
    parent = config.parent
    return {
        "seed": config.seed,
        "init": str(config.init),
        "data_sha256": config.data_sha256,
        "held_out": config.validation_documents,
        "reading": config.reading,
        "joint": config.joint,
        "parent": parent and (parent.run_id, parent.step, parent.weights_sha256),
        **recipe_values(config.recipe),
        "extensions": config.extensions,
        "run_id": config.run_id,
    }
