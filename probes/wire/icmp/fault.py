"""Whose fault an ICMP error tells of: an `Outcome` and words for people, the same for every probe kind.

RFC 792, RFC 1812 §5.2.7, RFC 4443 §3. `probes.io.faults` joins this with what the system's own error numbers say.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from probes.base import Outcome


class Fault(NamedTuple):
    """Why there is no answer: whose trouble it is, and in plain words (not yet cleaned)."""

    outcome: Outcome
    why: str


# (IPv6?, type, code) → what is said; `by` is who says it
_PORT = {(False, 3, 3), (True, 1, 4)}
_PROTOCOL = {(False, 3, 2), (True, 4, 1)}
_SIZE = {(False, 3, 4)}
_NEIGHBOUR = {(False, 3, 1), (True, 1, 3)}
_FORBIDDEN = {(False, 3, 9), (False, 3, 10), (False, 3, 13), (True, 1, 1), (True, 1, 5), (True, 1, 6)}
_NO_ROUTE = {(False, 3, 0), (False, 3, 6), (False, 3, 11), (True, 1, 0)}
_HOST_GONE = {(False, 3, 1), (False, 3, 7), (False, 3, 12), (True, 1, 3)}
_HOPS = {(False, 11, 0), (True, 3, 0)}
_PIECES = {(False, 11, 1), (True, 3, 1)}
_UNREACHABLE, _TOO_BIG6 = {False: 3, True: 1}, 2
_REJECTS = "forbids it: a firewall of the host itself"
_FORBIDS, _NO_WAY = "forbids it: a firewall there", "has no route to it"
_SILENT, _UNDELIVERED = "finds the host silent: it is off, or not there", "says it cannot be delivered"
_QUENCH, _REDIRECT = 4, 5  # IPv4: the packet goes on all the same


def icmp_fault(to: str, by: str, type: int, code: int) -> Fault | None:
    """What an ICMP error about a packet to `to` means, told by `by` ("": by our own kernel). None: nothing is wrong."""
    v6 = ":" in to or ":" in by
    said, message = (v6, type, code), f"ICMP type {type} code {code}"
    if not v6 and type in (_QUENCH, _REDIRECT):
        return None
    if not by:
        return _ours(said, message)
    if said in _PROTOCOL:
        return Fault(Outcome.REFUSED, f"the host is there and does not know this protocol, {by} says ({message})")
    if type == _UNREACHABLE[v6] and said not in _SIZE:
        return Fault(Outcome.REFUSED, _refusal(said, to, by, message))
    return Fault(Outcome.LOST, _loss(said, to, by, message))


def about_host(why: str) -> Literal["absent", "forbidden", "rejected", ""]:
    """What words of a refusal say of the far host when they come from another than itself: that it is not there, or that a
    firewall is before it; "rejected" by its own firewall, "" when its own program or system spoke."""
    if any(words in why for words in (_SILENT, _NO_WAY, _UNDELIVERED)):
        return "absent"
    if _REJECTS in why:
        return "rejected"
    return "forbidden" if _FORBIDS in why else ""


def _ours(said: tuple[bool, int, int], message: str) -> Fault:
    """Our own kernel complains: of a neighbour that answers no ARP (neighbour solicitation), else of our own rules."""
    if said in _NEIGHBOUR:
        return Fault(Outcome.LOST, f"the next hop does not answer ({message})")
    if said in _SIZE or (said[0] and said[1] == _TOO_BIG6):
        return Fault(Outcome.LOCAL, f"the packet is too big for this machine's own way ({message})")
    return Fault(Outcome.LOCAL, f"this machine itself does not let it out: its own firewall or routes ({message})")


def _refusal(said: tuple[bool, int, int], to: str, by: str, message: str) -> str:
    if by == to.partition("%")[0]:
        return _rejection(said, by, message)
    if said in _PORT:
        return f"{by} says nobody listens on the port: the host by another of its addresses, or a firewall ({message})"
    if said in _FORBIDDEN:
        return f"{by} {_FORBIDS} ({message})"
    if said in _NO_ROUTE:
        return f"{by} {_NO_WAY} ({message})"
    if said in _HOST_GONE:
        return f"{by} {_SILENT} ({message})"
    return f"{by} {_UNDELIVERED} ({message})"


def _rejection(said: tuple[bool, int, int], by: str, message: str) -> str:
    """What the far host's own address says of a packet to it: whatever it says, the host is there."""
    if said in _PORT:
        return f"the host is there and nobody listens on the port ({message})"
    return f"{by} {_REJECTS} ({message})"


def _loss(said: tuple[bool, int, int], to: str, by: str, message: str) -> str:
    if said in _HOPS:
        if by == to.partition("%")[0]:
            return f"the host itself says that the hop limit is exceeded ({message})"
        return f"a loop in the network: at {by} the packets had no hops left ({message})"
    if said in _PIECES:
        return f"{by} waited in vain for the rest of a packet that was cut into pieces ({message})"
    if said in _SIZE or (said[0] and said[1] == _TOO_BIG6):
        return f"{by} says it is too big for the way ({message})"
    return f"{by} could not take it ({message})"
