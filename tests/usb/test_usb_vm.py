"""Virtual boards as real USB devices, in a machine with a real kernel: `make test-usb`.

Everything between the programs in the machine and `tests/usb/probe_device.py` is the real thing:
Python packages, libusb and hidapi, Debian's kernel, QEMU's xHCI controller.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from onchip.virtual_board.board import VirtualBoard
from tests.support.images import FLASH_START, counting_loop
from tests.usb.machine import Completed, Machine, Session, session
from tests.usb.plug import Plug, plugged
from tests.usb.usbredir import Speed

pytestmark = [pytest.mark.usb_vm, pytest.mark.timeout(900)]

IMAGE = {"small": (8 << 10, 1), "large": (96 << 10, 2)}  # length, seed
CONNECTED = (
    "for i in $(seq 100); do lsusb -d 1209:1 >/dev/null && break; sleep 0.1; done; udevadm settle"
)
STEP = """
import onchip

with onchip.connect() as session:
    session.reset(halt=True)
    for _ in range(5):
        session.core.step()
        print(hex(session.core.read_register("pc")))
"""
GONE = "for i in $(seq 100); do lsusb -d 1209:1 >/dev/null || break; sleep 0.1; done"


@dataclass(frozen=True)
class Kind:
    """One kind of probe on one kind of bus."""

    probe_model: str
    speed: Speed
    interfaces: str
    swo: bool = False
    protocol: str = "v2"


V1 = Kind("hid-64x4", Speed.FULL, "v1", protocol="v1")
V2_FULL = Kind("bulk-64x8", Speed.FULL, "v2")
V2_HIGH = Kind("bulk-512x4", Speed.HIGH, "v2", swo=True)
BOTH = Kind("bulk-512x4", Speed.HIGH, "both")
KINDS = {
    "v1": V1,
    "v1-high-speed": Kind("hid-64x4", Speed.HIGH, "v1", protocol="v1"),
    "v2-full-speed": V2_FULL,
    "v2-high-speed": V2_HIGH,
    "both": BOTH,
    "both-full-speed": Kind("bulk-64x8", Speed.FULL, "both"),
}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@dataclass(frozen=True)
class Desk:
    """A board on its cable, and the machine it is plugged into."""

    board: VirtualBoard
    plug: Plug
    machine: Machine

    def onchip(self, words: str, *, status: int = 0) -> Completed:
        """Run our command in the machine and see to its exit code."""
        done = self.machine.run(f"onchip {words}", check=False)
        assert done.status == status, f"{words}: {done}"
        assert "Traceback" not in done.errors
        return done

    def flash_holds(self, name: str) -> bool:
        """Say whether the chip's flash begins with the image."""
        return self.plug.do(lambda: self._flash(len(image(name)))) == image(name)

    def written(self, offset: int) -> bool:
        """Say whether something was programmed at ``offset`` into the flash."""
        return self._flash(16, offset) != b"\xff" * 16

    def _flash(self, length: int, offset: int = 0) -> bytes:
        start = FLASH_START[self.board.chip.name] + offset
        return self.board.bus.read_block(start, length)


def image(name: str) -> bytes:
    """Return what is in the machine as /opt/desk/NAME.bin."""
    length, seed = IMAGE[name]
    return counting_loop("stm32f407", length=length, seed=seed)


@pytest.fixture(scope="module")
def usb_session() -> Iterator[Session]:
    with tempfile.TemporaryDirectory(prefix="onchip-usb-") as folder:
        files = {f"opt/desk/{name}.bin": image(name) for name in IMAGE}
        files["opt/desk/pyocd.bin"] = counting_loop("nrf52840", length=8192)
        files["opt/desk/step.py"] = STEP.encode()
        with session(Path(folder), files) as prepared:
            yield prepared


@contextmanager
def desk(usb_session: Session, kind: Kind, chip: str = "stm32f407") -> Iterator[Desk]:
    with (
        tempfile.TemporaryDirectory(prefix="onchip-plug-") as folder,
        VirtualBoard(chip, kind.probe_model) as board,
        plugged(
            board, Path(folder), speed=kind.speed, interfaces=kind.interfaces, swo=kind.swo
        ) as plug,
        usb_session.machine() as machine,
    ):
        machine.plug_in(plug.path)
        machine.run(CONNECTED)
        yield Desk(board, plug, machine)


# ---- the device is a proper one


@every_kind
def test_kernel_and_lsusb_accept_the_device(usb_session: Session, kind: Kind) -> None:
    with desk(usb_session, kind) as at:
        text = at.machine.run("lsusb -v -d 1209:1").output
        tree = at.machine.run("lsusb -t").output
        kernel = at.machine.run("dmesg --level=err,warn | grep -i -E 'usb|hid' || true").output
    assert "Virtual CMSIS-DAP" in text
    assert "virtual-stm32f407" in text
    assert ("onchip CMSIS-DAP v2" in text) == (kind.interfaces != "v1")
    assert ("onchip CMSIS-DAP v1" in text) == (kind.interfaces != "v2")
    assert text.count("Endpoint Descriptor") == (4 if kind.interfaces == "both" else 2 + kind.swo)
    assert "{d8dd60df-4589-4cc7-9cd2-659d9e648a9f}" in text
    assert (", 480M" if kind.speed == Speed.HIGH else ", 12M") in tree.partition("Dev 2")[2]
    assert ("Driver=usbhid" in tree) == (kind.interfaces != "v2")
    assert kernel == ""


# ---- our own command


@every_kind
def test_onchip_lists_the_probe(usb_session: Session, kind: Kind) -> None:
    with desk(usb_session, kind) as at:
        assert "virtual-stm32f407" in at.onchip("list").output
        [listed] = json.loads(at.onchip("list --json").output)
        assert listed["serial"] == "virtual-stm32f407"


def test_the_doctor_finds_nothing_wrong(usb_session: Session) -> None:
    with desk(usb_session, BOTH) as at:
        assert "virtual-stm32f407" in at.onchip("doctor").output


@every_kind
def test_onchip_flashes_and_steps(usb_session: Session, kind: Kind) -> None:
    with desk(usb_session, kind) as at:
        at.onchip("flash /opt/desk/small.bin --no-reset")
        assert at.flash_holds("small")
        program_counters = at.machine.run("warm-python /opt/desk/step.py").output.split()
        interfaces = {"v1": at.plug.device.v1, "v2": at.plug.device.v2}
    # movs; adds; b back; adds; b back: the loop of the image
    offsets = [int(pc, 16) - FLASH_START["stm32f407"] for pc in program_counters]
    assert offsets == [0x102, 0x104, 0x102, 0x104, 0x102]
    for protocol, interface in interfaces.items():
        if protocol != kind.protocol:
            assert interface is None or interface.packets == 0
            continue
        assert interface is not None
        count = interface.probe.model.packet_count
        assert 1 < interface.most_in_flight <= count, "ahead, but never more than the probe holds"


@pytest.mark.parametrize("kind", [V1, V2_HIGH], ids=["v1", "v2"])
def test_unplugged_while_flashing_then_plugged_in_again(usb_session: Session, kind: Kind) -> None:
    with desk(usb_session, kind) as at:
        half = IMAGE["large"][0] // 2
        pulled = at.plug.pull_when(lambda: at.written(half))
        done = at.machine.run("onchip flash /opt/desk/large.bin", check=False)
        assert pulled.is_set(), f"never got that far: {done}"
        assert done.status == 3, done
        assert "is gone" in done.errors
        assert "plug it in again" in done.errors
        assert "Traceback" not in done.errors
        assert done.seconds < 60
        assert at.plug.do(lambda: at.written(0))
        assert not at.flash_holds("large")

        at.machine.run(GONE)
        at.onchip("info", status=3)
        at.plug.put_back()
        at.machine.run(CONNECTED)
        at.onchip("flash /opt/desk/large.bin")
        assert at.flash_holds("large")


def test_a_user_without_the_rule_is_told_which_and_with_it_gets_in(usb_session: Session) -> None:
    somebody = "HOME=/tmp setpriv --reuid=1234 --regid=1234 --groups"
    rules = "/opt/onchip/src/onchip/probe/udev/69-onchip.rules"
    with desk(usb_session, BOTH) as at:
        at.machine.run("chmod 660 /dev/hidraw0 && chown root:root /dev/hidraw0")
        denied = at.machine.run(f"{somebody}=1234 onchip info", check=False)
        assert denied.status == 3, denied
        assert "69-onchip.rules" in denied.errors
        at.machine.run(f"cp {rules} /etc/udev/rules.d/ && udevadm control --reload")
        at.plug.pull()
        at.machine.run(GONE)
        at.plug.put_back()
        at.machine.run(CONNECTED)
        at.machine.run(f"{somebody}=$(getent group plugdev | cut -d: -f3) onchip info")


def test_a_probe_that_another_program_holds_is_named_busy(usb_session: Session) -> None:
    with desk(usb_session, BOTH) as at:
        at.machine.run(
            f"openocd {openocd_options('usb_bulk')} -c init >/tmp/openocd.log 2>&1 & "
            "for i in $(seq 100); do "
            "grep -q Cortex-M4 /tmp/openocd.log && exit 0; sleep 0.1; done; "
            "cat /tmp/openocd.log; exit 1"
        )
        busy = at.machine.run("onchip info", check=False)
        at.machine.run("pkill openocd || killall openocd || busybox killall openocd")
    assert busy.status == 3, busy
    assert "in use by openocd" in busy.errors


ABANDON = {
    "v1": """
import os
for node in [os.open("/dev/hidraw0", os.O_RDWR)]:
    for _ in range(4):
        os.write(node, bytes([0, 0, 0xfe]).ljust(65, bytes(1)))
""",
    "v2": """
import usb1
with usb1.USBContext() as context:
    handle = context.openByVendorIDAndProductID(0x1209, 1)
    handle.claimInterface(0)
    for _ in range(4):
        handle.bulkWrite(1, bytes([0, 0xfe]))
    handle.releaseInterface(0)
""",
}
"""Programs that send four packets and never fetch the answers."""


@pytest.mark.parametrize("kind", [V1, V2_HIGH], ids=["v1", "v2"])
def test_answers_that_a_dead_program_left_are_not_taken_for_ours(
    usb_session: Session, kind: Kind
) -> None:
    with desk(usb_session, kind) as at:
        at.machine.run(f"python3 - <<'END'\n{ABANDON[kind.protocol]}\nEND")
        at.onchip("flash /opt/desk/small.bin")
        assert at.flash_holds("small")


@pytest.mark.parametrize("kind", [V1, V2_HIGH], ids=["v1", "v2"])
def test_a_lost_answer_is_reported_and_the_next_command_works(
    usb_session: Session, kind: Kind
) -> None:
    with desk(usb_session, kind) as at:
        at.plug.do(lambda: at.board.faults.lose_response(60))
        lost = at.machine.run("onchip flash /opt/desk/large.bin", check=False)
        assert lost.status in (0, 3), lost  # retried where that is safe, else reported
        assert "Traceback" not in lost.errors
        assert at.plug.do(lambda: at.board.faults.pending) == 0
        at.onchip("flash /opt/desk/large.bin")
        assert at.flash_holds("large")


def test_probes_alike_and_without_serial_number_are_told_apart(usb_session: Session) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="onchip-plug-") as folder,
        VirtualBoard("stm32f407", serial="") as first,
        VirtualBoard("nrf52840", serial="") as second,
        usb_session.machine() as machine,
    ):
        for name in ("first", "second"):
            (Path(folder) / name).mkdir()
        with (
            plugged(first, Path(folder, "first")) as one,
            plugged(second, Path(folder, "second")) as other,
        ):
            for plug, name in ((one, "first"), (other, "second")):
                machine.plug_in(plug.path, name)
            machine.run("for i in $(seq 100); do [ -e /dev/hidraw1 ] && break; sleep 0.1; done")
            machine.run("udevadm settle")
            unclear = machine.run("onchip info", check=False)
            assert unclear.status in (2, 3), unclear
            ids = ["1209:0001@1-1", "1209:0001@1-2"]
            for serial, chip in zip(ids, ("stm32f407", "nrf52840"), strict=True):
                assert serial in unclear.errors
                assert f"chip   {chip}" in machine.run(f"onchip info -u {serial}").output


# ---- other people's programs


def openocd_options(backend: str) -> str:
    ports = "gdb_port disabled; tcl_port disabled; telnet_port disabled"
    probe = f"adapter driver cmsis-dap; cmsis_dap_backend {backend}; transport select swd"
    return f"-c '{ports}; {probe}' -f target/stm32f4x.cfg"


@pytest.mark.parametrize(
    ("kind", "backend"),
    [(BOTH, "hid"), (BOTH, "usb_bulk"), (V1, "hid"), (V2_FULL, "usb_bulk")],
    ids=["both-hid", "both-usb_bulk", "v1-hid", "v2-full-speed-usb_bulk"],
)
def test_openocd_programs_and_steps(usb_session: Session, kind: Kind, backend: str) -> None:
    script = (
        "init; reset halt; program /opt/desk/small.bin 0x08000000 verify; reset halt; step; "
        "echo [get_reg pc]; shutdown"
    )
    with desk(usb_session, kind) as at:
        done = at.machine.run(f"openocd {openocd_options(backend)} -c '{script}'", check=False)
        assert done.status == 0, done
        assert "Verified OK" in done.errors
        assert "0x08000102" in done.errors
        assert at.flash_holds("small")
        way = at.plug.device.v1 if backend == "hid" else at.plug.device.v2
        assert way is not None
        assert way.packets > 50


def test_pyocd_lists_steps_and_programs(usb_session: Session) -> None:
    with desk(usb_session, V2_HIGH, "nrf52840") as at:
        assert "virtual-nrf52840" in at.machine.run("pyocd list").output
        flash = "flash -t nrf52840 --format bin /opt/desk/pyocd.bin"
        at.machine.run(f"pyocd {flash}", timeout_s=240)
        start = at.plug.do(lambda: at.board.bus.read_block(0, 8192))
        assert start == counting_loop("nrf52840", length=8192)


def test_pyocd_uses_the_hid_interface(usb_session: Session) -> None:
    steps = "-c 'write32 0x20000000 0xfeedf00d' -c 'read32 0x20000000'"
    with desk(usb_session, V1, "nrf52840") as at:
        done = at.machine.run(f"pyocd cmd -t nrf52840 -c halt {steps}", timeout_s=240)
        assert "feedf00d" in done.output
        way = at.plug.device.v1
        assert way is not None
        assert way.packets > 20
