"""Code of this process inside a network namespace: a thread joins it (`setns`), the other threads stay where they are."""

from __future__ import annotations

import asyncio
import ctypes
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

_LIBC = ctypes.CDLL(None, use_errno=True)
_NEWNET = 0x40000000
T = TypeVar("T")


def _enter(name: str) -> None:
    fd = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        if _LIBC.setns(fd, _NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {name}")
    finally:
        os.close(fd)


def within(name: str, call: Callable[[], T]) -> T:
    """The result of `call` run inside the namespace."""
    results: list[T] = []
    faults: list[BaseException] = []

    def body() -> None:
        try:
            _enter(name)
            results.append(call())
        except BaseException as fault:
            faults.append(fault)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if faults:
        raise faults[0]
    return results[0]


def awaited(name: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of a coroutine run in a loop of its own inside the namespace."""
    return within(name, lambda: asyncio.run(make()))


@contextmanager
def serving(name: str, make: Callable[[], Coroutine[Any, Any, Any]]) -> Iterator[None]:
    """A coroutine that runs for ever inside the namespace (`""`: here), cancelled afterwards."""
    loop, tasks = asyncio.new_event_loop(), list[asyncio.Task[Any]]()
    up = threading.Event()

    async def main() -> None:
        tasks.append(asyncio.ensure_future(make()))
        await asyncio.sleep(0.05)
        up.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    def body() -> None:
        if name:
            _enter(name)
        loop.run_until_complete(main())
        loop.close()

    thread = threading.Thread(target=body)
    thread.start()
    try:
        assert up.wait(10)
        yield
    finally:
        loop.call_soon_threadsafe(tasks[0].cancel)
        thread.join(10)
        assert not thread.is_alive()
