"""When a receiver was away for long, or gets more than it wants: pages of its outbox folded into one digest."""

from __future__ import annotations

import time
from collections import deque

from alerts.notify import digest, webhook
from netmon import zone
from netmon.config.receiver import ReceiverConfig
from netmon.hub.outbox_table import NewPage, OutboxTable, WaitingPage

FOLD_OVER = 20  # pages that wait …
FOLD_AFTER_S = 600.0  # … and the first of them for so long: then the rest is folded
EVERY_S = 900.0  # between two digests of a receiver whose budget is used up
HOUR_S = 3600.0


class Folder:
    """Folds what waits for receivers. Each receiver's own thread calls."""

    def __init__(self, table: OutboxTable, hub: str, lang: str) -> None:
        self._table, self._hub, self._lang = table, hub, lang
        self._sent: dict[str, deque[float]] = {}  # when pages of the last hour were taken, by the steady clock
        self._digested_s: dict[str, float] = {}

    def taken(self, receiver: ReceiverConfig) -> None:
        """A page was taken."""
        if receiver.budget:
            self._sent.setdefault(receiver.name, deque()).append(time.monotonic())

    def catch_up(self, receiver: ReceiverConfig, page: WaitingPage, now_s: float) -> bool:
        """Fold what waits for a receiver that was away; was there anything to fold?"""
        if now_s - page.created_ms / 1000 < FOLD_AFTER_S:
            return False
        lines = self._table.waiting_lines(receiver.name)
        if len(lines) <= FOLD_OVER:
            return False
        is_followed = receiver.kind in digest.EACH
        weights = {} if is_followed else {seq: digest.weight(raw) for seq, raw in self._bodies(lines).items()}
        earlier = {str(row["id"]) for row in self._earlier(receiver).rows}
        return self._fold(receiver, digest.catching_up(lines, receiver.kind, earlier, weights), now_s)

    def over_budget(self, receiver: ReceiverConfig, page: WaitingPage, now_s: float) -> float | None:
        """Seconds a page of little weight waits because its receiver had enough in this hour; 0 when it is in a digest now.
        None: it may go. Root causes and digests always may."""
        if not receiver.budget or page.status == digest.STATUS or digest.weight(page.body) > 1:
            return None
        steady_s, sent = time.monotonic(), self._sent.setdefault(receiver.name, deque())
        while sent and sent[0] < steady_s - HOUR_S:
            sent.popleft()
        if len(sent) < receiver.budget:
            return None
        wait_s = self._digested_s.get(receiver.name, steady_s - EVERY_S) + EVERY_S - steady_s
        if wait_s > 0:
            return wait_s
        bodies = self._bodies(self._table.waiting_lines(receiver.name))
        self._digested_s[receiver.name] = steady_s
        self._fold(receiver, [seq for seq, raw in bodies.items() if digest.weight(raw) <= 1], now_s)
        return 0.0

    def _bodies(self, lines: list[digest.WaitingLine]) -> dict[int, bytes]:
        return self._table.bodies([line.seq for line in lines])

    def _earlier(self, receiver: ReceiverConfig) -> digest.EarlierDigest:
        return digest.earlier_of(self._table.waiting_digest(receiver.name))

    def _fold(self, receiver: ReceiverConfig, seqs: list[int], now_s: float) -> bool:
        if not seqs:
            return False
        bodies = self._table.bodies(seqs)
        earlier = self._earlier(receiver)
        rows = digest.rows_of(bodies.values(), earlier.rows)
        since_ms = earlier.since_ms or min(self._table.oldest_ms(receiver.name), int(now_s * 1000))
        local = zone.moment(since_ms / 1000, zone.MINUTES)
        lang = receiver.lang or self._lang
        key, raw = digest.body(rows, earlier.pages + len(seqs), since_ms, receiver.name, self._hub, lang, local)
        id = webhook.page_id(key, receiver.name, digest.STATUS)
        self._table.fold(NewPage(id, key, receiver.name, digest.STATUS, raw), seqs, int(now_s * 1000))
        return True
