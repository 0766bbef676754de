"""The nouns of measuring: what is measured, with what result, and what a probe kind is.

A lost packet has no number: a value that was not measured is absent from `Measurement.values`, never 0.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal

Value = int | float
Row = dict[str, int | float | str]  # one line of a table for people: column → cell; texts are cleaned


class Outcome(IntEnum):
    """What became of one measurement, and so whose fault it is. The number is what is stored."""

    OK = 0  # the target answered as it should
    LOST = 1  # nothing came back in time
    REFUSED = 2  # the far host is there and says no (RST, ICMP unreachable, 503)
    UNRESOLVED = 3  # the name gave no address
    PROTOCOL = 4  # something answered, but not what this protocol allows
    LOCAL = 5  # our own fault (no privilege, no route, starved CPU): never a vote about the target


@dataclass(frozen=True, slots=True)
class Field:
    """One value a kind emits: its name carries the unit; `default` fields are always sent, others on request."""

    name: str
    unit: str
    meaning: str
    type: Literal["int", "float"] = "float"
    default: bool = True
    repeated: bool = False  # a family of fields: `name` is a prefix, a number follows (log buckets)
    of: tuple[str, ...] = ()  # the sorts of points that carry it, when a kind has several; (): all of them


@dataclass(frozen=True, slots=True)
class Target:
    """What a check measures. `text` is what the user wrote; the kind parses it (`probes.target`)."""

    text: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """One result of one check. Times: `at_ns` wall clock (Unix ns) of the interval's start, `took_ms` elapsed."""

    kind: str
    target: str
    at_ns: int
    took_ms: float
    outcome: Outcome
    values: dict[str, Value] = field(default_factory=dict)
    why: str = ""  # plain words for people, "" when all is well; cleaned, never raw bytes from a peer
    detail: tuple[Row, ...] = ()  # a table for whoever ran `netmon probe` (the hops of a path); never sent or stored


@dataclass(frozen=True, slots=True)
class Job:
    """One check as the agent runs it. A packet goes out each `every_s`; one measurement covers `interval_s`."""

    id: str
    target: Target
    settings: Any
    every_s: float
    interval_s: float
    phase_s: float = 0.0


Emit = Callable[[str, Measurement], None]  # (job id, result); called in the event loop, must not block
Run = Callable[[Target, Any, int], Awaitable[Measurement]]  # one measurement, now, of `count` packets
Watch = Callable[[Sequence[Job], Emit], Awaitable[None]]  # all jobs of the kind on shared sockets, until cancelled


@dataclass(frozen=True, slots=True)
class Cost:
    """The most one run of a heavy kind asks of the path: bytes on it (both ways together), and how long it lasts.

    `bytes` None: as much as the path carries in that time.
    """

    bytes: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Kind:
    """A probe kind. `run` measures once; a packet kind also has `watch`, which serves all its jobs for ever.

    A heavy kind, one that may hurt others on its path, has `cost`: from its settings to the most a run asks of the path.
    `settings` is a frozen dataclass whose fields carry `metadata` (unit, limits, meaning); see `probes.settings`.
    """

    name: str
    settings: type[Any]
    fields: tuple[Field, ...]
    run: Run
    watch: Watch | None = None
    meaning: str = ""
    cost: Callable[[Any], Cost | None] | None = None  # None: not heavy with these settings; may raise as `run` does
