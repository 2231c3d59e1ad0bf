"""Members of control blocks by name."""

from __future__ import annotations

from onchip.rtos.fields import FAR, Fields, Place
from onchip.symbols.layouts import Layout, Member

INNER = Layout(4, {"low": Member(0, 1, is_signed=True), "high": Member(2, 2)})
LAYOUT = Layout(
    900,
    {
        "first": Member(0, 4),
        "inner": Member(4, 4, layout=INNER),
        "text": Member(8, 8, count=8),
        "far": Member(FAR + 4, 4),
        "empty": Member(20, 0, count=0),
    },
)
BLOCK = bytes((1, 0, 0, 0, 0xFF, 0, 0x34, 0x12)) + b"blinker\0"


def test_members_that_are_there() -> None:
    paths = {"a": "first", "b": "inner.low", "c": "new|inner.high", "name": "text", "far": "far"}
    fields = Fields.from_layout(LAYOUT, {**paths, "none": "nothing|more", "e": "empty"}, ["a", "b"])
    assert fields is not None
    assert [fields.get(BLOCK, name) for name in "abc"] == [1, -1, 0x1234]
    assert fields.raw(BLOCK, "name") == b"blinker\0"
    assert fields.offset("c") == 6
    assert fields.length == 20
    assert "none" not in fields
    assert "far" not in fields
    assert fields.get(BLOCK, "none") is None
    assert fields.get(BLOCK, "e") is None
    assert fields.number(BLOCK, "none") == 0
    assert fields.raw(BLOCK, "none") == b""


def test_without_a_needed_one_there_are_none() -> None:
    assert Fields.from_layout(LAYOUT, {"a": "nothing"}, ["a"]) is None
    assert Fields.from_layout(LAYOUT, {"far": "far"}, ["far"]) is None
    assert Fields.from_layout(None, {}, []) is None
    assert Fields({}).length == 0
    assert Fields({"a": Place(4, 2)}).length == 6
