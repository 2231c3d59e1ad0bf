"""The flash of a board, under the classic camelCase names.

How a job is planned (``smart_flash``, ``fast_verify``, double buffering) is the engine's matter:
those arguments are accepted, and every job leaves out what is there already and is verified.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onchip.session import Session
    from pyOCD.board.board import Board


@dataclass(frozen=True, slots=True)
class PageInfo:
    """One erasable unit; the weights are seconds, roughly."""

    base_addr: int
    size: int
    erase_weight: float = 0.2
    program_weight: float = 0.1


@dataclass(frozen=True, slots=True)
class FlashInfo:
    """The whole flash."""

    rom_start: int
    erase_weight: float = 1.0
    crc_supported: bool = True


class Flash:
    """Everything is handed to ``board.session``. The core is left halted."""

    def __init__(self, board: Board) -> None:
        self.board = board

    @property
    def target(self) -> object:
        return self.board.target

    @property
    def _session(self) -> Session:
        return self.board.session

    def init(self, reset: bool = True) -> None:
        """Do nothing: each job sets its algorithm up and takes it down."""

    def cleanup(self) -> None:
        """Do nothing: see `init`."""

    def flashBinary(
        self,
        path_file: str,
        flashPtr: int | None = None,
        smart_flash: bool = True,
        chip_erase: bool | None = None,
        progress_cb: Callable[[float], Any] | None = None,
        fast_verify: bool = False,
    ) -> object:
        """Program a BIN file, at the start of the flash unless ``flashPtr`` says where."""
        return self._session.flash(
            path_file,
            base=flashPtr,
            format="bin",
            erase="chip" if chip_erase else "sector",
            reset=False,
            progress=_fractions(progress_cb),
        )

    def flashBlock(
        self,
        addr: int,
        data: Sequence[int],
        smart_flash: bool = True,
        chip_erase: bool | None = None,
        progress_cb: Callable[[float], Any] | None = None,
        fast_verify: bool = False,
    ) -> object:
        """Program a list of bytes at ``addr``."""
        return self._session.flash(
            bytes(data),
            base=addr,
            format="bin",
            erase="chip" if chip_erase else "sector",
            reset=False,
            progress=_fractions(progress_cb),
        )

    def programPage(self, flashPtr: int, bytes: Sequence[int]) -> None:
        self.flashBlock(flashPtr, bytes)

    programPhrase = programPage

    def eraseAll(self) -> None:
        self._session.erase_chip(reset=False)

    def erasePage(self, flashPtr: int) -> None:
        self._session.erase(flashPtr, 1, reset=False)

    def getPageInfo(self, addr: int) -> PageInfo | None:
        """Return the sector that holds ``addr``, or None outside flash."""
        for region in self._session.memory_map.flash:
            if region.contains(addr):
                sector = region.sector_at(addr)
                return PageInfo(sector.start, sector.size)
        return None

    def getFlashInfo(self) -> FlashInfo:
        flash = self._session.memory_map.flash
        return FlashInfo(flash[0].start if flash else 0)

    def getPageBufferCount(self) -> int:
        return 2

    def isDoubleBufferingSupported(self) -> bool:
        return True

    def setFlashAlgoDebug(self, enable: bool) -> None:
        """Do nothing: an algorithm that crashes is reported in any case."""


_PHASES = {"plan": (0.0, 0.1), "erase": (0.1, 0.4), "program": (0.4, 0.9), "verify": (0.9, 1.0)}


def _fractions(callback: Callable[[float], Any] | None) -> Callable[[Any], None]:
    """Turn phases into the one number, 0 to 1, that classic callbacks expect."""

    def show(progress: Any) -> None:
        if callback is not None and progress.total:
            low, high = _PHASES[progress.phase]
            callback(low + (high - low) * progress.done / progress.total)

    return show
