"""Batches over a scripted link: results, failures, barriers, waits, and staying in step."""

from __future__ import annotations

import pytest

from onchip.dap import Batch, DapClient, Result, Transfers
from onchip.errors import (
    CoreStateError,
    ProbeError,
    ProbeLost,
    ProbeRefused,
    ProbeTimeout,
    TransferFault,
    TransferMismatch,
    TransferNoAck,
    TransferSkipped,
    TransferWait,
    UsageError,
)
from tests.support.scripted_link import ScriptedLink

DRW, TAR, BD0 = 0x0D, 0x05, 0x01
CLEAR = ("08 00 1e 00 00 00", "08 00")
SYNC = (("00 ff", "00 02 40 00"), ("00 fe", "00 01 02"))


def client_on(*steps: tuple[str, str | None], count: int = 2) -> DapClient:
    client = DapClient(ScriptedLink(*steps))
    client.packet_count = count
    return client


def add_read(batch: Batch, address: int, *, repeatable: bool = False) -> Result[int]:
    result: Result[int] = batch.result()

    def emit(t: Transfers) -> None:
        result.bind(t.read(DRW, "DRW", address).word)

    batch.add(emit, repeatable=repeatable)
    return result


def add_write(batch: Batch, value: int, *, barrier: bool = False) -> None:
    def emit(t: Transfers) -> None:
        if barrier:
            t.barrier()
        t.write(DRW, value, "DRW", 0x100)

    batch.add(emit)


def test_a_value_exists_only_after_the_run() -> None:
    batch = Batch(client_on(("05 00 01 0f", "05 01 01 78 56 34 12")))
    result = add_read(batch, 0)
    assert len(batch) == 1
    with pytest.raises(UsageError, match="not run yet"):
        _ = result.value
    batch.run()
    assert result.value == 0x1234_5678
    with pytest.raises(UsageError, match="has run"):
        batch.run()
    with pytest.raises(UsageError, match="has run"):
        add_read(batch, 0)


def test_an_empty_batch_sends_nothing() -> None:
    Batch(client_on()).run()


def test_a_result_without_a_value_says_so() -> None:
    batch = Batch(client_on(("05 00 01 0d 01 00 00 00", "05 01 01")))
    result: Result[int] = batch.result()
    add_write(batch, 1)
    batch.run()
    with pytest.raises(UsageError, match="no value"):
        _ = result.value


def test_results_before_a_failure_are_valid_and_later_ones_skipped() -> None:
    client = client_on(("05 00 03 0f 0f 0f", "05 02 04 11 00 00 00"), CLEAR)
    batch = Batch(client)
    results = [add_read(batch, 4 * n) for n in range(3)]
    with pytest.raises(TransferFault) as caught:
        batch.run()
    assert caught.value.address == 4
    assert caught.value.operation == "read DRW"
    assert results[0].value == 0x11
    with pytest.raises(TransferFault):
        _ = results[1].value
    with pytest.raises(TransferSkipped, match="earlier operation"):
        _ = results[2].value
    assert client.link.steps == []  # type: ignore[attr-defined]  # the sticky error was cleared


def test_a_failure_makes_what_was_remembered_void() -> None:
    client = client_on(("05 00 01 0f", "05 00 04"), CLEAR)
    before = client.generation
    batch = Batch(client)
    add_read(batch, 0)
    with pytest.raises(TransferFault):
        batch.run()
    assert client.generation > before


def test_emitting_that_fails_sends_nothing_but_voids_the_caches() -> None:
    client = client_on()
    batch = Batch(client)
    first = add_read(batch, 0)

    def refuse(t: Transfers) -> None:
        raise CoreStateError("no")

    second: Result[int] = batch.result()
    batch.add(refuse)
    before = client.generation
    with pytest.raises(CoreStateError):
        batch.run()
    assert client.generation == before + 1
    with pytest.raises(CoreStateError):
        _ = second.value
    del first


def test_a_packet_behind_a_barrier_waits_for_the_ones_before() -> None:
    full = "05 00 0c" + " 0d 01 00 00 00" * 12
    client = client_on((full, "05 0c 01"), ("05 00 01 0d 02 00 00 00", "05 01 01"))
    batch = Batch(client)
    for _ in range(12):
        add_write(batch, 1)
    add_write(batch, 2, barrier=True)
    batch.run()
    assert client.link.events == ["write", "read", "write", "read"]  # type: ignore[attr-defined]


def test_without_a_barrier_packets_are_in_flight_together() -> None:
    full = "05 00 0c" + " 0d 01 00 00 00" * 12
    client = client_on((full, "05 0c 01"), ("05 00 01 0d 02 00 00 00", "05 01 01"))
    batch = Batch(client)
    for _ in range(12):
        add_write(batch, 1)
    add_write(batch, 2)
    batch.run()
    assert client.link.events == ["write", "write", "read", "read"]  # type: ignore[attr-defined]


def test_never_more_in_flight_than_the_probe_holds() -> None:
    block = ("06 00 0f 00 0f", "06 0f 00 01" + " 00" * 60)
    transfer = ("05 00 0f" + " 0f" * 15, "05 0f 01" + " 00" * 60)
    client = client_on(block, transfer, block, transfer, block, count=3)
    batch = Batch(client)
    batch.add(lambda t: void(t.read_run(DRW, 75, "DRW", 0)))
    batch.run()
    assert client.link.events[:4] == ["write", "write", "write", "read"]  # type: ignore[attr-defined]


def void(_: object) -> None:
    pass


def test_what_must_not_follow_a_wait_that_ran_out_never_leaves() -> None:
    """A WAIT time-out is not sticky: the probe would carry the next packet out."""
    full = "05 00 0c" + " 0d 01 00 00 00" * 12
    client = client_on((full, "05 06 02"), ("08 00 1f 00 00 00", "08 00"))
    batch = Batch(client)
    for _ in range(12):
        add_write(batch, 1)
    add_write(batch, 2, barrier=True)
    with pytest.raises(TransferWait) as caught:
        batch.run()
    assert caught.value.address == 0x100
    assert len(client.link.written) == 2  # type: ignore[attr-defined]


def test_what_was_in_flight_behind_a_failure_is_read_and_dropped() -> None:
    full = "05 00 0c" + " 0d 01 00 00 00" * 12
    client = client_on(
        (full, "05 03 04"), ("05 00 01 0d 02 00 00 00", "05 00 04"), CLEAR,
        ("05 00 01 0f", "05 01 01 2a 00 00 00"),
    )  # fmt: skip
    batch = Batch(client)
    for _ in range(12):
        add_write(batch, 1)
    add_write(batch, 2)
    with pytest.raises(TransferFault):
        batch.run()
    again = Batch(client)
    result = add_read(again, 0)
    again.run()
    assert result.value == 42


def add_wait(batch: Batch, timeout_s: float) -> None:
    def emit(t: Transfers) -> None:
        t.match(
            BD0, 2, 2, "BD", address=0xE000_EDF0, timeout_s=timeout_s,
            prologue=((0x8, 0x10, "SELECT"),),
        )  # fmt: skip

    batch.add(emit)


WAIT = "20 02 00 00 00 13 02 00 00 00"


def test_a_long_wait_is_issued_again_with_its_port_state() -> None:
    client = client_on(
        (f"05 00 03 {WAIT} 0f", "05 01 11"),
        (f"05 00 04 08 10 00 00 00 {WAIT} 0f", "05 02 11"),
        (f"05 00 05 08 10 00 00 00 {WAIT} 0f 0e", "05 05 01 07 00 00 00 00 00 00 00"),
    )
    batch = Batch(client)
    add_wait(batch, 1.0)
    result = add_read(batch, 0)
    batch.run()
    assert result.value == 7


def test_a_wait_ends_with_its_time() -> None:
    again = (f"05 00 03 08 10 00 00 00 {WAIT}", "05 02 11")
    other = (f"05 00 04 08 10 00 00 00 {WAIT} 0e", "05 02 11")
    client = client_on((f"05 00 02 {WAIT}", "05 01 11"), again, other, again, other, again)
    batch = Batch(client)
    add_wait(batch, 0.005)
    with pytest.raises(TransferMismatch, match="did not appear"):
        batch.run()
    assert client.link.now() >= 0.005
    assert client.link.now() < 0.008


def test_a_probe_whose_match_is_broken_is_polled() -> None:
    client = client_on(
        ("05 00 01 03", "05 01 01 00 00 00 00"),
        ("05 00 02 08 10 00 00 00 03", "05 02 01 00 00 00 00"),
        ("05 00 03 08 10 00 00 00 03 0e", "05 03 01 02 00 00 00 00 00 00 00"),
        ("05 00 01 0f", "05 01 01 09 00 00 00"),
    )
    client.polls = True
    batch = Batch(client)
    add_wait(batch, 1.0)
    result = add_read(batch, 0)
    batch.run()
    assert result.value == 9


def test_repeatable_reads_are_tried_once_more_after_trouble_on_the_wire() -> None:
    client = client_on(("05 00 01 0f", "05 00 07"), CLEAR, ("05 00 01 0f", "05 01 01 05 00 00 00"))
    batch = Batch(client)
    result = add_read(batch, 0, repeatable=True)
    batch.run()
    assert result.value == 5


def test_they_are_not_tried_three_times() -> None:
    client = client_on(("05 00 01 0f", "05 00 07"), CLEAR, ("05 00 01 0f", "05 00 07"), CLEAR)
    batch = Batch(client)
    add_read(batch, 0, repeatable=True)
    with pytest.raises(TransferNoAck):
        batch.run()


def test_what_has_effects_is_not_tried_again() -> None:
    client = client_on(("05 00 02 0f 0d 01 00 00 00", "05 00 07"), CLEAR)
    batch = Batch(client)
    add_read(batch, 0, repeatable=True)
    add_write(batch, 1)
    with pytest.raises(TransferNoAck):
        batch.run()


class _LateLink(ScriptedLink):
    """The first response comes only when the next packet has been written."""

    def write(self, data: bytes) -> None:
        super().write(data)
        if len(self.written) == 2:
            self.late("05 01 01 99 99 99 99")


def test_a_late_response_is_read_away() -> None:
    link = _LateLink(("05 00 01 0f", None), *SYNC, ("05 00 01 0f", "05 01 01 2a 00 00 00"))
    client = DapClient(link)
    batch = Batch(client)
    add_read(batch, 0)
    with pytest.raises(ProbeTimeout, match="did not answer DAP_Transfer"):
        batch.run()
    again = Batch(client)
    result = add_read(again, 0)
    again.run()
    assert result.value == 42


def test_another_commands_response_is_an_error_and_the_step_is_found_again() -> None:
    client = client_on(
        ("05 00 01 0f", "06 01 00 01"), *SYNC, ("05 00 01 0f", "05 01 01 2a 00 00 00")
    )
    batch = Batch(client)
    add_read(batch, 0)
    with pytest.raises(ProbeError, match="was DAP_TransferBlock"):
        batch.run()
    again = Batch(client)
    result = add_read(again, 0)
    again.run()
    assert result.value == 42


def test_a_command_that_the_probe_does_not_have() -> None:
    batch = Batch(client_on(("05 00 01 0f", "ff")))
    add_read(batch, 0)
    with pytest.raises(ProbeRefused, match="DAP_Transfer"):
        batch.run()


def test_a_silent_probe_stays_an_error_until_it_speaks() -> None:
    client = client_on(
        ("05 00 01 0f", None), ("00 ff", None), ("00 ff", None),
        *SYNC, ("05 00 01 0f", "05 01 01 2a 00 00 00"),
    )  # fmt: skip
    for _ in range(2):
        batch = Batch(client)
        add_read(batch, 0)
        with pytest.raises(ProbeTimeout):
            batch.run()
        assert not client.usable
    batch = Batch(client)
    result = add_read(batch, 0)
    batch.run()
    assert result.value == 42


def test_a_probe_that_is_gone() -> None:
    client = client_on()
    batch = Batch(client)
    add_read(batch, 0)
    with pytest.raises(ProbeLost):
        batch.run()
