"""The stub against a fake core: what each packet means."""

from __future__ import annotations

import pytest

from onchip.cortex_m import ResetKind
from onchip.services.gdb.options import GdbOptions
from onchip.wire.gdb_rsp.replies import StopReply

from .fake_core import FLASH, LOOP, RAM, FakeCore
from .fakes import FakeSession, Talk


def stop(payload):
    return StopReply.decode(payload)


# ---- attach, detach


def test_the_first_question_halts_the_core():
    talk = Talk()
    answer = stop(talk.ask(b"?"))
    assert answer.signal == 5
    assert not talk.core.running
    assert answer.get("thread") == "1"
    assert answer.get("0f") == LOOP.to_bytes(4, "little").hex()


def test_nothing_is_touched_before_the_first_question():
    talk = Talk()
    for payload in (b"qSupported:swbreak+", b"vMustReplyEmpty", b"QStartNoAckMode", b"Hg0"):
        talk.ask(payload)
    assert talk.core.running
    assert talk.core.vector_catch == frozenset()


def test_attach_without_halting_tells_of_a_core_that_runs():
    talk = Talk(options=GdbOptions(halt_on_attach=False))
    assert talk.ask(b"?") == b"T00thread:1;"
    assert talk.core.running
    assert talk.ask(b"vCont;c") is None
    talk.target.run.interrupt()
    assert stop(talk.wait()).signal == 2


def test_detach_disarms_everything_and_lets_the_core_run(talk):
    talk.ask(b"Z1,8000110,2")
    talk.ask(b"Z2,20000010,4")
    assert talk.core.vector_catch == {"hardfault"}
    assert talk.ask(b"D") == b"OK"
    assert talk.core.running
    assert not talk.core.breakpoints.kinds
    assert not talk.core.watchpoints.keys
    assert talk.core.vector_catch == frozenset()
    assert stop(talk.ask(b"?")).signal == 5  # and comes back


def test_the_core_stays_halted_when_told_so():
    talk = Talk(options=GdbOptions(resume_on_detach=False))
    talk.ask(b"?")
    talk.ask(b"D;1")
    assert not talk.core.running
    assert talk.session.resume_on_close is False


def test_the_last_of_two_clients_lets_the_core_go(talk):
    other = Talk(talk.session, target=talk.target)
    other.ask(b"?")
    talk.ask(b"Z1,8000110,2")
    other.ask(b"Z1,8000120,2")
    other.ask(b"D")
    assert not talk.core.running
    assert list(talk.core.breakpoints.kinds) == [0x0800_0110]
    talk.ask(b"D")
    assert talk.core.running


def test_kill_resets_and_says_goodbye(talk):
    talk.ask(b"Z1,8000110,2")
    assert talk.ask(b"k") is None
    assert talk.stub.closing
    assert talk.core.resets == [(ResetKind.SYSTEM, False)]
    assert not talk.core.breakpoints.kinds
    assert talk.core.running


def test_extended_kill_and_run_start_over(talk):
    assert talk.ask(b"!") == b"OK"
    assert talk.ask(b"vKill;1") == b"OK"
    assert not talk.stub.closing
    assert stop(talk.ask(b"vRun;")).signal == 5
    assert talk.ask(b"R00") is None
    assert talk.core.resets == [(ResetKind.SYSTEM, True)] * 3
    assert stop(talk.ask(b"vAttach;1")).signal == 5


# ---- registers


def test_g_holds_what_a_stop_needs_only(talk):
    answer = bytes.fromhex(talk.ask(b"g").decode())
    assert len(answer) == (17 + 2) * 4  # general registers, msp, psp
    assert answer[13 * 4 : 14 * 4] == (RAM + 0x8000).to_bytes(4, "little")
    assert answer[15 * 4 : 16 * 4] == LOOP.to_bytes(4, "little")


def test_p_reads_the_others(talk):
    assert talk.ask(b"p13") == (talk.core.values["primask"]).to_bytes(4, "little").hex().encode()
    assert len(talk.ask(b"p17")) == 16  # d0


def test_writing_registers(talk):
    assert talk.ask(b"P0=78563412") == b"OK"
    assert talk.core.values["r0"] == 0x12345678
    assert talk.ask(b"G" + b"01000000" * 17) == b"OK"
    assert talk.core.values["xpsr"] == 1


@pytest.mark.parametrize(
    "payload", [b"p99", b"P99=00000000", b"P0=00", b"G0000", b"G" + b"00" * 999]
)
def test_registers_that_are_not_there(talk, payload):
    assert talk.ask(payload).startswith(b"E.")


@pytest.mark.parametrize("payload", [b"P0=00000000", b"G00000000", b"vCont;s", b"s"])
def test_registers_and_steps_need_a_halted_core(talk, payload):
    assert talk.ask(b"vCont;c") is None
    assert b"halted core" in talk.ask(payload)


def test_registers_of_a_running_core_are_not_available_but_for_a_sampled_pc(talk):
    talk.ask(b"vCont;c")
    assert talk.ask(b"p0") == b"xxxxxxxx"
    assert talk.ask(b"pf") == b"00000000"  # no DWT_PCSR here
    talk.core.memory.areas[0xE000_1000] = bytearray(0x1C) + LOOP.to_bytes(4, "little")
    assert talk.ask(b"g") == b"xxxxxxxx" * 15 + b"00010008" + b"xxxxxxxx" * 3
    talk.core.memory.areas[0xE000_1000][-4:] = b"\xff" * 4
    assert talk.ask(b"pf") == b"00000000"


# ---- memory


def test_reading_and_writing_memory(talk):
    assert talk.ask(b"M20000000,4:deadbeef") == b"OK"
    assert talk.ask(b"m20000000,4") == b"deadbeef"
    assert talk.ask(b"X20000001,2:$#") == b"OK"
    assert talk.ask(b"x20000000,4") == b"b\xde$#\xef"
    assert talk.ask(b"X20000000,0:") == b"OK"
    assert talk.ask(b"m20000000,0") == b""
    assert talk.ask(b"x20000000,0") == b"b"


def test_memory_while_the_core_runs(talk):
    assert talk.ask(b"c") is None
    assert talk.ask(b"m20000000,4") == b"00000000"


def test_reading_past_the_end_gives_what_is_there(talk):
    assert talk.ask(b"m2000fffe,10") == b"0000"


def test_unreadable_memory_is_a_number_or_a_text(talk):
    assert talk.ask(b"m60000000,4") == b"E0e"
    assert talk.ask(b"x60000000,4") == b"E0e"
    assert talk.ask(b"M60000000,1:00") == b"E0e"
    assert talk.logged == ["FAULT at 0x60000000"]  # once, however often GDB tries
    for address in range(0x6100_0000, 0x6100_0064):
        talk.ask(b"m%x,1" % address)
    talk.ask(b"m60000000,4")
    assert talk.logged.count("FAULT at 0x60000000") == 2  # not everything is remembered
    talk.ask(b"qSupported:error-message+")
    assert talk.ask(b"m60000000,4") == b"E.FAULT at 0x60000000"


def test_addresses_beyond_32_bits(talk):
    assert talk.ask(b"m100000000,4") == b"E0e"
    assert talk.ask(b"Mfffffffe,4:00000000") == b"E0e"
    assert talk.ask(b"qCRC:fffffffe,4") == b"E0e"


def test_flash_is_not_written_like_memory(talk):
    talk.ask(b"qSupported:error-message+")
    assert b"use load" in talk.ask(b"M8000000,1:00")
    assert talk.core.memory.read(FLASH, 1) == b"\xff"


def test_crc(talk):
    # The check value of CRC-32/MPEG-2 over "123456789", from the catalogue of CRCs.
    talk.core.memory.write(RAM, b"123456789")
    assert talk.ask(b"qCRC:20000000,9") == b"C0376e6e7"
    assert talk.ask(b"qCRC:20000000,0") == b"Cffffffff"


def test_crc_over_several_pieces(talk):
    whole = talk.ask(b"qCRC:20000000,5000")
    assert whole.startswith(b"C")
    talk.core.memory.write(RAM + 0x4FFF, b"\1")
    assert talk.ask(b"qCRC:20000000,5000") != whole


def test_search(talk):
    talk.core.memory.write(RAM + 0x1FFE, b"needle")  # across two reads
    assert talk.ask(b"qSearch:memory:20000000;10000;needle") == b"1,20001ffe"
    assert talk.ask(b"qSearch:memory:20000000;2000;needle") == b"0"
    assert talk.ask(b"qSearch:memory:20001fff;100;needle") == b"0"


# ---- session


def test_features(talk):
    features = talk.ask(b"qSupported:swbreak+;hwbreak+").decode().split(";")
    for feature in (
        "PacketSize=4000",
        "swbreak+",
        "hwbreak+",
        "vContSupported+",
        "QStartNoAckMode+",
        "ConditionalBreakpoints+",
        "BreakpointCommands+",
        "QNonStop+",
    ):
        assert feature in features


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        (b"qC", b"QC1"),
        (b"qfThreadInfo", b"m1"),
        (b"qsThreadInfo", b"l"),
        (b"qAttached", b"1"),
        (b"T1", b"OK"),
        (b"Hg0", b"OK"),
        (b"Hc-1", b"OK"),
        (b"vCont?", b"vCont;c;C;s;S;t;r"),
        (b"vMustReplyEmpty", b""),
        (b"vFoo", b""),
        (b"jThreadsInfo", b""),
        (b"qSymbol::", b"OK"),
        (b"QPassSignals:e", b"OK"),
        (b"qXfer:auxv:read::0,100", b""),
        (b"qXfer:features:read:other.xml:0,100", b"E00"),
    ],
)
def test_small_answers(talk, payload, answer):
    assert talk.ask(payload) == answer


@pytest.mark.parametrize("payload", [b"T2", b"Hg7", b"qThreadExtraInfo,3", b"m", b"vCont;x"])
def test_refusals_are_texts(talk, payload):
    assert talk.ask(payload).startswith(b"E.")


def test_thread_description(talk):
    assert bytes.fromhex(talk.ask(b"qThreadExtraInfo,1").decode()) == b"Cortex-M4, halted"


def test_documents_come_in_pieces(talk):
    document, offset = b"", 0
    while True:
        part = talk.ask(b"qXfer:features:read:target.xml:%x,40" % offset)
        document += part[1:]
        offset += 0x40
        if part[:1] == b"l":
            break
    assert document == talk.target.document("features", "target.xml")
    assert b"Cortex-M4" in talk.ask(b"qXfer:threads:read::0,1000")
    assert b'type="flash"' in talk.ask(b"qXfer:memory-map:read::0,1000")


# ---- load


def test_resuming_a_core_that_nobody_halted_waits_for_it():
    talk = Talk()
    assert talk.ask(b"vCont;c") is None
    assert b"halted core" in talk.ask(b"vCont;s")
    talk.target.run.interrupt()
    assert stop(talk.wait()).signal == 2


def test_a_core_without_fpu_and_basepri():
    core = FakeCore(has_fpu=False)
    core.architecture = "ARMv6-M"
    talk = Talk(FakeSession(core))
    names = [spec.name for spec in talk.target.layout.specs]
    assert "basepri" not in names
    assert "d0" not in names
    assert names[-1] == "control"
