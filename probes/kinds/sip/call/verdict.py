"""Which end of a test call is which outcome, and whose trouble it is: the table of `docs/probes/sipcall.md`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from probes.base import Outcome, Value
from probes.clean import clean
from probes.io.conversation import ConversationEnd
from probes.io.rtp import MediaHeard
from probes.kinds.sip.call.media import Agreed
from probes.wire.session import Malformed
from probes.wire.sip import reason as sip_reason
from probes.wire.sip.call.events import AckUnheard, CallOver, CallRefused, Demands, HungUp, Ringing, Silent, Up

_QUIET_S = 1.5  # nothing for so long before the end: it stopped
_LATE_MS = 60.0  # sound sent later than this says nothing of the network
_OUTCOMES = {408: Outcome.LOST, 504: Outcome.LOST, 415: Outcome.PROTOCOL, 488: Outcome.PROTOCOL, 606: Outcome.PROTOCOL}
_WORDS = {
    300: "it is to be had elsewhere",
    301: "it has moved for good",
    302: "it has moved for now",
    401: "it wants a user and a password",
    403: "it does not allow us to call",
    404: "it knows no such room",
    405: "it takes no calls there",
    407: "it wants a user and a password",
    408: "its server is there, the room did not answer it",
    410: "the room is gone for good",
    415: "it does not read our description of media",
    420: "it does not know an extension of ours",
    421: "it demands an extension of us that we do not offer",
    480: "the room is not to be had now",
    482: "the call went round in circles",
    483: "the call went round in circles",
    484: "the room's number is not complete",
    485: "the room's name fits several",
    486: "the room is busy",
    487: "the call was ended before it was taken",
    488: "it takes none of our codecs",
    493: "it cannot decipher our request",
    494: "it demands an agreement on security",
    500: "its server has a fault",
    503: "no calls now",
    504: "its server is there, what is behind it did not answer",
    600: "the room is busy everywhere",
    603: "the room declines",
    606: "it takes none of our media",
}
_NAMES = {"audio": "sound", "video": "picture"}
E = TypeVar("E")


class SipTalk(NamedTuple):
    """A call and what became of it. `agreed`: what its description says; `asked`: we waited for its reports of our media."""

    events: Sequence[Any]
    ended: ConversationEnd
    video: bool
    agreed: Agreed
    heard: Mapping[str, MediaHeard]
    asked: bool = True


def first(events: Sequence[Any], kind: type[E]) -> E | None:
    """The first event of a kind."""
    return next((event for event in events if isinstance(event, kind)), None)


def _ended(talk: SipTalk) -> CallOver | None:
    """How the call ended: a BYE that was said once more, elsewhere, may have been answered there."""
    return next((event for event in reversed(talk.events) if isinstance(event, CallOver)), None)


def verdict(talk: SipTalk) -> tuple[Outcome, str]:
    """The outcome and its reason, "" when all is well."""
    refused, demands = first(talk.events, CallRefused), first(talk.events, Demands)
    if first(talk.events, Up):
        return _taken(talk)
    if refused:
        return _turned_down(refused, demands)
    if talk.ended.outcome is not Outcome.OK:
        return talk.ended.outcome, clean(talk.ended.why)
    return _unanswered(talk)


def _unanswered(talk: SipTalk) -> tuple[Outcome, str]:
    silent, malformed = first(talk.events, Silent), first(talk.events, Malformed)
    demands = first(talk.events, Demands)
    if demands:
        named = clean(", ".join(demands.extensions), 80)
        return Outcome.PROTOCOL, f"it demands an extension of us that we do not offer: {named}"
    if silent and silent.closed:
        return Outcome.REFUSED, "it closed the connection without an answer"
    if malformed and not (silent and silent.rang):
        return Outcome.PROTOCOL, f"what answers is no SIP: {clean(malformed.reason)}"
    if silent and silent.rang and all(event.status == 100 for event in talk.events if isinstance(event, Ringing)):
        return Outcome.LOST, "its server tries, and the room neither rang nor answered in time"
    if silent and silent.rang and any(event.status == 183 for event in talk.events if isinstance(event, Ringing)):
        return Outcome.LOST, "it went on (183: an announcement, or its menu), and did not take the call in time"
    if silent and silent.rang:
        return Outcome.LOST, "it rang, and nobody took the call in time"
    if silent and silent.trouble:
        return silent.trouble.outcome, clean(silent.trouble.why)
    return Outcome.LOST, "nothing came back in time"


def _turned_down(refused: CallRefused, demands: Demands | None) -> tuple[Outcome, str]:
    status = refused.message.status
    said = f"{status} {clean(refused.message.reason, 60)}".strip()
    words = _WORDS.get(status, "it does not take the call")
    if status in (401, 407) and refused.tried:
        words = "it does not accept our user and password"
    more = clean(sip_reason.more(refused.message), 240)
    if demands:
        more = f"before that it demanded {clean(', '.join(demands.extensions), 80)}" + (f"; {more}" if more else "")
    return _OUTCOMES.get(status, Outcome.REFUSED), f"{said}: {words}" + (f"; {more}" if more else "")


def _taken(talk: SipTalk) -> tuple[Outcome, str]:
    """A call that was up: good when sound, and the picture it took, went both ways."""
    if talk.ended.outcome is Outcome.LOCAL:
        return Outcome.LOCAL, clean(talk.ended.why)
    outcome, why = _described(talk) or _carried(talk) or (Outcome.OK, "")
    said = [why] if why else []
    if outcome is Outcome.OK:
        said += _remarks(talk)
    said += [_last_word(hung)] if (hung := first(talk.events, HungUp)) else []
    if hung and outcome is Outcome.LOST and not any(heard.rcvd for heard in talk.heard.values()):
        return Outcome.REFUSED, f"it took the call and {said[-1]}"  # no wonder that nothing came
    return outcome, "; ".join(said)


def _described(talk: SipTalk) -> tuple[Outcome, str] | None:
    """What its description of media says against a call both ways; None: nothing."""
    agreed = talk.agreed
    sealed, foreign = dict(agreed.sealed).get("audio"), dict(agreed.foreign).get("audio")
    for is_so, words in (
        (bool(agreed.fault), agreed.fault),
        (bool(sealed), f"it wants its sound encrypted ({sealed}), which was not offered: there is no common media"),
        (bool(foreign and "audio" not in agreed.taken), f"it takes no sound as we offer it, but only {foreign}"),
        ("audio" not in agreed.taken, "it takes no sound"),
        ("audio" in agreed.mute, "it says that it sends no sound"),
        ("audio" in agreed.deaf, "it says that it receives no sound of ours"),
    ):
        if is_so:
            return Outcome.PROTOCOL, f"the call is up, but {words}"
    return None


def _carried(talk: SipTalk) -> tuple[Outcome, str] | None:
    """What was carried each way; None: all of it."""
    agreed = talk.agreed
    late = any(heard.late_ms > _LATE_MS or heard.local_drop for heard in talk.heard.values())
    coming = {kind: heard for kind, heard in talk.heard.items() if kind not in agreed.mute}
    silent = [kind for kind, heard in coming.items() if not heard.rcvd]
    unheard = [kind for kind, heard in talk.heard.items() if heard.hears is False and kind not in agreed.deaf]
    if not silent and not unheard:
        return None
    if silent and not all(heard.sent for heard in coming.values()):
        return Outcome.LOCAL, "no media left this machine: a filter of its own, or no way to where it is awaited"
    if late:
        return Outcome.LOCAL, "this machine was too busy to send its media in time"
    parts = []
    if silent:
        hears = [kind for kind in silent if talk.heard[kind].hears]
        parts.append(f"no {_named(silent, ' and no ')} came back" + (", although it hears ours" if hears else ""))
        parts += [words for kind in silent if (words := _strange(talk.heard[kind]))]
    if unheard:
        parts.append(f"it reports (RTCP) that it hears no {_named(unheard, ' and no ')} of ours")
    return Outcome.LOST, f"the call is up, but {', and '.join(parts)}"


def _strange(heard: MediaHeard) -> str:
    """What came instead."""
    if heard.elsewhere:
        return f"some came from {clean(heard.elsewhere, 60)}, which its answer does not name"
    return (
        "" if heard.strange_type is None else f"what came is of payload type {heard.strange_type}, which was not agreed"
    )


def _named(kinds: Sequence[str], between: str) -> str:
    return between.join(_NAMES[kind] for kind in kinds)


def _remarks(talk: SipTalk) -> list[str]:
    """What deserves a look in a call that was good."""
    agreed, over, sealed = talk.agreed, _ended(talk), dict(talk.agreed.sealed).get("video")
    heard = talk.heard.get("audio")
    hung = first(talk.events, HungUp)
    remarks = (
        (bool(over and over.ours and not over.status), "it never answered our BYE"),
        (bool(over and over.status >= 300), f"its answer to our BYE is {over.status if over else 0}: it may still have our call"),
        (first(talk.events, AckUnheard) is not None, "it took the call again and again: it does not hear our ACK"),
        (bool(sealed), f"it wants its picture encrypted ({sealed}), which was not offered"),
        (talk.video and "video" not in agreed.taken and not sealed, "it takes no picture"),
        *(
            (kind in agreed.taken, f"it takes {codecs}, which was not offered, for its {_NAMES[kind]}")
            for kind, codecs in agreed.foreign
        ),
        ("video" in agreed.mute, "it says that it sends no picture"),
        ("video" in agreed.deaf, "it says that it receives no picture of ours"),
        (
            bool(talk.asked and heard and heard.hears is None and not hung),
            "it does not say whether it hears us: no report (RTCP) of our sound came",
        ),
    )  # fmt: skip
    quiet = [
        f"no {_NAMES[kind]} came any more in the last {stream.quiet_s:.1f} s of the call"
        for kind, stream in talk.heard.items()
        if stream.rcvd and stream.quiet_s >= _QUIET_S and not hung
    ]
    return quiet + [words for is_so, words in remarks if is_so]


def _last_word(hung: HungUp) -> str:
    reason = clean(sip_reason.more(hung.message), 240)
    return f"hung up after {hung.after_s:.1f} s" + (f": {reason}" if reason else "")


def values(talk: SipTalk) -> dict[str, Value]:
    """Measured values only; names as the kind's `fields`."""
    up, refused, over = first(talk.events, Up), first(talk.events, CallRefused), _ended(talk)
    final = up or refused
    out: dict[str, Value] = {}
    if final:
        rang = next((event for event in talk.events if isinstance(event, Ringing) and event.status > 100), None)
        out = {"status": final.message.status, "sends": final.sends}
        out["srd_ms"] = _rounded((rang.after_s if rang else final.after_s) * 1000)
    if up:
        out["answer_ms"] = _rounded(up.after_s * 1000)
    if over and over.status:
        out |= {"bye_status": over.status, "sdd_ms": _rounded(over.after_s * 1000)}
    for name in ("connect_ms", "tls_ms"):
        measured = getattr(talk.ended, name)
        out |= {} if measured is None else {name: _rounded(measured)}
    for kind, heard in talk.heard.items():
        out |= _media(kind, heard)
    return out


def _media(kind: str, heard: MediaHeard) -> dict[str, Value]:
    came = heard.came
    out: dict[str, Value] = {f"{kind}_sent": heard.sent, f"{kind}_rcvd": heard.rcvd}
    out[f"{kind}_send_late_ms"] = _rounded(heard.late_ms)
    if heard.rcvd:
        out[f"{kind}_lost_bwd"] = max(0, came.totals.lost - heard.local_drop)
        measured = {"first_ms": heard.first_ms, "jitter_bwd_ms": came.jitter_ms, "rtt_ms": heard.rtt_ms}
        out |= {f"{kind}_{name}": _rounded(value) for name, value in measured.items() if value is not None}
    if heard.block:
        out[f"{kind}_lost_fwd"] = max(0, heard.block.lost)
    if len(heard.tos) == 1 and min(heard.tos) >= 0:
        out[f"{kind}_dscp_seen_bwd"] = min(heard.tos) >> 2
    return out


def _rounded(value: float) -> float:
    return round(value, 3)
