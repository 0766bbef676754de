"""DNS: does a name server answer, how fast, and is it the right answer (RFC 1035; DNS over TLS: RFC 7858)."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import time
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from probes.base import Field, Kind, Measurement, Outcome, Target
from probes.clean import clean
from probes.errors import BadSettings, WireError
from probes.io.exchange import exchange
from probes.io.stream.tls import TlsConnection, Trust, broken, trust
from probes.kinds import dns_verdict as dnsjudge
from probes.kinds.shared.attempts import SocketAddress
from probes.kinds.shared.service import Try, reach, several
from probes.settings import setting
from probes.target import parse
from probes.wire import dns, dns_rdata
from probes.wire.dns import DnsMessage, Question, dns_framer
from probes.wire.exchange import Answered, Exchange

_NO_EDNS = (dns.FORMERR, dns.NOTIMP, dns.BADVERS)  # from a server that may not know EDNS (RFC 6891 §7)
_TYPES = tuple(sorted(dns_rdata.TYPES))


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsSettings:
    """Settings of `dns`."""

    every_s: float = setting("time between measurements", unit="s", key="every", low=0.1, high=86400, default=10.0)
    timeout_s: float = setting(
        "give up on one question after (connecting and the repeats included)",
        unit="s", key="timeout", low=0.1, high=60, default=2.0,
    )  # fmt: skip
    name: str = setting("the name to ask for; of type PTR an address may be written", default="")
    type: str = setting("the type to ask for", choices=_TYPES, default="A")
    transport: str = setting("how to carry it", choices=("udp", "tcp", "tls"), default="udp")
    sends: int = setting("most sends of one question by UDP, spread over the timeout", low=1, high=10, default=2)
    expect: tuple[str, ...] = setting("values that must all be among the answers", default=())
    dnssec: bool = setting("the server must say it has checked the signatures (AD)", default=False)
    recurse: bool = setting("ask it to ask others; false for a server that keeps the zone", default=True)
    ca_file: str = setting("certificates (PEM) to trust instead of the system's (tls)", default="")
    verify: bool = setting("check the far end's certificate (tls); false trusts whoever answers", default=True)
    server_name: str = setting("name the certificate must be for (tls) when it is not the target's", default="")

    def __post_init__(self) -> None:
        """Raises `BadSettings` for a name that can be none, and for what contradicts itself."""
        if self.name:
            question_of(self.name, self.type)
        if self.ca_file and not self.verify:
            raise BadSettings("ca_file says whom to trust and verify=false trusts anybody (keep one of them)")


FIELDS = (
    Field("sent", "questions", "questions asked; repeats of one do not count", "int"),
    Field("rcvd", "answers", "answers to our questions, whatever they say", "int"),
    Field("rtt_ms", "ms", "from the send that was answered to its answer, median; connecting is not in it"),
    Field("rcode", "", "the answer's response code: 0 NOERROR, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED", "int"),
    Field("answers", "records", "records in the answer section", "int"),
    Field("ttl_min_s", "s", "shortest time the answer may be kept", "int"),
    Field("serial", "", "the zone's serial (type SOA)", "int"),
    Field("ad", "", "1: the server says it has checked the signatures, 0: it does not", "int"),
    Field("sends", "sends", "sends until the answer came: 1 = nothing was lost (udp)", "int", default=False),
    Field("aa", "", "1: the server keeps the zone itself, 0: it does not", "int", default=False),
    Field("edns", "", "1: the server speaks EDNS, 0: it does not", "int", default=False),
    Field("truncated", "", "1: it did not fit a datagram and was asked for again by TCP (udp)", "int", default=False),
    Field("connect_ms", "ms", "TCP connect, median", default=False),
    Field("tls_ms", "ms", "TLS handshake, median", default=False),
    Field("rtt_min_ms", "ms", "fastest answer", default=False),
    Field("rtt_max_ms", "ms", "slowest answer", default=False),
    Field("resolve_ms", "ms", "time to look the server's own name up; absent for an address", default=False),
)


class _Ask(NamedTuple):
    question: Question
    settings: DnsSettings
    tls: Trust | None
    edns: bool = True


async def run(target: Target, settings: Any, count: int) -> Measurement:
    """`count` questions, one after the other, each from its own port or connection."""
    if not settings.name:
        raise BadSettings("dns needs a name to ask for (write name, as portal.example.vn)")
    endpoint = parse(target.text, dns.TLS_PORT if settings.transport == "tls" else dns.PORT)
    name = settings.server_name or endpoint.host.partition("%")[0]
    tls = trust(name, settings.ca_file, settings.verify) if settings.transport == "tls" else None
    ask = _Ask(question_of(settings.name, settings.type), settings, tls)

    async def once(family: int, sockaddr: SocketAddress, deadline: float) -> Try:
        by = _by_datagram if settings.transport == "udp" else _by_stream
        first = await by(ask, family, sockaddr, deadline)
        if not _knows_no_edns(first):
            return first
        plain = await by(ask._replace(edns=False), family, sockaddr, deadline)
        return plain if plain.answered else first

    return await several("dns", target, endpoint, settings.timeout_s, count, once)


def _knows_no_edns(attempt: Try) -> bool:
    """It may have stumbled over EDNS (RFC 6891 §7); old servers say SERVFAIL too, and then without EDNS of their own."""
    rcode = attempt.facts.get("rcode")
    return rcode in _NO_EDNS or (rcode == dns.SERVFAIL and not attempt.facts.get("edns"))


def question_of(name: str, type_: str) -> Question:
    """What to ask; an address stands for its reverse name (type PTR). Raises `BadSettings`."""
    try:
        return Question(dns.plain_name(_reverse(name) if type_ == "PTR" else name), type_)
    except ValueError as fault:
        raise BadSettings(f"name {clean(name, 80)!r}: {fault}") from None


def _reverse(name: str) -> str:
    try:
        return ipaddress.ip_address(name).reverse_pointer
    except ValueError:
        return name


async def _by_datagram(ask: _Ask, family: int, sockaddr: SocketAddress, deadline: float) -> Try:
    idents = secrets.SystemRandom().sample(range(65_536), ask.settings.sends)
    session = Exchange(
        sockaddr,
        lambda number, clock_ns: _query(ask._replace(edns=_offers_edns(ask, number)), idents[number]),
        lambda data: _read(ask, idents, data),
        began=time.monotonic(),
        timeout_s=max(0.0, deadline - time.monotonic()),
        sends=ask.settings.sends,
    )
    ended = await exchange(family, session)
    if not isinstance(ended, Answered):
        return Try(ended.outcome, clean(ended.why))
    if ended.answer.tc:
        return _again(await _by_stream(ask, family, sockaddr, deadline), ended)
    attempt = _answered(ask, ended.answer, {"rtt_ms": ended.rtt_ms}, {"sends": ended.sends, "truncated": 0})
    if ask.edns and not _offers_edns(ask, ended.number):  # was a packet lost, or does it drop EDNS? Nobody knows
        return replace(attempt, facts={name: value for name, value in attempt.facts.items() if name != "edns"})
    return attempt


def _offers_edns(ask: _Ask, number: int) -> bool:
    """The last repeat goes without: some servers, and firewalls before them, drop what has EDNS (RFC 8906 §3.2)."""
    last = ask.settings.sends - 1
    return ask.edns and not (0 < last == number and not ask.settings.dnssec)


def _again(by_tcp: Try, ended: Answered) -> Try:
    """The TCP try after a truncated answer, which was one all the same; the round trip is that of the datagram."""
    why = by_tcp.why if by_tcp.answered else f"its answer is truncated, and by TCP: {by_tcp.why}"
    times = {**by_tcp.times, "rtt_ms": ended.rtt_ms}
    outcome = Outcome.REFUSED if by_tcp.outcome is Outcome.LOST else by_tcp.outcome  # it is there, and knows only UDP
    return Try(outcome, why, times, {**by_tcp.facts, "sends": ended.sends, "truncated": 1}, answered=True)


async def _by_stream(ask: _Ask, family: int, sockaddr: SocketAddress, deadline: float) -> Try:
    reached = await reach(family, sockaddr, ask.tls, deadline)
    if reached.line is None:
        return Try(reached.outcome, reached.why, reached.times)
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            message, rtt_ms = await _talk(ask, reached.line)
    except TimeoutError:
        return Try(Outcome.LOST, "nothing came back in time", reached.times)
    except WireError as fault:
        return Try(Outcome.PROTOCOL, f"what answers is no DNS: {clean(fault.reason)}", reached.times)
    except OSError as fault:
        outcome, why = broken(fault)
        return Try(outcome, clean(why), reached.times)
    finally:
        reached.line.close()
    attempt = _answered(ask, message, {**reached.times, "rtt_ms": rtt_ms}, {})
    if message.tc and attempt.outcome is Outcome.OK:
        return replace(attempt, outcome=Outcome.PROTOCOL, why="it says that its answer by TCP is truncated, too")
    return attempt


async def _talk(ask: _Ask, line: TlsConnection) -> tuple[DnsMessage, float]:
    ident, framer, began = secrets.randbits(16), dns_framer(), time.monotonic()
    await line.write(dns.framed(_query(ask, ident)))
    while data := await line.read():
        for message in framer.feed(data):
            reading = _read(ask, [ident], message)
            if reading is None:
                raise WireError(0, "an answer to something we did not ask")
            return reading[1], (time.monotonic() - began) * 1000.0
    if framer.pending:
        raise WireError(0, "an answer began and never ended")
    raise ConnectionError


def _query(ask: _Ask, ident: int) -> bytes:
    settings = ask.settings
    return dns.encode_query(ident, ask.question, recurse=settings.recurse, dnssec=settings.dnssec, edns=ask.edns)


def _read(ask: _Ask, idents: list[int], data: bytes) -> tuple[int, DnsMessage] | None:
    """Ours: it answers one of our identifiers, and repeats our question (which an error may leave out)."""
    message = dns.decode(data)
    if not message.response or message.ident not in idents or message.opcode:
        return None
    if message.question is None and message.rcode == dns.NOERROR:
        return None
    if message.question is not None and not message.question.same(ask.question):
        return None
    return idents.index(message.ident), message


def _answered(ask: _Ask, message: DnsMessage, times: dict[str, float], more: dict[str, int]) -> Try:
    settings = ask.settings
    outcome, why = dnsjudge.judge(message, ask.question, settings.expect, settings.dnssec)
    return Try(outcome, why, times, {**dnsjudge.facts(message, ask.question), **more}, answered=True)


DNS = Kind(
    "dns", DnsSettings, FIELDS, run, None, "DNS: does a name server answer, how fast, and is it the right answer"
)
