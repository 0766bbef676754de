"""Which DNS answer is which outcome, and what of it is told: the table of `docs/probes/dns.md`."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from probes.base import Outcome, Value
from probes.clean import clean
from probes.wire import dns, dnsdata
from probes.wire.dns import Message, Question, Record

_NAMED = ("NS", "CNAME", "PTR", "MX", "SRV", "SOA")  # values that hold names: the case of letters means nothing
_SAYS_NO = {
    dns.SERVFAIL: "it cannot find out",
    dns.REFUSED: "it does not answer us",
}
_SHOWN = 3


def judge(message: Message, asked: Question, expect: Sequence[str], dnssec: bool) -> tuple[Outcome, str]:
    """One answer's outcome and why."""
    if message.rcode != dns.NOERROR:
        return _error(message.rcode, asked)
    found = [one for one in message.answers if one.type == asked.type]
    if not found:
        return _nothing(message, asked)
    missing = _missing(asked.type, found, expect)
    if missing:
        return Outcome.PROTOCOL, f"it answers {_listed([one.value for one in found])}, not {_listed(missing)}"
    if dnssec and not message.ad:
        return Outcome.PROTOCOL, "it did not check the signatures (no AD)"
    return Outcome.OK, ""


def _error(rcode: int, asked: Question) -> tuple[Outcome, str]:
    name = dns.RCODES.get(rcode, f"rcode {rcode}")
    if rcode == dns.NXDOMAIN:
        return Outcome.PROTOCOL, f"{name}: it says there is no {clean(asked.name, 80)}"
    if rcode in _SAYS_NO:
        return Outcome.REFUSED, f"{name}: {_SAYS_NO[rcode]}"
    return Outcome.REFUSED, f"{name}: it does not take the question"


def _nothing(message: Message, asked: Question) -> tuple[Outcome, str]:
    if not message.answers and not message.aa and any(one.type == "NS" for one in message.authority):
        return Outcome.REFUSED, "lame: it neither knows the zone nor asks for us, it names others"
    alias = next((one.value for one in message.answers if one.type == "CNAME"), "")
    if alias:
        return Outcome.PROTOCOL, f"it names {clean(alias, 80)} instead, and no {asked.type} of that"
    return Outcome.PROTOCOL, f"it says there is no {asked.type} of {clean(asked.name, 80)}"


def _missing(type_: str, found: Sequence[Record], expect: Sequence[str]) -> list[str]:
    values = {_plain(type_, one.value) for one in found}
    return [one for one in expect if _plain(type_, one) not in values]


def _plain(type_: str, value: str) -> str:
    """A value so that equal ones are equal texts."""
    if type_ in ("A", "AAAA"):
        try:
            return str(ipaddress.ip_address(value.strip()))
        except ValueError:
            return value
    words = " ".join(value.split())
    return (words.removesuffix(".") or ".").lower() if type_ in _NAMED else value


def _listed(values: Sequence[str]) -> str:
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return clean(", ".join(clean(one, 60) for one in values[:_SHOWN]), 160) + more


def facts(message: Message, asked: Question) -> dict[str, Value]:
    """What an answer said, by field name."""
    out: dict[str, Value] = {"rcode": message.rcode, "answers": len(message.answers), "ad": int(message.ad)}
    out |= {"aa": int(message.aa), "edns": int(message.edns)}
    if message.answers:
        out["ttl_min_s"] = min(one.ttl_s for one in message.answers)
    soa = next((one for one in message.answers if one.type == asked.type == "SOA"), None)
    return out | ({"serial": dnsdata.serial(soa.value)} if soa else {})
