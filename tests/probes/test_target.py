"""What users write as a target, and names that give no address."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes import target
from probes.errors import BadTarget
from probes.target import Endpoint, Unresolved, is_address, parse, resolve


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.0.2.1", "192.0.2.1", 862),
        ("192.0.2.1:8620", "192.0.2.1", 8620),
        ("2001:db8::1", "2001:db8::1", 862),
        ("[2001:db8::1]", "2001:db8::1", 862),
        ("[2001:db8::1]:53", "2001:db8::1", 53),
        ("fe80::1%eth0", "fe80::1%eth0", 862),
        ("[fe80::1%eth0]:53", "fe80::1%eth0", 53),
        ("mcu.tinh.gov.vn:5060", "mcu.tinh.gov.vn", 5060),
        ("may_chu-1.xa", "may_chu-1.xa", 862),
    ],
)
def test_hosts_and_ports_are_understood(text: str, host: str, port: int) -> None:
    assert parse(text, 862) == (host, port)


@pytest.mark.parametrize("end", [Endpoint("2001:db8::1", 53), Endpoint("a.b", 0), Endpoint("192.0.2.1", 1)])
def test_an_endpoint_written_out_is_read_again(end: Endpoint) -> None:
    assert parse(str(end)) == end


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a b",
        "-n",
        "host:0",
        "host:65536",
        "host:x",
        "[192.0.2.1]",
        "[::1",
        "::1%",
        "::1%a\n",
        "[::1%\x00]",
        "::1%é",
        "a:1:2",
        "a/b",
        "x" * 300,
    ],
)
def test_what_is_no_target_is_told_with_a_way_out(text: str) -> None:
    with pytest.raises(BadTarget, match="target"):
        parse(text)


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_a_clean_error(text: str) -> None:
    try:
        host, port = parse(text)
    except BadTarget as fault:
        clean = str(fault)
        assert clean.isprintable()
    else:
        assert host in text and 0 <= port < 65536


def test_addresses_are_resolved_without_a_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [is_address(one) for one in ("192.0.2.1", "::1", "fe80::1%lo", "name", "1")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    monkeypatch.setattr(target, "_look_up", None)
    assert asyncio.run(resolve(Endpoint("192.0.2.1", 53))) == [(socket.AF_INET, ("192.0.2.1", 53))]
    assert asyncio.run(resolve(Endpoint("2001:DB8::1", 53))) == [(socket.AF_INET6, ("2001:db8::1", 53, 0, 0))]


def test_a_name_without_an_address_is_unresolved() -> None:
    with pytest.raises(Unresolved, match="no-such-name.invalid: "):
        asyncio.run(resolve(Endpoint("no-such-name.invalid", 0)))


def test_a_silent_name_server_is_not_waited_for_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """… not even at the end of the program: `netmon probe` tells its measurement in time."""
    answers = threading.Event()

    def silent(*_: Any) -> list[Any]:
        answers.wait(30)
        return []

    monkeypatch.setattr(target, "RESOLVE_S", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", silent)
    began = time.monotonic()
    with pytest.raises(Unresolved, match="no name server answered"):
        asyncio.run(resolve(Endpoint("name.test", 0)))
    assert time.monotonic() - began < 5
    answers.set()


def test_names_are_looked_up_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    together: list[int] = []

    def slow(host: str, port: int, *_: Any) -> list[Any]:
        together.append(sum(one.name == "resolve" for one in threading.enumerate()))
        time.sleep(0.01)
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", (host, port))]

    async def many() -> list[Any]:
        return await asyncio.gather(*(resolve(Endpoint(f"h{number}", 1)) for number in range(40)))

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    assert [found[0][1][0] for found in asyncio.run(many())] == [b"h%d" % number for number in range(40)]
    assert max(together) <= 9
