"""Memory accesses lowered to the registers of a port: CSW, TAR, DRW and the banked BD0-BD3.

What the port holds is remembered, not read back: CSW, and TAR with its auto-increment. TAR counts
on only within a block whose size depends on the chip (at least 1 KiB, ADIv5.2 C2.2.2), so it is
written again at that block's end; :meth:`PortAccess.emit_wrap_test` measures it.

BD0-BD3 reach the four words around TAR without moving it: for registers that lie together, and for
waits, which read the same word many times.
"""

from __future__ import annotations

from collections.abc import Callable

from ..arch.adi import CSW, DRW, IDR, TAR, AddrInc, ApType, Size
from ..dap import Element, Transfers
from ..dap.transfers import AP
from ..errors import UsageError
from .debug_port import DebugPort

_DRW = AP | DRW & 0xC
_CSW = AP | CSW.address & 0xC
_TAR = AP | TAR & 0xC
_AHB = frozenset({ApType.AHB3, ApType.AHB5, ApType.AHB5_HPROT})
_SMALLEST_WRAP = 0x400
_LARGEST_WRAP = 0x1000
_DEVICE = 0x4000_0000

Piece = tuple[Element, int, int]  # an element, the byte lane its data starts at, how many bytes


class PortAccess:
    """The emitters of one Memory Access Port: here the caches are read and moved on."""

    def __init__(self, dp: DebugPort, index: int, idr: int, csw: int) -> None:
        self.dp = dp
        self.index = index
        self.idr = IDR(idr)
        self.wrap = _SMALLEST_WRAP
        self.words_only = False
        self._bank0 = index << 24
        self._bank1 = index << 24 | 0x10
        self._csw_base = _csw_base(CSW(csw), self.idr)
        self._size: int | None = None
        self._tar: int | None = None
        self._generation = -1

    # ---- what the port holds

    def _forget(self) -> None:
        self._size = self._tar = None

    def _prepare(self, t: Transfers, size: int) -> None:
        if self._generation != self.dp.client.generation:
            self._generation = self.dp.client.generation
            self._size = self._tar = None
        if self._size != size:
            self.dp.emit_select(t, self._bank0)
            t.settle(_CSW, self._csw_base | size, "CSW", unknown=self._size is None)
            self._size = size

    def _emit_tar(self, t: Transfers, address: int) -> None:
        self.dp.emit_select(t, self._bank0)
        if self._tar != address:
            t.settle(_TAR, address, "TAR")

    def _advance(self, address: int) -> None:
        self._tar = None if address % self.wrap == 0 else address

    def _banked(self, t: Transfers, address: int) -> bool:
        """Choose between BDn, which leaves TAR where it is, and DRW; True: BDn is ready."""
        tar = self._tar
        window = address & ~0xF
        if tar is not None and tar & ~0xF == window:
            selected = self.dp.selected()
            if selected == self._bank1:
                return True
            if tar == address and selected == self._bank0:
                return False
            self.dp.emit_select(t, self._bank1)
            return True
        if window == 0xE000_EDF0:  # DHCSR, DCRSR, DCRDR, DEMCR: never used alone
            self._open_window(t, address)
            return True
        return False

    def _open_window(self, t: Transfers, address: int) -> None:
        window = address & ~0xF
        if self._tar is None or self._tar & ~0xF != window:
            self._emit_tar(t, window)
            self._tar = window
        self.dp.emit_select(t, self._bank1)

    # ---- words

    def emit_read_word(self, t: Transfers, address: int) -> Element:
        """Read the aligned word at ``address``."""
        self._prepare(t, Size.WORD)
        if self._banked(t, address):
            return t.read(AP | address & 0xC, "BD", address)
        self._emit_tar(t, address)
        self._advance(address + 4)
        return t.read(_DRW, "DRW", address)

    def emit_write_word(self, t: Transfers, address: int, value: int) -> None:
        """Write the aligned word at ``address``."""
        self._prepare(t, Size.WORD)
        if self._banked(t, address):
            t.write(AP | address & 0xC, value, "BD", address)
            return
        self._emit_tar(t, address)
        self._advance(address + 4)
        t.write(_DRW, value, "DRW", address, pointer=_TAR)

    def emit_wait_word(
        self, t: Transfers, address: int, mask: int, value: int, timeout_s: float
    ) -> None:
        """Let the probe read the word at ``address`` until it matches; through BDn, TAR stays."""
        self._prepare(t, Size.WORD)
        self._open_window(t, address)
        tar = self._tar
        assert tar is not None
        t.match(
            AP | address & 0xC,
            mask,
            value,
            "BD",
            address=address,
            timeout_s=timeout_s,
            prologue=(
                (0x8, self._bank0, "SELECT"),
                (_CSW, self._csw_base | Size.WORD, "CSW"),
                (_TAR, tar, "TAR"),
                (0x8, self._bank1, "SELECT"),
            ),
        )

    # ---- any length and alignment

    def emit_read(self, t: Transfers, address: int, length: int) -> Callable[[], bytes]:
        """Read ``length`` bytes; return what puts them together after the run."""
        pieces: list[Piece] = []
        end = address + length
        if self.words_only:
            return self._emit_read_by_words(t, address, length)
        while address & 3 and address < end:
            address = self._emit_read_part(t, address, end, pieces)
        while end - address >= 4:
            address = self._emit_read_run(t, address, end, pieces)
        while address < end:
            address = self._emit_read_part(t, address, end, pieces)
        if len(pieces) == 1 and pieces[0][1] < 0:
            element = pieces[0][0]
            return lambda: element.data
        return lambda: _gather(pieces)

    def _emit_read_by_words(self, t: Transfers, address: int, length: int) -> Callable[[], bytes]:
        pieces: list[Piece] = []
        first, end = address & ~3, (address + length + 3) & ~3
        at = first
        while at < end:
            at = self._emit_read_run(t, at, end, pieces)
        skip = address - first
        return lambda: _gather(pieces)[skip : skip + length]

    def _emit_read_run(self, t: Transfers, address: int, end: int, pieces: list[Piece]) -> int:
        self._prepare(t, Size.WORD)
        count = min(end - address, self.wrap - address % self.wrap) // 4
        self._emit_tar(t, address)
        pieces.append((t.read_run(_DRW, count, "DRW", address), -1, 4 * count))
        address += 4 * count
        self._advance(address)
        return address

    def _emit_read_part(self, t: Transfers, address: int, end: int, pieces: list[Piece]) -> int:
        size, length = _part(address, end)
        self._prepare(t, size)
        self._emit_tar(t, address)
        pieces.append((t.read(_DRW, "DRW", address), address & 3, length))
        self._advance(address + length)
        return address + length

    def emit_write(self, t: Transfers, address: int, data: bytes) -> None:
        """Write ``data`` by accesses of just the size that is asked for.

        Raises:
            UsageError: the port can only do words, and these are not.
        """
        end = address + len(data)
        if self.words_only and (address & 3 or end & 3):
            raise UsageError(
                f"AP {self.index} writes whole words only, not {len(data)} bytes at {address:#010x}"
            )
        view = memoryview(data)
        start = address
        while address & 3 and address < end:
            address = self._emit_write_part(t, address, end, view[address - start :])
        while end - address >= 4:
            self._prepare(t, Size.WORD)
            length = min(end - address, self.wrap - address % self.wrap) & ~3
            if address - self.wrap >= start:
                # TAR has wrapped to the start of a block that this write has filled: should this
                # write of TAR be lost, what is in flight behind it still lands inside
                t.point_within(_TAR, address, "TAR")
            else:
                self._emit_tar(t, address)
            offset = address - start
            t.write_run(
                _DRW,
                view[offset : offset + length],
                "DRW",
                address,
                pointer=_TAR,
                narrow=not _is_device(address),
            )
            address += length
            self._advance(address)
        while address < end:
            address = self._emit_write_part(t, address, end, view[address - start :])

    def _emit_write_part(self, t: Transfers, address: int, end: int, view: memoryview) -> int:
        size, length = _part(address, end)
        self._prepare(t, size)
        self._emit_tar(t, address)
        value = int.from_bytes(view[:length], "little") << 8 * (address & 3)
        t.write(_DRW, value, "DRW", address, pointer=_TAR)
        self._advance(address + length)
        return address + length

    # ---- what differs from chip to chip

    def emit_wrap_test(self, t: Transfers, address: int) -> Callable[[], None]:
        """Read the last words of the first two KiB behind ``address``, and where TAR went.

        ``address`` is a multiple of 4 KiB behind which reads are harmless. The callback, to be
        called after the run, keeps what was found: 1, 2, or 4 KiB, which is as much as is ever
        used.
        """
        self._prepare(t, Size.WORD)
        found = []
        for boundary in (0x400, 0x800):
            self._tar = None
            self._emit_tar(t, address + boundary - 4)
            t.read(_DRW, "DRW", address + boundary - 4)
            found.append((boundary, t.read(_TAR, "TAR")))
        self._tar = None

        def keep() -> None:
            self.wrap = _LARGEST_WRAP
            for boundary, element in found:
                if element.word() != address + boundary:
                    self.wrap = boundary
                    return

        return keep

    def emit_size_test(self, t: Transfers) -> Callable[[], None]:
        """Find out whether the port can do bytes: CSW.Size that it cannot do does not stick."""
        self._prepare(t, Size.BYTE)
        element = t.read(_CSW, "CSW")

        def keep() -> None:
            self.words_only = CSW(element.word()).Size != Size.BYTE

        return keep


def _csw_base(csw: CSW, idr: IDR) -> int:
    """Keep the port's own Prot bits; on AHB ask for privileged data access as the debugger."""
    base = csw & 0xFF00_0000
    if idr.TYPE in _AHB:
        base |= CSW.build(HPROT=0b00011, MasterType=1)
    return base | CSW.build(AddrInc=AddrInc.SINGLE)


def _part(address: int, end: int) -> tuple[int, int]:
    if address & 1 or end - address < 2:
        return Size.BYTE, 1
    return Size.HALFWORD, 2


def _gather(pieces: list[Piece]) -> bytes:
    return b"".join(
        element.data if lane < 0 else element.data[lane : lane + length]
        for element, lane, length in pieces
    )


def _is_device(address: int) -> bool:
    """Return whether an access narrower than asked for may do something else there."""
    return address >= _DEVICE
