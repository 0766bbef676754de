"""Fast connect (H.323 §8.1.7): the two OpenLogicalChannel of H.245 a caller offers for G.711 A-law in 20 ms packets, and
what an answer makes of them. No other H.245 is needed to exchange sound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from probes.errors import WireError
from probes.wire.h323 import per
from probes.wire.h323.per import BOOLEAN, NULL, OID, Choice, Fields, Items, Octets, Part, Whole
from probes.wire.h323.types import ip_bytes, ip_text
from probes.wire.session import Address

FRAMES = 20  # g711Alaw64k counts milliseconds: 20 of 8 samples, 160 bytes of payload
SESSION = 1  # the audio session (H.245 §C.4)
SEND, RECEIVE = 1, 2  # logical channel numbers of our two offers

_PORT, _BYTE = Whole(0, 65_535), Whole(0, 255)
_H221 = Fields([("t35CountryCode", _BYTE), ("t35Extension", _BYTE), ("manufacturerCode", _PORT)])
_FOREIGN = Fields(
    [("nonStandardIdentifier", Choice([("object", OID), ("h221NonStandard", _H221)])), ("data", Octets())]
)
_IP4 = Fields([("network", Octets(4, 4)), ("tsapIdentifier", _PORT)], [])
_IP6 = Fields([("network", Octets(16, 16)), ("tsapIdentifier", _PORT)], [])
_UNICAST = Choice(
    [
        ("iPAddress", _IP4),
        ("iPXAddress", None),
        ("iP6Address", _IP6),
        ("netBios", None),
        ("iPSourceRouteAddress", None),
    ],
    [("nsap", None), ("nonStandardAddress", None)],
)
_MULTICAST = Choice([("iPAddress", _IP4), ("iP6Address", _IP6)], [("nsap", None), ("nonStandardAddress", None)])
_WHERE = Choice([("unicastAddress", _UNICAST), ("multicastAddress", _MULTICAST)], [])
_LABEL = Fields([("mcuNumber", Whole(0, 192)), ("terminalNumber", Whole(0, 192))], [])
_H2250 = Fields(
    [
        ("nonStandard?", Items(_FOREIGN)), ("sessionID", _BYTE), ("associatedSessionID?", Whole(1, 255)),
        ("mediaChannel?", _WHERE), ("mediaGuaranteedDelivery?", BOOLEAN), ("mediaControlChannel?", _WHERE),
        ("mediaControlGuaranteedDelivery?", BOOLEAN), ("silenceSuppression?", BOOLEAN), ("destination?", _LABEL),
        ("dynamicRTPPayloadType?", Whole(96, 127)), ("mediaPacketization?", None),
    ],
    [],
)  # fmt: skip
_AUDIO = Choice(
    [
        ("nonStandard", _FOREIGN),
        *[
            (name, Whole(1, 256))
            for name in ("g711Alaw64k", "g711Alaw56k", "g711Ulaw64k", "g711Ulaw56k", "g722-64k", "g722-56k", "g722-48k")
        ],
        ("g7231", None), ("g728", Whole(1, 256)), ("g729", Whole(1, 256)), ("g729AnnexA", Whole(1, 256)),
        ("is11172AudioCapability", None), ("is13818AudioCapability", None),
    ],
    [],
)  # fmt: skip
_DATA = Choice(
    [
        ("nonStandard", _FOREIGN), ("nullData", NULL), ("videoData", None), ("audioData", _AUDIO), ("data", None),
        ("encryptionData", None),
    ],
    [],
)  # fmt: skip
_OLD: list[Part] = [("h222LogicalChannelParameters", None)]
_V76: Part = ("v76LogicalChannelParameters", None)
_H2250_PART: Part = ("h2250LogicalChannelParameters", _H2250)
_FORWARD = Fields(
    [
        ("portNumber?", _PORT),
        ("dataType", _DATA),
        (
            "multiplexParameters",
            Choice([*_OLD, ("h223LogicalChannelParameters", None), _V76], [_H2250_PART, ("none", NULL)]),
        ),
    ],
    [],
)
_REVERSE = Fields([("dataType", _DATA), ("multiplexParameters?", Choice([*_OLD, _V76], [_H2250_PART]))], [])
OLC = Fields(
    [
        ("forwardLogicalChannelNumber", Whole(1, 65_535)),
        ("forwardLogicalChannelParameters", _FORWARD),
        ("reverseLogicalChannelParameters?", _REVERSE),
    ],
    [],
)
_SOUND = ("audioData", ("g711Alaw64k", FRAMES))


class SoundAddresses(NamedTuple):
    """Where sound goes to: `rtp` and `rtcp` of the other side, as far as they were told."""

    rtp: Address | None = None
    rtcp: Address | None = None


def offers(rtp: Address, rtcp: Address) -> list[bytes]:
    """The two channels a caller offers: one it will send on, one it wants to receive on at `rtp`."""
    send = {"sessionID": SESSION, "mediaControlChannel": _where(rtcp)}
    receive = {"sessionID": SESSION, "mediaChannel": _where(rtp), "mediaControlChannel": _where(rtcp)}
    return [_forward(SEND, send), _backward(RECEIVE, receive)]


def answers(offered: Sequence[bytes], rtp: Address, rtcp: Address) -> list[bytes]:
    """What a called end sends back: the first A-law channel each way with its own addresses; [] when none fits."""
    out: dict[bool, bytes] = {}
    here = {"sessionID": SESSION, "mediaChannel": _where(rtp), "mediaControlChannel": _where(rtcp)}
    for channel in read(offered):
        to_us = not channel.backward
        if channel.alaw and to_us not in out:
            number = channel.number
            out[to_us] = _forward(number, here) if to_us else _backward(number, here | _asked(channel.media))
    return [out[True], out[False]] if len(out) == 2 else []


def _asked(media: SoundAddresses) -> dict[str, Any]:
    return {"mediaChannel": _where(media.rtp)} if media.rtp else {}


class Channel(NamedTuple):
    """One OpenLogicalChannel. `backward`: from the called end to the caller; `alaw`: sound we know."""

    number: int
    backward: bool
    alaw: bool
    media: SoundAddresses


def read(channels: Sequence[bytes]) -> list[Channel]:
    """Those that can be read; what else a device offers (video, other codecs) is left out. Never raises."""
    out = []
    for data in channels:
        try:
            out.append(_channel(per.decode(OLC, data)))
        except WireError:
            continue
    return out


def _channel(olc: dict[str, Any]) -> Channel:
    forward = olc["forwardLogicalChannelParameters"]
    reverse: Any = olc.get("reverseLogicalChannelParameters")
    backward = reverse is not None and forward["dataType"][0] == "nullData"
    used: dict[str, Any] = reverse if backward else forward
    kind, parameters = used.get("multiplexParameters", ("", {}))
    media = _media(parameters) if kind == _H2250_PART[0] else SoundAddresses()
    sound = used["dataType"]
    alaw = sound[0] == "audioData" and sound[1][0] == "g711Alaw64k"
    return Channel(olc["forwardLogicalChannelNumber"], backward, alaw, media)


def opened(channels: Sequence[bytes]) -> SoundAddresses | None:
    """Where the called end listens, from its answer to our offers; None when it opens no channel towards itself."""
    toward = [channel for channel in read(channels) if not channel.backward and channel.media.rtp]
    if not toward:
        return None
    back = next((channel.media.rtcp for channel in read(channels) if channel.backward and channel.media.rtcp), None)
    return SoundAddresses(toward[0].media.rtp, toward[0].media.rtcp or back)


def _media(parameters: dict[str, Any]) -> SoundAddresses:
    return SoundAddresses(
        _told_address(parameters.get("mediaChannel")), _told_address(parameters.get("mediaControlChannel"))
    )


def _where(address: Address) -> Any:
    packed = ip_bytes(address[0])
    name = "iPAddress" if len(packed) == 4 else "iP6Address"
    return "unicastAddress", (name, {"network": packed, "tsapIdentifier": address[1]})


def _told_address(where: Any) -> Address | None:
    if where is None or where[0] != "unicastAddress" or not isinstance(where[1][1], dict):
        return None
    place = where[1][1]
    return ip_text(place["network"]), place["tsapIdentifier"]


def _forward(number: int, parameters: dict[str, Any]) -> bytes:
    there = {"dataType": _SOUND, "multiplexParameters": (_H2250_PART[0], parameters)}
    return per.encode(OLC, {"forwardLogicalChannelNumber": number, "forwardLogicalChannelParameters": there})


def _backward(number: int, parameters: dict[str, Any]) -> bytes:
    nothing = {"dataType": ("nullData", None), "multiplexParameters": ("none", None)}
    back = {"dataType": _SOUND, "multiplexParameters": (_H2250_PART[0], parameters)}
    whole = {"forwardLogicalChannelNumber": number, "forwardLogicalChannelParameters": nothing}
    return per.encode(OLC, whole | {"reverseLogicalChannelParameters": back})
