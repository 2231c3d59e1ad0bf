"""Breakpoints in flash across resets, new firmware, clients that leave, and trouble."""

from __future__ import annotations

import random

import pytest

from onchip.cortex_m import BreakpointKind, HaltKind, PointOwner
from onchip.errors import CoreStateError, ProgramError
from onchip.session import Session
from tests.session.many_breakpoints import (
    ADDS,
    CODE,
    OFFSET,
    Counting,
    fill,
    firmware,
    flash,
    opcodes,
    place,
    raw,
)


@pytest.mark.parametrize("halt", [True, False])
def test_a_reset_leaves_them(session: Session, halt: bool) -> None:
    core = session.core
    address = core.breakpoints.set(place(session, 3), BreakpointKind.FLASH).address
    core.resume()
    core.wait_halted(5.0)
    session.reset(halt=halt)
    if halt:
        core.resume()
    assert core.wait_halted(5.0).pc == address


def test_a_reset_that_runs_has_them_in_flash_first(session: Session) -> None:
    address = session.core.breakpoints.set(place(session, 3), BreakpointKind.FLASH).address
    session.reset()
    assert session.core.wait_halted(5.0).pc == address


def test_programming_new_firmware_finds_and_leaves_flash_as_it_is_to_be(fresh: Session) -> None:
    session, core = fresh, fresh.core
    fill(session, 3)
    for _ in range(3):
        core.resume()
        core.wait_halted(5.0)
    assert opcodes(session) > 0
    new = CODE.replace(bytes.fromhex("0130"), bytes.fromhex("0230"))  # adds r0, #2
    session.flash(session.image([(flash(session) + OFFSET, new)]), reset=False)
    assert raw(session) == new
    session.reset(halt=True)
    core.resume()
    core.wait_halted(5.0)
    for _ in range(6):
        core.resume()
        core.wait_halted(5.0)
    assert core.read_register("r0") == 24
    assert session.memory.read(flash(session) + OFFSET, len(CODE)) == new
    core.breakpoints.clear()
    assert raw(session) == new


def test_comparing_sees_the_program(session: Session) -> None:
    core = session.core
    core.breakpoints.set(place(session, 3), BreakpointKind.FLASH)
    core.resume()
    core.wait_halted(5.0)
    assert opcodes(session) == 1
    session.verify(session.image([(flash(session), firmware(session))]))
    assert raw(session) == CODE
    core.resume()
    assert core.wait_halted(5.0).pc == place(session, 3)


@pytest.mark.parametrize("running", [True, False])
def test_disconnecting_takes_them_out(fresh: Session, running: bool) -> None:
    session, core = fresh, fresh.core
    core.breakpoints.set(place(session, 3), BreakpointKind.FLASH, condition=lambda at: False)
    core.resume()
    core.sleep(0.0001)
    if not running:
        core.halt()
    assert opcodes(session) == 1
    core.disconnect(resume=running)
    assert raw(session) == CODE


def test_a_client_that_leaves_takes_its_own_out_while_the_core_runs(session: Session) -> None:
    core, gdb = session.core, PointOwner("GDB")
    core.breakpoints.set(place(session, 3), BreakpointKind.FLASH, owner=gdb)
    core.breakpoints.set(place(session, 0), BreakpointKind.FLASH)
    core.resume()
    core.wait_halted(5.0)
    core.breakpoints.remove(place(session, 0))
    core.breakpoints.set(flash(session) + OFFSET, BreakpointKind.FLASH)  # before the loop
    core.breakpoints.let_go(place(session, 3), owner=gdb)
    core.resume()
    core.breakpoints.set(flash(session) + OFFSET, owner=gdb)
    core.breakpoints.remove(flash(session) + OFFSET)
    assert opcodes(session) == 1
    core.release(gdb)  # halts the core for it, and lets it run on
    assert raw(session) == CODE
    core.sleep(0.001)
    assert core.poll() is None


def test_a_running_core_has_to_be_halted_first(session: Session) -> None:
    core = session.core
    core.breakpoints.set(flash(session) + OFFSET, BreakpointKind.FLASH)
    core.write_register("pc", place(session, 0))
    core.resume()
    with pytest.raises(CoreStateError, match="program breakpoints into flash"):
        core.breakpoints.clear()
    core.halt()
    core.breakpoints.clear()
    assert raw(session) == CODE


def test_a_patch_that_fails_leaves_the_core_halted_and_is_tried_again(session: Session) -> None:
    core = session.core
    points = core.breakpoints
    inner, jobs = points.flash.patcher, []
    points.flash.patcher = Counting(inner, jobs, ProgramError("no", address=place(session, 3)))
    points.set(place(session, 3), BreakpointKind.FLASH)
    with pytest.raises(ProgramError):
        core.resume()
    assert core.halted
    assert not points.flash.placed(place(session, 3))
    points.flash.patcher = inner
    core.resume()
    assert core.wait_halted(5.0).pc == place(session, 3)
    points.flash.patcher = Counting(inner, jobs, ProgramError("no", address=place(session, 3)))
    with pytest.raises(ProgramError):
        points.clear()
    assert points.flash.placed(place(session, 3))
    points.flash.patcher = inner
    points.clear()
    assert raw(session) == CODE


def test_a_stop_is_told_once_whatever_is_done_meanwhile(session: Session) -> None:
    """A job that borrows the core puts it back where it stood, and stands for no new hit."""
    core = session.core
    hits = []
    core.breakpoints.set(place(session, 3), condition=lambda at: not hits.append(1))
    core.breakpoints.set(place(session, 5), temporary=True)
    for n in (3, 5):
        core.resume()
        assert core.wait_halted(5.0).pc == place(session, n)
        session.verify(session.image([(flash(session), firmware(session))]))
        assert core.poll() is not None
        assert core.halted
    assert len(hits) == 1


@pytest.mark.parametrize("seed", range(2))
def test_any_order_of_things_stops_where_it_should(session: Session, seed: int) -> None:
    """Random sets, removals, resumes, steps and resets, against a model of the loop."""
    pick = random.Random(seed)
    core, owners = session.core, [PointOwner("one"), PointOwner("two")]
    wanted: dict[int, set[PointOwner]] = {}
    core.write_register("r0", 0)
    at, r0 = -1, 0  # before the loop
    for _ in range(25):
        n, owner = pick.randrange(ADDS), pick.choice(owners)
        match pick.choice(["set", "set", "set", "drop", "run", "run", "step", "reset", "look"]):
            case "set":
                kind = pick.choice([BreakpointKind.AUTO, BreakpointKind.FLASH])
                core.breakpoints.set(place(session, n), kind, owner=owner)
                wanted.setdefault(n, set()).add(owner)
            case "drop":
                core.breakpoints.let_go(place(session, n), owner=owner)
                wanted.get(n, set()).discard(owner)
            case "run" if any(wanted.values()):
                core.resume()
                reason = core.wait_halted(5.0)
                while True:
                    r0 += at >= 0
                    at = (at + 1) % ADDS
                    if wanted.get(at):
                        break
                assert (reason.kind, reason.pc) == (HaltKind.BREAKPOINT, place(session, at))
            case "step" if 0 <= at < ADDS - 1:
                assert core.step().pc == place(session, at + 1)
                at, r0 = at + 1, r0 + 1
            case "reset":
                session.reset(halt=True)
                core.write_register("r0", 0)
                at, r0 = -1, 0
            case "look":
                assert session.memory.read(flash(session) + OFFSET, len(CODE)) == CODE
        assert core.read_register("r0") == r0
        assert len(core.breakpoints) == sum(map(bool, wanted.values()))
