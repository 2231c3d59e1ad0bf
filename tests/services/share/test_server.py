"""A probe offered over TCP: one program at a time, and nothing left behind by those that vanish."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from onchip.dap.client import DapClient
from onchip.errors import ProbeDenied, ProbeLost, UsageError
from onchip.probe.tcp import TcpLink
from onchip.services.share import ProbeServer
from onchip.services.share import server as share
from onchip.session import open_session
from onchip.virtual_board.board import VirtualBoard
from onchip.wire.dap_tcp import Decoder, Kind, encode

from .support import (
    DEMCR,
    FP_COMP0,
    LOOP,
    VC_BITS,
    Shared,
    comparators,
    run_the_loop,
    served,
    vanish,
    watching,
)


def test_sessions_one_after_the_other(shared: Shared) -> None:
    for value in (1, 2):
        with shared.session() as session:
            session.memory.write(0x2000_1000, bytes([value]) * 5000)
            assert session.memory.read(0x2000_1000, 5000) == bytes([value]) * 5000
            assert str(os.getpid()) in shared.server.users[0]
        shared.wait(lambda: not shared.server.users)
    assert [line.rsplit(") ", 1)[-1] for line in shared.log] == [
        "has the probe",
        "has given the probe back",
    ] * 2


def test_what_touches_nothing_is_answered_between_batches(shared: Shared) -> None:
    with shared.session() as session:
        client = DapClient.ask(shared.link())
        assert client.info.product
        client.close()
        assert session.memory.read_u32(0x2000_0000) == int.from_bytes(LOOP, "little")
    assert not any("vanished" in line for line in shared.log)


def test_who_only_knocks_takes_nothing(shared: Shared) -> None:
    with shared.session():
        shared.link().close()
    assert not any("vanished" in line for line in shared.log)


# ---- a client that vanishes


@pytest.mark.parametrize("running", [True, False])
def test_a_client_that_vanishes_leaves_nothing_armed(shared: Shared, running: bool) -> None:
    session = shared.session()
    run_the_loop(session)
    session.core.breakpoints.set(0x0800_0100)
    session.core.watchpoints.set(0x2000_4000, 4, access="write")
    session.core.vector_catch = {"hardfault"}
    if running:
        session.core.resume()
    assert comparators(shared)[-1] & 1
    assert watching(shared)[-1]
    assert shared.peek(DEMCR) & VC_BITS
    vanish(session)
    state = "the core runs" if running else "the core is halted"
    shared.logged(f"vanished: breakpoints and watchpoints are cleared, {state}")
    assert not any(word & 1 for word in comparators(shared))
    assert not any(watching(shared))
    assert not shared.peek(DEMCR) & VC_BITS
    assert shared.board.core.halted is not running
    with shared.session() as session:  # and the next one finds it free
        assert session.core.was_running is running


@pytest.mark.parametrize("probe_model", ["bulk-512x4", "hid-64x1-basic"])
def test_opcodes_in_ram_are_put_back(probe_model: str) -> None:
    code = bytes.fromhex("00bf 0130 0230 0330 fae7")
    with served("stm32f407", probe_model=probe_model) as shared:
        session = shared.session()
        session.core.halt()
        session.memory.write(0x2000_0100, code)
        for offset in (0, 2, 6):
            session.core.breakpoints.set(0x2000_0100 + offset)
        session.core.breakpoints.remove(0x2000_0106)
        assert shared.peek(0x2000_0100) == 0xBE00_BE00
        session.memory.write(0x2000_0180, bytes(400))  # what comes after does not confuse
        session.memory.read(0x2000_0180, 400)
        session.core.step()
        vanish(session)
        shared.logged("vanished")
        assert shared.board.bus.read_block(0x2000_0100, len(code)) == code


def test_a_bkpt_of_the_program_stays() -> None:
    with served("stm32f407") as shared:
        session = shared.session()
        session.core.halt()
        session.memory.read(0x2000_0100, 2)
        session.memory.write(0x2000_0100, bytes.fromhex("00bf abbe"))  # nop; bkpt 0xab
        session.memory.read(0x2000_0102, 2)
        vanish(session)
        shared.logged("vanished")
        assert shared.peek(0x2000_0100) == 0xBEAB_BF00


def test_packets_in_flight_at_the_end_are_read_before_the_next_client(shared: Shared) -> None:
    session = shared.session()
    session.core.halt()
    for _ in range(4):
        session.link.write(b"\x00\x01")
    vanish(session)
    shared.logged("vanished")
    with shared.session() as session:
        assert session.memory.read(0x2000_0000, 4) == LOOP


def test_a_chip_that_cannot_be_disarmed_is_told(shared: Shared) -> None:
    session = shared.session()
    shared.board.faults.no_ack(count=None)
    vanish(session)
    shared.logged("could not be disarmed")
    shared.board.faults.clear()
    shared.session().close()


def test_a_board_without_a_core_is_left_alone() -> None:
    with served("bare-ram") as shared:
        link = shared.link()
        DapClient.open(link)
        link.close()
        shared.logged("vanished")


def test_stopping_the_server_disarms_too() -> None:
    with served() as shared:
        session = shared.session()
        session.core.halt()
        session.core.breakpoints.set(0x0800_0100)
        board = shared.board
        shared.server.stop()
        shared.thread.join(10)
        shared.server.close()
        assert not board.bus.read(FP_COMP0 + 20, 4, debugger=True) & 1
        with pytest.raises(ProbeLost):
            session.memory.read_u32(0x2000_0000)


# ---- tokens


def test_with_a_token_only_those_who_show_it_are_served() -> None:
    with served(token="mint-27") as shared:
        DapClient.ask(shared.link("mint-27")).close()
        with pytest.raises(ProbeDenied, match="asks for a token; put the token"):
            DapClient.ask(shared.link())
        with pytest.raises(ProbeDenied, match="a wrong token"):
            DapClient.ask(shared.link("mint-28"))
        with open_session(shared.link("mint-27")) as session:
            assert session.core.halt()


def test_a_server_without_a_token_minds_none(shared: Shared) -> None:
    DapClient.ask(shared.link("whatever")).close()


def test_a_token_has_an_end() -> None:
    with pytest.raises(UsageError, match="at most 1024"):
        TcpLink("127.0.0.1", 1, token="x" * 1025)


# ---- hostile and unlucky


def _ask(connection: socket.socket, packet: bytes) -> bytes:
    connection.settimeout(10)
    connection.sendall(encode(Kind.REQUEST, packet))
    decoder = Decoder()
    while not (frames := decoder.feed(connection.recv(4096))):
        pass
    return frames[0].payload


def test_garbage_ends_its_own_connection_only(shared: Shared) -> None:
    with shared.session() as session:
        with socket.create_connection(("127.0.0.1", shared.server.port), timeout=10) as other:
            other.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert other.recv(100) == b""
        assert session.core.halt()


def test_a_packet_of_nonsense_is_the_probes_to_answer(shared: Shared) -> None:
    with socket.create_connection(("127.0.0.1", shared.server.port)) as connection:
        assert _ask(connection, b"\x42") == b"\xff"
        assert _ask(connection, b"\x00\xfe")[:2] == b"\x00\x01"


def test_a_lost_response_does_not_block_for_ever(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share, "_SILENCE_S", 0.05)
    shared.board.faults.lose_response(1)
    with socket.create_connection(("127.0.0.1", shared.server.port)) as connection:
        connection.sendall(encode(Kind.REQUEST, b"\x00\xfe"))
        shared.logged("did not answer")
        assert _ask(connection, b"\x00\xff")[:2] == b"\x00\x02"


def test_a_client_far_ahead_is_served_to_the_end(shared: Shared) -> None:
    count = 1000
    with socket.create_connection(("127.0.0.1", shared.server.port), timeout=20) as connection:
        sender = threading.Thread(
            target=connection.sendall, args=(encode(Kind.REQUEST, b"\x00\xfe") * count,)
        )
        sender.start()
        decoder, answers = Decoder(), 0
        while answers < count:
            answers += len(decoder.feed(connection.recv(65536)))
        sender.join()


def test_an_abort_overtakes(shared: Shared) -> None:
    """DAP_TransferAbort has no answer, and the next packet gets its own."""
    with socket.create_connection(("127.0.0.1", shared.server.port)) as connection:
        connection.sendall(encode(Kind.REQUEST, b"\x00\xfe") + encode(Kind.REQUEST, b"\x07"))
        assert _ask(connection, b"\x00\xff")[:2] == b"\x00\x01"


def test_a_probe_that_goes_ends_the_service() -> None:
    with served() as shared:
        session = shared.session()
        shared.board.unplug()
        with pytest.raises(ProbeLost):
            session.core.halt()
        shared.thread.join(10)
        assert isinstance(shared.failure, ProbeLost)


def test_a_taken_port_is_told() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        VirtualBoard("bare-ram") as board,
        pytest.raises(UsageError, match="cannot listen"),
    ):
        ProbeServer(board.link(), port=taken.getsockname()[1]).start()
