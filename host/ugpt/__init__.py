"""ugpt: an ESP32 trains a GPT from scratch, and this program conducts it.

async with ugpt.connect() as device:
    print(device.description, await device.status())
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import errors
    from .device import ports, virtual
    from .device.client import (
        Device,
        DocumentsTaken,
        Evaluated,
        Losses,
        Sampled,
        SelfTest,
        TokensEvaluated,
        WeightsDigest,
    )
    from .device.connect import connect
    from .device.tensors import decode_tokens, encode_tokens, tensor_shapes
    from .errors import UgptError
    from .rpc.link import LogLine
    from .rpc.messages import (
        DataSet,
        DeviceState,
        ErrorCode,
        Hello,
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
    from .rpc.stats import LinkStats

_HOMES = {
    "errors": ".errors",
    "ports": ".device.ports",
    "virtual": ".device.virtual",
    "DataSet": ".rpc.messages",
    "Device": ".device.client",
    "DeviceState": ".rpc.messages",
    "DocumentsTaken": ".device.client",
    "ErrorCode": ".rpc.messages",
    "Evaluated": ".device.client",
    "Hello": ".rpc.messages",
    "LinkStats": ".rpc.stats",
    "LogLevel": ".rpc.messages",
    "LogLine": ".rpc.link",
    "Losses": ".device.client",
    "ModelInfo": ".rpc.messages",
    "MomentFormat": ".rpc.messages",
    "Plan": ".rpc.messages",
    "Profile": ".rpc.messages",
    "Recipe": ".rpc.messages",
    "Sampled": ".device.client",
    "Schedule": ".rpc.messages",
    "SelfTest": ".device.client",
    "Shape": ".rpc.messages",
    "Source": ".rpc.messages",
    "Status": ".rpc.messages",
    "TensorKind": ".rpc.messages",
    "TokensEvaluated": ".device.client",
    "UgptError": ".errors",
    "WeightsDigest": ".device.client",
    "connect": ".device.connect",
    "decode_tokens": ".device.tensors",
    "encode_tokens": ".device.tensors",
    "tensor_shapes": ".device.tensors",
}
"""Where the public names are defined: importing the package imports none of it."""

__all__ = [
    "DataSet",
    "Device",
    "DeviceState",
    "DocumentsTaken",
    "ErrorCode",
    "Evaluated",
    "Hello",
    "LinkStats",
    "LogLevel",
    "LogLine",
    "Losses",
    "ModelInfo",
    "MomentFormat",
    "Plan",
    "Profile",
    "Recipe",
    "Sampled",
    "Schedule",
    "SelfTest",
    "Shape",
    "Source",
    "Status",
    "TensorKind",
    "TokensEvaluated",
    "UgptError",
    "WeightsDigest",
    "__version__",
    "connect",
    "decode_tokens",
    "encode_tokens",
    "errors",
    "ports",
    "tensor_shapes",
    "virtual",
]


_MODULES = {"errors", "ports", "virtual"}


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
