"""SDP (RFC 8866) of a test call: our offer, and what field equipment answers, read tolerantly (RFC 3264).

Read besides the standard's form: lines ended by LF alone, lines in any order, lines that mean nothing to us (left out). A
media line that says nothing to us (no format, a refused one, one of more than we read) is passed over as one of port 0: the
others keep their places. Everything else raises `WireError`, nothing else does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from probes.errors import WireError

MAX_BYTES, MAX_LINES, MAX_MEDIA = 16_384, 512, 8
_MEDIA = re.compile(
    r"([!-~]{1,32})[ \t]+(\d{1,5})(?:/\d{1,5})?[ \t]+([!-~]{1,32})((?:[ \t]+\S{1,256})*)[ \t]*\Z", re.ASCII
)
_PLAIN = ("RTP/AVP", "RTP/AVPF")
_PLACE = re.compile(r"IN IP([46]) ([0-9A-Za-z.:%_-]{1,255})(?:/[0-9/]{1,10})?\Z", re.ASCII)
_MAP = re.compile(r"rtpmap:(\d{1,3}) ([A-Za-z0-9._-]{1,32})/(\d{1,6})(?:/\d{1,2})?\Z", re.ASCII)
_RTCP = re.compile(r"rtcp:(\d{1,5})(?: |\Z)", re.ASCII)
_STATIC = {0: ("PCMU", 8000), 8: ("PCMA", 8000), 9: ("G722", 8000)}  # RFC 3551 §6
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")


@dataclass(frozen=True, slots=True)
class Codec:
    """One payload type: its number, name in capitals, clock in Hz; `about`: the fmtp line's text for an offer."""

    payload: int
    name: str
    clock_hz: int
    channels: int = 1
    about: str = ""


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """One media line. `port` 0: refused. `direction` as its sender means it; `rtcp_port` is the RTP port's when multiplexed.

    `sealed`: how its sound or picture is encrypted ("RTP/SAVP", "a=crypto"), "" when it is plain.
    """

    kind: str
    port: int
    host: str
    codecs: tuple[Codec, ...]
    direction: str = "sendrecv"
    rtcp_port: int = 0
    rate_bps: int = 0  # b=AS, 0: not said
    sealed: str = ""


def offer(session: int, host: str, lines: Sequence[MediaDescription]) -> bytes:
    """An offer's bytes. `host`: the address our media is awaited at."""
    place = f"IN IP{6 if ':' in host else 4} {host}"
    out = ["v=0", f"o=netmon {session} 1 {place}", "s=netmon test call", f"c={place}", "t=0 0"]
    for line in lines:
        out += _offered(line)
    return ("\r\n".join(out) + "\r\n").encode()


def _offered(line: MediaDescription) -> Iterator[str]:
    yield f"m={line.kind} {line.port} RTP/AVP {' '.join(str(codec.payload) for codec in line.codecs)}"
    if line.rate_bps:
        yield f"b=AS:{line.rate_bps // 1000}"
    for codec in line.codecs:
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        yield f"a=rtpmap:{codec.payload} {codec.name}/{codec.clock_hz}{channels}"
        if codec.about:
            yield f"a=fmtp:{codec.payload} {codec.about}"
    if line.kind == "audio":
        yield "a=ptime:20"
    yield f"a={line.direction}"


@dataclass(slots=True)
class _Read:
    """A media line while it is read."""

    kind: str
    port: int
    payloads: list[int]
    host: str
    direction: str
    rate_bps: int = 0
    rtcp_port: int = 0
    sealed: str = ""
    maps: dict[int, tuple[str, int]] = field(default_factory=lambda: dict(_STATIC))


def read(data: bytes) -> tuple[MediaDescription, ...]:
    """The media lines of a description, in their order; raises `WireError`."""
    if len(data) > MAX_BYTES:
        raise WireError(MAX_BYTES, "longer than a description may be")
    lines = data.decode("latin-1").splitlines()
    if not any(line.startswith("v=") for line in lines):
        raise WireError(0, "not a session description")
    if len(lines) > MAX_LINES:
        raise WireError(0, "too many lines")
    host, direction, rate_bps, medias = "", "sendrecv", 0, list[_Read]()
    for line in lines:
        key, text = line[:2], line[2:].strip()
        if key == "m=":
            medias.append(_media(text, host, direction, rate_bps))
        elif medias:
            _about(medias[-1], key, text)
        elif key == "c=":
            host = _host(text) or host
        elif key == "a=" and text in DIRECTIONS:
            direction = text
    return tuple(_description(line) for line in medias[:MAX_MEDIA])


def _media(text: str, host: str, direction: str, rate_bps: int) -> _Read:
    match = _MEDIA.match(text)
    if match is None or int(match[2]) > 65_535:
        return _Read(text.partition(" ")[0][:32].lower(), 0, [], host, direction, rate_bps)
    payloads = [int(word) for word in match[4].split()[:64] if word.isdecimal() and int(word) < 128]
    protocol = match[3].upper()
    sealed = protocol if "SAVP" in protocol or "TLS" in protocol else ""
    port = int(match[2]) if sealed or protocol in _PLAIN else 0  # what is no RTP is no media of ours
    return _Read(match[1].lower(), port, payloads, host, direction, rate_bps, sealed=sealed)


def _host(text: str) -> str:
    match = _PLACE.match(text)
    return match[2] if match else ""


def _about(line: _Read, key: str, text: str) -> None:
    if key == "c=":
        line.host = _host(text) or line.host
    elif key == "b=" and (match := re.match(r"(AS|TIAS):(\d{1,9})\Z", text, re.ASCII)):
        line.rate_bps = int(match[2]) * (1000 if match[1] == "AS" else 1)
    elif key == "a=" and text in DIRECTIONS:
        line.direction = text
    elif key == "a=" and text.startswith(("crypto:", "fingerprint:")) and not line.sealed:
        line.sealed = f"a={text.partition(':')[0]}"
    elif key == "a=" and text == "rtcp-mux":
        line.rtcp_port = line.port
    elif key == "a=" and (match := _RTCP.match(text)) and line.rtcp_port != line.port:
        line.rtcp_port = int(match[1]) if int(match[1]) < 65_536 else 0
    elif key == "a=" and (match := _MAP.match(text)) and int(match[1]) < 128:
        line.maps[int(match[1])] = (match[2].upper(), int(match[3]))


def _description(line: _Read) -> MediaDescription:
    known = [payload for payload in dict.fromkeys(line.payloads) if payload in line.maps]
    codecs = tuple(Codec(payload, *line.maps[payload]) for payload in known)
    rtcp_port = line.rtcp_port or (line.port + 1 if 0 < line.port < 65_535 else 0)
    return MediaDescription(
        line.kind, line.port, line.host, codecs, line.direction, rtcp_port, line.rate_bps, line.sealed
    )
