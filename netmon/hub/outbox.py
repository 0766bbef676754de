"""Hands the outbox's pages to their receivers, each receiver by its own thread: a slow one delays nobody else.

When a page is due is told by the steady clock, so that nobody who sets the hub's clock holds a page back. That clock begins
anew with the machine: at a start all pages are due.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from functools import partial

from alerts.errors import AlertsError
from alerts.notify import channels, webhook
from alerts.notify.notice import Destination, notice_of
from alerts.notify.senders.http import post
from alerts.notify.webhook import Delivery
from alerts.rota import FIRST_MONDAY, on_duty
from netmon.config.receiver import PersonConfig, ReceiverConfig
from netmon.files import read_secret
from netmon.hub.digest import Folder
from netmon.hub.outbox_table import OutboxTable, WaitingPage
from netmon.process.troubles import Troubles, watched
from probes.clean import clean

log = logging.getLogger("netmon.hub")
MAX_PAUSE_S = 30.0  # a receiver that did not answer is tried again within this, whatever page comes next
IDLE_S = 30.0
DISK_S = 5.0
PATIENCE = 6  # tries, after two minutes, before people are told of a receiver that does not answer …
PATIENCE_S = 120.0  # … or at once, when it asks to be left alone for longer
WAITS = (301, 302, 303, 307, 308, 413, 429, 503)  # answers whose Retry-After is about the receiver (RFC 9110 §10.2.3)
_WITHOUT = ("pages cannot be sent", "pages cannot be signed")  # without a secret: of other kinds, of webhooks
NOBODY = "no such receiver any more"


class Outbox:
    """Sends until cancelled. `on_change` is called (in a sender's thread) when a page's state changed."""

    def __init__(
        self,
        table: OutboxTable,
        receivers: Sequence[ReceiverConfig],
        on_change: Callable[[], None],
        post: Callable[..., Delivery] = post,
        troubles: Troubles | None = None,
        lang: str = "vi",
        people: Sequence[PersonConfig] = (),
        hub: str = "hub",
    ) -> None:
        """`lang`: of messages to receivers that have none of their own; `people`: who may be on duty; `hub`: its name."""
        self._folder = Folder(table, hub, lang)
        self._lang, self._people = lang, {person.name: person for person in people}
        self._table, self._on_change, self._post = table, on_change, post
        self._receivers = {receiver.name: receiver for receiver in receivers}
        self._awake = {name: asyncio.Event() for name in self._receivers}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stuck: dict[str, set[int]] = {name: set() for name in self._receivers}  # pages that are told of
        self._troubles = troubles or Troubles()

    def wake(self) -> None:
        """There may be new pages; from any thread."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop is closed: the next start sends them
                loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for event in self._awake.values():
            event.set()

    async def run(self) -> None:
        """Serve every receiver until cancelled."""
        self._loop = asyncio.get_running_loop()
        unknown = self._table.waiting_for() - self._receivers.keys()
        if unknown:
            log.warning("pages wait for %s, who are receivers no more: they are given up", ", ".join(sorted(unknown)))
            self._table.give_up(unknown, NOBODY)
        if self._table.take_up(self._receivers, NOBODY):  # whoever left a file by mistake came back
            self._on_change()
        self._table.all_due()
        for receiver in self._receivers.values():
            self._note_secret(receiver)
        async with asyncio.TaskGroup() as group:
            for receiver in self._receivers.values():
                group.create_task(watched(self._troubles, f"pages to {receiver.name}", partial(self._serve, receiver)))
            await asyncio.Event().wait()  # a hub without receivers judges all the same

    async def _serve(self, receiver: ReceiverConfig) -> None:
        loop = asyncio.get_running_loop()
        awake = self._awake[receiver.name]
        pool = ThreadPoolExecutor(1, f"page-{receiver.name}")
        not_before_s = 0.0
        try:
            while True:
                awake.clear()
                page = None
                try:
                    page = await loop.run_in_executor(pool, self._table.next_page, receiver.name)
                    wait_s = IDLE_S if page is None else max(page.next_ms / 1000, not_before_s) - time.monotonic()
                    if page is not None and wait_s <= 0:
                        pause_s = await loop.run_in_executor(pool, self._attempt, receiver, page)
                        not_before_s = time.monotonic() + pause_s
                        continue
                except sqlite3.Error as fault:
                    log.error("outbox: %s: pages wait", fault)
                    wait_s = DISK_S
                if page is not None and not_before_s > time.monotonic():
                    await asyncio.sleep(max(0.0, wait_s))
                else:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(min(wait_s, IDLE_S)):
                            await awake.wait()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _attempt(self, receiver: ReceiverConfig, page: WaitingPage) -> float:
        """In the receiver's thread: try once, keep what came out; seconds to leave the receiver alone."""
        now_s = time.time()
        wait_s = self._folder.over_budget(receiver, page, now_s)
        if wait_s is not None or self._folder.catch_up(receiver, page, now_s):
            if wait_s:
                self._table.postpone(page, int((time.monotonic() + wait_s) * 1000))
            self._on_change()
            return 0.0
        answer = self._send(receiver, page, now_s)
        age_s = min(now_s - page.created_ms / 1000, webhook.tried_s(page.tries + 1))
        fate = webhook.fate(answer, page.tries + 1, age_s, now_s, random.random())
        trouble = "" if fate.state == "accepted" else answer.trouble or f"answered {answer.status}"
        if trouble or answer.trouble:  # a mail may be taken for some of its addresses only
            log.warning("page %s to %s: %s (%s)", page.id, receiver.name, clean(trouble or answer.trouble), fate.state)
        if fate.state == "accepted":
            self._folder.taken(receiver)
        self._table.mark(page, fate.state, int((time.monotonic() + fate.wait_s) * 1000), clean(trouble))
        self._note(receiver.name, page, answer, trouble if fate.state == "waiting" else "", fate.wait_s)
        self._on_change()
        pause_s = min(fate.wait_s, MAX_PAUSE_S) if answer.status == 0 or answer.status >= 500 else 0.0
        return max(pause_s, webhook.retry_after_s(answer.retry_after, now_s) if answer.status in WAITS else 0.0)

    def _note(self, name: str, page: WaitingPage, answer: Delivery, trouble: str, wait_s: float = 0.0) -> None:
        """Tell of a receiver that takes a page no more; of one that is only away, when it is for long."""
        stuck = self._stuck[name]
        is_long = page.tries + 1 >= PATIENCE or wait_s > PATIENCE_S
        if trouble and (answer.status in webhook.REFUSALS or is_long):
            stuck.add(page.seq)
            self._troubles.tell(_part(name), f"takes no pages: {trouble}", severity="warning")
        elif not trouble:
            stuck.discard(page.seq)
            if not stuck:
                self._troubles.well(_part(name))

    def _on_duty(self, receiver: ReceiverConfig, now_s: float) -> tuple[str, ...]:
        """Whom a message goes to now."""
        if not receiver.rota:
            return receiver.to
        first = date.fromisoformat(receiver.rota_from) if receiver.rota_from else FIRST_MONDAY
        person = self._people[on_duty(receiver.rota, first, int(now_s * 1000))]
        return ({"sms": person.phone, "mail": person.mail}.get(receiver.kind, person.chat),)

    def _note_secret(self, receiver: ReceiverConfig) -> None:
        try:
            _secret(receiver)
        except (AlertsError, OSError, ValueError) as fault:
            self._troubles.tell(
                _part(receiver.name), f"{_WITHOUT[receiver.kind == 'webhook']}: {_said(receiver, fault)}"
            )

    def _send(self, receiver: ReceiverConfig, page: WaitingPage, now_s: float) -> Delivery:
        """The secret is read at each attempt, so that it can be changed while the hub runs."""
        try:
            if receiver.kind != "webhook":
                where = _destination(receiver, self._lang, self._on_duty(receiver, now_s))
                return channels.deliver(receiver.kind, notice_of(page.body, page.id), where, now_s, self._post)
            headers = webhook.headers(page.id, int(now_s), page.body, webhook.key_of(_secret(receiver)))
            return self._post(
                receiver.url, page.body, headers, timeout_s=receiver.timeout_s, unix_socket=receiver.unix_socket
            )
        except (AlertsError, OSError, ValueError) as fault:
            return Delivery(0, trouble=f"cannot be sent: {_said(receiver, fault)}")


def _part(name: str) -> str:
    return f"receiver {name}"


def _secret(receiver: ReceiverConfig) -> str:
    """The text of its file; "" when it has none. Raises `BadSecret`, OSError, ValueError."""
    if not receiver.secret_file:
        return ""
    text = read_secret(receiver.secret_file)
    channels.check_secret(receiver.kind, text)
    return text


def _destination(receiver: ReceiverConfig, lang: str, to: tuple[str, ...]) -> Destination:
    return Destination(
        url=receiver.url,
        secret=_secret(receiver),
        to=to,
        sender=receiver.sender,
        user=receiver.user,
        tls=receiver.tls,
        ca_file=receiver.ca_file,
        method=receiver.method,
        content_type=receiver.content_type,
        template=receiver.template,
        accepted=receiver.accepted,
        max_parts=receiver.max_parts,
        facility=receiver.facility,
        lang=receiver.lang or lang,
        timeout_s=receiver.timeout_s,
    )


def _said(receiver: ReceiverConfig, fault: Exception) -> str:
    if isinstance(fault, OSError):
        return f"secret_file {receiver.secret_file}: {fault.strerror or fault}"
    return str(fault)
