"""The status socket: whoever may open it gets one JSON document, hub or no hub."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from netmon.process import unix
from netmon.process.troubles import Troubles, watched

DEADLINE_S = 5.0
PART = "status socket"


@contextlib.asynccontextmanager
async def serving(
    path: Path, view: Callable[[], dict[str, Any]], troubles: Troubles | None = None
) -> AsyncIterator[None]:
    """Serve while inside. A socket that cannot be made is told and tried again; it costs the status only."""
    board = troubles or Troubles()
    task = asyncio.create_task(watched(board, PART, lambda: _serve(path, view, board)))
    try:
        await asyncio.sleep(0)  # it is there when it can be
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _serve(path: Path, view: Callable[[], dict[str, Any]], troubles: Troubles) -> None:
    """Until cancelled. Raises OSError when there can be no socket."""
    sock = unix.listen(path)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        text = b""
        with troubles.turn(f"{PART}: an answer"):
            text = json.dumps(view(), ensure_ascii=False).encode()
        with contextlib.suppress(OSError, TimeoutError):
            writer.write(text)
            async with asyncio.timeout(DEADLINE_S):
                await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(answer, sock=sock)
    try:
        await asyncio.Event().wait()
    finally:
        server.close()
        unix.remove(path)
