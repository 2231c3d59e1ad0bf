"""Runs a scenario, and looks into the flash: was the claim true, and does the next job work?"""

from __future__ import annotations

import random
from dataclasses import dataclass

from onchip.errors import OnchipError
from onchip.session import Session, open_session
from onchip.virtual_board.board import VirtualBoard
from onchip.virtual_board.faults import BoardFault

from .scenarios import IMAGE_LENGTH, IMAGE_OFFSET, LARGE_LENGTH, Job, Scenario


@dataclass(frozen=True)
class Outcome:
    """What one run showed. ``claim`` is "good", or the error that was raised."""

    claim: str
    struck: bool

    @property
    def good(self) -> bool:
        return self.claim == "good"


OLD_LENGTH = 0x1000
"""Of the program that was there before: more than the new one, so that some of it must be kept."""


class Lie(AssertionError):
    """Something was reported good that is not, or a board could not be used afterwards."""


class Run:
    """One board, with an old program in its flash."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.board = VirtualBoard(scenario.chip, probe_model=scenario.probe)
        self._memory = self.board.chip.flash_memories[0]
        self._length = LARGE_LENGTH if scenario.job == "large" else IMAGE_LENGTH
        noise = random.Random(3)
        self.old = noise.randbytes(OLD_LENGTH).ljust(self._memory.size, b"\xff")
        self.new, self.next = noise.randbytes(self._length), noise.randbytes(IMAGE_LENGTH)
        if scenario.job == "verify":
            self.old = self._with(self.new)
        self._memory.data[:] = self.old
        self.board.bus.code_changed(self._memory.base, self._memory.size)

    def go(self) -> Outcome:
        """Run the job with its trouble, then a job without.

        Raises:
            Lie: the one thing that must never happen.
        """
        try:
            self.scenario.script(self.board)
            claim = self._job(self.scenario.job)
            struck = bool(self.board.faults.log) or "at the" in self.scenario.what
            self._put_right()
            self._next_job()
            return Outcome(claim, struck)
        finally:
            self.board.close()

    def _job(self, job: Job) -> str:
        link = self.board.link()
        try:
            with open_session(link) as session:
                self._do(job, session)
                self._check(job)
        except OnchipError as error:
            if not str(error):
                raise Lie(f"{self.scenario}: an error without words") from error
            return f"{type(error).__name__}: {error}"
        finally:
            link.close()
        return "good"

    def _do(self, job: Job, session: Session) -> None:
        start = self._memory.base + IMAGE_OFFSET
        match job:
            case "flash" | "large":
                session.flash(self.new, base=start, reset=False)
            case "alone":
                session.flash(self.new, base=start, reset=False, stream=False)
            case "erase":
                session.erase(start, self._length, reset=False)
            case "verify":
                session.verify(self.new, base=start)

    def _check(self, job: Job) -> None:
        """Compare the claim that was just made with the cells."""
        holds = bytes(self._memory.data)
        if job == "erase":
            right = holds[IMAGE_OFFSET : IMAGE_OFFSET + self._length] == b"\xff" * self._length
        else:
            right = holds == self._with(self.new)
        if not right:
            raise Lie(f"{self.scenario}: reported good, and the flash holds something else")

    def _with(self, image: bytes) -> bytes:
        return self.old[:IMAGE_OFFSET] + image + self.old[IMAGE_OFFSET + len(image) :]

    def _put_right(self) -> None:
        """Take away what is wrong with the board, as its user would."""
        board = self.board
        lost = {each.kind for each in board.faults.log}
        board.faults.clear()
        board.flash_faults.clear()
        board.advance(2.0)  # a brown-out is over
        if BoardFault.POWER_LOSS.value in lost:
            board.power_cycle()
        if BoardFault.UNPLUG.value in lost:
            board.plug_in()

    def _next_job(self) -> None:
        link = self.board.link()
        try:
            with open_session(link) as session:
                session.flash(self.next, base=self._memory.base + IMAGE_OFFSET, reset=False)
        except OnchipError as error:
            raise Lie(f"{self.scenario}: the next job failed: {error}") from error
        finally:
            link.close()
        if bytes(self._memory.data[IMAGE_OFFSET:][: len(self.next)]) != self.next:
            raise Lie(f"{self.scenario}: the next job was reported good, and is not")
