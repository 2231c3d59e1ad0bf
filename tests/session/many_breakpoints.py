"""A program with more places for breakpoints than any chip has comparators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import onchip
from onchip.session import Session

ADDS = 20
CODE = bytes.fromhex("0020") + bytes.fromhex("0130") * ADDS + bytes.fromhex("eae7")
"""movs r0, #0; 20 x adds r0, #1; b to the first of them"""
OFFSET = 0x100
BKPT = b"\x00\xbe"


def firmware(session: Session, code: bytes = CODE) -> bytes:
    base, ram = flash(session), session.memory_map.find(0x2000_0000)
    assert ram is not None
    vectors = (ram.start + 0x2000).to_bytes(4, "little") + (base + OFFSET + 1).to_bytes(4, "little")
    return vectors + bytes(OFFSET - 8) + code + bytes(range(256))


def flash(session: Session) -> int:
    return session.memory_map.flash[0].start


def place(session: Session, n: int) -> int:
    """Return the address of the n-th of the instructions that add, counted from 0."""
    return flash(session) + OFFSET + 2 + 2 * n


def raw(session: Session) -> bytes:
    """Return the code as the chip holds it."""
    return session.core.ap.read(flash(session) + OFFSET, len(CODE))


def opcodes(session: Session) -> int:
    return sum(raw(session)[k : k + 2] == BKPT for k in range(0, len(CODE), 2))


def fill(session: Session, more: int = 1, **wishes) -> list[int]:
    """Take every comparator and ``more``; return the addresses."""
    points = session.core.breakpoints
    # one in every other halfword, so that no two share a comparator of FPBv1
    places = [place(session, 2 * n) for n in range(points.available + more)]
    for address in places:
        points.set(address, **wishes)
    return places


@contextmanager
def connected(chip: str) -> Iterator[Session]:
    with onchip.connect(f"virtual:{chip}") as session:
        session.flash(session.image([(flash(session), firmware(session))]), reset=False)
        session.reset(halt=True)
        yield session


class Counting:
    """A patcher that notes what it is asked for, and fails if told to."""

    def __init__(self, inner, jobs, error=None) -> None:
        self.inner, self.jobs, self.error = inner, jobs, error

    def refusal(self, address):
        return self.inner.refusal(address)

    def keep(self, hidden, *, changing) -> None:
        self.inner.keep(hidden, changing=changing)

    def patch(self, halfwords) -> None:
        self.jobs.append(dict(halfwords))
        if self.error is not None:
            raise self.error
        self.inner.patch(halfwords)
