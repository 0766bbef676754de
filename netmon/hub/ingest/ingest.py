"""A write from its headers to its answer: who may, what of it, stored once, then told to whoever watches."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from netmon.hub import limits
from netmon.hub.ingest import clocks
from netmon.hub.ingest.batch import Batch
from netmon.hub.ingest.intake import BadBody, Body, BodyRoom, WriterTurns
from netmon.hub.ingest.journal import DiskRefuses, Journal
from netmon.hub.ingest.lines import FACTORS, BadLine, Bounds, LineReader, Read, numbered, pack
from netmon.hub.ingest.seen import NotARepeat, Plain, SeenNumbers
from netmon.hub.ingest.showing import Showing
from netmon.hub.ingest.twins import Twins
from netmon.hub.ingest.writers import Writer, Writers
from netmon.hub.tokens import Tokens
from netmon.line import Line
from netmon.process.troubles import Troubles
from netmon.segments.position import Position
from netmon.store import record
from netmon.store.record import Header
from probes.base import Field
from probes.clean import clean

_BOOT = re.compile(r"[0-9A-Za-z-]{1,64}")
_RANGE = re.compile(r"(\d{1,18})-(\d{1,18})")
_STAMP = re.compile(r"\d{1,15}")
WAIT = 503
CLOCKS = "clocks"  # on the board of troubles
_CALM_S, _CALM_TRIES = 0.05, 200
_Numbered = Iterator[tuple[int, "bytes | None"]]
NAMED_FAULTS = 5  # bad lines an answer names; the rest is counted


class HttpReply(NamedTuple):
    """How a write is answered; `code` is InfluxDB's word for the status."""

    status: int
    code: str = ""
    message: str = ""
    retry_after_s: int = 0
    close: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """Who writes, as its headers say and its token allows. `header`: as its record will have it, but for the arrival."""

    writer: Writer
    header: Header
    precision: str
    gzipped: bool
    size: int  # of the body as sent, bytes; the most there may be where it is not told
    now_ms: int | None = None  # its own clock, of agents that know what an answer about it, or about numbers, means

    @property
    def whose(self) -> tuple[str, str]:
        """Whose turns, room and share it uses: an agent's, or those of all others of a site."""
        return self.writer.site, self.header.agent


class BadWrite(Exception):
    """A request that is refused whole; carries its answer."""

    def __init__(self, reply: HttpReply) -> None:
        super().__init__(reply.message)
        self.reply = reply


class Ingest:
    """Takes writes. Lives in the event loop; `publish` gets every stored batch, in the order of the segments."""

    def __init__(
        self,
        places: Writers,
        tokens: Tokens,
        schema: Mapping[str, tuple[Field, ...]],
        journal: Journal,
        seen: SeenNumbers,
        counters: limits.Counters,
        *,
        retention_s: float,
        position: Position,
        publish: Callable[[Batch], None],
        troubles: Troubles | None = None,
        on_waiting: Callable[[str], None] = lambda agent: None,
        refused: Callable[[Batch], None] = lambda batch: None,
        clock_ns: Callable[[], int] = time.time_ns,
        mono_s: Callable[[], float] = time.monotonic,
        unjudged: Callable[[], int] = lambda: 0,
    ) -> None:
        """`on_waiting`: called with an agent when its points wait for a clock: it is not silent. `refused` gets a batch the
        disk did not take: its writer comes again with it. `unjudged`: how many published values wait for the evaluation."""
        self._places, self._tokens, self._journal, self._seen = places, tokens, journal, seen
        self._readers = {site: LineReader(writer, schema) for site, writer in places.writers.items()}
        self._counters, self._refused, self._clock_ns = counters, refused, clock_ns
        self._retention_ms = int(retention_s * 1000)
        self._flying: dict[int, tuple[str, str, list[tuple[int, int]]]] = {}
        self._serial = 0
        self._troubles, self._on_waiting, self._mono_s = troubles or Troubles(), on_waiting, mono_s
        self._clock_trouble, self._twins = "", Twins()
        self.clocks = clocks.WriterClocks(clock_ns() // 1_000_000, mono_s(), seen.newest_ms())
        self.position = position  # after the last record settled and published
        self._unjudged, self._turns, self._large, self._room = unjudged, WriterTurns(), WriterTurns(), BodyRoom()
        self._showing = Showing(publish, self._shown, self._troubles)

    def admit(self, token: str, headers: Mapping[str, str], precision: str) -> Claimed:
        """Who writes. `headers`: names in lower case. Raises `BadWrite` (401, 403, 400, 415) before a body is read."""
        agent = headers.get("x-netmon-agent", "")
        writer = self.writer(token, agent)
        if precision not in FACTORS:
            raise self._malformed(400, f"precision {clean(precision, 16)!r} is none of {', '.join(FACTORS)}")
        encoding = headers.get("content-encoding", "").strip().lower()
        if encoding not in ("", "gzip", "x-gzip", "identity"):
            raise self._malformed(415, f"content encoding {clean(encoding, 32)!r} is not known (gzip or identity)")
        frontier = headers.get("x-netmon-frontier", "")
        if frontier and not _STAMP.fullmatch(frontier):
            raise self._malformed(400, "X-Netmon-Frontier is not a Unix time in ms")
        header = Header(
            agent,
            writer.site,
            *self._numbers(agent, headers),
            int(frontier) if frontier else None,
            backfill=headers.get("x-netmon-backfill") == "1",
            urgent=headers.get("x-netmon-urgent") == "1",
            arrived_ns=0,
        )
        return Claimed(
            writer=writer,
            header=header,
            precision=precision,
            gzipped=encoding.endswith("gzip"),
            size=_size(headers.get("content-length", "")),
            now_ms=clocks.told_ms(headers),
        )

    def writer(self, token: str, agent: str) -> Writer:
        """Whose token it is, and that `agent` ("": not told) is one of theirs. Raises `BadWrite` (401, 403)."""
        writer = self._places.writers.get(self._tokens.name(token) or "")
        if writer is None:
            self._counters.refused += 1
            raise BadWrite(HttpReply(401, "unauthorized", "a site's write token is needed (Authorization: Token …)"))
        if agent and agent not in writer.agents:
            self._counters.refused += 1
            why = f"agent {clean(agent, 64)} is not of site {writer.site} (see the hub's inventory)"
            raise BadWrite(HttpReply(403, "forbidden", why))
        return writer

    def _numbers(self, agent: str, headers: Mapping[str, str]) -> tuple[str, int, int]:
        sequence = headers.get("x-netmon-seq", "")
        if not sequence:
            return "", 0, 0
        match, boot = _RANGE.fullmatch(sequence), headers.get("x-netmon-boot", "")
        if match is None or int(match[1]) > int(match[2]) or not _BOOT.fullmatch(boot) or not agent:
            raise self._malformed(400, "X-Netmon-Seq needs FIRST-LAST, X-Netmon-Boot and X-Netmon-Agent")
        return boot, int(match[1]), int(match[2])

    def _malformed(self, status: int, why: str, *, close: bool = False) -> BadWrite:
        self._counters.malformed += 1
        code = {413: "request too large", 415: "unsupported media type"}.get(status, "invalid")
        return BadWrite(HttpReply(status, code, why, close=close))

    def too_large(self) -> HttpReply:
        """The answer to a body over the cap."""
        return self._malformed(413, f"more than {limits.MAX_BODY_BYTES} bytes in one write", close=True).reply

    def enter(self, claimed: Claimed) -> HttpReply | None:
        """Before the body is read: None when there is room for it (then `leave` when its answer is known), or the answer."""
        if self._room.enter(claimed.whose, claimed.size):
            return None
        self._counters.overload += 1
        why = f"{limits.MAX_BYTES_AT_ONCE} bytes of this writer are on their way: come again"
        return HttpReply(429, "too many requests", why, retry_after_s=1, close=True)

    def leave(self, claimed: Claimed) -> None:
        """The write is answered."""
        self._room.leave(claimed.whose, claimed.size)

    async def write(self, claimed: Claimed, sent: bytes) -> HttpReply:
        """Store what may be stored of a body; the answer once it is durable."""
        now_ns = self._clock_ns()
        body = Body(sent, gzipped=claimed.gzipped)
        try:
            self._hear_clock(claimed, now_ns // 1_000_000)
            await self._turns.work(claimed.whose, body.checked())
            if not body.is_large:
                return await self._take(claimed, body, now_ns)
            async with self._large.turn(claimed.whose):
                return await self._take(claimed, body, now_ns)
        except BadBody as bad:
            return self._malformed(bad.status, str(bad)).reply
        except BadWrite as bad:
            if bad.reply.status == WAIT and claimed.header.agent:
                self._on_waiting(claimed.header.agent)
            return bad.reply
        except DiskRefuses as fault:
            self._counters.disk_refusals += 1
            return HttpReply(503, "unavailable", f"not stored: {fault}", retry_after_s=limits.RETRY_AFTER_S)

    async def _take(self, claimed: Claimed, body: Body, now_ns: int) -> HttpReply:
        read = self._readers[claimed.writer.site].begin(claimed.header.agent, claimed.precision, self._bounds(now_ns))
        lines = numbered(body.parts())
        if claimed.header.agent:
            faults = await self._take_whole(claimed, body, read, lines, now_ns)
        else:
            faults = await self._take_in_parts(claimed, body, read, lines, now_ns)
        return HttpReply(400, "invalid", _partial(faults)) if faults else HttpReply(204)

    def _hear_clock(self, claimed: Claimed, now_ms: int) -> None:
        """Points of an agent whose clock and the hub's differ too much wait there (503): one of them will be set right."""
        told_ms = claimed.now_ms
        if told_ms is None and claimed.header.boot:
            told_ms = claimed.header.frontier_ms  # of agents of earlier versions: up to a flush behind their clock
        if told_ms is None:
            return
        mono_s = self._mono_s()
        why = self.clocks.hear(claimed.writer.site, claimed.header.agent, told_ms, now_ms, mono_s)
        if why or self._clock_trouble:
            self._note_clocks(mono_s)
        if why:
            raise self._waits(why)
        if claimed.header.boot and claimed.header.frontier_ms is not None:  # live
            twins = self._twins.note(claimed.header.agent, claimed.header.boot, mono_s)
            if twins:
                self._troubles.note(f"agent {claimed.header.agent}", twins)

    def _look_at_stamps(self, claimed: Claimed, read: Read) -> None:
        """A write whose stamps cannot be judged, for a clock is wrong, waits whole. One wrong stamp among good ones is a
        wrong line, and so are old points of a writer whose clock is right."""
        doubted = self.clocks.differs(claimed.writer.site)
        all_ahead = read.ahead == len(read.lines) and claimed.now_ms is None
        if (read.ahead and (doubted or all_ahead)) or (read.old and doubted):
            raise self._waits(
                next(fault.reason for fault in read.faults if fault.reason) + ": one of the clocks is wrong"
            )

    def _waits(self, why: str) -> BadWrite:
        self._counters.clock_refusals += 1
        return BadWrite(HttpReply(503, "clock", why, retry_after_s=limits.RETRY_AFTER_S))

    def _note_clocks(self, mono_s: float) -> None:
        trouble = self.clocks.trouble(mono_s)
        if trouble:
            severity = "critical" if self.clocks.hub_is_off else "warning"
            self._troubles.tell(CLOCKS, trouble, severity=severity)
        else:
            self._troubles.well(CLOCKS)
        self._clock_trouble = trouble

    async def _take_whole(
        self, claimed: Claimed, body: Body, read: Read, lines: _Numbered, now_ns: int
    ) -> list[BadLine]:
        """An agent's write: one record, numbered and claimed as one."""
        await self._calm(body)
        await self._turns.work(claimed.whose, read.fill(lines, limits.MAX_LINES + 1, limits.MAX_VALUES + 1))
        if not read.is_over:
            raise self._malformed(413, f"more than {limits.MAX_VALUES} values in one write of an agent")
        self._look_at_stamps(claimed, read)
        serial = self._claim(claimed, read, body.sum32)
        storing, faults = self._hand_over(serial, claimed, read, body, now_ns)
        await storing
        await self._showing.shown(serial)
        return faults

    async def _take_in_parts(
        self, claimed: Claimed, body: Body, read: Read, lines: _Numbered, now_ns: int
    ) -> list[BadLine]:
        """Any other writer's: a large write is several records, each stored before the next is read. What comes again
        overwrites itself."""
        counted = forged = 0
        while not read.is_over:
            await self._calm(body)
            await self._turns.work(claimed.whose, read.fill(lines, limits.STORED_LINES, limits.STORED_VALUES))
            self._look_at_stamps(claimed, read)
            kept = tuple(line for line in read.lines if line is not None)
            self._counters.points_rejected += len(read.faults) - counted
            self._counters.points_forged += read.forged - forged
            counted, forged = len(read.faults), read.forged
            serial = self._fly(claimed, [])
            await self._store(serial, claimed, kept, _payload(read, kept, body), now_ns)
            read.begin_another()
        return read.faults

    async def _calm(self, body: Body) -> None:
        """Large writes wait while the evaluation has more to judge than it should; not for ever."""
        if body.size <= limits.SMALL_BYTES:
            return
        for _ in range(_CALM_TRIES):
            if self._unjudged() <= limits.MAX_UNJUDGED_VALUES:
                return
            await asyncio.sleep(_CALM_S)
        raise DiskRefuses("the evaluation is behind")

    def _bounds(self, now_ns: int) -> Bounds:
        now_ms = self.clocks.reference_ms(now_ns // 1_000_000, self._mono_s())
        return Bounds(now_ms - self._retention_ms, now_ms + limits.FUTURE_MS, now_ms * 1_000_000)

    def _claim(self, claimed: Claimed, read: Read, sum32: int) -> int:
        """Mark a write's numbers as seen; under which serial they fly until its record is settled, or taken back."""
        return self._fly(claimed, self._fresh(claimed, read, sum32) if claimed.header.boot else [])

    def _fly(self, claimed: Claimed, fresh: list[tuple[int, int]]) -> int:
        self._serial += 1
        self._flying[self._serial] = (claimed.header.agent, claimed.header.boot, fresh)
        return self._serial

    def _fresh(self, claimed: Claimed, read: Read, sum32: int) -> list[tuple[int, int]]:
        claimed_count, count = claimed.header.last - claimed.header.first + 1, len(read.lines)
        if count != claimed_count:
            raise self._malformed(400, f"X-Netmon-Seq tells of {claimed_count} points, the body has {count}")
        stamps = [0 if line is None else line.time or 0 for line in read.lines]
        sum32 = 0 if claimed.now_ms is None else sum32
        try:
            return self._seen.claim(
                claimed.header.agent, claimed.header.boot, claimed.header.first, claimed.header.last, stamps, sum32
            )
        except NotARepeat:
            self._counters.points_conflicting += claimed_count
            why = (
                f"points {claimed.header.first} to {claimed.header.last} of boot {claimed.header.boot} are others than those stored under these"
                " numbers (two agents with one state folder?): number them anew"
            )
            raise BadWrite(HttpReply(409, "conflict", why)) from None

    def _count(self, claimed: Claimed, lines: list[Line | None], faults: list[BadLine]) -> None:
        if claimed.header.boot:
            self._counters.points_repeated += claimed.header.last - claimed.header.first + 1 - len(lines)
        self._counters.points_rejected += len(faults)
        self._counters.points_forged += sum(fault.forged for fault in faults)

    def _hand_over(
        self, serial: int, claimed: Claimed, read: Read, body: Body, now_ns: int
    ) -> tuple[Awaitable[None], list[BadLine]]:
        """Give what is new to the journal: what to wait for, and the faults to tell. Takes the claim back on any failure."""
        try:
            _, _, fresh = self._flying[serial]
            lines, faults = (
                _only(fresh, claimed.header.first, read) if claimed.header.boot else (read.lines, read.faults)
            )
            kept = tuple(line for line in lines if line is not None)
            storing = self._store(serial, claimed, kept, _payload(read, kept, body), now_ns)
        except BaseException:  # whatever it was, the journal has not got it: its repeat must be stored
            self._take_back(serial)
            raise
        self._release_refused(claimed, read)
        self._count(claimed, lines, faults)
        return storing, faults

    def _release_refused(self, claimed: Claimed, read: Read) -> None:
        """A line that was refused is not stored: sent again alone it must be refused again, not taken for a repeat."""
        if claimed.header.boot and None in read.lines:
            numbers = [claimed.header.first + at for at, line in enumerate(read.lines) if line is None]
            self._seen.release(claimed.header.agent, claimed.header.boot, [(number, number) for number in numbers])

    def _store(
        self, serial: int, claimed: Claimed, kept: tuple[Line, ...], payload: tuple[bytes, bool], now_ns: int
    ) -> Awaitable[None]:
        if not kept:
            del self._flying[serial]
            return self._journal.barrier()  # a repeat may stand on a write that is not durable yet
        header = self._arrived(claimed.header, claimed.now_ms, now_ns)

        def settled(position: Position | None) -> None:
            if position is None:
                self._take_back(serial)
                self._refused(Batch(header, kept, self.position))
                return
            self._counters.writes += 1
            self._counters.points_stored += len(kept)
            if claimed.header.boot:
                self.clocks.stored(max(line.time or 0 for line in kept))
            self._showing.show(serial, header, kept, position)

        content, gzipped = payload
        return self._journal.store(record.encode(header, content, gzipped=gzipped), settled)

    def _arrived(self, header: Header, told_ms: int | None, now_ns: int) -> Header:
        """With its arrival and what its clock showed; no frontier lies further ahead than a stamp may."""
        frontier_ms = header.frontier_ms
        if frontier_ms is not None:
            frontier_ms = min(frontier_ms, self._bounds(now_ns).newest_ms)
        ahead_ms = None if told_ms is None else told_ms - now_ns // 1_000_000
        return header._replace(arrived_ns=now_ns, frontier_ms=frontier_ms, ahead_ms=ahead_ms)

    def _shown(self, serial: int, position: Position) -> None:
        del self._flying[serial]
        self.position = position

    def _take_back(self, serial: int) -> None:
        """A claim whose record is not, and will not be, durable."""
        claim = self._flying.pop(serial, None)
        if claim is not None:
            self._seen.release(*claim)

    def seen_now(self) -> Plain:
        """The seen ranges of everything up to `position` and nothing behind it, as plain data."""
        durable = SeenNumbers.restore(self._seen.export())
        for agent, boot, parts in self._flying.values():
            durable.release(agent, boot, parts)
        return durable.export()

    def newest_now(self) -> dict[str, dict[str, int]]:
        """The newest stamp stored under each boot of each agent."""
        return self._seen.newest()


def _size(length: str) -> int:
    size = int(length) if length.isdecimal() and len(length) < 10 else limits.MAX_BODY_BYTES
    return max(1, min(size, limits.MAX_BODY_BYTES))


def _payload(read: Read, kept: tuple[Line, ...], body: Body) -> tuple[bytes, bool]:
    """The text of a record, and whether it is gzip: as it came where it may be, as it was packed, or of `kept` alone."""
    if read.as_sent and len(kept) == len(read.lines):
        return body.sent, body.gzipped
    if read.packed and len(kept) == sum(line is not None for line in read.lines):
        return b"".join(read.packed), True
    return pack(kept), True


def _only(fresh: list[tuple[int, int]], first: int, read: Read) -> tuple[list[Line | None], list[BadLine]]:
    """The lines whose numbers are new, and the faults unless the whole body is a repeat."""
    if fresh == [(first, first + len(read.lines) - 1)]:
        return read.lines, read.faults
    lines = [line for low, high in fresh for line in read.lines[low - first : high - first + 1]]
    return lines, read.faults if None in lines else []


def _partial(faults: list[BadLine]) -> str:
    named = [f"line {fault.line}: {fault.reason}" for fault in faults[:NAMED_FAULTS]]
    if len(faults) > NAMED_FAULTS:
        named.append(f"and {len(faults) - NAMED_FAULTS} more")
    return clean(f"partial write: {'; '.join(named)}", 1500) + f" dropped={len(faults)}"
