"""What a rule may say, that it needs no numpy to be read, and that people can read about every word of it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from checkout import ROOT
from engine_world import PACK

from alerts.base import Firing
from alerts.blame.naming import kind_of
from alerts.errors import BadCondition, BadRule
from alerts.language.parse import parse
from alerts.language.vocabulary import FUNCTIONS, TAGS, UNITS
from alerts.rules import Rule, When


def test_reading_rules_needs_no_numpy() -> None:
    code = "import sys, netmon.load.rules as rules; rules.load(None); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"fault": "reach", "when": When("age(reply) > 3s")}, "kinds: is missing"),
        ({"fault": "silence", "kinds": ("ping",), "when": When("age(arrival) > 3s")}, "leave kinds out"),
        ({"fault": "silence", "when": When("loss(20s) > 5%")}, "when: loss is not known of agents"),
        ({"fault": "reach", "kinds": ("ping",), "when": When("age(arrival) > 3s")}, "is for rules about silence"),
        (
            {"fault": "reach", "kinds": ("ping",), "when": When("age(ok) > 3s"), "clear": When("age(arrival) > 3s")},
            "clear: age(",
        ),
    ],
)
def test_a_rule_whose_parts_do_not_fit_is_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(BadRule) as told:
        Rule(name="r", **given)  # type: ignore[arg-type]
    assert words in str(told.value)


def test_a_bad_condition_is_refused() -> None:
    with pytest.raises(BadCondition):
        Rule(name="r", kinds=("ping",), fault="reach", when=When("age(reply) > 3"))


def test_the_pack_covers_what_operators_ask_for() -> None:
    by_name = {rule.name: rule for rule in PACK}
    assert {
        "link-down",
        "mcu-unreachable",
        "tcp-unreachable",
        "link-loss",
        "link-latency",
        "throughput-low",
        "agent-silent",
    } <= set(by_name)
    kinds = {
        name: kind_of(Firing(name, rule.accuses, rule.severity, "k", "a", 0, None)) for name, rule in by_name.items()
    }
    assert {kinds[name] for name in ("link-loss", "link-loss-slow")} == {"loss"}
    assert (kinds["link-latency"], kinds["throughput-low"], kinds["agent-silent"]) == ("delay", "throughput", "silent")
    assert all(kinds[rule.name] == "down" for rule in PACK if rule.fault == "reach")
    assert all(rule.meaning_vi and rule.meaning_en for rule in PACK)


def test_the_documents_name_every_word_and_every_rule() -> None:
    text = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    words = [*FUNCTIONS, *UNITS, *TAGS, *(rule.name for rule in PACK), "period", "arrival", "reply"]
    words += [
        "name",
        "kinds",
        "when",
        "for",
        "clear",
        "keep",
        "only",
        "fault",
        "severity",
        "shared",
        "nodata",
        "meaning_vi",
        "meaning_en",
    ]
    assert [word for word in words if f"`{word}" not in text and f"({word})`" not in text] == []
    for rule in PACK:
        assert rule.when in text


def test_a_condition_is_read_once_and_carries_its_tree() -> None:
    rule = Rule(name="r", kinds=("ping",), fault="reach", when=When("age(reply) > 3s"), clear=When("age(reply) < 1s"))
    assert (
        rule.trees
        == {"when": rule.when.tree, "clear": rule.clear.tree}
        == {key: parse(text) for key, text in (("when", "age(reply) > 3s"), ("clear", "age(reply) < 1s"))}
    )
    assert When("").tree is None and "clear" not in replace(rule, clear=When("")).trees
    with pytest.raises(BadRule, match="when: is missing"):
        replace(rule, when=When(""))
    with pytest.raises(BadCondition):
        When.parse("")
