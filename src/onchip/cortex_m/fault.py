"""Find out what went wrong: fault status, fault addresses, and the frame that the exception
stacked.

The frame is found by EXC_RETURN: in lr at the handler's first instructions, further on where the
handler's prologue pushed it. It is believed only if it looks like one (a Thumb state, a pc that can
hold code), because a wrong frame is worse than none.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..arch.scs import CFSR, FPCCR, HFSR, ICSR, SHCSR, XPSR, ExceptionNumber
from ..errors import TransferError
from .fault_causes import decode, hard_fault_sentence, kind_of, sentence
from .halting import HaltingCore

_NAMES: dict[int, str] = {
    ExceptionNumber.NMI: "NMI",
    ExceptionNumber.HARD_FAULT: "HardFault",
    ExceptionNumber.MEM_MANAGE: "MemManage fault",
    ExceptionNumber.BUS_FAULT: "BusFault",
    ExceptionNumber.USAGE_FAULT: "UsageFault",
}
_FAULTS = (
    ExceptionNumber.HARD_FAULT,
    ExceptionNumber.MEM_MANAGE,
    ExceptionNumber.BUS_FAULT,
    ExceptionNumber.USAGE_FAULT,
)
_FRAME = ("r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr")
_EXTENDED = (*[f"s{n}" for n in range(16)], "fpscr")
_STACK_WORDS = 64  # how far up a handler's prologue is looked for
_STATUS = ("SHCSR", "CFSR", "HFSR", "DFSR", "MMFAR", "BFAR", "AFSR")
_STACKING = frozenset({"STKOF", "MSTKERR", "STKERR"})
_LOCKUP_PC = frozenset({0xFFFF_FFFE, 0xEFFF_FFFE})


@dataclass(frozen=True, slots=True)
class FaultReport:
    """A fault, told for people: ``str(report)``.

    ``headline`` is one plain sentence; ``causes`` names the status bits; ``registers`` is the
    stacked frame (r0-r3, r12, lr, pc, xpsr and, for an extended frame, s0-s15 and fpscr); ``sp`` is
    the stack pointer before the exception; ``status`` the fault registers as they were read.
    """

    exception: int
    name: str
    headline: str
    causes: tuple[str, ...]
    pc: int | None
    lr: int | None
    address: int | None
    registers: dict[str, int] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    exc_return: int | None = None
    frame_address: int | None = None
    sp: int | None = None
    escalated: bool = False

    def __repr__(self) -> str:
        return f"<FaultReport {self.name}: {self.headline}>"

    @property
    def sentence(self) -> str:
        """What faulted and why, with its full stop."""
        return f"{self.name}: {self.headline}" + ("" if self.headline.endswith("?") else ".")

    def __str__(self) -> str:
        lines = [self.sentence]
        if self.pc is not None:
            called = "" if self.lr is None else f", lr {self.lr:#010x}"
            lines.append(f"  at pc {self.pc:#010x}{called}")
        if self.address is not None:
            lines.append(f"  fault address {self.address:#010x}")
        if self.causes:
            how = " (escalated to HardFault)" if self.escalated else ""
            lines.append(f"  cause {', '.join(self.causes)}{how}")
        cells = [f"{n:>5} {v:#010x}" for n, v in self.registers.items() if n[0] != "s" or n == "sp"]
        lines += ["  " + "  ".join(cells[i : i + 4]) for i in range(0, len(cells), 4)]
        if self.frame_address is not None and self.exc_return is not None:
            stack = "process" if self.exc_return & 4 else "main"
            size = "extended (FPU)" if not self.exc_return & 0x10 else "basic"
            lines.append(
                f"  {size} frame at {self.frame_address:#010x} on the {stack} stack, "
                f"EXC_RETURN {self.exc_return:#010x}, sp before {self.sp or 0:#010x}"
            )
        elif self.exception in _FAULTS:
            lines.append("  no believable stack frame was found")
        if self.status:
            lines.append("  " + " ".join(f"{n}={v:#010x}" for n, v in self.status.items()))
        return "\n".join(lines)


def read_fault(core: HaltingCore) -> FaultReport | None:
    """Return the fault that the core is in, or that its status registers still tell of.

    Raises:
        CoreStateError: the core runs.
        TransferError: the debug hardware did not answer.
    """
    core.run.require_halted("read the fault status")
    batch = core.batch()
    block = core.ap.queue_read(batch, SHCSR.address, 4 * len(_STATUS))
    icsr = core.ap.queue_read_u32(batch, ICSR.address)
    registers = core.queue_read_registers(
        batch, ("r0", "r1", "r2", "r3", "r12", "sp", "lr", "pc", "xpsr", "msp", "psp")
    )
    batch.run()
    now = registers.value
    words = block.value
    status = {
        name: int.from_bytes(words[4 * i : 4 * i + 4], "little") for i, name in enumerate(_STATUS)
    }
    if core.identity.baseline:
        status = {}  # these addresses are reserved in ARMv6-M and ARMv8-M Baseline
    exception = XPSR(now["xpsr"]).Exception or ICSR(icsr.value).VECTACTIVE
    cfsr, hfsr = CFSR(status.get("CFSR", 0)), HFSR(status.get("HFSR", 0))
    in_fault = exception in _FAULTS
    if not in_fault and not decode(cfsr) and not hfsr:
        return None
    frame = _find_frame(core, now) if in_fault else None
    return _report(core, exception, frame, now, status)


@dataclass(frozen=True, slots=True)
class _Frame:
    address: int
    exc_return: int
    registers: dict[str, int]

    @property
    def sp(self) -> int:
        size = 0x20 if self.exc_return & 0x10 else 0x68
        return self.address + size + (4 if self.registers["xpsr"] & 1 << 9 else 0)


def _is_exc_return(value: int) -> bool:
    return value >> 8 == 0xFF_FFFF and value & 0xF in (0x1, 0x9, 0xD, 0x0, 0x8, 0xC)


def _find_frame(core: HaltingCore, now: dict[str, int]) -> _Frame | None:
    if _is_exc_return(now["lr"]):
        frame = _read_frame(core, now["lr"], now["psp"] if now["lr"] & 4 else now["msp"])
        if frame is not None or now["lr"] & 4:
            return frame  # else the prologue has moved msp, and pushed lr
    start = now["msp"] & ~3
    stack = _read_up_to(core, start, 4 * _STACK_WORDS)
    for offset in range(0, len(stack) - 3, 4):
        value = int.from_bytes(stack[offset : offset + 4], "little")
        if _is_exc_return(value):
            above = start + offset + 4
            frame = _read_frame(core, value, now["psp"] if value & 4 else above + 7 & ~7)
            if frame is not None:
                return frame
    return None


def _read_up_to(core: HaltingCore, address: int, length: int) -> bytes:
    """Read ``length`` bytes, or those before the end of the memory: a stack begins at its end."""
    length = min(length, (1 << 32) - address)
    try:
        return core.memory.read(address, length)
    except TransferError as error:
        end = error.address
        if end is None or not address < end < address + length:
            return b""
    try:
        return core.memory.read(address, end - address)
    except TransferError:
        return b""


def _read_frame(core: HaltingCore, exc_return: int, address: int) -> _Frame | None:
    """Read a frame, if it can be read and looks like one."""
    extended = not exc_return & 0x10
    names = _FRAME + (_EXTENDED if extended and core.identity.has_fpu else ())
    if address + 4 * len(names) > 1 << 32:
        return None
    try:
        data = core.memory.read(address, 4 * len(names))
    except TransferError:
        return None
    words = [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]
    registers = dict(zip(names, words, strict=True))
    if "fpscr" in registers and _is_lazy(core, address):
        registers.update(core.read_registers(_EXTENDED))
    # a fault of the jump itself stacks a pc that may be anything, and T as it was loaded
    believable = registers["xpsr"] & 0x00FF_0000 == 0 or core.identity.has_fpu
    if registers["xpsr"] >> 24 & 1 == 0 and registers["xpsr"] & 0x1FF not in range(0x10):
        believable = False
    return _Frame(address, exc_return, registers) if believable else None


def _is_lazy(core: HaltingCore, frame: int) -> bool:
    """Tell whether the frame has room for the FP state, but the registers still hold it."""
    data = core.memory.read(FPCCR.address, 8)
    fpccr, fpcar = (int.from_bytes(data[i : i + 4], "little") for i in (0, 4))
    return bool(FPCCR(fpccr).LSPACT) and fpcar == frame + 0x20


def _report(
    core: HaltingCore,
    exception: int,
    frame: _Frame | None,
    now: dict[str, int],
    status: dict[str, int],
) -> FaultReport:
    cfsr, hfsr = CFSR(status.get("CFSR", 0)), HFSR(status.get("HFSR", 0))
    causes = decode(cfsr)
    pc = frame.registers["pc"] if frame else None
    address = None
    if cfsr.BFARVALID:
        address = status["BFAR"]
    elif cfsr.MMARVALID:
        address = status["MMFAR"]
    escalated = bool(hfsr.FORCED and causes)
    if exception == ExceptionNumber.HARD_FAULT and not causes:
        name = "HardFault"
    else:
        name = kind_of(cfsr) if causes else _NAMES.get(exception, "HardFault")
    if now["pc"] in _LOCKUP_PC or core.run.halted is False:
        name = f"Lock-up in {name}"
    headline = _headline(core, frame, cfsr, hfsr, pc, address)
    if exception not in _FAULTS:
        headline = f"not in a fault now, but one was recorded: {headline}"
    return FaultReport(
        exception=exception,
        name=name,
        headline=headline,
        causes=tuple(causes),
        pc=pc,
        lr=frame.registers["lr"] if frame else None,
        address=address,
        registers=dict(frame.registers) if frame else {},
        status=status,
        exc_return=frame.exc_return if frame else None,
        frame_address=frame.address if frame else None,
        sp=frame.sp if frame else None,
        escalated=escalated,
    )


def _headline(
    core: HaltingCore,
    frame: _Frame | None,
    cfsr: CFSR,
    hfsr: HFSR,
    pc: int | None,
    address: int | None,
) -> str:
    causes = decode(cfsr)
    if causes:  # a stack pointer that leads nowhere explains what else went wrong
        told_first = next((cause for cause in causes if cause in _STACKING), causes[0])
        return sentence(told_first, pc, address)
    told = hard_fault_sentence(hfsr)
    if told is not None:
        return told
    if frame is None:
        return "the core keeps no record of the cause, and no stack frame was found"
    return _guess(core, frame)


def _guess(core: HaltingCore, frame: _Frame) -> str:
    """Say what a frame alone tells: ARMv6-M keeps no fault status."""
    pc = frame.registers["pc"]
    if not XPSR(frame.registers["xpsr"]).T:
        return (
            f"the program jumped to {pc:#010x} without the Thumb bit: a function pointer or vector "
            f"that is even, or was overwritten?"
        )
    try:
        opcode = core.memory.read_u16(pc & ~1)
    except TransferError:
        return f"the program jumped to {pc:#010x}, where there is no memory to execute from"
    if pc >= 0x4000_0000 and not 0x6000_0000 <= pc < 0xA000_0000:
        return f"the program jumped to {pc:#010x}, where nothing may be executed"
    accessed = _accessed(opcode, frame.registers)
    if accessed is not None:
        aligned = "" if accessed[0] % accessed[1] == 0 else ", which is not aligned"
        return (
            f"the instruction at {pc:#010x} accesses {accessed[0]:#010x}{aligned}: nothing may be "
            f"there (this core keeps no record of the cause)"
        )
    if opcode >> 8 == 0xDE:
        return f"the instruction at {pc:#010x} is undefined on purpose (UDF {opcode & 0xFF})"
    if opcode >> 8 == 0xBE:
        return f"the BKPT at {pc:#010x} was executed while no debugger was there to take it"
    return f"the instruction at {pc:#010x} failed (this core keeps no record of the cause)"


def _accessed(opcode: int, registers: dict[str, int]) -> tuple[int, int] | None:
    """Return address and size of a 16-bit load or store whose registers were stacked."""
    base = registers.get(f"r{opcode >> 3 & 7}")
    if base is None:
        return None
    offset = opcode >> 6 & 0x1F
    kind = opcode >> 11
    sizes = {0b01100: 4, 0b01101: 4, 0b01110: 1, 0b01111: 1, 0b10000: 2, 0b10001: 2}
    if kind in sizes:  # LDR/STR, LDRB/STRB, LDRH/STRH (immediate), ARMv6-M A5.2.4
        return base + offset * sizes[kind] & 0xFFFF_FFFF, sizes[kind]
    if opcode >> 12 == 0b0101:  # register offset
        index = registers.get(f"r{opcode >> 6 & 7}")
        if index is None:
            return None
        size = (4, 2, 1, 1, 4, 2, 1, 2)[opcode >> 9 & 7]
        return base + index & 0xFFFF_FFFF, size
    return None
