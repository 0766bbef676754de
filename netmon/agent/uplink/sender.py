"""One thread for each destination: live points first, the backlog in the gaps at its rate, nothing ever given up
but lines the far side will never take."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from netmon.agent.clock.hub import HubClock, parse
from netmon.agent.uplink.client import Uplink
from netmon.agent.uplink.cursor import BATCH_LINES, Cursor, Upload
from netmon.agent.uplink.spool import new_boot
from netmon.delivery.backoff import Backoff
from netmon.delivery.isolate import Part, send
from netmon.delivery.reply import Act, WriteReply, WriteVerdict, judge, said
from netmon.delivery.set_aside import SetAside
from netmon.process.troubles import Troubles, watched_thread

log = logging.getLogger("netmon.agent")
SAVE_EVERY_S = 1.0
LOOK_S = 5.0  # between two looks for points to be sent again
FIRST_WAIT_S = 0.5
CLOCK_WAIT_S = 5.0  # before a database is tried again while a clock is wrong
CONFLICT = 409  # what comes under these numbers is not what the hub stored under them
MAX_REFUSED_S = 60.0  # an operator has to act: asking more often helps nobody


@dataclass(slots=True)
class DestinationState:
    """How a destination fares, for people. `since_ms`: when it became so."""

    good: bool = False
    trouble: str = "not tried yet"
    since_ms: int = 0
    delivered: int = 0  # points, in this run
    rejected: int = 0  # points the far side will never take: set aside
    silent_since_s: float | None = None  # monotonic: since when nobody answers there at all; None: somebody did
    asked_s: float = 0.0  # monotonic: when it was asked last


class Sender(threading.Thread):
    """Delivers one cursor's points. `agent`: the name in the headers, "" for a database, which gets no headers."""

    def __init__(
        self,
        name: str,
        agent: str,
        cursor: Cursor,
        aside: SetAside,
        uplink: Uplink,
        clock: HubClock,
        *,
        backlog_bps: int,
        max_wait_s: float,
        troubles: Troubles | None = None,
    ) -> None:
        super().__init__(name=f"send-{name}", daemon=True)
        self.destination, self.cursor, self.condition = name, cursor, DestinationState(since_ms=_now_ms())
        self._troubles, self._part = troubles or Troubles(), f"destination {name}"
        self.aside = aside
        self._alike: tuple[str, int, int] | None = (
            None  # boot and first number of a batch refused whole; delivered then
        )
        self._agent, self._uplink, self._clock = agent, uplink, clock
        self._backlog_bytes_s, self._backoff = backlog_bps / 8, Backoff(FIRST_WAIT_S, max_wait_s)
        self._new, self._ending = threading.Event(), threading.Event()
        self._backlog_due = self._saved = self._looked = 0.0
        self._unsaved = False  # the cursor moved since it was saved
        self._until = 0.0
        self._renamed: dict[str, str] = {}  # boot ids that another process uses too → what the hub is told instead

    def wake(self) -> None:
        """There are new points."""
        self._new.set()

    def finish(self, within_s: float) -> None:
        """Send the live points that wait, once more if it fails, then end. Returns at once; then `join`."""
        self._until = time.monotonic() + within_s
        self._ending.set()
        self._new.set()

    def run(self) -> None:
        """The thread."""
        watched_thread(self._troubles, f"sender of {self.destination}", self._send_for_ever, self._ending)
        try:
            self._farewell()
        finally:
            self.cursor.save()
            self._uplink.close()

    def _send_for_ever(self) -> None:
        while not self._ending.is_set():
            if not self._step():
                self._look_aside()
                self._new.wait(self._idle_s())
                self._new.clear()
            self._save()

    def _look_aside(self) -> None:
        if time.monotonic() - self._looked >= LOOK_S and self.condition.good:
            self._looked = time.monotonic()
            self._send_again()

    def _farewell(self) -> None:
        while time.monotonic() < self._until:
            batch = self.cursor.next_live(_even_ms())
            if batch is None or not self._deliver(batch):
                break

    def _step(self) -> bool:
        """Deliver one batch if there is one; whether there was."""
        self._new.clear()
        batch = self.cursor.next_live(_even_ms())
        if batch is None and time.monotonic() >= self._backlog_due:
            batch = self.cursor.next_backlog(int(self._backlog_bytes_s) + 1)
        if batch is None:
            return False
        if not self._agent and self._clock.is_off:  # a database takes any stamp, and keeps it
            self._failed("the clocks of this machine and of the hub differ (see there)", False, CLOCK_WAIT_S)
            return True
        self._deliver(batch)
        return True

    def _idle_s(self) -> float | None:
        """Until the backlog may go on; a cursor that waits to be saved does not wait long; None: until there is news."""
        if self.cursor.behind:
            return min(SAVE_EVERY_S, max(0.01, self._backlog_due - time.monotonic()))
        return SAVE_EVERY_S if self._unsaved else None

    def _save(self) -> None:
        if self._unsaved and time.monotonic() - self._saved >= SAVE_EVERY_S:
            self.cursor.save()
            self._saved, self._unsaved = time.monotonic(), False

    def _deliver(self, batch: Upload) -> bool:
        """Until every line of the batch is taken or set aside (True), or it failed and the wait is over (False): then look
        what is newest."""
        sent = send(batch.lines, len(batch.lines), partial(self._write, batch), self._well)
        if sent is None:
            return False
        if sent.refused and not sent.taken and not self._is_proven(batch):
            self._failed(f"every point is refused: {sent.why}", True, 0.0)
            return False
        self.condition.delivered += sent.taken
        self._set_aside(sent.refused, sent.why)
        self.cursor.done(batch)
        self._unsaved = True
        return True

    def _write(self, batch: Upload, part: Part, is_last: bool, may_rename: bool = True) -> WriteVerdict | None:
        """Send a part of a batch: what was said of its points; None when nothing was, and the wait is over."""
        lines = batch.lines[part.start : part.end]
        headers = self._headers(batch, batch.first + part.start, len(lines), is_last=is_last)
        reply, size = self._uplink.post(lines, headers)
        self._note_silence(reply)
        if batch.backlog:
            self._backlog_due = time.monotonic() + size / self._backlog_bytes_s
        self._learn(reply)
        if reply.status == CONFLICT and self._agent and may_rename:
            self._rename(batch.boot, reply)
            return self._write(batch, part, is_last, may_rename=False)
        return self._judged(reply)

    def _note_silence(self, reply: WriteReply) -> None:
        """Whoever answers anything is not silent, nor is one this machine cannot ask rightly."""
        now_s, condition = time.monotonic(), self.condition
        condition.asked_s = now_s
        is_silent = reply.status == 0 and not reply.is_mistake
        condition.silent_since_s = (condition.silent_since_s or now_s) if is_silent else None

    def _judged(self, reply: WriteReply) -> WriteVerdict | None:
        """What an answer means; None, told and waited for, when that is nothing about points. A hub says 204 when it stored
        something, and nothing else, and tells its clock each time: a login page that answers 204 to everything does not."""
        judged = judge(reply)
        if reply.is_mistake or (self._agent and 200 <= reply.status < 300 and not _is_stored(reply)):
            judged = WriteVerdict(Act.REFUSED, said(reply))
        if judged.is_of_lines:
            return judged
        if self._agent and reply.status == 503 and '"code": "clock"' in reply.text:  # its clock is wrong, or ours
            self._troubles.tell(f"clock, says {self.destination}", judged.why, severity="warning")
        self._failed(judged.why, judged.act is Act.REFUSED, judged.wait_s)
        return None

    def _is_proven(self, batch: Upload) -> bool:
        """Were other points taken since all of this batch were refused? Then it is not the place that is wrong."""
        known, self._alike = self._alike, (batch.boot, batch.first, self.condition.delivered)
        if known is None or known[:2] != self._alike[:2]:
            return False
        self._alike = known
        return self.condition.delivered > known[2]

    def _set_aside(self, lines: Sequence[str], why: str) -> None:
        """Lines the far side will never take: into a file, until somebody has them sent again. Raises OSError."""
        if not lines:
            return
        lost = self.aside.add(lines)
        self.condition.rejected += len(lines)
        gone = f", {lost} of them gone, for the file is full (netmon resend)" if lost else ""
        part = f"{self._part}: points set aside"
        self._troubles.note(part, f"{len(lines)} points refused{gone}: {why}")

    def _send_again(self) -> None:
        """Points that were set aside and that somebody asked to be sent again: one try at a time."""
        lines = self.aside.again()
        headers = {"X-Netmon-Agent": self._agent, "X-Netmon-Backfill": "1"} if self._agent else {}

        def write(part: Part, _: bool) -> WriteVerdict | None:
            return self._judged(self._uplink.post(tuple(lines[part.start : part.end]), headers)[0])

        sent = send(lines, BATCH_LINES, write, self._well)
        if lines and sent is not None:
            self.condition.rejected -= len(lines)
            self.condition.delivered += sent.taken
            self._set_aside(sent.refused, sent.why)
            self.aside.sent_again()

    def _headers(self, batch: Upload, first: int, count: int, *, is_last: bool) -> dict[str, str]:
        if not self._agent:
            return {}
        headers = {
            "X-Netmon-Agent": self._agent,
            "X-Netmon-Boot": self._renamed.get(batch.boot, batch.boot),
            "X-Netmon-Seq": f"{first}-{first + count - 1}",
            "X-Netmon-Now": str(_now_ms()),
        }
        if batch.backlog:
            return headers | {"X-Netmon-Backfill": "1"}
        if is_last:  # with it all of the batch is there
            headers["X-Netmon-Frontier"] = str(max(0, batch.frontier_ms))
        return headers | ({"X-Netmon-Urgent": "1"} if batch.urgent else {})

    def _rename(self, boot: str, reply: WriteReply) -> None:
        """The hub has other points under this boot's numbers: another process has its id, as after a machine was restored
        with its memory. From now on these points go under an id of their own."""
        log.error("%s: %s", self.destination, reply.text[:300])
        self._renamed[boot] = new_boot()

    def _learn(self, reply: WriteReply) -> None:
        hub = parse(reply.clock)
        if hub is not None and self._agent:
            self._clock.sample(reply.sent_ns, *hub, reply.back_ns)

    def _well(self, _: int) -> None:
        """Points were taken."""
        self._backoff.reset()
        self._troubles.well(f"clock, says {self.destination}")
        if not self.condition.good:
            log.info("%s: takes points", self.destination)
            self.condition.good, self.condition.trouble, self.condition.since_ms = True, "", _now_ms()
        self._troubles.well(self._part)

    def _failed(self, trouble: str, refused: bool, asked_s: float) -> None:
        if not refused and (self.condition.good or trouble != self.condition.trouble):
            log.warning("%s: %s: points wait in the spool", self.destination, trouble)
        if refused:  # somebody has to act; a link that is down is no trouble of the agent
            self._troubles.tell(self._part, f"{trouble}: points wait in the spool", severity="warning")
        else:
            self._troubles.well(self._part)
        if self.condition.good:
            self.condition.since_ms = _now_ms()
        self.condition.good, self.condition.trouble = False, trouble
        self.cursor.save()
        self._ending.wait(max(asked_s, self._backoff.next_s(MAX_REFUSED_S if refused else 0.0)))


def _is_stored(reply: WriteReply) -> bool:
    return reply.status == 204 and parse(reply.clock) is not None


def _even_ms() -> int:
    """Milliseconds by a clock that is never set."""
    return time.monotonic_ns() // 1_000_000


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
