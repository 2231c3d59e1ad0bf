"""Where the registers of a sleeping thread lie on its stack.

    higher addresses   the thread's own stack
                       [4 bytes, if xPSR bit 9 says that the frame was aligned]
                       [s0-s15, FPSCR, reserved: in an extended frame]
                       r0-r3, r12, lr, pc, xPSR   pushed by the exception that switched
    saved pointer ->   what the kernel's port pushed below that

A port's part is a sequence of register names from the saved pointer upwards: "r4", "exc_return",
and "s16-s31" for sixteen words that are there when EXC_RETURN tells of an extended frame. A kernel
that switches without an exception has everything in its own part, which then ends with "pc" and
above which the thread's stack begins; there "s0-s31" is a flag, and s0-s31 and FPSCR if it is set.
Nothing is believed that does not look like a frame. Source: ARMv7-M B1.5.6 to B1.5.8; ARMv8-M
B3.19.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from onchip.rtos.memory_view import word
from onchip.symbols.unwind import is_exc_return

LONGEST_FRAME = 4 * (3 + 8 + 16 + 26 + 1)
"""Bytes of the longest one: PSPLIM, secure context, EXC_RETURN, r4-r11, s16-s31, extended frame."""

BASIC = 0xFFFF_FFFD
"""EXC_RETURN: to Thread mode, process stack, basic frame."""

R4_R11 = tuple(f"r{n}" for n in range(4, 12))
FPU_HIGH = "s16-s31"
FPU_ALL = "s0-s31"
EXC_RETURN = "exc_return"

_HARDWARE = ("r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr")
_BASIC_SIZE, _EXTENDED_SIZE, _S0_AT, _FPSCR_AT = 0x20, 0x68, 0x20, 0x60
_T, _ALIGNED, _RESERVED, _IPSR = 1 << 24, 1 << 9, 0x00F0_0000, 0x1FF
_FTYPE, _MODE, _SPSEL = 1 << 4, 1 << 3, 1 << 2
_FPCA = 4  # of CONTROL, which is the flag of FPU_ALL where a thread gave up the core by itself

Layout = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SavedRegisters:
    """A frame that was found: ``values`` by register name, and where each of them lies.

    ``sp`` is a value without a place: it follows from where the frame ends. d0-d15 and fpscr are
    there as far as the frame has them.
    """

    values: dict[str, int]
    places: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SavedAt:
    """Where a kernel says that a thread's registers are.

    ``pointer`` is the saved stack pointer, ``layouts`` what a port may have pushed there, likeliest
    first. ``exc_return`` is the value that the kernel keeps elsewhere, None if it keeps none;
    ``elsewhere`` has registers that it keeps in the thread's control block: address and value.
    """

    pointer: int
    layouts: tuple[Layout, ...]
    exc_return: int | None = None
    elsewhere: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def decode(
        self, data: bytes, layout: Layout, is_code: Callable[[int], bool]
    ) -> SavedRegisters | None:
        """Read the frame out of the bytes from `pointer` on; see `decode`."""
        found = decode(data, self.pointer, layout, exc_return=self.exc_return, is_code=is_code)
        if found is not None:
            for name, (place, value) in self.elsewhere.items():
                found.places[name], found.values[name] = place, value
        return found


def decode(
    data: bytes,
    address: int,
    layout: Layout,
    *,
    exc_return: int | None = None,
    is_code: Callable[[int], bool] = lambda address: True,
) -> SavedRegisters | None:
    """Read a frame of one layout out of the bytes from the saved pointer on; None: it is none."""
    if layout and layout[-1] == "pc":
        return _whole_frame(data, address, layout, is_code)
    places: dict[str, int] = {}
    at = 0
    known = exc_return
    for name in layout:
        if name == EXC_RETURN:
            known = word(data, at)
        elif name == FPU_HIGH:
            if known is not None and not known & _FTYPE:
                places |= {f"d{8 + n}": address + at + 8 * n for n in range(8)}
                at += 64
            continue
        elif name.startswith("r"):
            places[name] = address + at
        at += 4
    known = BASIC if known is None else known
    if not (is_exc_return(known) and known & _MODE and known & _SPSEL):
        return None
    found = hardware_frame(data[at:], address + at, extended=not known & _FTYPE, is_code=is_code)
    if found is None:
        return None
    for name, place in places.items():
        size = 8 if name[0] == "d" else 4
        found.values[name] = int.from_bytes(data[place - address :][:size], "little")
    found.places.update(places)
    return found


def hardware_frame(
    data: bytes,
    address: int,
    *,
    extended: bool,
    is_code: Callable[[int], bool] = lambda address: True,
) -> SavedRegisters | None:
    """Read the frame that an exception pushed at ``address``; None if no thread's lies there."""
    size = _EXTENDED_SIZE if extended else _BASIC_SIZE
    if len(data) < size or address & 3:
        return None
    values = {name: word(data, 4 * n) for n, name in enumerate(_HARDWARE)}
    places = {name: address + 4 * n for n, name in enumerate(_HARDWARE)}
    xpsr, pc = values["xpsr"], values["pc"]
    if not xpsr & _T or xpsr & (_RESERVED | _IPSR) or not is_code(pc & ~1):
        return None
    values["pc"] = pc & ~1  # some kernels write a function's address with its Thumb bit at first
    if extended:
        for n in range(8):
            at = _S0_AT + 8 * n
            values[f"d{n}"] = int.from_bytes(data[at : at + 8], "little")
            places[f"d{n}"] = address + at
        values["fpscr"], places["fpscr"] = word(data, _FPSCR_AT), address + _FPSCR_AT
    values["sp"] = address + size + (4 if xpsr & _ALIGNED else 0)
    values["psp"] = values["sp"]
    return SavedRegisters(values, places)


def _whole_frame(
    data: bytes, address: int, layout: Layout, is_code: Callable[[int], bool]
) -> SavedRegisters | None:
    """Read a frame that no exception pushed: the program goes on by loading all of it."""
    found, at = SavedRegisters({}), 0
    for name in layout:
        if name == FPU_ALL:
            flag, at = word(data, at), at + 4
            if flag not in (0, 1, _FPCA):
                return None
            if flag:
                found.places.update({f"d{n}": address + at + 8 * n for n in range(16)})
                found.places["fpscr"] = address + at + 128
                at += 132
            continue
        found.places[name] = address + at
        at += 4
    if len(data) < at or address & 3:
        return None
    for name, place in found.places.items():
        size = 8 if name[0] == "d" else 4
        found.values[name] = int.from_bytes(data[place - address :][:size], "little")
    values = found.values
    del found.places["pc"]  # loaded with its Thumb bit, which no debugger writes
    if not values["pc"] & values["xpsr"] >> 24 & 1 or values["xpsr"] & (_RESERVED | _IPSR):
        return None
    values["pc"] &= ~1
    values["sp"] = values["psp"] = address + at
    return found if is_code(values["pc"]) else None


def best_layout(
    frames: Sequence[tuple[SavedAt, bytes]], is_code: Callable[[int], bool]
) -> Layout | None:
    """Return the layout that fits most of the frames: a kernel has one port, not one a thread."""
    layouts = frames[0][0].layouts if frames else ()

    def fits(layout: Layout) -> int:
        return sum(saved.decode(data, layout, is_code) is not None for saved, data in frames)

    ranked = [(fits(layout), -index, layout) for index, layout in enumerate(layouts)]
    count, _, layout = max(ranked, default=(0, 0, ()))
    return layout if count else None
