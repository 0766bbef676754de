"""What one writer has in the hub's memory: the series it writes and the names of its fields, both bounded.

Each agent has a share of its own, all other writers of a site have one together, so that a stranger (Telegraf) never uses
up what an agent needs. The head of a line is checked once and remembered by its text: that memory is the fast path, the
cardinality limit, and the place where a forged tag is told.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from netmon.hub import limits
from netmon.line import Value, decode_head, decode_rest, head_text, take_apart
from netmon.point import TAGS
from probes.base import Field
from probes.clean import clean

_DIGITS = frozenset("0123456789")
_SWEEP_NS = 60_000_000_000
Types = tuple[Mapping[str, str], tuple[Field, ...]]  # of one measurement: type by field, and its repeated fields
Bind = Callable[[Mapping[str, str]], tuple[dict[str, str], str]]  # tags → as stored, and why they are forged


class Refused(ValueError):
    """This line is not stored; the message says why."""

    def __init__(self, why: str, forged: bool = False) -> None:
        super().__init__(why)
        self.forged = forged


@dataclass(slots=True)
class SeriesHead:
    """One series of one writer: what its lines become."""

    name: str
    tags: dict[str, str]
    as_sent: bool  # nothing was filled in, cleaned or ordered anew
    types: Mapping[str, str]
    families: tuple[Field, ...]
    used_ns: int = 0
    moments: dict[int, int] = field(default_factory=dict)  # ms → the stamp it was told with, in ns; the last few


class Parts(NamedTuple):
    """A line taken apart. `canonical`: its text is what the hub itself would write."""

    head: SeriesHead
    values: dict[str, Value]
    stamp: int | None
    canonical: bool


class Share:
    """One writer's. Not thread-safe: it lives in the event loop."""

    def __init__(self, whose: str, bind: Bind, schema: Mapping[str, Types]) -> None:
        """`whose`: for people, as in "more than 2000 series from agent c1"."""
        self._whose, self._bind, self._schema = whose, bind, schema
        self._heads: dict[str, SeriesHead] = {}
        self._names: dict[str, str] = {}  # one text of each name, so that a thousand points do not hold a thousand
        self._head_bytes = self._name_bytes = 0
        self._swept_ns = 0

    def parts(self, text: str, now_ns: int) -> Parts:
        """One line with its series. Raises `Refused`, or ValueError for what is no line protocol."""
        known = self._fast(text, now_ns)
        if known is not None:
            return known
        raw, rest = take_apart(text)
        head = self._heads.get(raw)
        is_new = head is None
        values, stamp = decode_rest(rest)
        if head is None:
            head = self._new(raw, now_ns)
        head.used_ns = now_ns
        return Parts(head, values, stamp, is_new and self._fast(text, now_ns) is not None)

    def _fast(self, text: str, now_ns: int) -> Parts | None:
        """`head field=1i,field=0.5 stamp` of a head seen before; None for anything else."""
        parts = text.split(" ")
        if len(parts) != 3 or not text.isascii() or '"' in parts[1] or "\\" in text:
            return None
        head, stamp = self._heads.get(parts[0]), parts[2]
        if head is None or not stamp.isdecimal() or len(stamp) > 19:
            return None
        values = _plain_values(parts[1], self._names)
        if values is None:
            return None
        head.used_ns = now_ns
        return Parts(head, values, int(stamp), True)

    def _new(self, raw: str, now_ns: int) -> SeriesHead:
        if len(raw) > limits.MAX_SERIES_TEXT:
            raise Refused(f"measurement and tags are longer than {limits.MAX_SERIES_TEXT} characters")
        cost = _cost(raw)
        if not self._has_room(cost):
            self._forget_idle(now_ns)
        if not self._has_room(cost):  # looked at before the head is taken apart, which costs more
            raise Refused(self._too_many())
        name, sent = decode_head(raw)
        if len(sent) > limits.MAX_TAGS:
            raise Refused(f"more than {limits.MAX_TAGS} tags")
        if "time" in sent:
            raise Refused("a tag must not be named time: InfluxDB refuses it")
        tags, forged = self._bind(sent)
        if forged:
            raise Refused(forged, True)
        if len(tags) != len(sent.keys() | set(TAGS)):
            raise Refused("two of its tags look alike")
        shown = clean(name, len(name))
        _same_when_read_back(shown, tags)
        types, families = self._schema.get(shown, ({}, ()))
        head = SeriesHead(shown, tags, shown == name and list(sent.items()) == list(tags.items()), types, families)
        self._heads[raw] = head
        self._head_bytes += cost
        return head

    def _has_room(self, cost: int) -> bool:
        return len(self._heads) < limits.MAX_SERIES and self._head_bytes + cost <= limits.MAX_SERIES_BYTES

    def _too_many(self) -> str:
        if len(self._heads) >= limits.MAX_SERIES:
            return f"more than {limits.MAX_SERIES} series from {self._whose}"
        return f"more than {limits.MAX_SERIES_BYTES // 1_000_000} MB of series from {self._whose}"

    def _forget_idle(self, now_ns: int) -> None:
        """Heads unused for a day make room; looked for once a minute at most."""
        if now_ns - self._swept_ns < _SWEEP_NS:
            return
        self._swept_ns = now_ns
        self._heads = {raw: head for raw, head in self._heads.items() if now_ns - head.used_ns < limits.SERIES_IDLE_NS}
        self._head_bytes = sum(map(_cost, self._heads))

    def check(self, head: SeriesHead, values: dict[str, Value]) -> None:
        """Raises `Refused` for values the hub does not store."""
        if not values:
            raise Refused("no number in it: texts and booleans are not stored")
        if len(values) > limits.MAX_FIELDS:
            raise Refused(f"more than {limits.MAX_FIELDS} fields")
        types = head.types
        for key, value in values.items():
            if key not in self._names:
                self._new_name(key)
            wanted = types.get(key)
            if wanted is None:
                wanted = _type_of_family(key, head)
            if wanted and (wanted == "int") is not (type(value) is int):
                raise Refused(f"field {key} is {_type(value)}, the registry says {wanted}")
            if type(value) is int and not -(2**63) <= value < 2**63:
                raise Refused(f"field {clean(key, 64)} is beyond 64 bits")

    def _new_name(self, key: str) -> None:
        if len(key) > limits.MAX_NAME or clean(key, limits.MAX_NAME) != key or key == "time":
            raise Refused(f"bad field name {clean(key, 64)!r}")
        if len(self._names) >= limits.MAX_FIELD_NAMES or self._name_bytes + len(key) > limits.MAX_NAME_BYTES:
            raise Refused(f"more than {limits.MAX_FIELD_NAMES} field names from {self._whose}")
        self._names[key] = key
        self._name_bytes += len(key)


def _type_of_family(key: str, head: SeriesHead) -> str:
    """The type a field that is one of many must have (`rtt_b17` of `rtt_b`); "" for a name of nobody's."""
    for family in head.families:
        if key.startswith(family.name) and key[len(family.name) :].isdecimal():
            return family.type
    return ""


def _plain_values(text: str, names: Mapping[str, str]) -> dict[str, Value] | None:
    """`field=1i,field=0.5` in the canonical form of numbers; None for anything else."""
    values: dict[str, Value] = {}
    try:
        for item in text.split(","):
            key, _, number = item.partition("=")
            key = names.get(key, key)
            if key in values or "_" in number or "+" in number or len(number) > 40:
                return None
            if number[-1:] == "i":
                values[key] = int(number[:-1])
            elif number[-1:] in _DIGITS:
                values[key] = float(number)
            else:
                return None
    except ValueError:
        return None
    if "" in values or math.inf in values.values() or -math.inf in values.values():
        return None
    return values


def _same_when_read_back(name: str, tags: dict[str, str]) -> None:
    """Whoever reads the stored head must find this series: names that only look alike, or that no text can carry, cannot."""
    if decode_head(head_text(name, tags)) != (name, tags):
        raise Refused("its measurement and tags cannot be kept as they are")


def _cost(raw: str) -> int:
    """About how many bytes of memory a head takes."""
    return 700 + 3 * len(raw) + 150 * raw.count(",")


def _type(value: Value) -> str:
    return "int" if type(value) is int else "float"
