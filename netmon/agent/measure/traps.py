"""SNMP traps heard by a child process: each is told as a point, and wakes the checks that look at its sender.

Whoever knows a v2c community, or guesses it, can send a trap in any device's name: so a trap proves nothing here. It is the
reason to ask the device itself at once; what it answers, as on every other look, is what rules judge.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from netmon.config.agent import CheckConfig, TrapsConfig
from netmon.line import Value
from netmon.process.troubles import Restarts, Troubles, fault_words
from probes.clean import clean
from probes.errors import BadTarget
from probes.target import Unresolved, parse, resolve

log = logging.getLogger("netmon.agent")
OnTrap = Callable[[dict[str, Value], int], None]  # (fields, Unix ms)
AGAIN_S = (1.0, 60.0)  # after the child ended: at first, at most
NAMES_S = 600.0  # names of devices are looked up so often
LOG_GAP_S = 1.0  # events of a storm are not all written into the log
STOP_S = 3.0
WELL_S = 5.0  # a child that lives for so long hears
SET_BACK_MS = 10_000  # a time so long before the last one's is no storm: the clock was set
_NAMES = frozenset(
    [
        "link_down",
        "link_up",
        "cold_start",
        "warm_start",
        "authentication_failure",
        "on_battery",
        "ups_alarm",
        "ups_alarm_over",
        "other",
    ]
)
_NUMBERS = ("if_admin", "if_oper", "on_battery_s", "battery_left_s")
_FLAGS = ("community_file", "user", "auth", "auth_password_file", "priv", "priv_password_file")


class Traps:
    """Runs the child for ever. `told` gets each event's fields, `wake` the names of the checks to measure now."""

    def __init__(
        self,
        config: TrapsConfig,
        checks: Iterable[CheckConfig],
        on_trap: OnTrap,
        wake: Callable[[str], None],
        troubles: Troubles | None = None,
    ) -> None:
        self._troubles = troubles or Troubles()
        self._config, self._on_trap, self._wake = config, on_trap, wake
        self._checks = [check for check in checks if check.kind == "snmp"]
        self._by_source: dict[str, list[str]] = {}
        self._named_at = -NAMES_S
        self._logged_at = 0.0
        self._last_ms = 0

    async def run(self) -> None:
        """Until cancelled; a child that ends is started again."""
        restarts = Restarts(AGAIN_S)
        while True:
            restarts.begin()
            well = asyncio.get_running_loop().call_later(WELL_S, self._troubles.well, "traps")
            try:
                why = await self._child()
            finally:
                well.cancel()
            self._troubles.tell("traps", f"they are not heard: {why}")
            await asyncio.sleep(restarts.wait_s())

    async def _child(self) -> str:
        """One life of the child; why it ended."""
        try:
            child = await asyncio.create_subprocess_exec(
                *command(self._config), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 16
            )
        except OSError as fault:
            return fault_words(fault)
        assert child.stdout is not None
        try:
            while line := await child.stdout.readline():
                await self._heard(line)
        except ValueError:  # a line beyond the limit
            return "a line of the receiver was too long"
        finally:
            await _end(child)
        return f"the receiver ended with {child.returncode}"

    async def _heard(self, line: bytes) -> None:
        try:
            event = json.loads(line)
            source, at_ms = str(event["source"]), int(event["at_ns"]) // 1_000_000
        except (ValueError, TypeError, KeyError, OverflowError):
            return
        await self._name()
        checks = self._by_source.get(source, [])
        is_set_back = at_ms < self._last_ms - SET_BACK_MS
        self._last_ms = at_ms if is_set_back else max(at_ms, self._last_ms + 1)  # a point of its own for each
        self._on_trap(fields(event, bool(checks)), self._last_ms)
        for check in checks:
            self._wake(check)
        if time.monotonic() - self._logged_at >= LOG_GAP_S:
            self._logged_at = time.monotonic()
            texts = (str(event.get(key, "")) for key in ("name", "interface"))
            log.info("trap of %s: %s", clean(source, 60), clean(" ".join(filter(None, texts)), 120))

    async def _name(self) -> None:
        """Which address is which checks' device, looked up now and then."""
        if time.monotonic() - self._named_at < NAMES_S:
            return
        self._named_at = time.monotonic()
        by_source: dict[str, list[str]] = {}
        for check in self._checks:
            with contextlib.suppress(BadTarget, Unresolved, OSError):
                for _, address in await resolve(parse(check.target, 161)):
                    by_source.setdefault(str(address[0]), []).append(check.check)
        self._by_source = by_source


def command(config: TrapsConfig) -> list[str]:
    """The receiver's command line; secrets stay in their files."""
    argv = [sys.executable, "-I", "-m", "probes.answer.traps", "--attached", "--listen", config.listen]
    for name in _FLAGS:
        if value := getattr(config, name):
            argv += [f"--{name.replace('_', '-')}", value]
    return argv + [word for engine in config.engines for word in ("--engine", engine)]


def fields(event: Mapping[str, Any], known: bool) -> dict[str, Value]:
    """An event as fields: `link_down=1` or another name, the interface's number, what else it says; `known`: it came
    from a device of our checks. Numbers only."""
    name = str(event.get("name", ""))
    values_of_point: dict[str, Value] = {name if name in _NAMES else "other": 1, "known": int(known)}
    interface = str(event.get("interface", ""))
    if interface.isdecimal() and len(interface) <= 10:
        values_of_point["if_index"] = int(interface)
    values = event.get("values")
    numbers = {**(values if isinstance(values, dict) else {}), "uptime_s": event.get("uptime_s")}
    values_of_point |= {key: numbers[key] for key in (*_NUMBERS, "uptime_s") if _is_whole(numbers.get(key))}
    return values_of_point


def _is_whole(value: object) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


async def _end(child: asyncio.subprocess.Process) -> None:
    """Ask it to stop, then make it."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()
