"""Names of exceptions."""

from __future__ import annotations

import pytest

from onchip.arch.exceptions import exception_name


@pytest.mark.parametrize(
    ("number", "name"),
    [(3, "HardFault"), (14, "PendSV"), (15, "SysTick"), (16, "interrupt 0"), (13, "exception 13")],
)
def test_exception_names(number: int, name: str) -> None:
    assert exception_name(number) == name
