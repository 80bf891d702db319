"""The trial of a rate, by a computer too busy to read answers in time."""

from __future__ import annotations

import pytest

from ugpt.rpc.baud import try_baud
from ugpt.rpc.messages import FIRST_BAUD
from ugpt.rpc.schema import Call
from ugpt.rpc.stats import LinkStats


class LateLine:
    """The first pings are asked twice; the second answer to one comes before the next one's."""

    def __init__(self, late_pings: int) -> None:
        self.stats = LinkStats(baud=FIRST_BAUD)
        self._late_pings = late_pings
        self._second_answers = 0

    async def ask(self, call: Call[object], timeout_s: float) -> object:
        self.stats.late_replies += self._second_answers
        self._second_answers = 0
        if call.method.name == "ping" and self._late_pings:
            self._late_pings -= 1
            self.stats.repeats += 1
            self._second_answers = 1
        return call.params[0]

    async def set_line_baud(self, baud: int) -> None:
        self.stats.baud = baud


@pytest.mark.parametrize("late_pings", [0, 1, 6, 7, 9])
async def test_what_is_only_late_costs_no_rate(late_pings: int) -> None:
    line = LateLine(late_pings)
    assert await try_baud(line, 921_600)  # type: ignore[arg-type]
    assert line.stats.baud == 921_600
