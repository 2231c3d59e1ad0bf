"""Open a chip whose core still answers though its flash is closed: by erasing everything.

A chip's file says how (``[unlock]``). Where the core does not answer any more it is a sequence of
the family: see ``families``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onchip.errors import CoreTimeout, LockedChip

if TYPE_CHECKING:
    from onchip.coresight.mem_ap import MemAp


_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Pattern:
    """A word that must read as ``value`` under ``mask``."""

    name: str
    address: int
    mask: int
    value: int

    def matches(self, word: int) -> bool:
        """Compare under the mask."""
        return word & self.mask == self.value & self.mask


@dataclass(frozen=True, slots=True)
class MaskedWrite:
    """A register of which the bits under ``mask`` are set to ``value``, the others kept."""

    name: str
    address: int
    mask: int
    value: int


@dataclass(frozen=True, slots=True)
class Unlock:
    """What erases everything and so takes the protection away: writes, then a wait for ``done``."""

    steps: tuple[MaskedWrite, ...]
    done: Pattern
    timeout_s: float


def erase_and_unlock(chip: str, how: Unlock | None, ap: MemAp) -> None:
    """Erase everything, which takes the protection away. Reset the ``chip`` afterwards.

    To be called only when the user has asked for it by name.

    Raises:
        LockedChip: nothing is known that opens this chip; nothing was touched.
        CoreTimeout: the erase did not end in time.
        TransferError: a register could not be reached.
    """
    if how is None:
        raise LockedChip(f"onchip knows nothing that unlocks a {chip}")
    for step in how.steps:
        kept = 0 if step.mask == 0xFFFF_FFFF else ap.read_u32(step.address) & ~step.mask
        ap.write_u32(step.address, kept | step.value)
    link = ap.dp.client.link
    done, deadline_s = how.done, link.now() + how.timeout_s
    while not done.matches(word := ap.read_u32(done.address)):
        if link.now() > deadline_s:
            raise CoreTimeout(
                f"erasing everything to unlock {chip} took over {how.timeout_s:g} s: "
                f"{done.name} at 0x{done.address:08X} reads 0x{word:08X}",
                hint="switch the chip's power off and on, and try again",
            )
        link.sleep(_POLL_S)
