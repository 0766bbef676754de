"""Random and mutated datagrams, from a seed: for loops of a million where hypothesis would take hours."""

from __future__ import annotations

import random
from collections.abc import Sequence

MOST = 1500
_EDGES = (0, 1, 0x7F, 0x80, 0xFF)


def mutated(rng: random.Random, samples: Sequence[bytes], most: int = MOST) -> bytes:
    """Noise, or a good packet with bytes changed, cut, put in, doubled, or taken from another one."""
    if rng.random() < 0.1:
        return rng.randbytes(rng.choice((0, 1, 2, 4, 8, 12, 24, 40, 41, 44, 48, 96, 112, rng.randrange(most))))
    data = bytearray(rng.choice(samples))
    for _ in range(rng.randrange(5)):
        place = rng.randrange(len(data) + 1)
        _CHANGES[rng.randrange(len(_CHANGES))](rng, data, place, samples)
    return bytes(data[:most])


def _set(rng: random.Random, data: bytearray, place: int, samples: Sequence[bytes]) -> None:
    if data:
        data[place % len(data)] = rng.choice((*_EDGES, rng.randrange(256)))


def _flip(rng: random.Random, data: bytearray, place: int, samples: Sequence[bytes]) -> None:
    if data:
        data[place % len(data)] ^= 1 << rng.randrange(8)


def _cut(rng: random.Random, data: bytearray, place: int, samples: Sequence[bytes]) -> None:
    del data[place : place + (rng.randrange(8) if rng.random() < 0.5 else len(data))]


def _put_in(rng: random.Random, data: bytearray, place: int, samples: Sequence[bytes]) -> None:
    data[place:place] = rng.randbytes(rng.randrange(8))


def _double(rng: random.Random, data: bytearray, place: int, samples: Sequence[bytes]) -> None:
    data[place:place] = data[:200]


def _splice(rng: random.Random, data: bytearray, place: int, samples: Sequence[bytes]) -> None:
    data[place:] = rng.choice(samples)[place:]


_CHANGES = (_set, _flip, _cut, _put_in, _double, _splice, _set, _flip)
