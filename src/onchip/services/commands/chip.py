"""Commands that show what is connected, and the core's registers."""

from __future__ import annotations

from typing import Any

from onchip.errors import UsageError
from onchip.services.commands.command import Command, Words
from onchip.services.commands.machine import Machine

_SHOWN = (*[f"r{n}" for n in range(13)], "sp", "lr", "pc", "xpsr", "msp", "psp")
_SPECIAL = ("control", "faultmask", "basepri", "primask")


def _reg(machine: Machine, words: Words) -> dict[str, int]:
    """Show registers; all but the FPU's without a name."""
    core = machine.core
    machine.need_halted("reading registers")
    names = [word.lower().removeprefix("$") for word in words.rest()]
    if names == ["all"]:
        names = list(core.register_names)
    if not names:
        names = [n for n in (*_SHOWN, *_SPECIAL) if n in core.register_names]
    values = core.read_registers(names)
    for name, value in values.items():
        digits = 16 if _is_double(name) else 8
        known = _meaning(machine, name, value)
        machine.print(f"{name:10} 0x{value:0{digits}x}{known}\n")
    return values


def _meaning(machine: Machine, name: str, value: int) -> str:
    if machine.debug is None or name not in _SHOWN or name == "xpsr":
        return ""
    symbol = machine.debug.name_of(value)
    return f"  {symbol}" if symbol else ""


def _wreg(machine: Machine, words: Words) -> int:
    name = words.next().lower().removeprefix("$")
    value = words.wide_number() if _is_double(name) else words.number()
    words.end()
    machine.need_halted("writing a register")
    machine.core.write_register(name, value)
    return value


def _is_double(name: str) -> bool:
    return name[0] == "d" and name[1:].isdecimal()


def _info(machine: Machine, words: Words) -> dict[str, Any]:
    words.end()
    session, core = machine.session, machine.core
    state = core.state().value
    left = core.breakpoints.available, core.watchpoints.available
    machine.print(f"probe  {session.link.description}\n")
    machine.print(f"DP     IDR 0x{int(session.dp.idr):08x}\n")
    for ap in session.aps:
        machine.print(f"AP {ap.index:<3} IDR 0x{int(ap.idr):08x}\n")
    label = "ROM"
    for line in str(session.rom_table).splitlines():
        machine.print(f"{label:6} {line}\n")
        label = ""
    machine.print(f"core   {core.name} ({core.architecture}), {state}\n")
    machine.print(f"free   {left[0]} breakpoints, {left[1]} watchpoints\n")
    machine.print(f"chip   {session.chip_name}\n")
    for region in session.memory_map:
        machine.print(f"memory {region.kind.value:6} {region}\n")
    return {
        "probe": session.link.description,
        "dp": session.dp.idr,
        "aps": {ap.index: ap.idr for ap in session.aps},
        "rom_table": session.rom_table,
        "chip": session.chip_name,
        "core": core.name,
        "state": state,
        "breakpoints": left[0],
        "watchpoints": left[1],
    }


def _speed(machine: Machine, words: Words) -> int:
    if words:
        raise UsageError(
            "the SWD clock is set when the probe is opened", hint="use --frequency HZ there"
        )
    frequency = machine.session.client.frequency_hz
    machine.print(f"SWD clock {frequency} Hz\n")
    return frequency


COMMANDS = (
    Command(
        ("reg", "regs", "registers"),
        "reg [NAME...|all]",
        "show registers",
        _reg,
        "reg pc sp; without a name the core's, with `all` the FPU's too. apsr, ipsr and epsr are "
        "parts of xpsr.",
    ),
    Command(("wreg",), "wreg NAME VALUE", "write a register", _wreg, "wreg pc main; wreg r0 0x55"),
    Command(
        ("info", "i"),
        "info",
        "show probe, DP, APs, ROM table, core, chip and memory",
        _info,
        "And how many break- and watchpoints are left. Nothing is halted.",
    ),
    Command(
        ("speed", "frequency", "adapter_khz"),
        "speed",
        "show the SWD clock",
        _speed,
        "It is set when the probe is opened: --frequency 4M, or auto.",
    ),
)
