"""Scripted faults of the wire, the probe and the supply: honest errors, and never wrong data."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onchip.errors import (
    OnchipError,
    ProbeError,
    ProbeLost,
    ProbeTimeout,
    TransferError,
    TransferFault,
    TransferNoAck,
    TransferParity,
    TransferWait,
)
from onchip.wire.cmsis_dap import TransferConfigure
from tests.coresight.conftest import RAM, Rig, make_rig

WORDS = 200


def _be_impatient(rig: Rig) -> None:
    """Let the probe give a WAIT up after 60 times, not after thousands: the host sees the same."""
    rig.client.command(TransferConfigure(idle_cycles=0, wait_retry=60, match_retry=60))


@pytest.mark.parametrize(
    ("plan", "kind"),
    [
        (lambda f: f.wait(count=None, address=0xC), TransferWait),
        (lambda f: f.fault(address=0xC), TransferFault),
        (lambda f: f.no_ack(address=0xC, count=1), TransferNoAck),
    ],
)
def test_a_write_that_fails_says_how_and_the_next_one_works(
    any_rig: Rig, plan: object, kind: type[TransferError]
) -> None:
    _be_impatient(any_rig)
    any_rig.ap.write_u32(RAM, 1)
    plan(any_rig.board.faults)  # type: ignore[operator]
    with pytest.raises(kind) as caught:
        any_rig.ap.write_u32(RAM + 0x40, 2)
    assert caught.value.address == RAM + 0x40
    any_rig.board.faults.clear()
    any_rig.ap.write_u32(RAM + 0x80, 3)
    assert any_rig.ap.read_u32(RAM + 0x80) == 3
    assert any_rig.ap.read_u32(RAM) == 1


def test_a_short_wait_storm_is_weathered_by_the_probe(any_rig: Rig) -> None:
    any_rig.board.faults.wait(count=20, port="AP")
    any_rig.ap.write(RAM, bytes(range(64)))
    assert any_rig.ap.read(RAM, 64) == bytes(range(64))


def test_a_read_of_ram_survives_one_parity_error(any_rig: Rig) -> None:
    any_rig.ap.write_u32(RAM, 0x1234)
    any_rig.board.faults.parity(count=1, port="DP", address=0xC)
    assert any_rig.ap.read_u32(RAM) == 0x1234


def test_lasting_parity_errors_are_told(any_rig: Rig) -> None:
    any_rig.board.faults.parity(count=None)
    with pytest.raises((TransferParity, TransferNoAck)):
        any_rig.ap.read_u32(RAM)
    any_rig.board.faults.clear()
    assert any_rig.ap.read_u32(RAM) == 0


def test_a_loose_cable(any_rig: Rig) -> None:
    any_rig.board.faults.no_ack(count=None)
    for _ in range(2):
        with pytest.raises(TransferNoAck, match="no answer"):
            any_rig.ap.read_u32(RAM)
    any_rig.board.faults.clear()
    assert any_rig.ap.read_u32(RAM) == 0


def test_a_read_survives_one_missing_acknowledge(any_rig: Rig) -> None:
    any_rig.ap.write_u32(RAM, 77)
    any_rig.board.faults.no_ack(count=1)
    assert any_rig.ap.read_u32(RAM) == 77


@pytest.mark.parametrize("plan", ["lose_request", "lose_response"])
def test_a_lost_packet(any_rig: Rig, plan: str) -> None:
    any_rig.ap.write_u32(RAM, 1)
    getattr(any_rig.board.faults, plan)()
    assert any_rig.ap.read_u32(RAM) == 1  # a read of RAM is tried again
    getattr(any_rig.board.faults, plan)()
    with pytest.raises(ProbeTimeout, match="did not answer"):
        any_rig.ap.write_u32(RAM, 2)
    assert any_rig.ap.read_u32(RAM) == (1 if plan == "lose_request" else 2)


@pytest.mark.parametrize("delay_s", [1.0, 4.0])
def test_a_late_response_is_not_the_next_ones(any_rig: Rig, delay_s: float) -> None:
    any_rig.ap.write_u32(RAM, 0xAAAA)
    any_rig.ap.write_u32(RAM + 4, 0xBBBB)
    any_rig.board.faults.late_response(delay_s=delay_s)
    assert any_rig.ap.read_u32(RAM) == 0xAAAA
    assert any_rig.ap.read_u32(RAM + 4) == 0xBBBB


def test_a_response_that_comes_twice(any_rig: Rig) -> None:
    ap = any_rig.ap
    for n in range(8):
        ap.write_u32(RAM + 0x40 * n, n)
    any_rig.board.faults.repeat_response()
    seen = []
    for n in range(8):
        try:
            seen.append((n, ap.read_u32(RAM + 0x40 * n)))
        except ProbeError:
            continue
    assert all(n == value for n, value in seen)
    assert len(seen) >= 6


def test_an_unplugged_probe_is_lost_for_good(any_rig: Rig) -> None:
    any_rig.board.faults.unplug()
    with pytest.raises(ProbeLost):
        any_rig.ap.read_u32(RAM)
    with pytest.raises(ProbeLost):
        any_rig.ap.write_u32(RAM, 1)
    any_rig.client.close()


def test_a_brown_out_is_noticed_and_the_link_comes_back(any_rig: Rig) -> None:
    any_rig.board.faults.brown_out(after_transfers=2)
    with pytest.raises(TransferError):
        any_rig.ap.write(RAM, bytes(64))
    any_rig.client.link.sleep(0.1)
    for _ in range(2):  # the first access may be what finds the port without power
        try:
            any_rig.ap.write_u32(RAM, 5)
            break
        except TransferError:
            continue
    assert any_rig.ap.read_u32(RAM) == 5


def test_what_waits_behind_a_barrier_does_not_run_after_a_wait_time_out(any_rig: Rig) -> None:
    """WAIT is not sticky: later packets in flight would be carried out."""
    ap = any_rig.ap
    _be_impatient(any_rig)
    ap.write_u32(RAM + 0x2000, 0)
    any_rig.board.faults.wait(count=None, after=30, port="AP", direction="write", address=0xC)
    batch = ap.batch()
    ap.queue_write(batch, RAM, bytes(4 * 150))
    ap.queue_write_u32(batch, RAM + 0x2000, 0xDEAD)
    with pytest.raises(TransferWait):
        batch.run()
    any_rig.board.faults.clear()
    assert ap.read_u32(RAM + 0x2000) == 0


@pytest.mark.parametrize("after", range(0, 260, 29))
def test_a_long_write_that_breaks_off_touches_nothing_outside(any_rig: Rig, after: int) -> None:
    """Packets in flight behind a WAIT time-out land where the broken one stopped: still inside."""
    ap = any_rig.ap
    guard = random.Random(after).randbytes(64)
    start = RAM + 0x1040
    _be_impatient(any_rig)
    ap.write(start - 64, guard)
    ap.write(start + 4 * WORDS, guard)
    any_rig.board.faults.wait(count=140, after=after, port="AP", direction="write", address=0xC)
    with suppress(TransferWait):
        ap.write(start, bytes(4 * WORDS))
    any_rig.board.faults.clear()
    assert ap.read(start - 64, 64) == guard
    assert ap.read(start + 4 * WORDS, 64) == guard


LINE = st.tuples(
    st.sampled_from(["wait", "fault", "parity", "no_ack"]),
    st.integers(0, 120),
    st.sampled_from([1, 2, 300, 20000, None]),
)
PACKET = st.tuples(
    st.sampled_from(["lose_request", "lose_response", "late_response", "repeat_response"]),
    st.integers(1, 12),
)


def _makes_up(packets: list[tuple[str, int]]) -> bool:
    """Tell whether one trouble hides another: as many answers as questions, none of them wrong.

    A write that never arrived, and the answer to the like one behind it twice: no host can see it.
    """
    return {"lose_request", "repeat_response"} <= {kind for kind, _ in packets}


@settings(max_examples=25, deadline=None)
@given(
    probe=st.sampled_from(["bulk-512x4", "hid-64x4"]),
    line=st.lists(LINE, max_size=2),
    packets=st.lists(PACKET, max_size=2).filter(lambda packets: not _makes_up(packets)),
    seed=st.integers(0, 1000),
)
def test_whatever_goes_wrong_no_success_is_false(
    probe: str,
    line: list[tuple[str, int, int | None]],
    packets: list[tuple[str, int]],
    seed: int,
) -> None:
    """Reads that succeed bring what is there; writes that succeed are there; errors are ours."""
    rig = make_rig(probe)
    rng = random.Random(seed)
    guards = {RAM + 0x40: rng.randbytes(0x200), RAM + 0x1800: rng.randbytes(0x200)}
    for address, guard in guards.items():
        rig.ap.write(address, guard)
    rig.ap.read_u32(RAM + 0x1900)  # TAR stands in a guard: nothing may land there
    model: dict[int, int | None] = dict.fromkeys(range(WORDS), 0)
    for kind, after, count in line:
        getattr(rig.board.faults, kind)(after=after, count=count)
    for kind, nth in packets:
        getattr(rig.board.faults, kind)(nth)
    for turn in range(25):
        if turn == 18:
            rig.board.faults.clear()
        at = rng.randrange(WORDS)
        length = min(WORDS - at, rng.choice([1, 1, 2, 40]))
        address = RAM + 0x3C0 + 4 * at
        words = range(at, at + length)
        try:
            if rng.random() < 0.5:
                data = rng.randbytes(4 * length)
                for word in words:
                    model[word] = None
                rig.ap.write(address, data)
                for i, word in enumerate(words):
                    model[word] = int.from_bytes(data[4 * i : 4 * i + 4], "little")
            else:
                got = rig.ap.read(address, 4 * length)
                for i, word in enumerate(words):
                    if model[word] is not None:
                        assert int.from_bytes(got[4 * i : 4 * i + 4], "little") == model[word]
        except OnchipError:
            continue
    rig.board.faults.clear()
    for address, guard in guards.items():
        assert rig.ap.read(address, len(guard)) == guard
    left = rig.ap.read(RAM + 0x3C0, 4 * WORDS)
    for word, value in model.items():
        if value is not None:
            assert int.from_bytes(left[4 * word : 4 * word + 4], "little") == value
    rig.board.close()
