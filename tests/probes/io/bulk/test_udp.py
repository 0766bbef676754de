"""The paced UDP sender: every packet numbered, no burst for its own lateness, full queues and old devices survived."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from probes.io.bulk.iperf3 import _Client
from probes.io.bulk.udp import Pacer, UdpSocket, UdpStream, rest_between
from probes.io.datagram.mmsg import PacketRun
from probes.wire.iperf3 import messages as iperf3
from probes.wire.iperf3.messages import Params

BLOCK = 1000


class FakeSocket:
    """Takes what is sent and keeps it as datagrams of `BLOCK`; `refuses` says which errno a send gets, 0: none."""

    def __init__(self) -> None:
        self.at: list[float] = []
        self.seqs: list[int] = []
        self.options: list[tuple[int, int, int]] = []
        self.refuse_bursts = self.refuse_all = 0

    def setsockopt(self, *option: int) -> None:
        self.options.append(cast(tuple[int, int, int], option))

    def send(self, data: memoryview) -> None:
        if self.refuse_all or (len(data) > BLOCK and self.refuse_bursts):
            raise OSError(self.refuse_all or self.refuse_bursts, "refused")
        for place in range(0, len(data), BLOCK):
            self.at.append(time.monotonic())
            self.seqs.append(iperf3.read_head(data[place:], False).seq)


def paced(sock: Any, rate_bps: float, seconds: float, meanwhile: Any = None) -> Pacer:
    async def act() -> Pacer:
        pacer = Pacer(sock, None, BLOCK, rate_bps, False)
        pacer.start()
        if meanwhile:
            asyncio.get_running_loop().call_later(0.05, meanwhile)
        await asyncio.sleep(seconds)
        pacer.stop()
        return pacer

    return asyncio.run(act())


@pytest.mark.parametrize("rate_bps", [8e6, 200e6])
def test_packets_leave_whole_and_numbered_one_by_one_and_in_bursts(rate_bps: float) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
    ):
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        far.bind(("127.0.0.1", 0))
        far.setblocking(False)
        near.connect(far.getsockname())
        near.setblocking(False)
        pacer = paced(near, rate_bps, 0.03)
        came = [far.recv(65_535) for _ in range(pacer.sent)]
        with pytest.raises(BlockingIOError):
            far.recv(65_535)
    assert {len(one) for one in came} == {BLOCK}
    assert [iperf3.read_head(one, False).seq for one in came] == list(range(1, pacer.sent + 1))
    assert len(came) > 10


def test_a_device_that_cannot_cut_bursts_gets_single_packets() -> None:
    sock = FakeSocket()
    sock.refuse_bursts = errno.EIO
    pacer = paced(sock, 200e6, 0.03)
    assert pacer.fault is None and sock.seqs == list(range(1, pacer.sent + 1)) and pacer.sent > 10
    assert sock.options[-1][2] == 0


def test_our_own_lateness_is_counted_and_not_made_up_with_a_burst() -> None:
    sock = FakeSocket()
    pacer = paced(sock, 8e6, 0.5, lambda: time.sleep(0.3))
    assert pacer.starved > 150 and pacer.held == 0
    busiest = max(sum(at <= other < at + 0.005 for other in sock.at) for at in sock.at)
    assert busiest <= 70  # 50 ms worth of packets and what was due anyway
    assert sock.seqs == list(range(1, pacer.sent + 1))


def test_a_full_queue_is_neither_an_error_nor_our_lateness() -> None:
    sock = FakeSocket()
    sock.refuse_all = errno.ENOBUFS
    pacer = paced(sock, 8e6, 0.3, lambda: setattr(sock, "refuse_all", 0))
    assert pacer.fault is None and pacer.sent > 50 and sock.seqs[0] == 1


def test_a_closed_port_ends_the_sending() -> None:
    sock = FakeSocket()
    sock.refuse_all = errno.ECONNREFUSED
    pacer = paced(sock, 8e6, 0.02)
    assert pacer.fault is not None and pacer.fault.errno == errno.ECONNREFUSED and pacer.sent == 0


def test_an_answer_and_the_data_right_behind_it_are_both_heard() -> None:
    joined: list[int] = []
    flow = UdpStream(cast(Any, FakeSocket()), None, Params(protocol="udp", block_bytes=100), sends=False)
    flow.start()
    hear = _Client._hears(cast(Any, SimpleNamespace(_joined=lambda: joined.append(1))), flow)
    buffer = bytearray(300)
    buffer[:4] = iperf3.UDP_REPLY
    for place in (1, 2):
        iperf3.write_head(memoryview(buffer)[place * 100 :], 0, place, False)
    hear(PacketRun(memoryview(buffer), 100, [4, 100, 100], [1, 2, 3]), None)
    assert joined == [1] and (flow.ledger.highest, flow.ledger.lost, flow.rcvd_bytes) == (2, 0, 200)


@pytest.mark.parametrize(
    ("rate_bps", "sends", "rest_s"),
    [(50e6, False, 0.0), (500e6, True, 0.0), (500e6, False, 0.002), (1e9, False, 0.00112)],
)
def test_a_receiver_looks_away_only_as_long_as_a_small_buffer_holds(
    rate_bps: float, sends: bool, rest_s: float
) -> None:
    asked = Params(protocol="udp", block_bytes=1460, rate_bps=int(rate_bps / 2), parallel=2)
    assert rest_between(asked, sends) == pytest.approx(rest_s, rel=0.01)


def test_a_receiver_that_looks_now_and_then_misses_nothing() -> None:
    async def act() -> list[int]:
        far, near = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        far.bind(("127.0.0.1", 0))
        near.connect(far.getsockname())
        heard: list[int] = []
        reader = UdpSocket(
            far, lambda run, source: heard.extend(data[0] for data, _ in run.packets()), largest=100, rest_s=0.002
        )
        for number in range(250):
            near.send(bytes([number]) * 100)
            if number % 50 == 0:
                await asyncio.sleep(0.003)
        await asyncio.sleep(0.02)
        reader.close()
        near.close()
        return heard

    assert asyncio.run(act()) == list(range(250))
