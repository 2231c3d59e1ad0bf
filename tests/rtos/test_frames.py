"""Frames on the stacks of sleeping threads: each port's layout, and what is no frame."""

from __future__ import annotations

import struct

import pytest

from onchip.rtos.frames import EXC_RETURN, FPU_HIGH, SavedAt, best_layout, decode
from onchip.rtos.frames import R4_R11 as NAMES
from onchip.rtos.freertos import _LAYOUTS

from .fakes import CODE, R4_R11, S16_S31, exception_frame

AT = 0x2000_1000
BASIC, EXTENDED = 0xFFFF_FFFD, 0xFFFF_FFED
CM4F, CM33, CM33_SECURE, CM4_MPU, CM3, CM3_MPU = _LAYOUTS
RTX5 = (FPU_HIGH, *NAMES)
THREADX = (EXC_RETURN, FPU_HIGH, *NAMES)


def pack(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize(
    ("layout", "before", "behind", "kept"),
    [
        (CM4F, [*R4_R11, "lr", "fpu"], [], None),
        (CM33, [0x2000_0800, "lr", *R4_R11, "fpu"], [], None),
        (CM33_SECURE, [0, 0x2000_0800, "lr", *R4_R11, "fpu"], [], None),
        (CM4_MPU, [3, *R4_R11, "lr", "fpu"], [], None),
        (RTX5, ["fpu", *R4_R11], [], "lr"),
        (THREADX, ["lr", "fpu", *R4_R11], [], None),
    ],
)
def test_each_port_with_both_kinds_of_frame(
    layout: tuple[str, ...],
    before: list[int | str],
    behind: list[int],
    kept: str | None,
    extended: bool,
) -> None:
    lr = EXTENDED if extended else BASIC
    words: list[int] = []
    for each in before:
        if each == "fpu":
            words += S16_S31 if extended else []
        else:
            words.append(lr if each == "lr" else each)
    hardware = exception_frame(extended=extended)
    data = pack(*words, *hardware, 0xAAAA_AAAA)
    found = decode(data, AT, layout, exc_return=lr if kept else None)
    assert found is not None
    values = found.values
    assert [values[f"r{n}"] for n in range(4, 12)] == R4_R11
    assert [values[n] for n in ("r0", "r3", "r12", "lr", "pc", "xpsr")] == [
        *(0x10, 0x13, 0x1C, 0x0800_2001),
        *(CODE, 1 << 24),
    ]
    assert values["sp"] == values["psp"] == AT + 4 * (len(words) + len(hardware))
    assert found.places["pc"] == AT + 4 * (len(words) + 6)
    assert "sp" not in found.places
    for name, place in found.places.items():
        size = 8 if name[0] == "d" else 4
        assert int.from_bytes(data[place - AT :][:size], "little") == values[name]
    if extended:
        assert values["d0"] == 0x101_0000_0100
        assert values["d8"] == 0x201_0000_0200
        assert values["d15"] == 0x20F_0000_020E
        assert values["fpscr"] == 0x3000_0000
    else:
        assert "d0" not in values


def test_ports_that_keep_no_exc_return() -> None:
    found = decode(pack(*R4_R11, *exception_frame()), AT, CM3)
    assert found is not None
    assert found.values["r11"] == R4_R11[-1]
    assert decode(pack(3, *R4_R11, *exception_frame()), AT, CM3_MPU) is not None


def test_a_first_frame_with_the_thumb_bit_in_pc() -> None:
    found = decode(pack(*R4_R11, *exception_frame(pc=CODE + 1)), AT, CM3)
    assert found is not None
    assert found.values["pc"] == CODE


def test_an_aligned_frame_is_four_bytes_longer() -> None:
    found = decode(pack(*R4_R11, *exception_frame(xpsr=1 << 24 | 1 << 9)), AT, CM3)
    assert found is not None
    assert found.values["sp"] == AT + 0x44


@pytest.mark.parametrize(
    "words",
    [
        exception_frame(xpsr=0),  # Arm state
        exception_frame(xpsr=1 << 24 | 15),  # a handler's
        exception_frame(xpsr=1 << 24 | 1 << 20),  # a reserved bit
        exception_frame()[:-1],
        [],
    ],
)
def test_what_is_no_frame(words: list[int]) -> None:
    assert decode(pack(*R4_R11, *words), AT, CM3) is None


def test_an_exc_return_that_leads_elsewhere() -> None:
    for wrong in (0, 0xFFFF_FFF9, 0xFFFF_FFF1, CODE):
        assert decode(pack(*R4_R11, wrong, *exception_frame()), AT, CM4F) is None


def test_code_that_is_not_there() -> None:
    data = pack(*R4_R11, *exception_frame())
    assert decode(data, AT, CM3, is_code=lambda address: address != CODE) is None


def test_an_unaligned_pointer() -> None:
    assert decode(pack(*R4_R11, *exception_frame()), AT + 2, CM3) is None


def test_the_layout_that_fits_most_frames() -> None:
    frames = [
        (SavedAt(AT, _LAYOUTS), pack(*R4_R11, *exception_frame())),
        (SavedAt(AT, _LAYOUTS), pack(*R4_R11, BASIC, *exception_frame())),
        (SavedAt(AT, _LAYOUTS), pack(*R4_R11, *exception_frame())),
        (SavedAt(AT, _LAYOUTS), b""),
    ]
    assert best_layout(frames, lambda address: True) == CM3
    assert best_layout(frames[3:], lambda address: True) is None
    assert best_layout([], lambda address: True) is None


GENERAL = ("xpsr", *(f"r{n}" for n in range(13)), "lr", "pc")


def whole(*, flag: int | None = None, xpsr: int = 0x0100_0000, pc: int = 0x0800_0101) -> bytes:
    """Return the words of a frame that no exception pushed: r0 is 0x100, r1 0x101, ..."""
    words = [xpsr, *range(0x100, 0x10D), 0x0800_0201, pc]
    if flag:
        words = [flag, *range(32), 0x55, *words]
    elif flag == 0:
        words = [0, *words]
    return b"".join(word.to_bytes(4, "little") for word in words)


@pytest.mark.parametrize("flag", [None, 0, 1, 4])
def test_a_frame_that_no_exception_pushed(flag: int | None) -> None:
    data = whole(flag=flag)
    layout = GENERAL if flag is None else ("s0-s31", *GENERAL)
    found = decode(data + b"\xff" * 8, 0x2000_0100, layout)
    assert found is not None
    assert (found.values["pc"], found.values["lr"]) == (0x0800_0100, 0x0800_0201)
    assert [found.values[f"r{n}"] for n in range(13)] == list(range(0x100, 0x10D))
    assert found.values["sp"] == found.values["psp"] == 0x2000_0100 + len(data)
    assert "pc" not in found.places
    assert found.places["lr"] == 0x2000_0100 + len(data) - 8
    assert found.values.get("d15") == ((31 << 32 | 30) if flag else None)
    assert found.values.get("fpscr") == (0x55 if flag else None)


@pytest.mark.parametrize(
    ("data", "layout"),
    [
        (whole()[:-1], GENERAL),
        (whole(xpsr=0), GENERAL),  # no T
        (whole(xpsr=0x0100_000E), GENERAL),  # in PendSV
        (whole(pc=0x0800_0100), GENERAL),  # no Thumb bit
        (whole(flag=2), ("s0-s31", *GENERAL)),
        (whole(flag=1), GENERAL),
        (whole(flag=0), GENERAL),
        (whole(), ("s0-s31", *GENERAL)),
    ],
)
def test_what_is_no_such_frame(data: bytes, layout: tuple[str, ...]) -> None:
    assert decode(data, 0x2000_0100, layout) is None
    assert decode(whole(), 0x2000_0100, GENERAL, is_code=lambda address: False) is None
    assert decode(whole(), 0x2000_0102, GENERAL) is None
