"""Packets typed by hand from the layouts of the CMSIS-DAP specification."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from onchip.dap.packet import Packet
from onchip.dap.packetizer import Packetizer
from onchip.dap.transfers import Transfers
from tests.support.scripted_link import packet

AP_DRW, AP_TAR, AP_CSW = 0x0D, 0x05, 0x01


def packets(t: Transfers, size: int = 64, *, atomic: bool = False) -> list[Packet]:
    packetizer = Packetizer(t.elements, size, atomic=atomic)
    made = []
    while (p := packetizer.next()) is not None:
        made.append(p)
    return made


def test_single_accesses_share_a_transfer() -> None:
    t = Transfers()
    t.write(0x8, 0x0000_0010, "SELECT")
    t.write(AP_TAR, 0x2000_0004, "TAR")
    t.read(AP_DRW, "DRW")
    assert [p.data for p in packets(t)] == [
        packet("05 00 03 | 08 10 00 00 00 | 05 04 00 00 20 | 0f")
    ]


def test_a_wait_is_its_mask_and_a_matching_read() -> None:
    t = Transfers()
    t.match(AP_CSW, 0x0002_0000, 0x0002_0000, "BD")
    t.match(AP_CSW, 0x0002_0000, 0, "BD")
    t.match(AP_CSW, 0x0001_0000, 0, "BD")
    assert packets(t)[0].data == packet(
        "05 00 05 | 20 00 00 02 00 | 13 00 00 02 00 | 13 00 00 00 00"
        "| 20 00 00 01 00 | 13 00 00 00 00"
    )


def test_the_mask_is_sent_again_behind_a_read() -> None:
    """A posted read is completed by it, so its fault is not taken for the wait's."""
    t = Transfers()
    t.match(AP_CSW, 1, 1, "BD")
    t.read(AP_DRW, "DRW")
    t.match(AP_CSW, 1, 1, "BD")
    assert packets(t)[0].data == packet(
        "05 00 05 | 20 01 00 00 00 | 13 01 00 00 00 | 0f | 20 01 00 00 00 | 13 01 00 00 00"
    )


def test_a_run_is_a_block() -> None:
    t = Transfers()
    t.write_run(AP_DRW, bytes(range(8)), "DRW", 0x2000_0000)
    assert [p.data for p in packets(t)] == [packet("06 00 02 00 0d | 00 01 02 03 | 04 05 06 07")]
    t = Transfers()
    t.read_run(AP_DRW, 5, "DRW", 0x2000_0000)
    assert [p.data for p in packets(t)] == [packet("06 00 05 00 0f")]


def test_full_blocks_of_both_packet_sizes() -> None:
    for size, words in ((64, 14), (512, 126)):
        t = Transfers()
        t.write_run(AP_DRW, bytes(4 * words * 3 + 4), "DRW", 0)
        made = packets(t, size)
        assert [p.data[:5] for p in made[:3]] == [
            b"\x06\x00" + words.to_bytes(2, "little") + b"\x0d"
        ] * 3
        assert len(made[0].data) == size - 3
        assert made[3].data == packet("05 00 01 0d 00 00 00 00")
    for size, words in ((64, 15), (512, 127)):
        t = Transfers()
        t.read_run(AP_DRW, words * 2, "DRW", 0)
        assert [p.data for p in packets(t, size)] == [
            b"\x06\x00" + words.to_bytes(2, "little") + b"\x0f",
            bytes((5, 0, words)) + b"\x0f" * words,  # as many, but its response differs
        ]


def test_a_long_read_does_not_notice_the_tar_write_in_its_middle() -> None:
    t = Transfers()
    t.read_run(AP_DRW, 10, "DRW", 0x3D8)
    t.write(AP_TAR, 0x400, "TAR")
    t.read_run(AP_DRW, 5, "DRW", 0x400)
    assert [p.data for p in packets(t)] == [
        packet("05 00 10" + "0f" * 10 + "05 00 04 00 00" + "0f" * 5)
    ]


def test_atomic_commands_join_block_tar_and_block() -> None:
    t = Transfers()
    t.write_run(AP_DRW, b"\x11" * 400, "DRW", 0x1000 - 400)
    t.write(AP_TAR, 0x1000, "TAR")
    t.write_run(AP_DRW, b"\x22" * 400, "DRW", 0x1000)
    made = packets(t, 512, atomic=True)
    assert made[0].data == (
        packet("7f 03 | 06 00 64 00 0d")
        + b"\x11" * 400
        + packet("05 00 01 05 00 10 00 00 | 06 00 17 00 0d")
        + b"\x22" * 92
    )
    assert made[1].data == packet("06 00 4d 00 0d") + b"\x22" * 308
    assert packets(t, 512)[0].commands[0].count == 101  # without them less fits


def test_commands_run_after_a_failed_one_so_a_barrier_ends_a_joined_packet() -> None:
    t = Transfers()
    t.write_run(AP_DRW, bytes(400), "DRW", 0)
    t.barrier()
    t.write(AP_TAR, 0xE000_EDF0, "TAR")
    t.write_run(AP_DRW, bytes(400), "DRW", 0x1000)
    made = packets(t, 512, atomic=True)
    assert made[0].data[0] == 0x05 or not made[0].joined
    for p in made:
        elements = [e for c in p.commands[1:] for e, first, _ in c.portions if first == 0]
        assert all(e.barrier <= p.first for e in elements)


def test_which_packets_stand_behind_a_barrier() -> None:
    t = Transfers()
    for n in range(12):
        t.write(AP_DRW, n, "DRW")  # the first packet of 64 bytes holds them all
    t.write(AP_DRW, 12, "DRW")
    t.barrier()
    t.write(AP_DRW, 13, "DRW")
    t.write_run(AP_DRW, bytes(56 * 2), "DRW", 0)
    made = packets(t)
    assert (made[0].first, made[0].barrier) == (0, 0)
    assert (made[1].first, made[1].barrier) == (12, 13)  # holds 12, so itself waits for packet 0
    assert all(p.barrier == 13 for p in made[2:])


def test_responses_limit_a_packet_as_much_as_requests() -> None:
    t = Transfers()
    for _ in range(40):
        t.read(AP_DRW, "DRW")
    assert [p.commands[0].count for p in packets(t)] == [15, 15, 10]


def test_no_two_neighbours_that_read_are_alike() -> None:
    """A response that came twice would be taken for the next packet's."""
    last = None
    sent = []
    for _ in range(3):
        t = Transfers()
        t.write(AP_TAR, 0, "TAR")
        t.read(AP_DRW, "DRW")
        made = Packetizer(t.elements, 64, atomic=False, last_shape=last).next()
        assert made is not None
        last = made.shape
        sent.append(made.data)
    plain = packet("05 00 02 05 00 00 00 00 0f")
    assert sent == [plain, packet("05 00 03 05 00 00 00 00 0f 0e"), plain]
    t = Transfers()
    t.read(AP_DRW, "DRW")
    made = Packetizer(t.elements, 64, atomic=False, last_shape=(2,)).next()
    assert made is not None
    assert made.data == packet("06 00 01 00 0f")


def test_the_last_packet_is_never_like_the_one_before() -> None:
    """Else a response that came twice would confirm a write that is still to fail."""
    t = Transfers()
    t.write_run(AP_DRW, bytes(4 * 28), "DRW", 0)
    assert [p.shape for p in packets(t)] == [(14 << 1 | 1,), (13 << 1 | 1,), (1 << 1,)]
    t = Transfers()
    for n in range(24):
        t.write(AP_DRW, n, "DRW")
    made = packets(t)
    assert [p.shape for p in made] == [(12 << 1,), (13 << 1,)]
    assert len(made[1].data) == 64
    assert made[1].data[-1:] == b"\x0e"


def _aligned_write(words: int) -> Transfers:
    t = Transfers()
    t.settle(AP_TAR, 0x2000_0000, "TAR")
    t.write_run(AP_DRW, bytes(4 * words), "DRW", 0x2000_0000, pointer=AP_TAR, narrow=True)
    return t


def test_a_packet_repeats_tar_while_the_first_one_is_in_doubt() -> None:
    t = _aligned_write(64)
    made = []
    packetizer = Packetizer(t.elements, 64, 4, atomic=False)
    while (p := packetizer.next()) is not None:
        made.append(p)
    assert [p.barrier for p in made] == [0, 0, 0, 0, 1, 1]
    heads = [packet(f"05 00 0c 05 {low} 00 00 20 0d") for low in ("00", "2c", "58", "84")]
    assert [p.data[:9] for p in made[:4]] == heads
    assert made[4].data[:5] == packet("06 00 0e 00 0d")  # the first one has been answered by now
    assert made[5].data[:5] == packet("06 00 06 00 0d")


def test_with_one_packet_in_flight_nothing_is_repeated() -> None:
    made = packets(_aligned_write(36))
    heads = [packet("05 00 0c"), packet("06 00 0e"), packet("06 00 0b")]
    assert [p.data[:3] for p in made] == heads


def test_a_packet_repeats_select_as_well_if_that_is_in_doubt() -> None:
    """Without it the TAR that is said again would be another register."""
    t = Transfers()
    t.settle(0x8, 0x0100_0000, "SELECT")
    t.settle(AP_TAR, 0x2000_0000, "TAR")
    t.write_run(AP_DRW, bytes(4 * 60), "DRW", 0x2000_0000, pointer=AP_TAR)
    packetizer = Packetizer(t.elements, 64, 4, atomic=False)
    made = []
    while (p := packetizer.next()) is not None:
        made.append(p)
    assert [p.barrier for p in made[:4]] == [0] * 4
    assert made[1].data[:14] == packet("05 00 0c 08 00 00 00 01 05 28 00 00 20 0d")
    assert made[4].data[:5] == packet("06 00 0e 00 0d")


def test_what_cannot_say_it_again_waits_and_what_was_with_it_is_good_then() -> None:
    """A banked register, say, or a size that nobody knew before."""
    for settle in ((0x8, 0x10, "SELECT"), (AP_CSW, 2, "CSW")):
        t = Transfers()
        t.settle(AP_TAR, 0x2000_0000, "TAR")
        t.settle(*settle)
        for n in range(14):
            t.write(AP_TAR, n, "BD1")
        first, second = packets(t)
        assert (first.barrier, second.barrier) == (0, 2)
    t = Transfers()
    t.settle(AP_CSW, 2, "CSW")
    t.settle(AP_TAR, 0x2000_0000, "TAR")
    t.write_run(AP_DRW, bytes(4 * 44), "DRW", 0x2000_0000, pointer=AP_TAR)
    packetizer = Packetizer(t.elements, 64, 4, atomic=False)
    packetizer.next()
    second_packet, third_packet = packetizer.next(), packetizer.next()
    assert second_packet is not None
    assert third_packet is not None
    assert second_packet.barrier > 0
    assert second_packet.data[:5] == third_packet.data[:5] == packet("06 00 0e 00 0d")


def test_tar_waits_for_select_when_they_are_parted() -> None:
    t = Transfers()
    for n in range(11):
        t.write(AP_DRW, n, "DRW")
    t.settle(0x8, 0, "SELECT")
    t.settle(AP_TAR, 0x2000_0000, "TAR")
    first, second = packets(t)
    assert (first.barrier, second.barrier) == (0, 12)


def test_a_narrower_size_is_never_in_doubt() -> None:
    """A byte written with CSW still at WORD would spill over its neighbours."""
    t = Transfers()
    for n in range(11):
        t.write(AP_DRW, n, "DRW")
    t.settle(AP_CSW, 0, "CSW", unknown=False)
    t.write(AP_DRW, 1, "DRW")
    assert [p.barrier for p in packets(t)] == [0, 12]


def test_an_edge_says_its_size_again() -> None:
    t = Transfers()
    t.settle(AP_TAR, 0x2000_0000, "TAR")
    for n in range(10):
        t.write(AP_DRW, n, "DRW", 0x2000_0000 + 4 * n, pointer=AP_TAR)
    t.settle(AP_CSW, 0, "CSW", unknown=False)
    t.write(AP_DRW, 1, "DRW", 0x2000_0028, pointer=AP_TAR)
    packetizer = Packetizer(t.elements, 64, 4, atomic=False)
    packetizer.next()
    second = packetizer.next()
    assert second is not None
    assert second.barrier == 0
    assert second.data == packet("05 00 03 01 00 00 00 00 05 28 00 00 20 0d 01 00 00 00")


def test_a_wider_size_may_be_in_doubt_for_a_run_but_not_what_was_there_before() -> None:
    for unknown, barrier in ((False, 0), (True, 2)):
        t = Transfers()
        t.settle(AP_CSW, 2, "CSW", unknown=unknown)
        t.settle(AP_TAR, 0, "TAR")
        t.write_run(AP_DRW, bytes(4 * 30), "DRW", 0, pointer=AP_TAR, narrow=True)
        packetizer = Packetizer(t.elements, 64, 4, atomic=False)
        packetizer.next()
        second = packetizer.next()
        assert second is not None
        assert second.barrier == barrier


def test_what_one_port_has_settled_says_nothing_of_another() -> None:
    t = Transfers()
    t.enter_port(0)
    t.settle(AP_CSW, 0, "CSW")
    for _ in range(12):
        t.write(0x4, 0, "CTRL/STAT")
    t.enter_port(1)
    t.settle(AP_CSW, 2, "CSW")
    t.enter_port(0)
    element = t.write(AP_DRW, 1, "DRW", pointer=AP_TAR)
    assert element.settled == (0, 1, 0)


@st.composite
def _elements(draw: st.DrawFn) -> Transfers:
    t = Transfers()
    for _ in range(draw(st.integers(1, 25))):
        match draw(st.integers(0, 5)):
            case 0:
                t.write(AP_TAR, draw(st.integers(0, 0xFFFF_FFFF)), "TAR")
            case 1:
                t.read(AP_DRW, "DRW")
            case 2:
                t.write_run(AP_DRW, bytes(4 * draw(st.integers(1, 300))), "DRW", 0)
            case 3:
                t.read_run(AP_DRW, draw(st.integers(1, 300)), "DRW", 0)
            case 4:
                t.match(AP_CSW, 1, 1, "BD")
            case _:
                t.barrier()
    return t


@given(_elements(), st.sampled_from([16, 64, 512, 1024]), st.booleans())
def test_any_elements_fit_any_packets_in_order(t: Transfers, size: int, atomic: bool) -> None:
    position = [(i, k) for i, e in enumerate(t.elements) for k in range(e.count)]
    index = {id(e): i for i, e in enumerate(t.elements)}
    carried = []
    for p in packets(t, size, atomic=atomic):
        assert len(p.data) <= size
        response = 2 * p.joined
        for command in p.commands:
            response += (4 if command.block else 3) + 4 * command.reads
            assert command.count == sum(n for _, _, n in command.portions) > 0
            assert command.block or command.count <= 255
            for element, first, n in command.portions:
                if element.register == "RDBUFF":
                    continue
                carried += [(index[id(element)], first + k) for k in range(n)]
        assert response <= size
    assert carried == position
