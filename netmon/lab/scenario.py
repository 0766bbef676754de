"""What breaks in the lab and when: a table, read by the one clock of the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
