"""The `dns` kind against far ends made here: each kind of trouble has its own outcome."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ports import free_port

from probes.base import Measurement, Outcome, Target
from probes.errors import BadSettings
from probes.kinds import dns_verdict as dnsjudge
from probes.kinds.dns import DNS, DnsSettings, question_of, run
from probes.wire import dns
from probes.wire.dns import DnsMessage, Question, Record

NAME = "a.test"
ASKED = Question(NAME, "A")
Answer = Callable[[bytes], "list[bytes]"]  # a question → what is sent back


def measure(target: str, count: int = 1, **more: object) -> Measurement:
    settings = DnsSettings(**{"name": NAME, "timeout_s": 5.0, **more})  # type: ignore[arg-type]
    return asyncio.run(run(Target(target), settings, count))


def reply(question: bytes, flags: int = 0x8180, answers: int = 1, value: bytes = b"\xc0\x00\x02\x01") -> bytes:
    """The question's own bytes as a response, with A records."""
    end = question.index(b"\0", 12) + 5
    record = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04" + value
    return question[:2] + flags.to_bytes(2, "big") + b"\0\1" + answers.to_bytes(2, "big") + bytes(4) + question[12:end] + record * answers  # fmt: skip


@contextmanager
def by_udp(*turns: Answer) -> Iterator[str]:
    """A server that answers the first question with the first turn, and so on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind(("127.0.0.1", free_port()))  # by TCP, too, it may be asked
        far.settimeout(10)

        def serve() -> None:
            for turn in turns:
                question, source = far.recvfrom(4096)
                for data in turn(question):
                    far.sendto(data, source)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{far.getsockname()[1]}"
        thread.join(15)


@contextmanager
def by_tcp(turn: Answer, port: int = 0) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", port)) as listening:

        def serve() -> None:
            peer, _ = listening.accept()
            with peer:
                peer.settimeout(10)
                for data in turn(peer.recv(4096)):
                    peer.sendall(data)
                while turn is silent and peer.recv(4096):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        thread.join(15)


def good(question: bytes) -> list[bytes]:
    return [reply(question)]


def silent(question: bytes) -> list[bytes]:
    return []


@pytest.mark.parametrize(
    ("turn", "outcome", "word"),
    [
        (good, Outcome.OK, ""),
        (lambda asked: [reply(asked, 0x8183, 0)], Outcome.PROTOCOL, "NXDOMAIN"),
        (lambda asked: [reply(asked, 0x8182, 0)], Outcome.REFUSED, "SERVFAIL"),
        (lambda asked: [reply(asked, 0x8185, 0)], Outcome.REFUSED, "REFUSED"),
        (lambda asked: [reply(asked, 0x8184, 0)], Outcome.REFUSED, "NOTIMP"),
        (lambda asked: [asked[:2] + b"\x81\x81" + bytes(8)], Outcome.REFUSED, "FORMERR"),
        (lambda asked: [reply(asked, answers=0)], Outcome.PROTOCOL, "no A of a.test"),
        (lambda asked: [b"\x1b[31mgarbage"], Outcome.PROTOCOL, "what answers"),
        (lambda asked: [asked], Outcome.PROTOCOL, "not what we asked"),
        (lambda asked: [b"\0\0" + reply(asked)[2:]], Outcome.PROTOCOL, "not what we asked"),
        (lambda asked: [reply(asked).replace(b"\x01a", b"\x01b")], Outcome.PROTOCOL, "not what we asked"),
        (lambda asked: [b"junk", b"\0\0" + reply(asked)[2:], reply(asked)], Outcome.OK, ""),
        (silent, Outcome.LOST, "nothing came back"),
    ],
)
def test_answers_have_their_outcomes(turn: Answer, outcome: Outcome, word: str) -> None:
    with by_udp(turn) as target:
        got = measure(target, timeout_s=2.0 if outcome is Outcome.OK else 0.5, sends=1)
    assert got.outcome == outcome and word in got.why and got.why.isprintable()
    assert ("rtt_ms" in got.values) == ("rcode" in got.values) == bool(got.values["rcvd"])


def test_a_lost_question_is_asked_again_and_does_not_lengthen_the_round_trip() -> None:
    with by_udp(silent, good) as target:
        got = measure(target, timeout_s=1.0)
    assert (got.outcome, got.values["sends"], got.values["sent"], got.values["rcvd"]) == (Outcome.OK, 2, 1, 1)
    assert got.values["rtt_ms"] < 450 < got.took_ms


@pytest.mark.parametrize(
    ("expect", "outcome"),
    [((), Outcome.OK), (("192.0.2.1",), Outcome.OK), (("192.0.2.2", "192.0.2.1"), Outcome.PROTOCOL)],
)
def test_a_wrong_answer_is_told(expect: tuple[str, ...], outcome: Outcome) -> None:
    with by_udp(good) as target:
        got = measure(target, expect=expect)
    assert got.outcome == outcome
    assert got.why == ("" if outcome is Outcome.OK else "it answers 192.0.2.1, not 192.0.2.2")


@pytest.mark.parametrize(("flags", "outcome"), [(0x81A0, Outcome.OK), (0x8180, Outcome.PROTOCOL)])
def test_an_answer_nobody_checked_is_not_good_enough_for_dnssec(flags: int, outcome: Outcome) -> None:
    with by_udp(lambda asked: [reply(asked, flags)]) as target:
        got = measure(target, dnssec=True)
    assert (got.outcome, got.values["ad"]) == (outcome, int(outcome is Outcome.OK))


def test_a_truncated_answer_is_asked_for_again_by_tcp() -> None:
    with by_udp(lambda asked: [reply(asked, 0x8380, 0)]) as target:
        port = int(target.rpartition(":")[2])
        with by_tcp(lambda asked: [dns.framed(reply(asked[2:], answers=3))], port):
            got = measure(target)
    assert (got.outcome, got.values["truncated"], got.values["answers"]) == (Outcome.OK, 1, 3)
    assert {"connect_ms", "rtt_ms"} <= set(got.values) and got.values["rcvd"] == 1


def test_a_truncated_answer_without_tcp_is_refused() -> None:
    with by_udp(lambda asked: [reply(asked, 0x8380, 0)]) as target:
        got = measure(target)
    assert got.outcome == Outcome.REFUSED and "truncated" in got.why and got.values["rcvd"] == 1


@pytest.mark.parametrize(
    ("turn", "outcome", "word"),
    [
        (lambda asked: [dns.framed(reply(asked[2:]))], Outcome.OK, ""),
        (lambda asked: [dns.framed(reply(asked[2:]))[:1], dns.framed(reply(asked[2:]))[1:]], Outcome.OK, ""),
        (lambda asked: [], Outcome.REFUSED, "broke the connection off"),
        (lambda asked: [dns.framed(reply(asked[2:]))[:9]], Outcome.PROTOCOL, "never ended"),
        (lambda asked: [b"HTTP/1.1 400 Bad Request\r\n\r\n"], Outcome.PROTOCOL, "no DNS"),
        (lambda asked: [dns.framed(b"\0\0" + reply(asked[2:])[2:])], Outcome.PROTOCOL, "did not ask"),
        (silent, Outcome.LOST, "nothing came back"),
    ],
)
def test_streams_have_their_outcomes(turn: Answer, outcome: Outcome, word: str) -> None:
    with by_tcp(turn) as target:
        got = measure(target, transport="tcp", timeout_s=0.5 if turn is silent else 5.0)
    assert got.outcome == outcome and word in got.why
    assert "connect_ms" in got.values and ("rtt_ms" in got.values) == (outcome is Outcome.OK)


def test_a_closed_port_refuses_at_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    for transport in ("udp", "tcp"):
        got = measure(f"127.0.0.1:{port}", timeout_s=20.0, transport=transport)
        assert (got.outcome, got.values) == (Outcome.REFUSED, {"sent": 1, "rcvd": 0}) and got.took_ms < 10_000


def message(**more: object) -> DnsMessage:
    plain = {"ident": 1, "response": True, "opcode": 0, "rcode": 0, "question": ASKED}
    flags = dict.fromkeys(("aa", "tc", "rd", "ra", "ad", "cd"), False)
    return DnsMessage(**{**plain, **flags, **more})  # type: ignore[arg-type]


def test_a_lame_server_is_told_from_one_that_knows_there_is_nothing() -> None:
    elsewhere = (Record("test", "NS", 5, "ns.test"),)
    outcome, why = dnsjudge.judge(message(authority=elsewhere), ASKED, (), False)
    assert outcome == Outcome.REFUSED and "lame" in why
    outcome, why = dnsjudge.judge(message(aa=True), ASKED, (), False)
    assert outcome == Outcome.PROTOCOL and "no A" in why
    alias = (Record(NAME, "CNAME", 5, "b.test"),)
    outcome, why = dnsjudge.judge(message(answers=alias, authority=elsewhere), ASKED, (), False)
    assert outcome == Outcome.PROTOCOL and "b.test instead" in why


def judged(*answers: Record, rcode: int = 0) -> tuple[Outcome, str]:
    return dnsjudge.judge(message(answers=answers, rcode=rcode), ASKED, (), False)


def test_only_records_of_the_name_its_aliases_and_the_class_answer() -> None:
    good = Record("C.test", "A", 5, "192.0.2.1")
    aliases = (Record("b.test", "CNAME", 5, "c.test"), Record("A.test", "CNAME", 5, "B.test"))  # in any order
    assert judged(*aliases, good) == (Outcome.OK, "")
    assert judged(good)[0] is Outcome.PROTOCOL and "A of C.test, not with an A of a.test" in judged(good)[1]
    assert judged(aliases[0], good)[0] is Outcome.PROTOCOL  # the chain does not begin at what was asked
    chaos = Record(NAME, "A", 5, "192.0.2.1", 3)
    assert judged(chaos)[0] is Outcome.PROTOCOL and "class CH" in judged(chaos)[1]
    assert dnsjudge.judge(message(answers=(chaos, good)), ASKED, ("192.0.2.1",), False)[0] is Outcome.PROTOCOL


def test_the_end_of_the_aliases_is_what_does_not_exist() -> None:
    alias = Record(NAME, "CNAME", 5, "gone.test")
    outcome, why = judged(alias, rcode=dns.NXDOMAIN)
    assert outcome is Outcome.PROTOCOL and "there is no gone.test, which a.test is an alias of" in why
    assert "gone.test" in judged(alias, rcode=dns.SERVFAIL)[1]
    circle = (alias, Record("gone.test", "CNAME", 5, NAME))
    assert judged(*circle)[0] is Outcome.PROTOCOL and "circle" in judged(*circle)[1]


@pytest.mark.parametrize("rcode", [dns.FORMERR, dns.NOTIMP, dns.SERVFAIL])
@pytest.mark.parametrize("whole", [True, False], ids=["question repeated", "header alone"])
def test_a_server_without_edns_is_asked_again_without_it(rcode: int, whole: bool) -> None:
    asked = list[bytes]()

    def refuse(question: bytes) -> list[bytes]:
        asked.append(question)
        answer = reply(question, 0x8180 | rcode, 0)
        return [answer if whole else answer[:4] + bytes(8)]

    def answer(question: bytes) -> list[bytes]:
        asked.append(question)
        return [reply(question)]

    with by_udp(refuse, answer) as target:
        got = measure(target)
    assert (got.outcome, got.values["edns"], got.values["answers"], got.values["sent"]) == (Outcome.OK, 0, 1, 1)
    assert [question[11] for question in asked] == [1, 0]  # additional records: the OPT, then none


def test_a_refusal_stands_when_the_question_without_edns_is_not_answered() -> None:
    with by_udp(lambda asked: [reply(asked, 0x8181, 0)]) as target:
        got = measure(target, timeout_s=0.3)
    assert got.outcome is Outcome.REFUSED and "FORMERR" in got.why


def test_a_server_that_drops_edns_answers_the_last_repeat() -> None:
    with by_udp(silent, good) as target:
        got = measure(target, timeout_s=0.6)
    assert (got.outcome, got.values["sends"], "edns" in got.values) == (Outcome.OK, 2, False)


@pytest.mark.parametrize(("sends", "dnssec", "offers"), [(1, False, [1]), (3, False, [1, 1, 0]), (2, True, [1, 1])])
def test_edns_is_offered_but_for_the_last_repeat(sends: int, dnssec: bool, offers: list[int]) -> None:
    asked = list[int]()

    def note(question: bytes) -> list[bytes]:
        asked.append(question[11])
        return []

    with by_udp(*[note] * sends) as target:
        assert measure(target, timeout_s=0.3, sends=sends, dnssec=dnssec).outcome is Outcome.LOST
    assert asked == offers


def test_a_truncated_answer_whose_tcp_is_silent_is_an_answer_and_a_refusal() -> None:
    with by_udp(lambda asked: [reply(asked, 0x8380, 0)]) as target:
        port = int(target.rpartition(":")[2])
        with socket.create_server(("127.0.0.1", port), backlog=1):
            got = measure(target, timeout_s=0.3)
    assert (got.outcome, got.values["rcvd"]) == (Outcome.REFUSED, 1) and "by TCP: nothing came" in got.why


def test_truncated_by_tcp_too_is_not_good() -> None:
    with by_tcp(lambda asked: [dns.framed(reply(asked[2:], 0x8380))]) as target:
        got = measure(target, transport="tcp")
    assert got.outcome is Outcome.PROTOCOL and "truncated, too" in got.why


@pytest.mark.parametrize(
    ("type_", "value", "expect", "met"),
    [
        ("AAAA", "2001:db8::1", "2001:DB8:0:0::1", True),
        ("NS", "ns.test", "NS.test.", True),
        ("MX", "10 mail.test", "10  Mail.test", True),
        ("SOA", "ns.test root.test 1 2 3 4 5", "ns.test. root.test. 1 2 3 4 5", True),
        ("MX", "10 mail.test", "20 mail.test", False),
        ("TXT", "Key=A", "key=a", False),
        ("A", "192.0.2.1", "no address", False),
    ],
)
def test_values_are_compared_by_what_they_mean(type_: str, value: str, expect: str, met: bool) -> None:
    answers = (Record(NAME, type_, 5, value),)
    outcome, _ = dnsjudge.judge(message(answers=answers), Question(NAME, type_), (expect,), False)
    assert (outcome == Outcome.OK) == met


def test_hostile_values_never_reach_a_terminal_raw() -> None:
    answers = (Record(NAME, "TXT", 5, "\x1b[31m\u202eevil" + "x" * 500),) * 9
    _, why = dnsjudge.judge(message(answers=answers), Question(NAME, "TXT"), ("good",), False)
    assert why.isprintable() and len(why) < 250 and "6 more" in why


@pytest.mark.parametrize(
    ("name", "type_", "asked"),
    [
        ("a.test.", "A", "a.test"),
        (".", "SOA", "."),
        (r"a\.b.test", "A", r"a\046b.test"),
        ("192.0.2.10", "PTR", "10.2.0.192.in-addr.arpa"),
        ("10.2.0.192.in-addr.arpa", "PTR", "10.2.0.192.in-addr.arpa"),
    ],
)
def test_names_are_understood(name: str, type_: str, asked: str) -> None:
    assert question_of(name, type_) == Question(asked, type_)


def test_settings_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="needs a name"):
        measure("127.0.0.1", name="")
    for more, word in (
        ({"name": "a..b"}, "characters"),
        ({"name": "công.vn"}, "xn--"),
        ({"ca_file": "x", "verify": False}, "keep one"),
        ({"transport": "tls", "ca_file": str(tmp_path / "gone")}, "No such file"),
    ):
        with pytest.raises(BadSettings) as caught:
            measure("127.0.0.1", **more)
        assert word in str(caught.value)


def test_cancelling_leaves_nothing_behind() -> None:
    async def cancelled(transport: str, port: int) -> int:
        settings = DnsSettings(name=NAME, transport=transport, timeout_s=30.0)
        task = asyncio.create_task(run(Target(f"127.0.0.1:{port}"), settings, 1))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return len(asyncio.all_tasks())

    for transport in ("udp", "tcp", "tls"):
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as far:
            far.bind(("127.0.0.1", 0))
            if transport != "udp":
                far.listen()
            assert asyncio.run(cancelled(transport, far.getsockname()[1])) == 1


def test_importing_the_kind_stays_light() -> None:
    code = "import sys, probes.kinds.dns; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"cryptography", "yaml", "psutil", "numpy", "netmon", "http", "email", "dns", "scapy"}


def test_every_default_field_is_one_of_eight() -> None:
    assert sum(field.default for field in DNS.fields) <= 8
