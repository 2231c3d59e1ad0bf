"""nRF52: the CTRL-AP, which still answers when APPROTECT has closed the way to memory.

Source: nRF52840 Product Specification v1.7, 4.8.2 (access port protection), 4.8.3 (CTRL-AP).
"""

from __future__ import annotations

from collections.abc import Iterable

from onchip.coresight.access_port import AccessPort
from onchip.coresight.mem_ap import MemAp
from onchip.errors import CoreTimeout, LockedChip

CTRL_AP_IDR = 0x0288_0000
RESET, ERASEALL, ERASEALLSTATUS, APPROTECTSTATUS = 0x00, 0x04, 0x08, 0x0C

_ERASE_TIMEOUT_S = 15.0
_POLL_S = 0.02


def find_ctrl_ap(aps: Iterable[AccessPort | MemAp]) -> AccessPort | None:
    """Return the CTRL-AP among a chip's access ports, or None."""
    for ap in aps:
        if isinstance(ap, AccessPort) and ap.idr == CTRL_AP_IDR:
            return ap
    return None


def check_unlocked(aps: Iterable[AccessPort | MemAp]) -> None:
    """Refuse a chip whose APPROTECT is on. Nothing is unlocked here.

    Raises:
        LockedChip: with how to unlock it.
        TransferError: the CTRL-AP did not answer.
    """
    ap = find_ctrl_ap(aps)
    if ap is not None and ap.read(APPROTECTSTATUS) & 1 == 0:
        raise LockedChip(
            f"the chip is locked: APPROTECTSTATUS of its CTRL-AP (AP {ap.index}) reads 0",
            hint="`onchip erase --chip` erases everything, and unlocks it by that",
        )


def erase_all(ap: AccessPort) -> None:
    """Erase flash and UICR through the CTRL-AP, and reset the chip: this opens a locked one.

    To be called only when the user has asked for it by name. Connect anew afterwards.

    Raises:
        CoreTimeout: the erase did not end; the chip has not been reset.
        LockedChip: it is still locked after the erase.
        TransferError: the CTRL-AP did not answer.
    """
    link = ap.dp.client.link
    ap.write(ERASEALL, 1)
    deadline_s = link.now() + _ERASE_TIMEOUT_S
    while ap.read(ERASEALLSTATUS) & 1:
        if link.now() > deadline_s:
            raise CoreTimeout(f"erasing all through the CTRL-AP took over {_ERASE_TIMEOUT_S:g} s")
        link.sleep(_POLL_S)
    ap.write(RESET, 1)
    ap.write(RESET, 0)
    ap.write(ERASEALL, 0)
    check_unlocked([ap])
