"""ugpt: an ESP32 trains a GPT from scratch, and this program conducts it.

async with ugpt.connect() as device:
    print(device.description, await device.status())
"""

from . import errors, ports, virtual
from ._connect import connect
from ._link import LogLine
from ._link_stats import LinkStats
from ._messages import (
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
from ._values import decode_tokens, encode_tokens, tensor_shapes
from .client import Device, DocumentsTaken, Evaluated, Losses, Sampled, SelfTest
from .errors import UgptError

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
