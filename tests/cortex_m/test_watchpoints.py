"""Data watchpoints: what halts, which one hit, and what is refused."""

from __future__ import annotations

import pytest

from onchip.cortex_m import HaltKind
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
        (DATA, 3, "write", "power of two"),
        (DATA, 0, "write", "power of two"),
        (DATA + 1, 4, "write", "multiple of the length"),
        (DATA, 4, "execute", "access is one of"),
        (0, 1 << 20, "read", "at most"),
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
