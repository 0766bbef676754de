"""Files held against each other: what the hub would refuse is found before anything starts."""

from __future__ import annotations

import shutil
from pathlib import Path
from unicodedata import normalize

import pytest
from checkout import EXAMPLES

from netmon.load import check as load_check


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The examples, to be changed."""
    for path in EXAMPLES.glob("*.yaml"):
        shutil.copy(path, tmp_path)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def told(folder: Path, *names: str) -> list[str]:
    """Faults of some of the files, without the folder."""
    found = load_check.check([folder / name for name in names])
    return [str(one).replace(f"{folder}/", "") for one in found.faults()]


def notes(folder: Path, *names: str) -> list[str]:
    found = load_check.check([folder / name for name in names])
    assert found.faults() == []
    return [str(one).replace(f"{folder}/", "") for one in found.notes]


def test_a_hubs_file_brings_its_inventory_and_rules_along(folder: Path) -> None:
    change(folder / "hub.yaml", "# rules: rules.yaml", "rules: rules.yaml")
    found = load_check.check([folder / "hub.yaml"])
    assert [one.role for one in found.loaded] == ["hub", "inventory", "rules"]
    change(folder / "inventory.yaml", "hub_site: core", "hub_site: cor")
    change(folder / "rules.yaml", "severity: critical", "severity: grave")
    assert [line.partition(": ")[0] for line in told(folder, "hub.yaml")] == [
        "inventory.yaml:3",
        "rules.yaml:8",
        "rules.yaml:16",
    ]
    (folder / "inventory.yaml").unlink()
    assert told(folder, "hub.yaml")[0] == "inventory.yaml: cannot be read: No such file or directory"


def test_a_file_named_twice_is_checked_once(folder: Path) -> None:
    found = load_check.check([folder / "hub.yaml", folder / "inventory.yaml"])
    assert [one.role for one in found.loaded] == ["hub", "inventory"]


def test_an_agent_that_would_speak_for_another_place_is_found(folder: Path) -> None:
    agent = folder / "agent.yaml"
    change(agent, "site: c00004", "site: c00008")
    change(agent, 'commune: "00004"', 'commune: "00005"')
    change(agent, 'province: "01"', 'province: "79"')
    change(agent, "check: c00004-core", "check: c00008-core")
    assert told(folder, "agent.yaml", "inventory.yaml") == [
        "agent.yaml:4: site: 'c00008' is not what inventory.yaml says of this agent (write 'c00004')",
        "agent.yaml:5: commune: '00005' is not what inventory.yaml says of this agent (write '00004')",
        "agent.yaml:6: province: '79' is not what inventory.yaml says of this agent (write '01')",
        "agent.yaml:26: checks[2].check: 'c00008-core' is a check of agent 'c00008' in inventory.yaml (choose another name)",
    ]
    assert told(folder, "agent.yaml") == []


def test_an_agent_nobody_knows_is_found(folder: Path) -> None:
    change(folder / "agent.yaml", "agent: c00004", "agent: c0004")
    assert told(folder, "agent.yaml", "inventory.yaml") == [
        "agent.yaml:3: agent: 'c0004' is no agent of inventory.yaml (did you mean c00004?)"
    ]


def test_an_agent_may_leave_its_codes_to_the_hub(folder: Path) -> None:
    change(folder / "agent.yaml", 'commune: "00004"', 'commune: "-"')
    change(folder / "agent.yaml", 'province: "01"\n', "\n")
    assert told(folder, "agent.yaml", "inventory.yaml") == []


def test_checks_that_only_one_side_knows_are_noted(folder: Path) -> None:
    assert notes(folder, "agent.yaml", "inventory.yaml") == []
    change(folder / "agent.yaml", "check: c00004-core", "check: c00004-cor")
    assert notes(folder, "agent.yaml", "hub.yaml") == [
        "agent.yaml:26: checks[2].check: 'c00004-cor' is not in inventory.yaml:"
        " it is measured and stored, and opens no incident (add it to checks: there)",
        "agent.yaml: checks: has no 'c00004-core', which inventory.yaml lists for this agent",
    ]


def test_a_receiver_of_an_owner_who_owns_nothing_is_noted(folder: Path) -> None:
    change(folder / "hub.yaml", "severities: [critical, warning]", "owners: [CBĐTW, Sở TTTT]")
    assert notes(folder, "hub.yaml") == ["hub.yaml:17: receivers[1].owners: 'Sở TTTT' owns nothing in inventory.yaml"]


def test_an_owner_is_the_same_however_its_letters_are_composed(folder: Path) -> None:
    change(folder / "hub.yaml", "severities: [critical, warning]", f"owners: [{normalize('NFD', 'Sở KHCN Hà Nội')}]")
    assert notes(folder, "hub.yaml") == []


def test_what_is_none_of_our_files_is_said_so(folder: Path) -> None:
    (folder / "x.yaml").write_text("apiVersion: v1\n")
    assert told(folder, "x.yaml", "agent.yaml") == [
        "x.yaml: is none of netmon's files by its keys (--as agent|hub|inventory|rules says which)"
    ]


def test_heavy_checks_that_no_hub_ever_gives_a_lease_are_noted(folder: Path) -> None:
    with (folder / "agent.yaml").open("a", encoding="utf-8") as file:
        file.write('  - {check: bulk, kind: throughput, target: "192.0.2.1", rate: 1Gbit, duration: 50s}\n')
    change(folder / "hub.yaml", "bytes_per_day: 5GB ", "longest: 1m\n  bytes_per_day: 5GB")
    number = (folder / "agent.yaml").read_text(encoding="utf-8").count("{check:")
    where = f"agent.yaml:{len((folder / 'agent.yaml').read_text(encoding='utf-8').splitlines())}: checks[{number}]"
    assert [line for line in notes(folder, "agent.yaml", "hub.yaml") if line.startswith(f"{where}:")] == [
        f"{where}: may last 80 s, longer than leases.longest of hub.yaml: it never runs"
        " (write a shorter duration or timeout)",
        f"{where}: may send 6562.6 MB, more than leases.bytes_per_day of hub.yaml: it never runs"
        " (write fewer bytes, or a lower rate)",
    ]


def test_a_heavy_check_that_is_faulty_is_told_and_not_weighed(folder: Path) -> None:
    with (folder / "agent.yaml").open("a", encoding="utf-8") as file:
        file.write('  - {check: bulk, kind: throughput, target: "192.0.2.1", rate: fast}\n')
        file.write('  - {check: fit, kind: headroom, target: "192.0.2.1", rate: 1kbit}\n')
    assert [line.partition(": ")[2] for line in told(folder, "agent.yaml", "hub.yaml")] == [
        "checks[6].rate: 'fast' is not a rate (write 64kbit, 20Mbit or 2Gbit)"
    ]


RECEIVERS = "receivers:\n  - {name: r, url: 'https://pager.example/', secret_file: SECRET}\n"


@pytest.mark.parametrize(
    ("secret", "fault"),
    [
        (b"plain words\n", ""),
        (b"\xef\xbb\xbfwhsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\r\n", ""),
        (b"v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ""),
        (b"\n", "is empty"),
        (b"whsec_!", "not base64"),
        (b"v2,whsec_AAAA", "before whsec_"),
        (b"whsk_AAAA", "key pair"),
        (b"\xff\xfea", "no text"),
    ],
)
def test_a_receivers_secret_must_sign(tmp_path: Path, secret: bytes, fault: str) -> None:
    shutil.copy(EXAMPLES / "inventory.yaml", tmp_path)
    (tmp_path / "SECRET").write_bytes(secret)
    (tmp_path / "hub.yaml").write_text("name: h\n" + RECEIVERS, encoding="utf-8")
    faults = told(tmp_path, "hub.yaml")
    assert bool(faults) == bool(fault)
    assert all("receivers[1].secret_file" in one and fault in one and "AAAA" not in one for one in faults)


def test_secrets_that_are_not_there_are_noted(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "inventory.yaml", tmp_path)
    sinks = "sinks: [{name: db, url: 'http://127.0.0.1:8086', token_file: none}]\n"
    (tmp_path / "hub.yaml").write_text("name: h\n" + RECEIVERS + sinks, encoding="utf-8")
    assert [one.partition(" the secret")[0] for one in notes(tmp_path, "hub.yaml")] == [
        "hub.yaml:4: sinks[1].token_file:",
        "hub.yaml:3: receivers[1].secret_file:",
    ]
