"""What LLDB asks for itself."""

from __future__ import annotations

import pytest

from onchip.target.chip import generic_chip

from ..fakes import Talk


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        (b"8000123", b"start:8000000;size:10000;permissions:rx;name:666c617368;"),
        (b"20000000", b"start:20000000;size:10000;permissions:rwx;name:7372616d;"),
        (b"1fff0000", b"start:1fff0000;size:1000;permissions:rx;name:626f6f74;"),
        (b"0", b"start:0;size:8000000;permissions:rw;"),
        (b"1fff1000", b"start:1fff1000;size:f000;permissions:rw;"),
        (b"fffffffe", b"start:20010000;size:dfff0000;permissions:rw;"),
    ],
)
def test_regions_without_a_gap(address, answer):
    assert Talk().ask(b"qMemoryRegionInfo:" + address) == answer


def test_peripherals_are_written_and_not_executed(monkeypatch):
    talk = Talk()
    regions = generic_chip("Cortex-M3").memory_map
    monkeypatch.setattr(talk.session, "memory_map", regions, raising=False)
    assert b";permissions:rw;" in talk.ask(b"qMemoryRegionInfo:40001000")


@pytest.mark.parametrize("address", [b"", b"x", b"100000000"])
def test_addresses_that_are_none(address):
    assert Talk().ask(b"qMemoryRegionInfo:" + address).startswith(b"E.")


def test_watchpoints_are_counted():
    assert Talk().ask(b"qWatchpointSupportInfo:") == b"num:2;"


@pytest.mark.parametrize(
    "packet",
    [b"qHostInfo", b"qProcessInfo", b"QThreadSuffixSupported", b"QListThreadsInStopReply",
     b"jThreadsInfo", b"QEnableErrorStrings", b"qVAttachOrWaitSupported", b"_M40,rwx",
     b"qStructuredDataPlugins", b"jThreadExtendedInfo:"],
)  # fmt: skip
def test_the_rest_is_clean_and_empty(packet):
    assert Talk().ask(packet) == b""
