"""The link: hellos, repetition, the window, restarts, rates, and what it leaves behind."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.support.faults import BAD_LINE, FaultySide
from tests.support.peer import HELLO, Peer, Refused
from tests.support.virtual_time import leaping
from ugpt.errors import InvalidValue
from ugpt.rpc import messages
from ugpt.rpc.boot_log import BootLog
from ugpt.rpc.errors import (
    Busy,
    DeviceRestarted,
    LinkClosed,
    NoAnswer,
    PortLost,
    ProtocolError,
    UnknownMethod,
    VersionMismatch,
    no_handshake,
    silent_device,
    unfinished,
)
from ugpt.rpc.link import Link, LinkState
from ugpt.rpc.messages import FIRST_BAUD, ErrorCode, LogLevel
from ugpt.rpc.pending import PROBE_ID
from ugpt.rpc.receiver import LogLine

UART_HELLO = replace(HELLO, baud_max=2_000_000)


@asynccontextmanager
async def linked(peer: Peer, timeout_s: float = 3.0, **options: object) -> AsyncIterator[Link]:
    """An open link; afterwards nothing of it may be left running."""
    before = asyncio.all_tasks()
    link = Link(peer.line, **options)  # type: ignore[arg-type]
    try:
        async with asyncio.timeout(30.0):
            await link.open(timeout_s)
            yield link
    finally:
        await link.close()
        assert peer.line.closed
        assert asyncio.all_tasks() == before
        assert not link._pending
        assert link.state is LinkState.CLOSED


async def ping(link: Link, payload: bytes = b"abc", timeout_s: float = 5.0) -> bytes:
    return await link.call(messages.ping(payload), timeout_s=timeout_s)


# The handshake


@leaping
async def test_the_handshake_says_who_answers() -> None:
    peer = Peer()
    peer.delays_s["ping"] = 0.02
    async with linked(peer) as link:
        assert link.hello == peer.hello
        assert link.state is LinkState.READY
        assert await ping(link) == b"abc"
        assert link.stats.requests == 2
        assert link.stats.repeats == 0
        assert link.stats.round_trips_s[-1] == pytest.approx(0.02)


@leaping
async def test_boot_text_and_a_reset_at_open_do_no_harm() -> None:
    peer = Peer()
    peer.deaf = True
    lines: list[LogLine] = []

    def boot() -> None:
        peer.restart(silently=False)
        peer.say(b"\x80\x00\xff\x00I (31) boot: ESP-IDF\r\n")
        peer.deaf = False

    asyncio.get_running_loop().call_later(0.4, boot)
    async with linked(peer, on_log=lines.append) as link:
        assert link.hello is not None
        assert link.hello.boot == HELLO.boot + 1
        assert await ping(link) == b"abc"
    assert LogLine("rst:0x1 (POWERON_RESET),boot:0x13", None) in lines


@leaping
async def test_silence_is_reported_with_what_to_try() -> None:
    peer = Peer()
    peer.deaf = True
    with pytest.raises(NoAnswer, match=r"Nothing answers on memory.*ugpt flash.*ugpt doctor"):
        async with linked(peer, timeout_s=0.6):
            pass


@leaping
async def test_another_program_on_the_board_is_quoted() -> None:
    peer = Peer()
    peer.deaf = True
    asyncio.get_running_loop().call_later(0.1, peer.say, b"MicroPython v1.22; type help()\r\n>>>")
    with pytest.raises(NoAnswer, match=r"runs MicroPython\. .*'MicroPython v1\.22; type help\(\)'"):
        async with linked(peer, timeout_s=0.6):
            pass


@leaping
async def test_a_board_at_another_rate_is_no_ugpt() -> None:
    peer = Peer()
    peer.deaf = True
    asyncio.get_running_loop().call_later(0.1, peer.say, bytes(range(128, 256)))
    with pytest.raises(NoAnswer, match=r"neither text nor .*does not carry.*ugpt doctor"):
        async with linked(peer, timeout_s=0.6):
            pass


@pytest.mark.parametrize(
    ("port", "line"),
    [
        ("socket://board:5555", "ugpt doctor --port socket://board:5555"),
        ("/dev/serial/by id/x", "ugpt doctor --port '/dev/serial/by id/x'"),
        ("COM3", "ugpt doctor --port COM3"),
        ("virtual device", "ugpt doctor"),
    ],
)
def test_a_line_that_fails_is_to_be_examined_where_it_is(port: str, line: str) -> None:
    log = BootLog()
    for error in (
        silent_device(port, "plan", 5.0),
        unfinished(port, "sample", 120.0),
        no_handshake(port, 4.0, baud=0, bytes_came=False, log=log),
        no_handshake(port, 4.0, baud=0, bytes_came=True, log=log),
    ):
        assert error.advice.endswith(f": {line}")


@leaping
async def test_another_major_version_is_refused_naming_both() -> None:
    with pytest.raises(VersionMismatch, match=r"version 7 .* version 1") as caught:
        async with linked(Peer(replace(HELLO, major=7, build="9.9"))):
            pass
    assert caught.value.device_major == 7

    def refuse(params: list[object]) -> list[object]:
        raise Refused(ErrorCode.WRONG_VERSION, "Another version.", 3)

    peer = Peer()
    peer.handlers["hello"] = refuse
    with pytest.raises(VersionMismatch, match=r"version 3 .* version 1"):
        async with linked(peer):
            pass


# Versions


async def test_older_firmware_is_asked_for_what_it_knows_and_nothing_else() -> None:
    peer = Peer(replace(HELLO, minor=0, build="0.1.0", device_id=0))
    peer.handlers["train"] = lambda params: []
    peer.handlers["evaluate"] = lambda params: [7, b""]
    async with linked(peer) as link:
        assert link.hello == peer.hello
        assert (link.hello.device_id, link.hello.regions) == (0, ())
        await link.call(messages.train(100, 0))
        assert await link.call(messages.evaluate([b"\x01"])) == messages.EvaluateResult(7, b"")
        asked = len(peer.requests)
        for call, what in (
            (messages.weights_digest(), "weights_digest"),
            (messages.stop(), "stop"),
            (messages.train(100, 0, gradient_norm=True), "gradient_norm of train"),
            (messages.evaluate([b"\x01"], by_token=True), "by_token of evaluate"),
        ):
            with pytest.raises(UnknownMethod) as caught:
                await link.call(call)
            assert str(caught.value) == (
                f"The firmware 0.1.0 does not know {what}. The board runs older firmware than "
                "this program; write the current one: ugpt flash"
            )
        assert len(peer.requests) == asked
        assert await ping(link) == b"abc"


def test_what_version_0_of_the_protocol_lacks_says_since_when_there_is() -> None:
    first = """
        autorun create curve data_begin data_commit data_info data_write documents_write evaluate
        hello init_weights losses model_info pause ping plan profile reset sample save seek
        self_test set_baud status tensor_read tensor_write train vocabulary_read vocabulary_write
    """
    known = {method.name for method in messages.METHODS.values() if method.since == 0}
    assert known == set(first.split())


async def test_an_unknown_method_names_what_to_do() -> None:
    def refuse(params: list[object]) -> list[object]:
        raise Refused(ErrorCode.UNKNOWN_METHOD, "The firmware does not know this method.")

    peer = Peer()
    peer.handlers["weights_digest"] = refuse
    async with linked(peer) as link:
        with pytest.raises(UnknownMethod, match=r"does not know this method\. .*ugpt flash$"):
            await link.call(messages.weights_digest())


async def test_newer_firmware_goes_on_working() -> None:
    peer = Peer(replace(HELLO, minor=HELLO.minor + 1, build="9.0.0"))
    peer.handlers["weights_digest"] = lambda params: [3, bytes(32), "and more"]
    async with linked(peer) as link:
        assert link.hello == peer.hello
        digest = await link.call(messages.weights_digest())
        assert digest == messages.WeightsDigestResult(3, bytes(32))


# Repetition


@leaping
async def test_every_request_completes_on_a_bad_line() -> None:
    peer = Peer()
    sides = FaultySide(BAD_LINE, 11), FaultySide(BAD_LINE, 12)
    peer.from_host, peer.to_host = sides[0].pass_on, sides[1].pass_on
    async with linked(peer, timeout_s=5.0) as link:
        payloads = [bytes([n]) * (n * 4) for n in range(100)]
        assert await asyncio.gather(*(ping(link, payload) for payload in payloads)) == payloads
        assert link.stats.repeats > 20
        assert link.stats.bad_frames > 0
    assert min(side.mangled for side in sides) > 20
    # A repetition is the same request: no two requests share an id.
    assert len({number for number, _ in peer.requests}) == link.stats.requests


@leaping
async def test_a_lost_answer_costs_one_repetition() -> None:
    peer = Peer()
    async with linked(peer) as link:
        measured = len(link.stats.round_trips_s)
        lost = [True]
        peer.to_host = lambda frame: [] if lost and lost.pop() else [frame]
        assert await ping(link) == b"abc"
        # Nobody knows which of the two requests was answered.
        assert len(link.stats.round_trips_s) == measured
        assert link.stats.repeats == 1
        assert peer.requests[-1] == peer.requests[-2]


@pytest.mark.parametrize("way", ["there", "back"])
@leaping
async def test_a_later_answer_shows_what_is_lost(way: str) -> None:
    """The line keeps the order, so that nobody need wait for what was overtaken."""
    peer = Peer()
    peer.delays_s["ping"] = 0.01
    loop = asyncio.get_running_loop()
    async with linked(peer) as link:
        lost = [True]
        side = "from_host" if way == "there" else "to_host"
        setattr(peer, side, lambda frame: [] if lost and lost.pop() else [frame])
        started_s = loop.time()
        payloads = [bytes([n]) for n in range(4)]
        assert await asyncio.gather(*(ping(link, payload) for payload in payloads)) == payloads
        assert loop.time() - started_s == pytest.approx(0.02)
        assert link.stats.repeats == 1
        assert link.stats.late_replies == 0


@leaping
async def test_an_answer_shows_nothing_of_what_another_task_of_the_device_is_asked() -> None:
    peer = Peer()
    peer.handlers["save"] = lambda params: [77]
    peer.delays_s["save"] = 0.1
    async with linked(peer) as link:
        assert await asyncio.gather(link.call(messages.save()), ping(link)) == [77, b"abc"]
        assert link.stats.repeats == 0


@leaping
async def test_a_refusal_shows_nothing() -> None:
    """The link task refuses at once what it need not hand to the trainer."""

    def refuse(params: list[object]) -> list[object]:
        raise Refused(ErrorCode.BUSY, "The trainer is training.")

    peer = Peer()
    peer.handlers |= {"save": lambda params: [77], "pause": refuse}
    peer.delays_s["save"] = 0.1
    async with linked(peer) as link:
        saved, refused = await asyncio.gather(
            link.call(messages.save()), link.call(messages.pause()), return_exceptions=True
        )
        assert saved == 77
        assert isinstance(refused, Busy)
        assert link.stats.repeats == 0


@leaping
async def test_a_damaged_answer_is_asked_for_again_at_once() -> None:
    peer = Peer()
    peer.delays_s["ping"] = 0.01
    loop = asyncio.get_running_loop()
    async with linked(peer) as link:
        damaged = [True, True]

        def damage(frame: bytes) -> list[bytes]:
            return [frame[:3] + bytes([frame[3] ^ 0x80]) + frame[4:]]

        peer.to_host = lambda frame: damage(frame) if damaged and damaged.pop() else [frame]
        started_s = loop.time()
        assert await ping(link) == b"abc"
        assert loop.time() - started_s == pytest.approx(0.03)
        assert link.stats.repeats == link.stats.lost == link.stats.bad_frames == 2


@leaping
async def test_a_request_that_never_passes_is_given_up_and_floods_nothing() -> None:
    """As on a line that changes bytes which only some answers have: no id and no CRC does."""
    peer = Peer()
    peer.handlers["save"] = lambda params: [0xFFFFFFFF]
    peer.delays_s["save"] = 0.001
    loop = asyncio.get_running_loop()
    async with linked(peer) as link:
        peer.to_host = lambda frame: [frame.replace(4 * b"\xff", 5 * b"\xff")]
        started_s = loop.time()
        with pytest.raises(NoAnswer, match=r"none of 64 tries of save .* ugpt doctor"):
            await link.call(messages.save())
        assert 5.0 < loop.time() - started_s < 30.0
        assert await ping(link) == b"abc"
    assert sum(method == "save" for _, method in peer.requests) == 64


@leaping
async def test_second_answers_are_dropped() -> None:
    peer = Peer()
    async with linked(peer) as link:
        peer.to_host = lambda frame: [frame + frame]
        for n in range(5):
            assert await ping(link, bytes([n])) == bytes([n])
        assert link.stats.late_replies >= 4
        assert link.stats.repeats == 0


@leaping
async def test_a_silent_device_is_given_up_and_may_come_back() -> None:
    peer = Peer()
    async with linked(peer) as link:
        peer.deaf = True
        with pytest.raises(NoAnswer, match="did not answer ping"):
            await ping(link, timeout_s=0.5)
        peer.deaf = False
        assert await ping(link) == b"abc"


@leaping
async def test_a_busy_trainer_is_waited_for_while_the_link_is_alive() -> None:
    peer = Peer()
    peer.handlers["save"] = lambda params: [77]
    peer.delays_s["save"] = 2.0
    async with linked(peer) as link:
        assert await link.call(messages.save(), timeout_s=0.8) == 77
        assert link.stats.repeats > 0
        assert link.stats.late_replies == 0  # those to probes are not missed by anybody
        assert link.stats.lost == 0  # the line is good
        peer.deaf = True
        with pytest.raises(NoAnswer, match="did not answer save"):
            await link.call(messages.save(), timeout_s=0.8)


@leaping
async def test_the_wait_adapts_to_a_slow_device() -> None:
    peer = Peer()
    peer.delays_s["ping"] = 0.15
    async with linked(peer) as link:
        for _ in range(3):
            await ping(link)
        peer.delays_s["ping"] = 0.4
        await ping(link)
        assert link.stats.repeats == 0


# The window and cancellation


@pytest.mark.parametrize(("limit", "expected"), [(None, 4), (1, 1), (3, 3), (9, 4)])
@leaping
async def test_no_more_requests_than_the_window_are_in_flight(
    limit: int | None, expected: int
) -> None:
    peer = Peer()
    peer.delays_s["ping"] = 0.01
    async with linked(peer, window_limit=limit) as link:
        await asyncio.gather(*(ping(link, bytes([n])) for n in range(20)))
        assert peer.most_in_flight == expected
        assert link.stats.window == expected


@leaping
async def test_a_cancelled_request_gives_its_place_back() -> None:
    peer = Peer()
    peer.delays_s["ping"] = 0.2
    async with linked(peer) as link:
        tasks = [asyncio.create_task(ping(link)) for _ in range(8)]
        await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results)
        peer.delays_s["ping"] = 0.0
        assert await asyncio.gather(*(ping(link) for _ in range(8))) == [b"abc"] * 8


# Restarts


@leaping
async def test_a_restart_is_told_to_everyone_and_a_handshake_mends_it() -> None:
    peer = Peer()
    async with linked(peer) as link:
        tasks = [asyncio.create_task(link.call(messages.model_info())) for _ in range(6)]
        await asyncio.sleep(0.05)
        peer.restart()
        with pytest.raises(DeviceRestarted) as caught:
            await ping(link)
        assert caught.value.boot_before == HELLO.boot
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, DeviceRestarted) for result in results)
        with pytest.raises(DeviceRestarted):
            await ping(link)
        hellos = await asyncio.gather(link.handshake(), link.handshake())
        assert [hello.boot for hello in hellos] == [HELLO.boot + 1] * 2
        assert await ping(link) == b"abc"


@pytest.mark.parametrize(
    "text",
    [
        b"rst:0xc (SW_CPU_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n",
        b"\x00\x13Guru Meditation Error: Core  1 panic'ed (LoadProhibited)\r\n",
        b"abort() was called at PC 0x400d1234 on core 0\n",
    ],
)
@leaping
async def test_what_a_falling_board_prints_is_understood(text: bytes) -> None:
    peer = Peer()
    async with linked(peer) as link:
        waiting = asyncio.create_task(link.call(messages.model_info()))
        await asyncio.sleep(0.02)
        peer.say(text)
        async with asyncio.timeout(0.45):
            with pytest.raises(DeviceRestarted):
                await waiting


@leaping
async def test_a_silent_restart_is_found_below_a_raised_rate() -> None:
    peer = Peer(UART_HELLO)
    async with linked(peer) as link:
        assert link.stats.baud == 921600
        peer.restart()
        with pytest.raises(DeviceRestarted) as caught:
            await ping(link, timeout_s=0.5)
        assert (caught.value.boot_before, caught.value.boot_now) == (HELLO.boot, HELLO.boot + 1)
        assert (await link.handshake()).boot == HELLO.boot + 1
        assert link.stats.baud == 921600
        assert await ping(link) == b"abc"


@leaping
async def test_a_device_that_only_fell_back_in_rate_goes_on() -> None:
    peer = Peer(UART_HELLO)
    async with linked(peer) as link:
        peer.baud = 115200
        assert await ping(link, timeout_s=0.5) == b"abc"
        assert link.stats.baud == 115200


@leaping
async def test_every_request_hears_of_a_silent_restart() -> None:
    peer = Peer(UART_HELLO)
    async with linked(peer) as link:
        peer.restart()
        requests = (ping(link, timeout_s=0.5) for _ in range(4))
        results = await asyncio.gather(*requests, return_exceptions=True)
        assert [type(result) for result in results] == [DeviceRestarted] * 4


@leaping
async def test_every_request_survives_a_fall_in_rate() -> None:
    peer = Peer(UART_HELLO)
    async with linked(peer) as link:
        peer.baud = 115200
        requests = (ping(link, bytes([n]), timeout_s=0.5) for n in range(4))
        assert await asyncio.gather(*requests) == [bytes([n]) for n in range(4)]


# Rates


@pytest.mark.parametrize(
    ("dependable", "limit", "expected"),
    [
        (5_000_000, None, 921600),
        (5_000_000, 460800, 460800),
        (5_000_000, 115200, 115200),
        (500_000, None, 460800),
        (500_000, 921600, 460800),
        (115_200, None, 115200),
    ],
)
@leaping
async def test_the_highest_dependable_rate_is_found(
    dependable: int, limit: int | None, expected: int
) -> None:
    peer = Peer(UART_HELLO)
    peer.dependable_baud = dependable
    async with linked(peer, baud_limit=limit) as link:
        assert link.stats.baud == expected
        assert peer.line.baud == expected
        assert peer.baud == expected
        assert await ping(link) == b"abc"
        tried = [baud for baud in peer.line.rates if baud != FIRST_BAUD]
        assert len(tried) == len(set(tried))


@leaping
async def test_a_rate_this_computer_lacks_is_passed_over() -> None:
    peer = Peer(UART_HELLO)
    peer.port_rates = {115200, 230400}
    async with linked(peer) as link:
        assert link.stats.baud == 230400
        assert await ping(link) == b"abc"


@leaping
async def test_a_line_without_a_rate_is_left_alone() -> None:
    async with linked(Peer()) as link:
        assert link.stats.baud == 0


@leaping
async def test_a_line_behind_a_socket_is_given_its_time() -> None:
    """At 115,200 baud, two frames of 1,200 bytes keep it busy for a fifth of a second."""
    peer = Peer(replace(HELLO, baud_max=921_600))
    peer.line.can_set_baud = False
    peer.delays_s["ping"] = 0.8  # of four pings one after the other
    async with linked(peer) as link:
        payload = bytes(1200)
        answers = await asyncio.gather(*(ping(link, payload) for _ in range(4)))
        assert answers == [payload] * 4
        assert link.stats.repeats == 0
        assert link.stats.baud == 0


@leaping
async def test_a_line_behind_a_socket_that_shows_to_be_fast_is_asked_again_soon() -> None:
    peer = Peer(replace(HELLO, baud_max=921_600))
    peer.line.can_set_baud = False
    peer.delays_s["ping"] = 0.001
    loop = asyncio.get_running_loop()
    async with linked(peer) as link:
        for _ in range(20):
            await ping(link, bytes(1200))
        lost = iter([True])
        peer.to_host = lambda frame: [] if next(lost, False) else [frame]
        started_s = loop.time()
        await ping(link, bytes(1200))
        assert loop.time() - started_s < 0.3
        assert link.stats.repeats == 1


@leaping
async def test_a_rate_at_which_a_single_answer_is_lost_is_not_dependable() -> None:
    peer = Peer(UART_HELLO)
    lost = [True]
    peer.to_host = lambda frame: (
        [] if peer.baud == 921600 and len(frame) > 400 and lost and lost.pop() else [frame]
    )
    async with linked(peer) as link:
        assert link.stats.baud == 460800


@leaping
async def test_a_rate_at_which_an_echo_is_another_is_not_dependable() -> None:
    peer = Peer(UART_HELLO)
    peer.handlers["ping"] = lambda params: (
        [params[0][::-1]] if peer.baud == 921600 and len(params[0]) > 400 else params
    )
    async with linked(peer) as link:
        assert link.stats.baud == 460800


@leaping
async def test_a_device_that_was_silent_is_met_again_at_its_rate() -> None:
    peer = Peer(UART_HELLO)
    async with linked(peer) as link:
        peer.deaf = True
        with pytest.raises(NoAnswer, match="did not answer ping"):
            await ping(link, timeout_s=0.5)
        peer.deaf = False
        assert peer.line.baud == link.stats.baud == peer.baud == 921600
        assert await ping(link) == b"abc"


@leaping
async def test_only_a_rate_that_the_device_agrees_to_is_set() -> None:
    peer = Peer(UART_HELLO)
    change = peer.handlers["set_baud"]
    peer.handlers["set_baud"] = lambda params: change([min(params[0], 230400)])
    async with linked(peer) as link:
        assert link.stats.baud == 230400
        assert peer.line.rates == [230400]


@leaping
async def test_a_device_that_is_heard_badly_at_a_rate_is_told_to_leave_it() -> None:
    peer = Peer(UART_HELLO)
    # It hears everything, so that it would stay at a rate at which its long answers are lost.
    peer.to_host = lambda frame: [] if peer.baud > FIRST_BAUD and len(frame) > 400 else [frame]
    async with linked(peer) as link:
        assert link.stats.baud == peer.baud == FIRST_BAUD
        assert await ping(link) == b"abc"


@pytest.mark.parametrize("silent_s", [0.0, 5.5], ids=["at once", "slowly"])
@leaping
async def test_a_device_that_restarts_during_the_trial_is_greeted_again(silent_s: float) -> None:
    peer = Peer(UART_HELLO)

    change = peer.handlers["set_baud"]

    def agree_and_fall(params: list[int]) -> list[object]:
        peer.handlers["set_baud"] = change
        peer.restart()
        peer.deaf = True
        asyncio.get_running_loop().call_later(silent_s, setattr, peer, "deaf", False)
        return [params[0]]

    peer.handlers["set_baud"] = agree_and_fall
    async with linked(peer) as link:
        assert link.hello == peer.hello
        assert peer.hello.boot == HELLO.boot + 1
        assert link.stats.baud == peer.baud == 921600
        assert await ping(link) == b"abc"


@leaping
async def test_a_device_that_no_change_of_rate_outlives_is_left_at_the_first() -> None:
    peer = Peer(UART_HELLO)

    def agree_and_fall(params: list[int]) -> list[object]:
        peer.restart()
        return [params[0]]

    peer.handlers["set_baud"] = agree_and_fall
    async with linked(peer) as link:
        assert link.hello == peer.hello
        assert link.stats.baud == FIRST_BAUD
        assert await ping(link) == b"abc"


# Errors


@leaping
async def test_a_refusal_becomes_its_exception() -> None:
    def refuse(params: list[object]) -> list[object]:
        raise Refused(ErrorCode.BUSY, "The trainer is training.")

    peer = Peer()
    peer.handlers["save"] = refuse
    async with linked(peer) as link:
        said = r"^The trainer is training\. Follow .* end: ugpt attach\. Or stop it: ugpt stop$"
        with pytest.raises(Busy, match=said):
            await link.call(messages.save())
        assert await ping(link) == b"abc"


@leaping
async def test_a_result_that_contradicts_the_schema_is_a_protocol_error() -> None:
    peer = Peer()
    peer.handlers["status"] = lambda params: ["nonsense"]
    async with linked(peer) as link:
        with pytest.raises(ProtocolError):
            await link.call(messages.status())


@leaping
async def test_a_request_too_long_for_the_device_is_not_sent() -> None:
    peer = Peer()
    async with linked(peer) as link:
        sent = len(peer.requests)
        with pytest.raises(InvalidValue, match="1280"):
            await ping(link, bytes(1280))
        assert len(peer.requests) == sent


@leaping
async def test_no_request_has_the_number_of_another_or_of_a_probe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    peer = Peer()
    async with linked(peer) as link:
        numbers = iter([PROBE_ID, 7, 7, PROBE_ID, 8])
        monkeypatch.setattr(secrets, "randbits", lambda bits: next(numbers))
        assert await asyncio.gather(ping(link, b"a"), ping(link, b"b")) == [b"a", b"b"]
    assert [number for number, _ in peer.requests[-2:]] == [7, 8]


@leaping
async def test_the_loss_of_the_port_reaches_everyone_and_is_kept() -> None:
    peer = Peer()
    async with linked(peer) as link:
        waiting = [asyncio.create_task(link.call(messages.model_info())) for _ in range(6)]
        await asyncio.sleep(0.02)
        peer.line.arrive(b"")
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, PortLost) for result in results)
        for attempt in (ping(link), link.handshake()):
            with pytest.raises(PortLost):
                await attempt


@leaping
async def test_a_closed_link_says_so() -> None:
    peer = Peer()
    async with linked(peer) as link:
        waiting = asyncio.create_task(link.call(messages.model_info()))
        await asyncio.sleep(0.02)
    with pytest.raises(LinkClosed):
        await waiting
    with pytest.raises(LinkClosed):
        await ping(link)


@leaping
async def test_nothing_is_said_after_the_end() -> None:
    peer = Peer()
    lines: list[LogLine] = []
    async with linked(peer, on_log=lines.append) as link:
        peer.say(b"half a line")
        assert await ping(link) == b"abc"
        said = len(lines)
        peer.say(b"half another")
        await asyncio.sleep(0.1)
    await asyncio.sleep(1.0)
    assert len(lines) == said


@leaping
async def test_log_lines_arrive_and_a_mistake_in_the_reader_does_no_harm() -> None:
    peer = Peer()
    lines: list[LogLine] = []

    def read(line: LogLine) -> None:
        lines.append(line)
        raise RuntimeError("a mistake")

    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    async with linked(peer, on_log=read) as link:
        peer.send([2, "log", [int(LogLevel.WARNING), "flash is nearly worn out"]])
        peer.send([2, "from_the_future", [1, 2, 3]])
        peer.say(b"plain text\r\n")
        assert await ping(link) == b"abc"
    assert lines == [
        LogLine("flash is nearly worn out", LogLevel.WARNING),
        LogLine("plain text", None),
    ]
