"""The answer to whether a heavy check may run now: the nouns the runner knows. Who gives them is loaded when one is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to one run that ends within `for_s`. `done`: what it sent, None when that is unknown; returns at once."""

    for_s: float
    done: Callable[[int | None], None]


class Denied(NamedTuple):
    """Not now: why, for people, and when asking again may help; 0: not for this run."""

    why: str
    retry_after_s: float = 0.0
