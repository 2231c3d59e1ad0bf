"""Commands that run the core and stop it."""

from __future__ import annotations

from onchip.cortex_m import HaltKind, HaltReason, ResetKind
from onchip.errors import CoreTimeout, UsageError
from onchip.services.commands.command import Command, Words
from onchip.services.commands.machine import Machine

_KINDS = tuple(kind.value for kind in ResetKind)
_SLICE_S = 0.02
_NOTHING_S = 1e-9
"""Less than a clock that counts nanoseconds can pass: rounding leaves such a rest."""
_LONGEST_SLEEP_MS = 3_600_000


def _halt(machine: Machine, words: Words) -> int:
    words.end()
    machine.halt()
    return _tell_place(machine, "halted")


def _go(machine: Machine, words: Words) -> None:
    words.end()
    machine.go()
    machine.print("running\n")


def _step(machine: Machine, words: Words) -> int:
    """Execute instructions; an interrupt is held off meanwhile."""
    count = words.number(1)
    words.end()
    machine.need_halted("stepping")
    reason: HaltReason | None = None
    for _ in range(count):
        reason = machine.core.step()
        if reason.kind is not HaltKind.STEP or machine.interrupted():
            break
    odd = reason is not None and reason.kind is not HaltKind.STEP
    return _tell_place(machine, f"stopped ({reason.kind.value})" if odd and reason else "stepped")


def _reset(machine: Machine, words: Words) -> int | None:
    wanted = [word.lower() for word in words.rest()]
    stays = [word for word in wanted if word in ("halt", "init", "run")]
    kinds = [word for word in wanted if word in _KINDS]
    if len(stays) > 1 or len(kinds) > 1 or len(stays) + len(kinds) < len(wanted):
        raise UsageError(f"use reset [halt|run] [{'|'.join(_KINDS)}]")
    halt = stays != ["run"]
    machine.reset(ResetKind(kinds[0]) if kinds else ResetKind.SYSTEM, halt=halt)
    if halt:
        return _tell_place(machine, "reset, halted")
    machine.print("reset, running\n")
    return None


def _status(machine: Machine, words: Words) -> str:
    words.end()
    state = machine.core.state().value
    if machine.core.halted:
        _tell_place(machine, state)
    else:
        machine.print(f"{state}\n")
    return state


def _wait(machine: Machine, words: Words) -> int:
    """Wait until the core stands, a slice at a time so that Ctrl-C is seen."""
    milliseconds = words.number(10_000)
    words.end()
    end = machine.core.now() + milliseconds / 1000
    while (reason := machine.core.poll()) is None:
        if machine.interrupted():
            raise UsageError("interrupted; the core runs on")
        if machine.core.now() >= end:
            raise CoreTimeout(f"the core still ran after {milliseconds} ms")
        machine.core.sleep(_SLICE_S)
    return _tell_place(machine, f"stopped ({reason.kind.value})")


def _sleep(machine: Machine, words: Words) -> None:
    milliseconds = words.number()
    words.end()
    if milliseconds > _LONGEST_SLEEP_MS:
        raise UsageError("that is more than an hour", hint="sleep takes milliseconds")
    end = machine.core.now() + milliseconds / 1000
    while (left := end - machine.core.now()) > _NOTHING_S and not machine.interrupted():
        machine.core.sleep(min(left, _SLICE_S))


def _vector_catch(machine: Machine, words: Words) -> frozenset[str]:
    """Set what is named, or only show what is set."""
    names = [name.lower() for word in words.rest() for name in word.split(",") if name]
    if names:
        machine.core.vector_catch = frozenset() if names == ["none"] else frozenset(names)
    caught = machine.core.vector_catch
    machine.print(f"caught: {', '.join(sorted(caught)) or 'none'}\n")
    return caught


def _init(machine: Machine, words: Words) -> None:
    """Do nothing: scripts written for other servers begin with it."""
    words.rest()


def _tell_place(machine: Machine, what: str) -> int:
    values = machine.core.read_registers(("pc", "sp"))
    machine.print(f"{what} at pc {machine.place(values['pc'])}, sp 0x{values['sp']:08x}\n")
    return values["pc"]


COMMANDS = (
    Command(
        ("halt", "h"), "halt", "stop the core", _halt, "It says where. A halted core stays so."
    ),
    Command(
        ("go", "g", "resume", "continue", "c"),
        "go",
        "let the core run",
        _go,
        "It does not wait: `wait` does, `status` looks, `halt` stops.",
    ),
    Command(
        ("step", "s", "stepi"),
        "step [COUNT]",
        "execute instructions, interrupts held off",
        _step,
        "It ends early at a breakpoint or watchpoint.",
    ),
    Command(
        ("reset",),
        "reset [halt|run] [KIND]",
        "reset the chip, and halt it or let it run",
        _reset,
        f"KIND is {', '.join(_KINDS)}. Without `run` the core stands before its first instruction.",
    ),
    Command(
        ("status", "st"),
        "status",
        "say what the core is doing",
        _status,
        "running, sleeping, halted (and where), locked up, or held in reset; nothing is halted.",
    ),
    Command(
        ("wait",),
        "wait [MILLISECONDS]",
        "wait until the core stands",
        _wait,
        "After `break main` and `go`, say. 10000 when no time is given; still running is an error.",
    ),
    Command(
        ("sleep",),
        "sleep MILLISECONDS",
        "wait",
        _sleep,
        "go; sleep 100; halt. On a virtual board it is simulated time.",
    ),
    Command(
        ("vector-catch", "vc", "vector_catch"),
        "vector-catch [NAME...]",
        "halt when one of these exceptions begins; none: not any more",
        _vector_catch,
        "NAME is reset, hardfault, memmanage, busfault, usagefault-state, usagefault-check, nocp, "
        "interrupt. Without one, what is set is shown.",
    ),
    Command(("init",), "init", "accepted for other servers' scripts; does nothing", _init),
)
