"""One rehearsal: `netmon conference check` as a child process of its own group, bounded in time and in what it may say.

The hub stays small and measures nothing itself. The child ends with the hub: it holds on to the other end of its stdin.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

from netmon import readiness
from netmon.config.hub import ConferencesConfig, RoomTestConfig
from netmon.config.walker.shape import shape_of
from netmon.config.walker.words import said
from probes.clean import clean

MAX_RESULT_BYTES = 16 << 20  # 3,321 rooms with all their values are 4 MB
MIN_RUN_S = 120.0  # of time for a run, beside what its rooms take
ENDING_S = 15.0  # for the child to start and to tell
RUNGS_ASKED = 4
HANG_UP_S = 3.0


class RehearsalFailed(Exception):
    """A rehearsal that told nothing; why. `again`: another try may do better."""

    def __init__(self, why: str, *, again: bool = True) -> None:
        super().__init__(why)
        self.again = again


def command(
    inventory: str, conference: str, config: ConferencesConfig, lang: str, *, light: bool, limit_s: float
) -> list[str]:
    """The child's command line; secrets stay in their files. It begins nothing that would not end within the limit."""
    words = [sys.executable, "-I", "-m", "netmon", "--lang", lang, "--log", "error", "conference", "check", conference]
    words += ["--inventory", inventory, "-o", "json", "--attached", "--streams", str(config.streams)]
    words += ["--within", f"{max(1.0, limit_s - ENDING_S - climb_s(config.settings)):.0f}s"]
    words += ["--light"] if light else []
    return words + [word for pair in pairs(config.settings) for word in ("--set", pair)]


def pairs(settings: RoomTestConfig) -> list[str]:
    """The settings as `key=value` words, those that were written."""
    words = []
    for key in shape_of(RoomTestConfig).keys:
        value = getattr(settings, key.attribute)
        if value != key.default:
            text = str(value).lower() if isinstance(value, bool) else str(said(value, key))
            words.append(f"{key.name}={text}")
    return words


def climb_s(settings: RoomTestConfig) -> float:
    """The longest one room may take, its call and streams included."""
    return (
        settings.ring_s + max(settings.call_s, settings.reports_s) + settings.media_s + RUNGS_ASKED * settings.timeout_s
    )


def longest_s(rooms: int, config: ConferencesConfig) -> float:
    """How long a run over so many rooms may take."""
    return MIN_RUN_S + climb_s(config.settings) * rooms / config.streams


async def run(words: Sequence[str], limit_s: float) -> readiness.RunResult:
    """The child's result. Raises `RehearsalFailed`. However this ends, the child and its children are gone."""
    pipe = asyncio.subprocess.PIPE
    try:
        child = await asyncio.create_subprocess_exec(
            *words, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        )
    except OSError as fault:
        raise RehearsalFailed(f"cannot be started: {fault}") from fault
    assert child.stdout is not None and child.stderr is not None
    try:
        async with asyncio.timeout(limit_s):
            out, err = await asyncio.gather(_read(child.stdout, MAX_RESULT_BYTES), _read(child.stderr, 1 << 20))
            await child.wait()
    except TimeoutError:
        raise RehearsalFailed(f"not done within {limit_s:.0f} s", again=False) from None
    finally:
        await _gone(child)
    if len(out) > MAX_RESULT_BYTES:
        raise RehearsalFailed(f"told more than {MAX_RESULT_BYTES} bytes", again=False)
    try:
        return readiness.parse(out)
    except ValueError as fault:
        lines = clean(err, 1000).strip("· ") or clean(str(fault), 200)
        raise RehearsalFailed(f"ended with {child.returncode}: {lines[-300:]}") from fault


async def _read(stream: asyncio.StreamReader, max_bytes: int) -> bytes:
    """All of it; of what is more than `max_bytes` only the beginning, and a byte too many."""
    parts = bytearray()
    while part := await stream.read(1 << 16):
        parts += part[: max_bytes + 1 - len(parts)]
    return bytes(parts)


async def _gone(child: asyncio.subprocess.Process) -> None:
    """Ask it to end, so that calls which are up are hung up; then its whole group ends: streams may be sent by children of
    the child."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.send_signal(signal.SIGINT)
        await _ended(child)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    await _ended(child)
    if child.stdin is not None:
        child.stdin.close()


async def _ended(child: asyncio.subprocess.Process) -> None:
    """Wait for its end, a little; what it still says is thrown away: a full pipe would keep it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(HANG_UP_S):
            for stream in (child.stdout, child.stderr):
                while stream is not None and await stream.read(1 << 16):
                    continue
            await child.wait()
