"""The SW-DP of a chip: ADIv5.2 B2 (registers) and B4 (Serial Wire Debug), transfer by transfer.

``acknowledge`` decides the three ACK bits, ``read`` and ``write`` do the access; ``transfer`` joins
them for a probe that works in whole transfers. Bits on the line (line reset, protocol selection,
hand-made transfers) are ``swd_line``'s, which shares ``state`` with this module.

AP reads are posted: a read returns what the AP read before it fetched, RDBUFF fetches the last one.
AP writes are done at once, but an error shows, as on silicon, only as STICKYERR: the write itself
is acknowledged with OK and the next transfer with FAULT.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

from onchip.arch.adi import ABORT, CTRL_STAT, DLCR, DPIDR, Ack
from onchip.virtual_board.faults import Faults, LineFault
from onchip.virtual_board.target.description import DebugPortDescription

from .access_port import AccessFault, AccessPort

AP = 0x1
READ = 0x2
ADDRESS = 0xC

_STICKY = (
    CTRL_STAT.STICKYORUN.mask
    | CTRL_STAT.STICKYCMP.mask
    | CTRL_STAT.STICKYERR.mask
    | CTRL_STAT.WDATAERR.mask
)
_STICKYORUN = CTRL_STAT.STICKYORUN.mask
_STICKYCMP = CTRL_STAT.STICKYCMP.mask
_STICKYERR = CTRL_STAT.STICKYERR.mask
_WDATAERR = CTRL_STAT.WDATAERR.mask
_READOK = CTRL_STAT.READOK.mask
_POWER_REQUESTS = CTRL_STAT.CDBGPWRUPREQ.mask | CTRL_STAT.CSYSPWRUPREQ.mask
_REQUESTS = _POWER_REQUESTS | CTRL_STAT.CDBGRSTREQ.mask | CTRL_STAT.ORUNDETECT.mask
_PUSHED = CTRL_STAT.TRNMODE.mask | CTRL_STAT.MASKLANE.mask | CTRL_STAT.TRNCNT.mask
_TRNMODE_NORMAL = 0
_TRNMODE_VERIFY = 1
_TARGETID_MATCH = 0x0FFF_FFFF
_OK = int(Ack.OK)
_WAIT = int(Ack.WAIT)
_FAULT = int(Ack.FAULT)
_NONE = int(Ack.NONE)


class LineState(Enum):
    """What the DP makes of the next packet request."""

    JTAG = "jtag"
    """A SWJ-DP that listens to JTAG: SWD requests mean nothing to it."""
    DORMANT = "dormant"
    """Waits for the selection alert sequence."""
    LOCKED = "locked"
    """After a protocol error, or before the first line reset: silent until a line reset."""
    RESET = "reset"
    """After a line reset: only a read of DPIDR (or a write of TARGETSEL) is understood."""
    READY = "ready"
    DESELECTED = "deselected"
    """TARGETSEL named another target: silent until a line reset."""


class SwDp:
    """The debug port of one chip, in front of its access ports (by APSEL).

    Attributes:
        state: what the line state is; ``swd_line`` and ``transfer`` move it.
        powered: whether the chip has its supply. Without it nothing is acknowledged.
        reachable: asked before each transfer; False hides the DP altogether, as code read
            protection does on some chips.
        turnaround: the turnaround period in clock cycles, 1-4.
    """

    def __init__(
        self,
        description: DebugPortDescription,
        access_ports: Mapping[int, AccessPort],
        faults: Faults | None = None,
    ) -> None:
        self.description = description
        self.access_ports = access_ports
        self.version = DPIDR(description.dpidr).VERSION
        self.faults = faults if faults is not None else Faults()
        self.powered = True
        self.state = LineState.LOCKED
        self.ctrl_stat = 0
        self.select = 0
        self.dlcr = 0
        self.turnaround = 1
        self.reachable: Callable[[], bool] = lambda: True
        self.rdbuff = 0
        self._resend = 0
        self._spoil_parity = False
        self._pushed = not DPIDR(description.dpidr).MIN
        self.power_on()

    def power_on(self) -> None:
        """Reset everything, as the chip's supply does when it comes up."""
        self.state = {
            "swj": LineState.JTAG,
            "swd": LineState.LOCKED,
            "dormant": LineState.DORMANT,
        }[self.description.protocol]
        self.ctrl_stat = self.select = self.dlcr = self.rdbuff = self._resend = 0
        self.turnaround = 1
        self._spoil_parity = False

    # ---- a whole transfer

    def transfer(self, request: int, wdata: int = 0) -> tuple[int, int, bool]:
        """Do one transfer. Bits of ``request``: 0 APnDP, 1 RnW, [3:2] A[3:2].

        Returns the ACK bits, the data read, and whether its parity came out right.
        """
        ack = self.acknowledge(request)
        if ack != _OK:
            return ack, 0, True
        good = not self.spoils_parity()
        if request & READ:
            return _OK, self.read(request), good
        self.write(request, wdata, parity_ok=good)
        return _OK, 0, True

    @property
    def fast(self) -> bool:
        """Whether a run of AP accesses may skip the transfer-by-transfer checks."""
        return (
            self.state is LineState.READY
            and self.powered
            and self.reachable()
            and not self.faults.line_armed
            and not self.ctrl_stat & (_STICKY | CTRL_STAT.TRNMODE.mask | CTRL_STAT.TRNCNT.mask)
            and bool(self.ctrl_stat & CTRL_STAT.CDBGPWRUPREQ.mask)
        )

    # ---- its three parts

    def acknowledge(self, request: int) -> int:
        """Return the ACK to a well-formed packet request; NONE is silence."""
        if self.faults.line_armed:
            ack = self._scripted(request)
            if ack is not None:
                return ack
        if not self.powered or not self.reachable():
            return _NONE
        if self.state is not LineState.READY:
            return self._first_after_reset(request)
        if request & AP:
            ack = self._acknowledge_ap()
        else:
            ack = self._acknowledge_dp(request)
        if ack != _OK:
            self._refused(request)
        return ack

    def read(self, request: int) -> int:
        """Do the read whose request was acknowledged, and return its data."""
        address = request & ADDRESS
        if request & AP:
            value = self.rdbuff
            self.rdbuff = self._ap_read((self.select & 0xF0) | address)
            self.ctrl_stat |= _READOK
            self._resend = value
            return value
        if address == 0xC:
            self.ctrl_stat |= _READOK
            self._resend = self.rdbuff
            return self.rdbuff
        if address == 0x0:
            return self.description.dpidr
        if address == 0x8:
            return self._resend
        return self._banked_read()

    def write(self, request: int, value: int, *, parity_ok: bool = True) -> None:
        """Do the write whose request was acknowledged.

        With wrong parity the data is dropped and WDATAERR set, for ABORT too.
        """
        address = request & ADDRESS
        if not parity_ok:
            self.ctrl_stat |= _WDATAERR
        elif request & AP:
            self._ap_write((self.select & 0xF0) | address, value)
        elif address == 0x0:
            self._abort(ABORT(value))
        elif address == 0x4:
            self._banked_write(value)
        elif address == 0x8:
            self.select = value
        # 0xC is TARGETSEL: meaningless once a target is selected

    def spoils_parity(self) -> bool:
        """Whether the script spoils the parity of the transfer that was just acknowledged."""
        spoils, self._spoil_parity = self._spoil_parity, False
        return spoils

    # ---- line state

    def line_reset(self) -> None:
        """Take note of 50 or more high cycles (ADIv5.2 B4.3.3)."""
        if self.state not in (LineState.JTAG, LineState.DORMANT):
            self.state = LineState.RESET
            self.dlcr = 0
            self.turnaround = 1

    def protocol_error(self) -> None:
        """Take note of a malformed request: silence until a line reset (ADIv5.2 B4.2.5)."""
        if self.state in (LineState.READY, LineState.RESET):
            self.state = LineState.LOCKED

    @property
    def multi_drop(self) -> bool:
        """Whether TARGETSEL is understood (DPv2 with a TARGETID)."""
        return self.version >= 2 and self.description.targetid is not None

    def target_select(self, value: int, *, parity_ok: bool) -> None:
        """Take a TARGETSEL write: deselect unless it names this target (ADIv5.2 B2.2.10)."""
        targetid = self.description.targetid or 0
        instance = (self.description.dlpidr or 0) >> 28
        mine = targetid & _TARGETID_MATCH | instance << 28
        self.state = LineState.RESET if parity_ok and value == mine else LineState.DESELECTED

    # ---- within

    def _scripted(self, request: int) -> int | None:
        fault = self.faults.next_transfer(request)
        if fault is LineFault.NO_ACK:
            return _NONE
        if self.state is not LineState.READY:
            return None
        if fault is LineFault.WAIT:
            self._refused(request)
            return _WAIT
        if fault is LineFault.FAULT:
            self.ctrl_stat |= _STICKYERR
            self._refused(request)
            return _FAULT
        self._spoil_parity = fault is LineFault.PARITY
        return None

    def _first_after_reset(self, request: int) -> int:
        if self.state is LineState.RESET:
            if request & (AP | READ | ADDRESS) == READ:
                self.state = LineState.READY
                return _OK
            self.protocol_error()
        return _NONE

    def _acknowledge_ap(self) -> int:
        if self.ctrl_stat & _STICKY:
            return _FAULT
        if not self.ctrl_stat & CTRL_STAT.CDBGPWRUPREQ.mask:
            self.ctrl_stat |= _STICKYERR
            return _FAULT
        return _OK

    def _acknowledge_dp(self, request: int) -> int:
        if not self.ctrl_stat & _STICKY:
            return _OK
        address = request & ADDRESS
        # ADIv5.2 B4.2.4: DPIDR, CTRL/STAT and ABORT stay open, so that the host can recover.
        if address == 0x0 or (address == 0x4 and request & READ):
            return _OK
        return _FAULT

    def _refused(self, request: int) -> None:
        if self.ctrl_stat & CTRL_STAT.ORUNDETECT.mask:
            self.ctrl_stat |= _STICKYORUN
        if request & READ and (request & AP or request & ADDRESS == 0xC):
            self.ctrl_stat &= ~_READOK

    def _banked_read(self) -> int:
        bank = self.select & 0xF
        if bank == 0:
            acks = (self.ctrl_stat & _POWER_REQUESTS) << 1
            return self.ctrl_stat | acks
        if bank == 1:
            return self.dlcr
        if self.version >= 2:
            if bank == 2:
                return self.description.targetid or 0
            if bank == 3:
                return self.description.dlpidr or 0
        return 0  # EVENTSTAT.EA = 0: no event; reserved banks

    def _banked_write(self, value: int) -> None:
        bank = self.select & 0xF
        if bank == 0:
            writable = _REQUESTS | (_PUSHED if self._pushed else 0)
            self.ctrl_stat = self.ctrl_stat & ~writable | value & writable
        elif bank == 1:
            self.dlcr = value & DLCR.TURNROUND.mask
            self.turnaround = DLCR(value).TURNROUND + 1

    def _abort(self, abort: ABORT) -> None:
        if abort.STKCMPCLR:
            self.ctrl_stat &= ~_STICKYCMP
        if abort.STKERRCLR:
            self.ctrl_stat &= ~_STICKYERR
        if abort.WDERRCLR:
            self.ctrl_stat &= ~_WDATAERR
        if abort.ORUNERRCLR:
            self.ctrl_stat &= ~_STICKYORUN
        if abort.DAPABORT:
            self.faults.dap_abort()

    def _ap_read(self, offset: int) -> int:
        access_port = self.access_ports.get(self.select >> 24)
        if access_port is None:
            return 0  # an absent AP reads as zero, IDR included (ADIv5.2 C1.3)
        try:
            return access_port.read_register(offset) & 0xFFFF_FFFF
        except AccessFault:
            self.ctrl_stat |= _STICKYERR
            return 0

    def _ap_write(self, offset: int, value: int) -> None:
        access_port = self.access_ports.get(self.select >> 24)
        if access_port is None:
            return
        control = CTRL_STAT(self.ctrl_stat)
        if control.TRNMODE != _TRNMODE_NORMAL:
            self._pushed_compare(offset, value, control)
            return
        try:
            access_port.write_register(offset, value)
        except AccessFault:
            self.ctrl_stat |= _STICKYERR

    def _pushed_compare(self, offset: int, value: int, control: CTRL_STAT) -> None:
        """Compare instead of writing (ADIv5.2 B2.4): STICKYCMP shows a mismatch, or a match."""
        lanes = sum(0xFF << 8 * lane for lane in range(4) if control.MASKLANE >> lane & 1)
        for _ in range(control.TRNCNT + 1):
            equal = not (self._ap_read(offset) ^ value) & lanes
            if self.ctrl_stat & _STICKYERR:
                return
            if equal != (control.TRNMODE == _TRNMODE_VERIFY):
                self.ctrl_stat |= _STICKYCMP
                return
