"""Take out of the chip what a client that vanished has left in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from onchip.coresight.access_port import find_access_ports
from onchip.coresight.debug_port import DebugPort
from onchip.coresight.mem_ap import MemAp
from onchip.cortex_m.core import find_core
from onchip.dap.client import DapClient
from onchip.probe.kept import KeptLink
from onchip.probe.link import Link
from onchip.services.share.planted import is_bkpt

CLOCK_HZ = 1_000_000
"""Slow enough for any board: which clock the client had found good is not known here."""


def disarm(link: Link, originals: Mapping[int, int]) -> bool | None:
    """Clear every break- and watchpoint comparator and vector catch of the chip behind ``link``.

    ``originals`` are halfwords that BKPT opcodes in RAM hide, by address: they are put back where
    the opcode still is.
    A running core runs on, without a debugger. A halted one stays where it is: what it would do
    next, in the middle of a flash algorithm say, is not known. Returns whether the core runs, or
    None if there is no core. ``link`` stays open.

    Raises:
        OnchipError: the chip cannot be reached.
    """
    client = DapClient.open(KeptLink(link), frequency_hz=CLOCK_HZ)
    try:
        dp = DebugPort(client)
        dp.connect()
        core = find_core(find_access_ports(dp))
        if core is None:
            return None
        runs = core.was_running
        for address, halfword in originals.items():
            if is_bkpt(core.memory.read_u16(address)):
                core.memory.write_u16(address, halfword)
        core.disconnect(resume=runs)
        dp.disconnect()
        return runs
    finally:
        client.close()


def disarm_one(
    link: Link, writes: Iterable[tuple[int, int, int]], originals: Mapping[int, int]
) -> None:
    """Take out what one of several clients has left: ``writes`` are words (port, address, value).

    ``originals`` are as for `disarm`. Nothing else changes: the cores go on as they are, and the
    port stays connected. The probe's settings and the ports' registers are not restored.

    Raises:
        OnchipError: the chip cannot be reached.
    """
    client = DapClient.open(KeptLink(link), frequency_hz=CLOCK_HZ)
    dp = DebugPort(client)
    dp.connect()
    ports = {ap.index: ap for ap in find_access_ports(dp) if isinstance(ap, MemAp)}
    for index, address, value in writes:
        if index in ports:
            ports[index].write_u32(address, value)
    if ports:
        memory = ports[min(ports)]
        for address, halfword in originals.items():
            if is_bkpt(memory.read_u16(address)):
                memory.write_u16(address, halfword)
