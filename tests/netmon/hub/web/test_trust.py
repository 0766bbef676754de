from __future__ import annotations

import shutil
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from netmon.errors import MachineError
from netmon.hub.tokens import Tokens, Unusable, ensure_token, kept_tokens, site_tokens
from netmon.hub.web import trust

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NAMES = ("hub.example", "10.1.2.3", "::1")


def _ensure(folder: Path, names: tuple[str, ...] = NAMES, now: datetime = NOW) -> trust.Pair:
    return trust.ensure(folder, "hub", names, now)


def _server(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trust")
    _ensure(folder)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "trust"))


def _flip(path: Path, bit: int) -> None:
    body = bytearray(path.read_bytes())
    body[bit // 8] ^= 1 << bit % 8
    path.write_bytes(body)


def test_the_certificate_names_what_agents_call_the_hub(folder: Path) -> None:
    names = _server(folder).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["hub.example"]
    assert [str(name) for name in names.get_values_for_type(x509.IPAddress)] == ["10.1.2.3", "::1"]
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    assert _server(folder).verify_directly_issued_by(authority) is None


@pytest.mark.parametrize(
    ("names", "after", "renewed"),
    [
        (NAMES, timedelta(days=1), False),
        ((*NAMES, "new.example"), timedelta(days=1), True),
        (NAMES, trust.SERVER_LIFE - timedelta(days=29), True),
    ],
)
def test_it_is_renewed_only_when_names_change_or_its_end_is_near(
    folder: Path, names: tuple[str, ...], after: timedelta, renewed: bool
) -> None:
    authority, before = (folder / "ca.pem").read_bytes(), _server(folder)
    pair = _ensure(folder, names, NOW + after)
    assert pair == trust.Pair((folder / "server.pem").read_bytes(), (folder / "server.key").read_bytes())
    assert (folder / "ca.pem").read_bytes() == authority
    assert (_server(folder) != before) is renewed


@pytest.mark.parametrize("name", ["server.key", "server.pem"])
def test_any_flipped_bit_of_the_servers_pair_leaves_a_pair_that_agents_trust(folder: Path, name: str) -> None:
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    whole = (folder / name).read_bytes()
    for bit in range(3, len(whole) * 8, 97):
        (folder / name).write_bytes(whole)
        _flip(folder / name, bit)
        pair = _ensure(folder)
        x509.load_pem_x509_certificate(pair.certificate).verify_directly_issued_by(authority)
        trust.context(pair)
        whole = (folder / name).read_bytes() if pair.certificate == (folder / "server.pem").read_bytes() else whole


def test_a_key_of_another_certificate_is_no_pair(folder: Path, tmp_path: Path) -> None:
    _ensure(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "server.key", folder / "server.key")
    pair = _ensure(folder)
    trust.context(pair)
    assert list(folder.glob("server.key.damaged-*"))


@pytest.mark.parametrize("name", ["server.key", "server.pem"])
def test_a_missing_half_or_a_folder_in_its_place_is_made_anew(folder: Path, name: str) -> None:
    (folder / name).unlink()
    trust.context(_ensure(folder))
    (folder / name).unlink()
    (folder / name).mkdir()
    trust.context(_ensure(folder))
    assert (folder / name).is_file()


@pytest.mark.parametrize("name", ["ca.pem", "ca.key"])
def test_a_damaged_ca_is_never_overwritten_and_what_it_signed_goes_on(folder: Path, name: str) -> None:
    before = _server(folder)
    (folder / name).write_text("damaged")
    pair = _ensure(folder, now=NOW + timedelta(days=390))
    assert "the CA" in pair.advice and "backup" in pair.advice
    assert x509.load_pem_x509_certificate(pair.certificate) == before
    assert (folder / name).read_text() == "damaged"


def test_a_lost_ca_is_not_made_anew_beside_what_agents_trust(folder: Path) -> None:
    (folder / "ca.pem").unlink()
    (folder / "ca.key").unlink()
    assert "missing" in _ensure(folder).advice
    assert not (folder / "ca.pem").exists()


def test_without_ca_and_pair_there_is_nothing_to_show(folder: Path) -> None:
    (folder / "ca.key").write_text("damaged")
    (folder / "server.pem").unlink()
    with pytest.raises(MachineError, match=r"the CA .* backup"):
        _ensure(folder)


@pytest.mark.parametrize("name", ["ca.pem", "ca.key"])
def test_a_flipped_bit_of_the_ca_is_seen(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    body = range(len(whole) // 4 * 8, len(whole) // 2 * 8, 41)
    for bit in body:
        _flip(folder / name, bit)
        pair = _ensure(folder)
        (folder / name).write_bytes(whole)
        assert pair.advice or pair == _ensure(folder)  # what is no part of the key or signature may flip unseen


def test_certificates_may_be_read_and_keys_may_not(folder: Path) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {"ca.pem": 0o644, "server.pem": 0o644, "ca.key": 0o600, "server.key": 0o600}


def test_the_listener_shows_the_pair_without_reading_the_disk(folder: Path) -> None:
    pair = _ensure(folder)
    shutil.rmtree(folder)
    tls = trust.context(pair)
    assert tls.minimum_version is ssl.TLSVersion.TLSv1_3


# --- tokens ---


def test_tokens_are_made_once_and_forgotten_with_their_site(tmp_path: Path) -> None:
    tokens = site_tokens(tmp_path, ["c1", "c2"])
    token = ensure_token(tmp_path / "c1.token")
    assert len(token) >= 43 and tokens.name(token) == "c1"
    assert (tmp_path / "c1.token").stat().st_mode & 0o777 == 0o600
    assert site_tokens(tmp_path, ["c2"]).name(token) is None
    assert tokens.name("") is None and Tokens([("", "nobody")]).name("") is None


def test_any_flipped_bit_of_a_token_is_put_right(tmp_path: Path) -> None:
    site_tokens(tmp_path, ["c1"])
    file = tmp_path / "c1.token"
    whole = file.read_bytes()
    for bit in range(0, len(whole) * 8, 3):
        _flip(file, bit)
        assert site_tokens(tmp_path, ["c1"]).name(whole.decode().strip()) == "c1"
        assert file.read_bytes().strip() == whole.strip()


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe\x00", b"two words\n"])
def test_a_damaged_token_file_costs_its_site_nothing(tmp_path: Path, damage: bytes) -> None:
    site_tokens(tmp_path, ["c1"])
    token = ensure_token(tmp_path / "c1.token")
    (tmp_path / "c1.token").write_bytes(damage)
    tokens = site_tokens(tmp_path, ["c1", "c2"])
    assert tokens.name(token) == "c1"
    assert "mend it" in tokens.faults["c1.token"] and len(tokens.faults) == 1


def test_a_folder_in_a_tokens_place_stops_no_other_site(tmp_path: Path) -> None:
    site_tokens(tmp_path, ["c1"])
    token = ensure_token(tmp_path / "c1.token")
    (tmp_path / "c1.token").unlink()
    (tmp_path / "c1.token").mkdir()
    tokens = site_tokens(tmp_path, ["c1", "c2"])
    assert tokens.name(token) == "c1"
    assert tokens.name(ensure_token(tmp_path / "c2.token")) == "c2"
    assert list(tokens.faults) == ["c1.token"]


def test_a_token_others_can_read_is_refused_by_name(tmp_path: Path) -> None:
    site_tokens(tmp_path, ["c1"])
    token = ensure_token(tmp_path / "c1.token")
    (tmp_path / "c1.token").chmod(0o644)
    tokens = site_tokens(tmp_path, ["c1"])
    assert tokens.name(token) is None
    assert "c1.token: others may read" in tokens.faults["c1.token"] and "chmod 600" in tokens.faults["c1.token"]
    with pytest.raises(Unusable, match="mode 644"):
        ensure_token(tmp_path / "c1.token")


def test_a_token_that_was_changed_or_taken_away_is_another_one(tmp_path: Path) -> None:
    site_tokens(tmp_path, ["c1"])
    old = ensure_token(tmp_path / "c1.token")
    (tmp_path / "c1.token").unlink()
    tokens = site_tokens(tmp_path, ["c1"])
    assert tokens.name(old) is None and tokens.name(ensure_token(tmp_path / "c1.token")) == "c1"
    (tmp_path / "c1.token").write_text("chosen-by-hand\n")
    tokens = kept_tokens(tmp_path, [(tmp_path / "c1.token", "c1")])
    assert tokens.name("chosen-by-hand") == "c1" and not tokens.faults


def test_damaged_digests_are_made_anew(tmp_path: Path) -> None:
    site_tokens(tmp_path, ["c1"])
    (tmp_path / "digests.json").write_text('{"sha256": 5}')
    assert site_tokens(tmp_path, ["c1"]).name(ensure_token(tmp_path / "c1.token")) == "c1"
    assert list(tmp_path.glob("digests.json.damaged-*"))
