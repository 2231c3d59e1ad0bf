"""Puts what the MPU allows into force, for the code that runs next.

The engine guards whole pages: in one whose rights are not the same everywhere, each access is asked
about (a stack guard of 32 bytes makes its KiB slow). Whether code may be executed is decided
for such a page as a whole: it may if any of its bytes may be.
"""

from __future__ import annotations

from itertools import pairwise

from onchip.arch.scs import ExceptionNumber

from ..bus import PAGE, Bus, Window
from .engine import EVERYTHING, Engine, Guarded, Rights
from .mpu import Mpu

_HARD_FAULT_AND_NMI = (ExceptionNumber.NMI, ExceptionNumber.HARD_FAULT)


class Protection:
    """Keeps the engine's guards as the MPU, the mode and the memory map want them."""

    def __init__(self, mpu: Mpu, bus: Bus, engine: Engine) -> None:
        self._mpu, self._bus, self._engine = mpu, bus, engine
        self._in_force: tuple[object, ...] | None = None
        self._version = 0

    def changed(self) -> None:
        """Hear that the MPU allows something else now."""
        self._version += 1

    def refresh(self) -> bool:
        """Look at what decides, before every slice while ``active``; tell whether it changed.

        FAULTMASK is not noticed before the next slice, CONTROL at once (``traps``).
        """
        engine = self._engine
        if not self.applies(engine.ipsr(), engine.masks()[2]):
            if self._in_force is None:
                return False
            self._in_force = None
            engine.protect((), None)
            return True
        privileged = not engine.unprivileged()
        windows = [window for window in self._bus.windows if window.memory is not None]
        wanted = (self._version, privileged, *((w.base, w.end) for w in windows))
        if wanted == self._in_force:
            return False
        self._in_force = wanted
        ranges = [g for window in windows for g in self._guards(window, privileged=privileged)]

        def allows(address: int, size: int, *, write: bool) -> bool:
            return self._mpu.allows(address, size, write=write, privileged=privileged)

        engine.protect(ranges, allows)
        return True

    def permits(
        self, address: int, length: int, *, write: bool, exception: int, privileged: bool
    ) -> bool:
        """Tell whether a frame may be stacked or unstacked for code in that state."""
        if not self.applies(exception, 0):
            return True
        return all(
            self._mpu.allows(at & 0xFFFF_FFFF, 4, write=write, privileged=privileged)
            for at in range(address, address + length, 4)
        )

    def allows_user(self, address: int, size: int, *, write: bool) -> bool:
        """Tell whether the MPU lets unprivileged code make an access, in this mode."""
        engine = self._engine
        if not self.applies(engine.ipsr(), engine.masks()[2]):
            return True
        return self._mpu.allows(address, size, write=write, privileged=False)

    @property
    def active(self) -> bool:
        """Tell whether there is anything to look at."""
        return self._mpu.enabled or self._in_force is not None

    def applies(self, exception: int, faultmask: int) -> bool:
        """Tell whether code in that state is under the MPU's rules (HFNMIENA, B3.5.3)."""
        if not self._mpu.enabled:
            return False
        urgent = exception in _HARD_FAULT_AND_NMI or faultmask
        return not urgent or bool(self._mpu.control.HFNMIENA)

    def _guards(self, window: Window, *, privileged: bool) -> list[Guarded]:
        """Return the ranges of a memory in which something is forbidden."""
        borders = sorted(b for b in self._mpu.borders() if window.base < b < window.end)
        cuts = {window.base, window.end}
        for border in borders:
            cuts |= {border // PAGE * PAGE, -(-border // PAGE) * PAGE}
        guards: list[Guarded] = []
        ordered = sorted(cut for cut in cuts if window.base <= cut <= window.end)
        for first, end in pairwise(ordered):
            places = [first, *(b for b in borders if first < b < end)]
            found = [self._mpu.rights(place, privileged=privileged) for place in places]
            rights = Rights(
                read=all(r.read for r in found),
                write=all(r.write for r in found),
                execute=any(r.execute for r in found),
            )
            if rights != EVERYTHING:
                mixed = any(r.read for r in found) and not rights.read
                guards.append(Guarded(first, end - first, rights, mixed))
        return guards
