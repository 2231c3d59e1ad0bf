"""Numbers as people write them."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onchip.cli.options import address, frequency, frequency_or_auto, integer, port, size
from onchip.virtual_board.dap.firmware import Firmware
from onchip.wire.cmsis_dap import Status, StatusResponse, SWJ_Clock

from .conftest import Onchip


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (address, "0x2000_0000", 0x2000_0000),
        (address, "0X20000000", 0x2000_0000),
        (address, "536870912", 0x2000_0000),
        (address, "0", 0),
        (address, "0xffffffff", 0xFFFF_FFFF),
        (size, "64", 64),
        (size, "0x40", 64),
        (size, "16K", 16384),
        (size, "16k", 16384),
        (size, "1M", 1 << 20),
        (size, "0x10K", 16384),
        (frequency, "4M", 4_000_000),
        (frequency, "4000k", 4_000_000),
        (frequency, "4000000", 4_000_000),
        (frequency, "4_000_000", 4_000_000),
        (frequency, "4MHz", 4_000_000),
        (frequency, "1.5M", 1_500_000),
        (frequency, "100 kHz", 100_000),
        (frequency, "32768hz", 32768),
        (integer, "-1", -1),
        (integer, "0b101", 5),
        (port, "0", 0),
        (port, "65535", 65535),
    ],
)
def test_is_read_as(read: Callable[[str], int], text: str, value: int) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (address, ""),
        (address, "main"),
        (address, "-1"),
        (address, "0x1_0000_0000"),
        (address, "0x"),
        (size, ""),
        (size, "0"),
        (size, "-4"),
        (size, "K"),
        (size, "1G"),
        (size, "5000M"),
        (frequency, ""),
        (frequency, "0"),
        (frequency, "fast"),
        (frequency, "4G"),
        (frequency, "-1M"),
        (frequency, "5000M"),
        (integer, "x"),
        (port, "-1"),
        (port, "65536"),
        (port, "http"),
    ],
)
def test_is_refused(read: Callable[[str], int], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        read(text)


@pytest.mark.parametrize("read", [address, size, frequency, integer, port])
@given(text=st.text(max_size=20))
def test_any_text_is_a_number_or_refused(read: Callable[[str], int], text: str) -> None:
    with contextlib.suppress(argparse.ArgumentTypeError):
        assert isinstance(read(text), int)


def test_a_frequency_may_be_left_to_a_test() -> None:
    assert frequency_or_auto("AUTO") == "auto"
    assert frequency_or_auto("4M") == 4_000_000
    with pytest.raises(argparse.ArgumentTypeError, match="not a frequency"):
        frequency_or_auto("fast")


def test_the_clock_that_auto_found_is_said(onchip: Onchip) -> None:
    outcome = onchip("read", "0x2000_0000", 4, "--probe", "virtual:stm32f407", "-f", "auto")
    assert outcome.code == 0
    assert outcome.err.startswith("SWD clock: ")


def test_a_clock_that_the_probe_refused_is_said(
    onchip: Onchip, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(firmware: Firmware, command: SWJ_Clock) -> StatusResponse:
        fits = command.frequency_hz <= 5_000_000
        return StatusResponse(command.ID, Status.OK if fits else Status.ERROR)

    monkeypatch.setattr(Firmware, "_swj_clock", refuses)
    outcome = onchip("read", "0x2000_0000", 4, "--probe", "virtual:stm32f407", "-f", "30M")
    assert outcome.code == 0
    assert outcome.err == "the probe refused a clock of 30000000 Hz and took 5000000 Hz\n"
