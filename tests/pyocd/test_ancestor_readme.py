"""The classic README's example, as the README of this project shows it, on every chip."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.images import FLASH_START, write_bin

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("chip", FLASH_START)
def test_it_runs(
    chip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ONCHIP_PROBE", f"virtual:{chip}@{tmp_path / 'board.flash'}")
    monkeypatch.chdir(tmp_path)
    write_bin(tmp_path, chip).rename(tmp_path / "firmware.bin")
    after = README.split("<!-- python: tests/pyocd/test_ancestor_readme.py", 1)[1]
    block = re.search(r"```python\n(.*?)```", after, re.DOTALL)
    assert block is not None
    exec(compile(block[1], "README.md", "exec"), {})
    values = re.findall(r"pc: 0x([0-9A-F]+)", capsys.readouterr().out)
    assert len(values) == 4
    last = int(values[-1], 16)
    assert FLASH_START[chip] + 0x100 <= last < FLASH_START[chip] + 0x108
