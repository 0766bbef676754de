"""A scenario's file: what it says becomes a scenario, and every fault of it is told at once."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from checkout import ROOT

from netmon.drill.load import load
from netmon.drill.scenario import CountRange, DrillScenario, Percent, Pick
from netmon.errors import ConfigError

FILES = sorted((ROOT / "tests" / "alerts" / "scenarios").glob("*.yaml"))
GOOD = """\
name: some
about: Nothing.
network:
  communes: [2, 3]
seeds: 1
until: 60
expect: {firing: 0}
"""


def _load(folder: Path, text: str) -> DrillScenario:
    path = folder / "some.yaml"
    path.write_text(text)
    return load(path)


def _faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as told:
        _load(folder, text)
    return [f"{problem.where.rpartition(':')[2]} {problem.key}" for problem in told.value.problems]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_scenario_is_understood(path: Path) -> None:
    scenario = load(path)
    assert scenario.name == path.stem and scenario.seen is not None and scenario.seeds


def test_the_files_are_all_there() -> None:
    assert len(FILES) == 34


def test_what_is_not_written_has_the_defaults_of_the_page(tmp_path: Path) -> None:
    scenario = _load(tmp_path, GOOD)
    network = scenario.network
    assert (network.provinces, network.hub, network.core_agent, network.uplinks, network.reroute) == (
        2, ("core",), True, 1, 4.0,
    )  # fmt: skip
    assert network.mcus == {"mcu-1": "mcuroom", "mcu-2": "dc2"}
    assert network.services == {"dns": "core", "docs": "dc2", "ntp": "core"}
    assert (network.checks.packets, network.checks.services, scenario.agents.flush) == (1, 10, 1)
    assert (scenario.background.loss, scenario.seeds, scenario.events) == (0.01, (1,), ())


def test_a_number_of_communes_is_spread_and_the_first_get_one_more(tmp_path: Path) -> None:
    network = _load(tmp_path, GOOD.replace("[2, 3]", "8\n  provinces: 3")).network
    assert network.communes == (3, 3, 2) and network.provinces == 3
    assert _load(tmp_path, GOOD.replace("[2, 3]", "3321")).network.communes[:24] == (98,) * 23 + (97,)


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [("1", [1], [0, 2]), ("0..2", [0, 2], [3]), ("5..", [5, 99], [4])],
)
def test_a_count_is_one_number_or_a_range(text: str, right: list[int], wrong: list[int]) -> None:
    count = CountRange.parse(text)
    assert all(number in count for number in right) and not any(number in count for number in wrong)
    assert str(count) == text


@pytest.mark.parametrize("text", ["", "a", "..", "2..1", "-1", "1.5", "..3"])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a count"):
        CountRange.parse(text)


def test_shares_and_picks() -> None:
    assert Percent.parse("30%") == 0.3 and Percent.parse("0.5 %") == 0.005
    assert Pick.parse("12").of(100) == 12 and Pick.parse("12").of(5) == 5 and Pick.parse("30%").of(3321) == 996
    for text in ("30", "101%", "x%"):
        with pytest.raises(ValueError, match="not a share"):
            Percent.parse(text)


def test_rooms_may_be_a_range_of_communes(tmp_path: Path) -> None:
    conference = "\n  conferences: [{id: g, starts: -600, ends: 60, mcus: mcu-1, rooms: [c00001..c00003, core]}]"
    network = _load(tmp_path, GOOD.replace("[2, 3]", "[2, 3]" + conference)).network
    assert network.conferences[0].rooms == ("c00001", "c00002", "c00003", "core")
    assert network.conferences[0].mcus == ("mcu-1",)


def test_the_first_event_is_not_what_people_do_about_it(tmp_path: Path) -> None:
    events = (
        "events:\n"
        "  - {at: 5, do: silence, element: hub}\n"
        "  - {at: 9, do: cut, element: 'link:p01-c*'}\n"
        "  - {at: 7, do: slow, element: 'link:core-p0?', ms: 3}\n"
    )
    assert _load(tmp_path, GOOD + events).first_event_s == 7 and _load(tmp_path, GOOD).first_event_s == 0


def test_faults_of_keys_are_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("name: some", "name: other").replace("{firing: 0}", "{firing: x, nevr: a}")
    events = (
        "events:\n"
        "  - {at: 1, do: lose, element: hub}\n"
        "  - {at: 9, do: cut, element: hub, share: 3%, until: 9}\n"
        "  - {at: 9, do: cut, element: hub, times: 3}\n"
        "  - {at: 9, do: explode, element: hub}\n"
    )
    assert _faults(tmp_path, text + events) == [
        "1 name", "7 expect.firing", "7 expect.nevr", "9 events[1].share", "10 events[2].share", "10 events[2].until",
        "11 events[3].every", "12 events[4].do",
    ]  # fmt: skip


def test_what_names_nothing_in_the_network_is_a_fault(tmp_path: Path) -> None:
    more = (
        "agents: {odd: [{agent: c00009, says: ok}, {agent: c00001, checks: '*-sip'}]}\n"
        "events: [{at: 1, do: cut, element: [link:core-p01, 'commune:0009*']}]\n"
    )
    plan = "\n  hub: cor\n  checks:\n    kinds: {uplnk: ping, core: pong}\n    more: [{id: x, kind: tcp, from: core, to: province}]"
    text = GOOD.replace("[2, 3]", "[2, 3]" + plan).replace("{firing: 0}", "{named: [{any: 'mcu:mcu-3'}]}") + more
    assert _faults(tmp_path, text) == [
        "4 network", "7 network.checks.kinds", "7 network.checks.kinds", "8 network.checks.more[1].to",
        "11 expect.named[1].any", "12 agents.odd[1].agent", "12 agents.odd[2].checks",
        "13 events[1].element",
    ]  # fmt: skip


@pytest.mark.parametrize("communes", ["[]", "0..3", "99999999", "{a: 1}", "[100000]", "x"])
def test_communes_that_cannot_be_are_refused(communes: str, tmp_path: Path) -> None:
    assert _faults(tmp_path, GOOD.replace("[2, 3]", communes))


def test_provinces_are_only_for_a_number(tmp_path: Path) -> None:
    assert _faults(tmp_path, GOOD.replace("[2, 3]", "[2, 3]\n  provinces: 2")) == ["5 network.provinces"]


def test_a_file_somebody_mistyped_is_a_scenario_or_told(tmp_path: Path) -> None:
    chance, good, refused = random.Random(12), 0, 0
    words = ["", "[]", "{}", "x", "-1", "3%", "*", "null", '"', "[a", "0", "1e400", "c00001..c00003"]
    texts = [path.read_text() for path in FILES if "provinces: 34" not in path.read_text()]
    for _ in range(300):
        parts = re.split(r"(\W+)", re.sub(r"name: .*", "name: some", chance.choice(texts), count=1))
        parts[chance.randrange(len(parts))] = chance.choice(words + parts)
        try:
            _load(tmp_path, "".join(parts))
            good += 1
        except ConfigError:
            refused += 1
    assert good > 20 and refused > 100
