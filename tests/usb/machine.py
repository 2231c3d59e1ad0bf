"""The USB machine: QEMU without hardware acceleration, Debian, commands over a serial line.

`scripts/usb-vm` makes its disk. Two snapshots keep a test from waiting for it: "ready", booted with
the programs in the disk cache, is made once and kept beside the disk; "session", with this working
tree's onchip in it, is made at the beginning of a test run. A test starts from that in a second.
"""

from __future__ import annotations

import base64
import fcntl
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
SHARE_BYTES = 64 << 20
"""The disk that brings files in: always of one size, since a snapshot knows its disks' sizes."""
BUILD_TIMEOUT_S = 1500
BOOT_TIMEOUT_S = 300
MOST_S = 900
"""No machine lives longer, whatever becomes of the test that started it."""
KERNEL_OPTIONS = (
    "console=ttyS0 quiet panic=-1 mitigations=off nokaslr tsc=reliable random.trust_cpu=on audit=0"
)
WARM_UP = (
    "lsusb",
    "openocd --version",
    "python3 -c 'import usb1, hidraw, rich.table, elftools.elf.elffile, bincopy'",
    "python3 -m pyocd list",
)
UNPACK = """
tar -C / -xf /dev/vdb && cd /opt/onchip &&
cp tests/usb/guest/onchip /usr/local/bin/onchip && chmod 755 /usr/local/bin/onchip &&
ln -sf onchip /usr/local/bin/warm-python && ln -sf onchip /usr/local/bin/pyocd &&
python3 -m compileall -q src &&
(python3 tests/usb/guest/warm.py </dev/null >/run/warm.log 2>&1 &) &&
for i in $(seq 600); do [ -e /run/warm.ready ] && exit 0; sleep 0.2; done
cat /run/warm.log; exit 1
"""


class MachineError(AssertionError):
    """The machine did not do as asked; the text says what it said last."""


@dataclass(frozen=True)
class Completed:
    """What a command in the machine printed, its exit status, and how long it took."""

    status: int
    output: str
    errors: str
    seconds: float


class Machine:
    """One QEMU process, with its files in ``folder``, on ``disk``, from ``snapshot`` or cold."""

    def __init__(
        self, cache: Path, folder: Path, disk: Path, share: Path, snapshot: str | None = None
    ) -> None:
        self.folder = folder
        self._number = 0
        self._console = folder / "console.log"
        self._stderr = folder / "qemu.log"
        command = [
            *("timeout", "--kill-after=5", str(MOST_S), "qemu-system-x86_64"),
            *("-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max", "-m", "768", "-smp", "1"),
            *("-display", "none", "-nodefaults", "-no-user-config", "-no-reboot"),
            *("-kernel", str(cache / "system" / "vmlinuz")),
            *("-initrd", str(cache / "system" / "initrd.cpio"), "-append", KERNEL_OPTIONS),
            *("-drive", f"file={disk},format=qcow2,if=virtio,cache=unsafe"),
            *("-drive", f"file={share},format=raw,if=virtio,readonly=on"),
            *("-chardev", f"file,id=console,path={self._console}", "-serial", "chardev:console"),
            *("-chardev", f"socket,id=agent,path={folder}/agent,server=on,wait=off"),
            *("-serial", "chardev:agent", "-qmp", f"unix:{folder}/qmp,server=on,wait=off"),
            *("-device", "qemu-xhci,id=xhci"),
        ]
        if snapshot is not None:
            command += ["-loadvm", snapshot]
        for name in ("agent", "qmp"):
            (folder / name).unlink(missing_ok=True)
        with self._stderr.open("w") as stderr:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stderr=stderr, start_new_session=True
            )
        self._agent: _Lines | None = None
        self._qmp: _Lines | None = None
        try:
            self._agent = self._connect("agent")
            self._qmp = self._connect("qmp")
            self._qmp.line(30)  # its greeting
            self.command("qmp_capabilities")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the machine, at once."""
        for lines in (self._agent, self._qmp):
            if lines is not None:
                lines.close()
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=30)

    def wait_until_booted(self) -> None:
        """Wait for the agent's first word. After a snapshot it has long been said."""
        while self._from_agent(BOOT_TIMEOUT_S).strip() != "ready":
            pass

    def last_words(self) -> str:
        """Return the end of what kernel and QEMU printed."""
        texts = [p.read_text("utf-8", "replace") for p in (self._console, self._stderr)]
        return "\n".join(text[-1500:] for text in texts)

    # ---- what the guest does

    def start(self, script: str, *, timeout_s: float = 120) -> None:
        """Begin a shell script in the guest; `finish` gets its results."""
        self._number += 1
        self._started = time.monotonic()
        self._patience_s = timeout_s
        text = base64.b64encode(script.encode()).decode()
        assert self._agent is not None
        self._agent.send(f"{self._number} {timeout_s:.0f} {text}\n")

    def finish(self) -> Completed:
        """Wait for the script begun last.

        Raises:
            MachineError: it did not end in time, not even when the guest ended it.
        """
        fields = self._from_agent(self._patience_s + 30).split()
        assert int(fields[0]) == self._number, fields
        output, errors = (
            base64.b64decode(field[1:]).decode("utf-8", "replace") for field in fields[2:4]
        )
        return Completed(int(fields[1]), output, errors, time.monotonic() - self._started)

    def run(self, script: str, *, timeout_s: float = 120, check: bool = True) -> Completed:
        """Run a shell script in the guest and return its results.

        Raises:
            MachineError: its status is not 0, and ``check`` is set.
        """
        self.start(script, timeout_s=timeout_s)
        done = self.finish()
        if check and done.status != 0:
            raise MachineError(f"{script}: status {done.status}\n{done.output}{done.errors}")
        return done

    # ---- what QEMU does

    def plug_in(self, path: Path, name: str = "probe") -> None:
        """Put a usbredir device that listens at ``path`` into the machine; ``name`` is QEMU's."""
        backend = {
            "type": "socket",
            "data": {"addr": {"type": "unix", "data": {"path": str(path)}}, "server": False},
        }
        cable = f"{name}-cable"
        self.command("chardev-add", id=cable, backend=backend)
        self.command("device_add", driver="usb-redir", chardev=cable, id=name, bus="xhci.0")

    def save(self, name: str) -> None:
        """Take a snapshot, into the disk."""
        said = self.command("human-monitor-command", **{"command-line": f"savevm {name}"})
        if said:
            raise MachineError(f"savevm: {said}")

    def command(self, name: str, **arguments: Any) -> Any:
        """Run a QMP command and return what it returns.

        Raises:
            MachineError: QEMU refused, or says nothing.
        """
        assert self._qmp is not None
        self._qmp.send(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        while True:
            answer = json.loads(self._qmp.line(120))
            if "error" in answer:
                raise MachineError(f"{name}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def _from_agent(self, timeout_s: float) -> str:
        assert self._agent is not None
        try:
            return self._agent.line(timeout_s)
        except MachineError as error:
            raise MachineError(f"{error}\n{self.last_words()}") from None

    def _connect(self, name: str) -> _Lines:
        deadline = time.monotonic() + 60
        while True:
            try:
                return _Lines(self.folder / name)
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise MachineError(f"QEMU does not start\n{self.last_words()}") from None
                time.sleep(0.02)


class _Lines:
    """Lines of text over a Unix socket, each with a time limit."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._buffer = bytearray()
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise

    def send(self, text: str) -> None:
        self._socket.settimeout(30)
        self._socket.sendall(text.encode())

    def line(self, timeout_s: float) -> str:
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._buffer:
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                raise MachineError(f"nothing for {timeout_s:.0f} s") from None
            if not data:
                raise MachineError("the machine ended")
            self._buffer += data
        line, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer[:] = rest
        return line.decode()

    def close(self) -> None:
        self._socket.close()


# ---- the snapshots


@contextmanager
def the_cache() -> Iterator[Path]:
    """Build what is not built yet; nobody else builds or prepares meanwhile."""
    subprocess.run([ROOT / "scripts/usb-vm", "build"], check=True, timeout=BUILD_TIMEOUT_S)
    where = subprocess.run(
        [ROOT / "scripts/usb-vm", "where"], check=True, capture_output=True, text=True, timeout=30
    )
    cache = Path(where.stdout.strip())
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # scripts/usb-vm takes it too, and gives up in time
        yield cache


def ready_disk(cache: Path, folder: Path) -> Path:
    """Return the disk with the snapshot "ready"; boots the machine for it the first time."""
    disk = cache / "ready.qcow2"
    if disk.exists():
        return disk
    unfinished = cache / "unfinished.qcow2"
    unfinished.unlink(missing_ok=True)
    base = ("-b", str(cache / "system" / "root.img"), "-F", "raw")
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", *base, unfinished], check=True, timeout=60
    )
    share = write_share(folder)
    with Machine(cache, folder, unfinished, share) as machine:
        machine.wait_until_booted()
        for script in WARM_UP:
            machine.run(script, timeout_s=180)
        machine.save("ready")
        machine.command("quit")
    unfinished.rename(disk)
    return disk


def session_disk(cache: Path, folder: Path, files: Mapping[str, bytes]) -> Path:
    """Return a disk in ``folder`` with the snapshot "session": this working tree's onchip in it."""
    disk = folder / "session.qcow2"
    shutil.copyfile(ready_disk(cache, folder), disk)
    share = write_share(folder, ["src", "tests/usb/guest"], files)
    with Machine(cache, folder, disk, share, "ready") as machine:
        machine.run(UNPACK, timeout_s=240)
        machine.run("sync")
        machine.save("session")
        machine.command("quit")
    return disk


def write_share(
    folder: Path, paths: Sequence[str] = (), files: Mapping[str, bytes] | None = None
) -> Path:
    """Write the disk that brings files in, a bare tar archive to be unpacked at the root.

    ``paths`` of this working tree go to /opt/onchip; ``files`` are named as they shall be there.
    """
    share = folder / "share.img"
    with tarfile.open(share, "w") as archive:
        for path in paths:
            archive.add(ROOT / path, f"opt/onchip/{path}", filter=_leave_out_caches)
        for name, content in (files or {}).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    assert share.stat().st_size <= SHARE_BYTES, "more than the disk holds"
    os.truncate(share, SHARE_BYTES)
    return share


def _leave_out_caches(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if entry.name.endswith("__pycache__") else entry


@dataclass(frozen=True)
class Session:
    """What a test run starts its machines from. One at a time: they share the disk."""

    cache: Path
    folder: Path
    disk: Path

    def machine(self) -> Machine:
        """Return a machine in the state of the snapshot."""
        return Machine(self.cache, self.folder, self.disk, self.folder / "share.img", "session")


@contextmanager
def session(folder: Path, files: Mapping[str, bytes] | None = None) -> Iterator[Session]:
    """Build, boot and prepare what is not there yet; ``files`` come into the machine too."""
    with the_cache() as cache:
        yield Session(cache, folder, session_disk(cache, folder, files or {}))
