"""What takes long: the sockets are served on, output is streamed, Ctrl-C breaks it off."""

from __future__ import annotations

import threading

import pytest

from onchip.errors import UsageError
from onchip.flash.progress import Progress
from onchip.services.gdb import loop as loop_module
from onchip.services.gdb.serve import session as serve_session
from onchip.wire.gdb_rsp.framing import Ack, encode_packet

from ..conftest import until
from ..fakes import FakeSession, Talk

COMMAND = encode_packet(b"qRcmd," + b"long".hex().encode())


class Job:
    """A monitor command that says a word and goes on until it is let go or interrupted."""

    def __init__(self):
        self.go_on = threading.Event()
        self.ended = ""

    def __call__(self, talk, line):
        talk.print("begun\n")
        while not self.go_on.wait(0.002):
            if talk.interrupted():
                self.ended = "interrupted"
                raise UsageError("interrupted")
        self.ended = "done"
        talk.print("done\n")


@pytest.fixture
def job(monkeypatch):
    job = Job()
    monkeypatch.setattr(serve_session, "run_command", job)
    yield job
    job.go_on.set()


def begin(client):
    assert client.ask(b"QStartNoAckMode") == b"OK"
    client.send(b"+" + COMMAND)
    assert client.next().payload == b"O" + b"begun\n".hex().encode()


def test_output_comes_while_the_command_runs(serve, job):
    _, connect = serve()
    client = connect()
    begin(client)
    job.go_on.set()
    assert client.next().payload == b"O" + b"done\n".hex().encode()
    assert client.next().payload == b"OK"


def test_ctrl_c_breaks_it_off(serve, job):
    _, connect = serve()
    client = connect()
    begin(client)
    client.send(b"\x03")
    assert b"interrupted".hex().encode() in client.next().payload
    assert client.next().payload == b"E01"
    assert client.ask(b"qC") == b"QC1"


def test_the_next_packet_breaks_it_off_and_is_what_is_answered(serve, job):
    _, connect = serve()
    client = connect()
    begin(client)
    assert client.ask(b"qC") == b"QC1"
    assert job.ended == "interrupted"


def test_others_wait_their_turn_and_are_answered(serve, job):
    server, connect = serve()
    client, other = connect(), connect()
    begin(client)
    other.send(encode_packet(b"m20000000,4"))
    assert other.next() == Ack()
    late = connect()
    until(lambda: len(server._loop.clients) == 3)
    job.go_on.set()
    assert other.next().payload == b"00000000"
    assert late.ask(b"qC") == b"QC1"
    assert job.ended == "done"


def test_a_sign_of_life(serve, job, monkeypatch):
    monkeypatch.setattr(loop_module, "KEEP_ALIVE_S", 0.02)
    _, connect = serve()
    client = connect()
    begin(client)
    assert client.next().payload == b"O"
    assert client.next().payload == b"O"


def test_a_gdb_that_waits_for_another_ones_job_hears_something(serve, job, monkeypatch):
    monkeypatch.setattr(loop_module, "KEEP_ALIVE_S", 0.02)
    _, connect = serve()
    client, other = connect(), connect()
    other.ask(b"qSupported:swbreak+")
    assert other.ask(b"QStartNoAckMode") == b"OK"
    begin(client)
    other.send(b"+" + encode_packet(b"qC"))
    assert other.next() == Ack()  # though nothing is acknowledged any more
    job.go_on.set()
    while other.next() == Ack():
        pass


def test_the_server_stops_in_the_middle_of_it(serve, job):
    server, connect = serve()
    begin(connect())
    server.stop()
    assert not server.is_alive
    assert job.ended == "interrupted"


def test_a_client_that_vanishes_takes_its_job_and_its_points_along(serve, job):
    session = FakeSession()
    _, connect = serve(session)
    client = connect()
    client.ask(b"?")
    client.ask(b"Z1,8000110,2")
    begin(client)
    client.sock.close()
    until(lambda: not session.core.breakpoints.kinds)
    assert job.ended == "interrupted"


def test_a_load_can_be_broken_off():
    talk = Talk()
    talk.ask(b"?")

    def flash(image, *, progress, **more):
        progress(Progress("program", 0, 10))
        talk.stub.cancelled = True
        progress(Progress("program", 5, 10))
        raise AssertionError("not reached")

    talk.session.flash = flash
    talk.ask(b"vFlashWrite:8000000:ab")
    assert talk.ask(b"vFlashDone").startswith(b"E.interrupted")
