"""Checks at start-up that this build of Unicorn behaves as ``engine`` relies on.

Unicorn's behaviour for M-profile has changed between releases; a virtual board on an engine that
behaves otherwise would be wrong in ways that nobody finds. A few milliseconds, once per process
and processor.
"""

from __future__ import annotations

import struct

from onchip.errors import BoardError

from ...bus import Memory
from ..engine import Engine, FpControl, Stop

BASE = 0x2000_0000
_NOP, _WFI, _WFE, _BX_LR, _MOVS_R0_1 = 0xBF00, 0xBF30, 0xBF20, 0x4770, 0x2001
_MOVS_R1_2, _B_NEXT, _LDM_R1 = 0x2102, 0xE7FF, 0xC930
_WITH_FPU = ("cortex-m4", "cortex-m7")
_VADD_S0_S1_S1, _ONE = (0xEE30, 0x0AA0), 0x3F80_0000
_LAZY = 0xC000_0001  # FPCCR: ASPEN, LSPEN, LSPACT
_FOREIGN = {  # an instruction that the processor must not know
    "cortex-m0": (0xF240, 0x0001),  # MOVW
    "cortex-m0p": (0xF240, 0x0001),
    "cortex-m3": (0xFA80, 0xF000),  # SADD8
    "cortex-m4": (0xE840, 0xF000),  # TT
    "cortex-m7": (0xE840, 0xF000),
}


def check(cpu: str, engine: Engine) -> None:
    """Try ``engine``, a fresh one with no memory mapped.

    Raises:
        BoardError: something does not behave as it must; the message names it.
    """
    memory = Memory("self-test", BASE, 0x400, "ram")
    engine.map_memory(BASE, memory, 0, 0x400)

    def run(*code: int, count: int = 100, exits: frozenset[int] = frozenset()) -> Stop:
        engine.set_exits(set())
        memory.data[: 2 * len(code)] = struct.pack(f"<{len(code)}H", *code)
        engine.flush(BASE, 0x100)
        engine.set_exits(set(exits))
        engine.reset(BASE + 0x400, BASE | 1)
        engine.run(count)
        return engine.stop

    def expect(what: str, *, holds: bool) -> None:
        if not holds:
            raise BoardError(
                f"this build of Unicorn cannot carry a virtual {cpu}: {what}",
                hint="use unicorn 2.1.4 from PyPI",
            )

    run(*[_NOP] * 8, _WFI, count=5)
    expect(
        "counted runs are not exact",
        holds=(engine.stop, engine.executed, engine.pc) == (Stop.BUDGET, 5, BASE + 10),
    )
    stop = run(_NOP, _WFI)
    expect("WFI is not reported", holds=stop is Stop.WFI and engine.executed == 2)
    expect("WFE is not reported", holds=run(_NOP, _WFE) is Stop.WFE)
    stop = run(_NOP, _MOVS_R0_1, _WFI, exits=frozenset({BASE + 2}))
    expect(
        "exits do not stop before the instruction",
        holds=stop is Stop.EXIT and engine.pc == BASE + 2 and engine.read_register("r0") == 0,
    )
    stop = run(*_FOREIGN[cpu], _WFI)
    expect("it executes instructions of another processor", holds=stop is Stop.UNDEFINED)
    stop = run(_MOVS_R1_2, _B_NEXT, _LDM_R1, _WFI)
    expect(
        "unaligned accesses of LDM are not reported",
        holds=stop is Stop.UNALIGNED and engine.pc == BASE + 4,
    )
    if cpu in _WITH_FPU:
        run(_WFI)
        expect("FP state is not stacked lazily", holds=_stacks_lazily(engine, memory))
    run(_WFI)
    memory.data[0x80:0x82] = struct.pack("<H", _BX_LR)
    context = engine.frame_context()
    engine.enter_handler(context, BASE + 0x300, 11, 0xFFFF_FFF9, BASE + 0x81)
    engine.run(10)
    expect(
        "EXC_RETURN is not recognised",
        holds=engine.stop is Stop.EXCEPTION_RETURN and engine.address == 0xFFFF_FFF9,
    )


def _stacks_lazily(engine: Engine, memory: Memory) -> bool:
    """Execute an FP instruction while the state of another context waits for its place."""
    code = BASE + 0x40
    memory.data[0x40:0x46] = struct.pack("<3H", *_VADD_S0_S1_S1, _WFI)
    engine.flush(code, 6)
    engine.write_register("s1", _ONE)
    engine.write_register("pc", code)
    engine.set_fp_control(FpControl(fpccr=_LAZY, fpcar=BASE + 0x200, fpdscr=0))
    engine.run(10)
    stacked = memory.data[0x204:0x208] == struct.pack("<I", _ONE)
    left = engine.fp_control().fpccr & 1
    engine.set_fp_control(FpControl(fpccr=0, fpcar=0, fpdscr=0))
    return stacked and not left
