"""The media of one test call: what we offer, which of it the far end takes, and what is sent and heard (RFC 3264 §6)."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any, NamedTuple, Protocol

from probes.clean import clean
from probes.errors import WireError
from probes.io.rtp import MediaHeard, MediaLine
from probes.wire.rtp.silent_media import SILENT_MEDIA
from probes.wire.sip import sdp
from probes.wire.sip.sdp import Codec, MediaDescription

AUDIO_BPS, VIDEO_BPS, OUR_VIDEO_BPS = 80_000, 256_000, 60_000  # on the wire
_AUDIO = (Codec(8, "PCMA", 8000), Codec(96, "OPUS", 48000, 2))
_VIDEO = tuple(
    Codec(97 + mode, "H264", 90000, about=f"profile-level-id=42e01f;packetization-mode={mode}") for mode in (0, 1)
)


class Wanted(Protocol):
    """The settings read here."""

    @property
    def video(self) -> bool:
        """Offer a picture, too."""

    @property
    def audio_dscp(self) -> int:
        """Marking of the sound."""

    @property
    def video_dscp(self) -> int:
        """Marking of the picture."""


class Agreed(NamedTuple):
    """What the far end's description says of our kinds of media, "audio" and "video".

    `taken`: it takes them. `mute`: of them, it says it sends none; `deaf`: it says it receives none. `sealed`: it wants
    them encrypted, and how: that was not offered. `foreign`: it names only codecs that were not offered, these. `fault`:
    what of the description cannot be used.
    """

    taken: Sequence[str] = ()
    mute: Sequence[str] = ()
    deaf: Sequence[str] = ()
    sealed: Sequence[tuple[str, str]] = ()
    foreign: Sequence[tuple[str, str]] = ()
    fault: str = ""


class _Opened(NamedTuple):
    """One kind of media we offer, and its sockets."""

    kind: str
    line: MediaLine


class Lines:
    """Our side of the media: opened before the INVITE, begun when the call is taken, read when it is over."""

    def __init__(self, family: int, settings: Wanted) -> None:
        self._family, self._settings = family, settings
        self._open: list[_Opened] = []
        self.agreed = Agreed()
        self.heard: dict[str, MediaHeard] = {}

    def offer(self, host: str) -> bytes:
        """Open the sockets; our offer. Raises OSError."""
        wanted: list[tuple[str, tuple[Codec, ...], int, int]] = [("audio", _AUDIO, self._settings.audio_dscp, 0)]
        wanted += [("video", _VIDEO, self._settings.video_dscp, VIDEO_BPS)] if self._settings.video else []
        lines = []
        for kind, codecs, dscp, rate_bps in wanted:
            line = MediaLine(self._family, host, tos=dscp << 2)
            self._open.append(_Opened(kind, line))
            lines.append(MediaDescription(kind, line.port, host, codecs, rate_bps=rate_bps))
        return sdp.offer(secrets.randbits(31), host, lines)

    def begin(self, description: bytes, peer: str) -> None:
        """Start what the answer takes. Raises OSError when that cannot begin here."""
        if not description:
            self.agreed = Agreed(fault="the answer has no description of its media")
            return
        try:
            answered = sdp.read(description)
        except WireError as fault:
            self.agreed = Agreed(fault=f"the answer's description of media cannot be read: {fault.reason}")
            return
        for place, (kind, line) in enumerate(self._open):
            theirs = _answer_to(kind, place, answered)
            if theirs is not None:
                self._begin(kind, line, theirs, peer)

    def _begin(self, kind: str, line: MediaLine, theirs: MediaDescription, peer: str) -> None:
        agreed = self.agreed
        offered = [codec for codec in theirs.codecs if codec.name in _names(kind)]
        codec = next((codec for codec in offered or theirs.codecs if codec.name in SILENT_MEDIA), None)
        if theirs.port and not offered and theirs.codecs:
            agreed = agreed._replace(foreign=[*agreed.foreign, (kind, _listed(theirs.codecs))])
            self.agreed = agreed
        if not theirs.port or codec is None:
            return
        if theirs.sealed:
            self.agreed = agreed._replace(sealed=[*agreed.sealed, (kind, theirs.sealed)])
            return
        to = _place(theirs.host or peer, theirs.port, self._family)
        if to is None:
            self.agreed = agreed._replace(fault=_nowhere(theirs.host or peer))
            return
        line.start(SILENT_MEDIA[codec.name], codec.payload, to, theirs.rtcp_port, _types(kind, codec, theirs))
        self.agreed = agreed._replace(
            taken=[*agreed.taken, kind],
            mute=[*agreed.mute, *([kind] if theirs.direction in ("recvonly", "inactive") else [])],
            deaf=[*agreed.deaf, *([kind] if theirs.direction in ("sendonly", "inactive") else [])],
        )

    def is_settled(self) -> bool:
        """True when it is known of all that was taken whether the far end hears it, or nothing more will tell."""
        running = [line for kind, line in self._open if kind in self.agreed.taken and kind not in self.agreed.deaf]
        return all(line.is_settled for line in running)

    def end(self) -> None:
        """Stop what runs and keep what was heard; again: nothing."""
        for kind, line in self._open:
            heard = line.stop()
            if heard is not None:
                self.heard[kind] = heard

    def close(self) -> None:
        """Give the sockets back."""
        for _, line in self._open:
            line.close()


def _types(kind: str, chosen: Codec, theirs: MediaDescription) -> frozenset[int]:
    """Payload types we understand: by the numbers we gave them (RFC 3264 §6.1), and by the far end's own."""
    ours, named = _AUDIO if kind == "audio" else _VIDEO, _names(kind) | {chosen.name}
    return frozenset(codec.payload for codec in (*ours, *theirs.codecs) if codec.name in named)


def _names(kind: str) -> set[str]:
    """Codecs we offer: an answer must have one of them (RFC 3264 §6.1); sipp's has another one, which we can send, too."""
    return {codec.name for codec in (_AUDIO if kind == "audio" else _VIDEO)}


def _listed(codecs: Sequence[Codec]) -> str:
    return clean(", ".join(dict.fromkeys(codec.name for codec in codecs)), 60)


def _answer_to(kind: str, place: int, answered: Sequence[MediaDescription]) -> MediaDescription | None:
    """Their lines stand in our order (RFC 3264 §6); of one that does not the first of its kind is taken."""
    if place < len(answered) and answered[place].kind == kind:
        return answered[place]
    return next((media for media in answered if media.kind == kind), None)


def _place(host: str, port: int, family: int) -> Any:
    """Where media is awaited, as a socket address of our family; None for names, and for addresses of many or of nobody."""
    try:
        to = socket.getaddrinfo(host, port, family, flags=socket.AI_NUMERICHOST)[0][4]
        place = ip_address(str(to[0]).partition("%")[0])
    except (OSError, ValueError):  # ValueError: what no name could look like
        return None
    return None if place.is_multicast or place.is_unspecified or str(place) == "255.255.255.255" else to


def _nowhere(host: str) -> str:
    try:
        is_nobody = ip_address(host.partition("%")[0]).is_unspecified
    except ValueError:
        return f"the answer names no address for its media: {clean(host, 60)} is none, and names are not looked up"
    if is_nobody:
        return f"it puts the call on hold: its media is awaited at {host}"
    return f"the answer names no address for its media that we can send to: {clean(host, 60)}"
