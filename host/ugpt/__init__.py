"""ugpt: an ESP32 trains a GPT from scratch, and this program conducts it.

async with ugpt.connect() as device:
    print(device.description, await device.status())
"""

from . import errors
from .device import ports, virtual
from .device.client import Device, DocumentsTaken, Evaluated, Losses, Sampled, SelfTest
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
    "UgptError",
    "connect",
    "decode_tokens",
    "encode_tokens",
    "errors",
    "ports",
    "tensor_shapes",
    "virtual",
]
