"""Playing a rule test: every check of the inventory speaks at its period, and what comes of it is held against the test."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from alerts.base import LOST, OK, REFUSED, Sample
from alerts.engine.log_buckets import PER_OCTAVE, PREFIX
from alerts.incidents import Incident
from netmon.config.hub import HubConfig
from netmon.config.receiver import ReceiverConfig
from netmon.load import inventory as inventory_file
from netmon.load import rules as rules_file
from netmon.load.inventory import HubTopology
from netmon.proof.bench import ProofBench
from netmon.proof.case import ProofCase, ProofExpectation, ProofFile, ProofIncident, ProofSeries, read

_OUTCOMES = {"well": OK, "lost": LOST, "refused": REFUSED}
_KINDS = {"mcu": "sip", "service": "dns", "room": "room"}
_DUTY = ReceiverConfig(name="duty")


@dataclass(frozen=True, slots=True)
class ProofResult:
    """One test: what there was, and what is not as it must be."""

    name: str
    incidents: tuple[tuple[str, str, str], ...]  # element, kind, severity
    pages: dict[str, int]
    unmet: tuple[str, ...]


def run(path: Path) -> Iterator[ProofResult]:
    """Each test of a file; raises `ConfigError` with all faults of the file and those it names."""
    file, reader = read(path)
    reader.check()
    topology, config = inventory_file.load(Path(file.inventory)), _config(file)
    rules = rules_file.load(Path(file.rules) if file.rules else None)
    for case in file.tests:
        bench = ProofBench(rules, topology, config)
        _play(case, bench, topology)
        yield _judged(case, bench)


def _config(file: ProofFile) -> HubConfig:
    if not file.hub:
        return HubConfig(name="proof", receivers=(_DUTY,))
    from netmon.config.files import load_hub

    return load_hub(Path(file.hub))


# --- playing ---


def _play(case: ProofCase, bench: ProofBench, topology: HubTopology) -> None:
    start_ms, period_ms = int(case.starts.at_s * 1000), int(case.period_s * 1000)
    checks = [(row.check, row.agent, _kind(case, topology, row.check)) for row in topology.inventory.checks]
    phases = {check: zlib.crc32(check.encode()) % period_ms for check, _, _ in checks}
    agents = topology.agent_names()
    for second in range(int(case.lasts_s)):
        samples, mute = list[Sample](), set[str]()
        for check, agent, kind in checks:
            said = _said(case, check, second)
            if said is not None and said.says == "nothing":
                mute.add(agent)
                continue
            since_ms = 1000 * second - phases[check]
            at_ms = -(-since_ms // period_ms) * period_ms + phases[check]
            if 0 <= at_ms < 1000 * (second + 1):
                samples.append(Sample(agent, check, kind, start_ms + at_ms, _values(said), _tags(topology, agent)))
        spoke = [agent for agent in agents if agent not in mute]
        bench.second([sample for sample in samples if sample.agent not in mute], spoke, start_ms + 1000 * (second + 1))


def _kind(case: ProofCase, topology: HubTopology, check: str) -> str:
    """As a series says, else what usually looks at such an end."""
    for series in case.series:
        if series.kind and any(fnmatchcase(check, pattern) for pattern in series.checks):
            return series.kind
    return _KINDS.get(topology.path(check)[-1].partition(":")[0], "ping")


def _tags(topology: HubTopology, agent: str) -> dict[str, str]:
    place = topology.site_of(agent)
    return {"site": place.partition(":")[2]}


def _said(case: ProofCase, check: str, second: int) -> ProofSeries | None:
    """The last series that says something of a check at a second."""
    for series in reversed(case.series):
        is_on = series.from_s <= second < (series.until_s or case.lasts_s)
        if is_on and any(fnmatchcase(check, pattern) for pattern in series.checks):
            return series
    return None


def _values(said: ProofSeries | None) -> dict[str, int | float]:
    series = said or ProofSeries(checks=())
    outcome = _OUTCOMES[series.says]
    values: dict[str, int | float] = {"outcome": outcome, "sent": 1, "rcvd": int(outcome == OK)}
    if outcome == OK:
        values |= {"rtt_p50_ms": 1000 * series.rtt_s, f"{PREFIX}{_bucket(series.rtt_s)}": 1}
    return values | dict(series.values)


def _bucket(rtt_s: float) -> int:
    us, bucket = max(1.0, 1e6 * rtt_s), 0
    while 2.0 ** ((bucket + 1) / PER_OCTAVE) <= us:
        bucket += 1
    return bucket


# --- judging ---


def _judged(case: ProofCase, bench: ProofBench) -> ProofResult:
    incidents = bench.incidents()
    got = Counter(page.receiver for page in bench.firing_pages())
    rows = tuple((incident.element, incident.kind, incident.severity) for incident in incidents)
    unmet = (*_incidents(case.expect, incidents), *_suppressed(case.expect, bench), *_paged(case.expect, got))
    silent = [f"rule {rule} does not fire" for rule in case.expect.fires if rule not in bench.fired]
    return ProofResult(case.name, rows, dict(got), (*unmet, *silent))


def _incidents(expect: ProofExpectation, incidents: list[Incident]) -> Iterator[str]:
    if expect.incidents is None:
        return
    left = list(incidents)
    for wanted in expect.incidents:
        match = next((incident for incident in left if _fits(wanted, incident)), None)
        if match is None:
            yield f"there is no incident {wanted.element} {wanted.kind} {wanted.severity}"
        else:
            left.remove(match)
    yield from (f"nobody expects {incident.element} {incident.kind} {incident.severity}" for incident in left)


def _fits(wanted: ProofIncident, incident: Incident) -> bool:
    pairs = ((incident.element, wanted.element), (incident.kind, wanted.kind), (incident.severity, wanted.severity))
    return all(fnmatchcase(text, pattern) for text, pattern in pairs)


def _suppressed(expect: ProofExpectation, bench: ProofBench) -> Iterator[str]:
    """A suppressed check fired, and all it told is evidence of an incident others tell, too."""
    fired = {check for checks in bench.fired.values() for check in checks}
    for check in expect.suppressed:
        if check not in fired:
            yield f"no rule fires for {check}"
        for incident in bench.incidents():
            if {series for _, series in incident.members} == {check}:
                yield f"{check} alone opens {incident.element} {incident.kind}"


def _paged(expect: ProofExpectation, got: Counter[str]) -> Iterator[str]:
    for receiver, many in expect.receivers.items():
        if got[receiver] != many:
            yield f"{receiver} gets {got[receiver]} pages, not {many}"
    if expect.pages is not None and got.total() != expect.pages:
        yield f"there are {got.total()} pages, not {expect.pages}"
