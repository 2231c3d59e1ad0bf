"""The quick look at an empty machine: sure, or not sure."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from onchip.probe import discovery
from onchip.probe.nothing import notes_path, nothing_plugged_in

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's files")
HEAD = "  sl  local_address rem_address   st tx_queue\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Linux with one root hub, a program that listens on port 80, and nothing else."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    plug(tmp_path, "usb1", "09")
    net = tmp_path / "proc" / "net"
    net.mkdir(parents=True)
    (net / "tcp").write_text(HEAD + "   0: 0100007F:0050 00000000:0000 0A 0:0\n")
    return tmp_path


def plug(root: Path, name: str, device_class: str) -> None:
    device = root / "sys" / "bus" / "usb" / "devices" / name
    device.mkdir(parents=True)
    (device / "bDeviceClass").write_text(f"{device_class}\n")


def test_hubs_are_no_probes(machine: Path) -> None:
    (machine / "sys/bus/usb/devices/1-0:1.0").mkdir()
    assert nothing_plugged_in(str(machine))


@pytest.mark.parametrize("device_class", ["00", "ef", "ff"])
def test_any_device_may_be_a_probe(machine: Path, device_class: str) -> None:
    plug(machine, "1-1", device_class)
    assert not nothing_plugged_in(str(machine))


def test_a_device_that_vanishes_meanwhile_makes_it_unsure(machine: Path) -> None:
    (machine / "sys/bus/usb/devices/1-2").mkdir()
    assert not nothing_plugged_in(str(machine))


def test_a_hid_device_from_elsewhere(machine: Path) -> None:
    (machine / "sys/class/hidraw/hidraw0").mkdir(parents=True)
    assert not nothing_plugged_in(str(machine))


def test_usb_that_sysfs_does_not_show(machine: Path) -> None:
    (machine / "sys/bus").rename(machine / "sys/elsewhere")
    assert nothing_plugged_in(str(machine))
    (machine / "dev/bus/usb").mkdir(parents=True)
    assert not nothing_plugged_in(str(machine))


@pytest.mark.parametrize("table", ["tcp", "tcp6"])
def test_a_program_on_the_port_of_boards(machine: Path, table: str) -> None:
    address = "0" * (8 if table == "tcp" else 32)
    line = f"   1: {address}:{discovery.DEFAULT_PORT:04X} {address}:0000 %s 0:0\n"
    (machine / "proc/net" / table).write_text(HEAD + line % "01")  # a client of that port
    assert nothing_plugged_in(str(machine))
    (machine / "proc/net" / table).write_text(HEAD + line % "0A")
    assert not nothing_plugged_in(str(machine))


def test_a_note_of_a_board(machine: Path) -> None:
    notes = Path(notes_path())
    notes.mkdir(parents=True)
    assert nothing_plugged_in(str(machine))
    (notes / "5000-1.json").write_text("{}")
    assert not nothing_plugged_in(str(machine))


@pytest.mark.parametrize("state", [None, "", " ", "/somewhere"])
def test_it_looks_where_boards_leave_their_notes(
    monkeypatch: pytest.MonkeyPatch, state: str | None
) -> None:
    if state is None:
        monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_STATE_HOME", state)
    assert notes_path() == str(discovery.notes_directory())


def test_without_proc_it_is_unsure(machine: Path) -> None:
    (machine / "proc/net/tcp").unlink()
    assert not nothing_plugged_in(str(machine))


def test_on_other_systems_it_is_unsure(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not nothing_plugged_in(str(machine))
