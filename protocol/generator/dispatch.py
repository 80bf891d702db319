"""Writes who answers what in the firmware: `device/src/app/handlers.h` and `handlers.cpp`."""

from __future__ import annotations

from .cpp import pascal
from .schema import Method, Schema

OWNERS = {"link": "LinkTask", "trainer": "Trainer"}

HEADER = """\
// Generated from protocol/ugpt.toml by protocol/generate.py. Do not edit.
//
// What answers each method. A handler gets params that lie in their ranges and fills in the
// result, unless it returns an error. One that is nowhere defined is an error of the linker.
#pragma once

#include "app/call_error.h"
#include "rpc/messages.h"

namespace ugpt::app {

class LinkTask;
class Trainer;

"""

SOURCE = """\
// Generated from protocol/ugpt.toml by protocol/generate.py. Do not edit.
#include "app/handlers.h"

#include "app/dispatch.h"

namespace ugpt::app {

"""

FOOTER = "\n}  // namespace ugpt::app\n"


def header(schema: Schema) -> str:
    """The text of handlers.h."""
    return HEADER + "\n".join(_declaration(method) for method in schema.methods) + FOOTER


def source(schema: Schema) -> str:
    """The text of handlers.cpp."""
    rows = "\n".join(_route(method) for method in schema.methods)
    size = "std::array<Route, rpc::kMethods.size()>"
    return f"{SOURCE}constinit const {size} kRoutes{{{{\n{rows}\n}}}};\n{FOOTER}"


def _declaration(method: Method) -> str:
    name = pascal(method.name)
    return (
        f"CallError handle({OWNERS[method.task]}& owner, const rpc::{name}Params& params,\n"
        f"                 rpc::{name}Result& result);"
    )


def _route(method: Method) -> str:
    answer = f"answer<{OWNERS[method.task]}, rpc::{pascal(method.name)}Params>"
    return f"    {{.{method.task} = {answer}}},"
