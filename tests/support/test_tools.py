import pytest

from .tools import PACKAGES, missing, require


def test_a_program_that_is_there() -> None:
    assert require("sh").name == "sh"


def test_a_missing_one_fails_where_ci_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match="apt-get install gcc-arm-none-eabi"):
        missing("arm-none-eabi-gcc", PACKAGES["arm-none-eabi-gcc"])
    with pytest.raises(pytest.fail.Exception, match="no-such-program is not installed"):
        require("no-such-program")


def test_a_missing_one_is_skipped_aloud_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="NOT RUN: no-such-program"):
        require("no-such-program")
