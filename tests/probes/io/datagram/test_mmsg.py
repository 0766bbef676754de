"""Batched receiving: the same packets, sources and stamps as one by one, nothing lost, errors and drops told."""

from __future__ import annotations

import errno
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from probes.io.datagram.mmsg import AVAILABLE, BatchReceiver, PlainReceiver, receiver

HOSTS = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


@contextmanager
def sockets(family: socket.AddressFamily, many: int) -> Iterator[list[socket.socket]]:
    """The first is listened on; the others send to it."""
    made = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(many + 1)]
    try:
        for one in made:
            one.bind((HOSTS[family], 0))
            one.setblocking(False)
        for one in made[1:]:
            one.connect(made[0].getsockname())
        yield made
    finally:
        for one in made:
            one.close()


def drained(reader: BatchReceiver | PlainReceiver) -> list[tuple[bytes, int, Any]]:
    found: list[tuple[bytes, int, Any]] = []
    while True:
        try:
            runs, _ = reader.receive()
        except BlockingIOError:
            return found
        for run, source in runs:
            found += [(bytes(data), stamp, source) for data, stamp in run.packets()]


@pytest.mark.parametrize("family", list(HOSTS))
@pytest.mark.parametrize("kind", [receiver, lambda sock, largest: PlainReceiver(sock)])
def test_every_packet_comes_whole_in_order_with_its_source_and_a_true_stamp(
    family: socket.AddressFamily, kind: Any
) -> None:
    with sockets(family, 2) as (far, one, two):
        reader = kind(far, 1000)
        before = time.time_ns()
        sent = []
        for number in range(150):
            sender = two if number % 50 == 49 else one
            data = struct.pack(">I", number) * (number % 7 * 30 + 1)
            sender.send(data)
            sent.append((data, sender.getsockname()))
        found = drained(reader)
        after = time.time_ns()
    assert [(data, source) for data, _, source in found] == sent
    stamps = [stamp for _, stamp, _ in found]
    assert before <= stamps[0] and stamps == sorted(stamps) and stamps[-1] <= after


@pytest.mark.skipif(not AVAILABLE, reason="64-bit Linux only")
def test_packets_of_one_source_come_in_one_run() -> None:
    with sockets(socket.AF_INET, 1) as (far, near):
        reader = receiver(far, 100)
        for _ in range(134):
            near.send(bytes(100))
        (first, more), (second, _) = reader.receive(), reader.receive()
    assert [len(run.lengths) for run, _ in first] == [128] and more and [len(run.lengths) for run, _ in second] == [6]


@pytest.mark.skipif(not AVAILABLE, reason="64-bit Linux only")
def test_a_packet_longer_than_expected_is_cut_and_an_empty_one_is_empty() -> None:
    with sockets(socket.AF_INET, 1) as (far, near):
        reader = receiver(far, 64)
        near.send(bytes(500))
        near.send(b"")
        assert [len(data) for data, _, _ in drained(reader)] == [64, 0]


def test_what_the_buffer_dropped_is_counted() -> None:
    with sockets(socket.AF_INET, 1) as (far, near):
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader = receiver(far, 1000)
        for _ in range(50):
            near.send(bytes(1000))
        came = len(drained(reader))
        near.send(bytes(10))  # drops are told with the packet after them
        drained(reader)
        assert 0 < came < 50 and reader.overflow == 50 - came


def test_a_closed_port_is_told() -> None:
    with sockets(socket.AF_INET, 1) as (far, near):
        reader = receiver(near, 100)
        far.close()
        near.send(b"hello")
        time.sleep(0.05)
        with pytest.raises(OSError) as fault:
            reader.receive()
        assert fault.value.errno == errno.ECONNREFUSED
