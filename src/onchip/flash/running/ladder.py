"""Which way functions of an algorithm are called: the fastest that works.

    stream    a driver, a ring      needs a few KiB of RAM, and an algorithm that bears both
    double    calls, two buffers    needs two pages of RAM, and an algorithm that bears company
    single    calls, one buffer     needs one page

Down it goes where the RAM is too small, where a self-test fails, for algorithms in
``overlap.toml``, at a user's wish, and when an algorithm crashed on a rung above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onchip.errors import AlgorithmError

from ..algorithm import FlashAlgorithm
from .call_runner import CallRunner
from .call_space import CallSpace
from .overlap import breaks_when_overlapped
from .ring_runner import RingRunner
from .rung import Rung
from .runner import Runner

if TYPE_CHECKING:
    from onchip.cortex_m.core import Core


class Ladder:
    """Makes runners for one core, and remembers how far down a job had to go, and why."""

    def __init__(self, core: Core, *, stream: bool) -> None:
        self._core = core
        self._highest = Rung.STREAM if stream else Rung.SINGLE
        self._wish = "" if stream else "as asked for"
        self._forced: tuple[Rung, str] | None = None
        self.begin()

    def begin(self) -> None:
        """Begin a new job, on the highest rung."""
        self._forced = None
        self.rung, self.because = Rung.STREAM, ""

    def check_fits(self, ram: tuple[int, int], algorithm: FlashAlgorithm) -> None:
        """Refuse an algorithm that no rung has room for.

        Raises:
            AlgorithmError: it does not fit.
        """
        CallSpace.lay_out(*ram, algorithm, overlap=False)

    def runner(
        self, ram: tuple[int, int], algorithm: FlashAlgorithm | None, *, crcs: bool = False
    ) -> Runner:
        """Return a runner that has been seen to work, as high up as can be; see `RingRunner`.

        Raises:
            AlgorithmError: it does not fit, or the RAM is not usable.
            TransferError, ProbeError: the way to the target broke.
        """
        highest, because = self._limit(algorithm)
        if highest is Rung.STREAM:
            try:
                ring = RingRunner(self._core, ram, algorithm, crcs=crcs)
            except AlgorithmError:
                because = f"{ram[1]} bytes of RAM are too few for more"
            else:
                if ring.prove():
                    return ring
                because = "the core does not see what is written while it runs"
        calls = CallRunner(self._core, ram, algorithm, overlap=highest is not Rung.SINGLE)
        calls.prove()
        if calls.rung.depth > self.rung.depth:
            self.rung, self.because = calls.rung, because
        return calls

    def step_down(self, because: str) -> bool:
        """Go down to where least can go wrong; False: that is where it was."""
        if self.rung is Rung.SINGLE:
            return False
        self._forced = Rung.SINGLE, because
        return True

    def _limit(self, algorithm: FlashAlgorithm | None) -> tuple[Rung, str]:
        """Return the highest rung that may be tried, and why it is no higher."""
        if self._forced is not None:
            return self._forced
        if self._highest is not Rung.STREAM:
            return self._highest, self._wish
        row = None if algorithm is None else breaks_when_overlapped(algorithm)
        if row is not None:
            return row.rung, f"{row.why} ({row.source})"
        return Rung.STREAM, ""
