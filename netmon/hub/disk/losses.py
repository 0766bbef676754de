"""What is gone for good when the hub's segments must give way (quota, full disk): counted to the point, and told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from netmon.hub.archive.sealing import Sealer
from netmon.hub.archive.sink import Sink
from netmon.process.troubles import Troubles
from netmon.segments.position import Position
from netmon.store import record


class LostPoints:
    """Called with the records of a segment before they go."""

    def __init__(self, sealer: Sealer, sinks: Iterable[Sink], troubles: Troubles) -> None:
        self._sealer, self._sinks, self._troubles = sealer, tuple(sinks), troubles
        self.points = 0  # acknowledged points that were neither sealed nor are in the segments any more

    def __call__(self, records: Sequence[tuple[Position, bytes]]) -> None:
        """Positions are those behind each record."""
        counts = [(position, _points(body)) for position, body in records]
        unsealed = sum(points for position, points in counts if position > self._sealer.place)
        self.points += unsealed
        losses = [f"{unsealed} points are gone before they were sealed"] if unsealed else []
        for sink in self._sinks:
            uncopied = sum(points for position, points in counts if position > sink.position)
            sink.lost += uncopied
            losses += [f"{uncopied} before sink {sink.name} had them"] if uncopied else []
        if losses:
            self._troubles.note("segments: no room", f"{', '.join(losses)}: the oldest made room")


def _points(body: bytes) -> int:
    try:
        _, text = record.split(body)
    except ValueError:
        return 0
    return sum(1 for line in text.split("\n") if line and not line.startswith("#"))
