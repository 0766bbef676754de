"""iperf3's bytes: golden ones of Debian's 3.12, round trips, and everything a hostile peer may send."""

from __future__ import annotations

import contextlib
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.errors import WireError
from probes.wire.iperf3 import messages as iperf3
from probes.wire.iperf3.control import (
    Asked,
    ClientTalk,
    ControlOver,
    PeerResults,
    ResultsWanted,
    ServerTalk,
    Start,
    Stop,
    cookie_at,
)
from probes.wire.iperf3.messages import ControlState, Params, Results, StreamResult
from probes.wire.iperf3.udp import StreamLedger
from probes.wire.session import Dial, Malformed

# What Debian's iperf3 3.12 wrote, read from its system calls.
COOKIE = b"6lq772n2w5imb6vynz27atjvvuecezlfxtxu\0"
TCP_REVERSE = (
    b"\0\0\0\x8a"
    b'{"tcp":true,"omit":0,"time":1,"num":0,"blockcount":0,"parallel":1,"reverse":true,"len":131072,'
    b'"pacing_timer":1000,"client_version":"3.12"}'
)
UDP_THREE = (
    b"\0\0\0\x8e"
    b'{"udp":true,"omit":0,"time":1,"num":0,"blockcount":0,"parallel":3,"len":32768,"bandwidth":2000000,'
    b'"pacing_timer":1000,"client_version":"3.12"}'
)
UDP_WIDE = (
    b"\0\0\0\xb4"
    b'{"udp":true,"omit":0,"time":1,"num":0,"blockcount":0,"parallel":1,"reverse":true,"len":32768,'
    b'"bandwidth":2000000,"pacing_timer":1000,"udp_counters_64bit":1,"client_version":"3.12"}'
)
SENDER = (
    b"\0\0\x01\t"
    b'{"cpu_util_total":21.589236872386905,"cpu_util_user":0,"cpu_util_system":21.5893359001325,'
    b'"sender_has_retransmits":1,"congestion_used":"bbr","streams":[{"id":1,"bytes":200540160,"retransmits":5,'
    b'"jitter":0,"errors":0,"packets":0,"start_time":0,"end_time":1.009736}]}'
)
RECEIVER = (
    b"\0\0\x02W"
    b'{"cpu_util_total":0.18016920325063593,"cpu_util_user":0,"cpu_util_system":0.18765960804209808,'
    b'"sender_has_retransmits":18446744073709551615,"streams":[{"id":1,"bytes":262144,'
    b'"retransmits":18446744073709551615,"jitter":9.9504483640193935e-05,"errors":0,"packets":8,"start_time":0,'
    b'"end_time":1.001214},{"id":3,"bytes":262144,"retransmits":18446744073709551615,"jitter":0.00018526249851286413,'
    b'"errors":0,"packets":8,"start_time":0,"end_time":1.001215},{"id":4,"bytes":262144,'
    b'"retransmits":18446744073709551615,"jitter":0.00011429462248831987,"errors":0,"packets":8,"start_time":0,'
    b'"end_time":1.001215}]}'
)
HEAD_32 = bytes.fromhex("00000240000dcab500000001e387f5bde3dce065")
HEAD_64 = bytes.fromhex("00000242000b87990000000000000002153fc1ee")


def text_of(framed: bytes, most: int = 65_536) -> bytes:
    assert iperf3.framed_bytes(bytearray(framed), most) == len(framed)
    return iperf3.unframed(framed)


# --- golden bytes ---


def test_parameters_of_a_real_client_are_read() -> None:
    assert iperf3.decode_params(text_of(TCP_REVERSE)) == Params(time_s=1, reverse=True)
    three = iperf3.decode_params(text_of(UDP_THREE))
    assert three == Params(protocol="udp", time_s=1, parallel=3, block_bytes=32_768, rate_bps=2_000_000)
    assert iperf3.decode_params(text_of(UDP_WIDE)).wide


def test_results_of_a_real_sender_and_a_real_receiver_are_read() -> None:
    sender = iperf3.decode_results(text_of(SENDER))
    assert sender == Results((StreamResult(1, 200_540_160, 5, took_s=1.009736),), True)
    receiver = iperf3.decode_results(text_of(RECEIVER))
    assert not receiver.has_retransmits and [one.id for one in receiver.streams] == [1, 3, 4]
    assert receiver.streams[0] == StreamResult(1, 262_144, None, 9.9504483640193935e-05, 0, 8, 1.001214)


def test_our_parameters_are_a_real_clients_but_for_its_name() -> None:
    ours = iperf3.encode_params(Params(time_s=1, reverse=True))
    assert ours[4:] == TCP_REVERSE[4:].replace(b'"3.12"', b'"netmon"')
    wide = Params(protocol="udp", time_s=1, reverse=True, block_bytes=32_768, rate_bps=2_000_000, wide=True)
    assert iperf3.encode_params(wide)[4:] == UDP_WIDE[4:].replace(b'"3.12"', b'"netmon"')


def test_heads_of_a_real_clients_packets_are_read_and_written() -> None:
    assert iperf3.read_head(HEAD_32, False) == (0x240 * 10**9 + 0x0DCAB5 * 1000, 1)
    assert iperf3.read_head(HEAD_64, True) == (0x242 * 10**9 + 0x0B8799 * 1000, 2)
    for golden, wide in ((HEAD_32, False), (HEAD_64, True)):
        made = bytearray(golden)
        made[: iperf3.head_bytes(wide)] = bytes(iperf3.head_bytes(wide))
        iperf3.write_head(made, *iperf3.read_head(golden, wide), wide)
        assert bytes(made) == golden


def test_cookies_are_36_letters_and_nul() -> None:
    assert iperf3.is_cookie(COOKIE) and cookie_at(COOKIE + b"more") == COOKIE
    assert iperf3.is_cookie(iperf3.cookie(bytes(range(200, 236))))
    assert cookie_at(COOKIE[:36]) is None
    with pytest.raises(WireError):
        cookie_at(COOKIE[:36] + b"x")


def test_stream_ids_leave_two_out() -> None:
    assert [iperf3.stream_id(place) for place in range(4)] == [1, 3, 4, 5]


# --- both sessions ---


def test_a_client_speaks_as_a_real_server_expects() -> None:
    talk = ClientTalk(COOKIE, Params(protocol="udp", parallel=2, time_s=1, block_bytes=1000), 1.0, 5.0, 5201, 0.0)
    assert talk.transmit(0.0, 0) == COOKIE
    talk.receive(b"\x09", 0.0)
    assert iperf3.decode_params(text_of(talk.transmit(0.0, 0))).parallel == 2
    talk.receive(b"\x0a", 0.1)
    assert talk.events() == [Dial(b"9876", 5201, 0, True)]
    talk.joined(0.2)
    assert talk.events() == [Dial(b"9876", 5201, 1, True)]
    talk.joined(0.3)
    talk.receive(b"\x01\x02", 1.0)
    assert talk.events() == [Start()] and talk.wake_at() == 2.0
    assert talk.transmit(1.999, 0) == b"" and talk.events() == []
    assert talk.transmit(2.0, 0) == b"\x04" and talk.events() == [Stop()]
    talk.receive(b"\x0d", 2.1)
    assert talk.events() == [ResultsWanted()]
    talk.give(Results(()), 2.1)
    assert iperf3.decode_results(text_of(talk.transmit(2.1, 0))) == Results(())
    talk.receive(RECEIVER + b"\x0e", 2.2)
    told, over = talk.events()
    assert isinstance(told, PeerResults) and len(told.results.streams) == 3
    assert over == ControlOver("done") and talk.done and talk.transmit(2.2, 0) == b"\x10"


def test_a_server_answers_a_real_client_byte_by_byte() -> None:
    talk = ServerTalk(5.0, 0.0)
    assert talk.transmit(0.0, 0) == b"\x09"
    events = []
    for place in range(len(UDP_THREE)):
        talk.receive(UDP_THREE[place : place + 1], 0.0)
        events += talk.events()
    assert [type(one) for one in events] == [Asked]
    talk.accept(0.0, 1.0)
    assert talk.transmit(0.0, 0) == b"\x0a"
    talk.ready(0.5)
    assert talk.transmit(0.5, 0) == b"\x01\x02" and talk.events() == [Start()]
    talk.receive(b"\x04", 1.5)
    assert talk.transmit(1.5, 0) == b"\x0d" and talk.events() == [Stop()]
    talk.receive(SENDER, 1.6)
    assert [type(one) for one in talk.events()] == [PeerResults, ResultsWanted]
    talk.give(Results(()), 1.6)
    assert talk.transmit(1.6, 0)[-1:] == b"\x0e"
    talk.receive(b"\x10", 1.7)
    assert talk.events() == [ControlOver("done")]


def test_both_sessions_of_ours_understand_each_other_with_a_warm_up() -> None:
    client = ClientTalk(COOKIE, Params(time_s=2, omit_s=1, parallel=2), 2.0, 5.0, 5201, 0.0)
    server = ServerTalk(5.0, 0.0)
    assert client.transmit(0.0, 0) == COOKIE
    heard: dict[str, list[str]] = {"client": [], "server": []}
    streams, now = 0, 0.0
    while not (client.done and server.done) and now < 10:
        if said := client.transmit(now, 0):
            server.receive(said, now)
        for event in server.events():
            heard["server"].append(type(event).__name__)
            if isinstance(event, Asked):
                server.accept(now, 3.0)
            elif isinstance(event, ResultsWanted):
                server.give(Results((StreamResult(1, 5),)), now)
        if said := server.transmit(now, 0):
            client.receive(said, now)
        for event in client.events():
            heard["client"].append(type(event).__name__)
            if isinstance(event, Dial):
                streams += 1
                client.joined(now)
                if streams == 2:
                    server.ready(now)
            elif isinstance(event, ResultsWanted):
                client.give(Results((StreamResult(1, 7),)), now)
        now += 0.05
    assert heard["client"] == ["Dial", "Dial", "Start", "Warm", "Stop", "ResultsWanted", "PeerResults", "ControlOver"]
    assert heard["server"] == ["Asked", "Start", "Warm", "Stop", "PeerResults", "ResultsWanted", "ControlOver"]


@pytest.mark.parametrize(
    ("said", "how"),
    [
        (b"\xff", "busy"),
        (b"\xfe\0\0\0\x1b\0\0\0\0", "refused"),
        (b"\xfe\0\0\0\x92", "refused"),  # after a failed login 3.12 gives one number only
        (b"\x0b", "refused"),
        (b"\x09\x09", "nonsense"),
        (b"\x07", "nonsense"),
        (b"HTTP/1.1 400 Bad Request\r\n", "nonsense"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "nonsense"),
        (b"", "gone"),
    ],
)
def test_a_client_tells_what_a_server_says_instead(said: bytes, how: str) -> None:
    talk = ClientTalk(COOKIE, Params(), 1.0, 5.0, 5201, 0.0)
    talk.receive(said, 0.1)
    over = talk.events()[-1]
    assert isinstance(over, ControlOver) and over.how == how and over.why and talk.done


def test_who_is_told_of_a_queue_waits_for_its_turn_and_is_busy_when_it_does_not_come() -> None:
    for wait_s, comes in ((20.0, True), (0.0, False)):
        talk = ClientTalk(iperf3.cookie(bytes(36), ours=True), Params(), 1.0, 5.0, 5201, 0.0, wait_s)
        talk.receive(b"\x0f", 1.0)
        talk.transmit(6.0, 0)
        assert talk.done is not comes
        if comes:
            talk.receive(b"\x09", 20.9)
            assert talk.asked_at == 20.9 and b'"tcp":true' in talk.transmit(20.9, 0)
        else:
            over = talk.events()[-1]
            assert over.how == "busy" and "turn" in over.why


def test_a_queue_is_told_once_and_only_before_the_test() -> None:
    for said in (b"\x0f\x0f", b"\x09\x0f"):
        talk = ClientTalk(COOKIE, Params(), 1.0, 5.0, 5201, 0.0, 20.0)
        talk.receive(said, 0.1)
        assert talk.events()[-1].how == "nonsense"


def test_the_token_is_made_when_the_server_asks_for_it_and_shown_in_no_text() -> None:
    talk = ClientTalk(COOKIE, Params(), 1.0, 5.0, 5201, 0.0, login=lambda: "dG9rZW4=")
    talk.transmit(0.0, 0)
    talk.receive(b"\x09", 0.1)
    read = iperf3.decode_params(text_of(talk.transmit(0.1, 0)))
    assert read.login == "dG9rZW4=" and "dG9r" not in repr(read)


def test_our_cookies_bear_our_mark_and_others_do_not() -> None:
    ours = iperf3.cookie(bytes(range(36)), ours=True)
    assert iperf3.is_cookie(ours) and iperf3.is_ours(ours)
    assert not iperf3.is_ours(COOKIE) and not iperf3.is_ours(iperf3.cookie(bytes(range(36))))


def test_a_silent_server_is_given_up_after_the_patience_and_not_before() -> None:
    talk = ClientTalk(COOKIE, Params(), 1.0, 5.0, 5201, 0.0)
    talk.transmit(4.9, 0)
    assert not talk.done and talk.wake_at() == 5.0
    talk.transmit(5.0, 0)
    assert [one.how for one in talk.events()] == ["silence"]


def test_bytes_that_drip_do_not_lengthen_a_deadline() -> None:
    talk = ServerTalk(5.0, 0.0)
    for tick in range(60):
        talk.receive(UDP_THREE[tick : tick + 1], tick * 0.1)
        talk.transmit(tick * 0.1, 0)
    over = talk.events()[-1]
    assert over.how == "silence" and talk.done


def test_a_client_that_never_ends_its_test_is_ended() -> None:
    talk = ServerTalk(5.0, 0.0)
    talk.receive(TCP_REVERSE, 0.0)
    talk.accept(0.0, 1.0)
    talk.ready(0.0)
    talk.transmit(5.9, 0)
    assert not talk.done
    assert talk.transmit(6.0, 0) == b"\x0b" and talk.events()[-1].how == "silence"


# --- hostile bytes ---

WRONG_PARAMS = [
    {"tcp": 1},
    {"tcp": "true"},
    {"tcp": True, "udp": True},
    {"sctp": True},
    {},
    {"tcp": True, "time": "1"},
    {"tcp": True, "time": True},
    {"tcp": True, "time": -1},
    {"tcp": True, "time": 1.5},
    {"tcp": True, "time": [1]},
    {"tcp": True, "time": {"a": 1}},
    {"tcp": True, "parallel": 0},
    {"tcp": True, "parallel": 129},
    {"tcp": True, "len": 0},
    {"tcp": True, "len": 2**40},
    {"udp": True, "len": 15},
    {"udp": True, "len": 65_508},
    {"tcp": True, "bandwidth": 1e300},
    {"tcp": True, "reverse": "yes"},
    {"tcp": True, "omit": 10**400},
    {"tcp": True, "authtoken": 5},
    {"tcp": True, "authtoken": None},
]


@pytest.mark.parametrize("wrong", WRONG_PARAMS)
def test_parameters_of_the_wrong_type_or_size_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        iperf3.decode_params(json.dumps(wrong).encode())


@pytest.mark.parametrize(
    "wrong",
    [
        b'{"streams":{}}',
        b'{"streams":[1]}',
        b'{"streams":[{"id":"1"}]}',
        b'{"streams":[{"id":1,"bytes":-5}]}',
        b'{"streams":[{"id":1,"bytes":1e400}]}',
        b'{"streams":[{"id":1,"bytes":NaN}]}',
        b'{"streams":[{"id":1,"jitter":null}]}',
        b'{"streams":[{"id":1,"bytes":1' + b"0" * 5000 + b"}]}",
        b'{"streams":' + b"[" * 2000 + b"]" * 2000 + b"}",
        b'{"streams":[' + b"{}," * 300 + b"{}]}",
        b"[1,2]",
        b'"text"',
        b"\xff\xfe{}",
        b'{"streams":[]',
    ],
)
def test_results_of_the_wrong_type_or_size_are_refused(wrong: bytes) -> None:
    with pytest.raises(WireError):
        iperf3.decode_results(wrong)


def test_brackets_inside_texts_are_no_depth() -> None:
    odd = b'{"tcp":true,"title":"' + b"[{" * 50 + b'\\"[","time":3}'
    assert iperf3.decode_params(odd).time_s == 3


@pytest.mark.parametrize("length", [0, 1, 8193, 2**31, 2**32 - 1])
def test_a_length_out_of_bounds_is_refused_before_its_text_comes(length: int) -> None:
    talk = ServerTalk(5.0, 0.0)
    talk.receive(length.to_bytes(4, "big"), 0.0)
    malformed, over = talk.events()
    assert isinstance(malformed, Malformed) and over.how == "nonsense"


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
KEYS = ["tcp", "udp", "omit", "time", "parallel", "reverse", "len", "bandwidth", "udp_counters_64bit", "streams"]


@given(st.dictionaries(st.sampled_from(KEYS), json_like))
def test_any_json_is_read_or_refused_with_the_typed_error(table: dict[str, Any]) -> None:
    for decode, kind in ((iperf3.decode_params, Params), (iperf3.decode_results, Results)):
        with contextlib.suppress(WireError):
            assert isinstance(decode(json.dumps(table).encode()), kind)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_with_the_typed_error(data: bytes) -> None:
    for decode in (iperf3.decode_params, iperf3.decode_results):
        with pytest.raises(WireError):  # no chance is a table
            decode(data)
    for wide in (False, True):
        with contextlib.suppress(WireError):
            head, written = iperf3.read_head(data, wide), bytearray(iperf3.head_bytes(wide))
            iperf3.write_head(written, head.sent_ns, head.seq, wide)
            assert iperf3.read_head(written, wide).seq == head.seq == int.from_bytes(data[8 : len(written)], "big")


pieces = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([state.to_bytes(1, "big", signed=True) for state in ControlState]),
    st.sampled_from([TCP_REVERSE, UDP_THREE, SENDER, RECEIVER, COOKIE]),
)


@given(st.lists(pieces, max_size=14), st.booleans())
def test_no_bytes_make_a_client_raise_and_all_end_in_one_over(said: list[bytes], silent_at_end: bool) -> None:
    talk = ClientTalk(COOKIE, Params(parallel=2), 1.0, 5.0, 5201, 0.0)
    _hostile(talk, said, silent_at_end)


@given(st.lists(pieces, max_size=14), st.booleans())
def test_no_bytes_make_a_server_raise_and_all_end_in_one_over(said: list[bytes], silent_at_end: bool) -> None:
    _hostile(ServerTalk(5.0, 0.0), said, silent_at_end)


CLIENT_SAYS = (TCP_REVERSE, b"\x04", SENDER, b"\x10")
SERVER_SAYS = (b"\x09", b"\x0a", b"\x01\x02", b"\x0d", RECEIVER, b"\x0e")
changes = st.lists(
    st.tuples(st.sampled_from(["turn", "drop", "repeat", "insert"]), st.integers(0, 1000), st.integers(0, 255)),
    min_size=1,
    max_size=6,
)


def mutated(said: bytes, how: list[tuple[str, int, int]]) -> bytes:
    data = bytearray(said)
    for kind, place, value in how:
        at = place % (len(data) + 1)
        if kind == "turn" and at < len(data):
            data[at] ^= value or 1
        elif kind == "drop":
            del data[at : at + 1 + value % 8]
        elif kind == "repeat":
            data[at:at] = data[at : at + 1 + value]
        else:
            data[at:at] = bytes([value])
    return bytes(data)


@given(changes, st.integers(0, 5), st.integers(1, 200), st.booleans())
def test_a_mutated_conversation_makes_neither_end_raise_or_linger(
    how: list[tuple[str, int, int]], where: int, slice_bytes: int, server: bool
) -> None:
    says = list(CLIENT_SAYS if server else SERVER_SAYS)
    says[where % len(says)] = mutated(says[where % len(says)], how)
    talk = ServerTalk(5.0, 0.0) if server else ClientTalk(COOKIE, Params(reverse=True), 0.2, 5.0, 5201, 0.0, 3.0)
    sliced = [one[at : at + slice_bytes] for one in says for at in range(0, len(one), slice_bytes)]
    _hostile(talk, sliced, True)


def _hostile(talk: ClientTalk | ServerTalk, said: list[bytes], silent_at_end: bool) -> None:
    events, now = [], 0.0
    for data in [*said, *([] if silent_at_end else [b""])]:
        if data or not silent_at_end:
            talk.receive(data, now)
        now += 0.3
        events += _answered(talk, now)
    for _ in range(60):
        now += 1.0
        events += _answered(talk, now)
    assert talk.done and [type(one) for one in events].count(ControlOver) == 1
    assert talk.wake_at() is None


def _answered(talk: ClientTalk | ServerTalk, now: float) -> list[Any]:
    """What its owner would do."""
    events = talk.events()
    for event in events:
        if isinstance(event, Asked) and isinstance(talk, ServerTalk) and not talk.done:
            talk.accept(now, 1.0)
            talk.ready(now)
        elif isinstance(event, ResultsWanted) and not talk.done:
            talk.give(Results(()), now)
        elif isinstance(event, Dial) and isinstance(talk, ClientTalk):
            talk.joined(now)
    talk.transmit(now, 0)
    return events + talk.events()


# --- round trips ---

streams = st.builds(
    StreamResult,
    id=st.integers(1, 200),
    bytes=st.integers(0, 2**60),
    retransmits=st.none() | st.integers(0, 2**52),
    jitter_s=st.floats(0, 100),
    lost=st.integers(0, 2**50),
    packets=st.integers(0, 2**53),
    took_s=st.none() | st.floats(0.001, 1e5),
)


@given(st.builds(Results, st.lists(streams, max_size=8).map(tuple), st.booleans()))
def test_results_come_back_as_they_were(results: Results) -> None:
    assert iperf3.decode_results(text_of(iperf3.encode_results(results))) == results


@given(
    st.builds(
        Params,
        protocol=st.sampled_from(["tcp", "udp"]),
        time_s=st.integers(0, 86_400),
        omit_s=st.integers(0, 600),
        parallel=st.integers(1, 128),
        reverse=st.booleans(),
        block_bytes=st.integers(16, 65_507),
        rate_bps=st.integers(0, 10**15),
        wide=st.booleans(),
        login=st.text(max_size=300),
    )
)
def test_parameters_come_back_as_they_were(params: Params) -> None:
    assert iperf3.decode_params(text_of(iperf3.encode_params(params))) == params


# --- the ledger ---


def packet(seq: int, sent_ns: int = 0, wide: bool = False) -> bytes:
    made = bytearray(100)
    iperf3.write_head(made, sent_ns, seq, wide)
    return bytes(made)


def ledger_of(seqs: list[int], wide: bool = False) -> StreamLedger:
    book = StreamLedger(wide)
    for seq in seqs:
        book.take(packet(seq, wide=wide), 100, 0)
    return book


@given(st.integers(1, 60), st.randoms(use_true_random=False), st.booleans())
def test_loss_lateness_and_repeats_are_counted_as_they_happened(many: int, chance: random.Random, wide: bool) -> None:
    arrived = [seq for seq in range(1, many + 1) if chance.random() > 0.2] + [many]
    arrived += chance.choices(arrived, k=3)
    chance.shuffle(arrived)
    book = ledger_of(arrived, wide)
    assert book.highest == many and book.lost == many - len(set(arrived))
    assert book.bytes == 100 * len(set(arrived)) and book.repeated == len(arrived) - len(set(arrived))
    first = {seq: arrived.index(seq) for seq in set(arrived)}
    assert book.reordered == sum(any(first[more] < first[seq] for more in first if more > seq) for seq in first)


def test_a_number_far_ahead_is_nobody_of_ours() -> None:
    book = ledger_of([1, 2, 2**32 - 1, 3, 0])
    assert (book.highest, book.lost, book.strange, book.bytes) == (3, 0, 2, 300)


def test_a_long_outage_is_a_loss_and_costs_no_memory() -> None:
    book = ledger_of([1, 900_000, 1_800_000, 2_700_000])
    assert book.lost == 2_700_000 - 4 and len(book._missing) <= 20_000


def test_jitter_is_that_of_rfc_1889() -> None:
    chance = random.Random(7)
    book, jitter, last = StreamLedger(), 0.0, None
    for seq in range(1, 200):
        sent_ns = seq * 1_000_000
        at_ns = sent_ns + 5_000_000_000 + chance.randrange(3_000_000)
        book.take(packet(seq, sent_ns), 100, at_ns)
        transit = at_ns - sent_ns
        if last is not None:
            jitter += (abs(transit - last) - jitter) / 16
        last = transit
    assert book.jitter_ns == pytest.approx(jitter) and jitter > 100_000


def test_counting_anew_keeps_the_packet_numbers() -> None:
    book = ledger_of([1, 2, 5])
    book.anew()
    book.take(packet(7), 100, 0)
    assert (book.bytes, book.lost, book.highest) == (100, 1, 7)


@given(st.lists(st.binary(max_size=30), max_size=20), st.booleans())
def test_no_packet_makes_a_ledger_raise(packets: list[bytes], wide: bool) -> None:
    book = StreamLedger(wide)
    for data in packets:
        book.take(data, len(data), 0)
    assert book.bytes <= sum(map(len, packets)) and book.lost >= 0
