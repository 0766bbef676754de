"""What an MCU reports of one room's call, whoever made the MCU; and what it takes to ask one. Pure.

Directions are the room's: *fwd* is from the room to the MCU, *bwd* from the MCU to the room. What an MCU does not report
is None, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from netmon.errors import UNREACHABLE, NetmonError

FWD, BWD = "fwd", "bwd"
MEDIA = ("audio", "video", "presentation")
MAX_LEGS = 5_000  # of one MCU: more than any has ports
MAX_TEXT = 256


class McuTrouble(NetmonError):
    """An MCU did not answer, or not with what its guide says."""

    exit_code = UNREACHABLE


class Stream(NamedTuple):
    """One medium one way. `loss_percent`: as the MCU tells it, of what it received (fwd) or of what the room says it
    received (bwd)."""

    media: str  # one of `MEDIA`
    toward: str  # `FWD` or `BWD`
    loss_percent: float | None = None
    jitter_ms: float | None = None
    rtt_ms: float | None = None
    rate_bps: float | None = None
    codec: str = ""
    resolution: str = ""  # 1280x720


class Leg(NamedTuple):
    """One call between an MCU and a far end. `names`: all the MCU knows of who that is: aliases, URIs, addresses."""

    id: str
    name: str
    names: tuple[str, ...]
    conference: str
    state: str
    streams: tuple[Stream, ...]

    def loss_percent(self, toward: str) -> float | None:
        """Of the worst medium that way: one broken picture is a broken call."""
        return _worst(stream.loss_percent for stream in self.way(toward))

    def jitter_ms(self, toward: str) -> float | None:
        """Of the worst medium that way."""
        return _worst(stream.jitter_ms for stream in self.way(toward))

    def rate_bps(self, toward: str) -> float | None:
        """Of all media that way."""
        rates_bps = [stream.rate_bps for stream in self.way(toward) if stream.rate_bps is not None]
        return sum(rates_bps) if rates_bps else None

    @property
    def rtt_ms(self) -> float | None:
        """The longest any medium has."""
        return _worst(stream.rtt_ms for stream in self.streams)

    def resolution(self, toward: str) -> str:
        """Of the main picture that way, "" without stream."""
        return next(
            (stream.resolution for stream in self.way(toward) if stream.media == "video" and stream.resolution), ""
        )

    @property
    def media(self) -> tuple[str, ...]:
        """What flows in either direction."""
        flowing = {stream.media for stream in self.streams if stream.rate_bps is None or stream.rate_bps > 0}
        return tuple(media for media in MEDIA if media in flowing)

    def way(self, toward: str) -> Iterator[Stream]:
        """Its streams in stream direction."""
        return (stream for stream in self.streams if stream.toward == toward)


def _worst(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


class Pass(NamedTuple):
    """One reading of a list from its first page to its last: id → row. `pages`: a list of one page is of one moment."""

    rows: Mapping[str, Any]
    pages: int
    is_whole: bool = True


MAX_PASSES = 4


def settled(read: Callable[[], Pass]) -> tuple[dict[str, Any], frozenset[str], bool]:
    """A list that changes between its pages, read until two passes show the same: when one leaves, those behind it move up,
    and one of them is on no page. All rows seen, the ids of the last pass, and whether nobody can be missing."""
    seen: dict[str, Any] = {}
    before: frozenset[str] | None = None
    for _ in range(MAX_PASSES):
        listed = read()
        seen |= listed.rows
        ids = frozenset(listed.rows)
        if listed.pages <= 1 or not listed.is_whole or ids == before:
            return seen, ids, listed.is_whole
        before = ids
    return seen, before or frozenset(), False


Get = Callable[[str], bytes | None]  # a path's document; None: there is no such thing (any more). Raises `McuTrouble`


class McuAdapter(Protocol):
    """One make of MCU. `complete`: after `poll`, whether nobody who is in a call can be missing."""

    complete: bool

    def poll(self, get: Get) -> list[Leg]:
        """All calls now. Raises `McuTrouble`, for documents that cannot be understood too."""


# --- values others wrote ---


def number(value: object, high: float = 1e15) -> float | None:
    """A number of 0 to `high`; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = float(value) if not isinstance(value, str) or len(value) < 40 else math.nan
    except (ValueError, OverflowError):
        return None
    return amount if 0.0 <= amount <= high else None


def percent(value: object) -> float | None:
    """0 to 100; None for everything else."""
    return number(value, 100.0)


def text(value: object) -> str:
    """A short text; "" for everything else."""
    return value.strip()[:MAX_TEXT] if isinstance(value, str) else ""


def resolution(width: object, height: object) -> str:
    """`1280x720`, "" when either is missing."""
    wide, high = number(width, 1e5), number(height, 1e5)
    return f"{wide:.0f}x{high:.0f}" if wide and high else ""


def names(*values: object) -> tuple[str, ...]:
    """All texts that say something, each once."""
    return tuple(dict.fromkeys(said for value in values if (said := text(value))))
