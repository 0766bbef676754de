"""What this machine itself can say about its link: fine or not, since when, whose part it is, and why. Pure.

One silent target is no proof of a dead line. What answers beyond it, and what else answers on the same host, is asked
first: a program that is not running, or an address that is wrong, is never told as the carrier's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from netmon.agent.health.interfaces import CarrierState
from netmon.agent.measure.check_state import CheckState
from probes.base import Outcome
from probes.wire.icmp.fault import about_host

PARTS = ("self", "link", "upstream", "service")  # who is looked at first
CLOCK_MS = 60_000  # this machine's clock and the hub's may differ by so much before people are told
DOUBT_MS = 15_000  # so long a silent target waits for what other checks have to say


class CheckCause(NamedTuple):
    """Why a check fails. `part`: whose it is; `key`: "" its part is down, `program`: the host is there and the program is
    not, `firewall`: one before it says no, `odd`: it answers what it should not, `host`: one machine is silent, `address`: nobody ever answered there, `name`: the name gives no address,
    `cable`, `interface`: ours; `doubt`: not known yet."""

    part: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class LinkVerdict:
    """`state`: fine, lossy, down, doubt (something is silent, not known whose), clock (fine, and a clock is wrong) or unknown
    (nothing measured yet); `part`: whose, "" when fine; `checks`: which; `cause`: the `key` of a `CheckCause`; `target`: of the first of them."""

    state: str
    part: str
    since_ms: int
    checks: tuple[str, ...]
    why: str
    cause: str = ""
    target: str = ""


def judge(states: Iterable[CheckState], cards: CarrierState = "up") -> LinkVerdict:
    """The verdict: what is nearest is blamed, for what lies behind it cannot be seen."""
    known = [state for state in states if state.outcome is not None]
    if not known:
        return LinkVerdict("unknown", "", 0, (), "")
    failing = [(state, _cause(state, known, cards)) for state in known if state.down]
    certain = [(state, cause) for state, cause in failing if cause.key != "doubt"]
    lossy = [(state, CheckCause(state.about)) for state in known if state.lossy]
    for word, chosen in (("down", certain), ("doubt", failing), ("lossy", lossy)):
        for part in PARTS:
            if those := [(state, cause) for state, cause in chosen if cause.part == part]:
                return _verdict(word, part, those)
    return LinkVerdict("fine", "", max(state.good_since_ms for state in known), (), "")


def with_clock(verdict: LinkVerdict, offset_ms: float | None, synchronised: bool | None, now_ms: int) -> LinkVerdict:
    """A link that is fine, and a clock that is not. `offset_ms`: the hub's clock less ours; `synchronised`: what our kernel
    says of ours, None when it cannot tell. A clock that is kept right accuses the hub's, any other is looked at first."""
    if verdict.state != "fine" or offset_ms is None or abs(offset_ms) < CLOCK_MS:
        return verdict
    return LinkVerdict(
        "clock", "hub" if synchronised else "self", now_ms, (), "", "behind" if offset_ms > 0 else "ahead"
    )


def _verdict(word: str, part: str, those: Sequence[tuple[CheckState, CheckCause]]) -> LinkVerdict:
    """Of several causes of one part the plain one ("") is told: it explains most."""
    key = min((cause.key for _, cause in those), key=lambda key: key != "")
    first = next(state for state, cause in those if cause.key == key)
    since_ms = min((state.bad_since_ms or state.at_ms) for state, _ in those)
    return LinkVerdict(word, part, since_ms, tuple(state.check for state, _ in those), first.why, key, first.target)


def _cause(failed: CheckState, known: Sequence[CheckState], cards: CarrierState) -> CheckCause:
    """Why one check fails, by its outcome and by what all others say."""
    if failed.outcome is Outcome.LOCAL:
        return (
            CheckCause("link", "cable")
            if cards == "no_carrier"
            else CheckCause("self", "interface" * (cards == "down"))
        )
    others = [state for state in known if state is not failed and _is_far(state)]
    if failed.outcome is Outcome.UNRESOLVED:
        return _unresolved(failed, others)
    if failed.outcome is Outcome.PROTOCOL:
        return CheckCause(_beyond(failed.about), "odd")
    if failed.outcome is Outcome.REFUSED:
        return _refused(failed)
    if cards != "up" and failed.about != "self":
        return CheckCause("link", "cable")
    return _silent(failed, others)


def _refused(failed: CheckState) -> CheckCause:
    """Somebody is there and says no: the host itself, or a router or firewall before it. The line carries that word."""
    word = about_host(failed.why)
    if word == "absent" and not failed.good_since_ms:
        return CheckCause("self", "address")
    return CheckCause(
        _beyond(failed.about), {"absent": "host", "forbidden": "firewall", "rejected": "firewall", "": "program"}[word]
    )


def _unresolved(failed: CheckState, others: Sequence[CheckState]) -> CheckCause:
    """A name without an address is the line's fault only when nothing else gets through."""
    if not any(_answered_since(state, failed.bad_since_ms) for state in others):
        return CheckCause(failed.about)
    return CheckCause(failed.about, "name") if failed.good_since_ms else CheckCause("self", "address")


def _silent(failed: CheckState, others: Sequence[CheckState]) -> CheckCause:
    if failed.host and any(
        _answered_since(other, failed.bad_since_ms) for other in others if other.host == failed.host
    ):
        return CheckCause(_beyond(failed.about), "program")
    judges = [other for other in others if _nearness(other) >= _nearness(failed) and other.host != failed.host]
    alive = [other for other in judges if _answered_since(other, failed.bad_since_ms)]
    dead = [other for other in judges if other.misses and other.outcome is not Outcome.LOCAL]
    if len(alive) > len(dead):  # one cache that answers on this side of the line decides nothing
        return CheckCause(_beyond(failed.about), "host") if failed.good_since_ms else CheckCause("self", "address")
    now_ms = max((other.at_ms for other in (failed, *others)), default=0)
    waiting = [other for other in judges if not other.misses and other.outcome is Outcome.OK]
    if len(waiting) > len(dead) and now_ms - failed.bad_since_ms < DOUBT_MS:
        return CheckCause(failed.about, "doubt")
    return CheckCause(failed.about)


def _beyond(about: str) -> str:
    """Whose the machine at the far end of a part is: that of a link is of whoever runs what comes next."""
    return "upstream" if about == "link" else about


def _nearness(state: CheckState) -> int:
    return PARTS.index(state.about)


def _is_far(state: CheckState) -> bool:
    """Whether its packets leave this machine."""
    if state.about == "self" or not state.host:
        return False
    try:
        return not ipaddress.ip_address(state.host).is_loopback
    except ValueError:
        return state.host != "localhost"


def _answered_since(state: CheckState, since_ms: int) -> bool:
    """Whether it began, and went well, after the other had begun to fail: what answered before the cut proves nothing."""
    return state.outcome is Outcome.OK and not state.misses and state.at_ms > since_ms
