"""The stub against a fake core: what each packet means."""

from __future__ import annotations

import time

import pytest

from onchip.cortex_m import HaltKind, HaltReason, ResetKind
from onchip.errors import FlashError, TransferNoAck
from onchip.services.gdb.interrupt import CROSSING_S
from onchip.services.gdb.options import GdbOptions
from onchip.wire.gdb_rsp.replies import ErrorText, StopReply

from .fakes import FLASH, LOOP, RAM, FakeCore, FakeSession, Talk


@pytest.fixture
def talk():
    talk = Talk()
    talk.ask(b"?")
    return talk


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
    assert talk.logged
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


# ---- running


def test_continue_to_a_breakpoint(talk):
    assert talk.ask(b"Z0,8000110,2") == b"OK"
    answer = stop(talk.run(b"vCont;c"))
    assert (answer.signal, answer.get("swbreak")) == (5, "")
    assert answer.get("0f") == (0x0800_0110).to_bytes(4, "little").hex()


def test_a_breakpoint_at_the_pc_is_met_without_moving(talk):
    talk.ask(f"Z0,{LOOP:x},2".encode())
    for packet in (b"vCont;c", b"vCont;s", b"vCont;r8000100,8000110"):
        talk.ask(b"Pf=" + LOOP.to_bytes(4, "little").hex().encode())  # as for `jump`
        assert stop(talk.run(packet)).get("swbreak") == ""
        assert talk.core.values["pc"] == LOOP
    talk.ask(f"z0,{LOOP:x},2".encode())
    talk.run(b"vCont;s")
    assert talk.core.values["pc"] == LOOP + 2


def test_another_clients_breakpoint_at_the_pc_is_passed(talk):
    other = Talk(talk.session, target=talk.target)
    other.ask(b"?")
    other.ask(f"Z0,{LOOP:x},2".encode())
    talk.run(b"vCont;s")
    assert talk.core.values["pc"] == LOOP + 2


def test_a_hardware_breakpoint_is_told_as_such(talk):
    talk.ask(b"Z1,8000111,2")  # the Thumb bit is no part of the address
    assert stop(talk.run(b"c")).get("hwbreak") == ""


def test_interrupt(talk):
    talk.ask(b"vCont;c")
    talk.target.run.interrupt()
    assert stop(talk.wait()).signal == 2


@pytest.mark.parametrize("resume", [b"vCont;c", b"vCont;s", b"vCont;r8000100,8000140"])
def test_interrupt_that_crosses_a_stop_holds_for_the_next_resume(talk, resume):
    talk.run(b"vCont;s")  # GDB, within a `next`, and the user's Ctrl-C while the answer travels
    talk.target.run.interrupt()
    assert stop(talk.run(resume)).signal == 2
    talk.ask(b"Z1,8000110,2")
    assert stop(talk.run(b"vCont;c")).signal == 5


def test_interrupt_is_not_lost_when_the_core_stops_by_itself(talk):
    talk.ask(b"Z1,8000110,2")
    talk.ask(b"vCont;c")
    for _ in range(200):
        if talk.core.values["pc"] == 0x0800_0110:
            break
        talk.session.link.sleep(0.001)
    talk.target.run.interrupt()
    assert stop(talk.wait()).get("hwbreak") == ""
    talk.ask(b"z1,8000110,2")
    assert stop(talk.run(b"vCont;c")).signal == 2


def test_interrupt_of_a_stopped_core_is_soon_forgotten(talk, monkeypatch):
    talk.run(b"vCont;s")
    talk.target.run.interrupt()
    now = time.monotonic() + CROSSING_S
    monkeypatch.setattr("onchip.services.gdb.interrupt.time.monotonic", lambda: now)
    talk.ask(b"Z1,8000110,2")
    assert stop(talk.run(b"vCont;c")).get("hwbreak") == ""


def test_vctrlc_and_vcont_t(talk):
    for payload in (b"vCtrlC", b"vCont;t"):
        talk.ask(b"vCont;c")
        assert talk.ask(payload) == b"OK"
        talk.sent.clear()
        assert stop(talk.wait()).signal == 2


def test_step(talk):
    answer = stop(talk.run(b"vCont;s:1"))
    assert answer.get("0f") == (LOOP + 2).to_bytes(4, "little").hex()
    assert talk.core.steps == 1
    talk.run(b"S05")
    talk.run(f"s{LOOP:x}".encode())
    assert talk.core.values["pc"] == LOOP + 2


def test_continue_from_an_address(talk):
    talk.ask(b"Z1,8000120,2")
    talk.run(b"c800011e")
    assert talk.core.values["pc"] == 0x0800_0120


def test_range_step_is_one_packet(talk):
    answer = stop(talk.run(b"vCont;r8000100,8000120:1"))
    assert answer.get("0f") == (0x0800_0120).to_bytes(4, "little").hex()
    assert talk.core.steps == 16


def test_range_step_executes_one_instruction_at_least(talk):
    talk.run(b"vCont;r8000100,8000100:1")
    assert talk.core.steps == 1


def test_range_step_stops_at_a_breakpoint(talk):
    talk.ask(b"Z0,8000108,2")
    answer = stop(talk.run(b"vCont;r8000100,8000140"))
    assert answer.get("swbreak") == ""
    assert talk.core.values["pc"] == 0x0800_0108


def test_endless_range_step_can_be_interrupted(talk):
    assert talk.ask(b"vCont;r8000100,8000140") is None
    for _ in range(5):
        talk.target.poll()
    assert not talk.sent
    talk.target.run.interrupt()
    assert stop(talk.wait()).signal == 2


def test_vcont_for_another_thread(talk):
    assert talk.ask(b"vCont;s:2").startswith(b"E.")


@pytest.mark.parametrize(
    ("packet", "touch", "pair"),
    [(b"Z2", "write", "watch"), (b"Z3", "read", "rwatch"), (b"Z4", "read", "awatch")],
)
def test_watchpoints(talk, packet, touch, pair):
    talk.core.program[LOOP + 8] = lambda core: setattr(core, "touch", (RAM + 0x12, touch))
    assert talk.ask(packet + b",20000010,4") == b"OK"
    answer = stop(talk.run(b"vCont;c"))
    assert answer.get(pair) == "20000012"


def _stopped_by_a_watchpoint(talk, features):
    talk.ask(b"qSupported:" + features)
    talk.ask(b"Z2,20000010,4")
    talk.core.program[LOOP + 8] = lambda core: setattr(core, "touch", (RAM + 0x10, "write"))
    assert stop(talk.run(b"vCont;c")).get("watch") == "20000010"
    talk.ask(b"z2,20000010,4")
    return talk.core.values["pc"]


def test_the_step_by_which_gdb_passes_a_watched_access_finds_it_made(talk):
    pc = _stopped_by_a_watchpoint(talk, b"swbreak+;hwbreak+")
    answer = stop(talk.run(b"vCont;s:1"))
    assert (answer.signal, answer.get("watch")) == (5, None)
    assert (talk.core.values["pc"], talk.core.steps) == (pc, 0)
    talk.run(b"vCont;s:1")  # the next one is the user's
    assert talk.core.steps == 1


def test_only_the_first_step_after_a_watchpoint_is_such(talk):
    _stopped_by_a_watchpoint(talk, b"swbreak+;hwbreak+")
    talk.ask(b"Z1,8000120,2")
    talk.run(b"vCont;c")
    talk.ask(b"z1,8000120,2")
    talk.run(b"vCont;s")
    assert talk.core.steps == 1


def test_who_takes_a_watchpoint_as_told_steps_as_told(talk):
    _stopped_by_a_watchpoint(talk, b"multiprocess+;fork-events+")
    talk.run(b"vCont;s")
    assert talk.core.steps == 1


def test_a_watchpoint_without_an_address_is_the_only_one(talk):
    talk.ask(b"Z2,20000010,4")
    assert talk.target.run.points.watch_name(None, None) == ("watch", 0x2000_0010)
    talk.ask(b"Z2,20000020,4")
    assert talk.target.run.points.watch_name(None, None) is None


def test_a_stale_watchpoint_is_no_stop_while_stepping(talk):
    talk.core.program[LOOP] = lambda core: setattr(core, "touch", (RAM + 0x10, "write"))
    talk.ask(b"Z2,20000010,4")
    talk.ask(b"z2,20000010,4")
    answer = stop(talk.run(b"vCont;s"))
    assert answer.get("watch") is None
    assert answer.signal == 5


def test_points_run_out(talk):
    for n in range(4):
        assert talk.ask(f"Z1,{LOOP + 4 * n:x},2".encode()) == b"OK"
    assert talk.ask(b"Z1,8000120,2").startswith(b"E.no comparator left")
    talk.ask(f"z1,{LOOP:x},2".encode())
    assert talk.ask(b"Z1,8000120,2") == b"OK"  # the stale one made room
    for n in range(2):
        assert talk.ask(f"Z2,2000000{n},1".encode()) == b"OK"
    assert talk.ask(b"Z2,20000008,1").startswith(b"E.no comparator left")
    talk.ask(b"z2,20000000,1")
    assert talk.ask(b"Z2,20000008,1") == b"OK"


def test_taking_points_out_and_in_again_costs_nothing(talk):
    talk.ask(b"Z1,8000110,2")
    talk.run(b"vCont;c")
    writes = talk.core.breakpoints.writes
    for _ in range(5):
        talk.ask(b"z1,8000110,2")
        talk.run(b"vCont;s")
        talk.ask(b"Z1,8000110,2")
    assert talk.core.breakpoints.writes == writes
    talk.ask(b"z1,8000110,2")
    talk.ask(b"vCont;c")
    assert not talk.core.breakpoints.kinds


def test_removing_what_is_not_there_is_no_error(talk):
    assert talk.ask(b"z0,8000110,2") == b"OK"
    assert talk.ask(b"z2,20000000,4") == b"OK"


def test_a_breakpoint_of_the_programs_own(talk):
    talk.core.memory.write(LOOP + 4, b"\x01\xbe")
    answer = stop(talk.run(b"vCont;c"))
    assert answer.signal == 5
    assert answer.get("swbreak") is None  # GDB would look for an opcode of its own there
    assert talk.core.values["pc"] == LOOP + 4
    talk.ask(b"vCont;c")
    assert talk.core.values["pc"] == LOOP + 6  # it is stepped over, not met again


@pytest.mark.parametrize(("exception", "signal"), [(3, 11), (4, 11), (5, 10), (6, 4), (1, 5)])
def test_a_caught_fault_is_told_with_its_report(talk, exception, signal):
    talk.core.fault_report = "the report"
    talk.ask(b"vCont;c")
    talk.core.values["xpsr"] = exception
    talk.core._stop(HaltReason(HaltKind.VECTOR_CATCH, LOOP))
    assert stop(talk.wait()).signal == signal
    assert bytes.fromhex(talk.sent[0][1:].decode()) == b"the report\n"


def test_lockup(talk):
    talk.ask(b"vCont;c")
    talk.core._stop(HaltReason(HaltKind.LOCKUP, 0xFFFF_FFFE))
    assert stop(talk.wait()).signal == 6
    assert b"locked up" in bytes.fromhex(talk.sent[0][1:].decode())


def test_a_core_that_is_lost_while_it_runs(talk):
    talk.ask(b"vCont;c")
    talk.target.fail(TransferNoAck("nothing answers"))
    assert talk.sent == [ErrorText("nothing answers").encode()]
    assert not talk.target.run.running


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


def test_load_is_collected_programmed_and_reset(talk):
    assert talk.ask(b"vFlashErase:8000000,800") == b"OK"
    assert talk.ask(b"vFlashWrite:8000000:abcd") == b"OK"
    assert talk.ask(b"vFlashWrite:8000004:ef") == b"OK"
    assert talk.session.jobs == []
    assert talk.ask(b"vFlashDone") == b"OK"
    assert talk.session.jobs == [
        ("erase", FLASH + 0x400, 0x400),
        ("flash", [(FLASH, b"abcdef")], "sector"),
    ]
    assert talk.core.resets == [(ResetKind.SYSTEM, True)]
    assert talk.ask(b"vFlashDone") == b"OK"
    assert len(talk.session.jobs) == 2


def test_erasing_alone(talk):
    talk.ask(b"vFlashErase:8000000,10000")
    talk.ask(b"vFlashDone")
    assert talk.session.jobs == [("erase", FLASH, 0x10000)]


def test_chip_erase_for_load():
    talk = Talk(options=GdbOptions(erase="chip"))
    talk.ask(b"vFlashErase:8000000,800")
    talk.ask(b"vFlashWrite:8000000:ab")
    talk.ask(b"vFlashDone")
    assert talk.session.jobs == [("flash", [(FLASH, b"ab")], "chip")]


def test_load_of_a_running_core_is_refused(talk):
    talk.ask(b"vFlashErase:8000000,400")
    talk.ask(b"vCont;c")
    assert b"halted core" in talk.ask(b"vFlashDone")
    assert talk.session.jobs == []


def test_resuming_a_core_that_nobody_halted_waits_for_it():
    talk = Talk()
    assert talk.ask(b"vCont;c") is None
    assert b"halted core" in talk.ask(b"vCont;s")
    talk.target.run.interrupt()
    assert stop(talk.wait()).signal == 2


def test_flash_that_is_none_is_refused_before_anything(talk):
    assert talk.ask(b"vFlashErase:20000000,400").startswith(b"E.0x20000000")
    assert talk.ask(b"vFlashWrite:800fffe:abcd").startswith(b"E.0x08010000")
    assert talk.session.jobs == []


def test_a_failed_load_says_so_and_is_over(talk):
    talk.session.flash_error = FlashError("page 3 does not verify", address=FLASH)
    talk.ask(b"vFlashWrite:8000000:ab")
    assert talk.ask(b"vFlashDone") == b"E.page 3 does not verify"
    assert talk.logged == ["page 3 does not verify"]
    assert talk.ask(b"vFlashDone") == b"OK"


def test_overlapping_writes_are_an_error(talk):
    talk.ask(b"vFlashWrite:8000000:abcd")
    talk.ask(b"vFlashWrite:8000002:ef")
    assert talk.ask(b"vFlashDone").startswith(b"E.")


def test_a_core_without_fpu_and_basepri():
    core = FakeCore(has_fpu=False)
    core.architecture = "ARMv6-M"
    talk = Talk(FakeSession(core))
    names = [spec.name for spec in talk.target.layout.specs]
    assert "basepri" not in names
    assert "d0" not in names
    assert names[-1] == "control"
