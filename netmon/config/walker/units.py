"""Durations, rates and sizes as people write them. A number without its unit is a fault, never a guess."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_NUMBER = re.compile(r"(\d{1,15}(?:\.\d{1,9})?) ?([A-Za-z]{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Unit:
    """One way of measuring: its noun, its steps (largest last, as factors of the attribute's unit), examples."""

    noun: str
    steps: dict[str, Decimal]
    write: str

    def parse(self, text: str) -> Decimal | None:
        """The number in the attribute's unit, None when the text is no such thing."""
        match = _NUMBER.fullmatch(text)
        step = self.steps.get(match[2]) if match else None
        return None if match is None or step is None else Decimal(match[1]) * step

    def format(self, value: float) -> str:
        """The shortest text that reads back as the value: the largest step that divides it."""
        exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if not exact:
            return f"0{next(name for name, step in self.steps.items() if step == 1)}"
        for name, step in sorted(self.steps.items(), key=lambda step: step[1], reverse=True):
            if exact % step == 0 and exact >= step:
                return f"{int(exact / step)}{name}"
        name, step = min(self.steps.items(), key=lambda step: step[1])
        return f"{(exact / step).normalize():f}{name}"

    @property
    def pattern(self) -> str:
        """A regular expression (ECMA 262) that such texts match."""
        return rf"^\d+(\.\d+)? ?({'|'.join(self.steps)})$"


def _steps(**factors: str) -> dict[str, Decimal]:
    return {name: Decimal(factor) for name, factor in factors.items()}


# `unit` of a setting → how it is written.
UNITS: dict[str, Unit] = {
    "s": Unit("duration", _steps(ms="0.001", s="1", m="60", h="3600", d="86400"), "write 500ms, 5s, 10m, 2h or 1d"),
    "bps": Unit(
        "rate", _steps(bit="1", kbit="1000", Mbit="1000000", Gbit="1000000000"), "write 64kbit, 20Mbit or 2Gbit"
    ),
    "B": Unit(
        "size",
        _steps(
            B="1",
            kB="1000",
            KiB="1024",
            MB="1000000",
            MiB="1048576",
            GB="1000000000",
            GiB="1073741824",
            TB="1000000000000",
        ),
        "write 256kB, 3MB, 1MiB or 2GB",
    ),
}
