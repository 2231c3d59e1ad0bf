"""The tour of `onchip demo`: one board, one firmware image, every face of the project in a minute.

Nothing is staged: a board is served on a socket as `onchip board` does it, and everything that is
shown went through CMSIS-DAP packets to it. Each step names what a user would type for the same.
"""

from __future__ import annotations

import os
import textwrap
import threading
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from onchip import connect
from onchip.cli.listing import HEADER, rows
from onchip.cli.terminal import bytes_text, hex32
from onchip.errors import UsageError
from onchip.session.survey import look_at
from onchip.symbols.elf import ElfFile

if TYPE_CHECKING:
    from onchip.dap.com_port import ComPort
    from onchip.probe.discovery import PluggedBoard
    from onchip.session import Session

CHIP = "stm32f407"
_STEPS = 4
_UART_S = 0.4
"""How long the firmware runs while its UART is listened to."""
_COLUMNS = 92
_FUNCTION = 2  # STT_FUNC
_OBJECT = 1  # STT_OBJECT


def sample_path() -> Path:
    """Return the firmware image that ships with onchip."""
    return Path(str(resources.files("onchip.cli") / "samples" / f"{CHIP}.elf"))


def give_tour(*, colour: bool = True) -> None:
    """Run all of it, on standard output.

    Raises:
        OnchipError: something of it failed.
    """
    console = Console(highlight=False, no_color=not colour, force_terminal=None)
    with _plugged_in() as board:
        tour = _Tour(console, board, sample_path())
        tour.board()
        tour.programming()
        with connect(board.serial, connect="halt") as session:
            tour.run_to_main(session)
            tour.registers(session)
            tour.steps(session)
            port = session.uart
            tour.watchpoint(session)
            tour.uart(session, port)
            tour.fault(session)
    tour.farewell()


@contextmanager
def _plugged_in() -> Iterator[PluggedBoard]:
    """Serve a board from a thread while the context lasts, as `onchip board` does."""
    from onchip.probe.discovery import PluggedBoard, announce
    from onchip.registry import VirtualSpec, build_board
    from onchip.services.board import BoardServer

    spec = VirtualSpec(CHIP)
    serial = f"VB-{CHIP}-demo"
    with (
        build_board(spec, serial=serial) as virtual,
        BoardServer(virtual, port=0) as server,
    ):
        thread = threading.Thread(target=server.serve_forever, name="board", daemon=True)
        note = PluggedBoard(serial, "127.0.0.1", server.port, CHIP, spec.probe_model, os.getpid())
        with announce(note):
            thread.start()
            try:
                yield note
            finally:
                server.stop()
                thread.join(5)


class _Tour:
    """The steps, in order; each prints what it did."""

    def __init__(self, console: Console, board: PluggedBoard, image: Path) -> None:
        self._console = console
        self._board = board
        self._image = image
        self._symbols = _Symbols(image)
        self._number = 0

    # ---- the shell's side

    def board(self) -> None:
        self._headline("Plug a board in", f"$ onchip board {CHIP}")
        board = self._board
        self._say(f"a virtual {CHIP} behind a {board.probe_model} probe, at {board.spec}")
        self._headline("See it", "$ onchip list")
        (cells,) = rows([look_at(board)])
        widths = [max(len(h), len(c)) for h, c in zip(HEADER, cells, strict=True)]
        self._show("  ".join(f"{h:<{w}}" for h, w in zip(HEADER, widths, strict=True)), "bold")
        self._show("  ".join(f"{c:<{w}}" for c, w in zip(cells, widths, strict=True)))

    def programming(self) -> None:
        self._headline("Program a firmware image", f"$ onchip flash {self._image.name}")
        with connect(self._board.serial) as session:
            report = session.flash(self._image)
        self._say(
            f"{bytes_text(report.image_bytes)} in place: erased {bytes_text(report.erased_bytes)}, "
            f"programmed {bytes_text(report.programmed_bytes)}, "
            f"[green]verified {bytes_text(report.verified_bytes)}[/] in {report.seconds:.2f} s"
        )

    # ---- the Python side

    def run_to_main(self, session: Session) -> None:
        self._headline(
            "Run to main",
            ">>> session.core.breakpoints.set(main)",
            ">>> session.reset(halt=True); session.core.resume()",
            ">>> session.core.wait_halted(2.0)",
        )
        main = self._symbols.address("main")
        session.reset(halt=True)
        start = session.core.read_register("pc")
        session.core.breakpoints.set(main)
        session.core.resume()
        reason = session.core.wait_halted(2.0)
        session.core.breakpoints.remove(main)
        self._say(f"reset, halted at {self._place(start)}")
        self._say(f"[green]{reason.kind.value}[/] at {self._place(reason.pc)}")

    def registers(self, session: Session) -> None:
        self._headline("Read the registers", ">>> session.core.registers")
        names = (*(f"r{n}" for n in range(13)), "sp", "lr", "pc", "xpsr")
        values = session.core.read_registers(names)
        for row in range(0, len(names), 4):
            cells = (f"[bold]{n:>4}[/] {hex32(values[n])}" for n in names[row : row + 4])
            self._say("  ".join(cells))

    def steps(self, session: Session) -> None:
        self._headline("Step", ">>> session.core.step()")
        for _ in range(_STEPS):
            session.core.step()
            pc = session.core.read_register("pc")
            code = int.from_bytes(session.memory.read(pc, 2), "little")
            self._say(f"{self._place(pc)}  next opcode [dim]{code:04x}[/]")

    def watchpoint(self, session: Session) -> None:
        self._headline(
            "Catch a write",
            '>>> session.core.watchpoints.set(counter, 4, "write")',
            ">>> session.core.resume(); session.core.wait_halted(2.0)",
        )
        counter = self._symbols.address("counter")
        before = session.memory.read_u32(counter)
        session.core.watchpoints.set(counter, 4, "write")
        session.core.resume()
        reason = session.core.wait_halted(2.0)
        session.core.watchpoints.clear()
        after = session.memory.read_u32(counter)
        self._say(f"[green]{reason.kind.value}[/] at {self._place(reason.pc)}")
        self._say(f"counter at {hex32(counter)}: {before} -> {after}")

    def uart(self, session: Session, port: ComPort) -> None:
        self._headline("Listen to the UART", ">>> session.core.resume()", ">>> session.uart.read()")
        session.core.resume()
        session.link.sleep(_UART_S)
        text = port.read().decode("utf-8", "replace")
        port.close()
        session.core.halt()
        for line in text.splitlines():
            self._show(line, style="cyan")

    def fault(self, session: Session) -> None:
        self._headline(
            "Crash it, and ask why",
            ">>> session.memory.write_u32(fault_request, 1)",
            '>>> session.core.vector_catch = {"hardfault"}; session.core.resume()',
            ">>> session.core.wait_halted(2.0); print(session.core.fault())",
        )
        session.memory.write_u32(self._symbols.address("fault_request"), 1)
        session.core.vector_catch = frozenset({"hardfault"})
        session.core.resume()
        session.core.wait_halted(2.0)
        report = session.core.fault()
        for line in str(report).splitlines():
            for part in textwrap.wrap(line, _COLUMNS, subsequent_indent="    ") or [""]:
                self._show(part)
        if report is not None and report.pc is not None:
            self._say(f"the culprit: {self._place(report.pc)}")

    def farewell(self) -> None:
        self._headline("Your turn, with GDB")
        self._say("three terminals, the first stays open:")
        for line in (
            f"$ onchip board {CHIP}",
            "$ onchip gdbserver",
            f"$ gdb-multiarch {self._image} -ex 'target extended-remote localhost:3333'",
            "  (gdb) load",
            "  (gdb) break main",
            "  (gdb) continue",
        ):
            self._show(line, "bold")
        self._say("`onchip --help` lists the rest; README.md and docs/ explain it.")

    # ---- within

    def _headline(self, title: str, *typed: str) -> None:
        self._number += 1
        self._console.print(f"\n[bold blue]{self._number:>2}  {title}[/]")
        for line in typed:
            self._show(line, "dim")

    def _show(self, line: str, style: str = "") -> None:
        """Print a line as it is."""
        self._console.print(Text(f"    {line}".rstrip(), style=style), soft_wrap=True)

    def _say(self, text: str) -> None:
        """Print a line that may hold rich's markup."""
        self._console.print(f"    {text}", soft_wrap=True)

    def _place(self, address: int | None) -> str:
        return "?" if address is None else f"{hex32(address)} <{self._symbols.place(address)}>"


class _Symbols:
    """Names of addresses in the sample."""

    def __init__(self, image: Path) -> None:
        symbols = ElfFile.parse(image.read_bytes()).symbols
        self._address = {
            symbol.name: symbol.value & ~1 if symbol.type == _FUNCTION else symbol.value
            for symbol in symbols
            if symbol.type in (_FUNCTION, _OBJECT)
        }
        self._functions = sorted(
            (symbol.value & ~1, symbol.name) for symbol in symbols if symbol.type == _FUNCTION
        )

    def address(self, name: str) -> int:
        if name not in self._address:
            raise UsageError(f"the sample firmware has no symbol {name!r}")
        return self._address[name]

    def place(self, address: int) -> str:
        index = bisect_right(self._functions, (address, "\x7f")) - 1
        if index < 0:
            return "?"
        start, name = self._functions[index]
        return name if address == start else f"{name}+{address - start}"
