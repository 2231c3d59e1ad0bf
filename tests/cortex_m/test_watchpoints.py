"""Data watchpoints: what halts, which one hit, and what is refused."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from onchip.arch.dwt import DWT_FUNCTION
from onchip.cortex_m import Core, HaltKind, PointOwner
from onchip.cortex_m.watchpoints import blocks
from onchip.errors import UsageError, WatchpointError
from tests.budgets.measure import Bench
from tests.cortex_m.conftest import DATA, LOOP, load, places


def test_a_write_is_caught(any_bench: Bench) -> None:
    core = any_bench.core
    _, data = places(core)
    load(core, LOOP)
    core.watchpoints.set(data, 4, "write")
    core.resume()
    reason = core.wait_halted(1.0)
    assert reason.kind is HaltKind.WATCHPOINT
    assert (reason.address, reason.access) == (data, "write")
    assert core.read_register("r0") == 1
    assert core.memory.read_u32(data) == 1


@pytest.mark.parametrize(("access", "halts_behind"), [("read", 8), ("write", 6), ("access", 6)])
def test_reads_and_writes_are_told_apart(m4: Bench, access: str, halts_behind: int) -> None:
    core = m4.core
    load(core, LOOP)
    core.watchpoints.set(DATA, 4, access)
    core.resume()
    reason = core.wait_halted(1.0)
    assert reason.access == access
    assert (reason.pc or 0) & 0xFF >= halts_behind


def test_which_of_several_hit(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    core.watchpoints.set(DATA + 64, 4, "write")
    core.watchpoints.set(DATA - 64, 64, "access")
    core.watchpoints.set(DATA, 16, "read")
    core.resume()
    reason = core.wait_halted(1.0)
    assert (reason.address, reason.access) == (DATA, "read")
    assert "16 bytes" in reason.text


@pytest.mark.parametrize("length", [1, 2, 4, 8, 16, 256, 1024])
def test_powers_of_two_are_watched(m4: Bench, length: int) -> None:
    core = m4.core
    core.watchpoints.set(DATA, length)
    assert core.watchpoints.available == 3
    core.watchpoints.remove(DATA, length)
    assert core.watchpoints.available == 4


@pytest.mark.parametrize(
    ("address", "length", "access", "why"),
    [
        (DATA, 0, "write", "not a range"),
        (0xFFFF_FFFC, 8, "write", "not a range"),
        (DATA, 4, "execute", "access is one of"),
        (DATA + 1, 30, "read", "needs 8 comparators, .* power of two, and this core has 4"),
        (0, 1 << 20, "read", "needs 32 comparators, .* power of two, and this core has 4"),
    ],
)
def test_what_cannot_be_watched_is_refused_each_time(
    m4: Bench, address: int, length: int, access: str, why: str
) -> None:
    for _ in range(2):
        with pytest.raises(WatchpointError, match=why):
            m4.core.watchpoints.set(address, length, access)
    assert len(m4.core.watchpoints) == 0
    assert m4.core.watchpoints.available == 4


def test_comparators_run_out(m0: Bench) -> None:
    watchpoints = m0.core.watchpoints
    for n in range(watchpoints.available):
        watchpoints.set(DATA + 4 * n, 4)
    with pytest.raises(WatchpointError, match="in use"):
        watchpoints.set(DATA + 64, 4)


def test_setting_again_and_removing(m4: Bench) -> None:
    watchpoints = m4.core.watchpoints
    one = watchpoints.set(DATA, 4, "read")
    assert watchpoints.set(DATA, 4, "read") is one
    assert list(watchpoints) == [one]
    with pytest.raises(WatchpointError, match="no write watchpoint"):
        watchpoints.remove(DATA, 4, "write")
    watchpoints.clear()
    assert len(watchpoints) == 0
    watchpoints.clear()
    with pytest.raises(UsageError):
        watchpoints.set(1 << 32, 4)


def test_removed_watchpoints_no_longer_halt(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    core.watchpoints.set(DATA, 4)
    core.watchpoints.clear()
    core.resume()
    core.sleep(0.001)
    assert core.poll() is None


def test_watchpoints_stay_through_a_reset(m4: Bench) -> None:
    core = m4.core
    core.watchpoints.set(DATA, 4)
    core.reset(halt=True)
    load(core, LOOP)
    core.resume()
    assert core.wait_halted(1.0).kind is HaltKind.WATCHPOINT


def test_any_range_is_split_over_comparators(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    watchpoint = core.watchpoints.set(DATA - 3, 6)  # 1 + 2 before DATA, 2 + 1 from there
    assert core.watchpoints.available == 0
    core.resume()
    reason = core.wait_halted(1.0)
    assert (reason.kind, reason.address) == (HaltKind.WATCHPOINT, watchpoint.address)
    assert "on 6 bytes" in reason.text
    core.watchpoints.remove(DATA - 3, 6)
    assert core.watchpoints.available == 4


@pytest.mark.parametrize(
    ("address", "length", "expected"),
    [
        (0x2000_0000, 4, [(0x2000_0000, 4)]),
        (0x2000_0011, 2, [(0x2000_0011, 1), (0x2000_0012, 1)]),
        (0x2000_000C, 8, [(0x2000_000C, 4), (0x2000_0010, 4)]),
        (0x2000_0000, 7, [(0x2000_0000, 4), (0x2000_0004, 2), (0x2000_0006, 1)]),
        (0x2000_0000, 48, [(0x2000_0000, 16), (0x2000_0010, 16), (0x2000_0020, 16)]),
        (0, 3, [(0, 2), (2, 1)]),
        (0x2000_0000, 0, []),
    ],
)
def test_ranges_are_cut_to_what_comparators_watch(
    address: int, length: int, expected: list[tuple[int, int]]
) -> None:
    assert blocks(address, length, 16) == expected


def test_too_few_comparators_arm_nothing_and_say_who_holds_them(m4: Bench) -> None:
    watchpoints, other = m4.core.watchpoints, PointOwner("GDB 127.0.0.1:50000")
    watchpoints.set(DATA, 4)
    watchpoints.set(DATA + 8, 8, owner=other)
    with pytest.raises(WatchpointError, match=r"needs 3 comparators, 2 of 4 .* left") as caught:
        watchpoints.set(DATA + 0x41, 7)
    assert "1 by Python, 1 by GDB 127.0.0.1:50000" in str(caught.value)
    assert watchpoints.available == 2


def test_watchpoints_that_overlap_share_comparators(m4: Bench) -> None:
    watchpoints = m4.core.watchpoints
    watchpoints.set(DATA, 6)
    watchpoints.set(DATA + 4, 2)
    assert watchpoints.available == 2
    watchpoints.remove(DATA, 6)
    assert watchpoints.available == 3
    watchpoints.remove(DATA + 4, 2)
    assert watchpoints.available == 4


def test_each_owner_removes_its_own(m4: Bench) -> None:
    watchpoints, other = m4.core.watchpoints, PointOwner("GDB")
    watchpoints.set(DATA, 4)
    watchpoints.set(DATA, 4, owner=other)
    assert watchpoints.available == 3
    watchpoints.remove(DATA, 4)
    with pytest.raises(WatchpointError, match="no write watchpoint"):
        watchpoints.remove(DATA, 4)
    assert (len(watchpoints), watchpoints.available) == (1, 3)
    watchpoints.let_go(DATA, 4, owner=other)
    assert (len(watchpoints), watchpoints.available) == (0, 3)
    watchpoints.set(DATA + 16, 15)  # takes its comparators only because that one goes
    assert watchpoints.available == 0


def test_what_was_let_go_of_leaves_when_the_core_runs_on(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    core.watchpoints.set(DATA, 4)
    core.watchpoints.let_go(DATA, 4)
    core.watchpoints.let_go(DATA + 4, 4)
    core.resume()
    core.sleep(0.001)
    assert core.poll() is None
    assert core.watchpoints.available == 4


def test_a_condition_decides_whether_a_hit_stops(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    core.watchpoints.set(DATA, 4, condition=lambda at: at.memory.read_u32(DATA) == 3)
    core.resume()
    assert core.wait_halted(1.0).kind is HaltKind.WATCHPOINT
    assert core.read_register("r0") == 3


@pytest.mark.parametrize(
    ("address", "length", "value", "why"),
    [(DATA + 1, 2, 5, "aligned"), (DATA, 8, 5, "aligned"), (DATA, 1, 256, "does not fit")],
)
def test_what_is_no_value_is_refused(
    m4: Bench, address: int, length: int, value: int, why: str
) -> None:
    with pytest.raises(WatchpointError, match=why):
        m4.core.watchpoints.set(address, length, value=value)
    assert m4.core.watchpoints.available == 4


def test_a_value_is_waited_for(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    core.watchpoints.set(DATA, 4, "write", value=5)
    assert core.watchpoints.available == 2
    core.resume()
    reason = core.wait_halted(1.0)
    assert (reason.kind, core.memory.read_u32(DATA)) == (HaltKind.WATCHPOINT, 5)
    assert reason.text == f"write watchpoint on 4 bytes at {DATA:#010x} for the value 0x5"
    core.watchpoints.remove(DATA, 4, "write", value=5)
    assert core.watchpoints.available == 4


def test_a_core_that_compares_no_values_says_so(m0: Bench) -> None:
    with pytest.raises(WatchpointError, match="compares values"):
        m0.core.watchpoints.set(DATA, 4, value=5)
    assert m0.core.watchpoints.available == 2


_FUNCTIONS = {"read": 5, "write": 6, "access": 7}


def armed(core: Core) -> set[tuple[int, ...]]:
    """Return what the DWT watches: (address, length, function), and the value compared if any."""
    rows = []
    for n in range(4):
        comp, mask, function = (core.ap.read_u32(0xE000_1020 + 16 * n + 4 * k) for k in range(3))
        rows.append((comp, 1 << mask, DWT_FUNCTION(function)))
    found: set[tuple[int, ...]] = set()
    for comp, length, function in rows:
        if function.DATAVMATCH:
            found.add((*rows[function.DATAVADDR0][:2], function.FUNCTION, comp))
        elif function.FUNCTION:
            found.add((comp, length, function.FUNCTION))
    return found


def wanted(core: Core) -> set[tuple[int, ...]]:
    found: set[tuple[int, ...]] = set()
    for w in core.watchpoints:
        if w.value is None:
            parts = blocks(w.address, w.length, 1 << 15)
            found |= {(address, length, _FUNCTIONS[w.access]) for address, length in parts}
        else:
            value = int.from_bytes(w.value.to_bytes(w.length, "little") * (4 // w.length), "little")
            found.add((w.address, w.length, _FUNCTIONS[w.access], value))
    return found


@pytest.mark.parametrize("seed", range(2))
def test_any_order_of_sets_and_removals_arms_what_is_wanted(m4: Bench, seed: int) -> None:
    pick, core = random.Random(seed), m4.core
    owners, held, points = [PointOwner("one"), PointOwner("two")], [], m4.core.watchpoints
    for _ in range(40):
        match pick.choice(["set", "set", "value", "remove", "let go", "settle", "reset"]):
            case "set" | "value" as what:
                length = pick.choice([1, 2, 4] if what == "value" else [1, 2, 3, 4, 6, 8])
                value = pick.randrange(1 << 8 * length) if what == "value" else None
                address = DATA + (4 * pick.randrange(3) if what == "value" else pick.randrange(16))
                point = address, length, pick.choice(list(_FUNCTIONS)), value, pick.choice(owners)
                with suppress(WatchpointError):
                    points.set(*point[:3], value=value, owner=point[4])
                    held.append(point)
            case "remove" | "let go" as what if held:
                point = pick.choice(held)
                held = [each for each in held if each != point]
                away = points.remove if what == "remove" else points.let_go
                away(*point[:3], value=point[3], owner=point[4])
            case "settle":
                points.settle()
            case "reset":
                core.reset(halt=True)
        assert armed(core) >= wanted(core)
    points.settle()
    assert armed(core) == wanted(core)
    points.clear()
    assert (armed(core), points.available) == (set(), 4)


def test_a_comparator_that_nobody_wants_any_more_is_not_shared_but_given_away(m4: Bench) -> None:
    watchpoints = m4.core.watchpoints
    for n in range(4):
        watchpoints.set(DATA + 16 * n, 4)
    watchpoints.let_go(DATA, 4)
    watchpoints.let_go(DATA + 16, 4)
    with pytest.raises(WatchpointError, match="needs 3 comparators, 2 of 4"):
        watchpoints.set(DATA, 7)
    watchpoints.set(DATA, 6)
    assert (len(watchpoints), watchpoints.available) == (3, 0)
