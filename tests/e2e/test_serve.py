"""`ugpt serve`: runs on the boards behind it, and its end."""

from __future__ import annotations

import json
import signal

import pytest

from tests.support.commands import CommandLine, Process, digest


def addresses(server: Process, count: int) -> list[str]:
    assert server.stdout is not None
    return [json.loads(server.stdout.readline())["address"] for _ in range(count)]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_runs_behind_a_server_and_its_end(cli: CommandLine, end: signal.Signals) -> None:
    options = ("--listen", "127.0.0.1:0", "--virtual", "2", "--json")
    with cli.running("serve", *options) as server:
        ports = addresses(server, 2)
        for port, run in zip((*ports, "virtual"), "ABC", strict=True):
            cli("train", "names", "--steps", "40", "--run", run, "--port", port)
        assert digest(cli.folder / "A") == digest(cli.folder / "B") == digest(cli.folder / "C")
        named = [word for port in ports for word in ("--port", port)]
        rows = [json.loads(line) for line in cli("boards", "--json", *named).splitlines()]
        assert [(row["step"], row["state"]) for row in rows] == [(40, "idle")] * 2
        assert all(row["name"].startswith("virtual-") for row in rows)
        table = cli("boards", *named)
        assert table.count("step 40") == 2
        assert "of 40" not in table
        server.send_signal(end)
        _, said = server.communicate(timeout=30.0)
        assert server.returncode == (0 if end is signal.SIGINT else 143)
        assert "Traceback" not in said
        assert "virtual-1 is used by ugpt" in said or "virtual-1 is used by python" in said
    assert "cannot be opened" in cli.refused("info", "--port", ports[0])


def test_an_address_that_others_reach_is_refused(cli: CommandLine) -> None:
    for listen in ("0.0.0.0:5600", ":5600", "[::]:5600", "192.168.1.2:5600"):
        said = cli.refused("serve", "--virtual", "1", "--listen", listen, code=2)
        assert "can be reached from others" in said
        assert "ssh -L" in said


def test_a_port_that_is_taken_is_named(cli: CommandLine) -> None:
    with cli.running("serve", "--listen", "127.0.0.1:0", "--virtual", "1", "--json") as server:
        (port,) = addresses(server, 1)
        listen = port.removeprefix("socket://")
        said = cli.refused("serve", "--listen", listen, "--virtual", "1")
        assert f"virtual-1 cannot be offered at {listen}: another program listens there." in said
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=30.0)
    assert "not enough ports" in cli.refused("serve", "--listen", "[::1]:65535", "--virtual", "2")


def test_without_a_board_there_is_nothing_to_offer(cli: CommandLine) -> None:
    assert "No board is plugged in" in cli.refused("serve")
