"""A silence covers an element and what is behind it, for its time and not a moment longer."""

from __future__ import annotations

import pytest
from incident_world import Tree

from alerts.base import inward
from alerts.silences import Silence, is_silenced, silence_over

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
