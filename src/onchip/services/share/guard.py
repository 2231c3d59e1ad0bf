"""What clients have armed in a core, and whose it is: nobody takes another one's breakpoints out.

A debugger that comes clears the comparators it finds, and one that goes switches the FPB off,
clears DEMCR and leaves debug state. With company each such write is changed on its way into one
that does nothing: a comparator keeps its owner's value; FP_CTRL without KEY and DHCSR without
DBGKEY are ignored by the core (ARMv7-M C1.11.3, C1.6.2); DEMCR keeps what others have set in it.
"""

from __future__ import annotations

from collections.abc import Hashable

from onchip.arch.dwt import DWT_COMP0, DWT_FUNCTION, DWT_FUNCTION0, DWT_STRIDE
from onchip.arch.fpb import FP_COMP0, FP_CTRL
from onchip.arch.scs import AIRCR, DBGKEY, DCRSR, DEMCR, DHCSR, VECTKEY
from onchip.errors import ProbeBusy

_FP_END = FP_COMP0 + 4 * 127
_DWT_END = DWT_COMP0 + 16 * DWT_STRIDE
_FUNCTION = DWT_FUNCTION0 - DWT_COMP0
_ARMED = 0xF  # DWT_FUNCTIONn: what it compares; 0 is nothing
_SHARED_DEMCR = int(
    DEMCR.build(
        VC_CORERESET=1, VC_MMERR=1, VC_NOCPERR=1, VC_CHKERR=1, VC_STATERR=1, VC_BUSERR=1,
        VC_INTERR=1, VC_HARDERR=1, TRCENA=1,
    )
)  # fmt: skip

Unit = tuple[int, int]
"""An access port and the first address of a comparator."""


class Taken(ProbeBusy):
    """A client wants a comparator that another one has armed."""

    def __init__(self, unit: Unit, owner: Hashable) -> None:
        super().__init__(f"the comparator at {unit[1]:#010x} is armed by another client")
        self.owner = owner


class Guard:
    """The debug registers of all cores behind the probe, as their clients wrote them."""

    def __init__(self) -> None:
        self.disturbed = False
        """Whether a write that passed makes a core halt, run, or change: the reader clears it."""
        self._owners: dict[Unit, Hashable] = {}
        self._links: dict[Unit, Unit] = {}
        """Comparators that give another one its address (DATAVMATCH), by their own."""
        self._values: dict[Unit, int] = {}
        self._demcr: dict[int, dict[Hashable, int]] = {}
        self._debugging: dict[int, set[Hashable]] = {}

    @staticmethod
    def concerns(address: int, length: int) -> bool:
        """Tell whether a write of ``length`` bytes can reach what is guarded."""
        end = address + length
        return (address < _FP_END and end > DWT_COMP0) or (
            address <= DEMCR.address and end > AIRCR.address
        )

    def screen(self, who: Hashable, ap: int, address: int, value: int) -> int:
        """Return what is to be written at ``address`` where ``who`` writes ``value``.

        Raises:
            Taken: it would change what somebody else has armed into something else.
        """
        if FP_COMP0 <= address < _FP_END:
            return self._comparator(who, (ap, address), address, value, armed=bool(value & 1))
        if DWT_COMP0 <= address < _DWT_END:
            register = (address - DWT_COMP0) % DWT_STRIDE
            armed = bool(value & _ARMED) if register == _FUNCTION else None
            return self._comparator(who, (ap, address - register), address, value, armed=armed)
        if address == FP_CTRL.address:
            off = FP_CTRL(value).KEY and not FP_CTRL(value).ENABLE
            return 0 if off and self._debugging.get(ap, set()) - {who} else value
        if address == DEMCR.address:
            written = self._demcr.setdefault(ap, {})
            written[who] = value
            self._debugging.setdefault(ap, set()).add(who)
            for other in written.values():
                value |= other & _SHARED_DEMCR
            return value
        if address == DHCSR.address and value & 0xFFFF_0000 == DBGKEY:
            return self._dhcsr(who, ap, value)
        if address == DCRSR.address:
            self.disturbed = self.disturbed or DCRSR(value).REGWnR
        elif address == AIRCR.address and AIRCR(value).VECTKEY == VECTKEY:
            self.disturbed = True
        return value

    def _comparator(
        self, who: Hashable, unit: Unit, address: int, value: int, *, armed: bool | None
    ) -> int:
        owner = self._owners.get(self._links.get(unit, unit))
        if owner not in (None, who):
            if armed:
                raise Taken(unit, owner)
            return self._values.get((unit[0], address), 0)
        self._values[unit[0], address] = value
        if armed is None:
            return value
        if not armed:
            self._links.pop(unit, None)
            self._owners.pop(unit, None)
            return value
        self._owners[unit] = who
        if address == unit[1] + _FUNCTION and DWT_FUNCTION(value).DATAVMATCH:
            function = DWT_FUNCTION(value)
            for number in {function.DATAVADDR0, function.DATAVADDR1}:
                self._links[unit[0], DWT_COMP0 + number * DWT_STRIDE] = unit
        return value

    def _dhcsr(self, who: Hashable, ap: int, value: int) -> int:
        debugging = self._debugging.setdefault(ap, set())
        if DHCSR(value).C_DEBUGEN:
            debugging.add(who)
        else:
            debugging.discard(who)
            if debugging:
                return 0
        self.disturbed = True
        return value

    def leave(self, who: Hashable) -> list[tuple[int, int, int]]:
        """Forget a client. Return what takes out what it has armed: port, address, value."""
        writes = []
        for unit in [unit for unit, owner in self._owners.items() if owner is who]:
            del self._owners[unit]
            ap, address = unit
            writes.append((ap, address if address >= FP_COMP0 else address + _FUNCTION, 0))
        for ap, written in self._demcr.items():
            if written.pop(who, 0) & _SHARED_DEMCR:
                value = 0
                for other in written.values():
                    value |= other
                writes.append((ap, DEMCR.address, value))
        for debugging in self._debugging.values():
            debugging.discard(who)
        return writes
