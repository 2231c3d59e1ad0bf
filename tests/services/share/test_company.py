"""Several clients at one probe: batches whole, nobody's registers or breakpoints lost."""

from __future__ import annotations

import socket
import struct
import threading

import pytest

from onchip.dap.client import DapClient
from onchip.errors import BreakpointError, ProbeBusy
from onchip.probe import tcp
from onchip.services.share import server as share
from onchip.virtual_board.board import VirtualBoard
from onchip.wire.cmsis_dap import Connect, Port, SWD_Sequence, SwdStep
from onchip.wire.dap_tcp import Decoder, Kind, encode
from tests.support.images import counting_loop

from .support import (
    DEMCR,
    FP_COMP0,
    Shared,
    comparators,
    run_the_loop,
    served,
    vanish,
    watching,
)

RAM = 0x2000_2000
CODE = 0x0800_0100


@pytest.mark.parametrize("probe_model", ["bulk-512x4", "hid-64x4", "hid-64x1-basic"])
def test_two_sessions_take_turns(probe_model: str) -> None:
    with served(probe_model=probe_model) as shared, shared.session() as one:
        with shared.session() as other:
            assert len(shared.server.users) == 2
            for value in range(4):
                one.memory.write(RAM, bytes([value]) * 300)
                other.memory.write(RAM + 0x1000, bytes([100 + value]) * 300)
                assert one.memory.read(RAM, 300) == bytes([value]) * 300
                assert other.memory.read(RAM + 0x1000, 300) == bytes([100 + value]) * 300
                assert one.memory.read_u8(RAM + 1) == value
                assert other.memory.read_u16(RAM + 0x1002) == 0x101 * (100 + value)
        shared.wait(lambda: len(shared.server.users) == 1)
        one.memory.write_u32(RAM, 1)
        assert one.memory.read_u32(RAM) == 1
        assert shared.failure is None


def test_two_threads_hammer(shared: Shared) -> None:
    troubles: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            with shared.session() as session:
                at = RAM + 0x1000 * seed
                for n in range(6):
                    data = bytes((seed + n + k) & 0xFF for k in range(701))
                    session.memory.write(at + n, data)
                    assert session.memory.read(at + n, 701) == data
        except BaseException as error:
            troubles.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not troubles


def test_what_one_has_armed_outlives_the_others(shared: Shared) -> None:
    with shared.session() as one:
        run_the_loop(one)
        one.core.breakpoints.set(CODE)
        one.core.watchpoints.set(RAM, 4, access="write")
        one.core.vector_catch = {"hardfault"}
        armed = comparators(shared)[-1], watching(shared), shared.peek(DEMCR)
        with shared.session() as other:
            assert (comparators(shared)[-1], watching(shared), shared.peek(DEMCR)) == armed
            other.core.breakpoints.set(CODE + 0x20)
            other.core.watchpoints.set(RAM + 8, 4)
            assert sum(word & 1 for word in comparators(shared)) == 2
        assert (comparators(shared)[-1], watching(shared), shared.peek(DEMCR)) == armed
        assert sum(word & 1 for word in comparators(shared)) == 1
        assert shared.board.core.halted
        assert one.core.read_register("pc") == 0x2000_0000


def test_comparators_are_shared_until_they_run_out(shared: Shared) -> None:
    with shared.session() as one, shared.session() as other:
        for n in range(3):
            one.core.breakpoints.set(CODE + 4 * n)
            other.core.breakpoints.set(CODE + 0x40 + 4 * n)
        assert all(word & 1 for word in comparators(shared))
        with pytest.raises(BreakpointError, match=r"in use.*breakpoints in flash are off"):
            other.core.breakpoints.set(CODE + 0x80)
        one.core.breakpoints.remove(CODE)
        other.core.breakpoints.set(CODE + 0x80)
        assert all(word & 1 for word in comparators(shared))


def test_a_breakpoint_still_hits_after_the_other_has_left_and_reset(shared: Shared) -> None:
    with shared.session() as one:
        one.flash(counting_loop("stm32f407", length=512))
        one.core.halt()
        one.core.breakpoints.set(CODE + 4)
        with shared.session() as other:
            other.reset(halt=True)
            other.core.resume()
            assert other.core.wait_halted(1.0).pc == CODE + 4
            other.reset(halt=True)
        assert one.core.halt()
        one.core.resume()
        assert one.core.wait_halted(1.0).pc == CODE + 4


def test_who_did_not_drive_the_core_learns_that_another_did(shared: Shared) -> None:
    with shared.session() as one, shared.session() as other:
        run_the_loop(one)
        assert one.core.halted
        generation = one.client.generation
        other.memory.read(RAM, 64)
        one.memory.read_u32(RAM)
        assert one.client.generation == generation, "reading memory disturbs nobody"
        other.core.halt()
        other.core.resume()
        one.memory.read_u32(RAM)
        assert one.client.generation > generation
        assert one.core.state().value == "running"
        other.core.halt()
        assert one.core.poll() is not None


def test_the_lock_is_held_over_several_calls(shared: Shared) -> None:
    with shared.session() as one, shared.session() as other:
        one.memory.read_u32(RAM)
        seen: list[int] = []
        with one.lock:
            one.memory.write_u32(RAM, 1)
            watcher = threading.Thread(target=lambda: seen.append(other.memory.read_u32(RAM)))
            watcher.start()
            watcher.join(0.05)
            assert not seen
            one.memory.write_u32(RAM, 2)
        watcher.join(10)
        assert seen == [2]


def test_who_keeps_the_probe_is_named_in_the_end(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "_TURN_TIMEOUT_S", 0.05)
    with shared.session() as one, shared.session() as other:
        with one.lock:
            one.memory.read_u32(RAM)
            with pytest.raises(ProbeBusy, match="has kept the probe"):
                other.memory.read_u32(RAM)
        assert other.memory.read_u32(RAM) == 0


def test_who_says_turn_and_nothing_more_loses_it(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share, "_IDLE_TURN_S", 0.05)
    with shared.session() as one, shared.session() as other, one.lock:
        one.memory.read_u32(RAM)
        assert other.memory.read_u32(RAM) == 0
        assert one.memory.read_u32(RAM) == 0


def test_who_vanishes_takes_along_only_its_own(shared: Shared) -> None:
    with shared.session() as one:
        run_the_loop(one)
        one.core.breakpoints.set(CODE)
        other = shared.session()
        other.core.breakpoints.set(CODE + 0x20)
        other.core.watchpoints.set(RAM, 4)
        other.core.vector_catch = {"hardfault"}
        other.memory.write(0x2000_0100, b"\x00\xbf" * 4)
        other.core.breakpoints.set(0x2000_0102)
        one.memory.write_u32(RAM + 0x10, 5)
        vanish(other)
        shared.logged("what others have armed stays")
        assert [word & 1 for word in comparators(shared)] == [0, 0, 0, 0, 0, 1]
        assert not any(watching(shared))
        assert not shared.peek(DEMCR) & 0x7F1
        assert shared.board.bus.read_block(0x2000_0100, 8) == b"\x00\xbf" * 4
        assert one.memory.read_u32(RAM + 0x10) == 5
        assert one.core.step().pc == 0x2000_0002
        assert len(shared.server.users) == 1


def test_settings_are_everybodys_own(shared: Shared) -> None:
    with shared.session() as one, shared.session() as other:
        other.client.set_frequency(1_000_000)
        other.memory.read_u32(RAM)
        assert shared.board.probe.firmware._clock.frequency_hz == 1_000_000
        one.memory.read_u32(RAM)
        assert shared.board.probe.firmware._clock.frequency_hz == 4_000_000


# ---- programs that are not ours: no turns, and what they wrote they do not write again


class _Raw:
    """A client that sends packets as they are."""

    def __init__(self, shared: Shared) -> None:
        self.connection = socket.create_connection(("127.0.0.1", shared.server.port), timeout=10)
        self.decoder = Decoder()
        self.refusal = b""

    def ask(self, packet: bytes) -> bytes:
        self.connection.sendall(encode(Kind.REQUEST, packet))
        while not (frames := self.decoder.feed(self.connection.recv(4096))):
            pass
        assert [frame.kind for frame in frames] == [Kind.RESPONSE]
        return frames[0].payload

    def transfer(self, *operations: tuple[int, int | None]) -> list[int]:
        body = b"".join(
            bytes((request,)) + (b"" if value is None else struct.pack("<I", value))
            for request, value in operations
        )
        answer = self.ask(bytes((5, 0, len(operations))) + body)
        assert answer[1:3] == bytes((len(operations), 1)), answer.hex()
        return list(struct.unpack(f"<{(len(answer) - 3) // 4}I", answer[3:]))


SELECT, CSW, TAR, DRW_WRITE, DRW, READ_TAR, CTRL_STAT = 0x08, 0x01, 0x05, 0x0D, 0x0F, 0x07, 0x04


def test_a_foreign_client_finds_select_csw_and_tar_as_it_left_them(shared: Shared) -> None:
    with shared.session() as session:
        raw = _Raw(shared)
        assert raw.ask(b"\x02\x01") == b"\x02\x01"
        raw.transfer((CTRL_STAT, 0x5000_0000), (SELECT, 0), (CSW, 0x2300_0052), (TAR, RAM))
        for word in range(10):
            session.memory.write_u8(0x2000_0800, 1)
            raw.transfer((DRW_WRITE, word))
            assert not session.core.halted
        assert raw.transfer((READ_TAR, None)) == [RAM + 40]
        assert session.memory.read(RAM, 40) == struct.pack("<10I", *range(10))
        raw.transfer((CTRL_STAT, 0))  # power down: not for the others
        assert raw.ask(b"\x03") == b"\x03\x00"
        raw.connection.close()
        assert session.memory.read_u8(0x2000_0800) == 1


def test_a_comparator_that_is_taken_is_not_given_to_a_client_that_does_not_look(
    shared: Shared,
) -> None:
    with shared.session() as session:
        session.core.breakpoints.set(CODE)
        raw = _Raw(shared)
        raw.ask(b"\x02\x01")
        last = FP_COMP0 + 20
        raw.transfer((SELECT, 0), (CSW, 0x2300_0052), (TAR, last), (DRW_WRITE, 0))
        assert comparators(shared)[-1] & 1
        raw.connection.sendall(
            encode(Kind.REQUEST, b"\x05\x00\x02" + struct.pack("<BIBI", TAR, last, 0x0D, 9))
        )
        [frame] = raw.decoder.feed(raw.connection.recv(4096))
        assert frame.kind == Kind.REFUSAL
        assert b"armed by another client" in frame.payload
        raw.connection.close()
        assert session.memory.read_u32(RAM) == 0


@pytest.mark.parametrize(
    "command", [Connect(Port.JTAG), SWD_Sequence((SwdStep(8, b"\x99"),))], ids=["jtag", "sequence"]
)
def test_what_cannot_be_shared_is_refused(shared: Shared, command: Connect | SWD_Sequence) -> None:
    with shared.session() as session:
        client = DapClient.open(shared.link())
        with pytest.raises(ProbeBusy, match="cannot be shared"):
            client.command(command)  # type: ignore[type-var]
        assert session.memory.read_u32(RAM) == 0


def test_reset_held_low_keeps_the_turn(shared: Shared) -> None:
    with shared.session() as one, shared.session() as other:
        other.client.assert_reset()
        reader = threading.Thread(target=one.memory.read_u32, args=(RAM,))
        reader.start()
        reader.join(0.05)
        assert reader.is_alive()
        other.client.release_reset()
        reader.join(10)
        assert not reader.is_alive()


def test_nobody_comes_between_a_line_reset_and_the_read_of_dpidr(shared: Shared) -> None:
    with shared.session() as session:
        raw = _Raw(shared)
        raw.ask(b"\x02\x01")
        assert raw.ask(bytes((0x12, 64)) + b"\xff" * 7 + b"\0") == b"\x12\x00"
        reader = threading.Thread(target=session.memory.read_u32, args=(RAM,))
        reader.start()
        reader.join(0.05)
        assert reader.is_alive()
        assert raw.transfer((0x02, None)) == [0x2BA0_1477]
        reader.join(10)
        assert not reader.is_alive()
        raw.connection.close()


def test_an_alone_client_costs_no_packet_more() -> None:
    with VirtualBoard("stm32f407") as board:
        direct = _packets(board)
    with served() as shared, shared.session() as session:
        before = shared.board.probe.packets
        session.memory.read(RAM, 256)
        session.core.halt()
        assert shared.board.probe.packets - before == direct


def _packets(board: VirtualBoard) -> int:
    from onchip.session import open_session

    with open_session(board.link()) as session:
        before = board.probe.packets
        session.memory.read(RAM, 256)
        session.core.halt()
        return board.probe.packets - before
