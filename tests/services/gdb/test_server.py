"""The server on real sockets, against a fake session."""

from __future__ import annotations

import contextlib
import time

import pytest

from onchip.errors import ProbeLost, ProbeTimeout, TransferNoAck, UsageError
from onchip.services.gdb import GdbServer
from onchip.services.gdb import loop as loop_module
from onchip.wire.gdb_rsp.framing import Ack, Packet, encode_packet
from tests.support.rsp_client import RspClient

from .conftest import until
from .fakes import FakeProbe, FakeSession


def test_it_says_when_it_listens():
    ports = []
    server = GdbServer(FakeSession(), 0, on_listening=ports.append)
    server.start()
    assert ports == [server.port]
    server.stop()
    server.stop()
    server.join()


def test_a_port_in_use_is_a_usage_error(serve):
    server, _ = serve()
    with pytest.raises(UsageError, match=f":{server.port}"):
        GdbServer(FakeSession(), server.port).start()


def test_acknowledgements_until_switched_off(serve):
    _, connect = serve()
    client = connect()
    client.send(encode_packet(b"qC"))
    assert client.next() == Ack()
    assert client.next() == Packet(b"QC1")
    client.send(b"-")
    assert client.next() == Packet(b"QC1")
    client.send(b"$qC#00")  # wrong checksum
    assert client.sock.recv(1) == b"-"
    assert client.ask(b"QStartNoAckMode") == b"OK"
    client.send(b"+$qC#00")
    assert client.next() == Packet(b"QC1")


def test_a_client_that_refuses_everything_is_given_up(serve):
    _, connect = serve()
    client = connect()
    client.ask(b"qC")
    client.send(b"-" * 100)
    assert client.ask(b"qAttached") in (b"QC1", b"1")


def test_continue_and_interrupt(serve):
    _, connect = serve()
    client = connect()
    assert client.ask(b"?").startswith(b"T05")
    client.send(encode_packet(b"vCont;c"))
    assert client.next() == Ack()
    time.sleep(0.05)
    began = time.monotonic()
    client.send(b"\x03")
    assert client.next().payload.startswith(b"T02")
    assert time.monotonic() - began < 0.05


def test_memory_while_the_core_runs(serve):
    _, connect = serve()
    client = connect()
    client.ask(b"?")
    client.send(encode_packet(b"c"))
    assert client.ask(b"m20000000,4") == b"00000000"
    other = connect()
    assert other.ask(b"m20000000,4") == b"00000000"


def test_a_simulated_core_runs_no_faster_than_the_wall_clock(serve):
    server, connect = serve()
    client = connect()
    client.ask(b"?")
    client.send(encode_packet(b"c"))
    time.sleep(0.2)
    assert 0 < server._session.slept < 0.4


def test_one_client_stops_another(serve):
    _, connect = serve()
    client, other = connect(), connect()
    client.ask(b"?")
    client.send(encode_packet(b"c"))
    client.next()
    other.ask(b"qRcmd," + b"reset halt".hex().encode())
    assert client.next().payload.startswith(b"T05")


def test_a_client_that_dies_leaves_a_clean_chip(serve):
    session = FakeSession()
    _, connect = serve(session)
    client = connect()
    client.ask(b"?")
    client.ask(b"Z1,8000110,2")
    client.ask(b"Z2,20000000,4")
    client.sock.close()
    until(lambda: not session.core.breakpoints.kinds and session.core.running)
    assert not session.core.watchpoints.keys
    assert session.core.vector_catch == frozenset()
    assert connect().ask(b"?").startswith(b"T05")


def test_a_client_that_dies_in_the_middle_of_a_run(serve):
    session = FakeSession()
    _, connect = serve(session)
    client = connect()
    client.ask(b"?")
    client.ask(b"Z1,8000200,2")
    client.send(encode_packet(b"c") + b"$m2000")
    client.sock.close()
    until(lambda: not session.core.breakpoints.kinds)
    assert session.core.running


def test_without_persist_it_ends_with_the_last_client(serve):
    server, connect = serve(persist=False)
    client = connect()
    client.ask(b"?")
    client.ask(b"D")
    client.sock.close()
    server.join(5)
    assert not server.is_alive


def test_stop_leaves_a_clean_chip_and_is_quick(serve):
    session = FakeSession()
    server, connect = serve(session)
    client = connect()
    client.ask(b"?")
    client.ask(b"Z1,8000110,2")
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 0.3
    assert not session.core.breakpoints.kinds
    assert session.core.running
    assert client.closed()


def test_kill_closes_the_connection(serve):
    _, connect = serve()
    client = connect()
    client.ask(b"?")
    client.send(encode_packet(b"k"))
    assert client.closed()


def test_a_bug_is_an_answer_and_a_traceback(serve, monkeypatch):
    session = FakeSession()
    server, connect = serve(session)
    client = connect()
    client.ask(b"?")
    monkeypatch.setattr(session.core, "read_register", lambda name: 1 // 0)
    assert client.ask(b"p0").startswith(b"E.internal error")
    assert any("ZeroDivisionError" in line for line in server.logged)
    assert client.ask(b"qC") == b"QC1"


def test_a_chip_that_is_away_for_a_moment_comes_back(serve):
    session = FakeSession()
    _, connect = serve(session)
    client = connect()
    client.ask(b"?")
    session.core.failures = [TransferNoAck("reset")] * 5
    client.send(encode_packet(b"c"))
    until(lambda: not session.core.failures)
    client.send(b"\x03")
    client.next()
    assert client.next().payload.startswith(b"T02")


def test_a_chip_that_stays_away_is_an_error(serve):
    session = FakeSession()
    _, connect = serve(session)
    client = connect()
    client.ask(b"?")
    session.core.failures = [TransferNoAck("no answer")] * loop_module.MOST_FAILED_POLLS
    client.send(encode_packet(b"c"))
    client.next()
    assert client.next() == Packet(b"E.no answer")
    assert client.ask(b"qC") == b"QC1"


def test_a_lost_probe_ends_the_service(serve):
    session = FakeSession()
    server, connect = serve(session)
    client = connect()
    client.ask(b"?")
    session.core.failures = [ProbeLost("unplugged")] * 3
    client.send(encode_packet(b"c"))
    client.next()
    assert client.next() == Packet(b"E.unplugged")
    assert client.closed()
    server.join(5)
    assert any("unplugged" in line for line in server.logged)


def test_serve_in_the_callers_thread_raises_a_lost_probe():
    session = FakeSession()
    clients = []
    server = GdbServer(session, 0, on_listening=lambda port: clients.append(RspClient(port)))
    session.core.failures = [ProbeLost("unplugged")]
    server._target.run.watch()
    with pytest.raises(ProbeLost):
        server.serve()
    assert clients[0].closed()
    clients[0].sock.close()


def test_a_probe_lost_by_a_packet_ends_the_service_too(serve):
    session = FakeSession()
    server, connect = serve(session)
    client = connect()
    session.core.failures = [ProbeLost("unplugged")]
    assert client.ask(b"?") == b"E.unplugged"
    assert client.closed()
    server.join(5)
    assert not server.is_alive


def test_a_probe_unplugged_while_nobody_was_there_is_told_to_the_next_client(serve):
    class NoTurn(contextlib.nullcontext):
        def __enter__(self):
            raise ProbeLost("unplugged")

    session = FakeSession()
    server, connect = serve(session)
    session.lock = NoTurn()
    client = connect()
    assert client.ask(b"?") == b"E.unplugged"
    assert client.closed()
    server.join(5)
    assert not server.is_alive
    assert not any("Traceback" in line for line in server.logged)


@pytest.mark.parametrize("attached", [False, True])
def test_an_idle_probe_that_was_unplugged_ends_the_service_at_once(serve, monkeypatch, attached):
    monkeypatch.setattr(loop_module, "CHECK_S", 0.01)
    session = FakeSession()
    server, connect = serve(session)
    client = connect()
    if attached:
        client.ask(b"?")
    session.client.failures = [ProbeTimeout("no answer"), ProbeLost("unplugged")]
    server.join(5)
    assert not server.is_alive
    assert isinstance(server.failure, ProbeLost)
    assert client.closed()
    assert server.logged.count("no answer") == 1


class BusyProbe(FakeProbe):
    """Between any two looks somebody else's packets were answered."""

    looks = 0

    @property
    def answers(self):
        self.looks += 1
        return self.looks

    @answers.setter
    def answers(self, value):
        pass


class SharedProbe(FakeProbe):
    """Other programs use it too."""

    looks = 0

    @property
    def has_company(self):
        self.looks += 1
        return True


@pytest.mark.parametrize("kind", [BusyProbe, SharedProbe])
def test_a_probe_that_others_use_is_asked_nothing(serve, monkeypatch, kind):
    monkeypatch.setattr(loop_module, "CHECK_S", 0.001)
    session = FakeSession()
    session.client = probe = kind()
    serve(session)
    deadline = time.monotonic() + 5
    while probe.looks < 10 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert probe.looks >= 10
    assert probe.checks == 0


def test_a_trace_that_somebody_means_to_come_back_to_keeps_the_service(serve):
    server, connect = serve(persist=False)
    client = connect()
    for packet in (b"QTinit", b"QTDP:1:8000104:E:0:2", b"QTDisconnected:1", b"QTStart"):
        assert client.ask(packet) == b"OK"
    client.sock.close()
    other = connect()
    while not other.ask(b"qTStatus").startswith(b"T0;tpasscount:1;tframes:2"):
        pass
    assert other.ask(b"QTDisconnected:0") == b"OK"
    other.ask(b"?")
    other.sock.close()
    server.join(5)
    assert not server.is_alive


@pytest.mark.parametrize("failures", [[], [ProbeLost("unplugged")]])
def test_a_trace_that_goes_on_alone_ends_with_the_service(serve, failures):
    session = FakeSession()
    server, connect = serve(session)
    client = connect()
    for packet in (b"QTinit", b"QTDP:1:8000104:E:0:0", b"QTDisconnected:1", b"QTStart"):
        assert client.ask(packet) == b"OK"
    assert client.ask(b"D") == b"OK"
    session.core.failures = failures
    server.stop()
    assert not session.core.breakpoints.kinds
    assert not server._target.trace.running
    if not failures:
        assert session.core.running


def test_an_interrupt_of_serve_stops_the_service(monkeypatch):
    session = FakeSession()
    server = GdbServer(session, 0)

    def interrupt(timeout_s=None):
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(server, "join", interrupt)
    with pytest.raises(KeyboardInterrupt):
        server.serve()
    assert not server.is_alive


def test_a_client_that_takes_nothing_is_dropped(serve, monkeypatch):
    monkeypatch.setattr(loop_module, "MOST_UNSENT", 1 << 14)
    server, connect = serve()
    client = connect()
    client.ask(b"QStartNoAckMode")
    packet = encode_packet(b"m20000000,1000") * 64
    client.sock.settimeout(2)
    with contextlib.suppress(OSError):
        while server._loop.clients:
            client.send(packet)
    assert not server._loop.clients


def test_a_link_with_a_clock_of_its_own_is_not_made_to_sleep(serve):
    session = FakeSession()
    session.link.now = time.monotonic
    _, connect = serve(session)
    client = connect()
    client.ask(b"?")
    client.send(encode_packet(b"c"))
    client.next()
    time.sleep(0.05)
    assert session.slept == 0
    client.send(b"\x03")
    assert client.next().payload.startswith(b"T02")
