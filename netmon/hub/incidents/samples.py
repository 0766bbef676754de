"""From what the hub stores to what rules see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alerts.base import LOST, OK, Sample
from netmon.fields import DEFERRED, HEAVY, PREFIX
from netmon.hub.ingest.batch import Batch

_OF_LOAD = ("rtt_b", "lost", "loss_", "late", "reordered", "dup", "burst_", "sent_after_lost")
SELF_KIND = "agent"  # what an agent says about itself; its check is "-"


def samples(batch: Batch) -> Iterator[Sample]:
    """Samples of a batch's lines. Lines of others (Telegraf), notes without a check, and runs that were put off have
    none: what was not measured votes for nothing and against nothing."""
    for line in batch.lines:
        if not line.name.startswith(PREFIX) or line.time is None or DEFERRED.name in line.fields:
            continue
        kind = line.name[len(PREFIX) :]
        check = line.tags.get("check", "-")
        if check == "-" and kind != SELF_KIND:
            continue
        fields = line.fields if HEAVY.name not in line.fields else undisturbed(line.fields)
        if fields:
            yield Sample(line.tags.get("agent", batch.header.agent), check, kind, line.time, fields, line.tags)


def undisturbed(fields: Mapping[str, int | float]) -> dict[str, int | float]:
    """Of a light check's point in whose interval a heavy test of its agent ran: what that test cannot have made. That
    something came back counts; delay and losses do not, nor does silence: then it is empty."""
    if fields.get("outcome") == LOST:
        return {}
    kept = {name: value for name, value in fields.items() if not _is_of_load(name)}
    return kept | ({"sent": 0, "rcvd": 0} if kept.get("outcome") == OK and "sent" in kept else {})


def _is_of_load(name: str) -> bool:
    return name.endswith("_ms") or name.startswith(_OF_LOAD)
