"""Hosts that are killed, or hear a signal, at any moment."""

from __future__ import annotations

import contextlib
import signal
import time

from ugpt.cli.ending import END_SIGNALS

from .disturbed import TIMEOUT_S, DisturbedRun, wait
from .trials import Outcome, Trial

KILLS = 3
PRESSES = 10
PRESSES_WITHIN_S = 0.2


def killed(trial: Trial) -> Outcome:
    """`kill -9` up to three times; after some of them the board's flash is lost too."""
    run, chance = DisturbedRun(trial.folder, trial.straight), trial.chance
    for _ in range(chance.randint(1, KILLS)):
        with run.host() as process:
            wait(process, chance.uniform(0.0, trial.straight.duration_s))
            process.kill()
        if chance.random() < 0.5:
            (trial.folder / "state" / "ugpt" / "virtual-esp32.flash").unlink(missing_ok=True)
    return run.finish()


def signalled(trial: Trial) -> Outcome:
    """One to ten signals of one kind, after a standstill in some trials."""
    run, chance = DisturbedRun(trial.folder, trial.straight), trial.chance
    number = chance.choice(END_SIGNALS)
    with run.host() as process:
        ended = wait(process, chance.uniform(0.0, trial.straight.duration_s))
        if ended is None and chance.random() < 0.3:
            process.send_signal(signal.SIGSTOP)
            time.sleep(chance.uniform(0.0, 1.0))
            process.send_signal(signal.SIGCONT)
        for _ in range(chance.randint(1, PRESSES)):
            process.send_signal(number)
            with contextlib.suppress(ValueError):
                wait(process, chance.uniform(0.0, PRESSES_WITHIN_S / PRESSES))
        status = wait(process, TIMEOUT_S)
    # One that comes before Python has set a handler ends it as the system does.
    if status not in (0, -number, 128 + number):
        run.faults.append(f"status {status} after {number.name}")
    for event in run.events:
        if event["event"] == "stopped" and event["step"] != (event["saved_step"] or 0):
            run.faults.append(f"stopped at {event['step']}, saved {event['saved_step']}")
    return run.finish()
