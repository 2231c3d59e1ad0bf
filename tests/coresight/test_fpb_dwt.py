"""Comparators of cores that no virtual chip has: FPBv2 and the ARMv8-M DWT; values by hand."""

from __future__ import annotations

import pytest

from onchip.arch.dwt import DWT_CTRL
from onchip.arch.fpb import FP_CTRL
from onchip.coresight.dwt import Dwt, Watch, check_access
from onchip.coresight.fpb import Fpb
from onchip.dap import Transfers
from onchip.errors import BreakpointError, WatchpointError
from tests.coresight.conftest import Rig


def written(t: Transfers) -> dict[int, int]:
    """Return what is written where in the target, the last value of each word."""
    return {
        e.address: int.from_bytes(bytes(e.payload or b""), "little")
        for e in t.elements
        if e.address is not None and e.payload is not None
    }


def test_version_2_reaches_any_address(rig: Rig) -> None:
    fpb = Fpb(rig.ap)
    fpb.configure(FP_CTRL(0x1000_0080))  # REV 1, 8 code comparators, as a Cortex-M7 has
    assert (fpb.count, fpb.version) == (8, 2)
    number = fpb.allocate(0x2000_0102)
    assert fpb.unreachable(0x6000_0000) is None
    t = Transfers()
    fpb.emit_enable(t)
    fpb.emit_comparator(t, number)
    assert written(t) == {0xE000_2000: 3, 0xE000_2008: 0x2000_0103}
    fpb.allocate(0x2000_0100)
    assert fpb.available == 6  # halves of a word do not share


def test_version_1_values(rig: Rig) -> None:
    fpb = Fpb(rig.ap)
    fpb.configure(FP_CTRL(0x0000_0260))
    assert (fpb.count, fpb.version) == (6, 1)
    fpb.allocate(0x0800_0102)
    t = Transfers()
    fpb.emit_comparator(t, 0)
    assert written(t) == {0xE000_2008: 0x8800_0101}
    t = Transfers()
    fpb.emit_comparator(t, 0, lifted=[0x0800_0102])
    assert written(t) == {0xE000_2008: 0}
    with pytest.raises(BreakpointError):
        fpb.allocate(0x2000_0000)


def test_a_core_without_comparators(rig: Rig) -> None:
    fpb, dwt = Fpb(rig.ap), Dwt(rig.ap)
    fpb.configure(FP_CTRL(0))
    dwt.configure(DWT_CTRL(0), armv8=False)
    with pytest.raises(BreakpointError, match="no breakpoint comparators"):
        fpb.allocate(0x100)
    assert (dwt.available, dwt.free()) == (0, [])
    with pytest.raises(WatchpointError, match="access is one of"):
        check_access("no watchpoint", "execute")


@pytest.mark.parametrize(
    ("access", "length", "function"),
    [("access", 4, 0x814), ("write", 2, 0x415), ("read", 1, 0x016)],
)
def test_armv8_functions(rig: Rig, access: str, length: int, function: int) -> None:
    """ARMv8-M D1.2.68: MATCH 4, 5, 6 is access, write, read; ACTION 1 halts; DATAVSIZE log2."""
    dwt = Dwt(rig.ap)
    dwt.configure(DWT_CTRL(0x4000_0000), armv8=True)
    dwt.take(0, Watch(0x2000_0000, length, access))
    t = Transfers()
    assert dwt.emit_comparator(t, 0) is None
    assert written(t) == {0xE000_1020: 0x2000_0000, 0xE000_1028: function}
    assert dwt.longest == 4


def test_armv7_functions_and_the_mask(rig: Rig) -> None:
    dwt = Dwt(rig.ap)
    dwt.configure(DWT_CTRL(0x4000_0000), armv8=False)
    dwt.take(1, Watch(0x2000_0040, 64, "write"))
    t = Transfers()
    mask = dwt.emit_comparator(t, 1)
    assert written(t) == {0xE000_1030: 0x2000_0040, 0xE000_1034: 6, 0xE000_1038: 6}
    assert mask is not None
    mask.received = [(6).to_bytes(4, "little")]
    assert dwt.accepts(1, mask)
    mask.received = [(4).to_bytes(4, "little")]
    assert not dwt.accepts(1, mask)
    assert dwt.longest == 16
    dwt.release(1)
    assert dwt.emit_comparator(Transfers(), 1) is None


def test_a_value_is_compared_by_comparator_1_and_its_address_by_another(rig: Rig) -> None:
    """DATAVMATCH is bit 8, DATAVSIZE 11:10, DATAVADDR0 15:12, DATAVADDR1 19:16 (ARMv7-M C1.8)."""
    dwt = Dwt(rig.ap)
    dwt.configure(DWT_CTRL(0x4000_0000), armv8=False)
    assert dwt.free() == [0, 2, 3, 1]
    assert dwt.free(for_value=True)[0] == 1
    dwt.take(2, Watch(0x2000_0042, 2, None))
    dwt.take(1, Watch(0x2000_0042, 2, "write", 0xBEEF, address_of=2))
    t = Transfers()
    dwt.emit_comparator(t, 2)
    assert written(t) == {0xE000_1040: 0x2000_0042, 0xE000_1044: 1, 0xE000_1048: 0}
    t = Transfers()
    answer = dwt.emit_comparator(t, 1)
    assert written(t) == {0xE000_1030: 0xBEEF_BEEF, 0xE000_1038: 0x0002_2506}
    assert answer is not None
    answer.received = [(0x0002_2706).to_bytes(4, "little")]
    assert dwt.accepts(1, answer)
    answer.received = [(6).to_bytes(4, "little")]
    assert not dwt.accepts(1, answer)
    assert [number for number, _ in dwt.emit_read_matched(Transfers())] == [1]
