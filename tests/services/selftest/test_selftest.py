"""The self-test passes on every virtual chip, puts everything back, and finds what is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from onchip.errors import OnchipError
from onchip.services.selftest import CHECKS, Outcome, Selftest, Verdict
from onchip.services.selftest.runner import PUT_BACK
from onchip.session import load_chip, open_session
from onchip.virtual_board.board import VirtualBoard
from onchip.virtual_board.target.flash_faults import FlashFault, FlashFaultKind
from tests.support.images import FLASH_START, RAM_START, counting_loop

CHIPS = ("stm32f407", "nrf52840", "nrf51822", "lpc1768")
HZ = 4_000_000
ISER0 = 0xE000_E100
FP_CTRL = 0xE000_2000
DWT_FUNCTION0 = 0xE000_1028


def _program(board: VirtualBoard, chip: str) -> None:
    """Give the board a program that runs, and a sector of flash with something in it."""
    sectors = load_chip(chip).memory_map.flash[0].all_sectors()
    last = min(sectors, key=lambda s: (s.size, -s.start))
    for start, data in (
        (FLASH_START[chip], counting_loop(chip)),
        (last.start, b"precious" * 16),
    ):
        offset = start - FLASH_START[chip]
        board.chip.flash_memories[0].data[offset : offset + len(data)] = data
        board.bus.code_changed(start, len(data))
    board.power_cycle(0.001)
    board.advance(0.02)  # the boot ROM of the LPC1768 comes first


def _flash(board: VirtualBoard, chip: str) -> bytes:
    return board.bus.read_block(FLASH_START[chip], load_chip(chip).memory_map.flash[0].length)


@pytest.mark.parametrize("chip", CHIPS)
def test_it_passes_and_leaves_the_board_as_it_was(chip: str) -> None:
    with VirtualBoard(chip, probe_model="bulk-512x4") as board:
        _program(board, chip)
        flash = _flash(board, chip)
        with closing(board.link()) as link:
            test = Selftest(link, frequency_hz=HZ)
            outcomes = list(test.run())
        assert [o for o in outcomes if o.verdict is not Verdict.PASSED] == []
        assert [o.check for o in outcomes] == [*CHECKS, PUT_BACK]
        assert _flash(board, chip) == flash
        assert not board.core.halted
        assert not board.bus.read(FP_CTRL, 4, debugger=True) & 1
        assert test.target.startswith(chip)


def test_it_passes_on_a_slow_probe() -> None:
    with (
        VirtualBoard("nrf51822", probe_model="hid-64x1-basic") as board,
        closing(board.link()) as link,
    ):
        outcomes = list(Selftest(link, frequency_hz=HZ).run())
    assert [o for o in outcomes if o.verdict is not Verdict.PASSED] == []


def test_a_halted_board_is_halted_again() -> None:
    with VirtualBoard("nrf51822") as board:
        _program(board, "nrf51822")
        with closing(board.link()) as link:
            with open_session(link) as session:
                session.core.halt()
                session.resume_on_close = False
            link = board.link()
        with closing(link):
            test = Selftest(link, frequency_hz=HZ)
            assert test.promises[-1].startswith("at the end the chip is reset, and halted")
            list(test.run(["memory"]))
        assert board.core.halted


def test_without_flash_the_flash_is_left_alone() -> None:
    with VirtualBoard("stm32f407") as board, closing(board.link()) as link:
        test = Selftest(link, frequency_hz=HZ, flash=False)
        assert not any("flash" in line for line in test.promises)
        verdicts = {o.check: o.verdict for o in test.run()}
    left_out = {check for check, verdict in verdicts.items() if verdict is Verdict.LEFT_OUT}
    assert left_out == {"erase", "program"}
    assert Verdict.FAILED not in verdicts.values()


def test_the_promises_name_what_is_used() -> None:
    with VirtualBoard("stm32f407") as board, closing(board.link()) as link:
        text = "\n".join(Selftest(link, frequency_hz=HZ, chip=load_chip("stm32f407")).promises)
    assert "8192 bytes of RAM at 0x20000000" in text
    assert "0x0800c000 (16384 bytes)" in text


def test_stopped_early_it_puts_back() -> None:
    with VirtualBoard("nrf51822") as board:
        _program(board, "nrf51822")
        flash = _flash(board, "nrf51822")
        with closing(board.link()) as link:
            outcomes = Selftest(link, frequency_hz=HZ).run(["erase", "speed"])
            next(outcomes)
            assert _flash(board, "nrf51822") != flash
            outcomes.close()  # as Ctrl-C does
        assert _flash(board, "nrf51822") == flash


# ---- every check can fail


class _Liar:
    """A board whose bus lies while one check runs: words that read wrong, writes that get lost."""

    def __init__(self, board: VirtualBoard) -> None:
        self.reads: dict[int, Callable[[int], int]] = {}
        self.lost: set[int] = set()
        bus, read, write = board.bus, board.bus.read, board.bus.write
        read_block = board.bus.read_block

        def lying_read(address: int, size: int, *, debugger: bool = False) -> int:
            value = read(address, size, debugger=debugger)
            lie = self.reads.get(address)
            return value if lie is None else lie(value)

        def lying_block(address: int, length: int) -> bytes:
            data = bytearray(read_block(address, length))
            for place, lie in self.reads.items():
                if address <= place < address + length:
                    data[place - address] = lie(data[place - address]) & 0xFF
            return bytes(data)

        def losing_write(address: int, size: int, value: int, *, debugger: bool = False) -> None:
            if not (debugger and address in self.lost):
                write(address, size, value, debugger=debugger)

        bus.read, bus.write, bus.read_block = lying_read, losing_write, lying_block

    def clear(self) -> None:
        self.reads.clear()
        self.lost.clear()


RAM = RAM_START["stm32f407"]
LIES: dict[str, Callable[[VirtualBoard, _Liar], object]] = {
    "core registers": lambda board, liar: _lose_register(board, "r7"),
    "memory": lambda board, liar: liar.reads.update({RAM + 20: lambda value: value ^ 4}),
    "stop, resume, step": lambda board, liar: _lose_resume(board),
    "erase": lambda board, liar: _flash_fault(board, FlashFaultKind.ERASE_FAILS),
    "program": lambda board, liar: _flash_fault(board, FlashFaultKind.PROGRAM_FAILS),
    "breakpoints": lambda board, liar: liar.lost.add(FP_CTRL),
    "watchpoints": lambda board, liar: liar.lost.add(DWT_FUNCTION0),
    "resets": lambda board, liar: liar.reads.update({ISER0: lambda value: value | 1}),
    "connect modes": lambda board, liar: liar.reads.update({ISER0: lambda value: value | 1}),
    "GDB session": lambda board, liar: liar.reads.update({RAM + 64: lambda value: value ^ 1}),
    "speed": lambda board, liar: liar.reads.update({RAM + 4000: lambda value: value ^ 8}),
}
SAYS = {
    "core registers": "r7 was written 0x",
    "memory": "0x20000014 holds",
    "stop, resume, step": "did not execute anything",
    "erase": "erase",
    "program": "program",
    "breakpoints": "did not halt",
    "watchpoints": "did not halt",
    "resets": "left interrupt 0 enabled",
    "connect modes": "did not reset",
    "GDB session": "GDB asks 'm20000040,4'",
    "speed": "0x20000fa0 holds",
}


def _lose_register(board: VirtualBoard, lost: str) -> None:
    write = board.core.debug_write_register

    def losing(name: str, value: int) -> None:
        if name != lost:
            write(name, value)

    board.core.debug_write_register = losing  # type: ignore[method-assign]


def _lose_resume(board: VirtualBoard) -> None:
    board.core.debug_resume = lambda *, step: None  # type: ignore[method-assign]


def _flash_fault(board: VirtualBoard, kind: FlashFaultKind) -> None:
    board.flash_faults.add(FlashFault(kind, count=None))


def _mend(board: VirtualBoard, liar: _Liar) -> None:
    liar.clear()
    board.flash_faults.clear()
    board.faults.clear()
    for name in ("debug_write_register", "debug_resume"):
        vars(board.core).pop(name, None)


@pytest.fixture(scope="module")
def broken() -> Iterator[dict[str, Outcome]]:
    """Every check's outcome on a board that was broken for just that check."""
    with VirtualBoard("stm32f407") as board, closing(board.link()) as link:
        liar = _Liar(board)
        test = Selftest(link, frequency_hz=HZ)

        def sabotage(name: str) -> None:
            _mend(board, liar)
            if name in LIES:
                LIES[name](board, liar)

        yield {outcome.check: outcome for outcome in test.run(on_start=sabotage)}


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_finds_what_is_broken(broken: dict[str, Outcome], check: str) -> None:
    assert broken[check].verdict is Verdict.FAILED, broken[check]
    assert SAYS[check].lower() in broken[check].detail.lower()


def test_it_puts_back_even_so(broken: dict[str, Outcome]) -> None:
    assert broken[PUT_BACK].verdict is Verdict.PASSED


def test_trouble_on_the_wire_fails_a_check_and_not_the_next_ones() -> None:
    def cut(name: str) -> None:
        board.faults.clear()
        if name in ("memory", PUT_BACK):
            board.faults.no_ack(count=None)

    with VirtualBoard("nrf51822") as board, closing(board.link()) as link:
        test = Selftest(link, frequency_hz=HZ)
        verdicts = [o.verdict for o in test.run(["core registers", "memory", "speed"], cut)]
    assert verdicts == [Verdict.PASSED, Verdict.FAILED, Verdict.PASSED, Verdict.FAILED]


def test_a_probe_that_goes_fails_the_rest() -> None:
    with VirtualBoard("nrf51822") as board, closing(board.link()) as link:
        test = Selftest(link, frequency_hz=HZ)
        outcomes = test.run(["core registers", "memory"])
        assert next(outcomes).verdict is Verdict.PASSED
        board.unplug()
        assert [o.verdict for o in outcomes] == [Verdict.FAILED, Verdict.FAILED]


def test_a_chip_that_does_not_answer_is_no_test(tmp_path: Path) -> None:
    with VirtualBoard("nrf51822") as board, closing(board.link()) as link:
        board.faults.no_ack(count=None)
        with pytest.raises(OnchipError):
            Selftest(link, frequency_hz=HZ)
