"""How long a HID device's reports are: the part of a report descriptor that CMSIS-DAP needs.

A report descriptor (USB HID 1.11, 6.2.2) is a list of items: a prefix byte with size, type and tag,
then the data. Report Size (bits of a field), Report Count and Report ID are remembered until the
main items Input, Output and Feature use them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

_LONG_ITEM = 0xFE
_MAIN, _GLOBAL = 0, 1
_INPUT, _OUTPUT = 0x8, 0x9
_REPORT_SIZE, _REPORT_ID, _REPORT_COUNT, _PUSH, _POP = 0x7, 0x8, 0x9, 0xA, 0xB


@dataclass(frozen=True, slots=True)
class ReportSizes:
    """The longest input and output report of a device in bytes, without their report id."""

    input: int
    output: int


def report_sizes(descriptor: bytes) -> ReportSizes:
    """Read a report descriptor. What is cut off or makes no sense counts for nothing."""
    state = {_REPORT_SIZE: 0, _REPORT_COUNT: 0, _REPORT_ID: 0}
    stack: list[dict[int, int]] = []
    bits: dict[int, Counter[int]] = {_INPUT: Counter(), _OUTPUT: Counter()}
    at = 0
    while at < len(descriptor):
        prefix = descriptor[at]
        if prefix == _LONG_ITEM:
            at += 3 + (descriptor[at + 1] if at + 1 < len(descriptor) else 0)
            continue
        length = (0, 1, 2, 4)[prefix & 3]
        data = int.from_bytes(descriptor[at + 1 : at + 1 + length], "little")
        kind, tag = prefix >> 2 & 3, prefix >> 4
        at += 1 + length
        if kind == _GLOBAL and tag in state:
            state[tag] = data
        elif kind == _GLOBAL and tag == _PUSH:
            stack.append(dict(state))
        elif kind == _GLOBAL and tag == _POP and stack:
            state = stack.pop()
        elif kind == _MAIN and tag in bits:
            bits[tag][state[_REPORT_ID]] += state[_REPORT_SIZE] * state[_REPORT_COUNT]
    return ReportSizes(_longest(bits[_INPUT]), _longest(bits[_OUTPUT]))


def _longest(bits: Counter[int]) -> int:
    return (max(bits.values(), default=0) + 7) // 8
