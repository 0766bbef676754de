"""Places in the segments that are remembered elsewhere: cursors, snapshot, sealed files. What to do when they lie behind the
segments' end, because a disk was changed, a backup put back, or a file damaged.

No place that was told durable is ever given out again, so no cursor can pass over new points; whoever remembers a place that
is not there begins again with what is left: a database overwrites what it has, and sealing makes whole files anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from netmon.hub.archive.sealing import Sealer
from netmon.hub.archive.sink import Sink
from netmon.segments.position import Position
from netmon.segments.segments import Segments
from netmon.store import layout


def heal(segments: Segments, sealer: Sealer, sinks: Iterable[Sink], others: Mapping[str, Position]) -> str:
    """Make everybody's places true; what was wrong, for people, "" when nothing was. `others`: who remembers which place.

    Before anything is written to the segments.
    """
    end, sinks = segments.durable, tuple(sinks)
    file = f"Parquet file {layout.newest_segment(sealer.store)}"
    places = {
        **others,
        "sealed.json": sealer.place,
        file: Position(layout.newest_segment(sealer.store), 0),
        **{f"sink {sink.name}": sink.position for sink in sinks},
    }
    wrong = sorted(name for name, place in places.items() if place > end)
    if not wrong:
        return ""
    segments.begin_after(max(places[name] for name in wrong))
    for sink in sinks:
        if sink.position > end:
            sink.position = segments.first
    if sealer.place > end:
        sealer.begin_again(end, is_lost=len(wrong) > 1)
    return (
        f"the segments end at {end.segment}/{end.offset}, but {', '.join(wrong)} remember later places: what lay between is"
        " lost unless it was sealed or copied; what is left is copied and sealed again, and new points go on behind all of them"
    )
