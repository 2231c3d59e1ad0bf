from pathlib import Path

import pytest

from onchip.flash.algorithm import FlashAlgorithm
from onchip.flash.running.overlap import Row, breaks_when_overlapped, known_rows, rows_of
from onchip.flash.running.rung import Rung
from tests.support.elf_builder import flash_device, flm

from ..bench import algorithm, bench, pattern


def parsed(name: str, source: str) -> FlashAlgorithm:
    return FlashAlgorithm.parse(flm(flash_device(name=name)), source=source)


def test_every_row_says_why_and_where_from() -> None:
    assert known_rows()
    for row in known_rows():
        assert row.name == row.name.lower()
        assert row.why
        assert row.source


def test_a_row_may_name_the_rung(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = '[[algorithm]]\nname = "any"\nwhy = "it hangs"\nsource = "seen"\n'
    (single,), (double,) = rows_of(head), rows_of(f'{head}rung = "double"\n')
    assert (single.rung, double.rung) == (Rung.SINGLE, Rung.DOUBLE)
    monkeypatch.setattr("onchip.flash.running.ladder.breaks_when_overlapped", lambda _: double)
    with bench("nrf51822") as b:
        report = b.engine().program(b.image(pattern(100)))
        assert (report.mode, report.mode_because) == ("double", "it hangs (seen)")


def test_names_of_device_and_file_are_looked_at() -> None:
    rows = [Row("bad*chip", "it hangs", "seen")]
    assert breaks_when_overlapped(parsed("Bad little CHIP", "/x/some.FLM"), rows) == rows[0]
    assert breaks_when_overlapped(parsed("some", "/x/bad_chip"), rows) == rows[0]
    assert breaks_when_overlapped(parsed("bad chips", "/bad/chip.FLM"), rows) is None
    assert breaks_when_overlapped(parsed("STM32H7x_2048", "x.FLM")) is not None


def test_such_an_algorithm_is_called_with_nothing_else_going_on(tmp_path: Path) -> None:
    path = tmp_path / "any.FLM"
    copy = "1368 0360 0430 0432 0439 F9D1 0020 7047"
    wen = "0249 0120 0860 0020 7047 00BF 04E50140"
    modes = []
    with bench("nrf52840") as b:
        for offset, name in ((0, "STM32H7x"), (0x1000, "another")):
            device = flash_device(name=name, start=0, length=0x10_0000, page=256)
            path.write_bytes(algorithm(device, Init=wen, ProgramPage=copy))
            report = b.engine(path).program(b.image(pattern(2000), offset))
            modes.append((report.mode, "pull 1898" in report.mode_because))
    assert modes == [("single", True), ("stream", False)]
