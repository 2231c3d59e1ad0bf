"""A GDB that has attached to a fake core; servers on sockets, and their clients."""

from __future__ import annotations

import time

import pytest

from onchip.services.gdb import GdbOptions, GdbServer
from tests.support.rsp_client import RspClient

from .fakes import FakeSession, Talk


@pytest.fixture
def talk():
    talk = Talk()
    talk.ask(b"?")
    return talk


@pytest.fixture
def serve():
    servers, clients = [], []

    def make(session=None, **options):
        logged = []
        server = GdbServer(
            session or FakeSession(), 0, options=GdbOptions(**options), on_log=logged.append
        )
        server.logged = logged
        server.start()
        servers.append(server)

        def connect():
            clients.append(RspClient(server.port))
            return clients[-1]

        return server, connect

    yield make
    for client in clients:
        client.sock.close()
    for server in servers:
        server.stop()
        assert not server.is_alive


def until(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)
