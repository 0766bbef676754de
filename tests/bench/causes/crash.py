"""The hub is killed at random moments of an incident: between two evaluations, and just before and after what it keeps.

Uses the stories of `tests/support/lives.py`. A killed hub's successor opens its database and reads on from its position.
"""

from __future__ import annotations

import json
import logging
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import lives
from causes.play import table
from lives import STORIES, Life, Story

from netmon.hub.incidents.tables import IncidentTables

KILLS = ("between evaluations", "before the commit", "after the commit")
AWAY_S = (1, 2, 5)
TOLD = ("link down", "uplink down", "link loses a third", "conference server silent", "service down", "agent dead")
Page = tuple[str, str, str]  # status, kind, element


class Killed(BaseException):
    """The process is gone: nothing may catch it."""


class FragileTables(IncidentTables):
    """`kill`: at which side of the next commit the process dies."""

    kill = ""

    def commit(self, *args: Any, **more: Any) -> None:
        """Keep it, unless the process dies."""
        if FragileTables.kill == KILLS[1]:
            raise Killed
        super().commit(*args, **more)
        if FragileTables.kill == KILLS[2]:
            raise Killed


class CrashedLife(Life):
    """A life in which the hub dies as `moments` say. `ids`: of the incidents of each page; `died`: how often, how."""

    def __post_init__(self) -> None:
        self.ids = Counter[tuple[Page, str]]()
        self.died = Counter[str]()
        FragileTables.kill = ""
        super().__post_init__()

    def disturb(self, what: str) -> None:
        """The next commit kills it, or it dies now."""
        if what != KILLS[0]:
            FragileTables.kill = what
        elif not self.killed:
            self._die(what)

    def tick(self) -> None:
        """Judge; receivers take all pages, and a killed hub's pages once its successor runs."""
        told = self.told
        try:
            super().tick()
        except Killed:
            self._die(FragileTables.kill)
            return
        rows = self.database.rows("SELECT body FROM outbox WHERE seq > ? ORDER BY seq", told)
        for page, (body,) in zip(self.pages[len(self.pages) - len(rows) :], rows, strict=True):
            self.ids[page[1:], str(json.loads(body).get("incident", {}).get("id"))] += 1

    def _die(self, how: str) -> None:
        self.died[how] += 1
        FragileTables.kill = ""
        self.away_until_s = self.at_s + self.draw.choice(AWAY_S)
        self.database.close()
        self.killed = True

    def turn(self) -> None:
        """A second; one that died in it is started again later."""
        if self.killed:
            self.open()
        self.away_until_s = 0
        while self.waiting:
            self.deliver(*self.waiting.pop(0))
        self.tick()


class Compared(NamedTuple):
    """What one disturbed life told otherwise than the calm one."""

    died: Counter[str]
    lost: Counter[str]
    doubled: Counter[str]
    other_ids: int


@cache
def _calm(story_name: str, seed: int) -> CrashedLife:
    """The undisturbed life."""
    story = next(story for story in STORIES if story.name == story_name)
    with TemporaryDirectory() as folder:
        life = CrashedLife(Path(folder), story, seed)
        life.run()
        return life


def _compare(story: Story, seed: int, kill: str) -> Compared:
    calm = _calm(story.name, seed)
    with TemporaryDirectory() as folder:
        rough = CrashedLife(Path(folder), story, seed)
        rough.run(_moments(story, kill, random.Random(f"{story.name} {seed} {kill}")))
    before, after = Counter(page[1:] for page in calm.pages), Counter(page[1:] for page in rough.pages)
    ids, its = ({id for _, id in life.ids} for life in (calm, rough))
    return Compared(rough.died, _by_status(before - after), _by_status(after - before), len(its - ids))


def _moments(story: Story, kill: str, draw: random.Random) -> Mapping[int, str]:
    """Two while it begins, one later, one while it ends."""
    spans = ((story.begins_s - 2, story.begins_s + 40), (story.begins_s - 2, story.begins_s + 40),
             (story.begins_s, story.ends_s), (story.ends_s - 2, story.ends_s + 60))  # fmt: skip
    return {draw.randint(*span): kill for span in spans}


def _by_status(pages: Counter[Page]) -> Counter[str]:
    statuses = Counter[str]()
    for (status, _, _), count in pages.items():
        statuses[status] += count
    return statuses


def measure(number: int, keep: Path | None) -> None:
    """Print the table. `keep` means nothing here: what fails is named."""
    del keep
    logging.disable(logging.CRITICAL)
    setattr(lives, "IncidentTables", FragileTables)  # what its hubs open  # noqa: B010
    stories = [story for story in STORIES if story.name in TOLD]
    print(
        f"{len(stories)} kinds of incident, {number} lives of each and way (seeds 1 to {number}), up to four deaths a life"
    )
    heads = ("killed", "deaths", "lost firing", "lost resolved", "firing too many", "resolved too many", "other ids")
    table(heads, [_row(kill, stories, number) for kill in KILLS])


def _row(kill: str, stories: list[Story], number: int) -> tuple[object, ...]:
    died, lost, doubled, other_ids = 0, Counter[str](), Counter[str](), 0
    for name, compared in _lives(kill, stories, number):
        died += compared.died.total()
        lost, doubled, other_ids = lost + compared.lost, doubled + compared.doubled, other_ids + compared.other_ids
        if compared.lost or compared.doubled or compared.other_ids:
            print(
                f"{kill}, {name}: lost {dict(compared.lost)}, too many {dict(compared.doubled)}, ids {compared.other_ids}"
            )
    return (kill, died, lost["firing"], lost["resolved"], doubled["firing"], doubled["resolved"], other_ids)


def _lives(kill: str, stories: list[Story], number: int) -> Iterator[tuple[str, Compared]]:
    for story in stories:
        for seed in range(1, number + 1):
            yield f"{story.name}, seed {seed}", _compare(story, seed, kill)
