"""What heavy checks may do while no hub can be asked: so many bytes a day, so many at a time, and the conferences the hub
told of last. Kept in a file, so that a restart refills nothing."""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from netmon.agent.heavy.permit import Denied, Permit
from netmon.config.agent import HeavyConfig
from netmon.files import write_durably
from probes.base import Cost
from probes.clean import clean

log = logging.getLogger("netmon.agent")
ZONE_S, DAY_S = 7 * 3600, 86_400  # a day is a day of Viet Nam, as at the hub
BUSY_S = 10.0
MAX_QUIET = 16  # conferences remembered of one check
Window = tuple[float, float]  # Unix seconds by our clock


def background(work: Callable[[], None]) -> None:
    """Do it in a thread nobody waits for."""
    threading.Thread(target=work, name="heavy", daemon=True).start()


class LocalBudget:
    """Any thread may call; each call may wait for the disk."""

    def __init__(self, path: Path, terms: HeavyConfig, clock_s: Callable[[], float] = time.time) -> None:
        self._path, self._terms, self._clock_s = path, terms, clock_s
        self._lock = threading.Lock()
        self._running = 0
        self._day, self._used, self._quiet = _load(path)

    def ask(self, check: str, cost: Cost) -> Permit | Denied:
        """A permit, its bytes counted before it is given."""
        with self._lock:
            now_s = self._clock_s()
            day = math.floor((now_s + ZONE_S) / DAY_S)
            if day != self._day:
                self._day, self._used = day, 0
            refused = self._refused(check, cost, now_s)
            if refused:
                return refused
            reserved = self._left if cost.bytes is None else cost.bytes
            self._used += reserved
            try:
                self._save()
            except OSError as fault:
                self._used -= reserved
                return Denied(f"not run: what is sent cannot be kept in {self._path}: {fault.strerror}")
            self._running += 1
        return Permit(cost.seconds, lambda used: background(partial(self._done, day, reserved, used)))

    @property
    def _left(self) -> int:
        return self._terms.bytes_per_day - self._used

    def _refused(self, check: str, cost: Cost, now_s: float) -> Denied | None:
        for from_s, until_s in self._quiet.get(check, ()):
            if from_s < now_s + cost.seconds and now_s < until_s:
                return Denied("not run: a conference is on, or soon, on its way, as the hub said last")
        if self._left <= 0 or (cost.bytes is not None and cost.bytes > self._left):
            return Denied(
                "not run: no hub to ask, and what may be sent without one is used up today (heavy.bytes_per_day)"
            )
        if self._running >= self._terms.at_once:
            return Denied("not run: no hub to ask, and another heavy test runs here (heavy.at_once)", BUSY_S)
        return None

    def _done(self, day: int, reserved: int, used: int | None) -> None:
        with self._lock:
            self._running -= 1
            if used is None or day != self._day:
                return
            self._used += used - reserved
            self._try_save()

    def keep_quiet(self, check: str, quiet: Sequence[Window]) -> None:
        """The hub told when conferences are on a check's way."""
        with self._lock:
            kept = tuple(quiet[:MAX_QUIET])
            if kept != self._quiet.get(check, ()):
                self._quiet[check] = kept
                self._try_save()

    def _try_save(self) -> None:
        try:
            self._save()
        except OSError as fault:
            log.error("%s: %s: a restart will know less than it should", self._path, fault.strerror)

    def _save(self) -> None:
        quiet = {check: known for check, known in self._quiet.items() if known}
        write_durably(self._path, json.dumps({"day": self._day, "used": self._used, "quiet": quiet}).encode())


def _load(path: Path) -> tuple[int, int, dict[str, tuple[Window, ...]]]:
    """Day, bytes used and conferences; nothing of them from a file that is not there or cannot be read."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        quiet = {str(check): windows(pairs) for check, pairs in plain["quiet"].items()}
        return int(plain["day"]), int(plain["used"]), quiet
    except FileNotFoundError:
        return 0, 0, {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as fault:
        log.error("%s cannot be read and is begun anew: %s", path, clean(str(fault), 200))
        return 0, 0, {}


def windows(pairs: Any, base_s: float = 0.0) -> tuple[Window, ...]:
    """`[[from, until], …]`, `base_s` added; raises `ValueError`, `TypeError` or `OverflowError` for anything else."""
    if not isinstance(pairs, list) or len(pairs) > MAX_QUIET:
        raise ValueError("not a list of [from, until]")
    made = tuple((base_s + float(from_s), base_s + float(until_s)) for from_s, until_s in pairs)
    if not all(map(math.isfinite, chain(*made))):  # a window without an end would never let a check run
        raise ValueError("not a time")
    return made
