"""What `pyocd-tool` has beside the commands of `onchip shell`, or does or prints otherwise."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from onchip.errors import UsageError
from pyOCD.pyDAPAccess import REG
from pyOCD.target.target import Target
from pyOCD.tools import common
from pyOCD.tools.tool_console import Command, Console, Leave, wrong_unless
from pyOCD.tools.tool_show import set_value, show

_STATES = {
    Target.TARGET_RUNNING: "running",
    Target.TARGET_HALTED: "halted",
    Target.TARGET_RESET: "held in reset",
    Target.TARGET_SLEEPING: "sleeping",
    Target.TARGET_LOCKUP: "locked up",
}
_SHOWN = [f"r{n}" for n in range(13)] + ["sp", "lr", "pc", "xpsr", "msp", "psp", "primask"]
_MOST_BYTES = 1 << 20
_SELECT = 0x8


# ---- the session itself


def _list(console: Console, args: Sequence[str]) -> None:
    common.list_boards()


def _exit(console: Console, args: Sequence[str]) -> None:
    raise Leave


def _info(console: Console, args: Sequence[str]) -> None:
    board = console.board
    print(f"Target:    {console.target.part_number or board.target_type}")
    print(f"DAP IDCODE: 0x{console.target.readIDCode():08x}")
    print(f"Board:     {board.getInfo()}")
    print(f"Unique ID: {board.unique_id}")


def _status(console: Console, args: Sequence[str]) -> None:
    print(f"Core 0:    {_STATES[console.target.getState()]}")


def _reinit(console: Console, args: Sequence[str]) -> None:
    console.board.uninit(resume=False)
    console.board.init()


def _core(console: Console, args: Sequence[str]) -> None:
    if args:
        console.target.select_core(int(args[0], 0))
    print("Core 0 is selected")


def _log(console: Console, args: Sequence[str]) -> None:
    wrong_unless(len(args) == 1 and args[0] in common.LEVELS)
    logging.getLogger("pyOCD").setLevel(args[0].upper())


def _clock(console: Console, args: Sequence[str]) -> None:
    wrong_unless(len(args) == 1)
    frequency = console.number(args[0]) * 1000
    console.link.set_clock(frequency)
    print(f"SWD clock: {frequency} Hz")


# ---- run control


def _halt(console: Console, args: Sequence[str]) -> None:
    console.target.halt()
    _say_pc(console, "halted at")


def _go(console: Console, args: Sequence[str]) -> None:
    console.target.resume()
    _status(console, ())


def _step(console: Console, args: Sequence[str]) -> None:
    count = console.number(args[0]) if args else 1
    for _ in range(count):
        console.target.step(disable_interrupts=not console.step_into_interrupts)
    _say_pc(console, "stepped to")


def _reset(console: Console, args: Sequence[str]) -> None:
    wrong_unless(set(args) <= {"-h", "--halt"})
    if args:
        console.target.resetStopOnReset()
        _say_pc(console, "reset, halted at")
    else:
        console.target.reset()
        print("reset, running")


def _say_pc(console: Console, what: str) -> None:
    print(f"{what} 0x{console.target.readCoreRegisterRaw('pc'):08x}")


def _lsbreak(console: Console, args: Sequence[str]) -> None:
    for breakpoint in console.board.session.core.breakpoints:
        print(f"0x{breakpoint.address:08x} {breakpoint.kind.value}")


# ---- registers


def _reg(console: Console, args: Sequence[str]) -> None:
    if not args:
        values = console.target.readCoreRegistersRaw(_SHOWN)
        cells = [f"{name:>8}: 0x{value:08x}" for name, value in zip(_SHOWN, values, strict=True)]
        for first in range(0, len(cells), 4):
            print("".join(cells[first : first + 4]))
        return
    for name in args:
        value = console.target.readCoreRegister(name)
        shown = f"{value:g}" if isinstance(value, float) else f"0x{value:08x} ({value})"
        print(f"{name.lower()} = {shown}")


def _wreg(console: Console, args: Sequence[str]) -> None:
    wrong_unless(len(args) == 2)
    name = args[0].lower()
    if name[0] == "s" and name[1:].isdecimal():
        console.target.writeCoreRegister(name, float(args[1]))
    else:
        console.target.writeCoreRegister(name, console.number(args[1]))


# ---- memory


def _read(size: int) -> Callable[[Console, Sequence[str]], None]:
    def serve(console: Console, args: Sequence[str]) -> None:
        wrong_unless(1 <= len(args) <= 2)
        address = console.number(args[0])
        length = console.number(args[1]) if len(args) == 2 else size
        if not 0 < length <= _MOST_BYTES:
            raise UsageError(f"between 1 and {_MOST_BYTES} bytes can be shown")
        length += -length % size
        data = bytes(console.target.readBlockMemoryUnaligned8(address, length))
        for first in range(0, length, 16):
            line = data[first : first + 16]
            units = [line[at : at + size] for at in range(0, len(line), size)]
            words = " ".join(f"{int.from_bytes(u, 'little'):0{2 * size}x}" for u in units)
            text = "".join(chr(c) if 32 <= c < 127 else "." for c in line)
            print(f"{address + first:08x}:  {words:48} |{text}|")

    return serve


def _write(size: int) -> Callable[[Console, Sequence[str]], None]:
    def serve(console: Console, args: Sequence[str]) -> None:
        wrong_unless(len(args) >= 2)
        address = console.number(args[0])
        values = [console.number(word) for word in args[1:]]
        if any(not 0 <= value < 1 << 8 * size for value in values):
            raise UsageError(f"a value does not fit {size} bytes")
        data = b"".join(value.to_bytes(size, "little") for value in values)
        if console.board.flash.getPageInfo(address) is not None:
            console.board.flash.flashBlock(address, list(data))
        else:
            console.target.writeBlockMemoryUnaligned8(address, list(data))

    return serve


def _loadmem(console: Console, args: Sequence[str]) -> None:
    wrong_unless(len(args) == 2)
    address, data = console.number(args[0]), Path(args[1]).read_bytes()
    if console.board.flash.getPageInfo(address) is not None:
        console.board.flash.flashBlock(address, list(data))
    else:
        console.target.writeBlockMemoryUnaligned8(address, list(data))
    print(f"{len(data)} bytes loaded")


def _erase(console: Console, args: Sequence[str]) -> None:
    if not args:
        console.board.flash.eraseAll()
        return
    address = console.number(args[0])
    for _ in range(console.number(args[1]) if len(args) > 1 else 1):
        page = console.board.flash.getPageInfo(address)
        if page is None or page.base_addr is None or page.size is None:
            raise UsageError(f"0x{address:08x} is not in flash")
        console.board.flash.erasePage(address)
        address = page.base_addr + page.size


def _unlock(console: Console, args: Sequence[str]) -> None:
    board = console.board
    if board.target.connected:
        print("the chip is not locked")
        return
    board.target.setAutoUnlock(True)
    board.init()
    print("unlocked: everything is erased")


def _initdp(console: Console, args: Sequence[str]) -> None:
    console.link.connect()
    print(f"DPIDR = 0x{console.link.read_reg(REG.DP_0x0):08x}")


def _makeap(console: Console, args: Sequence[str]) -> None:
    wrong_unless(len(args) == 1)
    index = console.number(args[0])
    idr = console.link.read_reg(_ap(console, [args[0], "0xfc"]))
    if idr == 0:
        raise UsageError(f"there is no AP {index}: its IDR reads 0")
    print(f"AP#{index} IDR = 0x{idr:08x}")


def _disasm(console: Console, args: Sequence[str]) -> None:
    wrong_unless(1 <= len(args) <= 2)
    try:
        import capstone
    except ImportError:
        raise UsageError("disassembly needs capstone", hint="pip install capstone") from None
    address = console.number(args[0]) & ~1
    length = console.number(args[1]) if len(args) == 2 else 6
    code = bytes(console.target.readBlockMemoryUnaligned8(address, length))
    engine = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
    for instruction in engine.disasm(code, address):
        raw = bytes(instruction.bytes).hex()
        print(f"{instruction.address:08x}:  {raw:8}  {instruction.mnemonic} {instruction.op_str}")


# ---- ports


def _readdp(console: Console, args: Sequence[str]) -> None:
    wrong_unless(len(args) == 1)
    number = console.number(args[0]) >> 2 & 3
    print(f"DP register 0x{4 * number:x} = 0x{console.link.read_reg(REG(number)):08x}")


def _writedp(console: Console, args: Sequence[str]) -> None:
    wrong_unless(len(args) == 2)
    number = console.number(args[0]) >> 2 & 3
    console.link.write_reg(REG(number), console.number(args[1]))


def _ap(console: Console, args: Sequence[str]) -> REG:
    """Select what [APSEL] ADDRESS name; return the register."""
    index = console.number(args[0]) if len(args) == 2 else 0
    address = console.number(args[-1])
    select = index << 24 | address & 0xFF00_00F0
    console.link.write_reg(REG(_SELECT >> 2), select)
    return REG(4 | address >> 2 & 3)


def _readap(console: Console, args: Sequence[str]) -> None:
    wrong_unless(1 <= len(args) <= 2)
    register = _ap(console, args)
    address = console.number(args[-1])
    print(f"AP register 0x{address:x} = 0x{console.link.read_reg(register):08x}")


def _writeap(console: Console, args: Sequence[str]) -> None:
    wrong_unless(2 <= len(args) <= 3)
    console.link.write_reg(_ap(console, args[:-1]), console.number(args[-1]))


COMMANDS: tuple[Command, ...] = (
    Command(("list",), "list", "list the boards that are plugged in", _list),
    Command(("info",), "info", "show the chip and the board", _info),
    Command(("status", "stat"), "status", "show what the core does", _status),
    Command(("reinit",), "reinit", "connect anew", _reinit),
    Command(("core",), "core [NUMBER]", "select a core", _core),
    Command(("show",), "show WHAT", "show map, peripherals, uid, cores, target, fault ...", show),
    Command(
        ("set",), "set WHAT VALUE", "set vector-catch, step-into-interrupt, nreset ...", set_value
    ),
    Command(("log",), "log LEVEL", f"log {', '.join(common.LEVELS)}", _log),
    Command(("clock",), "clock KHZ", "set the SWD clock", _clock),
    Command(("halt", "h"), "halt", "stop the core", _halt),
    Command(("go", "g", "continue", "c"), "go", "let the core run", _go),
    Command(("step", "s"), "step [COUNT]", "execute instructions", _step),
    Command(("reset",), "reset [-h|--halt]", "reset the chip, and run or halt", _reset),
    Command(("lsbreak",), "lsbreak", "list the breakpoints", _lsbreak),
    Command(("reg",), "reg [NAME...]", "show core registers", _reg),
    Command(("wreg",), "wreg NAME VALUE", "write a core register", _wreg),
    Command(("read8", "read", "r", "rb"), "read8 ADDRESS [BYTES]", "show bytes", _read(1)),
    Command(("read16", "r16", "rh"), "read16 ADDRESS [BYTES]", "show halfwords", _read(2)),
    Command(("read32", "r32", "rw"), "read32 ADDRESS [BYTES]", "show words", _read(4)),
    Command(("write8", "write", "w", "wb"), "write8 ADDRESS VALUE...", "write bytes", _write(1)),
    Command(("write16", "w16", "wh"), "write16 ADDRESS VALUE...", "write halfwords", _write(2)),
    Command(("write32", "w32", "ww"), "write32 ADDRESS VALUE...", "write words", _write(4)),
    Command(("loadmem",), "loadmem ADDRESS FILE", "write a file to memory or flash", _loadmem),
    Command(("erase",), "erase [ADDRESS [COUNT]]", "erase sectors, or all flash", _erase),
    Command(("unlock",), "unlock", "with -N: unlock a locked chip, erasing all of it", _unlock),
    Command(("initdp",), "initdp", "wake the debug port and power it up (for -N)", _initdp),
    Command(("makeap",), "makeap APSEL", "look whether there is such an AP", _makeap),
    Command(("disasm", "d"), "disasm ADDRESS [LENGTH]", "show instructions", _disasm),
    Command(("readdp", "rdp"), "readdp ADDRESS", "read a DP register", _readdp),
    Command(("writedp", "wdp"), "writedp ADDRESS VALUE", "write a DP register", _writedp),
    Command(("readap", "rap"), "readap [APSEL] ADDRESS", "read an AP register", _readap),
    Command(("writeap", "wap"), "writeap [APSEL] ADDRESS VALUE", "write an AP register", _writeap),
    Command(("exit", "quit"), "exit", "leave", _exit),
)
