"""List the serial ports, and mark the one that is used by default."""

from __future__ import annotations

import dataclasses

from ...device.ports import VIRTUAL, choose_port, list_ports
from ...rpc.errors import SeveralPorts
from ...view.output import console, print_json
from ...view.style import ACCENT, QUIET
from ..options import Json

EXAMPLES = ["ugpt ports", "ugpt ports --json"]


def command(json: Json = False) -> None:
    found = list_ports()
    try:
        chosen = choose_port(None, found).port
    except SeveralPorts:
        chosen = ""
    if json:
        for port in found:
            used = port.device == chosen
            print_json({**dataclasses.asdict(port), "esp32": port.is_esp32, "default": used})
        print_json({"device": VIRTUAL, "default": chosen == VIRTUAL})
        return
    rows = [
        (port.device, " ".join(part for part in (port.bridge, port.description) if part))
        for port in found
    ]
    rows.append((VIRTUAL, "the firmware as a program on this computer"))
    width = max(len(device) for device, _ in rows) + 2
    for device, description in rows:
        mark = "  (used without --port)" if device == chosen else ""
        console().tell((f"{device:<{width}}", ACCENT), description, (mark, QUIET))
    if not chosen:
        console().tell(("Several boards are plugged in: name one with --port.", QUIET))
