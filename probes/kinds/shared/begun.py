"""A measurement that has begun: what kind of what, and when; each way it may end is one call."""

from __future__ import annotations

import time
from collections.abc import Mapping

from probes.base import Measurement, Outcome, Row, Target, Value


class Begun:
    """Made when it begins. `at_ns`: wall clock; `began`: monotonic s."""

    def __init__(self, kind: str, target: Target) -> None:
        self._kind, self._text = kind, target.text
        self.at_ns, self.began = time.time_ns(), time.monotonic()

    @property
    def took_ms(self) -> float:
        """Since it began."""
        return round((time.monotonic() - self.began) * 1000.0, 3)

    def ended(
        self, outcome: Outcome, why: str = "", values: Mapping[str, Value] | None = None, detail: tuple[Row, ...] = ()
    ) -> Measurement:
        """The result, now."""
        return Measurement(self._kind, self._text, self.at_ns, self.took_ms, outcome, dict(values or {}), why, detail)

    def unresolved(self, fault: Exception) -> Measurement:
        """Its target's name has no address."""
        return self.ended(Outcome.UNRESOLVED, str(fault))
