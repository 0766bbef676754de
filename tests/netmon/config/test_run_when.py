"""`run_when`: it names other checks of the same file, and stands at kinds that run."""

from __future__ import annotations

from pathlib import Path

import pytest

from netmon.config import files
from netmon.errors import ConfigError

AGENT = """\
agent: c1
site: c1
destinations:
  - {name: hub, url: "https://hub.example:8443"}
checks:
  - {check: up, kind: ping, target: 192.0.2.1, every: 1s%s}
  - {check: way, kind: path, target: 192.0.2.9, run_when: [%s]}
"""


def _load(folder: Path, more: str, names: str) -> tuple[str, ...]:
    path = folder / "agent.yaml"
    path.write_text(AGENT % (more, names))
    return files.load_agent(path).checks[1].run_when


def test_a_path_may_follow_checks_of_another_host(tmp_path: Path) -> None:
    assert _load(tmp_path, "", "up") == ("up",)


@pytest.mark.parametrize(
    ("more", "names", "said"),
    [
        ("", "upp", "did you mean up?"),
        ("", "way", "is not another check"),
        (", run_when: [way]", "up", "ping runs all the time"),
    ],
)
def test_what_cannot_be_followed_is_told_with_its_place(tmp_path: Path, more: str, names: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, more, names)
    assert any(said in str(one) and "run_when" in str(one) for one in caught.value.problems)
