"""What is armed in the core does not get into a job's way, and is there afterwards."""

from __future__ import annotations

import pytest

from onchip.arch.dwt import DWT_FUNCTION0
from onchip.cortex_m import BreakpointKind, HaltKind
from onchip.errors import AlgorithmCrash
from onchip.flash.hold import borrow

from .bench import Bench, bench, pattern


@pytest.mark.parametrize("offset", [0x400, 0x800, 0x1000])
def test_a_watchpoint_in_the_algorithms_ram(offset: int) -> None:
    with bench() as b:
        b.core.halt()
        watched = b.core.watchpoints.set(0x2000_0000 + offset, 4, "access")
        image = b.image(pattern(1000))
        b.engine().program(image)
        assert b.engine().verify(image).verified_bytes == 1000
        b.engine().erase([(b.flash, 1)])
        assert list(b.core.watchpoints) == [watched]
        assert b.core.memory.read_u32(DWT_FUNCTION0) & 0xF == 7  # ARMv7-M C1.8.17: access


def test_a_breakpoint_in_ram_that_the_fpb_reaches() -> None:
    with bench("lpc1768") as b:
        b.core.halt()
        at = 0x1000_0000
        for offset in range(0, 12, 2):
            b.core.breakpoints.set(at + offset, BreakpointKind.HARDWARE)
        b.engine().program(b.image(pattern(5000)))
        b.core.memory.write(at + 4, bytes.fromhex("fee7"))
        b.core.write_registers({"pc": at + 4, "xpsr": 1 << 24})
        b.core.resume()
        reason = b.core.wait_halted(0.1)
        assert (reason.kind, reason.pc) == (HaltKind.BREAKPOINT, at + 4)


@pytest.mark.parametrize("body", ["00de", "00be"])
def test_after_a_fault_there_is_no_way_back_but_a_reset(body: str) -> None:
    with bench("nrf51822") as b:
        b.core.reset(halt=True)
        b.core.write_registers({"pc": 0x2000_0100, "r4": 77})
        b.core.memory.write(0x2000_0000, pattern(64))
        with pytest.raises(AlgorithmCrash) as told:
            crash(b, body)
        faulted = body == "00de"
        assert told.value.hint == ("the target had to be reset" if faulted else None)
        assert b.core.memory.read(0x2000_0000, 64) == pattern(64)
        assert b.core.halted
        assert (b.core.read_register("r4") == 77) is not faulted
        assert (b.core.read_register("pc") == 0x2000_0100) is not faulted
        assert b.core.read_register("xpsr") & 0x1FF == 0


def crash(b: Bench, body: str) -> None:
    with borrow(b.core, 0x2000_0000, 64):
        b.core.memory.write(0x2000_0000, bytes.fromhex(body))
        b.core.write_registers({"pc": 0x2000_0000, "r4": 5})
        b.core.resume()
        b.core.wait_halted(0.1)
        raise AlgorithmCrash("it crashed")
