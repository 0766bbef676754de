"""May a heavy check run now? The hub says so; while none can be reached, the agent's own small budget does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from netmon.agent.heavy.budget import LocalBudget, background, windows
from netmon.agent.heavy.permit import Denied, Permit
from netmon.agent.uplink.client import Uplink
from netmon.config.agent import AgentConfig, DestinationConfig
from netmon.delivery.reply import WriteReply
from netmon.process.troubles import Troubles
from probes.base import Cost
from probes.clean import clean

log = logging.getLogger("netmon.agent")
PATH = "/api/v1/leases"
_ID = re.compile(r"[0-9a-f]{1,32}")
MAX_LATE_S = 1.0  # a run ends so long before its lease does
MAX_RETRY_S = 86_400.0 * 14
Body = dict[str, Any]


class LeaseClient:
    """Asks on behalf of one agent. Each question has a thread of its own: heavy checks are few and far between."""

    def __init__(self, config: AgentConfig, troubles: Troubles | None = None) -> None:
        self._troubles = troubles or Troubles()
        self._agent, self._lang = config.agent, config.lang
        self._hubs = [destination for destination in config.destinations if destination.kind == "hub"]
        self._own = LocalBudget(Path(config.state_dir) / "heavy.json", config.heavy)

    async def ask(self, check: str, cost: Cost) -> Permit | Denied:
        """A permit for one run, or why not."""
        return await _in_thread(partial(self._ask, check, cost), self._troubles)

    def _ask(self, check: str, cost: Cost) -> Permit | Denied:
        for hub in self._hubs:
            asked_s = time.monotonic()
            reply = self._post(hub, PATH, {"check": check, "bytes": cost.bytes, "seconds": cost.seconds})
            if reply.status not in (0, 404):  # 404: a hub that knows nothing of leases
                return self._answer(hub, check, cost, reply, asked_s)
        return self._own.ask(check, cost)

    def _post(self, hub: DestinationConfig, path: str, body: Body) -> WriteReply:
        return Uplink(hub).ask(path, body, {"X-Netmon-Agent": self._agent})

    def _answer(
        self, hub: DestinationConfig, check: str, cost: Cost, reply: WriteReply, asked_s: float
    ) -> Permit | Denied:
        """What a hub's answer means."""
        if reply.status not in (201, 409):
            return Denied(f"not run: the hub answers {reply.status}: {reply.text[:200]}")
        try:
            answer = json.loads(reply.text)
            self._own.keep_quiet(check, windows(answer["quiet"], time.time()))
            if reply.status == 409:
                retry_s = float(answer["retry_after_s"])
                return Denied(clean(str(answer[self._lang]), 300), max(1.0, min(retry_s, MAX_RETRY_S)))
            id, for_s = str(answer["id"]), float(answer["for_s"])
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return Denied("not run: the hub's answer makes no sense")
        if not _ID.fullmatch(id):
            return Denied("not run: the hub's answer makes no sense")
        left_s = min(cost.seconds, for_s - (time.monotonic() - asked_s) - MAX_LATE_S)
        permit = Permit(left_s, partial(self._release, hub, id))
        if left_s > 0:
            return permit
        permit.done(0)
        return Denied("not run: the hub's answer came too late")

    def _release(self, hub: DestinationConfig, id: str, used_bytes: int | None) -> None:
        """Tell the hub, in a thread: when it does not hear, the lease ends by itself."""

        def tell() -> None:
            reply = self._post(hub, f"{PATH}/{id}/release", {} if used_bytes is None else {"bytes_used": used_bytes})
            if reply.status != 204:
                log.info("the hub did not take a lease back (%d %s): it ends by itself", reply.status, reply.text[:200])

        background(tell)


async def _in_thread(work: Callable[[], Permit | Denied], troubles: Troubles) -> Permit | Denied:
    """The result of work in a thread. Who stops waiting gives back what comes later."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Permit | Denied] = loop.create_future()

    def settle(got: Permit | Denied) -> None:
        if not future.done():
            future.set_result(got)
        elif isinstance(got, Permit):
            got.done(0)

    def body() -> None:
        try:
            got = work()
        except Exception as fault:  # a fault of ours costs this run, not the check
            troubles.crashed("leases", fault)
            got = Denied("not run: a fault of netmon")
        with contextlib.suppress(RuntimeError):  # the loop is closed: the lease ends by itself
            loop.call_soon_threadsafe(settle, got)

    try:
        background(body)
    except RuntimeError as fault:  # no thread to be had
        return Denied(f"not run: {fault}")
    return await future
