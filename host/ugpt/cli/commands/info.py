"""Show the connected device, its memory and its model."""

from __future__ import annotations

import dataclasses

from ... import __version__
from ...data.vocabulary import Vocabulary
from ...device.chip_facts import flash_reading, hello_json, revision
from ...device.client import Device
from ...device.compatibility import OWN_TABLE, compare_firmware, missing_regions
from ...device.target import Target
from ...rpc.errors import NoModel
from ...rpc.messages import DeviceState, Hello, Loaded, ModelInfo
from ...runs.registry import find_run
from ...view.output import print_fields, print_json
from ...view.style import byte_count, byte_counts
from ...wording import counted
from ..model_list import board_line, image_on
from ..options import Json, TargetGroup, run

EXAMPLES = ["ugpt info", "ugpt info --port /dev/ttyUSB0", "ugpt info --json"]


def command(*, target: TargetGroup, json: Json = False) -> None:
    run(_info(target, json))


async def _info(target: Target, json: bool) -> None:
    async with target.connect() as device:
        await device.ping(bytes(64))
        try:
            model: ModelInfo | None = await device.model_info()
            vocabulary = Vocabulary(await device.vocabulary())
        except NoModel:
            model, vocabulary = None, Vocabulary("")
        if json:
            status = dataclasses.asdict(await device.status())
            print_json(
                {
                    "device": device.description,
                    "hello": hello_json(device.hello),
                    "firmware": _firmware_json(device.hello),
                    "status": status
                    | {
                        "state": DeviceState(status["state"]).name.lower(),
                        "loaded": Loaded(status["loaded"]).name.lower(),
                    },
                    "model": dataclasses.asdict(model) if model else None,
                    "vocabulary": vocabulary.characters if model else None,
                    "baud": device.stats.baud,
                    "round_trip_s": device.stats.round_trip_median_s,
                }
            )
        else:
            fields = _device_fields(device) | await _model_fields(device, model, vocabulary)
            print_fields(fields | await _other_fields(device))


def _firmware_json(hello: Hello) -> dict[str, str]:
    compared = compare_firmware(hello, __version__)
    return {"program": __version__, "age": compared.age.value, "advice": compared.advice}


def _firmware(hello: Hello) -> str:
    compared = compare_firmware(hello, __version__)
    said = f"{hello.build}, protocol {hello.major}.{hello.minor}"
    if not compared.text:
        return said
    return f"{said}; {compared.text}. {compared.advice}"


def _flash(hello: Hello) -> str:
    chip = f"{byte_count(hello.flash_bytes)}, " if hello.flash_bytes else ""
    if missing := missing_regions(hello):
        return f"{chip.removesuffix(', ')}. {missing} {OWN_TABLE}".removeprefix(". ")
    reading = flash_reading(hello)
    read = f"read in {reading}, " if reading else ""
    return f"{chip}{read}two checkpoints of at most {byte_count(hello.checkpoint_bytes)}"


def _memory(hello: Hello) -> str:
    more = hello.word_memory_bytes
    words = f", {byte_count(more)} more for packed moments and pretrained models" if more else ""
    return f"{byte_counts(hello.memory_blocks)} for tensors{words}"


def _device_fields(device: Device) -> dict[str, str]:
    hello, stats = device.hello, device.stats
    clock = f", {hello.clock_hz / 1e6:.0f} MHz" if hello.clock_hz else ""
    simulated = " (simulated)" if hello.virtual_device else ""
    rate = f"{stats.baud:,} baud{simulated}, " if stats.baud else ""
    kind = "number" if hello.virtual_device else "MAC"
    number = f", {kind} {hello.device_id:012x}" if hello.device_id else ""
    version = f" {revision(hello)}" if revision(hello) else ""
    return {
        "device": device.introduction(),
        "chip": f"{hello.chip}{version}, {counted(hello.cores, 'core')}{clock}{number}",
        "firmware": _firmware(hello),
        "memory": _memory(hello),
        "flash": _flash(hello),
        "link": f"{rate}frames of {counted(hello.frame_bytes, 'byte')}, "
        f"{counted(stats.window, 'request')} in flight, "
        f"round trip {stats.round_trip_median_s * 1000:.1f} ms",
    }


async def _model_fields(
    device: Device, model: ModelInfo | None, vocabulary: Vocabulary
) -> dict[str, str]:
    if model is None:
        return {"model": "none yet; train one: ugpt train FILE"}
    status = await device.status()
    shape = model.shape
    saved = f"saved at step {status.saved_step:,}" if status.saved_step else "not saved yet"
    run_known = find_run(model.run_id)
    where = f"{run_known.path} ({model.run_id:08x})" if run_known else f"{model.run_id:08x}"
    return {
        "model": f"n_layer {shape.n_layer}, n_embd {shape.n_embd}, n_head {shape.n_head}, "
        f"block_size {shape.block_size}",
        "vocabulary": f"{counted(vocabulary.bos, 'character')}: {vocabulary.excerpt()}",
        "run": f"{where}, step {status.step:,} of {model.recipe.total_steps:,}, {saved}",
        "state": DeviceState(status.state).name.lower(),
    }


async def _other_fields(device: Device) -> dict[str, str]:
    """The pretrained model, which of the two has the memory if it is that one, and autorun."""
    status = await device.status()
    fields = {}
    if device.hello.model_bytes and (stored := await image_on(device)) is not None:
        fields["pretrained"] = board_line(stored)
    if status.loaded is Loaded.STORY:
        writing = ", and writes a text" if status.writing else ""
        fields["loaded"] = f"the pretrained model{writing}; the model above is in the flash, if any"
    if status.autorun:
        fields["autorun"] = "on: the board writes from power-up"
    return fields
