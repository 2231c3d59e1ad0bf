"""``show`` and ``set`` of `pyocd-tool`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from onchip.errors import UsageError
from pyOCD.target.constants import CATCHES, catch_names
from pyOCD.tools import common
from pyOCD.tools.gdb_server import CATCH_LETTERS
from pyOCD.tools.tool_console import Console, wrong_unless

_ON = {"1": True, "on": True, "true": True, "yes": True}
_OFF = {"0": False, "off": False, "false": False, "no": False}
_SWITCH = {**_ON, **_OFF}


def show(console: Console, args: Sequence[str]) -> None:
    """Show one thing."""
    wrong_unless(len(args) == 1)
    if args[0] not in _SHOWS:
        raise UsageError(f"{args[0]!r} cannot be shown", hint=f"there are {', '.join(_SHOWS)}")
    _SHOWS[args[0]](console)


def set_value(console: Console, args: Sequence[str]) -> None:
    """Set one thing."""
    wrong_unless(len(args) == 2)
    if args[0] not in _SETS:
        raise UsageError(f"{args[0]!r} cannot be set", hint=f"there are {', '.join(_SETS)}")
    _SETS[args[0]](console, args[1])


def _map(console: Console) -> None:
    print(f"{'Region':16} {'Start':>10} {'End':>10} {'Size':>10} {'Block':>8}")
    for region in console.target.getMemoryMap():
        block = f"0x{region.blocksize:x}" if region.isFlash else "-"
        print(
            f"{region.name:16} 0x{region.start:08x} 0x{region.end:08x} 0x{region.length:08x} "
            f"{block:>8}"
        )


def _peripherals(console: Console) -> None:
    for component in console.board.session.rom_table:
        print(f"0x{component.address:08x} {component.name}")


def _uid(console: Console) -> None:
    print(f"Unique ID: {console.board.unique_id}")


def _cores(console: Console) -> None:
    core = console.board.session.core
    print(f"Core 0:    {core.name}, {core.architecture}")


def _target(console: Console) -> None:
    chip = console.board.session.chip
    print(f"Target:    {console.board.target_type}")
    if chip is not None:
        print(f"           {chip.vendor} {chip.part}")


def _fault(console: Console) -> None:
    report = console.board.session.core.fault()
    print("no fault is recorded" if report is None else report)


def _vector_catch(console: Console) -> None:
    caught = console.target.getVectorCatch()
    for bit, name in CATCHES.items():
        print(f"{name:18} {'on' if caught & bit else 'off'}")


def _step_into(console: Console) -> None:
    print(f"step into interrupts: {'on' if console.step_into_interrupts else 'off'}")


def _nreset(console: Console) -> None:
    state = console.target.getState()
    print(f"nRESET is {'low' if state == console.target.TARGET_RESET else 'high'}")


def _set_vector_catch(console: Console, value: str) -> None:
    mask = 0
    for letter in value.lower():
        if letter not in CATCH_LETTERS:
            raise UsageError(f"vector-catch has no {letter!r}", hint="".join(CATCH_LETTERS))
        mask |= CATCH_LETTERS[letter]
    console.target.setVectorCatch(mask)
    print(f"caught: {', '.join(sorted(catch_names(mask))) or 'nothing'}")


def _set_step_into(console: Console, value: str) -> None:
    console.step_into_interrupts = _switch(value)


def _set_nreset(console: Console, value: str) -> None:
    console.link.assert_reset(not _switch(value))


def _set_log(console: Console, value: str) -> None:
    wrong_unless(value in common.LEVELS)
    logging.getLogger("pyOCD").setLevel(value.upper())


def _set_clock(console: Console, value: str) -> None:
    console.link.set_clock(console.number(value) * 1000)


def _switch(value: str) -> bool:
    if value.lower() not in _SWITCH:
        raise UsageError(f"{value!r} is neither on nor off")
    return _SWITCH[value.lower()]


_SHOWS: dict[str, Callable[[Console], None]] = {
    "map": _map,
    "peripherals": _peripherals,
    "uid": _uid,
    "cores": _cores,
    "target": _target,
    "fault": _fault,
    "vector-catch": _vector_catch,
    "vc": _vector_catch,
    "step-into-interrupt": _step_into,
    "si": _step_into,
    "nreset": _nreset,
}
_SETS: dict[str, Callable[[Console, str], None]] = {
    "vector-catch": _set_vector_catch,
    "vc": _set_vector_catch,
    "step-into-interrupt": _set_step_into,
    "si": _set_step_into,
    "nreset": _set_nreset,
    "log": _set_log,
    "clock": _set_clock,
}
