"""What breaks in the lab and when: a table, read by the one clock of the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from netmon.lab.plan import Wire

BREAK_S, MEND_S = 10.0, 30.0
LOSS = 0.4


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fault: `wire` it stands on ("" for the MCU), the element an incident should name, what is done."""

    name: str
    element: str
    wire: str
    action: str  # cut, lose, kill-mcu
    meaning: str


SCENARIOS = {
    row.name: row
    for row in (
        Scenario("commune-cut", "link:province-c1", "province-c1", "cut", "the link of commune c1 is cut"),
        Scenario("uplink-cut", "link:core-province", "core-province", "cut", "the uplink of the province is cut"),
        Scenario("mcu-down", "mcu:mcu-1", "", "kill-mcu", "the MCU's process dies, its host lives"),
        Scenario(
            "lossy-link",
            "link:province-c1",
            "province-c1",
            "lose",
            f"{LOSS:.0%} of the packets to commune c1 are lost",
        ),
    )
}


@dataclass(slots=True)
class Timeline:
    """When a scenario breaks and mends; `step` does what is due once."""

    scenario: Scenario
    do: Callable[[str], None]  # "break" or "mend"
    _next: int = 0

    def step(self, elapsed_s: float) -> None:
        """Do what is due `elapsed_s` after the start of the run."""
        for at, (due_s, what) in enumerate(((BREAK_S, "break"), (MEND_S, "mend"))):
            if at == self._next and elapsed_s >= due_s:
                self._next += 1
                self.do(what)


class Faults:
    """The hand that breaks and mends: needs the space for wires and two calls for the MCU."""

    def __init__(
        self,
        cut: Callable[[Wire], None],
        lose: Callable[[Wire, float], None],
        mend: Callable[[Wire], None],
        stop_mcu: Callable[[], None],
        start_mcu: Callable[[], None],
        wire: Callable[[str], Wire],
    ) -> None:
        self._break = {
            "cut": lambda id: cut(wire(id)),
            "lose": lambda id: lose(wire(id), LOSS),
            "kill-mcu": lambda id: stop_mcu(),
        }
        self._mend = {
            "cut": lambda id: mend(wire(id)),
            "lose": lambda id: mend(wire(id)),
            "kill-mcu": lambda id: start_mcu(),
        }

    def apply(self, scenario: Scenario, what: str) -> None:
        """Break or mend."""
        table = self._break if what == "break" else self._mend
        table[scenario.action](scenario.wire)
