"""H.225.0: byte for byte what three stacks understood, and all that they answered."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from h323bytes import CALLS, FROM_FAR, RAS, RECORDED, dissected
from hypothesis import given
from hypothesis import strategies as st
from perany import any_value

from probes.errors import WireError
from probes.wire.h323 import fast_connect, h225, per, q931, types
from probes.wire.h323.h225 import CallSignal, Ids, Vendor

OTHER = Vendor(184, 0, 61)  # the vendor code the recorded calls carry
US, FAR = "10.99.0.2", "10.99.0.1"
IDS = Ids(bytes(range(16)), bytes(range(16, 32)))


def frame_of(data: bytes) -> q931.Q931Message:
    (frame,) = q931.tpkt_framer().feed(data)
    return frame


def call_of(name: str) -> CallSignal:
    user = frame_of(RECORDED[name]).user
    assert user is not None
    return h225.read_call(user)


def test_a_grq_and_an_lrq_are_what_gnugk_answered() -> None:
    grq = h225.gatekeeper_request(11, (US, 56_719), alias="netmon", vendor=OTHER)
    assert grq == RECORDED["gnugk grq"]
    assert h225.location_request(13, (US, 56_719), "8001") == RECORDED["gnugk lrq-8001"]
    assert h225.location_request(14, (US, 56_719), "9999") == RECORDED["gnugk lrq-9999"]


@pytest.mark.parametrize(
    "name",
    ["ooh323c setup", "gnugk-routed setup", "gnugk-routed setup-9999", "h323plus setup-fast", "h323plus setup-fast-2"],
)
def test_a_setup_is_what_three_stacks_answered(name: str) -> None:
    frame = frame_of(RECORDED[name])
    assert frame.user is not None
    body: dict[str, Any] = per.decode(types.USER, frame.user)["h323-uu-pdu"]["h323-message-body"][1]
    read = h225.read_call(frame.user)
    ids = Ids(read.call, h225.conference_of(frame.user))
    to, source = (FAR, body["destCallSignalAddress"][1]["port"]), (US, body["sourceCallSignalAddress"][1]["port"])
    fast = fast_connect.offers((US, 17_000), (US, 17_001)) if "fast" in name else None
    user = h225.setup(ids, read.aliases[0], to, source, fast=fast, vendor=OTHER)
    display = b"netmon" if frame.element(q931.DISPLAY) else b""
    assert q931.message(frame.reference, False, q931.SETUP, user, display=display) == RECORDED[name]


@pytest.mark.parametrize("name", ["ooh323c release", "gnugk-routed release", "h323plus release"])
def test_a_release_is_what_ended_their_calls(name: str) -> None:
    frame = frame_of(RECORDED[name])
    ids = Ids(h225.read_call(frame.user or b"").call, b"")
    made = q931.message(frame.reference, False, q931.RELEASE_COMPLETE, h225.release(ids), cause_number=16)
    assert made == RECORDED[name]


@pytest.mark.parametrize("name", CALLS)
def test_every_recorded_call_message_is_read(name: str) -> None:
    read = call_of(name)
    assert len(read.call) == 16 and read.version in (2, 4) and read.tunnelled is not None


@pytest.mark.parametrize("name", RAS)
def test_every_recorded_ras_message_is_read(name: str) -> None:
    assert h225.read_ras(RECORDED[name]).number in range(11, 15)


def test_gnugks_answers_say_its_name_and_where_the_room_is() -> None:
    confirm = h225.read_ras(RECORDED["gnugk gcf"])
    assert (confirm.name, confirm.gatekeeper, confirm.ras) == ("gatekeeperConfirm", "netmonGK", (FAR, 1719))
    located = h225.read_ras(RECORDED["gnugk lcf"])
    assert (located.signal, located.ras) == ((FAR, 1721), (FAR, 1719))
    rejected = h225.read_ras(RECORDED["gnugk lrj"])
    assert (rejected.name, rejected.number, rejected.reason, rejected.code) == (
        "locationReject",
        14,
        "requestDenied",
        2,
    )


@pytest.mark.parametrize(
    ("name", "t35", "product", "version"),
    [
        ("ooh323c connect", 181 << 24 | 54, b"objsys", b"v0.9.4"),
        ("gnugk-routed alerting", 181 << 24 | 54, b"objsys", b"v0.9.4"),
        ("h323plus proceeding", 9 << 24 | 61, b"H323Plus simple\0\0", b"1.28.0 (H323plus v1.28.0)\0\0"),
    ],
)
def test_who_made_the_far_end_is_read(name: str, t35: int, product: bytes, version: bytes) -> None:
    vendor = call_of(name).vendor
    assert vendor is not None and (vendor.t35, vendor.product, vendor.version) == (t35, product, version)


def test_a_new_version_is_a_new_number_and_zeros_at_its_end_are_none() -> None:
    assert Vendor(version=b"1.0").crc != Vendor(version=b"1.1").crc
    assert Vendor(product=b"a\0\0", version=b"1\0").crc == Vendor(product=b"a", version=b"1").crc
    assert Vendor(product=b"ab", version=b"c").crc != Vendor(product=b"a", version=b"bc").crc


def test_addresses_reasons_and_refusals_of_calls_are_read() -> None:
    assert call_of("gnugk-routed connect").h245 == (FAR, 36_659)
    assert call_of("h323plus proceeding").refused and not call_of("ooh323c connect").refused
    unknown = frame_of(RECORDED["gnugk-routed release-unknown"])
    assert (unknown.cause, unknown.from_called, call_of("gnugk-routed release-unknown").reason) == (20, True, "")
    assert (call_of("ooh323c release").reason, call_of("ooh323c release").code) == ("undefinedReason", 11)


def test_ipv6_goes_both_ways() -> None:
    read = h225.read_ras(h225.location_confirm(7, ("2001:db8::1", 1720), ("2001:db8::2", 1719)))
    assert (read.signal, read.ras) == (("2001:db8::1", 1720), ("2001:db8::2", 1719))
    assert h225.read_ras(h225.gatekeeper_request(1, ("fe80::1%eth0", 5))).ras == ("fe80::1", 5)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("8001", "dialledDigits"),
        ("8*#,", "dialledDigits"),
        ("Phòng họp 1", "h323-ID"),
        ("h323:8001@mcu.example", "url-ID"),
        ("a8001", "h323-ID"),
    ],
)
def test_rooms_are_written_as_what_they_are(text: str, kind: str) -> None:
    assert h225.alias(text) == (kind, text)
    assert h225.read_ras(h225.location_request(1, (US, 1), text)).aliases == (text,)


@pytest.mark.parametrize("text", ["", "8" * 129, "a" * 257, "h323:é", "a\nb", "😀", "h323:" + "a" * 600])
def test_rooms_that_cannot_be_written_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        h225.alias(text)


def test_no_request_of_ours_names_a_gatekeeper() -> None:
    """GnuGk stays silent when the name is another's."""
    for data in (h225.gatekeeper_request(1, (US, 1)), h225.location_request(1, (US, 1), "8001")):
        assert "gatekeeperIdentifier" not in per.decode(types.RAS, data)[1]


def test_messages_a_probe_has_no_use_for_are_known_by_name() -> None:
    assert h225.read_ras(bytes([3 << 2, 0, 0, 0])).name == "registrationRequest"
    assert h225.read_ras(bytes.fromhex("8003deadbe")).name == "requestInProgress"
    read = h225.read_call(h225.facility(IDS, "startH245"))
    assert (read.name, read.reason, read.code) == ("facility", "startH245", 5)


def mutated(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(1 + rng.randrange(3)):
        at = rng.randrange(len(out)) if out else 0
        match rng.randrange(4):
            case 0 if out:
                out[at] ^= 1 << rng.randrange(8)
            case 1 if out:
                out[at] = rng.choice((0, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            case 2:
                del out[at:]
            case _:
                out[at:at] = rng.randbytes(rng.randrange(4))
    return bytes(out)


def test_forty_thousand_mutations_raise_the_typed_error_or_nothing() -> None:
    rng, refused = random.Random(2026), 0
    users = [frame_of(RECORDED[name]).user or b"" for name in CALLS]
    for turn in range(40_000):
        ras = turn % 2
        data = mutated(rng, RECORDED[rng.choice(RAS)] if ras else rng.choice(users))
        try:
            told = h225.read_ras(data) if ras else h225.read_call(data)
            assert told.name
            fast_connect.opened(getattr(told, "fast", ()))
        except WireError:
            refused += 1
    assert 2_000 < refused < 39_000


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(WireError):
        assert isinstance(h225.read_ras(data), h225.Ras)
    with suppress(WireError):
        assert isinstance(h225.read_call(data), h225.CallSignal)
    with suppress(WireError):
        assert len(h225.conference_of(data)) in (0, 16)
    assert len(fast_connect.read([data])) <= 1


def ours() -> tuple[list[bytes], list[bytes]]:
    """Each message we make: RAS, and call signalling."""
    ras = [
        h225.gatekeeper_request(1, (US, 5)),
        h225.gatekeeper_request(65_535, ("2001:db8::1", 5), alias="netmon"),
        h225.gatekeeper_confirm(2, "standin", (FAR, 1719)),
        h225.gatekeeper_reject(3, "terminalExcluded"),
        h225.gatekeeper_reject(3, "securityDenial"),
        *[h225.location_request(4, (US, 5), room) for room in ("8001", "Phòng 1", "h323:8001@mcu.example")],
        h225.location_request(4, (US, 5), "8001", 8),
        h225.location_confirm(5, (FAR, 1720), ("2001:db8::1", 1719)),
        h225.location_reject(6, "requestDenied"),
        h225.location_reject(6, "unallocatedNumber"),
    ]
    fast = fast_connect.offers((US, 17_000), (US, 17_001))
    taken = fast_connect.answers(fast, (FAR, 14_030), (FAR, 14_031))
    calls = [
        (q931.SETUP, h225.setup(IDS, "8001", (FAR, 1720), (US, 5)), None),
        (q931.SETUP, h225.setup(IDS, "Phòng", ("2001:db8::1", 1720), ("2001:db8::2", 5), fast=fast), None),
        (q931.CALL_PROCEEDING, h225.answer("callProceeding", IDS), None),
        (q931.ALERTING, h225.answer("alerting", IDS, what="mcu"), None),
        (q931.CONNECT, h225.answer("connect", IDS, h245=(FAR, 1), fast=taken), None),
        (q931.RELEASE_COMPLETE, h225.release(IDS), 16),
        (q931.RELEASE_COMPLETE, h225.release(IDS, "calledPartyNotRegistered"), 20),
        (q931.RELEASE_COMPLETE, h225.release(IDS, "inConf"), 17),
        (q931.FACILITY, h225.facility(IDS, "callForwarded", (FAR, 1720)), None),
        (q931.FACILITY, h225.facility(IDS, "startH245"), None),
    ]
    signalling = [
        q931.message(5, type != q931.SETUP, type, user, cause_number=cause, display=b"netmon")
        for type, user, cause in calls
    ]
    return ras, signalling


@pytest.mark.parametrize("hops", [1, 8, 255])
def test_an_lrq_says_how_many_gatekeepers_it_may_pass(hops: int) -> None:
    plain, told = h225.location_request(13, (US, 56_719), "8001"), h225.location_request(13, (US, 56_719), "8001", hops)
    assert told[0] == plain[0] | 2 and told[1:] == plain[1:] + bytes.fromhex("20004001") + bytes([hops - 1])
    assert h225.read_ras(told).hops == hops and h225.read_ras(plain).hops is None


@pytest.mark.needs("tshark")
def test_tshark_finds_nothing_malformed_in_any_message_of_ours(tmp_path: Path) -> None:
    ras, signalling = ours()
    for messages, tcp, port, count in (
        (ras, False, 1719, "requestSeqNum"),
        (signalling, True, 1720, "protocolIdentifier"),
    ):
        told = dissected(messages, port, tmp_path, tcp=tcp)
        for word in ("Malformed", "UNKNOWN PER", "Unreassembled", "Expert Info (Error", "Exception"):
            assert word not in told
        assert told.count(f"{count}: ") == len(messages)
    for word in (
        "g711Alaw64k: 20",
        "tsapIdentifier: 14030",
        "Viet Nam (188)",
        "calledPartyNotRegistered: NULL",
        "dialledDigits: 8001",
    ):
        assert word in told


def settled(value: Any, rng: random.Random) -> Any:
    """A drawn value as H.225.0 wants it: its own protocol, channels that are channels, no H.245 of noise."""
    if isinstance(value, dict):
        out = {name: settled(one, rng) for name, one in value.items() if name != "h245Control"}
        out |= {"protocolIdentifier": h225.PROTOCOL} if "protocolIdentifier" in out else {}
        if "fastStart" in out:
            out["fastStart"] = [per.encode(fast_connect.OLC, any_value(fast_connect.OLC, rng)) for _ in range(2)]
        return out
    if isinstance(value, list):
        return [settled(one, rng) for one in value]
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
        return value[0], settled(value[1], rng)
    return value


@pytest.mark.needs("tshark")
def test_tshark_reads_whatever_the_tables_allow(tmp_path: Path) -> None:
    """Four hundred messages drawn at random, rare fields among them: none is malformed to tshark."""
    rng = random.Random(2026)
    drawn = {kind: [settled(any_value(kind, rng), rng) for _ in range(200)] for kind in (types.RAS, types.USER)}
    for kind, values in drawn.items():
        assert [per.decode(kind, per.encode(kind, value)) for value in values] == values
    ras = [per.encode(types.RAS, value) for value in drawn[types.RAS]]
    calls = [q931.message(5, False, q931.SETUP, per.encode(types.USER, one)) for one in drawn[types.USER]]
    for messages, tcp, port in ((ras, False, 1719), (calls, True, 1720)):
        told = dissected(messages, port, tmp_path, tcp=tcp)
        assert told.count("\nFrame ") + 1 == len(messages)
        assert [word for word in ("Malformed", "UNKNOWN PER", "Expert Info", "Exception") if word in told] == []


@pytest.mark.needs("tshark")
def test_tshark_finds_fault_with_noise_so_that_its_silence_means_something(tmp_path: Path) -> None:
    assert "Malformed" in dissected([RECORDED["none noise"]], 1719, tmp_path, tcp=False)
    assert set(FROM_FAR) <= set(RECORDED)
