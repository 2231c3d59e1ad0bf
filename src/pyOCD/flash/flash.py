"""The flash of a board, under the classic camelCase names.

Every job resets the chip first, plans with the CRCs of what is there, and is verified; the core is
left halted. So a page may be programmed without erasing it before: it is erased where it must be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from onchip.errors import UsageError
from onchip.session import Session, algorithm_from_table
from pyOCD.flash.calls import Calls
from pyOCD.flash.flash_builder import FlashBuilder, ProgressCallback
from pyOCD.flash.info import FlashInfo, PageInfo, ProgrammingInfo

_ERASE_S_PER_KIB = 0.01
_PROGRAM_S_PER_KIB = 0.02
_Format = Literal["elf", "hex", "bin"]
_ADDRESSED: dict[str, _Format] = {
    ".hex": "hex",
    ".ihex": "hex",
    ".elf": "elf",
    ".axf": "elf",
    ".out": "elf",
}


class HasFlash(Protocol):
    """What a `Flash` needs of the target that it belongs to."""

    @property
    def session(self) -> Session:
        """The session with the chip."""

    def halt(self) -> None:
        """Halt the core."""

    def setTargetState(self, state: str) -> None:
        """Bring the core into a state: ``PROGRAM``, say."""


class Flash:
    """The flash of ``target``.

    ``flash_algo`` is a table of code and entry points, as classic targets have it, and is used for
    every job; without one the chip's data name the algorithm.
    """

    def __init__(self, target: HasFlash, flash_algo: Mapping[str, Any] | None = None) -> None:
        self.target = target
        self.flash_algo = flash_algo
        self.flash_algo_debug = False
        self._buffers: dict[int, bytes] = {}
        self._told: Session | None = None
        self._calls: Calls | None = None

    @property
    def session(self) -> Session:
        """The session that every job is handed to, told of our ``flash_algo``."""
        session = self.target.session
        if self.flash_algo is not None and self._told is not session:
            self._told = session
            session.algorithm = algorithm_from_table(self.flash_algo, session.memory_map.flash)
        return session

    @property
    def minimumProgramLength(self) -> int:
        """The fewest bytes that one call may program."""
        return int((self.flash_algo or {}).get("min_program_length", 1))

    def init(self, reset: bool = True) -> None:
        """Halt, after a reset unless ``reset`` is false. Each job sets its algorithm up itself."""
        if reset:
            self.target.setTargetState("PROGRAM")
        else:
            self.target.halt()

    def cleanup(self) -> None:
        """Do nothing: each job takes its algorithm down itself."""

    # ---- jobs

    def eraseAll(self) -> None:
        """Erase all flash."""
        self.session.erase_chip(reset=False)

    def erasePage(self, flashPtr: int) -> None:
        """Erase the sector that holds an address."""
        self.session.erase(flashPtr, 1, reset=False)

    def programPage(self, flashPtr: int, bytes: Sequence[int]) -> None:
        """Program bytes from an address on."""
        self.flashBlock(flashPtr, bytes, fast_verify=True)

    def programPhrase(self, flashPtr: int, bytes: Sequence[int]) -> None:
        """Program a few bytes from an address on."""
        self.programPage(flashPtr, bytes)

    def flashBlock(
        self,
        addr: int,
        data: Sequence[int],
        smart_flash: bool = True,
        chip_erase: bool | None = None,
        progress_cb: ProgressCallback | None = None,
        fast_verify: bool = False,
    ) -> ProgrammingInfo:
        """Program a list of bytes at ``addr``; see `FlashBuilder.program`."""
        builder = self.getFlashBuilder()
        builder.addData(addr, data)
        return builder.program(chip_erase, progress_cb, smart_flash, fast_verify)

    def flashBinary(
        self,
        path_file: str,
        flashPtr: int | None = None,
        smart_flash: bool = True,
        chip_erase: bool | None = None,
        progress_cb: ProgressCallback | None = None,
        fast_verify: bool = False,
    ) -> ProgrammingInfo:
        """Program a file: ``.hex`` and ``.elf`` know their addresses, any other is plain bytes.

        Plain bytes go to ``flashPtr``; None is the start of the flash.

        Raises:
            ImageError: the file cannot be read.
        """
        builder = self.getFlashBuilder()
        addressed = _ADDRESSED.get(Path(path_file).suffix.lower())
        base = flashPtr if addressed is None else None
        for address, data in self.session.load(path_file, base=base, format=addressed or "bin"):
            builder.addData(address, data)
        return builder.program(chip_erase, progress_cb, smart_flash, fast_verify)

    def getFlashBuilder(self) -> FlashBuilder:
        """Return an empty job."""
        return FlashBuilder(self, self.getFlashInfo().rom_start or 0)

    def computeCrcs(self, sectors: Sequence[tuple[int, int]]) -> list[int]:
        """Return the CRC-32 of each (address, size), computed by the target."""
        return self.session.checksums(sectors)

    # ---- page buffers: loaded first, then programmed

    def getPageBufferCount(self) -> int:
        return 2

    def isDoubleBufferingSupported(self) -> bool:
        return True

    def loadPageBuffer(self, bufferNumber: int, flashPtr: int, bytes: Sequence[int]) -> None:
        """Keep bytes for `startProgramPageWithBuffer`."""
        self._buffers[bufferNumber] = b"".join(byte.to_bytes(1, "little") for byte in bytes)

    def startProgramPageWithBuffer(self, bufferNumber: int, flashPtr: int) -> None:
        """Program what a buffer holds; it is done on return.

        Raises:
            UsageError: nothing was loaded into that buffer.
        """
        if bufferNumber not in self._buffers:
            raise UsageError(f"page buffer {bufferNumber} is empty", hint="call loadPageBuffer()")
        self.programPage(flashPtr, self._buffers[bufferNumber])

    # ---- single functions of ``flash_algo``

    def callFunction(
        self,
        pc: int,
        r0: int | None = None,
        r1: int | None = None,
        r2: int | None = None,
        r3: int | None = None,
        init: bool = False,
    ) -> None:
        """Let the core run from ``pc``; ``init`` puts the algorithm, R9 and the stack in place.

        Raises:
            UsageError: there is no ``flash_algo``.
        """
        calls = Calls(self.session, self.flash_algo)
        calls.start(pc, (r0, r1, r2, r3), init=init)
        self._calls = calls

    def waitForCompletion(self) -> int:
        """Wait for `callFunction` and return R0; 0 if it was a job, which was done before."""
        calls, self._calls = self._calls, None
        return 0 if calls is None else calls.wait()

    def callFunctionAndWait(
        self,
        pc: int,
        r0: int | None = None,
        r1: int | None = None,
        r2: int | None = None,
        r3: int | None = None,
        init: bool = False,
    ) -> int:
        """Call a function of ``flash_algo`` and return its R0; see `callFunction`."""
        self.callFunction(pc, r0, r1, r2, r3, init)
        return self.waitForCompletion()

    # ---- what it is like

    def getPageInfo(self, addr: int) -> PageInfo | None:
        """Return the sector that holds ``addr``, or None outside flash."""
        for region in self.session.memory_map.flash:
            if region.contains(addr):
                sector = region.sector_at(addr)
                kib = sector.size / 1024
                return PageInfo(
                    sector.start, _ERASE_S_PER_KIB * kib, _PROGRAM_S_PER_KIB * kib, sector.size
                )
        return None

    def getFlashInfo(self) -> FlashInfo:
        """Return where flash starts, and what erasing all of it costs."""
        flash = self.session.memory_map.flash
        kib = sum(region.length for region in flash) / 1024
        return FlashInfo(flash[0].start if flash else 0, _ERASE_S_PER_KIB * kib, True)

    def setFlashAlgoDebug(self, enable: bool) -> None:
        """Remember it: an algorithm that crashes is reported in any case."""
        self.flash_algo_debug = enable

    def overrideSecurityBits(self, address: int, data: Sequence[int]) -> Sequence[int]:
        """Return the data as they are: what would lock the chip is refused when programming."""
        return data
