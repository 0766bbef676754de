"""A silence covers an element and what is behind it, for its time and not a moment longer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from incident_world import Tree

from alerts.base import inward
from alerts.silences import Silence, SilenceTerms, is_silenced, silence_of, silence_over

TREE = Tree(3)


def silence(element: str, from_s: float = 100, until_s: float = 200) -> Silence:
    return Silence("s1", element, from_s, until_s, "lan", "work on the line")


@pytest.mark.parametrize(
    ("silenced", "element", "quiet"),
    [
        ("link:core-province", "link:core-province", True),
        ("link:core-province", "province:01", True),
        ("link:core-province", "commune:c2", True),
        ("link:core-province", "agent:c2", True),  # an agent stands in its site
        ("link:core-province", "mcu:mcu-1", False),
        ("link:core-province", "site:core", False),  # never what is nearer to the hub
        ("commune:c2", "link:province-c2", False),
        ("commune:c2", "agent:c2", True),
        ("commune:c2", "commune:c1", False),
        ("agent:c2", "agent:c2", True),
        ("agent:c2", "commune:c2", False),
        ("site:core", "commune:c3", True),
    ],
)
def test_a_silence_covers_what_is_behind(silenced: str, element: str, quiet: bool) -> None:
    assert is_silenced(element, [silence(silenced)], TREE, 150) is quiet


@pytest.mark.parametrize(("now_s", "quiet"), [(99.9, False), (100, True), (199.9, True), (200, False)])
def test_a_silence_has_a_beginning_and_an_end(now_s: float, quiet: bool) -> None:
    assert is_silenced("commune:c1", [silence("commune:c1")], TREE, now_s) is quiet


def test_the_nearest_silence_is_the_one_that_holds() -> None:
    near, far = silence("commune:c1"), silence("link:core-province")
    assert silence_over("commune:c1", [near, far], TREE, 150) is near
    assert silence_over("commune:c2", [near, far], TREE, 150) is far


def test_without_silences_nothing_is_silenced() -> None:
    assert not is_silenced("commune:c1", [], TREE, 150)


def test_a_topology_that_runs_in_a_circle_ends() -> None:
    class Circle(Tree):
        def parent(self, element: str) -> str | None:
            return {"a": "b", "b": "a"}.get(element)

    assert list(inward("a", Circle(1))) == ["a", "b"]


def test_an_agent_nobody_knows_stands_nowhere() -> None:
    assert list(inward("agent:ghost", TREE)) == ["agent:ghost"]


# --- an incident that names one of several that look alike ---


def of(element: str, suspects: tuple[str, ...], *silences: Silence, kind: str = "down", now_s: float = 150) -> bool:
    return silence_of(element, suspects, kind, silences, TREE, now_s) is not None


def test_an_incident_is_silent_when_any_of_its_suspects_is() -> None:
    alike = ("link:core-province", "province:01")
    assert of("link:core-province", alike, silence("province:01"))
    assert of("link:core-province", alike, silence("link:core-province"))
    assert not of("link:core-province", alike, silence("commune:c1"))
    assert not of("link:core-province", (), silence("province:01"))  # nobody says that they look alike


def test_the_silence_of_the_named_element_is_the_one_that_is_shown() -> None:
    own, other = silence("link:core-province"), silence("province:01")
    assert silence_of("link:core-province", ("province:01",), "down", [other, own], TREE, 150) is own


@pytest.mark.parametrize(
    ("terms", "quiet"),
    [
        (SilenceTerms(kinds=("down",)), True),
        (SilenceTerms(kinds=("loss", "delay")), False),
        (SilenceTerms(kinds=("d*",)), True),
        (SilenceTerms(owners=("Sở KHCN",)), True),
        (SilenceTerms(owners=("VNPT",)), False),
        (SilenceTerms(carriers=("VN*",)), True),
        (SilenceTerms(kinds=("down",), carriers=("FPT",)), False),  # all that is set must hold
    ],
)
@pytest.mark.parametrize("element", ["", "link:core-province", "link:core-*"])
def test_a_silence_may_be_about_some_incidents_alone(element: str, terms: SilenceTerms, quiet: bool) -> None:
    assert of("link:core-province", (), replace(silence(element), terms=terms)) is quiet


@pytest.mark.parametrize(
    ("pattern", "element", "quiet"),
    [
        ("commune:*", "commune:c2", True),
        ("commune:*", "link:core-province", False),
        ("link:*-province", "commune:c2", True),  # what is behind is covered here, too
        ("link:province-c?", "link:province-c3", True),
        ("commune:C2", "commune:c2", False),
    ],
)
def test_a_pattern_stands_for_several_elements(pattern: str, element: str, quiet: bool) -> None:
    assert of(element, (), silence(pattern)) is quiet


@pytest.mark.parametrize(
    ("now_s", "quiet"),
    [
        (999, False),
        (1000, True),
        (1059.9, True),
        (1060, False),
        (1300, True),
        (1360, False),
        (2200, True),
        (2500, False),
    ],
)
def test_maintenance_comes_again_until_its_end(now_s: float, quiet: bool) -> None:
    weekly = Silence("s1", "commune:c1", 1000, 2500, "lan", "", SilenceTerms(every_s=300, lasts_s=60))
    assert weekly.holds(now_s) is quiet
