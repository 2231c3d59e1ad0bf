"""The stub on a virtual board: hostile packets, and what the fake core cannot show."""

from __future__ import annotations

import pytest

import onchip
from onchip.services.gdb.options import GdbOptions
from onchip.wire.gdb_rsp.points import InsertPoint, PointKind

from .fakes import Talk
from .hostile import packets, torment
from .soak import soak

RAM = 0x2000_0000
LOOP = bytes.fromhex("0130 0030 0a60 0b68 fae7")  # adds r0,#1; adds r0,#0; str, ldr [r1]; b .-8
GAP = 0xC000_0000
FP_COMP0, DWT_FUNCTION0 = 0xE000_2008, 0xE000_1028


@pytest.fixture
def session():
    with onchip.connect("virtual:stm32f407", connect="halt") as session:
        session.memory.write(RAM, LOOP)
        session.core.write_registers(
            {"pc": RAM, "xpsr": 1 << 24, "sp": RAM + 0x1000, "r1": RAM + 0x100}
        )
        yield session


def test_a_board_survives_hostile_packets(session):
    talk = Talk(session)
    assert torment(talk, packets(0, 1500, ram=RAM + 0x200, code=RAM, gap=GAP)) > 450
    talk.stub.leave()
    assert not session.core.breakpoints.armed
    assert not session.core.watchpoints.armed
    for comparator in range(FP_COMP0, FP_COMP0 + 4 * 8, 4):
        assert session.memory.read_u32(comparator) & 1 == 0
    for function in range(DWT_FUNCTION0, DWT_FUNCTION0 + 16 * 4, 16):
        assert session.memory.read_u32(function) & 0xF == 0
    assert session.core.vector_catch == frozenset()


@pytest.mark.parametrize(
    ("packet", "pair"), [(b"Z2", "watch"), (b"Z3", "rwatch"), (b"Z4", "awatch")]
)
def test_watchpoints_name_the_address(session, packet, pair):
    talk = Talk(session)
    talk.ask(b"?")
    assert talk.ask(packet + b",20000100,4") == b"OK"
    assert f"{pair}:20000100;".encode() in talk.run(b"vCont;c")


def test_an_interrupt_that_crossed_a_stop_is_told_before_the_next_one(session):
    """GDB goes on by itself where a watched value did not change: such stops hid it for ever."""
    talk = Talk(session)
    talk.ask(b"?")
    talk.ask(b"Z2,20000100,4")
    assert b"watch:20000100;" in talk.run(b"vCont;c")
    talk.target.run.interrupt()
    assert talk.run(b"vCont;c").startswith(b"T02")
    assert b"watch:20000100;" in talk.run(b"vCont;c")


def test_a_range_step_ends_at_its_border(session):
    talk = Talk(session)
    talk.ask(b"?")
    answer = talk.run(b"vCont;r20000000,20000004:1")
    assert b"0f:04000020;" in answer
    assert b"00:01000000;" in answer


def test_a_range_that_nothing_leaves_runs_until_it_is_interrupted(session):
    talk = Talk(session)
    talk.ask(b"?")
    assert talk.ask(b"vCont;r20000000,2000000a:1") is None
    for _ in range(4):
        talk.target.poll()
        session.link.sleep(0.001)
    assert (talk.sent, talk.target.run.stepping) == ([], False)
    talk.target.run.interrupt()
    assert talk.wait().startswith(b"T02")
    assert session.core.read_register("r0") > 100
    assert RAM <= session.core.read_register("pc") < RAM + len(LOOP)


HANDLER, VECTORS, VTOR = RAM + 0x200, RAM + 0x400, 0xE000_ED08


@pytest.fixture
def supervisor(session):
    """SVC, add, branch back; the handler counts in r4 and returns."""
    session.reset(halt=True)  # out of the lock-up of a blank chip
    session.memory.write(RAM, bytes.fromhex("03df 0130 fce7"))
    session.memory.write(HANDLER, bytes.fromhex("0134 7047"))
    session.memory.write(VECTORS + 4 * 11, (HANDLER | 1).to_bytes(4, "little"))
    session.memory.write_u32(VTOR, VECTORS)
    session.core.write_registers({"pc": RAM, "xpsr": 1 << 24, "sp": RAM + 0x1000, "r4": 0, "r0": 0})
    talk = Talk(session)
    talk.ask(b"?")
    return talk


def test_a_step_over_svc_runs_its_handler_through(supervisor):
    assert b"0f:02000020;" in supervisor.run(b"vCont;s")
    assert b"04:01000000;" in supervisor.sent[-1]
    supervisor.session.core.write_register("pc", RAM)
    assert b"0f:04000020;" in supervisor.run(b"vCont;r20000000,20000004")
    assert b"04:02000000;" in supervisor.sent[-1]
    supervisor.stub.leave()
    assert not supervisor.session.core.breakpoints.armed


def test_a_breakpoint_in_the_handler_is_a_stop(supervisor):
    supervisor.ask(b"Z0,20000200,2")
    assert b"0f:00020020;" in supervisor.run(b"vCont;s")
    supervisor.ask(b"z0,20000200,2")
    assert b"0f:02020020;" in supervisor.run(b"vCont;s")  # a step in the handler is one
    assert b"0f:02000020;" in supervisor.run(b"vCont;s")  # and leads out of it


def test_a_handler_that_does_not_return_is_interrupted(supervisor):
    supervisor.session.memory.write(HANDLER, bytes.fromhex("fee7"))
    assert supervisor.ask(b"vCont;s") is None
    for _ in range(3):
        supervisor.target.poll()
    assert not supervisor.sent
    supervisor.target.run.interrupt()
    assert b"0f:00020020;" in supervisor.wait()
    assert supervisor.sent[-1].startswith(b"T02")


def test_with_steps_into_interrupts_a_step_enters_the_handler(supervisor):
    options = GdbOptions(step_into_interrupts=True)
    talk = Talk(supervisor.session, options=options)
    talk.ask(b"?")
    assert b"0f:00020020;" in talk.run(b"vCont;s")


def test_a_hard_breakpoint_is_passed(session):
    talk = Talk(session)
    session.memory.write(RAM + 4, b"\x00\xbe")
    talk.ask(b"?")
    assert b"0f:04000020;" in talk.run(b"vCont;c")
    assert b"0f:06000020;" in talk.run(b"vCont;s")


def test_lockup_is_told(session):
    talk = Talk(session, options=GdbOptions(vector_catch=()))
    session.memory.write(RAM, bytes.fromhex("00de"))  # UDF; the vectors of a blank chip
    talk.ask(b"?")
    assert talk.run(b"vCont;c").startswith(b"T06")
    assert b"locked up" in bytes.fromhex(talk.sent[0][1:].decode())


def test_console_output(session):
    talk = Talk(session, options=GdbOptions(semihosting=True))
    session.memory.write(RAM, bytes.fromhex("abbe fee7"))
    session.memory.write(RAM + 0x100, b"hi\n\0")
    session.core.write_registers({"r0": 4, "r1": RAM + 0x100})
    talk.ask(b"?")
    talk.ask(b"vCont;c")
    talk.target.poll()
    talk.session.link.sleep(0.001)
    talk.target.poll()
    assert talk.sent[0] == b"O" + b"hi\n".hex().encode()
    talk.target.run.interrupt()
    assert talk.wait().startswith(b"T02")
    assert session.core.read_register("pc") == RAM + 2


def test_points_run_out_with_a_reason(session):
    talk = Talk(session)
    talk.stub.name = "GDB 127.0.0.1:50000"
    talk.ask(b"?")
    answers = [talk.ask(f"Z2,2000{n:02x}00,4".encode()) for n in range(5)]
    assert answers[:4] == [b"OK"] * 4
    assert answers[4].startswith(b"E.")
    session.flash_breakpoints = "off"
    answers = [talk.ask(f"Z1,80001{n:02x},2".encode()) for n in range(0, 28, 4)]
    assert answers[:6] == [b"OK"] * 6
    assert b"all 6 comparators are in use, 6 by GDB 127.0.0.1:50000" in answers[6]
    assert b"--flash-breakpoints on" in answers[6]


def test_monitor_watches_for_a_value(session):
    talk = Talk(session)
    talk.ask(b"?")
    printed, answer = talk.monitor("watch 0x20000100 4 write 5")
    assert (printed, answer) == ("watchpoint on 4 bytes at 0x20000100, write of 0x5\n", b"OK")
    session.core.write_register("r2", 5)  # what the loop stores
    assert b"watch:20000100;" in talk.run(b"vCont;c")
    assert session.memory.read_u32(RAM + 0x100) == 5
    assert talk.monitor("unwatch 0x20000100 4 write 5")[1] == b"OK"
    assert not session.core.watchpoints.armed


def test_breakpoints_of_one_client_stay_when_another_leaves(session):
    first, second = Talk(session), Talk(session)
    second.target = second.stub.target = first.target
    for talk in (first, second):
        talk.ask(b"?")
        assert talk.ask(b"Z0,20000004,2") == b"OK"
    assert first.ask(b"Z1,8000104,2") == b"OK"
    first.stub.leave()
    assert [b.address for b in session.core.breakpoints] == [0x2000_0004]
    assert b"20000004" not in second.run(b"vCont;c")
    assert session.core.read_register("pc") == 0x2000_0004


def test_more_breakpoints_than_comparators_go_to_flash(session):
    code = bytes.fromhex("0130") * 20 + bytes.fromhex("eae7")  # adds r0, #1 ...; b to the first
    session.flash(session.image([(0x0800_0000, bytes(0x100) + code)]), reset=False)
    session.core.write_registers({"pc": 0x0800_0100, "xpsr": 1 << 24, "sp": RAM + 0x1000})
    talk = Talk(session)
    talk.ask(b"?")
    places = [0x0800_0104 + 4 * n for n in range(8)]
    for address in places:
        for at in places:
            assert talk.ask(f"Z1,{at:x},2".encode()) == b"OK"
        assert talk.run(b"vCont;c").startswith(b"T05")
        assert session.core.read_register("pc") == address
        for at in places:
            assert talk.ask(f"z1,{at:x},2".encode()) == b"OK"
        assert talk.ask(b"m8000100,28") == code[:40].hex().encode()
        assert talk.run(b"vCont;s").startswith(b"T05")
        assert session.core.read_register("pc") == address + 2
    assert len(session.core.breakpoints.opcodes.in_flash) > 0
    talk.stub.leave()
    assert session.core.ap.read(0x0800_0100, len(code)) == code


def test_unreachable_memory(session):
    talk = Talk(session)
    talk.ask(b"qSupported:error-message+")
    assert b"C0000000" in talk.ask(b"mc0000000,4").upper()
    assert len(talk.ask(b"m2001fffe,10")) == 4  # what is there before the end of RAM


def test_a_breakpoint_upon_the_programs_own_is_passed(session):
    talk = Talk(session)
    session.memory.write(RAM + 4, b"\x00\xbe")
    talk.ask(b"?")
    talk.ask(b"Z0,20000004,2")
    assert b"swbreak" in talk.run(b"vCont;c")
    talk.ask(b"z0,20000004,2")
    assert b"0f:06000020;" in talk.run(b"vCont;s")
    talk.ask(b"Z0,20000004,2")
    assert b"0f:04000020;" in talk.run(b"vCont;c")  # once round
    assert b"00:02000000;" in talk.sent[-1]


def test_clients_come_and_go_and_nothing_piles_up():
    warm, last = soak(24, 3, every=12)
    assert last.stops - warm.stops == 12 * 6
    assert last.blocks - warm.blocks < 12 * 10, "a connection that stayed is more than that"


def test_a_hardware_breakpoint_in_ram_that_no_comparator_reaches(session):
    talk = Talk(session)
    talk.ask(b"?")
    assert not session.core.breakpoints.has_reach(RAM + 4)
    assert talk.ask(b"Z1,20000004,2") == b"OK"
    assert b"hwbreak:;" in talk.run(b"vCont;c")
    assert session.core.read_register("pc") == RAM + 4
    strict = Talk(session, GdbOptions(hardware_breakpoints_only=True))
    assert b"reach only addresses below" in strict.ask(b"Z1,20000006,2")


def test_a_false_condition_does_not_pass_a_scripts_breakpoint(session):
    talk = Talk(session)
    talk.ask(b"?")
    assert talk.ask(b"Z0,20000004,2;X3,220027") == b"OK"
    session.core.breakpoints.set(RAM + 4)
    assert b"0f:04000020;" in talk.run(b"vCont;c")


COUNT = bytes.fromhex("0130 0139 fcd1 00bf fee7")  # 1: adds r0; subs r1; bne 1b; nop; b .


@pytest.fixture
def counter(session):
    """A loop of a thousand turns at RAM; the range ends behind its branch."""
    session.memory.write(RAM, COUNT)
    session.core.write_registers({"pc": RAM, "r0": 0, "r1": 1000})
    talk = Talk(session)
    talk.ask(b"?")
    return talk


RANGE = b"vCont;r20000000,20000006"


def test_a_long_loop_runs_to_its_end(counter):
    assert b"0f:06000020;" in counter.run(RANGE)
    assert b"00:e8030000;01:00000000;" in counter.sent[-1]
    counter.ask(b"D")
    assert not counter.session.core.breakpoints.armed


def test_a_breakpoint_in_a_long_loop(counter):
    counter.session.core.write_register("r1", 80)
    r1_is_20 = bytes.fromhex("260001 2214 13 27")
    condition = InsertPoint(PointKind.SOFTWARE_BREAKPOINT, RAM + 2, 2, conditions=(r1_is_20,))
    counter.ask(condition.encode())
    answer = counter.run(RANGE, polls=400)
    assert b"0f:02000020;" in answer
    assert b"swbreak" in answer
    assert b"01:14000000;" in answer


def test_ctrl_c_in_a_long_loop(counter):
    counter.session.core.write_register("r1", 0xFFFF_FFFF)
    counter.ask(RANGE)
    for _ in range(5):
        counter.target.poll()
    counter.target.run.interrupt()
    assert counter.wait().startswith(b"T02")
    assert not counter.target.run.running


def test_an_instruction_whose_way_is_not_known_is_stepped(counter):
    code = bytes.fromhex("0130 0139 01d0 8746 00bf")  # adds; subs; beq out; mov pc, r0 ...
    counter.session.memory.write(RAM, code.replace(b"\x87\x46", b"\x97\x46"))  # mov pc, r2
    counter.session.core.write_registers({"pc": RAM, "r1": 40, "r2": RAM})
    assert b"0f:0a000020;" in counter.run(b"vCont;r20000000,20000008", polls=300)
    assert b"00:28000000;01:00000000;" in counter.sent[-1]


def test_a_watchpoint_in_a_long_loop(counter):
    code = bytes.fromhex("0431 0860 9746 00bf")  # adds r1, #4; str r0, [r1]; mov pc, r2
    counter.session.memory.write(RAM, code)
    counter.session.core.write_registers({"pc": RAM, "r1": RAM + 0x100, "r2": RAM})
    counter.ask(b"Z2,20000190,4")
    answer = counter.run(b"vCont;r20000000,20000006", polls=300)
    assert b"watch:20000190;" in answer
    assert b"01:90010020;" in answer


def test_a_trace_goes_on_where_memory_is_not_there(session):
    """A transfer that fails makes the core's state unknown; the hit is passed all the same."""
    talk = Talk(session)
    talk.ask(b"?")
    for packet in (
        b"QTinit",
        b"QTDP:1:%x:E:0:0-" % (RAM + 4),
        b"QTDP:-1:%x:R1M-1,%X,4M-1,%X,4" % (RAM + 4, GAP, RAM),
        b"QTStart",
    ):
        assert talk.ask(packet) == b"OK"
    talk.ask(b"vCont;c")
    for _ in range(3):
        talk.target.poll()
    talk.target.run.interrupt()
    talk.wait()
    frames = list(talk.target.trace.buffer)
    assert len(frames) > 10
    counts = [int.from_bytes((frame.registers or b"")[:4], "little") for frame in frames]
    assert counts == list(range(counts[0], counts[0] + len(frames)))  # each turn of the loop once
    assert all(frame.memory == ((RAM, LOOP[:4]),) for frame in frames)
