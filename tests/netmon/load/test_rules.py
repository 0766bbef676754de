"""A rules file: all its faults at once, each with its line, and the pack netmon ships has none."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkout import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netmon.errors import ConfigError, Problem
from netmon.load import rules

BAD = """\
rules:
  - name: link-down
    kinds: [ping, pong]
    when: age(reply) > 3
    fault: reach
  - name: link-down
    kinds: [tcp]
    when: p95(rtt, 30s) > 150ms
    fault: quality
    for: 10
  - name: bad name!
    kinds: [ping]
    when: last(rtt_p5_ms) > 150ms
    clear: loss(20s) >
    fault: quality
    severity: grave
    colour: red
  - name: silent
    kinds: [ping]
    when: age(arrival) > 3s
    fault: silence
  - kinds: [ping]
    fault: qualty
  - name: flow
    kinds: [ping]
    when: last(rate_bps) < 4Mbit
    fault: quality
"""
TOLD = {
    3: ["rules[1].kinds: 'pong' is not a probe kind (did you mean ping?)"],
    4: ["rules[1].when: column 14: this is a plain number"],
    6: ["rules[2].name: 'link-down' is already taken in line 2", "rules[2].when: tcp has no distribution"],
    10: ["rules[2].for: '10' is not a duration"],
    11: ["rules[3].name: 'bad name!' cannot be used here", "has no field 'rtt_p5_ms' (did you mean rtt_p95_ms?)"],
    14: ["rules[3].clear: column 11"],
    16: ["rules[3].severity: 'grave' is not known"],
    17: ["rules[3].colour: unknown key"],
    18: ["leave kinds out"],
    22: ["rules[5].name: is missing", "rules[5].when: is missing"],
    23: ["rules[5].fault: 'qualty' is not known (did you mean quality?)"],
    24: ["ping has no field 'rate_bps'"],
}


def test_the_pack_is_read_without_a_fault() -> None:
    assert len(rules.load(None)) >= 7
    assert rules.load(rules.PACK) == rules.load(None)


@pytest.mark.parametrize("name", rules.pack_names())
def test_every_pack_is_read_without_a_fault_and_says_what_it_means(name: str) -> None:
    pack = rules.load(rules.PACKS / f"{name}.yaml")
    assert pack and all(rule.meaning_vi and rule.meaning_en for rule in pack)
    text = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    assert f"`{name}`" in text and all(f"`{rule.name}`" in text and rule.when in text for rule in pack)


def test_no_rule_is_in_two_packs() -> None:
    names = [
        rule.name
        for name in rules.pack_names()
        if name != "default"
        for rule in rules.load(rules.PACKS / f"{name}.yaml")
    ]
    assert len(names) == len(set(names))


def test_a_file_begins_with_packs_and_puts_rules_of_its_own_in_their_place(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    own = "{name: link-loss, kinds: [ping], when: loss(20s) > 50%, fault: quality}"
    file.write_text(f"packs: [default, capacity]\nrules:\n  - {own}\n", encoding="utf-8")
    loaded, shipped = rules.load(file), rules.load(None)
    assert [rule.name for rule in loaded[: len(shipped)]] == [rule.name for rule in shipped]
    assert {rule.name: rule.when for rule in loaded}["link-loss"] == "loss(20s) > 50%"
    assert "capacity-full" in {rule.name for rule in loaded[len(shipped) :]}
    file.write_text("packs: [capcity]\nrules: []\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="'capcity' is no pack .did you mean capacity"):
        rules.load(file)


def test_all_faults_of_a_file_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(BAD, encoding="utf-8")
    with pytest.raises(ConfigError) as told:
        rules.load(file)
    lines = str(told.value).splitlines()
    for line, parts in TOLD.items():
        line = 2 if line == 3 else line  # what only the whole rule can be wrong about stands at its first line
        for part in parts:
            assert any(one.startswith(f"{file}:{line}: ") and part in one for one in lines), (line, part, lines)
    assert len(lines) <= sum(map(len, TOLD.values())) + 3


def test_a_file_without_rules_is_a_fault(tmp_path: Path) -> None:
    for text in ("rules: []\n", "", "rules:\n", "# nothing\n", "rules: 3\n", "- 1\n"):
        file = tmp_path / "rules.yaml"
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError):
            rules.load(file)


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        rules.load(tmp_path / "none.yaml")


def test_a_good_file_gives_its_rules(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(
        "rules:\n  - name: slow\n    kinds: [ping, stamp]\n    when: >\n      p95(rtt, 30s) > 20ms\n      and count(reply, 30s) > 9\n"
        "    for: 2m\n    clear: p95(rtt, 30s) < 10ms\n    fault: quality\n    severity: info\n",
        encoding="utf-8",
    )
    (rule,) = rules.load(file)
    assert (rule.name, rule.kinds, rule.for_s, rule.severity) == ("slow", ("ping", "stamp"), 120.0, "info")
    assert "clear" in rule.trees


def faults(file: Path) -> tuple[Problem, ...]:
    """All that is wrong; whatever else is raised is a defect."""
    try:
        return rules.read(file)[1].problems()
    except ConfigError as fault:  # no YAML at all
        return fault.problems


@given(st.text(max_size=60), st.text(max_size=20))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_when_is_read_or_told(tmp_path: Path, when: str, name: str) -> None:
    import json

    file = tmp_path / "rules.yaml"
    row = {"name": name, "kinds": ["ping"], "when": when, "fault": "reach"}
    file.write_text(json.dumps({"rules": [row]}, ensure_ascii=False), encoding="utf-8")
    problems = faults(file)
    assert all(problem.what and problem.where.startswith(str(file)) for problem in problems)
