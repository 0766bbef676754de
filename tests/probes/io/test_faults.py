"""Whose fault the system's error numbers are, and that every kind asks the same place."""

from __future__ import annotations

import errno
import os
import re
import socket
from pathlib import Path

import pytest

import probes
from probes.base import Outcome
from probes.io import faults


def fault(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    "number",
    [
        errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.EMFILE,
        errno.ENFILE, errno.EACCES, errno.EPERM, errno.ENOBUFS, errno.ENOMEM, errno.EINVAL, errno.ENODEV,
    ],
)  # fmt: skip
def test_what_only_this_machine_says_is_its_own_fault(number: int) -> None:
    outcome, why = faults.of_error(fault(number))
    assert outcome is Outcome.LOCAL and os.strerror(number) in why


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        (errno.ECONNREFUSED, Outcome.REFUSED),
        (errno.ECONNRESET, Outcome.REFUSED),
        (errno.EPIPE, Outcome.REFUSED),
        (errno.ETIMEDOUT, Outcome.LOST),
        (errno.EMSGSIZE, Outcome.LOST),
    ],
)
def test_what_the_far_end_or_silence_says_is_not_ours(number: int, outcome: Outcome) -> None:
    assert faults.of_error(fault(number)).outcome is outcome


@pytest.mark.parametrize("number", [errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT])
def test_a_connection_that_stood_and_whose_way_broke_is_lost(number: int) -> None:
    assert faults.of_connection(fault(number)).outcome is Outcome.LOST


def test_a_connection_that_stood_and_was_reset_is_refused_and_a_device_gone_down_is_ours() -> None:
    assert faults.of_connection(fault(errno.ECONNRESET)).outcome is Outcome.REFUSED
    assert faults.of_connection(ConnectionError()).outcome is Outcome.REFUSED
    assert faults.of_connection(fault(errno.ENETDOWN)).outcome is Outcome.LOCAL


def test_a_closed_port_told_by_icmp_is_read_from_the_error_queue() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        faults.hear_icmp(sock)
        sock.connect(("127.0.0.1", port))
        sock.send(b"anybody there?")
        with pytest.raises(ConnectionRefusedError) as refused:
            sock.recv(1)
        outcome, why = faults.of_socket(sock, refused.value)
        assert outcome is Outcome.REFUSED and "the host is there and nobody listens on the port" in why
        assert faults.waiting(sock) is None


def test_no_probe_has_a_table_of_its_own() -> None:
    """Whose fault a number of the system's is stands in `probes.io.faults` alone."""
    network = re.compile(r"errno\.(ECONNRESET|EHOSTUNREACH|ENETUNREACH|ENETDOWN|EHOSTDOWN)")
    where = Path(probes.__file__).parent
    found = {str(file.relative_to(where)) for file in where.rglob("*.py") if network.search(file.read_text())}
    # socket: which failed sends are tried again; connect: a reset after the connection stood is no failed connect
    assert found == {"io/faults.py", "io/datagram/socket.py", "io/stream/connect.py"}
