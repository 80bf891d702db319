"""ugpt: an ESP32 trains a GPT from scratch, and this program conducts it.

run = ugpt.train("names", steps=500)
print(run.losses[-1], run.sample(10))

docs/library.md and the folder examples/ of the project have more.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # as type checkers understand it; `typing` itself would take a while
if TYPE_CHECKING:
    from typing import Any

    from . import errors
    from .device import ports, virtual
    from .device.client import Device
    from .device.results import (
        DocumentsTaken,
        Evaluation,
        Losses,
        Sampled,
        SelfTest,
        TokenEvaluation,
        WeightsDigest,
    )
    from .device.stories import StoryText, TextWish
    from .device.target import Target, connect
    from .device.tensors import decode_tokens, encode_tokens, tensor_shapes
    from .errors import UgptError
    from .export.formats import Format
    from .library.run import Run
    from .library.training import atrain, train
    from .rpc.messages import (
        DataSet,
        DeviceState,
        ErrorCode,
        Hello,
        ImageInfo,
        LogLevel,
        ModelInfo,
        MomentFormat,
        Plan,
        Profile,
        Recipe,
        Schedule,
        Shape,
        Source,
        Status,
        TensorKind,
    )
    from .rpc.receiver import LogLine
    from .rpc.stats import LinkStats
    from .runs.config import Init
    from .training import events
    from .training.sampling import SampledText, sample_texts

_HOMES = {
    "errors": ".errors",
    "events": ".training.events",
    "ports": ".device.ports",
    "virtual": ".device.virtual",
    "DataSet": ".rpc.messages",
    "Device": ".device.client",
    "DeviceState": ".rpc.messages",
    "DocumentsTaken": ".device.results",
    "ErrorCode": ".rpc.messages",
    "Evaluation": ".device.results",
    "Format": ".export.formats",
    "Hello": ".rpc.messages",
    "ImageInfo": ".rpc.messages",
    "Init": ".runs.config",
    "LinkStats": ".rpc.stats",
    "LogLevel": ".rpc.messages",
    "LogLine": ".rpc.receiver",
    "Losses": ".device.results",
    "ModelInfo": ".rpc.messages",
    "MomentFormat": ".rpc.messages",
    "Plan": ".rpc.messages",
    "Profile": ".rpc.messages",
    "Recipe": ".rpc.messages",
    "Run": ".library.run",
    "Sampled": ".device.results",
    "SampledText": ".training.sampling",
    "Schedule": ".rpc.messages",
    "SelfTest": ".device.results",
    "Shape": ".rpc.messages",
    "Source": ".rpc.messages",
    "Status": ".rpc.messages",
    "StoryText": ".device.stories",
    "Target": ".device.target",
    "TensorKind": ".rpc.messages",
    "TextWish": ".device.stories",
    "TokenEvaluation": ".device.results",
    "UgptError": ".errors",
    "WeightsDigest": ".device.results",
    "atrain": ".library.training",
    "connect": ".device.target",
    "decode_tokens": ".device.tensors",
    "encode_tokens": ".device.tensors",
    "sample_texts": ".training.sampling",
    "tensor_shapes": ".device.tensors",
    "train": ".library.training",
}
"""Where the public names are defined: importing the package imports none of it."""

__all__ = [
    "DataSet",
    "Device",
    "DeviceState",
    "DocumentsTaken",
    "ErrorCode",
    "Evaluation",
    "Format",
    "Hello",
    "ImageInfo",
    "Init",
    "LinkStats",
    "LogLevel",
    "LogLine",
    "Losses",
    "ModelInfo",
    "MomentFormat",
    "Plan",
    "Profile",
    "Recipe",
    "Run",
    "Sampled",
    "SampledText",
    "Schedule",
    "SelfTest",
    "Shape",
    "Source",
    "Status",
    "StoryText",
    "Target",
    "TensorKind",
    "TextWish",
    "TokenEvaluation",
    "UgptError",
    "WeightsDigest",
    "__version__",
    "atrain",
    "connect",
    "decode_tokens",
    "encode_tokens",
    "errors",
    "events",
    "ports",
    "sample_texts",
    "tensor_shapes",
    "train",
    "virtual",
]


_MODULES = {"errors", "events", "ports", "virtual"}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("ugpt-esp32")
    if name not in _HOMES:
        raise AttributeError(f"module 'ugpt' has no attribute {name!r}")
    module = import_module(_HOMES[name], __name__)
    value = module if name in _MODULES else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
