from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from netmon.errors import MachineError
from netmon.hub import trust
from netmon.hub.tokens import Tokens, ensure_token, site_tokens

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NAMES = ("hub.example", "10.1.2.3", "::1")


def _server(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())


def test_the_certificate_names_what_agents_call_the_hub(tmp_path: Path) -> None:
    assert trust.ensure(tmp_path, "hub", NAMES, NOW)
    names = _server(tmp_path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["hub.example"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["10.1.2.3", "::1"]
    authority = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())
    assert _server(tmp_path).verify_directly_issued_by(authority) is None


@pytest.mark.parametrize(
    ("names", "after", "renewed"),
    [
        (NAMES, timedelta(days=1), False),
        ((*NAMES, "new.example"), timedelta(days=1), True),
        (NAMES, trust.SERVER_LIFE - timedelta(days=29), True),
    ],
)
def test_it_is_renewed_only_when_names_change_or_its_end_is_near(
    tmp_path: Path, names: tuple[str, ...], after: timedelta, renewed: bool
) -> None:
    trust.ensure(tmp_path, "hub", NAMES, NOW)
    authority, before = (tmp_path / "ca.pem").read_bytes(), _server(tmp_path)
    assert trust.ensure(tmp_path, "hub", names, NOW + after) is renewed
    assert (tmp_path / "ca.pem").read_bytes() == authority
    assert (_server(tmp_path) != before) is renewed


@pytest.mark.parametrize("file", ["ca.pem", "ca.key", "server.pem"])
def test_a_damaged_file_is_told_and_never_overwritten(tmp_path: Path, file: str) -> None:
    trust.ensure(tmp_path, "hub", NAMES, NOW)
    (tmp_path / file).write_text("damaged")
    with pytest.raises(MachineError, match="damaged"):
        trust.ensure(tmp_path, "hub", NAMES, NOW)
    assert (tmp_path / file).read_text() == "damaged"


def test_tokens_are_made_once_and_forgotten_with_their_site(tmp_path: Path) -> None:
    tokens = site_tokens(tmp_path, ["c1", "c2"])
    token = ensure_token(tmp_path / "c1.token")
    assert len(token) >= 43 and tokens.name(token) == "c1"
    assert (tmp_path / "c1.token").stat().st_mode & 0o777 == 0o600
    assert site_tokens(tmp_path, ["c2"]).name(token) is None
    assert tokens.name("") is None and Tokens([("", "nobody")]).name("") is None
