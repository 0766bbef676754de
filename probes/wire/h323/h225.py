"""H.225.0: the messages a probe sends to a gatekeeper and to an endpoint, and what their answers say.

A gatekeeper identifier is never set: a gatekeeper of another name would stay silent.
"""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

from probes.errors import WireError
from probes.wire.h323 import per, types
from probes.wire.session import Address

RAS_PORT, SIGNAL_PORT = 1719, 1720
PROTOCOL = (0, 0, 8, 2250, 0, 4)  # version 4: what the field understands
_LONGEST_DIGITS, _LONGEST_NAME = 128, 256
_DIGITS = frozenset("0123456789#*,")
_REJECTS = {"gatekeeperReject": types.GRJ_REASON, "locationReject": types.LRJ_REASON}


class Vendor(NamedTuple):
    """Who made a device: its T.35 code (country, extension, manufacturer), its product and version as it tells them."""

    country: int = 188  # Viet Nam (ITU-T T.35 Annex A)
    extension: int = 0
    manufacturer: int = 61
    product: bytes = b"netmon"
    version: bytes = b"1.0"

    @property
    def t35(self) -> int:
        """The code as one number: 181/0/54 (Objective Systems) is 0xB5000036."""
        return self.country << 24 | self.extension << 16 | self.manufacturer

    @property
    def crc(self) -> int:
        """A number that changes when product or version does (CRC-32 of both)."""
        return zlib.crc32(self.product.rstrip(b"\0") + b"\0" + self.version.rstrip(b"\0"))


OURS = Vendor()


class Ras(NamedTuple):
    """One RAS message. `number`: of the request it answers; `reason`, `code`: of a reject, "" and -1 otherwise.

    `gatekeeper`: its name; `ras`, `signal`: addresses it told; `aliases`: asked for, or of a request.
    """

    name: str
    number: int
    reason: str = ""
    code: int = -1
    gatekeeper: str = ""
    ras: Address | None = None
    signal: Address | None = None
    aliases: tuple[str, ...] = ()
    version: int | None = None
    vendor: Vendor | None = None
    hops: int | None = None  # gatekeepers an LRQ may still pass


class CallSignal(NamedTuple):
    """One call signalling message (its H.225.0 part). `call`: the call's 16 bytes, b"" when not told.

    `fast`: its OpenLogicalChannels, `refused`: it says it does no fast connect; `other`: the address of a FACILITY.
    """

    name: str
    call: bytes = b""
    reason: str = ""
    code: int = -1
    vendor: Vendor | None = None
    version: int | None = None
    h245: Address | None = None
    fast: tuple[bytes, ...] = ()
    refused: bool = False
    tunnelled: bool | None = None
    other: Address | None = None
    aliases: tuple[str, ...] = ()


def alias(text: str) -> tuple[str, str]:
    """How a room is written: digits as such, what looks like a URL as one, all else as an H.323 name.

    Raises `ValueError` for a text that is none.
    """
    if not text or not text.isprintable():
        raise ValueError("empty, or not printable")
    if set(text) <= _DIGITS:
        name, max_length = "dialledDigits", _LONGEST_DIGITS
    elif text.startswith(("h323:", "sip:", "sips:")):
        name, max_length = "url-ID", 2 * _LONGEST_NAME
    else:
        name, max_length = "h323-ID", _LONGEST_NAME
    if len(text) > max_length or (name == "url-ID" and not text.isascii()) or max(text) > "\uffff":
        raise ValueError(f"longer than {max_length}, or characters H.323 does not carry")
    return name, text


def transport(address: Address) -> tuple[str, Any]:
    """A TransportAddress."""
    packed = types.ip_bytes(address[0])
    return ("ipAddress" if len(packed) == 4 else "ip6Address"), {"ip": packed, "port": address[1]}


def _address(place: Any) -> Address | None:
    if place is None or place[0] not in ("ipAddress", "ipSourceRoute", "ip6Address"):
        return None
    return types.ip_text(place[1]["ip"]), place[1]["port"]


def endpoint(vendor: Vendor, what: str = "terminal") -> dict[str, Any]:
    """An EndpointType: who we are."""
    code = {
        "t35CountryCode": vendor.country,
        "t35Extension": vendor.extension,
        "manufacturerCode": vendor.manufacturer,
    }
    product = {"vendor": code, "productId": vendor.product, "versionId": vendor.version}
    return {"vendor": product, what: {}, "mc": False, "undefinedNode": False}


def _vendor(device: dict[str, Any] | None) -> Vendor | None:
    """The vendor of an EndpointType, None when it does not tell."""
    vendor = (device or {}).get("vendor")
    if vendor is None:
        return None
    code = vendor["vendor"]
    texts = (vendor.get("productId", b""), vendor.get("versionId", b""))
    return Vendor(code["t35CountryCode"], code["t35Extension"], code["manufacturerCode"], *texts)


def _aliases(aliases: Any) -> tuple[str, ...]:
    return tuple(text for _, text in aliases or () if isinstance(text, str))


# -- RAS -----------------------------------------------------------------------------------------------------------
def gatekeeper_request(number: int, reply: Address, *, alias: str = "", vendor: Vendor = OURS) -> bytes:
    """GRQ: who serves us? `number` 1 to 65535; `reply`: our own address; `alias`: our name, when we have one."""
    body = {
        "requestSeqNum": number,
        "protocolIdentifier": PROTOCOL,
        "rasAddress": transport(reply),
        "endpointType": endpoint(vendor),
    }
    return _ras("gatekeeperRequest", body | ({"endpointAlias": [("h323-ID", alias)]} if alias else {}))


def location_request(number: int, reply: Address, room: str, hops: int = 0) -> bytes:
    """LRQ: where is `room`? `hops`: gatekeepers it may pass (hopCount, H.225.0 §7.13.1); 0: it does not say, and many
    pass it on to none. Whoever knows the room answers to `reply`."""
    body = {"requestSeqNum": number, "destinationInfo": [alias(room)], "replyAddress": transport(reply)}
    return _ras("locationRequest", body | ({"hopCount": hops} if hops else {}))


def gatekeeper_confirm(number: int, name: str, ras: Address) -> bytes:
    """GCF."""
    body = {"protocolIdentifier": PROTOCOL, "gatekeeperIdentifier": name, "rasAddress": transport(ras)}
    return _ras("gatekeeperConfirm", {"requestSeqNum": number} | body)


def gatekeeper_reject(number: int, reason: str) -> bytes:
    """GRJ."""
    body = {"protocolIdentifier": PROTOCOL, "rejectReason": (reason, None)}
    return _ras("gatekeeperReject", {"requestSeqNum": number} | body)


def location_confirm(number: int, signal: Address, ras: Address) -> bytes:
    """LCF."""
    body = {"callSignalAddress": transport(signal), "rasAddress": transport(ras)}
    return _ras("locationConfirm", {"requestSeqNum": number} | body)


def location_reject(number: int, reason: str) -> bytes:
    """LRJ."""
    return _ras("locationReject", {"requestSeqNum": number, "rejectReason": (reason, None)})


def _ras(name: str, body: dict[str, Any]) -> bytes:
    return per.encode(types.RAS, (name, body))


def read_ras(data: bytes) -> Ras:
    """One RAS message; those a probe has no use for by name alone, with number 0. Raises `WireError`."""
    name, body = per.decode(types.RAS, data)
    if not isinstance(body, dict):
        return Ras(name, 0)
    reason = body.get("rejectReason", ("", None))[0]
    kind = _REJECTS.get(name)
    who = body.get("endpointType") or body.get("destinationType")
    return Ras(
        name,
        body["requestSeqNum"],
        reason,
        kind.number(reason) if kind else -1,
        body.get("gatekeeperIdentifier", ""),
        _address(body.get("rasAddress") or body.get("replyAddress")),
        _address(body.get("callSignalAddress")),
        _aliases(body.get("destinationInfo") or body.get("endpointAlias")),
        _version(body),
        _vendor(who),
        body.get("hopCount"),
    )


def _version(body: dict[str, Any]) -> int | None:
    """H.225.0's version: the last arc of its identifier."""
    arcs = body.get("protocolIdentifier", ())
    return arcs[5] if arcs[:5] == PROTOCOL[:5] and len(arcs) > 5 and arcs[5] < 256 else None


# -- call signalling -----------------------------------------------------------------------------------------------
class Ids(NamedTuple):
    """A call's identifiers: 16 bytes each."""

    call: bytes
    conference: bytes


_ALONE = {"multipleCalls": False, "maintainConnection": False}


def _of_call(ids: Ids) -> dict[str, Any]:
    return {"protocolIdentifier": PROTOCOL, "callIdentifier": {"guid": ids.call}}


def setup(
    ids: Ids, room: str, to: Address, source: Address, *, fast: list[bytes] | None = None, vendor: Vendor = OURS
) -> bytes:
    """SETUP's H.225.0 part: a call from `source` to `room` at `to`; `fast`: channels offered for fast connect."""
    body = (
        _of_call(ids)
        | _ALONE
        | {
            "sourceAddress": [("h323-ID", "netmon")],
            "sourceInfo": endpoint(vendor),
            "destinationAddress": [alias(room)],
            "destCallSignalAddress": transport(to),
            "activeMC": False,
            "conferenceID": ids.conference,
            "conferenceGoal": ("create", None),
            "callType": ("pointToPoint", None),
            "sourceCallSignalAddress": transport(source),
            "mediaWaitForConnect": False,
            "canOverlapSend": False,
        }
    )
    return _user("setup", body | ({"fastStart": fast} if fast else {}))


def release(ids: Ids, reason: str = "undefinedReason") -> bytes:
    """RELEASE COMPLETE's H.225.0 part."""
    return _user("releaseComplete", _of_call(ids) | {"reason": (reason, None)})


def answer(
    name: str,
    ids: Ids,
    *,
    h245: Address | None = None,
    fast: list[bytes] | None = None,
    vendor: Vendor = OURS,
    what: str = "terminal",
) -> bytes:
    """The H.225.0 part of a `callProceeding`, `alerting` or `connect` as a called end sends it."""
    body = _of_call(ids) | _ALONE | {"destinationInfo": endpoint(vendor, what)}
    if name == "connect":
        body["conferenceID"] = ids.conference
    if h245:
        body["h245Address"] = transport(h245)
    return _user(name, body | ({"fastStart": fast} if fast else {}))


def facility(ids: Ids, reason: str, other: Address | None = None) -> bytes:
    """FACILITY's H.225.0 part: call `other` instead, or another `reason`."""
    body = _of_call(ids) | _ALONE | {"reason": (reason, None)}
    return _user("facility", body | ({"alternativeAddress": transport(other)} if other else {}))


def _user(name: str, body: dict[str, Any]) -> bytes:
    pdu = {"h323-message-body": (name, body), "h245Tunnelling": True}
    return per.encode(types.USER, {"h323-uu-pdu": pdu})


_REASONS = {"releaseComplete": types.RELEASE_REASON, "facility": types.FACILITY_REASON}


def read_call(data: bytes) -> CallSignal:
    """The H.225.0 part of a call signalling message. Raises `WireError`."""
    pdu = per.decode(types.USER, data)["h323-uu-pdu"]
    name, body = pdu["h323-message-body"]
    if name == "progress":
        body = _progress(body)
    if not isinstance(body, dict):
        return CallSignal(name, tunnelled=pdu.get("h245Tunnelling"))
    reason = body.get("reason", ("", None))[0]
    kind = _REASONS.get(name)
    return CallSignal(
        name,
        body.get("callIdentifier", {}).get("guid", b""),
        reason,
        kind.number(reason) if kind and reason else -1,
        _vendor(body.get("destinationInfo") or body.get("sourceInfo")),
        _version(body),
        _address(body.get("h245Address")),
        tuple(body.get("fastStart", ())),
        "fastConnectRefused" in body,
        pdu.get("h245Tunnelling"),
        _address(body.get("alternativeAddress")),
        _aliases(body.get("destinationAddress") or body.get("alternativeAliasAddress")),
    )


def conference_of(data: bytes) -> bytes:
    """The conference's 16 bytes of a SETUP, for whoever answers it; b"" when it tells none. Raises `WireError`."""
    _, body = per.decode(types.USER, data)["h323-uu-pdu"]["h323-message-body"]
    return body.get("conferenceID", b"") if isinstance(body, dict) else b""


def _progress(data: bytes) -> Any:
    """PROGRESS comes with security tokens before its end, which are not read: then only its name is known."""
    try:
        return per.decode(types.PROGRESS, data)
    except WireError:
        return None
