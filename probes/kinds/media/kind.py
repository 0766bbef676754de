"""Media: would a conference be good on the way to a responder? Its own pictures and sound, in bursts as codecs send them.

Only the variation of delay is used: the two clocks need not agree.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from typing import Any

from probes.base import Cost, Field, Kind, Measurement, Target
from probes.io.datagram.driver import Driver
from probes.kinds.media import result as mediatell
from probes.kinds.media.result import VariantResult
from probes.kinds.media.verdict import PROFILES
from probes.kinds.shared.begun import Begun
from probes.kinds.shared.key import key_of
from probes.kinds.shared.packets import address_of
from probes.kinds.shared.test_stream import ETHERNET, IPV4, OUTCOMES, Broken, opened, part
from probes.settings import setting
from probes.target import Unresolved, parse, resolve
from probes.wire.handshake import SessionFailed
from probes.wire.media.flow import Marks
from probes.wire.media.packet import BACKWARD, FORWARD, PORT
from probes.wire.media.sender import AbortRule, MediaDone, MediaSender
from probes.wire.media.shape import AUDIO_BYTES, AUDIO_PPS, FRAME_RATE, MAX_BYTES, MediaShape, Variant

PROFILES_BPS = {"conf-720p": 2_000_000.0, "conf-1080p": 4_000_000.0}
_DIRECTIONS = {"both": FORWARD | BACKWARD, "forward": FORWARD, "reverse": BACKWARD}
_VARIANTS = {
    "burst": (Variant.BURST,),
    "paced": (Variant.PACED,),
    "both": (Variant.BURST, Variant.PACED),
    "smooth": (Variant.SMOOTH,),
}
_BETWEEN_S = 0.5  # queues empty themselves before the second variant
_STEPS = 3  # silences a run may meet: at its beginning, in the middle, at the end
_TOLD = 9  # bytes that tell of one arrival
_ASKED_BPS = 40_000.0  # questions and what is around their answers
OWN = "(0: the profile's)"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSettings:
    """Settings of `media`."""

    every_s: float = setting("time between tests", unit="s", key="every", low=60, high=604_800, default=3600.0)
    profile: str = setting("which conference", choices=tuple(PROFILES), default="conf-720p")
    rate_bps: float = setting(
        f"UDP payload of the pictures {OWN}", unit="bps", key="rate", low=0, high=8e6, default=0.0
    )
    variant: str = setting(
        "how a picture's packets leave: all at once, paced, both one after the other; smooth is no codec's way",
        choices=tuple(_VARIANTS), default="burst",
    )  # fmt: skip
    duration_s: float = setting("how long each variant is sent", unit="s", key="duration", low=0.5, high=50, default=10)
    direction: str = setting("which way the streams go", choices=tuple(_DIRECTIONS), default="both")
    dscp: int = setting("DSCP of the pictures; 34 is AF41", low=0, high=63, default=34)
    audio_dscp: int = setting("DSCP of the sound; 46 is EF", low=0, high=63, default=46)
    timeout_s: float = setting(
        "give up when the responder is silent for so long", unit="s", key="timeout", low=0.2, high=20, default=3.0
    )
    key_file: str = setting("file with the key shared with the responder", default="", secret=True)
    seed: int = setting("which pictures are drawn (0: others each time)", low=0, high=2**32 - 1, default=0)
    abort_loss_percent: float = setting("cut short when more is lost in the first 2 s", low=0.1, high=100, default=5.0)
    abort_rise_ms: float = setting("cut short when delay rises by more", low=1, high=10_000, default=250.0)
    late_ms: float = setting("what leaves later than this is no evidence", low=0.5, high=1000, default=5.0)
    ours_percent: float = setting("with more that is none nothing is judged", low=1, high=100, default=50.0)
    audio_buffer_ms: float = setting("what a receiver of sound waits for late packets", low=1, high=2000, default=80.0)
    video_buffer_ms: float = setting("… and one of pictures", low=1, high=2000, default=200.0)
    recover_ms: float = setting(
        "from asking for a whole picture to having it, beside the round trip", low=0, high=10_000, default=100.0
    )
    loss_pass_percent: float = setting(f"lost in 20 s, at most, to pass {OWN}", low=0, high=100, default=0.0)
    loss_fail_percent: float = setting(f"… beyond this it fails {OWN}", low=0, high=100, default=0.0)
    window_loss_pass_percent: float = setting(f"lost in 200 ms, at most {OWN}", low=0, high=100, default=0.0)
    window_loss_fail_percent: float = setting(f"… beyond this it fails {OWN}", low=0, high=100, default=0.0)
    late_pass_percent: float = setting(f"too late for the buffer, at most {OWN}", low=0, high=100, default=0.0)
    late_fail_percent: float = setting(f"… beyond this it fails {OWN}", low=0, high=100, default=0.0)
    jitter_pass_ms: float = setting(f"variation of the pictures' delay, at most {OWN}", low=0, high=10_000, default=0.0)
    jitter_fail_ms: float = setting(f"… beyond this it fails {OWN}", low=0, high=10_000, default=0.0)
    delay_pass_ms: float = setting(f"delay one way, at most {OWN}", low=0, high=10_000, default=0.0)
    delay_fail_ms: float = setting(f"… beyond this it fails {OWN}", low=0, high=10_000, default=0.0)
    freeze_pass_percent: float = setting(f"share of the time frozen, at most {OWN}", low=0, high=100, default=0.0)
    freeze_fail_percent: float = setting(f"… beyond this it fails {OWN}", low=0, high=100, default=0.0)
    mos_pass: float = setting(f"MOS of the sound, at least {OWN}", low=0, high=4.5, default=0.0)
    mos_fail: float = setting(f"… below this it fails {OWN}", low=0, high=4.5, default=0.0)


FIELDS: tuple[Field, ...] = mediatell.FIELDS


async def run(target: Target, settings: Any, count: int) -> Measurement:
    """One test. `count` means packets elsewhere and nothing here."""
    endpoint = parse(target.text, PORT)
    key = key_of(settings.key_file)
    begun = Begun("media", target)

    try:
        family, sockaddr = (await resolve(endpoint))[0]
        seen = await _all(family, address_of(sockaddr), key, settings)
    except Unresolved as fault:
        return begun.unresolved(fault)
    except Broken as fault:
        return begun.ended(fault.outcome, fault.why)
    return begun.ended(*mediatell.tell(seen, settings))


async def _all(family: int, to: tuple[Any, ...], key: bytes, settings: MediaSettings) -> list[VariantResult]:
    """Each variant; the second may break without spoiling what the first has shown."""
    seen = list[VariantResult]()
    for variant in _VARIANTS[settings.variant]:
        if seen:
            await asyncio.sleep(_BETWEEN_S)
        try:
            seen.append(await _once(family, to, key, settings, variant))
        except Broken as fault:
            if not seen:
                raise
            seen.append(VariantResult(variant, None, 0, fault.why))
    return seen


async def _once(
    family: int, to: tuple[Any, ...], key: bytes, settings: MediaSettings, variant: Variant
) -> VariantResult:
    """One session; raises `Broken` when the responder is gone or says no."""
    sock = opened(family)
    guard = AbortRule(settings.abort_loss_percent / 100, rise_ms=settings.abort_rise_ms)
    session = MediaSender(
        to,
        int.from_bytes(os.urandom(8), "big"), _shape(settings, variant), _DIRECTIONS[settings.direction],
        Marks(settings.dscp << 2, settings.audio_dscp << 2), key=key, timeout_s=settings.timeout_s, guard=guard,
        clock_ns=time.monotonic_ns,
    )  # fmt: skip
    ended: asyncio.Future[MediaDone | SessionFailed] = asyncio.get_running_loop().create_future()

    def heard(events: list[Any]) -> None:
        if not ended.done():
            ended.set_result(events[0])

    driver = Driver(session, sock, heard)
    try:
        driver.kick()
        got = await ended
        dropped = session.local_drop
    finally:
        part(driver, to, session.farewell())
    if isinstance(got, SessionFailed):
        raise Broken(OUTCOMES[got.how], got.why)
    return VariantResult(variant, got, dropped)


def _shape(settings: MediaSettings, variant: Variant) -> MediaShape:
    seed = settings.seed or int.from_bytes(os.urandom(4), "big")
    rate_bps = settings.rate_bps or PROFILES_BPS[settings.profile]
    return MediaShape(int(rate_bps), int(settings.duration_s * 1000), variant, seed)


def cost(settings: MediaSettings) -> Cost:
    """The streams of each variant with their headers, and what is told of them."""
    directions, many = _DIRECTIONS[settings.direction].bit_count(), len(_VARIANTS[settings.variant])
    shape = _shape(settings, Variant.BURST)
    pictures = int(shape.rate_bps * settings.duration_s / 8)
    packets = pictures // MAX_BYTES + int((FRAME_RATE + AUDIO_PPS) * settings.duration_s) + 1
    sound = int(AUDIO_PPS * settings.duration_s) * AUDIO_BYTES
    wire = pictures + sound + packets * (IPV4 + ETHERNET + _TOLD) + int(_ASKED_BPS / 8 * settings.duration_s)
    return Cost(many * directions * wire, many * (settings.duration_s + _BETWEEN_S + _STEPS * settings.timeout_s))


MEDIA = Kind(
    "media",
    MediaSettings,
    FIELDS,
    run,
    None,
    "would a conference be good? its pictures and sound, both ways at once",
    cost,
)
