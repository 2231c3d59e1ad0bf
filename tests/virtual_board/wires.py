"""Packets typed by hand: what a host sends to get to a target, and a way to send hex."""

from __future__ import annotations

from onchip.virtual_board.board import VirtualBoard

CONNECT = "02 01"
LINE_RESET = "12 38 ff ff ff ff ff ff ff"  # 56 high cycles
JTAG_TO_SWD = "12 10 9e e7"  # 0xE79E, least significant bit first
IDLE = "12 08 00"
READ_DPIDR = "05 00 01 02"
POWER_UP = "05 00 01 04 00 00 00 50"  # write CTRL/STAT: CSYSPWRUPREQ, CDBGPWRUPREQ
SELECT_0 = "05 00 01 08 00 00 00 00"
CSW_WORDS = "05 00 01 01 52 00 00 23"  # word size, single increment
CLEAR_ABORT = "08 00 1e 00 00 00"

TO_SWD = (LINE_RESET, JTAG_TO_SWD, LINE_RESET, IDLE)


class Wires:
    """A board, spoken to in hex."""

    def __init__(self, chip: str = "bare-ram", model: str = "bulk-512x4", **options: bool) -> None:
        self.board = VirtualBoard(chip, model, **options)

    def __call__(self, packet: str) -> str:
        return self.board.exchange(bytes.fromhex(packet)).hex(" ")

    def all(self, *packets: str) -> list[str]:
        return [self(packet) for packet in packets]

    def attach(self) -> None:
        """Connect, select SWD, read DPIDR, power up, word accesses."""
        self.all(CONNECT, *TO_SWD)
        assert self(READ_DPIDR) == "05 01 01 77 14 a0 2b"
        assert self.all(POWER_UP, SELECT_0, CSW_WORDS) == ["05 01 01"] * 3


def word(value: int) -> str:
    """Return ``value`` as it stands in a packet."""
    return value.to_bytes(4, "little").hex(" ")
