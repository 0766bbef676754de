"""NTP packets: bytes of scapy and of chrony, eras, and the arithmetic of RFC 5905 §8."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.errors import WireError
from probes.wire import ntp
from probes.wire.ntp import NtpReply
from probes.wire.ntp_time import NTP_EPOCH_S

# NTPHeader(leap=0, version=4, mode=3, stratum=0, poll=0, precision=0, …, sent=1.5) of scapy 2.8
CLIENT = "23" + "00" * 39 + "0000000180000000"
# NTPHeader(leap=1, version=4, mode=4, stratum=2, poll=6, precision=-23, delay=0.25, dispersion=0.125, id="192.0.2.7",
# ref=3900000000.5, orig=3900000001.25, recv=3900000002, sent=3900000003.75) of scapy 2.8
SCAPY = bytes.fromhex(
    "640206e90000400000002000c0000207e875470080000000e875470140000000e875470200000000e8754703c0000000"
)
# chronyd 4.3 with `local stratum 5`, and without any source, asked with cookie 0x0123456789abcdef
CHRONY = bytes.fromhex(
    "240500e700000000000000007f7f0101eeb0a99865a0866a0123456789abcdefeeb0a9beeec47545eeb0a9beeec82288"
)
TIMELESS = bytes.fromhex(
    "e40000e700010000000100000000000000000000000000000123456789abcdefeeb0a9beeeceddf3eeb0a9beeed1cd04"
)


def test_a_clients_packet_is_scapys() -> None:
    assert ntp.encode(0x180000000).hex() == CLIENT


def test_scapys_reply_is_read() -> None:
    got = ntp.decode(SCAPY)
    assert (got.leap, got.version, got.stratum, got.poll, got.precision) == (1, 4, 2, 6, -23)
    assert (got.root_delay_ms, got.root_dispersion_ms, got.reference) == (250.0, 125.0, bytes([192, 0, 2, 7]))
    assert ntp.between_ms(got.sent_at, got.received_at) == 1750.0
    assert ntp.between_ms(got.received_at, got.reference_at) == 1500.0
    assert got.synchronised and got.kiss == ""


def test_chronys_replies_are_read_and_told_apart() -> None:
    good, timeless = ntp.decode(CHRONY), ntp.decode(TIMELESS)
    assert (good.stratum, good.leap, good.synchronised, good.origin) == (5, 0, True, 0x0123456789ABCDEF)
    assert (timeless.stratum, timeless.leap, timeless.synchronised, timeless.kiss) == (0, 3, False, "")
    assert ntp.between_ms(good.sent_at, good.received_at) == pytest.approx(0.0561, abs=1e-3)


@pytest.mark.parametrize(
    ("reference", "kiss"), [(b"RATE", "RATE"), (b"DENY", "DENY"), (b"X\0\0\0", "X"), (b"\x1b[3m", "")]
)
def test_a_kiss_of_death_is_told(reference: bytes, kiss: str) -> None:
    got = ntp.decode(TIMELESS[:12] + reference + TIMELESS[16:])
    assert (got.kiss, got.synchronised) == (kiss, False)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "shorter"),
        (CHRONY[:47], "shorter"),
        (b"\x23" + CHRONY[1:], "no NTP server"),  # a client's
        (b"\x04" + CHRONY[1:], "no NTP server"),  # version 0
        (b"\x24\x11" + CHRONY[2:], "stratum"),
    ],
)
def test_what_is_no_servers_packet_is_a_wire_error(data: bytes, word: str) -> None:
    with pytest.raises(WireError, match=word):
        ntp.decode(data)


def test_extensions_and_a_mac_are_left_alone() -> None:
    assert ntp.decode(CHRONY + b"\xff" * 100) == ntp.decode(CHRONY)


def test_an_impossible_dispersion_stays_positive() -> None:
    assert ntp.decode(CHRONY[:8] + b"\xff\xff\xff\xff" + CHRONY[12:]).root_dispersion_ms == pytest.approx(65_536_000)


def reply(received_ns: int, sent_ns: int, root_delay_ms: float = 0.0, dispersion_ms: float = 0.0) -> NtpReply:
    times = (0, 0, ntp.ntp(received_ns), ntp.ntp(sent_ns))
    return NtpReply(0, 4, 2, 6, -20, root_delay_ms, dispersion_ms, b"abcd", *times)


def test_offset_delay_and_error_are_the_standards() -> None:
    sent = 1_800_000_000_000_000_000
    # the server is 5 s ahead; 20 ms there, 1 ms in it, 10 ms back
    got = ntp.sample(reply(sent + 5_020_000_000, sent + 5_021_000_000, 8.0, 3.0), sent, sent + 31_000_000)
    assert got.offset_ms == pytest.approx(5005.0, abs=1e-4) and got.delay_ms == pytest.approx(30.0, abs=1e-4)
    assert got.error_ms == pytest.approx(15 + 4 + 3, abs=1e-4)
    assert abs(got.offset_ms - 5000.0) <= got.error_ms


def test_the_next_era_is_no_jump() -> None:
    turn = (2**32 - NTP_EPOCH_S) * 1_000_000_000  # 2036-02-07
    got = ntp.sample(reply(turn + 10_000_000, turn + 10_000_000), turn - 10_000_000, turn + 30_000_000)
    assert got.offset_ms == pytest.approx(0.0, abs=1e-4) and got.delay_ms == pytest.approx(40.0, abs=1e-4)


@given(st.integers(0, 2**62), st.integers(-(10**18), 10**18))
def test_differences_survive_the_wire_format(at_ns: int, apart_ns: int) -> None:
    got = ntp.between_ms(ntp.ntp(at_ns + apart_ns), ntp.ntp(at_ns))
    assert got == pytest.approx(apart_ns / 1e6, abs=1e-5, rel=1e-9)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_reply_or_a_wire_error(data: bytes) -> None:
    with suppress(WireError):
        assert isinstance(ntp.decode(data), NtpReply)


@given(
    st.binary(min_size=46, max_size=46), st.sampled_from([b"\x24\x02", b"\xe4\x00", b"\x1c\x10"]), st.integers(0, 2**62)
)
def test_any_reply_gives_finite_figures(data: bytes, head: bytes, at_ns: int) -> None:
    got = ntp.sample(ntp.decode(head + data), at_ns, at_ns + 1000)
    assert abs(got.offset_ms) < 3e12 and 0 <= got.delay_ms < 5e12 and 0 <= got.error_ms < 5e12
