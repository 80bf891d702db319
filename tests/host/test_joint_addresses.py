from __future__ import annotations

import pytest

from tests.support.in_process import Program
from ugpt.fleet import extras
from ugpt.joint.addresses import require_safe
from ugpt.joint.cost import wire_s
from ugpt.joint.errors import BadScheduler
from ugpt.joint.rounds import remark_on_wire
from ugpt.joint.tasks import Ability
from ugpt.wording import install_command


@pytest.mark.parametrize(
    "address",
    [
        "tls://lab.example:8786",
        "tls://192.0.2.1:8786",
        "tcp://127.0.0.1:8786",
        "tcp://localhost:8786",
        "tcp://[::1]:8786",
        "localhost:8786",
    ],
)
def test_schedulers_that_nobody_else_can_reach(address: str) -> None:
    require_safe(address)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("tcp://lab.example:8786", "is not encrypted"),
        ("tcp://192.0.2.1:8786", "is not encrypted"),
        ("tcp://0.0.0.0:8786", "is not encrypted"),
        ("lab.example:8786", "is not encrypted"),
        ("ws://lab.example:8786", "ws:// is not supported"),
        ("inproc://1/2:3", "inproc:// is not supported"),
        ("tls://lab.example", r"is not the address of a scheduler\. Name it as tls://"),
        ("tls://:8786", "is not the address"),
        ("tls://lab.example:port", "is not the address"),
        ("tls://lab.example:65536", "is not the address"),
        ("", "is not the address"),
    ],
)
def test_schedulers_that_are_refused(address: str, reason: str) -> None:
    with pytest.raises(BadScheduler, match=reason):
        require_safe(address)


def test_without_dask_the_command_says_what_to_install(
    ugpt: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    said = ugpt("fleet", "train", "names", "--virtual", "1", status=1).err
    assert "needs distributed, which is not installed" in said
    assert f"Install it: {install_command(extra='fleet')}" in said
    assert "--workers" in ugpt("fleet", "train", "--help").out


def test_an_unsafe_scheduler_is_refused_before_anything_begins(ugpt: Program) -> None:
    said = ugpt("fleet", "train", "names", "--scheduler", "tcp://192.0.2.1:1", status=2)
    assert said.err.startswith("error: tcp://192.0.2.1:1 is not encrypted")
    assert not said.out
    assert not (ugpt.folder / "runs").exists()


def test_weights_that_travel_for_longer_than_they_are_trained_are_told() -> None:
    assert 1.0 < wire_s(4192, 921_600) < 1.2
    board = Ability(0.0028, 921_600)
    assert "--sync 411 or more" in remark_on_wire(4192, 100, [board])
    assert not remark_on_wire(4192, 1000, [board])
    assert not remark_on_wire(4192, 100, [Ability(0.0028, 0)])  # a virtual board has no line
    assert "travel for" in remark_on_wire(4192, 1000, [board, Ability(0.0028, 115_200)])


def test_rounds_that_are_slower_than_one_board_are_called_so() -> None:
    """1.1 s on the wire: four boards win with rounds of more than a third of that."""
    boards = 4 * [Ability(0.0008, 921_600)]
    assert "slower than one board alone" in remark_on_wire(4192, 100, boards, workers=4)
    assert "fewer boards may be as fast" in remark_on_wire(4192, 1000, boards, workers=4)
    assert "slower than one board alone" in remark_on_wire(4192, 1000, boards[:2], workers=2)
    # Two boards do the work of three workers in two turns.
    assert "slower than one board alone" in remark_on_wire(4192, 1000, boards[:2], workers=3)
