"""Thousands of hostile packets: an answer each, no exception, nothing left behind."""

from __future__ import annotations

import random

import pytest

from onchip.services.gdb.connection import Connection

from .fake_core import LOOP, RAM
from .fakes import Talk
from .fuzz import Tally, run
from .hostile import bend, packets, torment


@pytest.mark.parametrize("seed", range(3))
def test_a_fake_core_survives_hostile_packets(seed):
    talk = Talk()
    assert torment(talk, packets(seed, 3000, ram=RAM, code=LOOP, gap=0x6000_0000)) > 1000
    talk.stub.leave()
    assert not talk.core.breakpoints.kinds
    assert not talk.core.watchpoints.keys
    assert talk.core.running


def test_a_connection_survives_hostile_streams():
    dice = random.Random(5)
    talk = Talk()
    connection = Connection(talk.target, lambda text: None)

    def feed(data):
        connection.feed(data)
        while connection.has_waiting:
            connection.serve()

    for payload in packets(9, 3000, ram=RAM, code=LOOP, gap=0x6000_0000):
        stream = bytearray(b"$" + payload + b"#%02x" % (sum(payload) & 0xFF))
        if dice.random() < 0.3:
            bend(dice, stream)
        feed(bytes(stream))
        if talk.target.run.running:
            feed(b"\x03")
            talk.target.poll()
        connection.outgoing.clear()
    feed(b"#00+$qC#b4")
    assert bytes(connection.outgoing).endswith(b"$QC1#c5")
    assert connection.lost() is None
    assert not talk.core.breakpoints.kinds


def test_a_slice_of_the_fuzz():
    tally = Tally()
    for _ in run(3000, 20, tally):  # the first of them against a virtual board
        pass
    assert not tally.bugs
    assert tally.answers > 2000
    assert tally.clients > 6
