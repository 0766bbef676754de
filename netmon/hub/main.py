"""The hub's process: opens everything, serves until told to stop, leaves nothing half done."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from netmon.config.files import load_hub
from netmon.errors import GOOD, PROBLEM
from netmon.files import private_files
from netmon.hub.hub import Hub, open_hub
from netmon.hub.state import snapshot
from netmon.process import systemd
from netmon.process.troubles import catch_the_rest, watched

log = logging.getLogger("netmon.hub")


def run(config_file: Path) -> int:
    """Run the hub a file describes; the exit code. Raises `NetmonError` when it cannot start."""
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # hostile bytes are counted, not told one by one
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    private_files()
    hub = open_hub(load_hub(config_file))
    sys.setswitchinterval(0.001)  # the evaluation's thread gives way to the event loop in time
    gc.collect()
    gc.freeze()  # what a hub is made of stays: looking it through again would stop the event loop for 50 ms
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(serve(hub))


def _loop_factory() -> Any:
    """uvloop: a tenth of asyncio's memory for each TLS connection. The hub stamps no packets, so it may."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def serve(hub: Hub) -> int:
    """Serve until SIGTERM, SIGINT, or until a part of the hub ends by itself (exit code 1)."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    keep_now = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, keep_now.set)
    hub.evaluator.board.on_change = hub.troubles.changed = lambda: _from_thread(loop, hub)
    catch_the_rest(hub.troubles, loop)
    for sink in hub.sinks:
        sink.start()
    parts = [
        _part(hub, "evaluation", hub.evaluator.run),
        _part(hub, "outbox", hub.outbox.run),
        _part(hub, "heartbeat", hub.heartbeat.run),
        _part(hub, "rehearsals", hub.rehearsals.run),
        _part(hub, "events", hub.feed.run),
        _part(hub, "housekeeping", lambda: _housekeeping(hub, keep_now)),
        _part(hub, "systemd", systemd.watchdog_for_ever),
        *(_part(hub, f"listener {listener.place}", listener.serve_again) for listener in hub.listeners),
    ]
    stopping = asyncio.create_task(stop.wait())
    listening = asyncio.create_task(_all_listen(hub))
    await asyncio.wait([listening, *parts], return_when=asyncio.FIRST_COMPLETED)
    systemd.notify("READY=1")
    await asyncio.wait([stopping, *parts], return_when=asyncio.FIRST_COMPLETED)
    systemd.notify("STOPPING=1")
    failed = [part for part in parts if part.done()]
    for part in failed:  # a guard itself
        log.error("the hub stops: its %s ended", part.get_name(), exc_info=part.exception())
    await _stop(hub, parts, stopping, listening)
    return PROBLEM if failed else GOOD


async def _stop(hub: Hub, parts: list[asyncio.Task[None]], *others: asyncio.Task[Any]) -> None:
    """Let requests end, make everything durable, then let go."""
    hub.feed.close()
    await asyncio.gather(*(listener.finish() for listener in hub.listeners))
    for task in (*parts, *others):
        task.cancel()
    await asyncio.gather(*parts, *others, return_exceptions=True)
    for sink in hub.sinks:
        await asyncio.to_thread(sink.stop)
    taken = hub.snapshot()
    await hub.journal.close()
    with contextlib.suppress(OSError):  # a full disk: the segments hold all of it, the next start takes longer
        snapshot.save(hub.folder, taken)
    log.info("stopped: %d points stored", hub.counters.points_stored)


async def _all_listen(hub: Hub) -> None:
    for listener in [listener for listener in hub.listeners if listener.is_open]:
        await listener.listening.wait()


async def _housekeeping(hub: Hub, now: asyncio.Event) -> None:
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(hub.config.seal_every_s):
                await now.wait()
        now.clear()
        await hub.keep()


def _from_thread(loop: asyncio.AbstractEventLoop, hub: Hub) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
        loop.call_soon_threadsafe(hub.feed.notify)


def _part(hub: Hub, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
    return asyncio.create_task(watched(hub.troubles, name, work), name=name)
