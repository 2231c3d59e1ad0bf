"""Agent expressions: the bytecode in which GDB sends conditions and commands of breakpoints.

A machine with a stack of 64-bit integers. Everything about a program that can be wrong whatever the
target holds is refused when it comes; running it is bounded. All that it can do is to read the
target, to set trace state variables, and to say what a trace is to collect.

Source: Debugging with GDB, appendix F. Opcodes of floating point are reserved there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from onchip.errors import ExpressionError, UsageError
from onchip.services.gdb.agent.printf import format_text, unescape

MOST_STEPS: Final = 10_000
"""An expression that executes more instructions than this is broken off."""

DEEPEST_STACK: Final = 256
LONGEST_CODE: Final = 0x10000

_MASK = (1 << 64) - 1
_PRINTF = 0x34


class Surroundings(Protocol):
    """What an expression sees of the target."""

    def read_memory(self, address: int, length: int) -> bytes:
        """Return target memory; raises OnchipError."""

    def read_register(self, number: int) -> int:
        """Return the register that GDB calls ``number``; raises OnchipError."""

    def thread_id(self) -> int:
        """Return the thread that executes."""

    def print(self, text: str) -> None:
        """Show what the expression prints."""

    def variable(self, number: int) -> int:
        """Return a trace state variable."""

    def set_variable(self, number: int, value: int) -> None:
        """Set a trace state variable, to a signed value of 64 bits."""

    def collect(self, address: int, length: int) -> None:
        """Put target memory into the trace frame, if one is being made; raises OnchipError."""

    def collect_string(self, address: int, longest: int) -> None:
        """Put memory up to a zero into the trace frame; raises OnchipError."""

    def collect_variable(self, number: int) -> None:
        """Put a trace state variable into the trace frame."""


Stack = list[int]


def signed(value: int, bits: int = 64) -> int:
    """Return the two's complement value of the lowest ``bits`` bits."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if bits and value >> (bits - 1) else value


def _quotient(a: int, b: int) -> int:
    if b == 0:
        raise ExpressionError("division by zero in an agent expression")
    size = abs(a) // abs(b)
    return size if (a < 0) == (b < 0) else -size


def _remainder(a: int, b: int) -> int:
    return a - b * _quotient(a, b)


def _shift_left(a: int, b: int) -> int:
    return a << b if b < 64 else 0


_BINARY: dict[int, Callable[[int, int], int]] = {
    0x02: lambda a, b: a + b,
    0x03: lambda a, b: a - b,
    0x04: lambda a, b: a * b,
    0x05: lambda a, b: _quotient(signed(a), signed(b)),
    0x06: _quotient,
    0x07: lambda a, b: _remainder(signed(a), signed(b)),
    0x08: _remainder,
    0x09: _shift_left,
    0x0A: lambda a, b: signed(a) >> min(b, 63),
    0x0B: lambda a, b: a >> min(b, 64),
    0x0F: lambda a, b: a & b,
    0x10: lambda a, b: a | b,
    0x11: lambda a, b: a ^ b,
    0x13: lambda a, b: a == b,
    0x14: lambda a, b: signed(a) < signed(b),
    0x15: lambda a, b: a < b,
}
_UNARY: dict[int, Callable[[int], int]] = {0x0E: lambda a: not a, 0x12: lambda a: ~a}
_REFERENCES = {0x17: 1, 0x18: 2, 0x19: 4, 0x1A: 8}
_CONSTANTS = (0x22, 0x23, 0x24, 0x25)

OPERAND_LENGTHS: Final = {
    **dict.fromkeys((*_BINARY, *_UNARY, *_REFERENCES), 0),
    0x0C: 0,
    0x0D: 1,
    0x16: 1,
    0x20: 2,
    0x21: 2,
    0x22: 1,
    0x23: 2,
    0x24: 4,
    0x25: 8,
    0x26: 2,
    0x27: 0,
    0x28: 0,
    0x29: 0,
    0x2A: 1,
    0x2B: 0,
    0x2C: 2,
    0x2D: 2,
    0x2E: 2,
    0x2F: 0,
    0x30: 2,
    0x32: 1,
    0x33: 0,
    0x35: 0,
}
"""How many bytes follow each opcode; printf (0x34) says so itself."""

_NEEDS = {
    **dict.fromkeys(_BINARY, 2),
    **dict.fromkeys((*_UNARY, *_REFERENCES), 1),
    0x0C: 2,
    0x0D: 1,
    0x16: 1,
    0x20: 1,
    0x28: 1,
    0x29: 1,
    0x2A: 1,
    0x2B: 2,
    0x2D: 1,
    0x2F: 2,
    0x30: 1,
    0x33: 3,
}


@dataclass(frozen=True, slots=True)
class _Instruction:
    opcode: int
    operand: int
    next: int
    text: bytes = b""


class AgentExpression:
    """A checked program.

    Raises:
        UsageError: it holds an opcode that is not known, ends within an instruction, or jumps to
            where none begins.
    """

    def __init__(self, code: bytes) -> None:
        self.code = code
        self._program = _parse(code)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AgentExpression) and other.code == self.code

    def __hash__(self) -> int:
        return hash(self.code)

    @property
    def registers(self) -> frozenset[int]:
        """Return the numbers of the registers that it may read."""
        return frozenset(each.operand for each in self._program.values() if each.opcode == 0x26)

    def evaluate(self, target: Surroundings) -> int:
        """Run it; return the top of the stack at the end, unsigned; 0 if nothing is left.

        Raises:
            ExpressionError: a division by zero, too few values, too many steps.
            OnchipError: memory or a register could not be read.
        """
        stack: Stack = []
        position = 0
        for _ in range(MOST_STEPS):
            instruction = self._program.get(position)
            if instruction is None or instruction.opcode == 0x27:
                return stack[-1] if stack else 0
            position = _execute(instruction, stack, target)
            if len(stack) > DEEPEST_STACK:
                raise ExpressionError(f"an agent expression needs more than {DEEPEST_STACK} values")
        raise ExpressionError(f"an agent expression took more than {MOST_STEPS} steps")


def _parse(code: bytes) -> dict[int, _Instruction]:
    program: dict[int, _Instruction] = {}
    position = 0
    if len(code) > LONGEST_CODE:
        raise UsageError(f"an agent expression of {len(code)} bytes is too long")
    while position < len(code):
        opcode = code[position]
        if opcode == _PRINTF:
            instruction = _parse_printf(code, position)
        else:
            length = OPERAND_LENGTHS.get(opcode)
            if length is None:
                raise UsageError(f"agent expressions have no opcode 0x{opcode:02x} here")
            end = position + 1 + length
            operand = int.from_bytes(code[position + 1 : end], "big")
            instruction = _Instruction(opcode, operand, end)
        if instruction.next > len(code):
            raise UsageError("an agent expression ends within an instruction")
        program[position] = instruction
        position = instruction.next
    for instruction in program.values():
        if instruction.opcode in (0x20, 0x21) and instruction.operand not in program:
            raise UsageError("an agent expression jumps to where no instruction begins")
    return program


def _parse_printf(code: bytes, position: int) -> _Instruction:
    length = int.from_bytes(code[position + 2 : position + 4], "big")
    end = position + 4 + length
    text = code[position + 4 : end]
    if len(code) < end or not text.endswith(b"\0"):
        raise UsageError("the text of a printf in an agent expression has no end")
    return _Instruction(_PRINTF, code[position + 1], end, unescape(text[:-1]))


def _execute(instruction: _Instruction, stack: Stack, target: Surroundings) -> int:
    """Execute one instruction; return the position of the next."""
    opcode, operand = instruction.opcode, instruction.operand
    need = operand + 2 if opcode == _PRINTF else _NEEDS.get(opcode, 0)
    if opcode == 0x32:  # pick
        need = operand + 1
    if len(stack) < need:
        raise ExpressionError("an agent expression takes more values than it has")
    if opcode in _BINARY:
        b, a = stack.pop(), stack.pop()
        stack.append(_BINARY[opcode](a, b) & _MASK)
    elif opcode in _UNARY:
        stack.append(_UNARY[opcode](stack.pop()) & _MASK)
    elif opcode in _REFERENCES:
        data = target.read_memory(stack.pop() & 0xFFFF_FFFF, _REFERENCES[opcode])
        stack.append(int.from_bytes(data, "little"))
    elif opcode in _CONSTANTS:
        stack.append(operand)
    elif opcode == 0x20:  # if_goto
        return operand if stack.pop() else instruction.next
    elif opcode == 0x21:  # goto
        return operand
    else:
        _execute_other(instruction, stack, target)
    return instruction.next


def _execute_other(instruction: _Instruction, stack: Stack, target: Surroundings) -> None:
    operand = instruction.operand
    match instruction.opcode:
        case 0x16:  # ext
            stack.append(signed(stack.pop(), min(operand, 64)) & _MASK)
        case 0x2A:  # zero_ext
            stack.append(stack.pop() & ((1 << min(operand, 64)) - 1))
        case 0x26:  # reg
            stack.append(target.read_register(operand) & _MASK)
        case 0x28:  # dup
            stack.append(stack[-1])
        case 0x29:  # pop
            stack.pop()
        case 0x2B:  # swap
            stack[-2:] = stack[:-3:-1]
        case 0x32:  # pick
            stack.append(stack[-1 - operand])
        case 0x33:  # rot: a b c becomes c b a
            stack[-3:] = stack[:-4:-1]
        case 0x2C:  # getv
            stack.append(target.variable(operand) & _MASK)
        case 0x2D:  # setv
            target.set_variable(operand, signed(stack[-1]))
        case 0x2E:  # tracev: puts nothing on the stack; GDB writes getv before it
            target.collect_variable(operand)
        case 0x35:  # thread_id
            stack.append(target.thread_id() & _MASK)
        case 0x0C:  # trace: address and size
            length, address = stack.pop(), stack.pop()
            target.collect(address & 0xFFFF_FFFF, length)
        case 0x2F:  # tracenz: likewise, up to a zero
            longest, address = stack.pop(), stack.pop()
            target.collect_string(address & 0xFFFF_FFFF, longest)
        case 0x0D | 0x30:  # trace_quick, trace16: the address stays
            target.collect(stack[-1] & 0xFFFF_FFFF, operand)
        case 0x34:  # printf
            del stack[-2:]  # function and channel: ours is the client's console
            values = [stack.pop() for _ in range(operand)]
            target.print(format_text(instruction.text, values, target.read_memory))
