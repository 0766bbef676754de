"""Media a test call sends: silence and a grey picture, valid for decoders, so that a room shows nothing odd."""

from __future__ import annotations

from typing import NamedTuple

# One grey picture of 128x96 (H.264 constrained baseline): parameter sets and an intra frame, made with x264.
_SPS = bytes.fromhex("6742c00ba611083684000003000400000300f23c50a846")
_PPS = bytes.fromhex("68c8420f2c80")
_IDR = bytes.fromhex("658882025e4e4e4e4e4e4e4e4ebaebaebaebaebaebaebaebaebaebaebaebaebaebaebaebaebaebaebaebaf")


class SilentMedia(NamedTuple):
    """What goes out every `gap_s`: one packet for each payload, all of one moment; the media clock then goes on by `step`.

    `marked`: the last of them carries RTP's marker, as a picture's last packet does (RFC 6184 §5.1).
    """

    clock_hz: int
    gap_s: float
    step: int
    payloads: tuple[bytes, ...]
    marked: bool = False


SILENT_MEDIA = {
    "PCMA": SilentMedia(8000, 0.02, 160, (b"\xd5" * 160,)),
    "PCMU": SilentMedia(8000, 0.02, 160, (b"\xff" * 160,)),
    "G722": SilentMedia(8000, 0.02, 160, (b"\xfa" * 160,)),  # its clock is 8 kHz by RFC 3551's mistake
    "OPUS": SilentMedia(48000, 0.02, 960, (b"\xf8\xff\xfe",)),  # a whole 20 ms of silence
    "H264": SilentMedia(90000, 1 / 30, 3000, (_SPS, _PPS, _IDR), marked=True),  # single units: right in both modes
}
