from pathlib import Path

import pytest

from onchip.flash.algorithm import FlashAlgorithm
from onchip.flash.overlap import Row, breaks_when_overlapped, known_rows
from onchip.flash.runner import Runner
from tests.support.elf_builder import flash_device, flm

from .bench import bench, pattern
from .test_runner import algorithm


def parsed(name: str, source: str) -> FlashAlgorithm:
    return FlashAlgorithm.parse(flm(flash_device(name=name)), source=source)


def test_every_row_says_why_and_where_from() -> None:
    assert known_rows()
    for row in known_rows():
        assert row.name == row.name.lower()
        assert row.why
        assert row.source


def test_names_of_device_and_file_are_looked_at() -> None:
    rows = [Row("bad*chip", "it hangs", "seen")]
    assert breaks_when_overlapped(parsed("Bad little CHIP", "/x/some.FLM"), rows) == rows[0]
    assert breaks_when_overlapped(parsed("some", "/x/bad_chip"), rows) == rows[0]
    assert breaks_when_overlapped(parsed("bad chips", "/bad/chip.FLM"), rows) is None
    assert breaks_when_overlapped(parsed("STM32H7x_2048", "x.FLM")) is not None


def test_such_an_algorithm_is_left_alone_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams: list[bool] = []
    honest = Runner.stop

    def stop(runner: Runner) -> None:
        streams.append(runner.streams)
        honest(runner)

    monkeypatch.setattr(Runner, "stop", stop)
    path = tmp_path / "any.FLM"
    copy = "1368 0360 0430 0432 0439 F9D1 0020 7047"
    wen = "0249 0120 0860 0020 7047 00BF 04E50140"
    with bench("nrf52840") as b:
        for name in ("STM32H7x", "another"):
            device = flash_device(name=name, start=0, length=0x10_0000, page=256)
            path.write_bytes(algorithm(device, Init=wen, ProgramPage=copy))
            b.engine(path).program(b.image(pattern(2000), 0x1000 * len(streams)))
    assert streams == [False, True]
