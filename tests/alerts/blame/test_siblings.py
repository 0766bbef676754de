"""What hangs on the same thing and fails together is one outage; agents that fall silent together are one silence."""

from __future__ import annotations

import pytest
from incident_world import Tree

from alerts.base import Firing
from alerts.blame.accusation import Accusation, accuse
from alerts.blame.mute import mute_together
from alerts.blame.siblings import TOGETHER_MS, gather, hangs_on

TREE = Tree(12)
AT_MS = 100_000


def down(number: int, start_ms: int = AT_MS, **more: object) -> Accusation:
    firing = Firing("link-down", "reach", "critical", f"core-c{number}", "core", start_ms, None)
    return accuse(f"link:province-c{number}", "down", (firing,), start_ms + 3_000, **more)


def parent_of(element: str) -> str | None:
    return hangs_on(element, TREE)


def gathered(
    *accusations: Accusation, pending: tuple[str, ...] = (), group: tuple[int, set[str]] | None = None
) -> list[Accusation]:
    groups = {} if group is None else {"province:01": group}
    return gather(accusations, parent_of, groups, lambda parent: pending if parent == "province:01" else ())


def test_three_links_that_fail_together_are_one_outage_of_their_province() -> None:
    [one] = gathered(down(1), down(2, AT_MS + 2_000), down(3, AT_MS + 5_000))
    assert (one.element, one.kind, one.severity) == ("province:01", "down", "critical")
    assert one.siblings == ("link:province-c1", "link:province-c2", "link:province-c3")
    assert (one.start_ms, one.latest_start_ms) == (AT_MS, AT_MS + 5_000)


@pytest.mark.parametrize("accusations", [(down(1), down(2)), (down(1), down(2), down(3, AT_MS + TOGETHER_MS + 1))])
def test_two_links_or_three_at_different_times_stay_themselves(accusations: tuple[Accusation, ...]) -> None:
    assert {one.element for one in gathered(*accusations)} == {one.element for one in accusations}


def test_a_single_link_knows_how_many_beside_it_are_mute() -> None:
    [one] = gathered(down(1), pending=("link:province-c1", "link:province-c4", "link:province-c5"))
    assert (one.element, one.crowd) == ("link:province-c1", 2)


def test_what_fails_a_moment_later_joins_the_outage_of_its_siblings_and_what_fails_much_later_does_not() -> None:
    known = (AT_MS, {"link:province-c1"})
    both = gathered(down(1), down(2, AT_MS + TOGETHER_MS), down(3, AT_MS + 2 * TOGETHER_MS), group=known)
    assert [one.element for one in both] == ["province:01", "link:province-c3"]
    assert both[0].siblings == ("link:province-c1", "link:province-c2")


def test_lossy_links_and_shares_of_flows_are_no_siblings() -> None:
    accusations = (down(1, shaky=True), down(2, share=0.5), down(3), down(4))
    assert {accusation.element for accusation in gathered(*accusations)} == {
        accusation.element for accusation in accusations
    }


# --- agents ---


def silent(*agents: str) -> list[Accusation]:
    firings = [Firing("agent-silent", "silence", "warning", "-", agent, AT_MS, None) for agent in agents]
    return [accuse(f"agent:{firing.agent}", "silent", (firing,), AT_MS) for firing in firings]


def test_three_silent_agents_are_one_silence_of_what_all_are_heard_through() -> None:
    [one] = mute_together(silent("c1", "c2", "c3"), TREE)
    assert (one.element, one.kind, one.severity) == ("province:01", "silent", "warning")
    assert one.siblings == ("agent:c1", "agent:c2", "agent:c3")


def test_two_silent_agents_are_two() -> None:
    assert [one.element for one in mute_together(silent("c1", "c2"), TREE)] == ["agent:c1", "agent:c2"]


def test_when_half_of_all_agents_fall_silent_the_hub_hears_nobody() -> None:
    [one] = mute_together(silent("province", "core", *(f"c{number}" for number in range(1, 7))), TREE)
    assert (one.element, one.severity) == ("site:core", "critical")
