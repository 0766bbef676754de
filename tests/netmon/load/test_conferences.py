"""What people are told of conferences that cannot go well."""

from __future__ import annotations

from pathlib import Path

from netmon.load import check as load_check

TEXT = """\
hub_site: core
sites:
  - {id: core, kind: core}
  - {id: p01, kind: province, code: "01"}
links:
  - {id: up, from: core, to: p01, capacity: 20Mbit}
mcus:
  - {id: mcu-1, site: core, ports: 5}
rooms:
  - {id: r1, site: p01}
  - {id: r2, site: p01}
  - {id: r3, site: p01}
  - {id: r4, site: p01}
  - {id: r5, site: core}
conferences:
  - {id: a, starts: 2026-12-01T08:00:00+07:00, ends: 2026-12-01T10:00:00+07:00, mcus: [mcu-1], rooms: [r1, r2, r3]}
"""


def notes(folder: Path, *more: str) -> list[str]:
    path = folder / "inventory.yaml"
    path.write_text(TEXT + "".join(f"  - {{{one}, mcus: [mcu-1]}}\n" for one in more))
    found = load_check.check([path])
    assert found.faults() == []
    return [str(one).removeprefix(f"{path}:") for one in found.notes]


def test_a_conference_that_fits_is_not_spoken_of(tmp_path: Path) -> None:
    assert notes(tmp_path) == []
    after = "id: b, starts: 2026-12-01T10:00:00+07:00, ends: 2026-12-01T11:00:00+07:00, rooms: [r1, r2, r3, r4]"
    assert notes(tmp_path, after + ", rate: 1Mbit") == []


def test_a_room_in_two_conferences_at_once_is_told(tmp_path: Path) -> None:
    during = "id: b, starts: 2026-12-01T02:30:00Z, ends: 2026-12-01T11:00:00+07:00, rooms: [r1, r5], profile: conf-720p"
    assert notes(tmp_path, during) == ["17: conferences[2].rooms: r1 will be in conference 'a' then"]


def test_conferences_together_may_need_more_ports_and_capacity_than_there_are(tmp_path: Path) -> None:
    during = "id: b, starts: 2026-12-01T09:00:00+07:00, ends: 2026-12-01T11:00:00+07:00"
    assert notes(tmp_path, f"{during}, rooms: [r4, r5]", "id: c, starts: 2026-12-01T09:30:00+07:00, "
                 "ends: 2026-12-01T11:00:00+07:00, rooms: [r5]") == [
        "18: conferences[3].rooms: r5 will be in conference 'b' then",
        "18: conferences[3].mcus: 'mcu-1' has 5 ports and needs 6 then",
    ]  # fmt: skip
    assert notes(tmp_path, f"{during}, rooms: [r4, r5], rate: 5Mbit") == [
        "17: conferences[2].rooms: too narrow for all on it then: link:up (20Mbit, needs 20400kbit)"
    ]
