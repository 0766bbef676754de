"""The last resort: when no hub of this agent answers any more, the agent itself tells people.

Agents do not see each other. Each waits for a part of a minute of its own, drawn anew each hour, and all pages of one hour
about the same hubs have one id: a receiver that knows it (Standard Webhooks 1.0.0, `webhook-id`) wakes people once. An
agent whose own link is down reaches nobody; it tells only right after it has asked the hubs once more.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import ssl
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from netmon.agent.uplink.http import Connection
from netmon.agent.uplink.sender import DestinationState
from netmon.config.agent import AgentConfig, LastResortConfig
from netmon.files import read_token
from probes.errors import WireError

log = logging.getLogger("netmon.agent")
LOOK_S = 1.0
SPREAD_S = 60.0  # over which agents spread their pages
FRESH_S = 5.0  # a hub was asked in vain no longer ago than this: our own link has not come back meanwhile
AGAIN_S = 30.0  # between two tries
HOUR_S = 3600.0  # one page an hour at most
MAX_CLEAR_TRIES = 20
MAX_ANSWER = 1_000
_SAID = {
    "firing": (
        "TRUNG TÂM GIÁM SÁT {hubs} IM LẶNG từ {at}: máy đo {agent} tự báo, không còn ai báo sự cố thay",
        "MONITORING HUB {hubs} SILENT since {at}: told by agent {agent} itself, nobody else tells of incidents",
    ),
    "resolved": (
        "TRUNG TÂM GIÁM SÁT {hubs} đã trả lời lại, máy đo {agent} báo",
        "MONITORING HUB {hubs} answers again, says agent {agent}",
    ),
}


class Alarm(NamedTuple):
    """A page to be sent. `status`: `firing` or `resolved`; `key`: the hubs and the hour, the same for all agents;
    `since_s`: Unix time."""

    status: str
    key: str
    since_s: float


class SilenceWatch:
    """When this agent must speak. Pure: `now_s` is monotonic, `wall_s` Unix time."""

    def __init__(self, agent: str, hubs: Sequence[str], states: Sequence[DestinationState], silent_s: float) -> None:
        self._agent, self._hubs, self._states, self._silent_s = agent, "+".join(sorted(hubs)), states, silent_s
        self._hour: int | None = None  # in which the silence began
        self._next_s = 0.0
        self._accepted: Alarm | None = None  # the last page somebody has
        self._clears_left = MAX_CLEAR_TRIES

    def look(self, now_s: float, wall_s: float) -> Alarm | None:
        """The page that is due now."""
        since_s = self._silent_since()
        if since_s is None:
            self._hour = None
            return self._all_clear(now_s)
        lasted_s = now_s - since_s
        if self._hour is None:
            self._hour = int((wall_s - lasted_s) // HOUR_S)
        hours, into_s = divmod(lasted_s, HOUR_S)
        key = f"{self._hubs}|{self._hour + int(hours)}"
        is_told = self._accepted is not None and self._accepted.key == key
        if is_told or into_s < self._silent_s + self._delay_s(key) or now_s < self._next_s or not self._is_fresh(now_s):
            return None
        self._next_s = now_s + AGAIN_S
        return Alarm("firing", key, wall_s - lasted_s)

    def took(self, alarm: Alarm) -> None:
        """Somebody has it."""
        self._accepted = alarm if alarm.status == "firing" else None
        self._next_s, self._clears_left = 0.0, MAX_CLEAR_TRIES

    def _all_clear(self, now_s: float) -> Alarm | None:
        if self._accepted is None or now_s < self._next_s:
            return None
        self._next_s, self._clears_left = now_s + AGAIN_S, self._clears_left - 1
        alarm = self._accepted._replace(status="resolved")
        if self._clears_left <= 0:
            self._accepted = None
        return alarm

    def _silent_since(self) -> float | None:
        """Since when none of the hubs answers; None while one does."""
        since = [state.silent_since_s for state in self._states]
        known = [since_s for since_s in since if since_s is not None]
        return max(known) if known and len(known) == len(since) else None

    def _is_fresh(self, now_s: float) -> bool:
        return all(now_s - state.asked_s <= FRESH_S for state in self._states)

    def _delay_s(self, key: str) -> float:
        """This agent's part of the minute, another one each hour."""
        drawn = hashlib.sha256(f"{self._agent}|{key}".encode()).digest()
        return SPREAD_S * int.from_bytes(drawn[:4]) / 2**32


class LastResort:
    """Watches and tells. `post`: hands one page over, raises OSError or ValueError."""

    def __init__(
        self,
        config: AgentConfig,
        states: Sequence[DestinationState],
        post: Callable[[LastResortConfig, bytes, dict[str, str]], int] | None = None,
    ) -> None:
        """`states`: of the hubs among the destinations, as their senders keep them."""
        self._config, self._agent = config.last_resort, config.agent
        self._hubs = [destination.name for destination in config.destinations if destination.kind == "hub"]
        self._post = post or send
        self.watch = SilenceWatch(config.agent, self._hubs, states, config.last_resort.silent_s)

    async def run(self) -> None:
        """Look once a second, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            alarm = self.watch.look(time.monotonic(), time.time())
            if alarm is not None:
                await asyncio.to_thread(self.tell, alarm)

    def tell(self, alarm: Alarm) -> None:
        """One try. Never raises for what the receiver or the machine does."""
        try:
            raw, id = self.page(alarm), page_id(alarm)
            key = _key_of(read_token(self._config.secret_file))
            status = self._post(self._config, raw, signed(id, int(time.time()), raw, key))
        except (OSError, ValueError, WireError) as fault:
            log.error("the last resort takes no page: %s", fault)
            return
        if 200 <= status < 300 or status == 409:  # 409: somebody else's page of this id is there
            log.warning("last resort: told that no hub answers: %s (%s)", alarm.status, id)
            self.watch.took(alarm)
        else:
            log.error("the last resort answered %d", status)

    def page(self, alarm: Alarm) -> bytes:
        """Its JSON: Alertmanager v4 with one alert."""
        hubs = "+".join(sorted(self._hubs))
        at = datetime.fromtimestamp(alarm.since_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        vi, en = (text.format(hubs=hubs, agent=self._agent, at=at) for text in _SAID[alarm.status])
        labels = {"alertname": "hub-silent", "element": f"hub:{hubs}", "severity": "critical", "hub": hubs}
        notes = {"summary": vi, "summary_vi": vi, "summary_en": en}
        ended = "0001-01-01T00:00:00Z" if alarm.status == "firing" else _now()
        alert = {"status": alarm.status, "labels": labels, "annotations": notes, "startsAt": at, "endsAt": ended,
                 "generatorURL": "", "fingerprint": page_id(alarm._replace(status="firing"))}  # fmt: skip
        page = {
            "version": "4",
            "groupKey": f"netmon:last-resort:{hubs}",
            "truncatedAlerts": 0,
            "status": alarm.status,
            "receiver": "last-resort",
            "groupLabels": {"element": labels["element"]},
            "commonLabels": labels,
            "commonAnnotations": notes,
            "externalURL": "",
            "alerts": [alert],
            "last_resort": {"agent": self._agent, "hubs": sorted(self._hubs), "since": at},
        }
        return json.dumps(page, ensure_ascii=False, separators=(",", ":")).encode()


def page_id(alarm: Alarm) -> str:
    """The same for every agent that tells of these hubs in this hour."""
    return "msg_" + hashlib.sha256(f"last-resort|{alarm.key}|{alarm.status}".encode()).hexdigest()[:24]


def signed(id: str, at_s: int, raw: bytes, key: bytes) -> dict[str, str]:
    """Headers of one try, signed as the hub's pages are (docs/webhook.md)."""
    mark = hmac.new(key, f"{id}.{at_s}.".encode() + raw, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "netmon",
        "webhook-id": id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": "v1," + base64.b64encode(mark).decode(),
        "X-Hub-Signature-256": "sha256=" + hmac.new(key, raw, hashlib.sha256).hexdigest(),
    }


def send(config: LastResortConfig, raw: bytes, headers: dict[str, str]) -> int:
    """POST once; the status. Raises OSError, `WireError` and ValueError."""
    parts = urlsplit(config.url)
    tls = _context(config.ca_file) if parts.scheme == "https" else None
    connection = Connection(parts.hostname or "", parts.port or (443 if tls else 80), config.timeout_s, tls)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return connection.post(path, raw, headers, MAX_ANSWER).answer.status
    finally:
        connection.close()


def _context(ca_file: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(ca_file)
    else:
        context.load_default_certs()
    return context


def _key_of(secret: str) -> bytes:
    """The signing key: of `whsec_` + base64 the decoded bytes, else the text itself. Raises ValueError."""
    if not secret:
        raise ValueError("the signing secret is empty")
    return base64.b64decode(secret[6:], validate=True) if secret.startswith("whsec_") else secret.encode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
