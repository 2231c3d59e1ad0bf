"""More breakpoints than comparators: those in flash, from a session on a virtual board."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import onchip
from onchip.cortex_m import BreakpointKind, HaltKind, PointOwner
from onchip.errors import BreakpointError, CoreStateError, ProgramError, UsageError
from onchip.session import Session
from onchip.session.flash_patcher import FlashBreakpoints

ADDS = 20
CODE = bytes.fromhex("0020") + bytes.fromhex("0130") * ADDS + bytes.fromhex("eae7")
"""movs r0, #0; 20 x adds r0, #1; b to the first of them"""
OFFSET = 0x100
BKPT = b"\x00\xbe"


def firmware(session: Session, code: bytes = CODE) -> bytes:
    base, ram = flash(session), session.memory_map.find(0x2000_0000)
    assert ram is not None
    vectors = (ram.start + 0x2000).to_bytes(4, "little") + (base + OFFSET + 1).to_bytes(4, "little")
    return vectors + bytes(OFFSET - 8) + code + bytes(range(256))


def flash(session: Session) -> int:
    return session.memory_map.flash[0].start


def place(session: Session, n: int) -> int:
    """Return the address of the n-th of the instructions that add, counted from 0."""
    return flash(session) + OFFSET + 2 + 2 * n


def raw(session: Session) -> bytes:
    """Return the code as the chip holds it."""
    return session.core.ap.read(flash(session) + OFFSET, len(CODE))


def opcodes(session: Session) -> int:
    return sum(raw(session)[k : k + 2] == BKPT for k in range(0, len(CODE), 2))


def fill(session: Session, more: int = 1, **wishes) -> list[int]:
    """Take every comparator and ``more``; return the addresses."""
    points = session.core.breakpoints
    # one in every other halfword, so that no two share a comparator of FPBv1
    places = [place(session, 2 * n) for n in range(points.available + more)]
    for address in places:
        points.set(address, **wishes)
    return places


@pytest.fixture
def fresh() -> Iterator[Session]:
    with connected("nrf51822") as session:
        yield session


@pytest.fixture(scope="module")
def shared() -> Iterator[Session]:
    with connected("nrf51822") as session:
        yield session


@pytest.fixture
def session(shared: Session) -> Iterator[Session]:
    """A session that others use too: flash is as it was, nothing is set."""
    shared.reset(halt=True)
    yield shared
    shared.core.halt()
    shared.core.breakpoints.clear()
    shared.core.watchpoints.clear()
    shared.flash_breakpoints = "auto"
    assert raw(shared) == CODE


@contextmanager
def connected(chip: str) -> Iterator[Session]:
    with onchip.connect(f"virtual:{chip}") as session:
        session.flash(session.image([(flash(session), firmware(session))]), reset=False)
        session.reset(halt=True)
        yield session


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


class Counting:
    """A patcher that notes what it is asked for, and fails if told to."""

    def __init__(self, inner, jobs, error=None) -> None:
        self.inner, self.jobs, self.error = inner, jobs, error

    def refusal(self, address):
        return self.inner.refusal(address)

    def keep(self, hidden, *, changing) -> None:
        self.inner.keep(hidden, changing=changing)

    def patch(self, halfwords) -> None:
        self.jobs.append(dict(halfwords))
        if self.error is not None:
            raise self.error
        self.inner.patch(halfwords)


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
