"""The status socket: whoever may open it gets one JSON document, hub or no hub."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from netmon import unix

log = logging.getLogger("netmon.agent")
DEADLINE_S = 5.0


@contextlib.asynccontextmanager
async def serving(path: Path, view: Callable[[], dict[str, Any]]) -> AsyncIterator[None]:
    """Serve while inside. A socket that cannot be made is told and costs the status only."""
    try:
        sock = unix.listen(path)
    except OSError as fault:
        log.error("%s: %s: netmon status will not work", path, fault)
        yield
        return

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            writer.write(json.dumps(view(), ensure_ascii=False).encode())
            async with asyncio.timeout(DEADLINE_S):
                await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(answer, sock=sock)
    try:
        yield
    finally:
        server.close()
        unix.remove(path)
