"""Every loop of a hub and of an agent, and in each an exception nobody foresaw: told within 10 s, and the work goes on.

.venv/bin/python tests/bench/thread_death.py
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import agentdeaths
import hubdeaths
from agenthub import FakeHub, Told, running, serving
from deaths import Outcome, table
from hubinside import with_hub_inside

FAULTS: tuple[Callable[[], BaseException], ...] = (
    lambda: RuntimeError("put in"),
    lambda: OSError(errno.EMFILE, os.strerror(errno.EMFILE)),
    lambda: MemoryError(),
)


def of_hub(folder: Path, fault: Callable[[], BaseException]) -> list[Outcome]:
    """One hub, one kind of exception."""
    folder.mkdir()
    with hubdeaths.database() as (port, taken):
        return with_hub_inside(
            folder,
            lambda hub, door: hubdeaths.run(hub, hubdeaths.Work(hub, door, lambda: taken[0]), fault),
            hubdeaths.config(folder, port),
        )


def of_agent(folder: Path, fault: Callable[[], BaseException]) -> list[Outcome]:
    """One agent, one kind of exception."""
    folder.mkdir()
    with serving(FakeHub()) as hub, running(agentdeaths.settings(folder, hub.url), Told()) as agent:
        return agentdeaths.run(agent, hub, folder / "agent.sock", fault)


def main() -> int:
    """0 when everything was told and went on."""
    logging.disable(logging.CRITICAL)
    outcomes = []
    with tempfile.TemporaryDirectory() as place:
        for number, fault in enumerate(FAULTS):
            for name, measure in (("hub", of_hub), ("agent", of_agent)):
                found = measure(Path(place) / f"{name}{number}", fault)
                print(f"{name}:\n{table(found)}\n", flush=True)
                outcomes += found
    good = sum(one.told_s is not None and one.goes_on for one in outcomes)
    slowest_s = max((one.told_s for one in outcomes if one.told_s is not None), default=0.0)
    print(f"{good} of {len(outcomes)} told within 10 s and gone on; the slowest after {slowest_s:.2f} s")
    return 0 if good == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
