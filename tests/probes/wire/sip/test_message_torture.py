"""RFC 4475's 49 messages, written by others to break SIP parsers: what our reader makes of each, and that no session,
stand-in or room ever breaks over one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torture import messages

from probes.answer.standin.room import RoomStandIn
from probes.answer.standin.sip import SipStandIn
from probes.errors import WireError
from probes.wire.session import Arrival
from probes.wire.sip import message as sip
from probes.wire.sip import sdp
from probes.wire.sip.call.call import DatagramCall, StreamCall
from probes.wire.sip.call.events import CallLimits
from probes.wire.sip.options import DatagramOptions, FinalResponse, StreamOptions
from probes.wire.sip.request import RequestPlan

VALID, INVALID, SEMANTICS = messages("valid"), messages("invalid"), messages("semantics")
ALL = {**VALID, **INVALID, **SEMANTICS}
TO = ("192.0.2.1", 5060)
ASK = RequestPlan("sip:8001@192.0.2.1", "192.0.2.9:4444", "0123456789abcdef0123456789abcdef")


class Read(NamedTuple):
    """What a message must be read as. `numbered`: CSeq; `tags`: of From and To, None when absent; `media` as SDP, "" none."""

    start: str  # the method, or the status and its reason
    headers: int
    numbered: tuple[int, str]
    branch: str
    tags: tuple[str | None, str | None]
    body: int = 0
    media: str = ""
    short: bool = False


SOUND_AND_PICTURE = "audio 49217, video 3227"
K = "z9hG4bKkdjuw"
STRANGE = "!interesting-Method0123456789_*+`.%indeed'~"
EXPECTED = {
    # well formed (§3.1.1)
    "wsinv": Read("INVITE", 14, (9, "INVITE"), "390skdjuw", ("98asjd8", "1918181833n"), 150, SOUND_AND_PICTURE),
    "intmeth": Read(
        STRANGE, 8, (139122385, STRANGE.upper()), "z9hG4bK-.!%66*_+`'~", ("_token~1'+`*%!-.", None)
    ),
    "esc01": Read("INVITE", 9, (234234, "INVITE"), K, ("938", None), 150, SOUND_AND_PICTURE),
    "escnull": Read("REGISTER", 9, (14398234, "REGISTER"), K, ("839923423", None)),
    "esc02": Read("RE%47IST%45R", 10, (29344, "RE%47IST%45R"), "z9hG4bK209%fzsnel234", ("f232jadfj23", None)),
    "lwsdisp": Read("OPTIONS", 7, (60, "OPTIONS"), K, ("323", None)),
    "longreq": Read("INVITE", 43, (3882340, "INVITE"), "", ("12" + "982" * 50 + "424", None), 150, SOUND_AND_PICTURE),
    "dblreq": Read("REGISTER", 8, (8, "REGISTER"), K + "23492", ("43251j3j324", None)),
    "semiuri": Read("OPTIONS", 8, (8, "OPTIONS"), K, ("33242", None)),
    "transports": Read("OPTIONS", 12, (60, "OPTIONS"), K, ("323", None)),
    "mpart01": Read("MESSAGE", 14, (1, "MESSAGE"), "z9hG4bK-d87543-4dade06d0bdb11ee-1--d87543-", ("2fb0dcc9", None), 553),
    "unreason": Read(
        "200 = 2**3 * 5**2 но сто девяносто девять - простое",
        8, (35, "INVITE"), "z9hG4bK1324923", ("11141343", "2229"), 154, SOUND_AND_PICTURE,
    ),
    "noreason": Read("100 ", 7, (35, "INVITE"), "z9hG4bK2398ndaoe", ("39ansfi3", "902jndnke3")),
    # malformed (§3.1.2), and read all the same where no doubt is left of what was meant
    "badinv01": Read("INVITE", 9, (8, "INVITE"), "", ("134161461246", None), 152, SOUND_AND_PICTURE),
    "clerr": Read("INVITE", 9, (8, "INVITE"), "z9hG4bK-39234-23523", ("93942939o2", None), 154, SOUND_AND_PICTURE, True),
    "ncl": Read("INVITE", 9, (0, "INVITE"), K, ("32394234", None), 152, SOUND_AND_PICTURE, True),
    "scalar02": Read("REGISTER", 9, (-1, ""), "z9hG4bK342sdfoi3", ("239232jh3", None)),
    "scalarlg": Read("503 Service Unavailable", 8, (-1, ""), "z9hG4bKzzxdiwo34sw", ("2easdjfejw", None)),
    "quotbal": Read("INVITE", 9, (8, "INVITE"), K + "39234", ("93334", None), 152, SOUND_AND_PICTURE),
    "ltgtruri": Read("INVITE", 9, (1, "INVITE"), "", ("39291", None), 159, SOUND_AND_PICTURE),
    "lwsstart": Read("INVITE", 9, (1893884, "INVITE"), K + "3923", ("8814", None), 150, SOUND_AND_PICTURE),
    "trws": Read("OPTIONS", 8, (238923, "OPTIONS"), "z9hG4bK299342093", ("329429089", None)),
    "escruri": Read("INVITE", 9, (149209342, "INVITE"), K, ("341518", None), 150, SOUND_AND_PICTURE),
    "baddate": Read("INVITE", 10, (1392934, "INVITE"), K, ("2234923", None), 150, SOUND_AND_PICTURE),
    "regbadct": Read("REGISTER", 8, (1, "REGISTER"), K, ("998332", None)),
    "badaspec": Read("OPTIONS", 8, (3923239, "OPTIONS"), "z9hG4bKkdju43234", ("433423", None)),
    "baddn": Read("OPTIONS", 8, (3923239, "OPTIONS"), K, ("43", None)),
    "badvers": Read("OPTIONS", 7, (1, "OPTIONS"), K, ("qweoiqpe", None)),
    "mismatch01": Read("OPTIONS", 7, (8, "INVITE"), K, ("34525", None)),
    "mismatch02": Read("NEWMETHOD", 9, (8, "INVITE"), K, ("34525", None), 138, SOUND_AND_PICTURE),
    # well formed, and strange in what they mean (§3.2 to §3.4)
    "badbranch": Read("OPTIONS", 8, (8, "OPTIONS"), "z9hG4bK", ("33242", None)),
    "insuf": Read("INVITE", 4, (193942, "INVITE"), "z9hG4bKkdj.insuf", (None, None), 152, SOUND_AND_PICTURE),
    "unkscm": Read("OPTIONS", 7, (3923423, "OPTIONS"), K + "39234", ("384", None)),
    "novelsc": Read("OPTIONS", 7, (3923423, "OPTIONS"), K + "39234", ("384", None)),
    "unksm2": Read("REGISTER", 8, (234902, "REGISTER"), K, ("3234233", None)),
    "bext01": Read("OPTIONS", 9, (8, "OPTIONS"), K, ("242etr", None)),
    "invut": Read("INVITE", 9, (235448, "INVITE"), K, ("8392034", None), 40),
    "regaut01": Read("REGISTER", 8, (9338, "REGISTER"), K, ("87321hj23128", None)),
    "multi01": Read("INVITE", 15, (5, "INVITE"), K, ("3413415", None), 152, SOUND_AND_PICTURE, True),
    "mcl01": Read("OPTIONS", 9, (15932, "OPTIONS"), "z9hG4bK293423", ("3923942", None), 13),
    "bcast": Read("200 OK", 9, (35, "INVITE"), "z9hG4bK1324923", ("11141343", "2229"), 154, SOUND_AND_PICTURE),
    "zeromf": Read("OPTIONS", 7, (39234321, "OPTIONS"), K + "2349i", ("3ghsd41", None)),
    "cparam01": Read("REGISTER", 8, (2, "REGISTER"), K, ("DkfVgjkrtMwaerKKpe", None)),
    "cparam02": Read("REGISTER", 8, (3, "REGISTER"), K, ("838293", None)),
    "regescrt": Read("REGISTER", 8, (14398234, "REGISTER"), K, ("8", None)),
    "sdp01": Read("INVITE", 10, (8, "INVITE"), K, ("234", None), 150, SOUND_AND_PICTURE),
    "inv2543": Read("INVITE", 7, (56, "INVITE"), "", (None, None), 105, "audio 49217"),
}  # fmt: skip
NOT_READ = {"lwsruri": "not a SIP start line", "bigcode": "not a SIP start line"}


def _media(message: sip.SipMessage) -> str:
    if message.first("content-type") != "application/sdp":
        return ""
    return ", ".join(f"{one.kind} {one.port}" for one in sdp.read(message.body))


def test_all_49_are_here_each_said_to_be_read_or_not() -> None:
    assert (len(VALID), len(INVALID), len(SEMANTICS)) == (13, 19, 17)
    assert set(ALL) == set(EXPECTED) | set(NOT_READ) and not set(EXPECTED) & set(NOT_READ)
    assert not set(VALID) & set(NOT_READ)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_message_is_read_as_it_was_meant(name: str) -> None:
    message = sip.parse(ALL[name])
    start = message.method or f"{message.status} {message.reason}"
    tags = sip.parameter(message.first("from"), "tag"), sip.parameter(message.first("to"), "tag")
    assert EXPECTED[name] == Read(
        start, len(message.headers), sip.cseq(message), sip.top_branch(message), tags,
        len(message.body), _media(message), message.short,
    )  # fmt: skip


@pytest.mark.parametrize("name", NOT_READ)
def test_a_message_nobody_can_be_sure_of_is_a_wire_error(name: str) -> None:
    """A space inside the request's URI, a status of ten digits."""
    with pytest.raises(WireError, match=NOT_READ[name]):
        sip.parse(ALL[name])


@pytest.mark.parametrize("name", VALID)
def test_what_the_rfc_calls_well_formed_is_as_long_as_it_says(name: str) -> None:
    """The text of the files is the RFC's: its own counts of octets fit."""
    message = sip.parse(VALID[name])
    assert sip.content_length(message) == len(message.body) and not message.short


def test_folded_and_spaced_out_headers_are_one_value_each() -> None:
    message = sip.parse(VALID["wsinv"])
    assert message.first("to") == "sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n"
    assert (message.first("max-forwards"), message.first("subject")) == ("0068", "")
    assert message.first("newfangledheader") == "newfangled value continued newfangled value"
    assert message.first("unknownheaderwithunusualvalue") == ";;,,;;,;"
    assert len(message.all("via")) == 2 and "spindle.example.com" in message.all("via")[1]
    assert sip.parameter(message.first("contact"), "q") == "0.33"
    assert sip.parameter(message.first("contact"), "secondparam") == ""


def test_bytes_that_are_no_text_are_kept_as_they_came() -> None:
    strange = sip.parse(VALID["intmeth"])
    assert strange.first("to").startswith('"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f"')
    assert strange.first("extensionheader-!.%*+_`'~") == "\ufeff大停電" and "работающий" in strange.first("from")
    binary = sip.parse(VALID["mpart01"]).body
    assert binary.startswith(b"--7a9cbec02ceef655\r\n") and binary.endswith(b"\r\n--7a9cbec02ceef655--\r\n")
    assert binary.count(b"\0") and b"sipit1)0'" in binary


def test_an_escaped_name_is_another_name() -> None:
    """`%6F` is no escape in a header's name, `%47` none in a method."""
    message = sip.parse(VALID["esc02"])
    assert len(message.all("contact")) == 2 and message.first("c%6fntact") == "<sip:alias2@host2.example.com>"


def test_all_33_vias_are_found_however_they_are_spelt() -> None:
    assert len(sip.parse(VALID["longreq"]).all("via")) == 34


def test_two_requests_in_one_stream_are_two_and_in_one_datagram_the_first() -> None:
    """The second one's body is three bytes longer than it says: what is left over is no third message."""
    found = list[sip.SipMessage]()
    assert _fed(found, VALID["dblreq"], 4096) == "not a SIP start line"
    assert [one.method for one in found] == ["REGISTER", "INVITE"]
    assert found[1].first("to") == "sip:joe@example.com" and len(found[1].body) == 150
    assert [one.kind for one in sdp.read(found[1].body)] == ["audio"]  # `m =video` is no media line
    assert sip.parse(VALID["dblreq"]).method == "REGISTER"


def test_a_number_that_fits_nowhere_is_no_number() -> None:
    assert sip.retry_after_s(sip.parse(INVALID["scalarlg"])) is None
    assert sip.content_length(sip.parse(INVALID["ncl"])) is None


def test_the_first_of_two_lengths_counts() -> None:
    assert sip.parse(SEMANTICS["mcl01"]).body == b"There's no wa"


# --- nothing that speaks SIP here breaks over any of them ---


def _heard(session: DatagramOptions | DatagramCall, data: bytes) -> Iterator[object]:
    """Before the first send, after it, and after a time-out."""
    for now in (0.0, 0.1, 30.0):
        session.receive(Arrival(data, TO, 0), now)
        yield from session.events()
        list(session.transmit(now, 0))
        yield from session.events()


@pytest.mark.parametrize("name", ALL)
def test_no_question_over_datagrams_takes_it_for_its_answer(name: str) -> None:
    """One is a 503 to an OPTIONS, one a 200 to an INVITE: neither is ours."""
    events = list(_heard(DatagramOptions(ASK, TO, 20.0), ALL[name]))
    assert not [one for one in events if isinstance(one, FinalResponse)]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("own", [False, True])
def test_no_call_breaks_over_it(name: str, own: bool) -> None:
    """Nor when it carries our Call-ID."""
    data = ALL[name]
    if own and name not in NOT_READ and (number := sip.parse(data).first("call-id")):
        data = data.replace(number.encode(), ASK.seed.encode())
    assert list(_heard(DatagramCall(ASK, b"v=0\r\n", CallLimits(4, 10, 5), 0.0, TO), data))
    stream = StreamCall(ASK, b"v=0\r\n", CallLimits(4, 10, 5), 0.0)
    stream.transmit(0.0, 0)
    stream.receive(data, 0.1)
    stream.transmit(0.2, 0)


@pytest.mark.parametrize("name", ALL)
def test_no_stand_in_and_no_room_breaks_over_it(name: str) -> None:
    """What they say is SIP again, with the asker's own Via, Call-ID and number, and only to what can be answered."""
    for far in (SipStandIn(), SipStandIn("401"), SipStandIn("silent"), RoomStandIn(2, "127.0.0.1", call="486"), RoomStandIn(2, "127.0.0.1", call="ring")):  # fmt: skip
        answer = far.datagram(ALL[name], TO)
        far.close()
        if answer:
            asked, said = sip.parse(ALL[name]), sip.parse(answer)
            assert not asked.status and said.status >= 180
            assert said.all("call-id") == asked.all("call-id") and said.all("cseq") == asked.all("cseq")
            assert len(said.all("via")) == len(asked.all("via"))
        else:
            assert name in NOT_READ or far.is_silent or sip.parse(ALL[name]).status or name == "insuf"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(sorted(ALL)), min_size=1, max_size=4), st.integers(1, 400))
def test_a_stream_of_them_in_any_slicing_is_messages_or_a_wire_error(names: list[str], slice_: int) -> None:
    data = b"".join(ALL[name] for name in names)
    whole, sliced = list[sip.SipMessage](), list[sip.SipMessage]()
    faults = [_fed(whole, data, len(data)), _fed(sliced, data, slice_)]
    assert whole[: len(sliced)] == sliced and (len(whole) == len(sliced) or any(faults))
    StreamOptions(ASK, 20.0).receive(data, 0.0)


def _fed(found: list[sip.SipMessage], data: bytes, slice_: int) -> str:
    framer = sip.SipFramer(bodies=True)
    try:
        for at in range(0, len(data), slice_):
            found.extend(framer.feed(data[at : at + slice_]))
    except WireError as fault:
        return fault.reason
    return ""


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(ALL)), st.integers(0, 5000), st.integers(0, 255), st.integers(0, 5000))
def test_a_flipped_byte_or_a_cut_end_changes_nothing_of_that(name: str, at: int, byte: int, end: int) -> None:
    data = bytearray(ALL[name])
    data[at % len(data)] = byte
    hurt = bytes(data[: end or None])
    SipStandIn().datagram(hurt, TO)
    list(_heard(DatagramCall(ASK, b"v=0\r\n", CallLimits(4, 10, 5), 0.0, TO), hurt))
