"""A sign of life for a watcher outside (a dead man's switch): it calls people when none comes any more.

The hub cannot page about its own death, nor about judging no more while it still answers. So it is the ticks that are told: a
hub whose evaluation stands sends nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from alerts.errors import AlertsError
from alerts.notify.senders.http import post
from alerts.notify.webhook import Delivery
from netmon.config.hub import HeartbeatConfig
from netmon.files import read_secret
from netmon.process.troubles import Troubles
from probes.clean import clean

log = logging.getLogger("netmon.hub")
PART = "heartbeat"
FIRST_S = 5.0  # after the start: it has judged by then
PATIENCE = 3  # beats nobody took before people are told: a watcher may restart


class Heartbeat:
    """`view`: what the evaluator shows at a Unix time, `ticks` among it."""

    def __init__(
        self,
        config: HeartbeatConfig,
        hub: str,
        view: Callable[[float], dict[str, Any]],
        troubles: Troubles,
        post: Callable[..., Delivery] = post,
    ) -> None:
        self._config, self._hub, self._view, self._troubles, self._post = config, hub, view, troubles, post
        self._ticks, self._missed = 0, 0

    async def run(self) -> None:
        """Beat until cancelled."""
        await asyncio.sleep(FIRST_S)
        while self._config.url or self._config.secret_file:
            await asyncio.to_thread(self.beat)
            await asyncio.sleep(self._config.every_s)
        await asyncio.Event().wait()

    def beat(self) -> bool:
        """One sign of life, if there is life: did somebody take it?"""
        view = self._view(time.time())
        ticks, before, self._ticks = int(view["ticks"]), self._ticks, int(view["ticks"])
        if ticks <= before:
            log.error("evaluation stands at tick %d: no sign of life is sent", ticks)
            return False
        trouble = self._sent(self._state(view))
        self._missed = self._missed + 1 if trouble else 0
        if self._missed >= PATIENCE:
            self._troubles.tell(PART, f"the watcher takes no signs of life: {clean(trouble)}", severity="warning")
        elif not trouble:
            self._troubles.well(PART)
        return not trouble

    def _state(self, view: Mapping[str, Any]) -> dict[str, Any]:
        figures = {"hub": self._hub, "ticks": view["ticks"], "tick_ms": view["tick_ms"], "pages": view["pages"]}
        open_now = sum(row["state"] == "open" for row in view["incidents"])
        return figures | {"open_incidents": open_now, "troubles": [row["part"] for row in self._troubles.rows()]}

    def _sent(self, state: dict[str, Any]) -> str:
        """What went wrong; "" when nothing did."""
        config = self._config
        try:
            url = config.url or read_secret(config.secret_file)
            raw = b"" if config.method == "GET" else json.dumps(state, ensure_ascii=False).encode("utf-8", "replace")
            headers = {"User-Agent": "netmon"} | ({"Content-Type": "application/json"} if raw else {})
            answer = self._post(
                url, raw, headers, timeout_s=config.timeout_s, method=config.method, ca_file=config.ca_file
            )
        except (AlertsError, OSError, ValueError) as fault:
            return str(fault)
        return "" if 200 <= answer.status < 300 else answer.trouble or f"answered {answer.status}"
