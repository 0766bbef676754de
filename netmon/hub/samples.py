"""From what the hub stores to what rules see."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.base import Sample
from netmon.fields import DEFERRED
from netmon.hub.batch import Batch

PREFIX = "netmon_"
SELF_KIND = "agent"  # what an agent says about itself; its check is "-"


def samples(batch: Batch) -> Iterator[Sample]:
    """Samples of a batch's lines. Lines of others (Telegraf), notes without a check, and runs that were put off have
    none: what was not measured votes for nothing and against nothing."""
    for line in batch.lines:
        if not line.name.startswith(PREFIX) or line.time is None or DEFERRED.name in line.fields:
            continue
        kind = line.name[len(PREFIX) :]
        check = line.tags.get("check", "-")
        if check != "-" or kind == SELF_KIND:
            yield Sample(line.tags.get("agent", batch.agent), check, kind, line.time, line.fields, line.tags)
