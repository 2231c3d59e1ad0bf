import pytest

from onchip.flash.running.command import Command
from onchip.flash.running.source import Source


def test_commands_are_taken_one_by_one_and_not_earlier_than_looked_at() -> None:
    made: list[int] = []

    def commands():  # type: ignore[no-untyped-def]
        for i in range(2):
            made.append(i)
            yield Command(i, (), "test")

    source = Source(commands())
    assert made == []
    assert not source.at_end
    assert source.peek() is source.peek()
    assert made == [0]
    assert [source.take().function for _ in range(2)] == [0, 1]
    assert source.at_end
    with pytest.raises(ValueError, match="no more"):
        source.take()
