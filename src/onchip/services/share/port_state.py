"""What one client believes SELECT, CSW, TAR and the probe's settings to hold.

Packets are read along. Where the hardware counts TAR on by itself this is a guess, which `Swap`
replaces by what it reads back; the rest is exact.
"""

from __future__ import annotations

from typing import NamedTuple

from onchip.arch.adi import SELECT
from onchip.wire.cmsis_dap import TransferRequest

ABORT, CTRL_STAT, SELECT_REGISTER = 0x0, 0x4, 0x8
CSW, TAR, DRW = 0x0, 0x4, 0xC
_REGISTER = 0x0C
_SIZE, _INCREMENT = 0x07, 0x30
_DP_BANK, _BANK = SELECT.DPBANKSEL.mask, SELECT.APBANKSEL.mask
_BANKED_DATA = int(SELECT.build(APBANKSEL=1))


class Access(NamedTuple):
    """A transfer that reaches memory: behind which access port, where, and how many bytes."""

    ap: int
    address: int
    size: int
    drw: bool


class PortState:
    """The registers as one client has left them; None is what it never wrote."""

    def __init__(self) -> None:
        self.select = 0
        self.csw: dict[int, int] = {}
        self.tar: dict[int, int] = {}
        self.ctrl_stat: int | None = None
        self.mask: int | None = None
        self.settings: dict[int, bytes] = {}
        """Packets that set the probe itself, by command: clock, turnaround, retries."""

    def memory(self, request: int) -> Access | None:
        """Return what memory a transfer reaches; None if it reaches a register of a port."""
        if not request & TransferRequest.APnDP:
            return None
        select = self.select
        ap, bank, register = select >> 24, select & _BANK, request & _REGISTER
        tar = self.tar.get(ap)
        if tar is None:
            return None
        if bank == _BANKED_DATA:
            return Access(ap, tar & ~0xF | register, 4, drw=False)
        if bank or register != DRW:
            return None
        return Access(ap, tar, 1 << (self.csw.get(ap, 2) & _SIZE), drw=True)

    def is_ctrl_stat(self, request: int) -> bool:
        """Tell whether a transfer reaches CTRL/STAT."""
        if request & TransferRequest.APnDP or request & _REGISTER != CTRL_STAT:
            return False
        return not self.select & _DP_BANK

    def is_read(self, request: int) -> bool:
        """Tell whether a transfer is a plain read of memory through DRW."""
        plain = TransferRequest.APnDP | TransferRequest.RnW | DRW
        return request == plain and not self.select & _BANK

    def note(self, request: int, value: int | None) -> None:
        """Take in one transfer that was done, or will be."""
        register = request & _REGISTER
        if request & TransferRequest.RnW:
            if request & TransferRequest.VALUE_MATCH:
                return
        elif request & TransferRequest.MATCH_MASK:
            self.mask = value
            return
        elif not request & TransferRequest.APnDP:
            if register == SELECT_REGISTER:
                self.select = value or 0
            elif self.is_ctrl_stat(request):
                self.ctrl_stat = value
            return
        if not request & TransferRequest.APnDP or self.select & _BANK:
            return
        ap = self.select >> 24
        if register == DRW:
            self.advance(ap, 1)
        elif not request & TransferRequest.RnW and register in (CSW, TAR):
            (self.csw if register == CSW else self.tar)[ap] = value or 0

    def counts(self, ap: int) -> bool:
        """Tell whether TAR goes on by itself."""
        return bool(self.csw.get(ap, 0) & _INCREMENT)

    def advance(self, ap: int, count: int) -> None:
        """Take in ``count`` accesses to DRW."""
        if self.counts(ap) and ap in self.tar:
            step = 1 << (self.csw[ap] & _SIZE)
            self.tar[ap] = self.tar[ap] + count * step & 0xFFFF_FFFF
