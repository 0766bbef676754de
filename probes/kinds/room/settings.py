"""How a room is tried: what is the same for every room, and what each has of its own. Declared here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

from probes.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomTestSettings:
    """What does not depend on the room: a hub's file has these too (`conferences.settings`)."""

    timeout_s: float = setting("for each rung that only asks", unit="s", key="timeout", low=0.1, high=30, default=2.0)
    transport: str = setting(
        "how to carry SIP; a target's own `;transport=` wins", choices=("udp", "tcp", "tls"), default="udp"
    )
    gatekeeper: str = setting("H.323: HOST or HOST:PORT of the gatekeeper to ask for the alias", default="")
    ring_s: float = setting("let it ring for so long", unit="s", key="ring", low=0.5, high=60, default=5.0)
    call_s: float = setting(
        "sound and picture both ways for so long", unit="s", key="call_for", low=0.5, high=60, default=3.0
    )
    reports_s: float = setting(
        "without a responder: let a SIP call last so long when the room has not yet reported (RTCP) whether it hears us; 0s: not",
        unit="s", key="reports", low=0, high=60, default=6.5,
    )  # fmt: skip
    video: bool = setting("a picture, too", default=True)
    responder_key_file: str = setting("file with the key shared with the responder", default="", secret=True)
    media_s: float = setting(
        "conference-shaped streams for so long", unit="s", key="media_for", low=0.5, high=60, default=5.0
    )
    user: str = setting("user of the digest", default="")
    password_file: str = setting("file with the digest's password", default="", secret=True)
    ca_file: str = setting("certificates (PEM) to trust instead of the system's", default="")
    verify: bool = setting("check the far end's certificate; false trusts whoever answers", default=True)
    server_name: str = setting("name the certificate must be for (tls) when it is not the target's", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSettings(RoomTestSettings):
    """Settings of `room`."""

    every_s: float = setting("time between climbs", unit="s", key="every", low=10, high=604_800, default=3600.0)
    alias: str = setting("H.323: what the room is called; SIP targets name it themselves", default="")
    call: bool = setting("make a test call; never aim it at a room in use", default=False)
    responder: str = setting("HOST:PORT of the media responder beside it; without one quality is not asked", default="")
    profile: str = setting("how good it must be", choices=("conf-720p", "conf-1080p"), default="conf-720p")
    rate_bps: float = setting(
        "of the pictures (0: the profile's)", unit="bps", key="rate", low=0, high=8e6, default=0.0
    )
