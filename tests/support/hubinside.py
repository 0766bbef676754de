"""A whole hub in this process, in the main thread, for tests that reach into it: the test itself runs in another thread."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hubs import HubProcess, eventually
from ports import free_port

from netmon.config.files import load_hub
from netmon.hub import main
from netmon.hub.hub import Hub, open_hub

Found = TypeVar("Found")


def with_hub_inside(folder: Path, drive: Callable[[Hub, HubProcess], Found], extra: str = "") -> Found:
    """What `drive` found with a running hub and the helper that speaks to it; the hub then ends by SIGTERM."""
    door = HubProcess(folder, "127.0.0.1", free_port(), extra=extra)
    hub = open_hub(load_hub(folder / "hub.yaml"))
    hook = threading.excepthook

    def driven() -> Found:
        try:
            assert eventually(lambda: _answers(door), 30, 0.05)
            return drive(hub, door)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    async def live() -> Found:
        serving = asyncio.create_task(main.serve(hub))
        driving = asyncio.create_task(asyncio.to_thread(driven))
        await asyncio.wait([serving, driving], return_when=asyncio.ALL_COMPLETED)
        assert serving.result() == 0
        return driving.result()

    try:
        with asyncio.Runner(loop_factory=main._loop_factory()) as runner:
            return runner.run(live())
    finally:
        threading.excepthook = hook


def _answers(door: HubProcess) -> bool:
    try:
        return door.request("GET", "/ping")[0] == 204
    except OSError:
        return False
