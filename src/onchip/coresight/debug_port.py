"""The Debug Port: the switch to SWD, the wake-up, the power-up handshake, SELECT remembered.

Everything above reaches the APs by :meth:`DebugPort.emit_select`, which writes SELECT only when it
must change. ADIv6 DPs are recognised and refused: their APs live in an address space of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from ..arch.adi import CTRL_STAT, DPIDR, SELECT, TARGETID, TARGETSEL
from ..dap import Batch, DapClient, Element, Result, Transfers
from ..dap.channel import DAPABORT, STICKY_CLEAR
from ..dap.outcome import Failure
from ..errors import (
    TargetError,
    TransferMismatch,
    TransferNoAck,
    UsageError,
)
from ..wire.cmsis_dap import (
    AnyCommand,
    SWD_Sequence,
    SwdStep,
    SWJ_Sequence,
    Transfer,
    TransferOperation,
    TransferResponse,
    WriteABORT,
)
from . import swj

_READ_DPIDR = 0x02
_POWER_UP = CTRL_STAT.build(CDBGPWRUPREQ=1, CSYSPWRUPREQ=1)
_POWERED = CTRL_STAT.build(CDBGPWRUPACK=1, CSYSPWRUPACK=1)
_POWER_UP_TIMEOUT_S = 1.0
_NAMES = {0x0: "DPIDR", 0x4: "CTRL/STAT", 0x8: "SELECT", 0xC: "RDBUFF"}
_WRITE_NAMES = {0x0: "ABORT", 0x4: "CTRL/STAT", 0x8: "SELECT", 0xC: "TARGETSEL"}
_BANKED_NAMES = {0x14: "DLCR", 0x24: "TARGETID", 0x34: "DLPIDR", 0x44: "EVENTSTAT"}


class DebugPort:
    """The Debug Port of one target, over SWD.

    ``targetsel`` names one DP of a multi-drop bus (its TARGETID with the instance in [31:28]).
    """

    def __init__(self, client: DapClient, *, targetsel: int | None = None) -> None:
        self.client = client
        self.targetsel = targetsel
        self.idr = DPIDR(0)
        self.targetid: TARGETID | None = None
        self.powered = False
        self._sequences: Sequence[SWJ_Sequence] = (swj.JTAG_TO_SWD,)
        self._select: int | None = None
        self._generation = -1

    def __repr__(self) -> str:
        return f"<DebugPort DPv{self.idr.VERSION} DPIDR={int(self.idr):#010x}>"

    # ---- connecting

    def connect(self) -> None:
        """Switch to SWD, wake the DP, clear sticky errors, power the debug domain up.

        Raises:
            TransferNoAck: nothing answers on the wire.
            TargetError: it is an ADIv6 DP, or its debug domain does not power up.
            ProbeError: the probe failed.
        """
        self.client.on_trouble = self._put_right
        self._find()
        if self.idr.VERSION >= 3:
            raise TargetError(
                f"this is a DPv{self.idr.VERSION} (ADIv6) debug port, DPIDR {int(self.idr):#010x}",
                hint="onchip speaks ADIv5 (DPv0 to DPv2) only so far",
            )
        self._power_up()

    def _find(self) -> None:
        """Find out which sequence the DP answers to."""
        tries: tuple[tuple[SWJ_Sequence, ...], ...] = (
            (swj.JTAG_TO_SWD,),
            (swj.JTAG_TO_DORMANT, swj.DORMANT_TO_SWD),
            (swj.DORMANT_TO_SWD,),
        )
        for sequences in tries:
            idr = self._try_sequences(sequences)
            if idr is not None:
                self.idr = idr
                self._sequences = sequences
                self._test_match()
                return
        raise TransferNoAck(
            "read DPIDR: no answer on the wire, neither to JTAG-to-SWD nor to dormant wake-up",
            operation="read DPIDR",
            hint="is the target powered, are SWDIO, SWCLK and ground connected? try a lower "
            "frequency, or connect under reset",
        )

    def _try_sequences(self, sequences: Sequence[SWJ_Sequence]) -> DPIDR | None:
        commands: list[AnyCommand] = list(sequences)
        if self.targetsel is not None:
            commands.append(self._select_target(self.targetsel))
        commands.append(Transfer(0, (TransferOperation(_READ_DPIDR),)))
        if self.client.atomic:
            # both at once: whether the probe's match works, and then how long it may try
            commands.append(_mismatching())
            commands.append(self.client.retries())
        responses = self.client.commands(commands)
        self.client.invalidate()
        at = len(commands) - 3 if self.client.atomic else len(commands) - 1
        answer = cast(TransferResponse, responses[at])
        if not answer.ok or not answer.words or not answer.words[0] & 1:
            return None
        if self.client.atomic:
            self._judge(cast(TransferResponse, responses[at + 1]))
        return DPIDR(answer.words[0])

    def _select_target(self, targetsel: int) -> SWD_Sequence:
        """Return the write of TARGETSEL, which no DP acknowledges (ADIv5.2 B4.3.4)."""
        parity = targetsel.bit_count() & 1
        data = (targetsel | parity << 32).to_bytes(5, "little")
        return SWD_Sequence((SwdStep(8, b"\x99"), SwdStep(5), SwdStep(33, data), SwdStep(8, b"\0")))

    def _test_match(self) -> None:
        """See, where it was not done with the switch, whether the probe's match can be trusted."""
        if not self.client.atomic:
            self._judge(self.client.command(_mismatching()))
            self.client.command(self.client.retries())

    def _judge(self, answer: TransferResponse) -> None:
        # DPIDR[0] reads as one, so waiting for a zero must fail, and must say that it did
        works = bool(answer.response & 0x10) and answer.response & 0x07 in (0, 1)
        known_not_to = any(quirk.match is False for quirk in self.client.quirks)
        self.client.polls = known_not_to or not works

    def _power_up(self) -> None:
        batch = self.batch()

        def handshake(t: Transfers) -> None:
            t.write(0x0, STICKY_CLEAR, "ABORT")
            self.emit_dp_write(t, 0x4, _POWER_UP)
            t.match(
                0x4,
                _POWERED,
                _POWERED,
                "CTRL/STAT",
                timeout_s=_POWER_UP_TIMEOUT_S,
                prologue=((0x8, 0, "SELECT"),),
            )

        batch.add(handshake, repeatable=True)
        targetid: Result[int] | None = None
        if self.idr.VERSION >= 2:
            targetid = self.queue_read(batch, 0x24)
        try:
            batch.run()
        except TransferMismatch as error:
            raise TargetError(
                "the debug domain does not power up: CTRL/STAT never acknowledged CDBGPWRUPREQ and "
                "CSYSPWRUPREQ",
                hint="the chip may be in deep sleep or held in reset: connect under reset",
            ) from error
        self.powered = True
        if targetid is not None:
            self.targetid = TARGETID(targetid.value)

    def _put_right(self, failure: Failure) -> None:
        """Bring the wire back, clear the sticky errors, power up again if power was lost."""
        client = self.client
        if failure.is_line_trouble:
            commands: list[AnyCommand] = list(self._sequences)
            if self.targetsel is not None:
                commands.append(self._select_target(self.targetsel))
            commands.append(Transfer(0, (TransferOperation(_READ_DPIDR),)))
            client.commands(commands)
        abort = STICKY_CLEAR | (DAPABORT if failure.is_wait else 0)
        status = Transfer(0, (TransferOperation(0x8, 0), TransferOperation(0x06)))
        answers = client.commands((WriteABORT(0, abort), status))
        client.invalidate()
        read = cast(TransferResponse, answers[1])
        if self.powered and read.ok and read.words[0] & _POWERED != _POWERED:
            self._power_up()

    def disconnect(self) -> None:
        """Take the power-up requests back, so that the chip may sleep deeply again.

        Raises:
            TransferError: the DP no longer answers.
        """
        if self.powered:
            self.powered = False
            self.write(0x4, 0)

    # ---- registers

    def batch(self) -> Batch:
        """Return an empty batch."""
        return Batch(self.client)

    def read(self, register: int) -> int:
        """Read a DP register: its address in [3:0], its DPBANKSEL in [7:4] (TARGETID is 0x24).

        Raises:
            UsageError: no such address.
            TransferError: the DP did not answer, or not OK.
        """
        batch = self.batch()
        result = self.queue_read(batch, register)
        batch.run()
        return result.value

    def write(self, register: int, value: int) -> None:
        """Write a DP register.

        Raises:
            UsageError: no such address.
            TransferError: the DP did not answer, or not OK.
        """
        _check(register)
        batch = self.batch()

        def emit(t: Transfers) -> None:
            t.barrier()
            self.emit_dp_write(t, register, value)

        batch.add(emit)
        batch.run()

    def queue_read(self, batch: Batch, register: int) -> Result[int]:
        """Queue the read of a DP register."""
        _check(register)
        result: Result[int] = batch.result()

        def emit(t: Transfers) -> None:
            result.bind(self.emit_dp_read(t, register).word)

        batch.add(emit, repeatable=True)
        return result

    # ---- lowering, for emitters

    def selected(self) -> int | None:
        """Return what SELECT holds, None if that is not known."""
        if self._generation != self.client.generation:
            self._generation = self.client.generation
            self._select = None
        return self._select

    def emit_select(self, t: Transfers, value: int) -> None:
        """Make SELECT hold ``value``: APSEL and APBANKSEL."""
        t.enter_port(value >> 24)
        if self.selected() != value:
            t.settle(0x8, value, "SELECT")
            self._select = value

    def emit_dp_read(self, t: Transfers, register: int) -> Element:
        """Read a DP register, with its bank selected."""
        if register & 0xC == 0x4:
            self._emit_bank(t, register)
        name = _BANKED_NAMES.get(register) or _NAMES.get(register & 0xC, "?")
        return t.read(register & 0xC, name)

    def emit_dp_write(self, t: Transfers, register: int, value: int) -> None:
        """Write a DP register, with its bank selected."""
        if register & 0xC == 0x4:
            self._emit_bank(t, register)
        t.write(register & 0xC, value, _WRITE_NAMES[register & 0xC])
        if register & 0xC == 0x8:
            self._select = value
            self._generation = self.client.generation
        if register & 0xC == TARGETSEL:
            self._select = None

    def _emit_bank(self, t: Transfers, register: int) -> None:
        selected = self.selected()
        bank = register >> 4
        if selected is None or selected & 0xF != bank:
            self.emit_select(t, SELECT((selected or 0) & ~0xF | bank))


def _mismatching() -> Transfer:
    """Return a match-wait that must run out: DPIDR[0] == 0."""
    return Transfer(0, (TransferOperation(0x20, 1), TransferOperation(0x12, 0)))


def _check(register: int) -> None:
    if not 0 <= register <= 0xFF or register & 3:
        raise UsageError(f"a DP has no register at {register:#x}")
