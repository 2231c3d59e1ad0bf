"""The files of GDB's test suite that use a server most, against ours; the rest: make test-gdb."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gdb_suite.report import Known
from tests.gdb_suite.runner import FAST, Suite, running_suite
from tests.gdb_suite.source import SetUpError
from tests.support.tools import missing

pytestmark = [pytest.mark.tools, pytest.mark.timeout(400)]

MENDED = ("range-stepping", "longjmp", "interrupt")
"""What of ours GDB's suite tests besides, and where it found mistakes."""

LONGEST_FIRST = sorted(
    FAST + MENDED, key=("structs", "callfuncs", "watchpoint", "break").__contains__
)[::-1]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    try:
        with running_suite("onchip", tmp_path_factory.mktemp("gdb_suite")) as suite:
            yield suite
    except SetUpError as error:
        missing(f"GDB's test suite ({error})", "picolibc-arm-none-eabi")


@pytest.mark.parametrize("name", LONGEST_FIRST)
def test_what_gdb_itself_tests(suite: Suite, name: str) -> None:
    result = suite.run(name)
    assert result.passes
    assert not Known().news(result), suite.log(name)
