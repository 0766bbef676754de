"""What successes prove, and since when: the memory and the reading behind `alerts.blame.blame`. Pure; times are Unix ms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

STEADY_MS = 5_000
CLOSE_MS = 200  # a proof that came so soon need not be dated better


class Proofs:
    """What lasts from tick to tick: for each failing check, when the elements it crosses were first seen to carry
    something after its first miss. Only a miss sent later than that speaks against what lies behind them."""

    def __init__(self) -> None:
        self._runs: dict[str, tuple[int, dict[str, int]]] = {}  # check → (first miss, element → first proof)

    def memory(self) -> dict[str, list[Any]]:
        """What must outlive the process; fits into JSON."""
        return {check: [start_ms, proofs] for check, (start_ms, proofs) in self._runs.items()}

    def recall(self, memory: Mapping[str, list[Any]]) -> None:
        """Take it over."""
        self._runs = {check: (start_ms, dict(proofs)) for check, (start_ms, proofs) in memory.items()}

    def keep(self, failing: Mapping[str, tuple[int, int]]) -> Mapping[str, int]:
        """Failing checks now, as (first miss, latest success): since when each fails. A run goes on until a newer
        success, though its first miss left the window."""
        runs = dict[str, tuple[int, dict[str, int]]]()
        for check, (start_ms, ok_ms) in failing.items():
            run = self._runs.get(check)
            runs[check] = run if run is not None and ok_ms <= run[0] else (start_ms, {})
        self._runs = runs
        return {check: start_ms for check, (start_ms, _) in runs.items()}

    def first_ms(self, check: str, element: str, proven_ms: int) -> int:
        """When the element first carried something since the check failed; `proven_ms`: as seen now."""
        proofs = self._runs[check][1]
        proofs[element] = min(proven_ms, proofs.get(element, proven_ms))  # who reports later may have known earlier
        return proofs[element]


class Witnesses:
    """What the checks that cross an element say for it, read only as far as asked: often one is enough, and a hub has
    tens of thousands. A testimony: latest success, since when it succeeds without a break (0: always), period."""

    def __init__(self, testimonies: Iterator[tuple[int, int, int]]) -> None:
        self._unread = testimonies
        self._read: list[tuple[int, int, int]] = []
        self._good_ms = 0

    def _all(self) -> Iterator[tuple[int, int, int]]:
        return chain(self._read, self._more())

    def _more(self) -> Iterator[tuple[int, int, int]]:
        for testimony in self._unread:
            self._read.append(testimony)
            self._good_ms = max(self._good_ms, testimony[0])
            yield testimony

    def is_good_after(self, after_ms: int) -> bool:
        """Was a success sent after a moment?"""
        return self._good_ms > after_ms or any(testimony[0] > after_ms for testimony in self._more())

    def first_ms(self, after_ms: int) -> int:
        """When the first success after a moment was sent, at the latest: without a break each period had one."""
        first_ms = 1 << 62
        for good_ms, broken_ms, period_ms in self._all():
            if good_ms > after_ms:
                since_ms = max(after_ms, broken_ms)
                first_ms = min(first_ms, good_ms - (good_ms - since_ms - 1) // period_ms * period_ms)
                if first_ms - after_ms < CLOSE_MS:
                    break
        return first_ms

    def is_steady(self, after_ms: int) -> bool:
        """Do two of three who succeeded after a moment succeed without a break for three periods (five seconds)?"""
        heard = [testimony for testimony in self._all() if testimony[0] > after_ms]
        steady = sum(good_ms - broken_ms >= min(3 * period_ms, STEADY_MS) for good_ms, broken_ms, period_ms in heard)
        return 3 * steady >= 2 * len(heard)
