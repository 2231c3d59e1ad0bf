"""Which access failed: responses typed by hand as the reference firmware gives them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onchip.dap.outcome import absorb
from onchip.dap.packet import Packet
from onchip.dap.packetizer import Packetizer
from onchip.dap.transfers import Transfers
from onchip.errors import (
    OnchipError,
    TransferError,
    TransferFault,
    TransferMismatch,
    TransferNoAck,
    TransferParity,
    TransferWait,
    WireError,
)
from tests.support.scripted_link import packet

DRW, TAR, SELECT = 0x0D, 0x05, 0x08


def one_packet(t: Transfers, *, atomic: bool = False, size: int = 512) -> Packet:
    made = Packetizer(t.elements, size, atomic=atomic).next()
    assert made is not None
    return made


def three_reads() -> Transfers:
    t = Transfers()
    for n in range(3):
        t.begin(n)
        t.write(TAR, 0x100 * n, "TAR")
        t.read(DRW, "DRW", 0x100 * n)
    return t


def test_everything_went_well() -> None:
    t = three_reads()
    assert absorb(one_packet(t), packet("05 06 01 | 11000000 | 22000000 | 33000000")) is None
    assert [e.word() for e in t.elements[1::2]] == [0x11, 0x22, 0x33]


@pytest.mark.parametrize("padding", [0, 40])
@pytest.mark.parametrize(
    ("response", "address"),
    [
        ("05 02 04", 0x000),  # stopped at the second TAR write: the first read's data never came
        ("05 04 04 | 11000000", 0x100),
        ("05 06 04 | 11000000 22000000", 0x200),  # all done, the closing RDBUFF read refused
    ],
)
def test_a_fault_belongs_to_the_posted_read(response: str, address: int, padding: int) -> None:
    t = three_reads()
    failure = absorb(one_packet(t), packet(response) + bytes(padding))
    assert failure is not None
    error = failure.error()
    assert isinstance(error, TransferFault)
    assert (error.operation, error.address) == ("read DRW", address)
    for e in t.elements[1::2]:
        assert bool(e.received) == ((e.address or 0) < address)


def test_a_fault_of_the_very_first_access_is_its_own() -> None:
    t = three_reads()
    failure = absorb(one_packet(t), packet("05 00 04"))
    assert failure is not None
    assert failure.error().operation == "write TAR"


def test_a_fault_behind_a_write_is_the_writes() -> None:
    t = Transfers()
    t.write(DRW, 1, "DRW", 0x9000_0000)
    t.read(0x06, "CTRL/STAT")
    t.write(DRW, 2, "DRW", 0x9000_0004)
    failure = absorb(one_packet(t), packet("05 01 04"))
    assert failure is not None
    assert failure.error().address == 0x9000_0000
    failure = absorb(one_packet(t), packet("05 03 04 00000000"))
    assert failure is not None
    assert failure.error().address == 0x9000_0004


def test_a_mask_crosses_no_wire() -> None:
    t = Transfers()
    t.write(DRW, 1, "DRW", 0x9000_0000)
    t.match(0x01, 1, 1, "BD", address=0xE000_EDF0)
    failure = absorb(one_packet(t), packet("05 02 04"))
    assert failure is not None
    assert failure.error().address == 0x9000_0000


@pytest.mark.parametrize("count", ["01", "02"])
def test_a_wait_that_ran_out(count: str) -> None:
    """The reference firmware does not count it as done, some others do."""
    t = Transfers()
    t.match(0x01, 1, 1, "BD", address=0xE000_EDF0)
    t.write(DRW, 1, "DRW", 0)
    failure = absorb(one_packet(t), packet(f"05 {count} 11"))
    assert failure is not None
    assert failure.is_mismatch
    assert isinstance(failure.error(), TransferMismatch)
    assert failure.error().address == 0xE000_EDF0


def test_a_fault_within_a_wait() -> None:
    t = Transfers()
    t.read(DRW, "DRW", 0x100)
    t.match(0x01, 1, 1, "BD", address=0xE000_EDF0)
    failure = absorb(one_packet(t), packet("05 02 04 11000000"))
    assert failure is not None
    assert failure.error().address == 0xE000_EDF0
    failure = absorb(one_packet(t), packet("05 01 04"))
    assert failure is not None
    assert failure.error().address == 0x100


@pytest.mark.parametrize(
    ("ack", "kind"),
    [
        ("14", TransferFault),
        ("12", TransferWait),
        ("17", TransferNoAck),
        ("18", TransferParity),
    ],
)
def test_a_wait_whose_read_failed_is_no_mismatch(ack: str, kind: type[TransferError]) -> None:
    """The reference firmware compares all the same, with a value that it read before."""
    t = Transfers()
    t.match(0x01, 1, 1, "BD", address=0xE000_EDF0)
    failure = absorb(one_packet(t), packet(f"05 01 {ack}"))
    assert failure is not None
    assert not failure.is_mismatch
    assert type(failure.error()) is kind
    assert failure.error().address == 0xE000_EDF0


@pytest.mark.parametrize(
    ("ack", "kind"),
    [("02", TransferWait), ("07", TransferNoAck), ("00", TransferNoAck), ("08", TransferParity)],
)
def test_the_other_answers(ack: str, kind: type[OnchipError]) -> None:
    t = Transfers()
    t.read(DRW, "DRW", 0x100)
    failure = absorb(one_packet(t), packet(f"05 00 {ack}"))
    assert failure is not None
    error = failure.error()
    assert isinstance(error, kind)
    assert "0x00000100" in str(error)
    assert error.hint


def test_blocks_name_the_word() -> None:
    t = Transfers()
    t.read_run(DRW, 100, "DRW", 0x2001_FF80)
    failure = absorb(one_packet(t), packet("06 20 00 04") + bytes(4 * 0x20))
    assert failure is not None
    assert failure.error().address == 0x2002_0000
    assert len(t.elements[0].data) == 4 * 0x20
    t = Transfers()
    t.write_run(DRW, bytes(400), "DRW", 0x2001_FF80)
    failure = absorb(one_packet(t), packet("06 21 00 04"))  # the write after it was refused
    assert failure is not None
    assert failure.error().address == 0x2002_0000
    failure = absorb(one_packet(t), packet("06 00 00 04"))
    assert failure is not None
    assert failure.error().address == 0x2001_FF80


def joined() -> tuple[Transfers, Packet]:
    t = Transfers()
    t.write_run(DRW, bytes(400), "DRW", 0x0E70)
    t.write(TAR, 0x1000, "TAR")
    t.write_run(DRW, bytes(400), "DRW", 0x1000)
    p = one_packet(t, atomic=True)
    assert p.joined
    return t, p


def test_several_commands_in_one_packet() -> None:
    _, p = joined()
    assert absorb(p, packet("7f 03 | 06 64 00 01 | 05 01 01 | 06 17 00 01")) is None
    failure = absorb(p, packet("7f 03 | 06 64 00 01 | 05 01 01 | 06 04 00 04"))
    assert failure is not None
    assert failure.error().address == 0x100C
    failure = absorb(p, packet("7f 03 | 06 02 00 04 | 05 00 04 | 06 00 00 04"))
    assert failure is not None
    assert failure.error().address == 0x0E74


@pytest.mark.parametrize(
    "response",
    [
        "", "05", "06 06 01", "05 06 01 11000000", "05 07 01", "05 05 01", "7f 01", "05 ff 04",
    ],
)  # fmt: skip
def test_what_is_no_response_is_a_wire_error(response: str) -> None:
    with pytest.raises(WireError):
        absorb(one_packet(three_reads()), packet(response))


@pytest.mark.parametrize(
    "response", ["7f", "7f 02", "7f 03", "7f 03 06 64 00 01 05", "7f 03 06 65 00 01", "06 01 00 01"]
)
def test_what_is_no_joined_response_is_a_wire_error(response: str) -> None:
    with pytest.raises(WireError):
        absorb(joined()[1], packet(response))


@pytest.mark.parametrize(
    "response", ["06 63 00 01", "06 64 00 01 00", "06 65 00 04", "06", "05 64 00 01"]
)
def test_what_is_no_block_response_is_a_wire_error(response: str) -> None:
    t = Transfers()
    t.read_run(DRW, 100, "DRW", 0)
    with pytest.raises(WireError):
        absorb(one_packet(t), packet(response))


@given(st.binary(max_size=600), st.integers(0, 3))
def test_hostile_responses_give_a_failure_or_a_wire_error(data: bytes, which: int) -> None:
    t = three_reads()
    if which == 1:
        t = Transfers()
        t.read_run(DRW, 100, "DRW", 0)
    elif which == 2:
        t = Transfers()
        t.write_run(DRW, bytes(400), "DRW", 0)
    p = joined()[1] if which == 3 else one_packet(t)
    head = p.data[:1] if data[:1] != b"\x00" else b""
    try:
        failure = absorb(p, head + data)
    except WireError:
        return
    if failure is not None:
        assert isinstance(failure.error(), OnchipError)
