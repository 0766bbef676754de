"""Which DNS answer is which outcome, and what of it is told: the table of `docs/probes/dns.md`."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from probes.base import Outcome, Value
from probes.clean import clean
from probes.wire import dns, dns_rdata
from probes.wire.dns import DnsMessage, Question, Record

_NAMED = ("NS", "CNAME", "PTR", "MX", "SRV", "SOA")  # values that hold names: the case of letters means nothing
_SAYS_NO = {
    dns.SERVFAIL: "it cannot find out",
    dns.REFUSED: "it does not answer us",
}
_SHOWN = 3
_CLASSES = {3: "CH", 4: "HS", 254: "NONE", 255: "ANY"}  # RFC 1035 §3.2.4, RFC 2136


def judge(message: DnsMessage, asked: Question, expect: Sequence[str], dnssec: bool) -> tuple[Outcome, str]:
    """One answer's outcome and why."""
    names, records = chain(message, asked)
    if message.rcode != dns.NOERROR:
        return _error(message.rcode, names)
    if not records:
        return _nothing(message, asked, names)
    missing = _missing(asked.type, records, expect)
    if missing:
        return Outcome.PROTOCOL, f"it answers {_listed([record.value for record in records])}, not {_listed(missing)}"
    if dnssec and not message.ad:
        return Outcome.PROTOCOL, "it did not check the signatures (no AD)"
    return Outcome.OK, ""


def chain(message: DnsMessage, asked: Question) -> tuple[list[str], list[Record]]:
    """The names from the one asked for along its aliases, and the records of the last one that answer the question:
    of its type and class, and owned by that name (RFC 1034 §3.6.2). Other records are nobody's answer."""
    names, aliases = [asked.name], _aliases(message, asked)
    while asked.type != "CNAME" and (target := aliases.get(names[-1].lower())) and len(names) <= len(aliases):
        names.append(target)
    owner = names[-1].lower()
    return names, [record for record in message.answers if _fits(record, asked) and record.name.lower() == owner]


def _fits(record: Record, asked: Question) -> bool:
    return record.type == asked.type and record.klass == asked.klass


def _aliases(message: DnsMessage, asked: Question) -> dict[str, str]:
    return {
        record.name.lower(): record.value
        for record in message.answers
        if record.type == "CNAME" and record.klass == asked.klass
    }


def _error(rcode: int, names: Sequence[str]) -> tuple[Outcome, str]:
    name = dns.RCODES.get(rcode, f"rcode {rcode}")
    alias = f", which {clean(names[0], 80)} is an alias of" if len(names) > 1 else ""
    if rcode == dns.NXDOMAIN:
        return Outcome.PROTOCOL, f"{name}: it says there is no {clean(names[-1], 80)}{alias}"
    if rcode in _SAYS_NO:
        of = f" {clean(names[-1], 80)}{alias}" if alias and rcode == dns.SERVFAIL else ""
        return Outcome.REFUSED, f"{name}: {_SAYS_NO[rcode]}{of}"
    return Outcome.REFUSED, f"{name}: it does not take the question"


def _nothing(message: DnsMessage, asked: Question, names: Sequence[str]) -> tuple[Outcome, str]:
    if not message.answers and not message.aa and any(record.type == "NS" for record in message.authority):
        return Outcome.REFUSED, "lame: it neither knows the zone nor asks for us, it names others"
    if len({name.lower() for name in names}) < len(names):
        return Outcome.PROTOCOL, f"its aliases go in a circle: {_listed(names)}"
    foreign = _foreign(message, asked)
    if foreign:
        return Outcome.PROTOCOL, f"it answers with {foreign}, not with an {asked.type} of {clean(names[-1], 80)}"
    if len(names) > 1:
        return Outcome.PROTOCOL, f"it names {clean(names[-1], 80)} instead, and no {asked.type} of that"
    return Outcome.PROTOCOL, f"it says there is no {asked.type} of {clean(asked.name, 80)}"


def _foreign(message: DnsMessage, asked: Question) -> str:
    """Records of the type that are no answer: of which class, or whose they are."""
    records = [record for record in message.answers if record.type == asked.type]
    other = next((record for record in records if record.klass != asked.klass), None)
    if other:
        return f"{asked.type} of class {_CLASSES.get(other.klass, other.klass)}"
    return f"{asked.type} of {_listed([record.name for record in records])}" if records else ""


def _missing(type_: str, records: Sequence[Record], expect: Sequence[str]) -> list[str]:
    values = {_plain(type_, record.value) for record in records}
    return [wanted for wanted in expect if _plain(type_, wanted) not in values]


def _plain(type_: str, value: str) -> str:
    """A value so that equal ones are equal texts."""
    if type_ in ("A", "AAAA"):
        try:
            return str(ipaddress.ip_address(value.strip()))
        except ValueError:
            return value
    if type_ not in _NAMED:
        return value
    return " ".join(word.removesuffix(".") or "." for word in value.split()).lower()


def _listed(values: Sequence[str]) -> str:
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return clean(", ".join(clean(value, 60) for value in values[:_SHOWN]), 160) + more


def facts(message: DnsMessage, asked: Question) -> dict[str, Value]:
    """What an answer said, by field name."""
    out: dict[str, Value] = {"rcode": message.rcode, "answers": len(message.answers), "ad": int(message.ad)}
    out |= {"aa": int(message.aa), "edns": int(message.edns)}
    if message.answers:
        out["ttl_min_s"] = min(record.ttl_s for record in message.answers)
    soa = next((record for record in chain(message, asked)[1] if asked.type == "SOA"), None)
    return out | ({"serial": dns_rdata.serial(soa.value)} if soa else {})
