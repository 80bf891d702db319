"""Every way in which the campaign disturbs runs."""

from __future__ import annotations

from . import disks, hosts, liars, lines, power
from .trials import Kind

KINDS = (
    Kind("noise-1e-4", "1 byte of 10,000 is wrong, each way", lines.noisy(1e-4)),
    Kind("noise-1e-3", "1 byte of 1,000 is wrong, each way", lines.noisy(1e-3)),
    Kind("noise-3e-3", "3 bytes of 1,000 are wrong, each way", lines.noisy(3e-3)),
    Kind("host-killed", "the host is killed, up to 3 times", hosts.killed),
    Kind("signals", "the host gets 1 to 10 signals, some after SIGSTOP", hosts.signalled),
    Kind("board-killed", "the board loses its power, up to 3 times", power.killed),
    Kind("power-cut", "the power fails at a byte of the flash, up to 3 times", power.cut),
    Kind("disk-full", "the disk is full for a while", disks.full, disks.missing),
    Kind("lies", "the device lies, and an honest one goes on", liars.lying),
)
