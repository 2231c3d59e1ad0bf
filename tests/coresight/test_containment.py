"""Wherever a write breaks off, nothing outside its range changes, and it is never called done.

The port is left in the worst state before each write: TAR points into other memory, CSW holds
another size, the other register bank is selected. Then one thing goes wrong, at every place where
it can, and all of RAM is compared.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onchip.errors import OnchipError
from onchip.wire.cmsis_dap import TransferConfigure
from tests.coresight.conftest import RAM, RAM_LENGTH, Rig, make_rig

ELSEWHERE = RAM + 0x6004
LENGTH = 256
Plan = Callable[[Rig, int], None]


def _rig(probe: str) -> Rig:
    rig = make_rig(probe)
    rig.client.command(TransferConfigure(idle_cycles=0, wait_retry=20, match_retry=20))
    return rig


def _point_elsewhere(rig: Rig, before: str) -> None:
    """Leave TAR, CSW and SELECT where a write that lacks one of them does harm."""
    rig.ap.read_u32(ELSEWHERE)
    if before == "byte":
        rig.ap.read(ELSEWHERE + 9, 1)
    elif before == "banked":
        rig.ap.read_u32(ELSEWHERE + 0x10)
        rig.ap.read_u32(ELSEWHERE + 0x18)
    elif before == "unknown":
        rig.client.invalidate()


def _lose(kind: str) -> Plan:
    def plan(rig: Rig, at: int) -> None:
        getattr(rig.board.faults, kind)(at + 1)

    return plan


def _strike(kind: str, count: int | None) -> Plan:
    def plan(rig: Rig, at: int) -> None:
        getattr(rig.board.faults, kind)(after=at, count=count)

    return plan


# what goes wrong, and in how many places it can
TROUBLE: dict[str, tuple[Plan, int]] = {
    "a request is lost": (_lose("lose_request"), 9),
    "a response is lost": (_lose("lose_response"), 9),
    "a response comes twice": (_lose("repeat_response"), 9),
    "one transfer is not answered": (_strike("no_ack", 1), 82),
    "one transfer waits too long": (_strike("wait", 100), 82),
    "one word arrives broken": (_strike("parity", 1), 82),
    "nothing is answered any more": (_strike("no_ack", None), 82),
}


@pytest.mark.parametrize("probe", ["hid-64x4", "bulk-64x8", "bulk-512x4"])
@pytest.mark.parametrize("before", ["word", "byte", "banked", "unknown"])
@pytest.mark.parametrize("trouble", TROUBLE)
def test_nothing_lands_outside(probe: str, before: str, trouble: str) -> None:
    plan, places = TROUBLE[trouble]
    rng = random.Random(probe + before + trouble)
    rig = _rig(probe)
    rig.board.bus.write_block(RAM, rng.randbytes(RAM_LENGTH))
    # The other probes and states see the places between: twelve tests, each place about twice.
    stride = 1 if places < 10 else 6
    for at in range((len(probe) + len(before)) % stride, places, stride):
        # every alignment in turn; every other one across the end of a TAR block
        start = RAM + (0x1000 if at & 4 else 0x1F80) + (at & 3)
        data = rng.randbytes(LENGTH)
        _point_elsewhere(rig, before)
        was = rig.board.bus.read_block(RAM, RAM_LENGTH)
        plan(rig, at)
        succeeded = False
        with suppress(OnchipError):
            rig.ap.write(start, data)
            succeeded = True
        happened = bool(rig.board.faults.log)
        rig.board.faults.clear()
        rig.board.faults.log.clear()
        now = rig.board.bus.read_block(RAM, RAM_LENGTH)
        first = start - RAM
        assert now[:first] == was[:first]
        assert now[first + LENGTH :] == was[first + LENGTH :]
        if succeeded:
            assert now[first : first + LENGTH] == data
        assert succeeded or happened
        with suppress(OnchipError):  # a response that came twice shows here at the latest
            rig.ap.read_u32(RAM)
        assert rig.ap.read_u32(ELSEWHERE) == int.from_bytes(now[0x6004:0x6008], "little")
    rig.board.close()


ACCESS = st.tuples(
    st.sampled_from(["write", "write", "write", "free", "word", "read"]),
    st.integers(0, 0x1400),
    st.one_of(st.integers(1, 12), st.integers(1, 700)),
)
PLACE = st.integers(0, 90)
# Of like packets a response does not tell which one it answers: CMSIS-DAP numbers nothing. So a
# response that comes twice hides a second trouble among them, and shows only if it comes alone.
TROUBLES = st.one_of(
    st.tuples(st.tuples(st.sampled_from(sorted(TROUBLE)), PLACE)),
    st.lists(
        st.tuples(st.sampled_from(sorted(set(TROUBLE) - {"a response comes twice"})), PLACE),
        min_size=1,
        max_size=2,
    ),
)


@settings(max_examples=20, deadline=None)
@given(
    probe=st.sampled_from(["hid-64x4", "bulk-64x8", "bulk-512x4", "bulk-512x4-basic"]),
    wrap=st.sampled_from([0x400, 0x1000]),
    before=st.sampled_from(["word", "byte", "banked", "unknown"]),
    accesses=st.lists(ACCESS, min_size=1, max_size=5),
    troubles=TROUBLES,
    seed=st.integers(0, 1000),
)
def test_any_batch_stays_within_its_destinations(
    probe: str,
    wrap: int,
    before: str,
    accesses: list[tuple[str, int, int]],
    troubles: Sequence[tuple[str, int]],
    seed: int,
) -> None:
    """Two things may go wrong; what is not ``free`` of the rule stays where it belongs."""
    rng = random.Random(seed)
    rig = _rig(probe)
    rig.board.bus.write_block(RAM, rng.randbytes(RAM_LENGTH))
    rig.ap.wrap = wrap
    _point_elsewhere(rig, before)
    expected = bytearray(rig.board.bus.read_block(RAM, RAM_LENGTH))
    touched = []
    batch = rig.ap.batch()
    for kind, at, length in accesses:
        at += 0xF00
        data = rng.randbytes(length)
        if kind == "read":
            rig.ap.queue_read(batch, RAM + at, length)
            continue
        if kind == "word":
            at &= ~3
            data = rng.randbytes(4)
            rig.ap.queue_write_u32(batch, RAM + at, int.from_bytes(data, "little"))
        else:
            rig.ap.queue_write(batch, RAM + at, data)
        expected[at : at + len(data)] = data
        touched.append(slice(at, at + len(data)))
    for name, at in troubles:
        plan, places = TROUBLE[name]
        plan(rig, at % places)
    succeeded = False
    with suppress(OnchipError):
        batch.run()
        succeeded = True
    rig.board.faults.clear()
    now = rig.board.bus.read_block(RAM, RAM_LENGTH)
    if succeeded:
        assert now == expected
    for part in touched:
        expected[part] = now[part]
    assert now == expected, "something landed outside"
    rig.board.close()


@pytest.mark.parametrize(
    ("before", "packets", "trips"),
    [("word", 6, 1), ("byte", 6, 1), ("banked", 7, 1), ("unknown", 6, 2)],
)
def test_what_the_rule_costs(before: str, packets: int, trips: int) -> None:
    """A write waits only for what it cannot say again: a size that nobody knew before."""
    rig = make_rig("hid-64x4")
    for k in range(4):
        _point_elsewhere(rig, before)
        mark = rig.link.mark()
        rig.ap.write(RAM + k, bytes(LENGTH))
        spent = rig.link.traffic - mark
        assert spent.packets <= packets
        assert spent.round_trips <= trips
    rig.board.close()
