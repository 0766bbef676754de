"""Stories of alerting made by a script: written as scenario files, played by two processes, their pages counted."""

from __future__ import annotations

import logging
import math
import os
import random
import statistics
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from netmon.drill.expect import unmet
from netmon.drill.load import load
from netmon.drill.names import fits
from netmon.drill.result import DrillIncident, DrillPage, DrillResult
from netmon.drill.run import run
from netmon.drill.scenario import DrillScenario
from probes.stats import quantile

JOBS = int(os.environ.get("CAUSES_JOBS", "2"))
Keys = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """One run. `right`: elements of which a page should name one; `witness`: the agent that is odd ("" none)."""

    name: str
    seed: int
    network: Keys
    until: float
    begins_s: float = 0.0
    events: Sequence[Keys] = ()
    agents: Keys = field(default_factory=lambda: {"flush": 1})
    right: Sequence[str] = ()
    expect: Keys = field(default_factory=dict)
    background: Keys = field(default_factory=dict)
    witness: str = ""
    truth: Keys = field(default_factory=dict)  # what the part wants to know again

    def keys(self) -> Keys:
        """As a scenario's file holds it."""
        expect = {"firing": 1, "resolved": 1, **self.expect} if self.right else {"firing": 0, **self.expect}
        if self.right:
            expect["named"] = [{"any": list(self.right), "at": self.begins_s}]
        more = {"background": self.background} if self.background else {}
        about = f"Made by tests/bench/root_cause.py, seed {self.seed}."
        return {"name": self.name, "about": about, "network": self.network, "agents": self.agents, **more,
                "events": list(self.events), "seeds": [self.seed], "until": self.until, "expect": expect}  # fmt: skip

    def write(self, folder: Path) -> Path:
        """The scenario's file."""
        path = folder / f"{self.name}.yaml"
        path.write_text(yaml.safe_dump(self.keys(), sort_keys=False, allow_unicode=True), encoding="utf-8")
        return path


@dataclass(frozen=True)
class Played:
    """A story and what came of it. `unmet`: sentences."""

    story: Story
    result: DrillResult
    unmet: list[str]

    @property
    def firing(self) -> list[DrillPage]:
        """Its firing pages."""
        return [page for page in self.result.pages if page["status"] == "firing"]

    @property
    def resolved(self) -> list[DrillPage]:
        """Its pages of what is over."""
        return [page for page in self.result.pages if page["status"] == "resolved"]

    @property
    def incidents(self) -> list[DrillIncident]:
        """All of them."""
        return self.result.incidents

    def is_right(self, page: DrillPage) -> bool:
        """Does it name what is broken?"""
        return bool(fits(page["element"], self.story.right))

    @property
    def first_s(self) -> float:
        """From the break to the first page that names it; infinite: none did."""
        late = [page["at_s"] - self.story.begins_s for page in self.firing if self.is_right(page)]
        return min((late_s for late_s in late if late_s >= 0), default=math.inf)


def play_all(stories: Iterable[Story], keep: Path | None = None) -> list[Played]:
    """All of them, in their order. `keep`: a folder for the scenario files of those that failed."""
    with TemporaryDirectory() as folder, ProcessPoolExecutor(JOBS, mp_context=get_context("spawn")) as processes:
        told = list(stories)
        scenarios = [load(story.write(Path(folder))) for story in told]
        results = processes.map(_play, scenarios, [story.seed for story in told])
        played = list[Played]()
        for story, scenario, result in zip(told, scenarios, results, strict=True):
            played.append(Played(story, result, unmet(scenario, result)))
            print(f"{len(played)}/{len(told)} {story.name}: {'; '.join(played[-1].unmet) or 'met'}", file=sys.stderr)
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        for each in played:
            if each.unmet:
                each.story.write(keep)
    return played


def _play(scenario: DrillScenario, seed: int) -> DrillResult:
    logging.disable(logging.CRITICAL)
    return run(scenario, seed)


# --- figures ---


def mean(values: Iterable[float]) -> str:
    """As text."""
    return f"{statistics.fmean(values):.2f}"


def at(share: float, values: Iterable[float]) -> str:
    """A quantile as text; "never" when so many never came."""
    ordered = sorted(values)
    if math.isinf(ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]):
        return "never"
    return f"{quantile([value for value in ordered if not math.isinf(value)], share):.1f}"


def part_of(played: Iterable[Played], key: str) -> dict[str, list[Played]]:
    """Those with each value of a truth, in the order they came."""
    groups: dict[str, list[Played]] = {}
    for each in played:
        groups.setdefault(str(each.story.truth[key]), []).append(each)
    return groups


def seeds(part: str, number: int) -> Iterable[tuple[int, random.Random]]:
    """So many seeds, each with what it draws from."""
    return ((seed, random.Random(f"{part} {seed}")) for seed in range(1, number + 1))


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A Markdown table."""
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    print(flush=True)
