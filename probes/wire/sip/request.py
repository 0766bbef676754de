"""The requests of one test call as they stand on the wire, and our answers to the far end's (RFC 3261 §8.1.1, §8.2.6). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from probes.wire.session import Address
from probes.wire.sip import message as sip
from probes.wire.sip.dialog import Dialog
from probes.wire.sip.digest import Credentials
from probes.wire.sip.message import SipMessage

Headers = tuple[tuple[str, str], ...]
T1_S, T2_S = 0.5, 4.0  # RFC 3261 §17.1.2.2
COPIED = ("via", "from", "to", "call-id", "cseq")  # RFC 3261 §8.2.6.2
_AGENT = ("user-agent", "netmon")
ALLOW = ("allow", "INVITE, ACK, BYE, CANCEL, OPTIONS")
# What we do not do is 405 (§8.2.1); a change of media, and a look whether the call still stands, has words of its own.
_ANSWERS = {"BYE": 200, "OPTIONS": 200, "INFO": 200, "NOTIFY": 200, "MESSAGE": 200, "CANCEL": 481, "INVITE": 488}
_REASONS = {
    200: "OK",
    405: "Method Not Allowed",
    420: "Bad Extension",
    481: "Call/Transaction Does Not Exist",
    488: "Not Acceptable Here",
}


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """What is asked, and by whom. `local` is our `host:port` as others see it; `seed` makes all tokens (random hex)."""

    uri: str
    local: str
    seed: str
    transport: str = "UDP"  # the Via's word: UDP, TCP, TLS
    credentials: Credentials | None = None


def branch(ask: RequestPlan, number: int, mark: str = "") -> str:
    """A request's branch. `mark` makes it another than that of the INVITE with the same number."""
    return f"z9hG4bK{ask.seed[:16]}{number}{mark}"


def local_tag(ask: RequestPlan) -> str:
    """Our own tag."""
    return ask.seed[:8]


def is_answer(message: SipMessage, ask: RequestPlan, method: str, number: int) -> bool:
    """Whether a response is to our request of this method and number."""
    return sip.answers(message, branch(ask, number), number, method, ask.seed)


def request(
    ask: RequestPlan,
    method: str,
    number: int,
    dialog: Dialog,
    tag: str = "",
    *,
    more: Headers = (),
    body: bytes = b"",
    mark: str = "",
) -> bytes:
    """Bytes of a request that goes where `dialog` says; `tag`: the far end's, "" before there is one."""
    contact = ("contact", f"<{_own_uri(ask)};transport={ask.transport.lower()}>")
    opening = _opening(ask, method, number, dialog.routes, tag, mark)
    return sip.encode(SipMessage(0, "", method, dialog.uri, (*opening, contact, _AGENT, *more), body))


def options(ask: RequestPlan, number: int, more: Headers) -> bytes:
    """Bytes of an OPTIONS outside of all dialogs."""
    about = (("contact", f"<{_own_uri(ask)}>"), ("accept", "application/sdp"), _AGENT)
    return sip.encode(SipMessage(0, "", "OPTIONS", ask.uri, (*_opening(ask, "OPTIONS", number), *about, *more)))


def _own_uri(ask: RequestPlan) -> str:
    return f"{ask.uri.partition(':')[0]}:netmon@{ask.local}"


def _opening(
    ask: RequestPlan, method: str, number: int, routes: Sequence[str] = (), tag: str = "", mark: str = ""
) -> Headers:
    """The headers every request begins with."""
    return (
        ("via", f"SIP/2.0/{ask.transport} {ask.local};branch={branch(ask, number, mark)};rport"),
        ("max-forwards", "70"),
        *(("route", route) for route in routes),
        ("from", f"<{_own_uri(ask)}>;tag={local_tag(ask)}"),
        ("to", f"<{ask.uri}>;tag={tag}" if tag else f"<{ask.uri}>"),
        ("call-id", ask.seed),
        ("cseq", f"{number} {method}"),
    )


def answer(message: SipMessage, *, is_ours: bool, demands: list[str]) -> bytes:
    """Our answer to their request in our call, b"" when its headers cannot be given back.

    `is_ours`: its tags are the dialog's, else it is told that there is none (§12.2.2). A change of media is refused.
    """
    status = _ANSWERS.get(message.method.upper(), 405) if is_ours else 481
    more: Headers = (ALLOW,) if status == 405 else ()
    if demands and is_ours and message.method.upper() != "BYE":
        status, more = 420, (("unsupported", ", ".join(demands)),)
    headers = tuple((name, value) for name, value in message.headers if name in COPIED)
    try:
        return sip.encode(SipMessage(status, _REASONS[status], "", "", headers + more))
    except ValueError:
        return b""  # a line end hidden in a header: nothing to answer


def next_hop(dialog: Dialog, peer: Address) -> Address:
    """Where a request within the dialog is sent (§12.2.1.1, §8.1.2): the address its first route, else its target names.

    The peer's own address when that names none we can send to: a name (its server is whom we asked), an address of
    nobody, of many, or of its own machine alone, or one of the other family.
    """
    host, port = dialog.hop
    own = peer[0].partition("%")[0]
    if not host or (host == own and not port):
        return peer
    try:
        place, asked = ip_address(host), ip_address(own)
    except ValueError:
        return peer
    if place.version != asked.version or place.is_multicast or place.is_unspecified or place.is_link_local:
        return peer
    if str(place) == "255.255.255.255" or (place.is_loopback and not asked.is_loopback):
        return peer
    default = sip.TLS_PORT if dialog.uri.lower().startswith("sips:") else sip.PORT
    hop = (str(place), port or default)
    return peer if hop == (str(asked), peer[1]) else hop
