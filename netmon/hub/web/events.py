"""Server-sent events: the whole state on connect, then at most once a second what changed.

Source: WHATWG HTML, "Server-sent events". A reader too slow for its queue gets the whole state anew, not a backlog.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from netmon.hub import limits
from netmon.hub.ingest.ingest import HttpReply
from netmon.hub.state.view import HubView
from netmon.hub.web.app import Receive, Scope, Send, answer

MAX_READERS = 64
QUEUE = 16
TICK_S = 1.0
BEAT_S = 5.0  # without changes, so often all the same: the age of the data is on people's screens
_ANEW, _END = b"anew", b"end"


class EventStream:
    """All readers of the stream."""

    def __init__(self, state: HubView) -> None:
        self._state = state
        self._readers: set[asyncio.Queue[bytes]] = set()
        self._notified = asyncio.Event()
        self._quiet_s = 0.0

    def notify(self) -> None:
        """Something that matters changed (an incident): do not wait for the beat."""
        self._notified.set()

    async def run(self) -> None:
        """Tell the readers once a second, until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            if self._readers:
                self._tick()

    def _tick(self) -> None:
        change, any_row = self._state.change()
        self._quiet_s += TICK_S
        if any_row or self._notified.is_set() or self._quiet_s >= BEAT_S:
            self._notified.clear()
            self._quiet_s = 0.0
            self._push(_event("change", change))

    def _push(self, data: bytes) -> None:
        for queue in self._readers:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                data_or_anew = _ANEW
            else:
                data_or_anew = data
            queue.put_nowait(data_or_anew)

    def close(self) -> None:
        """End every stream."""
        self._push(_END)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """GET /api/v1/events."""
        if len(self._readers) >= MAX_READERS:
            await answer(send, HttpReply(503, "unavailable", "too many readers of events", limits.RETRY_AFTER_S))
            return
        queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE)
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
        gone = asyncio.create_task(_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            first = await self._whole(queue)
            await _send(send, first)
            while (data := await _next(queue, gone)) not in (None, _END):
                await _send(send, await self._whole(queue) if data == _ANEW else data or b"")
        except TimeoutError:
            return  # stuck for a minute: uvicorn closes a stream that ends without its last part
        finally:
            gone.cancel()
            self._readers.discard(queue)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _whole(self, queue: asyncio.Queue[bytes]) -> bytes:
        """The whole state as an event. Others are told first, so that no change falls between two readers."""
        if self._readers:
            self._push(_event("change", self._state.change()[0]))
        else:
            self._state.change()
        while not queue.empty():
            queue.get_nowait()
        self._readers.add(queue)
        state = self._state.whole()
        return await asyncio.to_thread(_event, "snapshot", state)


def _event(name: str, value: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _next(queue: asyncio.Queue[bytes], gone: asyncio.Task[None]) -> bytes | None:
    """The next event, None when the reader went away."""
    waiting = asyncio.ensure_future(queue.get())
    await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
    if waiting.done():
        return waiting.result()
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    return None


async def _send(send: Send, data: bytes) -> None:
    async with asyncio.timeout(limits.STUCK_READER_S):
        await send({"type": "http.response.body", "body": data, "more_body": True})
