"""How the verbs write."""

from __future__ import annotations

import io
import sys

import pytest

from onchip.cli.terminal import (
    bytes_text,
    hex32,
    hexdump,
    print_table,
    progress_display,
)
from onchip.flash.progress import Progress


def test_addresses_have_an_underscore() -> None:
    assert hex32(0x2000_00FF) == "0x2000_00ff"
    assert hex32(0) == "0x0000_0000"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (1023, "1023 bytes"), (1024, "1 KiB"), (1536, "1.5 KiB"),
     (1 << 20, "1 MiB"), (1000 * 1024, "1000 KiB")],
)  # fmt: skip
def test_sizes_are_for_people(count: int, text: str) -> None:
    assert bytes_text(count) == text


def test_hexdump_of_bytes() -> None:
    assert list(hexdump(0x2000_0000, b"onchip!\x00\xff" + bytes(8))) == [
        "0x2000_0000  6f 6e 63 68 69 70 21 00 ff 00 00 00 00 00 00 00  onchip!.........",
        "0x2000_0010  00                                               .",
    ]


def test_hexdump_of_words_is_little_endian() -> None:
    data = bytes(range(20))
    assert list(hexdump(0, data, 4)) == [
        "0x0000_0000  03020100 07060504 0b0a0908 0f0e0d0c  ................",
        "0x0000_0010  13121110                             ....",
    ]


def test_hexdump_of_halfwords() -> None:
    assert list(hexdump(0, b"\x01\x02\x03\x04", 2)) == [f"0x0000_0000  {'0201 0403':<39}  ...."]


def test_a_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("A", "LONG"), [("xyz", "1"), ("x", "22222")])
    assert capsys.readouterr().out == "A    LONG\nxyz  1\nx    22222\n"


def test_piped_progress_is_a_line_a_phase(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_display() as show:
        for done in range(0, 4096, 1024):
            show(Progress("erase", done, 4096))
        show(Progress("program", 0, 100))
    assert capsys.readouterr().err == "erase: 4 KiB\nprogram: 100 bytes\n"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress_display() as show:
        for done in range(0, 4097, 1024):
            show(Progress("erase", done, 4096))
        show(Progress("program", 100, 100))
    text = terminal.getvalue()
    assert "erase" in text
    assert "program" in text
    assert "4.0/4.0 KiB" in text
