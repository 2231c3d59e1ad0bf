"""Memory through a MEM-AP: any size, any alignment, across the wrap, and its faults."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onchip.coresight import MemAp
from onchip.errors import (
    TransferFault,
    TransferMismatch,
    TransferSkipped,
    UsageError,
)
from tests.coresight.conftest import RAM, RAM_LENGTH, Rig, make_rig

END = RAM + RAM_LENGTH


def test_words_halfwords_and_bytes(any_rig: Rig) -> None:
    ap = any_rig.ap
    ap.write_u32(RAM + 0x10, 0x1234_5678)
    assert ap.read_u32(RAM + 0x10) == 0x1234_5678
    ap.write_u8(RAM + 0x11, 0xAB)
    ap.write_u16(RAM + 0x12, 0xCDEF)
    assert ap.read_u32(RAM + 0x10) == 0xCDEF_AB78
    assert (ap.read_u8(RAM + 0x13), ap.read_u16(RAM + 0x10)) == (0xCD, 0xAB78)
    assert ap.read_u16(RAM + 0x11) == 0xEFAB
    ap.write_u32(RAM + 0x21, 0x0102_0304)
    assert ap.read_u32(RAM + 0x21) == 0x0102_0304
    ap.write_u16(RAM + 0x33, 0xBEEF)
    assert ap.read(RAM + 0x32, 4) == b"\x00\xef\xbe\x00"


def test_long_transfers_cross_every_wrap(any_rig: Rig) -> None:
    data = random.Random(1).randbytes(9000)
    any_rig.ap.write(RAM + 0x3FD, data)
    assert any_rig.ap.read(RAM + 0x3FD, len(data)) == data


@pytest.mark.parametrize("wrap", [0x400, 0x800, 0x1000])
def test_any_wrap_up_to_the_ports_own_will_do(rig: Rig, wrap: int) -> None:
    rig.ap.wrap = wrap
    data = random.Random(wrap).randbytes(5000)
    rig.ap.write(RAM + 6, data)
    assert rig.ap.read(RAM + 6, len(data)) == data


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_reads_and_writes_in_one_batch_agree_with_a_model(
    data: st.DataObject, rig: Rig
) -> None:
    ap = rig.ap
    base = RAM + 0x3C0
    model = bytearray(ap.read(base, 128))
    batch = ap.batch()
    expected = []
    for _ in range(data.draw(st.integers(1, 12))):
        at = data.draw(st.integers(0, 100))
        match data.draw(st.sampled_from(["read", "write", "read_u32", "write_u32"])):
            case "read":
                length = data.draw(st.integers(0, 28))
                expected.append(
                    (ap.queue_read(batch, base + at, length), bytes(model[at : at + length]))
                )
            case "write":
                new = data.draw(st.binary(max_size=28))
                ap.queue_write(batch, base + at, new, free=data.draw(st.booleans()))
                model[at : at + len(new)] = new
            case "read_u32":
                at &= ~3
                word = int.from_bytes(model[at : at + 4], "little")
                expected.append((ap.queue_read_u32(batch, base + at), word))
            case _:
                at &= ~3
                value = data.draw(st.integers(0, 0xFFFF_FFFF))
                ap.queue_write_u32(batch, base + at, value)
                model[at : at + 4] = value.to_bytes(4, "little")
    batch.run()
    assert [result.value for result, _ in expected] == [value for _, value in expected]
    assert ap.read(base, 128) == bytes(model)


def test_nothing_is_written_twice_to_the_port(rig: Rig) -> None:
    """SELECT, CSW and TAR are remembered: the next word in a row is one byte of request."""
    rig.link.tracing = True
    rig.ap.read_u32(RAM)
    rig.ap.read_u32(RAM + 4)
    rig.ap.read_u32(RAM + 8)
    sent = [p for way, p in rig.link.trace if way == ">"]
    assert [p[2:] for p in sent[-2:]] == [b"\x01\x0f", b"\x01\x00\x0f"]


def test_words_that_lie_together_use_the_banked_registers(rig: Rig) -> None:
    rig.ap.read_u32(RAM + 0x100)
    rig.ap.read_u32(RAM + 0x10C)
    rig.link.tracing = True
    rig.ap.write_u32(RAM + 0x104, 5)
    rig.ap.read_u32(RAM + 0x108)
    sent = [p for way, p in rig.link.trace if way == ">"]
    assert [len(p) for p in sent] == [8, 5]
    assert rig.ap.read_u32(RAM + 0x104) == 5


@pytest.mark.parametrize("length", [8, 20, 64, 600, 3000])
def test_a_fault_names_the_address_reading(any_rig: Rig, length: int) -> None:
    start = END - length // 2 & ~3
    with pytest.raises(TransferFault) as caught:
        any_rig.ap.read(start, length)
    assert caught.value.address == END
    assert any_rig.ap.read(END - 8, 8) == bytes(8)


@pytest.mark.parametrize("length", [8, 20, 64, 600, 3000])
def test_a_fault_names_the_address_writing(any_rig: Rig, length: int) -> None:
    start = END - length // 2 & ~3
    data = random.Random(length).randbytes(length)
    with pytest.raises(TransferFault) as caught:
        any_rig.ap.write(start, data)
    assert caught.value.address == END
    kept = END - start
    assert any_rig.ap.read(start, kept) == data[:kept]


def test_a_fault_is_never_given_to_a_later_read(any_rig: Rig) -> None:
    ap = any_rig.ap
    ap.write_u32(RAM, 0x1111)
    batch = ap.batch()
    before = ap.queue_read_u32(batch, RAM)
    bad = ap.queue_read_u32(batch, 0x9000_0000)
    after = ap.queue_read_u32(batch, RAM)
    ap.queue_write_u32(batch, RAM, 0x2222)
    with pytest.raises(TransferFault) as caught:
        batch.run()
    assert caught.value.address == 0x9000_0000
    assert before.value == 0x1111
    with pytest.raises(TransferFault):
        _ = bad.value
    with pytest.raises(TransferSkipped):
        _ = after.value
    assert ap.read_u32(RAM) == 0x1111


def test_a_wait_in_the_probe(rig: Rig) -> None:
    ap = rig.ap
    ap.write_u32(RAM + 8, 0x0000_0100)
    batch = ap.batch()
    ap.queue_wait_u32(batch, RAM + 8, 0xFF00, 0x0100)
    ap.queue_write_u32(batch, RAM + 8, 7)
    batch.run()
    assert ap.read_u32(RAM + 8) == 7
    batch = ap.batch()
    ap.queue_wait_u32(batch, RAM + 8, 0xFF, 9, timeout_s=0.5)
    ap.queue_write_u32(batch, RAM + 8, 8)
    start = rig.link.now()
    with pytest.raises(TransferMismatch) as caught:
        batch.run()
    assert caught.value.address == RAM + 8
    assert rig.link.now() - start >= 0.5
    assert ap.read_u32(RAM + 8) == 7


def test_a_wait_is_met_while_it_lasts(rig: Rig) -> None:
    rig.board.timeline.after(300_000_000, lambda: rig.board.bus.write(RAM + 8, 4, 9))
    batch = rig.ap.batch()
    rig.ap.queue_wait_u32(batch, RAM + 8, 0xFF, 9, timeout_s=2.0)
    after = rig.ap.queue_read_u32(batch, RAM + 8)
    batch.run()
    assert after.value == 9
    assert 0.3 <= rig.link.now() < 0.6


@pytest.mark.parametrize(
    "attempt",
    [
        lambda ap: ap.read(0xFFFF_FFFF, 2),
        lambda ap: ap.read(-1, 1),
        lambda ap: ap.write(0xFFFF_FFFE, b"abc"),
        lambda ap: ap.queue_read_u32(ap.batch(), 2),
        lambda ap: ap.queue_write_u32(ap.batch(), RAM, 1 << 32),
        lambda ap: ap.queue_wait_u32(ap.batch(), 1, 1, 1),
        lambda ap: ap.read(0, -1),
        lambda ap: ap.write_u8(RAM, 256),
        lambda ap: ap.write_u16(RAM, 1 << 16),
        lambda ap: ap.write_u16(RAM, -1),
        lambda ap: ap.write_u32(RAM, 1 << 32),
        lambda ap: ap.write_u32(RAM + 1, -1),
    ],
)
def test_bad_addresses_are_refused_before_anything_is_sent(rig: Rig, attempt: object) -> None:
    before = rig.link.mark()
    with pytest.raises(UsageError):
        attempt(rig.ap)  # type: ignore[operator]
    assert (rig.link.traffic - before).packets == 0


def test_a_port_that_does_words_only(rig: Rig) -> None:
    rig.ap.write(RAM, bytes(range(16)))
    rig.ap.words_only = True
    assert rig.ap.read(RAM + 3, 6) == bytes(range(3, 9))
    rig.ap.write(RAM + 4, b"abcd")
    with pytest.raises(UsageError, match="whole words only"):
        rig.ap.write(RAM + 1, b"x")
    assert rig.ap.read(RAM, 8) == b"\x00\x01\x02\x03abcd"


def test_the_ports_own_registers(rig: Rig) -> None:
    assert rig.ap.read_register(0xFC) == rig.ap.idr
    rig.ap.write_register(0x04, RAM + 0x40)
    assert rig.ap.read_register(0x04) == RAM + 0x40
    assert rig.ap.read_u32(RAM) == 0


def test_sizes_and_wrap_on_a_real_chip() -> None:
    for chip, wrap in (("stm32f407", 0x1000), ("nrf51822", 0x400)):
        rig = make_rig(chip=chip)
        batch = rig.ap.batch()
        batch.add(lambda t, ap=rig.ap: t.finish(ap.emit_wrap_test(t, 0xE000_E000)))  # type: ignore[misc]
        batch.add(lambda t, ap=rig.ap: t.finish(ap.emit_size_test(t)))  # type: ignore[misc]
        batch.run()
        assert (rig.ap.wrap, rig.ap.words_only) == (wrap, False)
        rig.board.close()


def test_repr_names_the_port(rig: Rig) -> None:
    assert repr(rig.ap).startswith("<MemAp 0 IDR=0x")
    assert isinstance(rig.ap, MemAp)
