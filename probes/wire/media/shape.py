"""What a conference sends: pictures large and small, sound every 20 ms; the same for everybody who knows the seed.

Measured (`reference/videoconference.md` §5.1): a picture made from the one before it varies by 9 %; a whole picture (intra
frame) is 4 to 6 times as large and comes every 10 s, and whenever somebody asks for one (by chance, every 10 s too). A
codec's rate control keeps the mean, so the sizes are scaled until they do.

Both ends make the plan by themselves. So it is law: only steps of `random()`, which every Python draws alike, and whole
numbers, which every Python adds alike; another law has another `VERSION`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from heapq import merge
from itertools import islice
from random import Random
from typing import NamedTuple, overload

VERSION = 1
MAX_BYTES = 1200  # of UDP payload in a packet
MIN_BYTES = 64
AUDIO_BYTES, AUDIO_PPS = 160, 50
FRAME_RATE = 30
GROUP_S = 10.0  # a whole picture comes at least so often
ASKED_S = 10.0  # somebody asks for one as often, in the mean
SPREAD = 0.09  # standard deviation of a picture's size
PACED = 0.9  # share of the frame's interval a pacing sender uses
_TOGETHER = 2  # packets it sends at a time: pacers work in steps of some milliseconds
_INTRA = (
    (1_000_000, 4.3),
    (1_500_000, 5.2),
    (2_000_000, 5.7),
    (4_000_000, 5.7),
)  # whole pictures against others, by rate
_INTRA_SPREAD = 0.2
_SECOND_NS = 1_000_000_000


class Sort(IntEnum):
    """Which stream a packet belongs to."""

    VIDEO = 1
    AUDIO = 2


class Variant(IntEnum):
    """How the packets of one picture leave."""

    BURST = 1  # all at once
    PACED = 2  # two by two, spread over nine tenths of the interval
    SMOOTH = 3  # pictures of one size, evenly spaced: what no codec sends


class MediaShape(NamedTuple):
    """A conference's stream in one direction. `rate_bps`: UDP payload of the pictures; `seed`: which of all such streams."""

    rate_bps: int
    duration_ms: int
    variant: Variant
    seed: int


class PlannedPacket(NamedTuple):
    """One packet of the plan. Its place in the plan is its number; `due_ns`: since the stream's beginning."""

    sort: Sort
    frame: int
    part: int
    parts: int
    size: int
    due_ns: int
    intra: bool


def plan(shape: MediaShape) -> list[PlannedPacket]:
    """All packets in the order they are due."""
    return list(_merged(shape, frames(shape)))


class Drawn(Sequence[PlannedPacket]):
    """A plan whose packets are drawn when they are needed: who serves many must not stop for one that begins."""

    def __init__(self, shape: MediaShape) -> None:
        pictures = frames(shape)
        self._source, self._made = _merged(shape, pictures), list[PlannedPacket]()
        self._many = sum(_parts(size) for size, _ in pictures) + _sounds(shape)

    def __len__(self) -> int:
        return self._many

    @overload
    def __getitem__(self, at: int) -> PlannedPacket: ...

    @overload
    def __getitem__(self, at: slice) -> list[PlannedPacket]: ...

    def __getitem__(self, at: int | slice) -> PlannedPacket | list[PlannedPacket]:
        if isinstance(at, int) and 0 <= at < len(self._made):  # nearly always
            return self._made[at]
        places = range(self._many)[at]
        until = places if isinstance(places, int) else max(places, default=-1)
        self._made += islice(self._source, max(0, until + 1 - len(self._made)))
        return self._made[places] if isinstance(places, int) else [self._made[place] for place in places]


def _merged(shape: MediaShape, pictures: list[tuple[int, bool]]) -> Iterator[PlannedPacket]:
    return merge(_video(shape, pictures), _audio(shape), key=lambda packet: (packet.due_ns, packet.sort))


def frames(shape: MediaShape) -> list[tuple[int, bool]]:
    """(bytes, whole picture?) of every picture; their sum is what the rate gives in this time."""
    random = Random(shape.seed)
    many = max(1, shape.duration_ms * FRAME_RATE // 1000)
    smooth = shape.variant is Variant.SMOOTH
    kinds = [False] * many if smooth else _kinds(random, many)
    ratio = _ratio(shape.rate_bps)
    weights = [1 if smooth else int(_weight(random, intra, ratio) * 1_000_000) for intra in kinds]
    octets, total = shape.rate_bps * many // (8 * FRAME_RATE), sum(weights)
    sizes, given, passed = list[int](), 0, 0
    for weight in weights:
        passed += weight
        sizes.append(max(MIN_BYTES, octets * passed // total - given))
        given += sizes[-1]
    return list(zip(sizes, kinds, strict=True))


def _kinds(random: Random, many: int) -> list[bool]:
    """Which pictures are whole: the first, each that is asked for, and one when the last is `GROUP_S` ago."""
    whole, last = list[bool](), 0
    for number in range(many):
        intra = not number or number - last >= GROUP_S * FRAME_RATE or random.random() < 1 / (ASKED_S * FRAME_RATE)
        last = number if intra else last
        whole.append(intra)
    return whole


def _weight(random: Random, intra: bool, ratio: float) -> float:
    if intra:
        return ratio + (2.0 * random.random() - 1.0) * _INTRA_SPREAD
    normal = -6.0
    for _ in range(12):  # twelve draws add up to all but a normal one, with no function libraries round differently
        normal += random.random()
    return 1.0 + SPREAD * normal


def _ratio(rate_bps: int) -> float:
    return min(_INTRA, key=lambda known: abs(known[0] - rate_bps))[1]


def _parts(size: int) -> int:
    """How many packets carry a picture."""
    return -(-size // MAX_BYTES)


def _video(shape: MediaShape, pictures: list[tuple[int, bool]]) -> Iterator[PlannedPacket]:
    together = _TOGETHER if shape.variant is Variant.PACED else 1
    for frame, (size, intra) in enumerate(pictures):
        parts = _parts(size)
        step_ns = _step_ns(shape.variant, parts)
        each, more = divmod(size, parts)
        begins_ns = frame * _SECOND_NS // FRAME_RATE
        for part in range(parts):
            octets = max(MIN_BYTES, each + (part < more))
            due_ns = begins_ns + part // together * together * step_ns
            yield PlannedPacket(Sort.VIDEO, frame, part, parts, octets, due_ns, intra)


def _step_ns(variant: Variant, parts: int) -> int:
    """Time between the packets of one picture."""
    shares = {Variant.BURST: 0.0, Variant.PACED: PACED, Variant.SMOOTH: 1.0}
    return int(shares[variant] * _SECOND_NS / FRAME_RATE / parts)


def _sounds(shape: MediaShape) -> int:
    """How many packets of sound there are."""
    return max(1, shape.duration_ms * AUDIO_PPS // 1000)


def _audio(shape: MediaShape) -> Iterator[PlannedPacket]:
    every_ns, first_ns = _SECOND_NS // AUDIO_PPS, _SECOND_NS // AUDIO_PPS // 2
    for number in range(_sounds(shape)):
        yield PlannedPacket(Sort.AUDIO, number, 0, 1, AUDIO_BYTES, first_ns + number * every_ns, False)
