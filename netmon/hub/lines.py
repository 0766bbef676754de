"""From a body of line protocol to the lines that may be stored: allowed to their sender, typed, clean, in ms.

The head of a line (measurement and tags) is checked once and remembered: the memory is the series cache that makes
the fast path, the cardinality limit, and the place where a forged tag is told.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from netmon.hub import limits
from netmon.hub.places import NONE, Writer
from netmon.point import MAX_LINE, TAGS, Line, LineError, Value, decode
from probes.base import Field
from probes.clean import clean

FACTORS: dict[str, tuple[int, int]] = {  # precision → (multiply, divide) to milliseconds
    "ns": (1, 1_000_000), "n": (1, 1_000_000), "us": (1, 1_000), "u": (1, 1_000), "ms": (1, 1),
    "s": (1_000, 1), "m": (60_000, 1), "h": (3_600_000, 1),
}  # fmt: skip
_DIGITS = frozenset("0123456789")


@dataclass(slots=True)
class Head:
    """One series of one site: what its lines become. `why` says why it is refused, "" when it is not."""

    name: str
    tags: dict[str, str]
    as_sent: bool  # nothing was filled in, cleaned or ordered anew
    why: str
    forged: bool
    types: Mapping[str, str]
    families: tuple[Field, ...]
    used_ns: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """One refused line, `line` counted from 1."""

    line: int
    reason: str
    forged: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """A body read: `lines[i]` is None where line i was refused. `as_sent`: the text may be stored as it came."""

    lines: list[Line | None]
    faults: list[Fault]
    as_sent: bool


@dataclass(frozen=True, slots=True)
class Bounds:
    """Stamps allowed now (Unix ms), and the arrival that a line without one gets."""

    oldest_ms: int
    newest_ms: int
    arrived_ns: int


class Refused(ValueError):
    """This line is not stored; the message says why."""

    def __init__(self, why: str, forged: bool = False) -> None:
        super().__init__(why)
        self.forged = forged


_Found = tuple[Head, dict[str, Value], int | None]


class Reader:
    """Reads the bodies of one site's writers. Not thread-safe: it lives in the event loop."""

    def __init__(self, writer: Writer, schema: Mapping[str, tuple[Field, ...]]) -> None:
        self.writer = writer
        self._schema = {
            name: ({field.name: field.type for field in fields}, tuple(field for field in fields if field.repeated))
            for name, fields in schema.items()
        }
        self._heads: dict[tuple[str, str], Head] = {}
        self._fields: set[str] = set()
        self._limit = limits.MAX_SERIES * max(1, len(writer.agents))
        self._swept_ns = 0

    def read(self, body: str, agent: str, precision: str, bounds: Bounds) -> Read:
        """Every line of `body`; `agent` is the name in `X-Netmon-Agent` ("" without one). Never raises."""
        as_sent = precision == "ms" and not ('"' in body or "\\" in body or "\r" in body)
        lines: list[Line | None] = []
        faults: list[Fault] = []
        multiply, divide = FACTORS[precision]
        for number, found in self._decode(body, agent, bounds.arrived_ns):
            if len(lines) >= limits.MAX_LINES:
                faults.append(Fault(number, f"more than {limits.MAX_LINES} lines in one write"))
                break
            try:
                if isinstance(found, LineError):
                    raise Refused(found.reason)
                head, values, stamp = found
                self._check(head, values)
                time_ms = bounds.arrived_ns // 1_000_000 if stamp is None else stamp * multiply // divide
                if not bounds.oldest_ms <= time_ms <= bounds.newest_ms:
                    raise Refused(_too_far(time_ms, bounds))
            except Refused as fault:
                faults.append(Fault(number, str(fault), fault.forged))
                lines.append(None)
            else:
                as_sent = as_sent and head.as_sent and stamp is not None
                lines.append(Line(head.name, head.tags, values, time_ms))
        return Read(lines, faults, as_sent and not faults)

    def _decode(self, body: str, agent: str, now_ns: int) -> Iterator[tuple[int, _Found | LineError]]:
        """Each line as head, values and stamp. The common form is read here, all others by `netmon.point.decode`."""
        if '"' in body or "\\" in body:
            for number, slow in enumerate(decode(body), 1):
                yield (
                    (slow.line, slow) if isinstance(slow, LineError) else (number, self._slow(slow, "", agent, now_ns))
                )
            return
        for number, text in enumerate(body.split("\n"), 1):
            fast = self._fast(text, agent, now_ns)
            if fast is not None:
                yield number, fast
                continue
            raw = text.partition(" ")[0]
            for slow in decode(text):
                yield number, slow if isinstance(slow, LineError) else self._slow(slow, raw, agent, now_ns)

    def _fast(self, text: str, agent: str, now_ns: int) -> _Found | None:
        """`head field=1i,field=0.5 stamp` of a head seen before; None for anything else."""
        parts = text.split(" ")
        if len(parts) != 3 or not text.isascii() or len(text) > MAX_LINE:
            return None
        head = self._heads.get((agent, parts[0]))
        stamp = parts[2]
        if head is None or not stamp.isdecimal() or len(stamp) > 19:
            return None
        values: dict[str, Value] = {}
        try:
            for item in parts[1].split(","):
                key, _, number = item.partition("=")
                if key in values or "_" in number or len(number) > 40:
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
        head.used_ns = now_ns
        return head, values, int(stamp)

    def _slow(self, line: Line, raw: str, agent: str, now_ns: int) -> _Found:
        """A decoded line with its head. `raw` is the head as sent, "" when it may hold escapes."""
        plain = ",".join([line.name, *(f"{key}={value}" for key, value in line.tags.items())])
        # A head met with escapes or double tags must never be found by a text that means another.
        key = (agent, raw) if raw == plain else (agent, f"\0{line.name}\0{line.tags}")
        head = self._heads.get(key)
        if head is None:
            head = self._new_head(line, agent, as_sent=raw == plain)
            if len(self._heads) < self._limit or self._sweep(now_ns):
                self._heads[key] = head
            elif not head.why:
                head = replace(head, why=f"more than {self._limit} series from one site")
        head.used_ns = now_ns
        return head, line.fields, line.time

    def _new_head(self, line: Line, agent: str, as_sent: bool) -> Head:
        tags, why = bind(self.writer, agent, line.tags)
        name = clean(line.name, limits.MAX_NAME)
        same = as_sent and name == line.name and list(line.tags.items()) == list(tags.items())
        types, families = self._schema.get(name, ({}, ()))
        return Head(name, tags, same, why, bool(why), types, families)

    def _sweep(self, now_ns: int) -> bool:
        """Forget heads unused for a day, at most once a minute; is there room now?"""
        if now_ns - self._swept_ns < 60_000_000_000:
            return False
        self._swept_ns = now_ns
        self._heads = {key: head for key, head in self._heads.items() if now_ns - head.used_ns < limits.SERIES_IDLE_NS}
        return len(self._heads) < self._limit

    def _check(self, head: Head, values: dict[str, Value]) -> None:
        if head.why:
            raise Refused(head.why, head.forged)
        if not values:
            raise Refused("no number in it: texts and booleans are not stored")
        if len(values) > limits.MAX_FIELDS:
            raise Refused(f"more than {limits.MAX_FIELDS} fields")
        types = head.types
        for key, value in values.items():
            wanted = types.get(key)
            if wanted is None:
                wanted = self._other_field(key, head)
            if wanted and (wanted == "int") is not (type(value) is int):
                raise Refused(f"field {key} is {_type(value)}, the registry says {wanted}")
            if type(value) is int and not -(2**63) <= value < 2**63:
                raise Refused(f"field {key} is beyond 64 bits")

    def _other_field(self, key: str, head: Head) -> str:
        """The type a field outside the registry must have ("" any), or `Refused` for a name nobody may use."""
        if key not in self._fields:
            if len(key) > limits.MAX_NAME or clean(key, limits.MAX_NAME) != key:
                raise Refused(f"bad field name {clean(key, 64)!r}")
            if len(self._fields) >= limits.MAX_FIELD_NAMES:
                raise Refused(f"more than {limits.MAX_FIELD_NAMES} field names from one site")
            self._fields.add(key)
        for family in head.families:
            if key.startswith(family.name) and key[len(family.name) :].isdecimal():
                return family.type
        return ""


def bind(writer: Writer, agent: str, tags: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Tags as stored (all of `TAGS` first, then the others sorted), and why they are forged ("" when not).

    A missing or `-` site, commune, province or agent is filled in with the sender's own; another's is forged.
    """
    own = {"site": writer.site, "commune": writer.commune, "province": writer.province, "agent": agent or NONE}
    bound: dict[str, str] = {}
    for key in (*TAGS, *sorted(set(tags) - set(TAGS))):
        value = tags.get(key, NONE)
        if value == NONE:
            value = own.get(key, NONE)
        elif key in own and value != own[key] and not (key == "agent" and not agent and value in writer.agents):
            return bound, f"tag {key}={clean(value, 64)} is not of site {writer.site}: forged"
        bound[clean(key, limits.MAX_NAME)] = clean(value, limits.MAX_NAME)
    return bound, ""


def _too_far(time_ms: int, bounds: Bounds) -> str:
    if time_ms > bounds.newest_ms:
        return f"stamp {time_ms} ms is {(time_ms - bounds.arrived_ns // 1_000_000) // 1000} s ahead of the hub's clock"
    return f"stamp {time_ms} ms is older than what the hub keeps"


def _type(value: Value) -> str:
    return "int" if type(value) is int else "float"
