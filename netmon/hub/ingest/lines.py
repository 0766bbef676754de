"""From a body of line protocol to the lines that may be stored: allowed to their sender, typed, clean, in ms."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from netmon.hub import limits
from netmon.hub.ingest.shares import Refused, SeriesHead, Share
from netmon.hub.ingest.writers import NONE, Writer
from netmon.line import Line, Splitter, says_something, split, text_of_line
from netmon.point import TAGS
from netmon.store import record
from probes.base import Field
from probes.clean import clean

FACTORS: dict[str, tuple[int, int]] = {  # precision → (multiply, divide) to milliseconds
    "ns": (1, 1_000_000), "n": (1, 1_000_000), "us": (1, 1_000), "u": (1, 1_000), "ms": (1, 1),
    "s": (1_000, 1), "m": (60_000, 1), "h": (3_600_000, 1),
}  # fmt: skip
_PACK_LINES = 200  # in one gzip member: some milliseconds of work
_MAX_STAMP_NS = 2**63 - 2  # InfluxDB's, in the year 2262: no clock goes that wrong, a precision does
_MOMENTS = 8  # of a series, remembered for writers finer than a millisecond


@dataclass(frozen=True, slots=True)
class BadLine:
    """One refused line, `line` counted from 1."""

    line: int
    reason: str
    forged: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """Stamps allowed now (Unix ms), and the arrival that a line without one gets."""

    oldest_ms: int
    newest_ms: int
    arrived_ns: int


@dataclass(slots=True)
class Read:
    """What was read so far of one write: `lines[i]` is None where line i was refused. `as_sent`: the text may be stored as
    it came. `packed`: the lines accepted, as gzip members, where it may not."""

    share: Share
    precision: str
    bounds: Bounds
    lines: list[Line | None] = field(default_factory=list)
    faults: list[BadLine] = field(default_factory=list)
    forged: int = 0
    values: int = 0  # in `lines`
    as_sent: bool = True
    ahead: int = 0  # lines refused for a stamp too far ahead of the clock …
    old: int = 0  # … or older than what is kept
    is_over: bool = False  # the body is read to its end
    packed: list[bytes] = field(default_factory=list)
    _packed_lines: int = 0

    def fill(self, numbered: Iterator[tuple[int, bytes | None]], max_lines: int, max_values: int) -> Iterator[None]:
        """Read on, step by step, to the end of the body or until there are so many lines or values. Never raises."""
        for number, raw in numbered:
            self.add(number, raw)
            yield
            if not self.as_sent and len(self.lines) - self._packed_lines >= _PACK_LINES:
                yield from self._pack()
            if len(self.lines) >= max_lines or self.values >= max_values:
                self.as_sent = False  # what came holds more than what is stored of it here
                break
        else:
            self.is_over = True
        if not self.as_sent:
            yield from self._pack()

    def _pack(self) -> Iterator[None]:
        while self._packed_lines < len(self.lines):
            part = self.lines[self._packed_lines : self._packed_lines + _PACK_LINES]
            self._packed_lines += len(part)
            accepted = [line for line in part if line is not None]
            if accepted:
                self.packed.append(pack(accepted))
            yield

    def begin_another(self) -> None:
        """What was read is stored: make room for the rest of the body. Its faults stay."""
        self.lines, self.packed, self._packed_lines, self.values, self.as_sent = [], [], 0, 0, False
        self.ahead = self.old = 0

    def add(self, number: int, raw: bytes | None) -> None:
        """One line of the body (None: too long) and its number there. Blank ones and comments are none. Never raises."""
        if raw is not None and not says_something(raw):
            return
        try:
            line = self._line(raw)
        except ValueError as fault:
            self._refuse(number, fault)
        else:
            self.lines.append(line)
            self.values += len(line.fields)

    def _refuse(self, number: int, fault: ValueError) -> None:
        self.lines.append(None)
        self.as_sent = False
        forged = isinstance(fault, Refused) and fault.forged
        self.forged += forged
        self.faults.append(
            BadLine(number, str(fault), forged) if len(self.faults) < limits.KEPT_FAULTS else _NAMELESS[forged]
        )

    def _line(self, raw: bytes | None) -> Line:
        bounds = self.bounds
        head, values, stamp, canonical = self.share.parts(text_of_line(raw), bounds.arrived_ns)
        self.share.check(head, values)
        multiply, divide = FACTORS[self.precision]
        stamp_ns = bounds.arrived_ns if stamp is None else stamp * multiply * 1_000_000 // divide
        if abs(stamp_ns) > _MAX_STAMP_NS:
            raise Refused(f"stamp {stamp} is out of range at precision {self.precision} (is it another precision?)")
        time_ms = stamp_ns // 1_000_000
        if not bounds.oldest_ms <= time_ms <= bounds.newest_ms:
            self.ahead += time_ms > bounds.newest_ms
            self.old += time_ms < bounds.oldest_ms
            raise Refused(_too_far(time_ms, bounds))
        if divide > 1 and stamp is not None:
            _one_a_millisecond(head, time_ms, stamp_ns)
        canonical = canonical and head.as_sent and multiply == divide and raw is not None and not raw.endswith(b"\r")
        self.as_sent = self.as_sent and canonical
        return Line(head.name, head.tags, values, time_ms)


_NAMELESS = (BadLine(0, "bad"), BadLine(0, "forged", True))  # beyond what an answer names, only counted


def pack(lines: Iterable[Line]) -> bytes:
    """Lines as one gzip member."""
    return zlib.compress((record.text_of(lines) + "\n").encode(), 1, wbits=31)


class LineReader:
    """Reads the bodies of one site's writers. Not thread-safe: it lives in the event loop."""

    def __init__(self, writer: Writer, schema: Mapping[str, tuple[Field, ...]]) -> None:
        self.writer = writer
        self._schema = {
            name: ({field.name: field.type for field in fields}, tuple(field for field in fields if field.repeated))
            for name, fields in schema.items()
        }
        self._shares: dict[str, Share] = {}

    def begin(self, agent: str, precision: str, bounds: Bounds) -> Read:
        """A write of `agent` (the name in `X-Netmon-Agent`, "" without one) begins."""
        share = self._shares.get(agent)
        if share is None:
            whose = f"agent {agent}" if agent else f"site {self.writer.site}'s other writers"
            share = self._shares[agent] = Share(whose, partial(bind, self.writer, agent), self._schema)
        return Read(share, precision, bounds)

    def read(self, body: str | bytes, agent: str, precision: str, bounds: Bounds) -> Read:
        """Every line of a whole `body`. Never raises."""
        read = self.begin(agent, precision, bounds)
        for number, raw in split(body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")):
            read.add(number, raw)
        return read


def numbered(parts: Iterable[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """The lines of a body that comes in parts; (0, b"") where a part ends none. A line without end ends the reading."""
    splitter = Splitter()
    for part in parts:
        yield from splitter.feed(part)
        yield 0, b""
        if splitter.size > limits.MAX_OVERLONG_BYTES:
            break
    yield from splitter.end()


def _one_a_millisecond(head: SeriesHead, time_ms: int, stamp_ns: int) -> None:
    """The hub keeps milliseconds: a second point within one would overwrite the first in silence."""
    told_ns = head.moments.get(time_ms)
    if told_ns is None:
        if len(head.moments) >= _MOMENTS:
            del head.moments[next(iter(head.moments))]
        head.moments[time_ms] = stamp_ns
    elif told_ns != stamp_ns:
        raise Refused(f"stamp {stamp_ns} ns: the hub keeps milliseconds and has a point of this series in that one")


def bind(writer: Writer, agent: str, tags: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Tags as stored (all of `TAGS` first, then the others sorted), and why they are forged ("" when not).

    A missing or `-` site, commune, province or agent is filled in with the sender's own; another's is forged, and so is
    a check that the inventory says is another agent's.
    """
    own = {"site": writer.site, "commune": writer.commune, "province": writer.province, "agent": agent or NONE}
    bound: dict[str, str] = {}
    for key in (*TAGS, *sorted(set(tags) - set(TAGS))):
        value = tags.get(key, NONE)
        if value == NONE:
            value = own.get(key, NONE)
        elif key in own and value != own[key] and not (key == "agent" and not agent and value in writer.agents):
            return bound, f"tag {key}={clean(value, 64)} is not of site {writer.site}: forged"
        bound[clean(key, len(key))] = clean(value, len(value))
    bound["agent"], why = writer.check_of(bound["check"], bound["agent"])
    return bound, why


def _too_far(time_ms: int, bounds: Bounds) -> str:
    if time_ms > bounds.newest_ms:
        return f"stamp {time_ms} ms is {(time_ms - bounds.arrived_ns // 1_000_000) // 1000} s ahead of the hub's clock"
    return f"stamp {time_ms} ms is older than what the hub keeps"
