"""``monitor`` commands."""

from __future__ import annotations

import pytest

from onchip.cortex_m import ResetKind
from onchip.cortex_m.fault import FaultReport
from onchip.services.commands import COMMANDS

from ..fake_core import RAM
from ..fakes import Talk


@pytest.mark.parametrize("line", ["help", "", "?"])
def test_help_lists_every_command(talk, line):
    printed, answer = talk.monitor(line)
    assert answer == b"OK"
    for command in COMMANDS:
        assert command.usage in printed


def test_help_of_one(talk):
    printed, _ = talk.monitor("help reset")
    assert printed.startswith("reset [halt|run] [KIND]\n")
    assert "hardware" in printed


@pytest.mark.parametrize(
    ("line", "reset"),
    [
        ("reset", (ResetKind.SYSTEM, True)),
        ("reset halt", (ResetKind.SYSTEM, True)),
        ("reset init", (ResetKind.SYSTEM, True)),
        ("reset run", (ResetKind.SYSTEM, False)),
        ("reset halt core", (ResetKind.CORE, True)),
        ("RESET run hardware", (ResetKind.HARDWARE, False)),
    ],
)
def test_reset(talk, line, reset):
    printed, answer = talk.monitor(line)
    assert answer == b"OK"
    assert printed.startswith("reset")
    assert talk.core.resets == [reset]


def test_resume_and_halt(talk):
    assert talk.monitor("resume")[1] == b"OK"
    assert talk.core.running
    assert talk.monitor("go")[1] == b"OK"
    printed, _ = talk.monitor("halt")
    assert printed.startswith("halted at pc 0x0800")
    assert not talk.core.running
    assert talk.monitor("halt")[1] == b"OK"


def test_continue_after_monitor_resume_waits(talk):
    talk.monitor("resume")
    assert talk.ask(b"vCont;c") is None
    talk.target.run.interrupt()
    assert talk.wait().startswith(b"T02")


def test_reset_halt_by_another_client_stops_one_that_waits(talk):
    other = Talk(talk.session, target=talk.target)
    assert talk.ask(b"vCont;c") is None
    other.monitor("reset halt")
    assert talk.sent[-1].startswith(b"T05")


def test_init_does_nothing(talk):
    assert talk.monitor("init") == ("", b"OK")


def test_info(talk):
    printed, _ = talk.monitor("info")
    for part in (
        "fake",
        "Cortex-M4",
        "fake link",
        "halted",
        "ROM table",
        "4 breakpoints",
        "0x08000000",
    ):
        assert part in printed


def test_fault(talk):
    assert talk.monitor("fault")[0] == "no fault is recorded\n"
    talk.core.fault_report = FaultReport(
        exception=3,
        name="BusFault",
        headline="the reason",
        causes=("PRECISERR",),
        pc=0x0800_0100,
        lr=None,
        address=None,
    )
    shown = talk.monitor("fault")[0]
    assert shown.startswith("BusFault: the reason.\n  at 0x08000100")
    assert "backtrace" in shown


def test_registers(talk):
    assert "primask" in talk.monitor("reg")[0]
    assert talk.monitor("reg PC") == ("pc         0x08000100\n", b"OK")


def test_memory(talk):
    assert talk.monitor("mww 0x20000000 0x12345678 2")[1] == b"OK"
    assert talk.monitor("mdw 0x20000000 2") == ("0x20000000: 12345678 00000002\n", b"OK")
    assert talk.monitor("mdh 0x20000000")[0] == "0x20000000: 5678\n"
    assert len(talk.monitor("mdb 0x20000000 20")[0].splitlines()) == 2
    talk.monitor("mwb 0x20000000 1")
    talk.monitor("mwh 0x20000002 0xABCD")
    assert talk.core.memory.read(RAM, 4) == b"\x01\x56\xcd\xab"


def test_erase(talk):
    assert talk.monitor("erase 0x08000000 0x400")[1] == b"OK"
    assert talk.monitor("erase chip")[1] == b"OK"
    assert talk.session.jobs == [("erase", 0x0800_0000, 0x400), ("erase chip",)]


@pytest.mark.parametrize(
    "line",
    [
        "halt now", "reset never", "reset halt run", "reset core system", "mdw",
        "mdw x", "mdw -1", "mdw 0x100000000", "mdw 0x60000000", "mdw 1 2 3", "mww 0x20000000",
        "mwb 0x20000000 256", "erase", "erase x y", "speed 1000", "info x", "fault x", '"unclosed',
        "resume x",
    ],
)  # fmt: skip
def test_what_cannot_be_done_says_why_and_fails(talk, line):
    printed, answer = talk.monitor(line)
    assert answer == b"E01"
    assert printed.strip()


def test_a_command_of_another_server_ends_no_script(talk):
    printed, answer = talk.monitor("tpiu config disable")
    assert answer == b"OK"
    assert "no command 'tpiu'" in printed


def test_semihosting_is_switched_as_elsewhere(talk):
    assert talk.monitor("arm semihosting")[0] == "semihosting is disabled\n"
    assert talk.monitor("arm semihosting enable") == ("semihosting is enabled\n", b"OK")
    assert talk.monitor("arm semihosting enable") == ("semihosting is enabled\n", b"OK")
    assert talk.target.run.calls.console is not None
    assert talk.monitor("arm semihosting disable") == ("semihosting is disabled\n", b"OK")
    assert talk.target.run.calls.console is None
    for wrong in ("arm", "arm semihosting maybe", "arm core", "arm semihosting enable now"):
        assert talk.monitor(wrong)[1] == b"E01"


@pytest.mark.parametrize("line", ["reg", "fault"])
def test_what_needs_a_halted_core(talk, line):
    talk.monitor("resume")
    printed, answer = talk.monitor(line)
    assert answer == b"E01"
    assert "halted core" in printed


def test_points_of_monitor_are_the_clients(talk):
    assert talk.monitor("break 0x08000110")[1] == b"OK"
    assert talk.monitor("watch 0x20000010 4 read")[1] == b"OK"
    assert list(talk.core.breakpoints.kinds) == [0x0800_0110]
    assert talk.core.watchpoints.keys == [(0x2000_0010, 4, "read")]
    talk.monitor("unwatch 0x20000010 4 read")
    assert talk.core.watchpoints.keys == []
    talk.stub.leave()
    assert talk.core.breakpoints.kinds == {}
