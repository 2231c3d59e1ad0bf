"""Resets of every kind, vector catch, connecting to a core that is held."""

from __future__ import annotations

import pytest

from onchip.cortex_m import CoreState, HaltKind, ResetKind
from onchip.errors import CoreTimeout, TargetError, UsageError
from tests.budgets.measure import Bench
from tests.cortex_m.conftest import LOOP, load

RAM_WORD = 0x2000_0040


def _vectors(bench: Bench) -> None:
    """Give the board's flash an initial stack and a program that loops."""
    window = bench.board.bus.find(0x0800_0000)
    assert window is not None
    assert window.memory is not None
    window.memory.data[:8] = (0x2000_1000).to_bytes(4, "little") + (0x0800_0101).to_bytes(
        4, "little"
    )
    window.memory.data[0x100:0x102] = bytes.fromhex("fee7")
    bench.board.bus.code_changed(0x0800_0000, 0x200)


@pytest.mark.parametrize("kind", list(ResetKind))
def test_reset_and_halt_stops_before_the_first_instruction(m4: Bench, kind: ResetKind) -> None:
    _vectors(m4)
    core = m4.core
    core.write_registers({"r4": 0x44, "pc": 0x2000_0100})
    core.reset(kind, halt=True)
    assert core.halted
    assert core.state() is CoreState.HALTED
    assert core.read_registers(["pc", "sp"]) == {"pc": 0x0800_0100, "sp": 0x2000_1000}
    assert core.vector_catch == frozenset()
    assert core.ap.read_u32(0xE000EDFC) & 1 == 0  # VC_CORERESET is not left armed


@pytest.mark.parametrize("kind", list(ResetKind))
def test_reset_lets_the_core_run(m4: Bench, kind: ResetKind) -> None:
    _vectors(m4)
    core = m4.core
    core.reset(kind)
    assert core.state() is CoreState.RUNNING
    reason = core.halt()
    assert (reason.kind, reason.pc) == (HaltKind.REQUEST, 0x0800_0100)


def test_a_reset_from_a_running_core(any_bench: Bench) -> None:
    core = any_bench.core
    load(core, LOOP)
    core.resume()
    core.reset(halt=True)
    assert core.halted
    core.read_register("pc")


def test_a_core_reset_is_armv7m_only(m0: Bench) -> None:
    with pytest.raises(TargetError, match="no core reset"):
        m0.core.reset(ResetKind.CORE)


def test_a_reset_is_fast(m4: Bench) -> None:
    start = m4.core.now()
    m4.core.reset(halt=True)
    assert m4.core.now() - start < 0.02


def test_a_core_that_is_held_in_reset(m4: Bench) -> None:
    m4.client.assert_reset()
    core = type(m4.core)(m4.core.ap)
    core.connect()
    assert core.state() is CoreState.RESET
    core.reset(ResetKind.HARDWARE, halt=True)
    assert core.halted
    assert core.state() is CoreState.HALTED


def test_connecting_under_reset_stops_firmware_before_it_runs(m4: Bench) -> None:
    _vectors(m4)
    m4.client.assert_reset()
    m4.dp.connect()
    core = type(m4.core)(m4.core.ap)
    core.connect()
    core.reset(ResetKind.HARDWARE, halt=True)
    assert core.read_register("pc") == 0x0800_0100


def test_a_reset_that_does_not_end(m4: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(m4.client, "release_reset", lambda: None)
    with pytest.raises(CoreTimeout, match="did not come"):
        m4.core.reset(ResetKind.HARDWARE, halt=True)


def test_vector_catch_halts_at_the_handler(m4: Bench) -> None:
    core = m4.core
    core.vector_catch = {"hardfault", "busfault"}
    assert core.vector_catch == {"hardfault", "busfault"}
    load(core, bytes.fromhex("00de"))
    core.resume()
    reason = core.wait_halted(1.0)
    assert reason.kind is HaltKind.VECTOR_CATCH
    core.vector_catch = ()
    assert core.vector_catch == frozenset()


def test_vector_catch_on_reset(m4: Bench) -> None:
    _vectors(m4)
    core = m4.core
    core.vector_catch = {"reset"}
    core.resume()
    m4.board.press_reset()
    assert core.wait_halted(1.0).pc == 0x0800_0100
    core.reset(halt=True)
    assert core.vector_catch == {"reset"}


def test_what_cannot_be_caught_is_refused(m4: Bench, m0: Bench) -> None:
    with pytest.raises(UsageError, match="no vector catch 'coffee'"):
        m4.core.vector_catch = {"coffee"}
    with pytest.raises(UsageError, match="cannot catch 'busfault'"):
        m0.core.vector_catch = {"busfault"}
    m0.core.vector_catch = {"hardfault"}


def test_a_reset_button_pressed_meanwhile_is_noticed(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    core.resume()
    core.poll()
    core.run.reset_seen = False
    m4.board.press_reset()
    core.poll()
    assert core.run.reset_seen
