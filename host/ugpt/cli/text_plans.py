"""Where the pretrained model on a board lies while it writes, as commands show it."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..device.client import Device
from ..device.text_plan import TextPlan
from ..errors import UnfitValue
from ..models.model import LlamaShape
from ..rpc import messages
from ..rpc.errors import ProtocolError
from ..view.output import say
from ..view.style import byte_count
from ..view.table import print_table
from ..wording import counted

_HEADER = ("place", "bytes", "weights", "read a token", "tensors")


async def plan_of(device: Device, context: int | None) -> TextPlan | None:
    """That of texts of the usual length if no `context` is given, or None if they have no room."""
    if context is not None:
        return await device.text_plan(context)
    try:
        return await device.text_plan()
    except UnfitValue as error:
        say(f"remark: {error}")
        return None


def fields_of_plan(plan: TextPlan) -> dict[str, str]:
    token_s, tokens_per_s = plan.token_s, plan.tokens_per_s
    estimate = "nothing is known of this chip"
    if token_s is not None and tokens_per_s is not None:
        estimate = (
            f"{token_s * 1000:,.2f} ms a token, {tokens_per_s:,.1f} tokens/s on "
            f"{counted(plan.cores, 'core')}"
        )
    return {
        "texts": f"{counted(plan.context, 'token')}: keys and values "
        f"{byte_count(plan.cache_bytes)}, activations {byte_count(plan.activations_bytes)}",
        "from flash": f"{counted(plan.flash_bytes_per_token, 'byte')} a token",
        "estimated": estimate,
    }


def print_places(plan: TextPlan, shape: messages.LlamaShape) -> None:
    homes = _homes(plan, shape)
    rows = [
        (
            place.name,
            f"{place.size_bytes:,}",
            f"{place.weights_bytes:,}",
            f"{place.read_bytes_per_token:,}",
            _in_short([name for name, home in homes.items() if home == number], shape.n_layer),
        )
        for number, place in enumerate(plan.places)
    ]
    print_table(_HEADER, rows, right=_HEADER[1:4])


def json_of_plan(plan: TextPlan, shape: messages.LlamaShape) -> dict[str, Any]:
    return {
        "context": plan.context,
        "cache_bytes": plan.cache_bytes,
        "activations_bytes": plan.activations_bytes,
        "places": [dataclasses.asdict(place) for place in plan.places],
        "tensors": {name: plan.places[home].name for name, home in _homes(plan, shape).items()},
        "flash_bytes_per_token": plan.flash_bytes_per_token,
        "cores": plan.cores,
        "estimated": {
            "flash_bytes_per_s": plan.flash_bytes_per_s,
            "instructions_per_token": plan.instructions_per_token,
            "token_s": plan.token_s,
            "tokens_per_s": plan.tokens_per_s,
        },
    }


def _homes(plan: TextPlan, shape: messages.LlamaShape) -> dict[str, int]:
    """The number of the place of every tensor. Raises UgptError if the device tells nonsense."""
    model = LlamaShape(**dataclasses.asdict(shape))
    model.check()
    names = model.tensors()
    if len(names) != len(plan.homes):
        raise ProtocolError(
            f"The device tells where {counted(len(plan.homes), 'tensor')} of its model lie, which "
            f"has {len(names):,}."
        )
    return dict(zip(names, plan.homes, strict=True))


def _in_short(names: list[str], n_layer: int) -> str:
    """Such as `embedding; wq, wk of all layers; w1 of layers 0-2; w2 of layer 4`."""
    layers_of: dict[str, list[int]] = {}
    parts = []
    for name in names:
        if name.startswith("layers."):
            _, layer, kind = name.split(".")
            layers_of.setdefault(kind, []).append(int(layer))
        else:
            parts.append(name)
    kinds_of: dict[tuple[int, ...], list[str]] = {}
    for kind, layers in layers_of.items():
        kinds_of.setdefault(tuple(layers), []).append(kind)
    for shared, kinds in kinds_of.items():
        word = "layer" if len(shared) == 1 else "layers"
        where = "all layers" if len(shared) == n_layer else f"{word} {_ranges(shared)}"
        parts.append(f"{', '.join(kinds)} of {where}")
    return "; ".join(parts) or "-"


def _ranges(numbers: tuple[int, ...]) -> str:
    """Ascending numbers, such as `0-2, 4`."""
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][-1] == number - 1:
            found[-1].append(number)
        else:
            found.append([number])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in found)
