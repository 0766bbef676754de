"""The hub's whole state as the console and scripts see it: one JSON shape, whole or only what changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from netmon.hub.limits import Counters
from netmon.hub.state.communes import Communes
from netmon.hub.state.live import Live

View = dict[str, Any]


class Evaluation(Protocol):
    """What the state needs of the evaluator."""

    def view(self, now_s: float) -> View:
        """Incidents, silences, pages and the evaluator's own figures."""


class HubView:
    """Puts the rooms' rows together. Lives in the event loop."""

    def __init__(
        self,
        name: str,
        version: str,
        live: Live,
        communes: Communes,
        evaluator: Evaluation,
        counters: Counters,
        extra: Callable[[], dict[str, Any]] = dict,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        self._name, self._version = name, version
        self._live, self._communes, self._evaluator, self._counters = live, communes, evaluator, counters
        self._extra, self._clock_s = extra, clock_s
        self._started_ms = int(clock_s() * 1000)

    def whole(self) -> View:
        """Everything."""
        view, now_ms = self._view()
        rows = self._communes.rows(self._live, view["incidents"], now_ms)
        return self._shape(view, now_ms, self._live.agents.values(), self._live.checks.values(), rows)

    def change(self) -> tuple[View, bool]:
        """What changed since the last call, and whether any row did; `hub` and the incidents are always whole."""
        view, now_ms = self._view()
        agents, checks = self._live.take()
        rows = self._communes.changed(self._live, view["incidents"], now_ms)
        return self._shape(view, now_ms, agents, checks, rows), bool(agents or checks or rows)

    def hub(self) -> View:
        """The hub's own row."""
        named = {"name": self._name, "version": self._version, "started_ms": self._started_ms}
        return {**named, **self._counters.as_dict(), **self._extra()}

    def view(self) -> View:
        """The evaluator's part alone."""
        return self._evaluator.view(self._clock_s())

    def _view(self) -> tuple[View, int]:
        now_s = self._clock_s()
        return self._evaluator.view(now_s), int(now_s * 1000)

    def _shape(
        self,
        view: View,
        now_ms: int,
        agents: Iterable[dict[str, Any]],
        checks: Iterable[dict[str, Any]],
        communes: Iterable[dict[str, Any]],
    ) -> View:
        return {
            "at_ms": now_ms,
            "hub": self.hub(),
            "agents": list(agents),
            "checks": list(checks),
            "communes": list(communes),
            **view,
        }
