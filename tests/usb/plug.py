"""The cable between a virtual board and QEMU: a thread that serves usbredir on a Unix socket.

The board belongs to that thread from `plugged` on; `Plug.do` runs a function there.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from onchip.services.board import Pace
from onchip.virtual_board.board import VirtualBoard

from .probe_device import UsbProbe
from .usbredir import ProtocolError, Redirection, Speed

LOOK_IN_NS = 20_000_000
DO_TIMEOUT_S = 30.0
SEND_TIMEOUT_S = 10.0

T = TypeVar("T")


class Plug:
    """One board on a cable whose other end is to be put into a machine."""

    def __init__(self, device: UsbProbe, path: Path) -> None:
        self.device = device
        self.board: VirtualBoard = device.board
        self.path = path
        self.trouble: BaseException | None = None
        self._pull_when: Callable[[], bool] | None = None
        self._pulled = threading.Event()
        self._orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._stopping = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        self._connection: socket.socket | None = None
        self._redirection: Redirection | None = None
        self._in_plug = True
        self._pace = Pace(self.board)
        self._thread = threading.Thread(target=self._run, name="usb plug", daemon=True)

    # ---- for tests

    def do(self, function: Callable[[], T]) -> T:
        """Run ``function`` in the board's thread and return its result."""
        future: Future[T] = Future()

        def order() -> None:
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

        self._orders.put(order)
        self._wake_writer.send(b"\0")
        return future.result(DO_TIMEOUT_S)

    def pull(self) -> None:
        """Pull the plug."""
        self.do(self._pull)

    def put_back(self) -> None:
        """Plug the probe in again."""
        self.do(self._put_back)

    def pull_when(self, condition: Callable[[], bool]) -> threading.Event:
        """Pull the plug as soon as ``condition`` holds after a packet; the event says it did."""
        self._pulled.clear()
        self.do(lambda: setattr(self, "_pull_when", condition))
        return self._pulled

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and let go of everything.

        Raises:
            BaseException: whatever ended the thread before.
        """
        self._stopping = True
        self._wake_writer.send(b"\0")
        self._thread.join(DO_TIMEOUT_S)
        assert not self._thread.is_alive(), "the plug's thread does not end"
        self._hang_up()
        self._selector.close()
        for held in (self._listener, self._wake_reader, self._wake_writer):
            held.close()
        if self.trouble is not None:
            raise self.trouble

    # ---- the thread

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._turn(self._pace.tick(attended=self._connection is not None))
        except BaseException as error:  # told by stop()
            self.trouble = error
            self._hang_up()

    def _turn(self, timeout_s: float) -> None:
        self._listen(timeout_s)
        while self._execute():
            self._exchange()
            self._listen(0)

    def _listen(self, timeout_s: float) -> None:
        for key, _ in self._selector.select(timeout_s):
            if key.fileobj is self._listener:
                self._meet()
            elif key.fileobj is self._wake_reader:
                self._wake_reader.recv(4096)
            else:
                self._receive()
        while not self._orders.empty():
            self._orders.get()()
        self._exchange()

    def _meet(self) -> None:
        connection, _ = self._listener.accept()
        if self._connection is not None:
            connection.close()
            return
        connection.settimeout(SEND_TIMEOUT_S)
        self._connection = connection
        self._selector.register(connection, selectors.EVENT_READ)
        self.device.reset()
        self._redirection = Redirection(self.device)
        self._redirection.attach_wanted = self._in_plug

    def _receive(self) -> None:
        assert self._connection is not None
        assert self._redirection is not None
        try:
            data = self._connection.recv(1 << 18)
        except OSError:
            data = b""
        if not data:
            self._hang_up()
            return
        try:
            self._redirection.feed(data)
        except ProtocolError:
            self._hang_up()
            raise

    def _exchange(self) -> None:
        """Let data move between the device and QEMU, and the plug go if its time has come."""
        if self._redirection is None or self._connection is None:
            return
        self._redirection.pump()
        output = self._redirection.take_output()
        if output:
            try:
                self._connection.sendall(output)
            except OSError:
                self._hang_up()

    def _execute(self) -> bool:
        """Run packets that have come; whether there were any."""
        transfers = [interface.probe.firmware.transfers for interface in self.device.active]
        running = self.device.run()
        while True:
            for transfer in transfers:
                transfer.pause_at_ns = self.board.clock.now_ns + LOOK_IN_NS
            try:
                next(running)
            except StopIteration as finished:
                found: bool = finished.value
                break
            self._listen(0)
            if self._stopping or self._redirection is None:
                for transfer in transfers:
                    transfer.abort = True
        if not self.board.probe.plugged and self._in_plug:  # a scripted fault pulled it
            self._pull()
        if self._pull_when is not None and self._pull_when():
            self._pull_when = None
            self._pull()
        return found

    def _pull(self) -> None:
        self._in_plug = False
        self.board.unplug()
        self.device.reset()
        if self._redirection is not None:
            self._redirection.detach()
        self._exchange()
        self._pulled.set()

    def _put_back(self) -> None:
        self.board.plug_in()
        self._in_plug = True
        if self._redirection is not None:
            self._redirection.attach()
        self._exchange()

    def _hang_up(self) -> None:
        if self._connection is None:
            return
        self._selector.unregister(self._connection)
        self._connection.close()
        self._connection = self._redirection = None
        self.device.reset()


@contextmanager
def plugged(
    board: VirtualBoard,
    folder: Path,
    *,
    speed: Speed = Speed.HIGH,
    interfaces: str = "both",
    swo: bool = False,
) -> Iterator[Plug]:
    """Give ``board`` a cable; its socket is in ``folder``."""
    device = UsbProbe(board, speed=speed, interfaces=interfaces, swo=swo)
    plug = Plug(device, folder / "usb")
    plug.start()
    try:
        yield plug
    finally:
        plug.stop()
