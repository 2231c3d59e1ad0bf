"""What is made of DejaGnu's summaries."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gdb_suite.report import Known, missing_passes, write
from tests.gdb_suite.runner import FileResult, read_summary


@pytest.fixture
def result(tmp_path: Path) -> FileResult:
    path = tmp_path / "break.sum"
    path.write_text(
        "Running gdb.base/break.exp ...\n"
        "PASS: gdb.base/break.exp: run to main\n"
        "PASS: gdb.base/break.exp: run to main\n"
        "KFAIL: gdb.base/break.exp: a bug of GDB\n"
        "FAIL: gdb.base/break.exp: test_no_break_on_catchpoint: continue until exit "
        "(the program exited)\n"
        "UNRESOLVED: gdb.base/break.exp: a | b\n"
        "ERROR: no file\n"
        "\n# of expected passes\t\t2\n"
        "# at commit 1234567\n"
    )
    return read_summary(path)


def test_a_summary_is_read(result: FileResult) -> None:
    assert result.name == "break"
    assert result.passes == ["run to main", "run to main"]
    assert len(result.failures) == 3
    assert result.commit == "1234567"
    assert not result.green
    assert FileResult("x", (("PASS", "a"), ("KFAIL", "b"))).green
    assert not FileResult("x", (("UNTESTED", "a"),)).green


def test_failures_without_a_reason_are_news(result: FileResult) -> None:
    assert Known().news(result) == ["a | b", "no file"]
    assert Known().why("func-ptrs", "whatever") is not None


def test_passes_of_another_server_are_counted(result: FileResult) -> None:
    passes = [("PASS", "run to main")] * 3 + [("PASS", "more")]
    assert missing_passes(result, FileResult("break", tuple(passes))) == ["run to main", "more"]


def test_the_tables_follow_what_people_wrote(result: FileResult, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n<!-- from here written by python -m tests.gdb_suite -->\nold\n")
    other = FileResult("break", (("PASS", "run to main"), ("FAIL", "a | b")))
    write(page, {"break": result}, {"break": other}, ["break"])
    text = page.read_text()
    assert text.startswith("# Title\n\n<!-- from here")
    assert "old" not in text
    assert "| onchip, 1 files | 2 | 3 | 0 |" in text
    assert "1 files, 1 compared test by test.\nonchip: at 1234567 (1). QEMU: at an unknown" in text
    assert "Nothing passes on QEMU's server that does not pass on ours." in text
    assert "| break | a \\| b | fail | not known |" in text
