"""What a rules file says. Without numpy, so that any machine can check such a file."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field
from typing import Any, cast

from alerts.base import OWN_KIND, About, Fault
from alerts.errors import BadRule
from alerts.language.parse import parse
from alerts.language.tree import Truth, figures_of
from alerts.language.vocabulary import ARRIVAL, PERIOD


def setting(meaning: str, *, default: Any = MISSING, **more: Any) -> Any:
    """A dataclass field with the metadata files are decoded by: `unit`, `low`, `high`, `choices`, `key`."""
    meta = {"meaning": meaning, **more}
    return field(metadata=meta) if default is MISSING else field(default=default, metadata=meta)


class When(str):
    """A condition and its tree, which is read once: None for the empty text, and where none could be read."""

    write = "write a condition, as loss(20s) > 5%"
    tree: Truth | None = None

    def __new__(cls, text: str = "") -> When:
        """Raises `BadCondition`."""
        return cls.parse(text) if text else super().__new__(cls)

    @classmethod
    def parse(cls, text: str) -> When:
        """As `When(text)`, which takes the empty text besides."""
        tree = parse(text)
        when = super().__new__(cls, text)
        when.tree = tree
        return when


SEVERITIES = ("info", "warning", "critical")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: what it judges, when it holds, and what that means."""

    name: str = setting(
        "name of the rule, unique; loss, latency, jitter, throughput, certificate, battery, interface, not-ready, software, media or trouble in it names its incidents"
    )
    kinds: tuple[str, ...] = setting("probe kinds whose checks it judges; none for a rule about silence", default=())
    when: When = setting("condition under which it holds, as loss(20s) > 5%")
    for_s: float = setting(
        "how long the condition must hold without a break", unit="s", key="for", low=0, high=86400, default=0.0
    )
    clear: When = setting("condition under which it ends; empty: as soon as `when` is false", default=When(""))
    keep_s: float = setting(
        "how long it goes on after its end, so that what comes back within it is the same",
        unit="s",
        key="keep",
        low=0,
        high=86400,
        default=0.0,
    )
    only: str = setting(
        "when it holds at all: always, office-hours (of Viet Nam), conference (checks between a room and its MCU, from half an hour before it)",
        choices=("always", "office-hours", "conference"),
        default="always",
    )
    fault: str = setting(
        "what it accuses: reach (cannot be reached), quality (answers badly), silence (its agent is mute), self (its agent"
        " is unfit to measure, and has no vote)",
        choices=("reach", "quality", "silence", "self"),
    )
    about: str = setting(
        "whom: path (what the check crosses), end (what it ends at, and nothing on the way), agent (who measures)",
        choices=("path", "end", "agent"),
        default="path",
    )
    severity: str = setting("how grave", choices=SEVERITIES, default="warning")
    shared: str = setting(
        "how grave when three communes or more are behind what it accuses; as-severity: no other than that",
        choices=("as-severity", *SEVERITIES),
        default="as-severity",
    )
    nodata: str = setting(
        "what becomes of it while nobody can tell: hold keeps it as it is, fire takes that for bad, clear for well",
        choices=("hold", "fire", "clear"),
        default="hold",
    )
    meaning_vi: str = setting("what it means, for people, in Vietnamese", default="")
    meaning_en: str = setting("what it means, for people, in English", default="")

    def __post_init__(self) -> None:
        """Raises `BadCondition` and `BadRule`."""
        if self.fault == "silence" and self.kinds:
            raise BadRule("kinds: a rule about silence judges agents, not checks: leave kinds out")
        if self.fault != "silence" and not self.kinds:
            raise BadRule("kinds: is missing: write the probe kinds it judges, as [ping, stamp]")
        if self.fault == "self" and self.kinds != (OWN_KIND,):
            raise BadRule("kinds: fault: self and kinds: [agent] belong together: write both, and no other kind")
        if OWN_KIND in self.kinds and self.fault != "self" and (self.kinds, self.about) != ((OWN_KIND,), "agent"):
            raise BadRule(
                "kinds: agent: what an agent says about itself accuses the agent alone: write fault: self, or"
                " fault: quality and about: agent, and no other kind"
            )
        if self.fault != "quality" and self.about != "path":
            raise BadRule("about: only a rule of fault: quality can be about one thing alone: leave about out")
        if self.fault == "silence" and (self.nodata, self.only) != ("hold", "always"):
            raise BadRule("nodata: a rule about silence is about nothing else, at any time: leave nodata and only out")
        if self.when.tree is None:
            raise BadRule(f"when: is missing: {When.write}")
        longest_s = max((figure.window_s for tree in self.trees.values() for figure in figures_of(tree)), default=0)
        if self.nodata == "fire" and self.for_s < max(longest_s, 1):
            raise BadRule(
                f"nodata: fire takes a check that begins for bad: write for: {max(longest_s, 1)}s (the longest window) or longer"
            )
        for key, tree in self.trees.items():
            _fits(key, tree, self.fault)

    @property
    def accuses(self) -> Fault:
        """`fault` as the room's word: what is said of one thing alone is its state."""
        return cast(Fault, self.fault) if self.about == "path" else "state"

    @property
    def shared_severity(self) -> str:
        """How grave it is when three communes or more are behind the accused element."""
        return self.severity if self.shared == "as-severity" else self.shared

    @property
    def whom(self) -> About:
        """`about` as the room's word."""
        return cast(About, self.about)

    @property
    def trees(self) -> dict[str, Truth]:
        """`when`, and `clear` unless `when` alone decides, as trees."""
        texts = {"when": self.when, "clear": self.clear}
        return {key: text.tree for key, text in texts.items() if text.tree is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesFile:
    """A rules file."""

    rules: tuple[Rule, ...] = setting(
        "the rules; one with the name of a pack's rule stands in its place; [] with packs alone"
    )
    packs: tuple[str, ...] = setting(
        "packs of netmon's to begin with: default, or some of agents, capacity, certificates, clock, devices, host, links, power, rooms, services, usual",
        default=(),
    )


def _fits(key: str, tree: Truth, fault: str) -> None:
    """Agents have an arrival and a period and nothing else; checks have no arrival."""
    for figure in figures_of(tree):
        about_agent = figure.what == ARRIVAL
        if fault == "silence" and not (about_agent or figure.function == PERIOD):
            raise BadRule(f"{key}: {figure.function} is not known of agents: write age(arrival) or period")
        if fault != "silence" and about_agent:
            raise BadRule(f"{key}: age(arrival) is for rules about silence: write age(reply), or fault: silence")
