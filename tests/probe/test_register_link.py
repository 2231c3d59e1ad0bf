"""A link made of register accesses, against a port made of a dictionary."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from onchip.errors import (
    OnchipError,
    ProbeError,
    ProbeLost,
    ProbeTimeout,
    TransferFault,
    TransferNoAck,
    TransferWait,
)
from onchip.probe.register_link import RegisterLink
from onchip.wire.cmsis_dap import UNKNOWN_PACKET

OK, WAIT, FAULT, NO_ACK, MISMATCH = 1, 2, 4, 7, 0x11
SELECT, DRW, IDCODE = 0x08, 0x0D, 0x00


class Port:
    description = "a port"

    def __init__(self) -> None:
        self.registers = {IDCODE: 0x2BA0_1477}
        self.log: list[object] = []
        self.trouble: Callable[[], None] = lambda: None

    def read(self, register: int) -> int:
        self.trouble()
        self.log.append(("read", register))
        return self.registers.get(register, 0)

    def write(self, register: int, value: int) -> None:
        self.trouble()
        self.registers[register] = value

    def set_clock(self, frequency_hz: int) -> None:
        self.log.append(("clock", frequency_hz))

    def set_reset(self, *, asserted: bool) -> None:
        self.log.append(("reset", asserted))

    def close(self) -> None:
        self.log.append("closed")


@pytest.fixture
def port() -> Port:
    return Port()


@pytest.fixture
def link(port: Port) -> RegisterLink:
    return RegisterLink(port)


def ask(link: RegisterLink, packet: str) -> str:
    link.write(bytes.fromhex(packet))
    return link.read(1.0).hex()


@pytest.mark.parametrize(
    ("packet", "answer"),
    [
        ("00f0", "000101"),  # SWD, and nothing else
        ("00fe", "000101"),
        ("00ff", "00020002"),
        ("0001", "0000"),
        ("0042", "0000"),
        ("0201", "0201"),
        ("03", "0300"),
        ("13 00", "1300"),
        ("04 00 6400 0000", "0400"),
        ("12 10 9ee7", "1200"),
        ("0100 01", "0100"),
        ("99", UNKNOWN_PACKET.hex()),
        ("05 00", UNKNOWN_PACKET.hex()),
        ("1d 00", UNKNOWN_PACKET.hex()),
    ],
)
def test_what_every_probe_answers(link: RegisterLink, packet: str, answer: str) -> None:
    assert ask(link, packet) == answer


def test_clock_reset_and_abort(link: RegisterLink, port: Port) -> None:
    assert ask(link, "11 80841e00") == "1100"
    assert ask(link, "10 00 80 00000000") == "1000"
    assert ask(link, "10 80 80 00000000") == "1080"
    assert ask(link, "10 00 01 00000000") == "1000"
    assert port.log == [("clock", 2_000_000), ("reset", True), ("reset", False)]
    assert ask(link, "08 00 1e000000") == "0800"
    assert port.registers[0] == 0x1E


def test_transfers(link: RegisterLink, port: Port) -> None:
    assert ask(link, "05 00 02 08 f0000000 02") == "050201" + "7714a02b"
    assert port.registers[SELECT] == 0xF0
    assert ask(link, "06 00 0200 0d 01000000 02000000") == "06020001"
    assert port.registers[DRW] == 2
    assert ask(link, "06 00 0300 0f") == "06030001" + "02000000" * 3


def test_matching(link: RegisterLink, port: Port) -> None:
    port.registers[0x04] = 0x1234
    assert ask(link, "05 00 02 20 ff000000 16 34000000") == "050201"
    assert ask(link, "05 00 01 16 35000000") == f"0500{MISMATCH:02x}"


@pytest.mark.parametrize(
    ("error", "ack"), [(TransferWait, WAIT), (TransferFault, FAULT), (TransferNoAck, NO_ACK)]
)
def test_a_refusal_ends_the_transfer(
    link: RegisterLink, port: Port, error: type[OnchipError], ack: int
) -> None:
    def trouble() -> None:
        if port.log:
            raise error("no")

    port.trouble = trouble
    assert ask(link, "05 00 03 02 06 06") == f"0501{ack:02x}" + "7714a02b"
    assert ask(link, "06 00 0200 07") == f"060000{ack:02x}"


def test_an_adapter_that_is_gone_is_a_lost_probe(link: RegisterLink, port: Port) -> None:
    def trouble() -> None:
        raise ProbeError("pulled out")

    port.trouble = trouble
    with pytest.raises(ProbeLost, match="pulled out"):
        link.write(bytes.fromhex("05 00 01 02"))


def test_the_end(link: RegisterLink, port: Port) -> None:
    assert link.description == "a port"
    before = link.now()
    link.sleep(0.001)
    assert link.now() > before
    with pytest.raises(ProbeTimeout):
        link.read(0.1)
    link.close()
    link.close()
    assert port.log == ["closed"]
    with pytest.raises(ProbeLost):
        link.write(b"\x00\xf0")
