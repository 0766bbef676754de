"""An incident is one broken element: when it opens, whom it swallows, when it is over. Pure; times are arguments.

Evidence-released hold (reference/alerting.md §2): an element is opened once a success sent after the first miss has
proven its parent, or when nobody is left who could prove it, or when time is up. What is unknown never resolves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from alerts.base import Assessment, Topology
from alerts.blame.accusation import Accusation, Member
from alerts.blame.blame import Votes
from alerts.blame.blips import Blips
from alerts.blame.mute import mute_together
from alerts.blame.paths import PathIndex
from alerts.blame.proofs import Proofs
from alerts.blame.siblings import Groups, gather
from alerts.blame.states import EVIDENCE, SWALLOWED, TRIED, states
from alerts.blame.testimony import LATE_MS, Kinds, Outages
from alerts.ending import Ending
from alerts.incident import (
    OWN,
    UNMEASURED,
    Change,
    Incident,
    calm_ms,
    is_lasting,
    is_loss,
    latest_ended,
    new_id,
    reopen,
    same_flows,
    update,
)
from alerts.release import hearing_ms, is_due, newest_ms

AFTERMATH_MS = 10_000  # routes and switches need so long: what fell with an element may come back later than it
TAINT_MS = 60_000  # windows still hold an outage's losses for so long after its end, longer ones for longer
SILENCE_GRACE_MS = 120_000  # agents need time to come back after an outage …
BEGIN_GRACE_MS = 30_000  # … or after the hub's own absence
REOPEN_MS = 600_000  # what begins again within this is the same incident
__all__ = ["Book", "Change", "Incident"]


class Book:
    """All incidents: open ones and those closed lately."""

    def __init__(
        self,
        topology: Topology,
        can_judge: Mapping[str, frozenset[str]],
        *,
        settle_ms: int = 1000,
        window_ms: int = 0,
        known: Iterable[Incident] = (),
    ) -> None:
        """`can_judge`: rule → kinds of checks it judges. `window_ms`: the longest of the rules'. `known`: from before."""
        self._topology = topology
        self._paths = PathIndex(topology)
        self._can_judge = can_judge
        self._settle_ms = settle_ms
        self._fade_ms = max(TAINT_MS, window_ms)
        self.incidents = {incident.id: incident for incident in known}
        still = [incident for incident in self.incidents.values() if incident.is_open and incident.fault != OWN]
        self._open = {incident.element: incident for incident in still if incident.fault != "state"}
        self._states = {(incident.element, incident.kind): incident for incident in still if incident.fault == "state"}
        self._held: dict[Member, int] = {}  # since when it accuses
        self._began_ms: int | None = None  # since when it listens without a break
        self._event_ms = 0  # this tick, as agents' clocks have it
        self._proofs = Proofs()
        self._ended: dict[str, int] = {}  # when, by the hub's clock
        self._blips = Blips()
        self._calm: dict[str, int] = {}  # since when, by the hub's clock, what comes and goes is well
        past = ((incident.id, incident.resolved_ms) for incident in self.incidents.values())
        self._unplaced = {id: resolved_ms for id, resolved_ms in past if resolved_ms is not None}
        ended = (incident for incident in self.incidents.values() if incident.fault == "quality")
        self._blamed_ms = {
            incident.id: incident.resolved_ms for incident in ended if incident.resolved_ms is not None
        }  # when it last was
        self._lossy: dict[str, int] = {}  # element with an incident of quality → when it was last blamed

    def open(self) -> list[Incident]:
        """Those that are not resolved."""
        return [*self._open.values(), *self._states.values()]

    def forget(self, before_ms: int) -> list[str]:
        """Drop those that ended before a time by the hub's clock; their ids."""
        ended = ((id, incident.resolved_ms) for id, incident in self.incidents.items())
        old = [id for id, over_ms in ended if over_ms is not None and self._ended.get(id, over_ms) < before_ms]
        for id in old:
            del self.incidents[id]
            self._blamed_ms.pop(id, None)
            self._ended.pop(id, None)
        return old

    # --- across pauses and restarts ---

    def jumped(self, ms: int, now_ms: int, *, is_pause: bool = True) -> None:
        """The hub was away, or its clock was set, by so much until `now_ms`: what it waits for, it waits for on."""
        self._held = {member: since + ms for member, since in self._held.items()}
        self._lossy = {element: at + ms for element, at in self._lossy.items()}
        self._ended = {id: at + ms for id, at in self._ended.items()}
        if is_pause or self._began_ms is None:
            self._began_ms = now_ms
        else:
            self._began_ms += ms

    def memory(self) -> dict[str, Any]:
        """What must outlive the process beside the incidents; fits into JSON."""
        return {
            "held": [[*member, since] for member, since in self._held.items()],
            "lossy": self._lossy,
            "blamed": self._blamed_ms,
            "ended": self._ended,
            "proofs": self._proofs.memory(),
        }

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Take it over. Incidents that changed since it was written stay as they are kept."""
        self._held = {(rule, series): since for rule, series, since in memory["held"]}
        self._lossy = dict(memory["lossy"])
        known = self.incidents
        self._blamed_ms |= {id: at for id, at in memory["blamed"].items() if id in known and known[id].is_open}
        self._ended |= {id: at for id, at in memory["ended"].items() if self._unplaced.pop(id, None) is not None}
        self._proofs.recall(memory["proofs"])

    def step(self, assessment: Assessment, kinds: Kinds) -> list[Change]:
        """One tick."""
        now_ms = assessment.at_ms
        if self._began_ms is None:
            self._began_ms = now_ms
        self._event_ms = now_ms if assessment.event_ms is None else assessment.event_ms
        self._ended |= {id: at + now_ms - self._event_ms for id, at in self._unplaced.items()}
        self._unplaced.clear()
        votes = Votes(assessment, self._paths, self._proofs, self._fallen(now_ms), kinds)
        self._remember(votes.members, assessment.unknown, now_ms)
        reach = gather(votes.reach(), self._paths.hangs_on, self._groups(), votes.suspicious)
        changes = self._take_in(reach, now_ms)
        self._blips.look(votes, reach, self._open, now_ms)
        quality = votes.quality(kinds, self._can_judge, self._explained(reach, now_ms))
        self._note_lossy(quality, now_ms)
        changes += self._take_in(
            [accusation for accusation in quality if not self._is_left_over(accusation, assessment)], now_ms
        )
        mute = [mute for mute in votes.silence() if self._is_unexplained(mute, votes, reach, now_ms)]
        silence = mute_together(mute, self._topology)
        changes += self._take_in(silence, now_ms)
        blamed = [*reach, *quality, *silence]
        home = {member: accusation.element for accusation in blamed for member in accusation.members}
        ending = Ending(self._paths, votes, assessment, home, self._open, self._began_ms)
        changes += self._settle(ending, home, now_ms)
        accused = {accusation.element for accusation in (*reach, *quality)}
        odd = [accusation for accusation in votes.odd if not self._is_touched(accusation, accused, now_ms)]
        alone = [*states(assessment, self._paths), *odd]
        changes += self._take_in(
            [accusation for accusation in alone if self._outage_of(accusation, now_ms) is None], now_ms
        )
        return changes + self._add_evidence(alone, now_ms) + self._end_states(ending, alone, now_ms)

    def _is_touched(self, accusation: Accusation, accused: Set[str], now_ms: int) -> bool:
        """Do its checks cross what is accused, or is, or was a moment ago, told as broken?"""
        broken = accused | self._open.keys() | self._outages(now_ms, LATE_MS).keys()
        return any(not broken.isdisjoint(self._paths.path.get(check, ())) for _, check in accusation.members)

    def _groups(self) -> Groups:
        """Open outages of several siblings, by what they hang on."""
        return {
            incident.element: (incident.latest_start_ms, frozenset(incident.siblings))
            for incident in self._open.values()
            if incident.siblings and incident.fault == "reach"
        }

    # --- opening ---

    def _remember(self, firing: Set[Member], unknown: Set[Member], now_ms: int) -> None:
        """Since when each series accuses; one nobody can judge now keeps its place."""
        self._held = {member: since for member, since in self._held.items() if member in firing or member in unknown}
        self._held |= dict.fromkeys(firing - self._held.keys(), now_ms)

    def _take_in(self, accusations: Sequence[Accusation], now_ms: int) -> list[Change]:
        changes = list[Change]()
        for accusation in accusations:
            known = self._known(accusation)
            if known is not None:
                if update(known, accusation):
                    changes.append(Change("changed", known))
            elif self._is_released(accusation, now_ms):
                changes.append(self._reopened(accusation, now_ms) or Change("opened", self._opened(accusation, now_ms)))
        return changes

    def _outage_of(self, accusation: Accusation, now_ms: int) -> Incident | None:
        """What explains a state nobody has told before: an outage; of a room that was tried, lost packets as well."""
        if accusation.kind not in EVIDENCE or self._known(accusation) is not None:
            return None
        return self._outage_at(accusation.element, now_ms, accusation.reported_ms, or_loss=accusation.kind in TRIED)

    def _outage_at(self, element: str, now_ms: int, reported_ms: int, *, or_loss: bool = False) -> Incident | None:
        """An outage of an element, of a link that begins at it, or of something between it and the hub. One that has ended
        counts for a while, and until the element is looked at again (last: `reported_ms`): rooms are tried once an hour."""
        for incident in self.incidents.values():
            ended_ms = self._event_ms if incident.resolved_ms is None else incident.resolved_ms
            if self._since_end_ms(incident, now_ms) > TAINT_MS and reported_ms > ended_ms + AFTERMATH_MS:
                continue
            is_behind = self._paths.is_behind(element, incident.element)
            is_near = is_behind or element in (incident.element, self._topology.parent(incident.element))
            if (incident.fault == "reach" and is_near) or (or_loss and is_behind and is_loss(incident)):
                return incident
        return None

    def _add_evidence(self, alone: Sequence[Accusation], now_ms: int) -> list[Change]:
        """What is evidence of an open outage is told with it, and is no incident beside it."""
        changed = dict[str, Change]()
        for accusation in alone:
            outage = self._outage_of(accusation, now_ms)
            if outage is not None and outage.is_open:
                evidence = {*outage.also_told, *(" ".join(member) for member in accusation.members)}
                if len(evidence) > len(outage.also_told):
                    outage.also_told = tuple(sorted(evidence))
                    changed[outage.id] = Change("changed", outage)
        return list(changed.values())

    def _known(self, accusation: Accusation) -> Incident | None:
        """The open incident an accusation belongs to. What a thing is like stands beside what becomes of the path to it."""
        if accusation.fault == "state":
            return self._states.get((accusation.element, accusation.kind))
        known = self._open.get(accusation.element) or same_flows(accusation, self._open.values())
        return self._of_twin(accusation) if known is None and accusation.fault == "reach" else known

    def _of_twin(self, accusation: Accusation) -> Incident | None:
        """An open outage of the link before a site, or of the site behind a link: they look alike, and what is seen later
        of the one (a router says that the host does not answer it) is of the fault that was told already."""
        for incident in self._open.values():
            ends = incident.element, accusation.element
            near, far = ends if self._topology.depth(ends[0]) < self._topology.depth(ends[1]) else ends[::-1]
            if incident.fault == "reach" and near.startswith("link:") and self._topology.parent(far) == near:
                return incident
        return None

    def _is_released(self, accusation: Accusation, now_ms: int) -> bool:
        held_ms = now_ms - min(self._held[member] for member in accusation.members)
        is_heard = now_ms - (self._began_ms or 0) >= hearing_ms(accusation.period_ms)
        if accusation.fault == "state":
            return held_ms >= self._settle_ms and (is_heard or accusation.kind not in EVIDENCE)
        if self._is_shadow(accusation) or (self._is_chance(accusation, now_ms) and not is_lasting(accusation)):
            return False
        if accusation.fault == "reach" and not is_heard:
            return False
        is_root = self._topology.parent(accusation.element) is None
        return is_due(accusation, held_ms, self._settle_ms, is_root=is_root)

    def _is_chance(self, accusation: Accusation, now_ms: int) -> bool:
        """May three misses in a row be chance? On a line that loses packets anyway, or was ended a moment ago."""
        return accusation.fault == "reach" and (accusation.shaky or accusation.element in self._outages(now_ms))

    def _reopened(self, accusation: Accusation, now_ms: int) -> Change | None:
        """The incident that was over a moment ago and goes on, if there is one."""
        if accusation.fault in ("state", "self"):
            return None
        known = latest_ended(accusation.element, self.incidents.values())
        if known is None or self._since_end_ms(known, now_ms) > REOPEN_MS:
            return None
        reopen(known, accusation)
        self._ended.pop(known.id, None)
        self._open[known.element] = known
        return Change("reopened", known)

    def _is_calm(self, incident: Incident, now_ms: int) -> bool:
        """Has what comes and goes been well for long enough to say so? The oftener it came back, the longer."""
        return now_ms - self._calm.setdefault(incident.id, now_ms) >= calm_ms(incident)

    def _opened(self, accusation: Accusation, now_ms: int) -> Incident:
        named = f"{accusation.element}|{accusation.kind}" if accusation.fault == "state" else accusation.element
        id = new_id(named, accusation.start_ms, now_ms, accusation.period_ms, self.incidents)
        incident = Incident(
            id=id,
            element=accusation.element,
            kind=accusation.kind,
            fault=accusation.fault,
            severity=accusation.severity,
            opened_ms=self._event_ms,
            first_miss_ms=accusation.start_ms,
            members=set(accusation.members),
            latest_start_ms=accusation.latest_start_ms,
            suspects=accusation.suspects,
            against=len(accusation.members),
            clear=accusation.clear,
            siblings=accusation.siblings,
            share=accusation.share,
            outvoted=accusation.outvoted,
        )
        self.incidents[id] = incident
        if accusation.fault == "state":
            self._states[accusation.element, accusation.kind] = incident
        else:
            self._open[accusation.element] = incident
        return incident

    # --- what other incidents explain ---

    def _since_end_ms(self, incident: Incident, now_ms: int) -> int:
        """By the hub's clock; 0 while it is open."""
        return now_ms - self._ended.get(incident.id, now_ms)

    def _fallen(self, now_ms: int) -> Outages:
        """Elements with which others fell, and may come back later: not those that carry a part of their flows."""
        partly = {incident.element for incident in self._open.values() if incident.share}
        return {element: span for element, span in self._outages(now_ms, LATE_MS).items() if element not in partly}

    def _outages(self, now_ms: int, within_ms: int = TAINT_MS) -> Outages:
        """Elements that are, or were a moment ago, out of reach."""
        return {
            incident.element: (incident.first_miss_ms, incident.latest_start_ms, incident.resolved_ms)
            for incident in sorted(self.incidents.values(), key=lambda incident: incident.opened_ms)
            if incident.fault == "reach" and self._since_end_ms(incident, now_ms) <= within_ms
        }

    def _note_lossy(self, quality: Sequence[Accusation], now_ms: int) -> None:
        """Until when elements were blamed for answering badly; an incident from before a restart begins anew."""
        blamed = {accusation.element for accusation in quality}
        for incident in self._open.values():
            if incident.fault == "quality" and (incident.element in blamed or incident.element not in self._lossy):
                self._lossy[incident.element] = now_ms
            if incident.fault == "quality" and (incident.element in blamed or incident.id not in self._blamed_ms):
                self._blamed_ms[incident.id] = self._event_ms
        self._lossy = {element: at for element, at in self._lossy.items() if now_ms - at <= self._fade_ms}

    def _is_shadow(self, accusation: Accusation) -> bool:
        """Is it explained by an element nearer to the hub that answers badly? Its losses fade from the windows of
        its checks one by one, and may strike one check several times in a row; what lasts is another fault."""
        if accusation.element in self._lossy or not any(
            step in self._lossy for step in self._paths.inward(accusation.element)
        ):
            return False
        if accusation.fault == "reach":
            return not is_lasting(accusation)
        return accusation.fault == "quality"

    def _explained(self, reach: Sequence[Accusation], now_ms: int) -> frozenset[str]:
        """Checks whose bad figures come from an element that is, or was a moment ago, out of reach."""
        cut = {accusation.element for accusation in reach if not self._is_lossy(accusation.element)}
        cut |= self._outages(now_ms, self._fade_ms).keys()
        cut |= self._blips.since(now_ms - self._fade_ms)
        paths = self._paths
        touched = (paths.crossing.get(element, []) + paths.beyond.get(element, []) for element in cut)
        return frozenset(check for checks in touched for check in checks)

    def _is_left_over(self, accusation: Accusation, assessment: Assessment) -> bool:
        """Is it what something nearer to the hub was blamed for, and nobody has looked since? Streams are seldom sent: of
        the rooms behind a mended uplink one after the other finds out."""
        if accusation.element in self._open:
            return False
        inward = set(self._paths.inward(accusation.element)) - {accusation.element}
        looked_ms = max(newest_ms(assessment, check) for _, check in accusation.members)
        return any(
            looked_ms <= self._blamed_ms.get(incident.id, 0)
            for incident in self.incidents.values()
            if incident.element in inward
        )

    def _is_lossy(self, element: str) -> bool:
        known = self._open.get(element)
        return known is not None and known.fault == "quality"

    def _is_unexplained(self, accusation: Accusation, votes: Votes, reach: Sequence[Accusation], now_ms: int) -> bool:
        """May an agent's silence be told as such? Not while, or just after, something on its way to the hub broke."""
        if self._began_ms is not None and now_ms - self._began_ms < BEGIN_GRACE_MS:
            return accusation.element in self._open
        inward = set(self._paths.inward(accusation.element)) - {accusation.element}
        if any(accusation.element in inward for accusation in reach) or votes.is_doubted(accusation.element):
            return False
        return not any(
            incident.element in inward and self._since_end_ms(incident, now_ms) <= SILENCE_GRACE_MS
            for incident in self.incidents.values()
            if incident.fault != "state"
        )

    # --- ending ---

    def _settle(self, ending: Ending, home: Mapping[Member, str], now_ms: int) -> list[Change]:
        blamed = set(home.values())
        changes = list[Change]()
        for incident in list(self._open.values()):
            if incident.element in blamed:
                self._calm.pop(incident.id, None)
                continue
            parent = self._swallowed_by(incident, ending.firing, home)
            if parent is not None:
                incident.superseded_by = parent.id
                parent.members |= incident.members
            elif not ending.is_over(incident):
                self._calm.pop(incident.id, None)
                if not ending.is_unmeasured(incident):
                    continue
                incident.ended = UNMEASURED
            elif not self._is_calm(incident, now_ms):
                continue
            self._calm.pop(incident.id, None)
            del self._open[incident.element]
            changes.append(self._ended_now(incident, now_ms))
        return changes

    def _end_states(self, ending: Ending, alone: Sequence[Accusation], now_ms: int) -> list[Change]:
        """States nobody tells of any more end once most of those who told say so, or when none of them is left."""
        current = {(accusation.element, accusation.kind) for accusation in alone}
        changes = list[Change]()
        for key, incident in list(self._states.items()):
            outage = self._outage_at(incident.element, now_ms, self._event_ms) if incident.kind in SWALLOWED else None
            if outage is not None and outage.is_open:
                incident.superseded_by = outage.id
            elif key in current:
                continue
            elif ending.is_unmeasured(incident):
                incident.ended = UNMEASURED
            elif not ending.is_better(incident):
                continue
            del self._states[key]
            changes.append(self._ended_now(incident, now_ms))
        return changes

    def _ended_now(self, incident: Incident, now_ms: int) -> Change:
        incident.resolved_ms, self._ended[incident.id] = max(self._event_ms, incident.first_miss_ms), now_ms
        return Change("resolved", incident)

    def _swallowed_by(
        self, incident: Incident, firing: frozenset[Member], home: Mapping[Member, str]
    ) -> Incident | None:
        """The open incident nearer to the hub that explains all that still speaks against this one."""
        if incident.fault == "silence" and (cut := self._cut_off(incident)) is not None:
            return cut
        homes = {home.get(member) for member in incident.members & firing}
        if len(homes) != 1:
            return None
        element = homes.pop()
        if element is None or element == incident.element or not self._paths.is_behind(incident.element, element):
            return None
        return self._open.get(element)

    def _cut_off(self, incident: Incident) -> Incident | None:
        """The outage that made an agent mute."""
        inward = set(self._paths.inward(incident.element)) - {incident.element}
        for other in self._open.values():
            if (
                other.element in inward
                and other.fault == "reach"
                and incident.first_miss_ms >= other.first_miss_ms - SILENCE_GRACE_MS
            ):
                return other
        return None
