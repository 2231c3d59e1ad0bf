"""More breakpoints than comparators: those in flash, from a session on a virtual board."""

from __future__ import annotations

import pytest

from onchip.cortex_m import BreakpointKind, HaltKind
from onchip.errors import BreakpointError, UsageError
from onchip.session import Session
from onchip.session.flash_patcher import FlashBreakpoints
from tests.session.many_breakpoints import (
    ADDS,
    CODE,
    OFFSET,
    Counting,
    connected,
    fill,
    flash,
    opcodes,
    place,
    raw,
)


@pytest.mark.parametrize("chip", ["nrf51822", "stm32f407"])
def test_each_of_more_than_the_comparators_stops(chip: str) -> None:
    with connected(chip) as session:
        _stop_at_each(session)


def _stop_at_each(any_chip: Session) -> None:
    core = any_chip.core
    places = fill(any_chip, 2)
    kinds = [b.kind for b in core.breakpoints]
    assert kinds.count(BreakpointKind.FLASH) == 2
    assert opcodes(any_chip) == 0  # nothing is programmed before the core runs
    ram = any_chip.memory.read(0x2000_0000, 0x4000)
    for n, address in enumerate(places):
        core.resume()
        reason = core.wait_halted(5.0)
        assert (reason.kind, reason.pc) == (HaltKind.BREAKPOINT, address)
        assert core.read_register("r0") == 2 * n
    assert reason.text == "flash breakpoint"
    assert any_chip.memory.read(0x2000_0000, 0x4000) == ram
    assert any_chip.memory.read(flash(any_chip) + OFFSET, len(CODE)) == CODE  # never shown
    assert opcodes(any_chip) == 2
    core.breakpoints.clear()
    assert raw(any_chip) == CODE


def test_a_breakpoint_in_flash_is_passed_again_and_again(session: Session) -> None:
    core = session.core
    last = fill(session)[-1]
    for address in list(core.breakpoints)[:-1]:
        core.breakpoints.set(address.address, condition=lambda at: False)
    for turn in range(2):
        core.resume()
        assert core.wait_halted(5.0).pc == last
        assert core.read_register("r0") == 8 + ADDS * turn


def test_what_stops_the_core_moves_into_a_comparator(session: Session) -> None:
    """A loop over a few of many breakpoints programs flash once, not each time."""
    core = session.core
    places = fill(session, 2)
    for address in places[:4]:
        core.breakpoints.remove(address)
        core.breakpoints.set(address, temporary=True)
    for _ in places:
        core.resume()
        core.wait_halted(5.0)
    wear = core.breakpoints.flash.patcher
    assert wear is not None
    programmed = []
    core.breakpoints.flash.patcher = Counting(wear, programmed)
    for _ in range(4):
        core.resume()
        core.wait_halted(5.0)
    assert len(programmed) <= 1
    assert opcodes(session) == 0


def test_a_step_off_a_breakpoint_in_flash_executes_what_it_hides(session: Session) -> None:
    core = session.core
    address = core.breakpoints.set(place(session, 3), BreakpointKind.FLASH).address
    core.resume()
    core.wait_halted(5.0)
    assert opcodes(session) == 1
    reason = core.step()
    assert (reason.kind, reason.pc) == (HaltKind.STEP, address + 2)
    assert core.read_register("r0") == 4
    core.resume()
    assert core.wait_halted(5.0).pc == address
    assert core.read_register("r0") == 3 + ADDS


def test_one_that_is_set_where_the_core_stands_is_met_the_next_time(session: Session) -> None:
    core = session.core
    core.write_register("pc", place(session, 0))
    core.breakpoints.set(place(session, 0), BreakpointKind.FLASH)
    core.breakpoints.set(place(session, 1), BreakpointKind.FLASH)
    core.resume()
    assert core.wait_halted(5.0).pc == place(session, 1)


def test_a_watchpoint_does_not_keep_it_from_being_left(session: Session) -> None:
    core = session.core
    core.watchpoints.set(0x2000_0000, 4)
    address = core.breakpoints.set(place(session, 3), BreakpointKind.FLASH).address
    for _ in range(2):
        core.resume()
        assert core.wait_halted(5.0).pc == address


def test_removal_is_collected_until_the_core_runs(session: Session) -> None:
    core = session.core
    address = core.breakpoints.set(place(session, 3), BreakpointKind.FLASH).address
    core.resume()
    core.wait_halted(5.0)
    core.breakpoints.remove(address)
    assert (opcodes(session), core.breakpoints.find(address)) == (1, None)
    core.breakpoints.set(address)  # is still there
    assert core.breakpoints.find(address) is not None
    core.breakpoints.remove(address)
    core.resume()
    core.sleep(0.001)
    assert core.poll() is None
    assert raw(session) == CODE


@pytest.mark.parametrize("mode", ["off", "auto"])
def test_off_says_why_and_how_to_switch_it_on(
    session: Session, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = type(session.probe_info).product
    monkeypatch.setattr(type(session.probe_info), "product", property(lambda self: "DAPLink"))
    assert product is not None
    session.flash_breakpoints = mode
    with pytest.raises(BreakpointError) as caught:
        fill(session)
    assert "all 4 comparators are in use, 4 by Python" in caught.value.message
    assert "wears the chip" in caught.value.message
    assert "--flash-breakpoints on" in str(caught.value.hint)
    session.flash_breakpoints = FlashBreakpoints.ON
    fill(session)


def test_a_mode_that_there_is_not_is_refused(session: Session) -> None:
    with pytest.raises(UsageError, match="cannot be meant"):
        session.flash_breakpoints = "sometimes"
    assert session.flash_breakpoints == "auto"


def test_what_is_not_flash_is_refused(session: Session) -> None:
    with pytest.raises(BreakpointError, match="not in flash that can be programmed"):
        session.core.breakpoints.set(0x1000_0000, BreakpointKind.FLASH)


def test_one_that_was_asked_for_in_hardware_stays_there(session: Session) -> None:
    core = session.core
    for n in range(4):
        core.breakpoints.set(place(session, 2 * n), BreakpointKind.HARDWARE)
    last = core.breakpoints.set(place(session, 9)).address
    for _ in range(10):
        core.resume()
        core.wait_halted(5.0)
    assert core.breakpoints.find(last).kind is BreakpointKind.FLASH
    with pytest.raises(BreakpointError, match="in use"):
        core.breakpoints.set(place(session, 11), BreakpointKind.HARDWARE)
