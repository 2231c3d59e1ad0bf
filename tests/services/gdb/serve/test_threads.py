"""Threads of an RTOS as GDB sees them, with a kernel in a page."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from onchip.errors import UsageError
from onchip.services.gdb.options import GdbOptions
from onchip.services.gdb.target import Target
from onchip.wire.gdb_rsp.replies import StopReply

from ..fake_core import LOOP
from ..fakes import FakeSession, Talk


@dataclass
class FakeTask:
    id: int
    name: str
    is_current: bool = False
    description: str = "blocked, priority 3"
    saved: dict = field(default_factory=lambda: {"r0": 0x55, "pc": 0x0800_0300})

    def read_registers(self):
        return self.saved

    def write_registers(self, values):
        if not values.keys() <= self.saved.keys():
            raise UsageError("not saved")
        self.saved.update(values)


class FakeKernel:
    wanted_symbols = ("pxCurrentTCB", "missing")
    warning = None

    def __init__(self):
        self.running = 0x100
        self.symbols = None
        self.walks = 0
        self.list = [FakeTask(0x100, "main"), FakeTask(0x200, "io<&>\x01")]

    def learn(self, symbols):
        self.symbols = symbols

    def current_id(self):
        return self.running

    def tasks(self):
        self.walks += 1
        for task in self.list:
            task.is_current = task.id == self.running
        return self.list if self.running else []


@pytest.fixture
def kernel():
    return FakeKernel()


@pytest.fixture
def talk(kernel):
    session = FakeSession()
    talk = Talk(session, target=Target(session, GdbOptions(), threads=kernel))
    talk.ask(b"?")
    return talk


def in_handler(core, number=15):
    core.values["xpsr"] = 0x0100_0000 | number


def test_the_running_task_is_told_and_no_list_is_walked(talk, kernel):
    assert StopReply.decode(talk.run(b"vCont;s:100")).get("thread") == "100"
    assert kernel.walks == 0
    assert talk.ask(b"qC") == b"QC100"
    assert talk.ask(b"qfThreadInfo") == b"m100,200"
    assert talk.ask(b"qfThreadInfo") == b"m100,200"
    assert kernel.walks == 1


def test_multiprocess_ids():
    talk = Talk()
    assert b"multiprocess+" in talk.ask(b"qSupported:multiprocess+;swbreak+")
    assert StopReply.decode(talk.ask(b"?")).get("thread") == "p1.1"
    assert talk.ask(b"qC") == b"QCp1.1"
    assert talk.ask(b"qfThreadInfo") == b"mp1.1"
    for packet in (b"Hgp1.1", b"Hgp0.0", b"Hgp1.-1", b"Tp1.1", b"Hgp-1.-1"):
        assert talk.ask(packet) == b"OK"
    for packet in (b"Hgp2.1", b"Tp1.2", b"D;2", b"vKill;9", b"vAttach;2"):
        assert talk.ask(packet).startswith(b"E.")
    assert b"multiprocess" not in talk.ask(b"qSupported:swbreak+")


def test_the_document(talk):
    document = talk.ask(b"qXfer:threads:read::0,1000").decode()
    assert '<thread id="100" core="0" name="main" id_str="task 0x100">blocked' in document
    assert 'name="io&lt;&amp;&gt;?"' in document
    assert bytes.fromhex(talk.ask(b"qThreadExtraInfo,200").decode()) == b"blocked, priority 3"


def test_the_tables_of_info_os(talk):
    def table(name):
        return talk.ask(b"qXfer:osdata:read:%b:0,2000" % name).decode()

    assert '<column name="Type">threads</column>' in table(b"")
    rows = table(b"threads").split("<item>")[1:]
    assert len(rows) == 2
    assert '<column name="tid">0x200</column>' in rows[1]
    assert '<column name="name">io&lt;&amp;&gt;?</column>' in rows[1]
    assert '<column name="state">blocked, priority 3</column>' in rows[1]
    assert '<column name="state">halted</column>' in table(b"processes")
    assert table(b"sockets") == "E00"
    talk.ask(b"vCont;c")
    assert '<column name="state">running</column>' in table(b"processes")


def test_registers_of_a_sleeping_task(talk):
    assert talk.ask(b"Hg200") == b"OK"
    assert talk.ask(b"p0") == b"55000000"
    assert talk.ask(b"p1") == b"xxxxxxxx"
    assert talk.ask(b"g")[: 8 * 2] == b"55000000xxxxxxxx"
    assert talk.ask(b"P0=66000000") == b"OK"
    assert talk.ask(b"p0") == b"66000000"
    assert talk.ask(b"P1=66000000") == b"E.not saved"
    talk.ask(b"Hg100")
    assert talk.ask(b"pf") == LOOP.to_bytes(4, "little").hex().encode()
    assert talk.ask(b"Hg300").startswith(b"E.")


def test_an_exception_is_a_thread_of_its_own(talk):
    talk.ask(b"vCont;c")
    talk.target.run.interrupt()
    in_handler(talk.core)
    assert StopReply.decode(talk.wait()).get("thread") == "1"
    assert talk.ask(b"qfThreadInfo") == b"m1,100,200"
    assert 'id="1" core="0" name="SysTick"' in (talk.ask(b"qXfer:threads:read::0,1000").decode())
    talk.ask(b"Hg100")
    assert talk.ask(b"p0") == b"55000000"  # what the exception pushed


def test_a_step_into_a_handler_stays_with_the_task(talk):
    talk.core.program[LOOP] = in_handler
    assert StopReply.decode(talk.run(b"vCont;s:100")).get("thread") == "100"
    assert talk.ask(b"qfThreadInfo") == b"m100,200"
    talk.core.program[LOOP + 2] = lambda core: in_handler(core, 0)
    assert StopReply.decode(talk.run(b"vCont;s:100;c")).get("thread") == "100"


def test_a_step_that_switches_tasks_says_so(talk, kernel):
    talk.core.program[LOOP] = lambda core: setattr(kernel, "running", 0x200)
    assert StopReply.decode(talk.run(b"vCont;s:100")).get("thread") == "200"


def test_only_what_executes_can_be_stepped(talk):
    assert b"does not execute" in talk.ask(b"vCont;s:200;c")
    assert talk.ask(b"vCont;s:300").startswith(b"E.")
    talk.ask(b"Z0,8000110,2")
    assert StopReply.decode(talk.run(b"vCont;c:200")).get("thread") == "100"


def test_without_a_kernel_there_is_the_core(talk, kernel):
    kernel.running = None
    talk.run(b"vCont;s")
    assert talk.ask(b"qfThreadInfo") == b"m1"
    assert b"Cortex-M4" in talk.ask(b"qXfer:threads:read::0,1000")


def test_symbols_are_asked_for_one_after_another(talk, kernel):
    assert talk.ask(b"qSymbol::") == b"qSymbol:" + b"pxCurrentTCB".hex().encode()
    answer = talk.ask(b"qSymbol:20000010:" + b"pxCurrentTCB".hex().encode())
    assert answer == b"qSymbol:" + b"missing".hex().encode()
    assert talk.ask(b"qSymbol::" + b"missing".hex().encode()) == b"OK"
    assert kernel.symbols == {"pxCurrentTCB": 0x2000_0010}


def test_a_kernel_that_is_learnt_of_changes_no_name_before_the_core_runs(kernel):
    kernel.running = None
    session = FakeSession()
    talk = Talk(session, target=Target(session, GdbOptions(), threads=kernel))
    assert StopReply.decode(talk.ask(b"?")).get("thread") == "1"
    kernel.running = 0x100
    assert talk.ask(b"qfThreadInfo") == b"m1,200"
    assert 'id="1" core="0" name="main"' in talk.ask(b"qXfer:threads:read::0,1000").decode()
    assert talk.ask(b"Hg1") == b"OK"
    assert talk.ask(b"pf") == LOOP.to_bytes(4, "little").hex().encode()


def test_the_threads_of_a_running_core_are_those_it_had(talk):
    talk.ask(b"qfThreadInfo")
    talk.ask(b"vCont;c")
    assert talk.ask(b"qfThreadInfo") == b"m100,200"


def test_a_kernel_that_is_damaged_is_said_once(talk, kernel):
    said = []
    talk.target.threads.on_warning = said.append
    kernel.warning = "a list has no end"
    for _ in range(2):
        talk.ask(b"qfThreadInfo")
        talk.run(b"vCont;s")
    talk.ask(b"qfThreadInfo")
    assert said == ["threads: a list has no end"]
