"""Make the recordings of this folder anew: python -m tests.recordings.make

They are regression tests (tests/test_recordings.py): what the host asks of a probe, packet for
packet, in a few situations that are hard to make on hardware. A change of the host that changes its
packets on purpose makes them anew, and the diff shows what it changed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from onchip.errors import OnchipError, TransferFault
from onchip.registry import recorded
from onchip.session import ConnectMode, Session, open_session
from onchip.virtual_board.board import VirtualBoard

FOLDER = Path(__file__).parent

Work = Callable[[Session], object]


def reset_and_step(session: Session) -> object:
    """Reset, halt, step through RAM twice, read the registers; leave it running."""
    session.reset(halt=True)
    session.memory.write(0x2000_0000, bytes.fromhex("0120 0230 fee7"))  # movs, adds, b .
    session.core.write_registers({"pc": 0x2000_0000, "sp": 0x2000_0400, "xpsr": 1 << 24})
    steps = [session.core.step().pc for _ in range(2)]
    registers = session.core.read_registers(("r0", "pc", "sp", "xpsr"))
    session.resume_on_close = True
    return steps, registers


def bus_fault(session: Session) -> object:
    """Read where nothing is, then where something is: the sticky error is cleared in between."""
    session.core.halt()
    with suppress(TransferFault):
        session.memory.read(0x6000_0000, 8)
    session.memory.write(0x2000_0003, b"unaligned")
    return session.memory.read(0x2000_0000, 16)


def trouble(session: Session) -> object:
    """Work on while the wire answers WAIT, breaks parity, and a response comes late."""
    session.core.halt()
    words = []
    for address in range(0x2000_0000, 0x2000_0020, 4):
        try:
            words.append(session.memory.read_u32(address))
        except OnchipError as error:
            words.append(type(error).__name__)
    return words


def _faulty(board: VirtualBoard) -> None:
    board.faults.wait(count=3, after=8)
    board.faults.parity(count=1, after=16)
    board.faults.late_response(6, delay_s=4.0)


RECORDINGS: dict[str, tuple[str, str, Work, Callable[[VirtualBoard], None] | None]] = {
    "reset_and_step_nrf51822": ("nrf51822", "bulk-512x4", reset_and_step, None),
    "bus_fault_stm32f407_hid": ("stm32f407", "hid-64x4", bus_fault, None),
    "trouble_stm32f407": ("stm32f407", "bulk-512x4-basic", trouble, _faulty),
}


def make(name: str, folder: Path) -> str:
    """Make one recording in ``folder``; return what the work found, as text."""
    chip, model, work, prepare = RECORDINGS[name]
    with VirtualBoard(chip, probe_model=model) as board:
        link = recorded(board.link(), folder / f"{name}.rec", settings={"connect": "attach"})
        with closing(link), open_session(link, mode=ConnectMode.ATTACH) as session:
            if prepare is not None:
                prepare(board)
            return repr(work(session))


def main() -> None:
    """Make them all, each with what its work found."""
    for name in RECORDINGS:
        (FOLDER / f"{name}.txt").write_text(make(name, FOLDER) + "\n", encoding="utf-8")
        print(name, file=sys.stderr)


if __name__ == "__main__":
    main()
