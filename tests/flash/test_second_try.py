"""Was it the wire? A verification that failed is told with what half the clock brought."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from onchip.errors import ProbeRefused, VerifyError
from onchip.virtual_board.target.flash_faults import FlashFault, FlashFaultKind

from .bench import Bench, bench, pattern


@contextmanager
def bad_wire(b: Bench) -> Iterator[None]:
    """Above 5 MHz long writes lose a bit, which a wire with parity would not; it is a model."""
    memory, honest = b.core.ap, type(b.core.ap).emit_write
    client = memory.dp.client

    def emit_write(transfers, address, data):  # type: ignore[no-untyped-def]
        if client.frequency_hz > 5_000_000 and bytes(data).find(pattern(64)) >= 0:
            data = bytes(data).replace(pattern(64), pattern(64)[:-1] + b"?")
        honest(memory, transfers, address, data)

    memory.emit_write = emit_write  # type: ignore[method-assign]
    yield
    del memory.emit_write


def test_a_wire_that_is_too_fast_is_to_blame() -> None:
    with bench("nrf51822") as b, bad_wire(b):
        with pytest.raises(VerifyError) as caught:
            b.engine().program(b.image(pattern(1500)))
        told = caught.value
        assert told.address == b.flash + 63
        assert "0x0000_003F reads 3f" in told.message
        assert "programmed again at half the clock (5 MHz) it is right now" in told.message
        assert told.hint == "use a lower clock than 10 MHz, or shorter wires"
        assert b.contents(1500) == pattern(1500)
        assert b.core.ap.dp.client.frequency_hz == 10_000_000


def test_flash_that_is_worn_out_fails_again() -> None:
    with bench("stm32f407") as b:
        fault = FlashFault(FlashFaultKind.STUCK_BIT, b.flash + 64, count=None, bits=0xFF)
        b.board.flash_faults.add(fault)
        with pytest.raises(VerifyError, match=r"\(5 MHz\) it failed too: 0x0800_0040 reads"):
            b.engine().program(b.image(pattern(200, 3)))


def test_verifying_compares_again() -> None:
    with bench("nrf51822") as b:
        b.engine().program(b.image(pattern(200)))
        with pytest.raises(VerifyError, match=r"; at half the clock \(5 MHz\) it differs"):
            b.engine().verify(b.image(pattern(200, 9)))


def test_a_probe_that_does_not_take_the_half_is_no_other_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_client: object, _frequency_hz: int) -> None:
        raise ProbeRefused("no")

    with bench("nrf51822") as b:
        b.engine().program(b.image(pattern(200)))
        monkeypatch.setattr(type(b.core.ap.dp.client), "set_frequency", refuse)
        with pytest.raises(VerifyError) as caught:
            b.engine().verify(b.image(pattern(200, 9)))
        assert "half" not in caught.value.message
