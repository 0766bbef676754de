"""Rules proven before use: tests of a file, what a store would have paged, and why an incident was told."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from alerts.rules import Rule, When
from netmon.cli import rules_explain as explain
from netmon.cli.app import main
from netmon.config.hub import HubConfig
from netmon.config.receiver import ReceiverConfig
from netmon.load import inventory
from netmon.load import rules as rules_file
from netmon.proof import play
from netmon.proof import replay as replaying
from netmon.proof.bench import ProofBench
from netmon.store import record, seal
from netmon.store.frames import END, FRAME

INVENTORY = """\
hub_site: core
sites:
  - {id: core, kind: core}
  - {id: p01, kind: province, code: "01"}
  - {id: c1, kind: commune, code: "00001", province: "01"}
  - {id: c2, kind: commune, code: "00002", province: "01"}
links: [{id: up, from: core, to: p01}, {id: l1, from: p01, to: c1}, {id: l2, from: p01, to: c2}]
mcus: [{id: mcu-1, site: core}]
agents: [{agent: a0, site: core}, {agent: a1, site: c1}, {agent: a2, site: c2}]
checks:
  - {check: c1-core, agent: a1, to: core}
  - {check: c2-core, agent: a2, to: core}
  - {check: c1-mcu, agent: a1, to: mcu-1}
  - {check: c2-mcu, agent: a2, to: mcu-1}
  - {check: core-c1, agent: a0, to: c1}
  - {check: core-c2, agent: a0, to: c2}
  - {check: core-p01, agent: a0, to: p01}
"""
CUT = """
inventory: inventory.yaml
tests:
  - name: a cut link is one page
    lasts: 2m
    series:
      - {checks: ["c1-*", core-c1], from: 40s, until: 80s, says: lost}
    expect:
      incidents: [{element: "*1", kind: down, severity: critical}]
      suppressed: [c1-mcu]
      receivers: {duty: 1}
      pages: 1
      fires: [link-down]
  - name: one slow link wakes nobody
    lasts: 3m
    period: 10s
    series:
      - {checks: ["c1-*", core-c1], from: 40s, rtt: 400ms}
    expect:
      pages: 0
      fires: [link-latency-slow]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inventory.yaml").write_text(INVENTORY, encoding="utf-8")
    (tmp_path / "tests.yaml").write_text(CUT, encoding="utf-8")
    return tmp_path


def test_a_file_of_tests_is_met(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "test", str(folder / "tests.yaml")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[1:] for line in lines] == [
        ["a cut link is one page", "met"],
        ["one slow link wakes nobody", "met"],
    ]


def test_what_is_not_as_it_must_be_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = CUT.replace("receivers: {duty: 1}", "receivers: {duty: 2}").replace("pages: 0", "pages: 3")
    text = text.replace('element: "*1", kind: down', "element: link:up, kind: down").replace("[c1-mcu]", "[c2-core]")
    (folder / "tests.yaml").write_text(text.replace("[link-down]", "[media-poor]"), encoding="utf-8")
    assert main(["rules", "test", str(folder / "tests.yaml"), "-o", "json"]) == 1
    cut, slow = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    told = "; ".join(cut["unmet"])
    for part in ("there is no incident link:up down", "nobody expects", "no rule fires for c2-core"):
        assert part in told
    assert "duty gets 1 pages, not 2" in told and "rule media-poor does not fire" in told
    assert slow["unmet"] == ["there are 0 pages, not 3"]


def test_all_faults_of_a_file_of_tests_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tests.yaml").write_text(CUT.replace("says: lost", "says: lots").replace("lasts: 2m", "lasts: 2"))
    assert main(["rules", "test", str(folder / "tests.yaml")]) == 78
    told = capsys.readouterr().err
    assert "did you mean lost" in told or "'lots'" in told
    assert "tests[1].lasts: '2' is not a duration" in told or "'2' không" in told


def test_check_tells_all_rules_or_all_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "rules.yaml", tmp_path / "bad.yaml"
    good.write_text("packs: [default]\nrules: []\n")
    bad.write_text("rules:\n  - {name: r, kinds: [ping], when: loss(20) > 5%, fault: quality}\n")
    assert main(["rules", "check", str(good), "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {str(good): [rule.name for rule in rules_file.load(None)]}
    assert main(["--lang", "en", "rules", "check", str(good), str(bad)]) == 78
    assert "rules[1].when: column 6" in capsys.readouterr().err


# --- replay ---


START_MS = 1_796_086_800_000


def stored(folder: Path) -> Path:
    """A store of 90 s in which c1 is cut from the 40th on."""
    lines = list[str]()
    for second in range(90):
        for agent, check in (("a1", "c1-core"), ("a2", "c2-core"), ("a0", "core-c1"), ("a0", "core-c2")):
            lost = int(check in ("core-c1", "c1-core") and second >= 40)
            tags = f"agent={agent},check={check},commune=-,province=-,site=-,target=-"
            values = f"outcome={lost}i,sent=1i,rcvd={1 - lost}i"
            lines.append(f"netmon_ping,{tags} {values} {START_MS + 1000 * second + 100}")
    header = record.Header("a0", "core", "b", 1, len(lines), None, False, False, 0)
    body = record.encode(header, "\n".join(lines).encode(), gzipped=False)
    seal.seal(io.BytesIO(FRAME.pack(1, len(body)) + body + FRAME.pack(END, 0)), folder / "hub" / "store", 0)
    return folder / "hub" / "store"


def test_the_past_gives_the_pages_it_would_have_been(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "CHUNK_MS", 30_000)
    network = inventory.load(folder / "inventory.yaml")
    config = HubConfig(
        name="h", receivers=(ReceiverConfig(name="duty"), ReceiverConfig(name="boss", owners=("nobody",)))
    )
    bench = ProofBench(rules_file.load(None), network, config)
    assert replaying.replay(stored(folder), START_MS, START_MS + 90_000, bench) == 4 * 90
    (incident,) = [incident for incident in bench.incidents() if incident.fault == "reach"]
    assert incident.element in ("link:l1", "commune:00001") and bench.rules_of(incident) == ["link-down"]
    (page,) = bench.firing_pages()
    assert page.receiver == "duty" and 42_000 <= page.at_ms - START_MS <= 48_000


def test_a_hubs_own_file_says_where_its_past_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored(folder)
    (folder / "secret").write_text("whsec_bm90aGluZyB0byBzZWUgaGVyZSwgbW92ZSBvbg==")
    (folder / "secret").chmod(0o600)
    hub = folder / "hub.yaml"
    receiver = "{name: duty, url: 'http://127.0.0.1:9/', secret_file: secret}"
    hub.write_text(
        f"name: h\nlisten: 127.0.0.1:8443\ninventory: inventory.yaml\nstate_dir: hub\nreceivers: [{receiver}]\n"
    )
    span = ["--from", "2026-12-01T08:00:00+07:00", "--to", "2026-12-01T08:01:30+07:00"]
    assert main(["rules", "replay", "--config", str(hub), *span, "-o", "json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["points"] == 360 and printed["pages"] == 1 and printed["pages_a_day"] == 960
    assert [row["receivers"] for row in printed["incidents"] if row["kind"] == "down"] == [["duty"]]
    assert main(["rules", "replay", "--config", str(hub), *span[:2], "--to", "2026-11-01"]) != 0


def test_a_rule_of_ones_own_is_counted_before_it_is_used(folder: Path) -> None:
    network = inventory.load(folder / "inventory.yaml")
    noisy = Rule(name="noisy-loss", kinds=("ping",), when=When("lost(5s) >= 1"), fault="quality", severity="warning")
    text = CUT.replace("inventory:", "rules: rules.yaml\ninventory:")
    (folder / "rules.yaml").write_text(
        f"rules:\n  - {{name: {noisy.name}, kinds: [ping], when: {noisy.when}, fault: quality}}\n"
    )
    (folder / "tests.yaml").write_text(text)
    first = next(iter(play.run(folder / "tests.yaml")))
    assert {kind for _, kind, _ in first.incidents} == {"loss"} and first.pages == {"duty": 1}
    assert network.checks()


# --- explain ---

ROW = {
    "id": "i1", "element": "link:up", "kind": "down", "severity": "critical", "state": "open", "suspects": ["province:01"],
    "evidence": {"against": 9, "clear": 1, "also": ["room-not-ready r1"], "outvoted": [["link-down", "c7-core"]]},
    "superseded_by": "", "not_sent": [],
}  # fmt: skip


def test_an_incident_is_explained_in_both_languages() -> None:
    child = ROW | {
        "id": "i2",
        "superseded_by": "i1",
        "evidence": {"against": 1, "clear": 0, "also": []},
        "suspects": [],
    }
    child["not_sent"] = [{"receiver": "duty", "reason": "silenced", "since_ms": 0, "detail": "work"}]
    facts = explain.facts(ROW, [ROW, child])
    assert facts["children"] == ["i2"] and facts["outvoted"] == [["link-down", "c7-core"]]
    english = "\n".join(explain.lines(facts, "en"))
    for part in ("9 checks accuse", "province:01", "link-down c7-core", "room-not-ready r1", "i2", "Every receiver"):
        assert part in english
    assert "9 phép đo" in "\n".join(explain.lines(facts, "vi"))
    told = "\n".join(explain.lines(explain.facts(child, [ROW, child]), "en"))
    assert "became part of i1" in told and "Not sent to duty: silenced. work" in told
