"""iperf3's login: tokens that open, tokens that do not, lists of users, and what happens without `cryptography`."""

from __future__ import annotations

import base64
import subprocess
import sys
from functools import cache
from typing import Any

import iperf3keys
import pytest
from checkout import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from iperf3keys import PASSWORD, USER, WORD, Keys

from probes.errors import BadSettings
from probes.wire.iperf3 import login as iperf3_login
from probes.wire.iperf3.login import Login, hash_of, token, users

AT_S = 1_790_000_000


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return iperf3keys.make(tmp_path_factory.mktemp("keys"))


def door(keys: Keys, **more: object) -> Login:
    listed = users(keys.users.read_text(encoding="utf-8"))
    return Login(private(keys), listed, **more)  # type: ignore[arg-type]


@cache
def private(keys: Keys) -> Any:
    return iperf3_login.private_key(keys.private.read_bytes())


def login(keys: Keys, user: str = USER, password: str = PASSWORD, at_s: float = AT_S, padding: str = "oaep") -> str:
    return token(iperf3_login.public_key(keys.public.read_bytes()), user, password, at_s, padding)


@pytest.mark.parametrize("padding", iperf3_login.PADDINGS)
def test_a_right_login_opens_once(keys: Keys, padding: str) -> None:
    there, shown = door(keys), login(keys, padding=padding)
    assert there.fault(shown, AT_S + 9.0) == ""
    assert "second time" in there.fault(shown, AT_S + 9.5)
    assert there.fault(login(keys, padding=padding), AT_S + 9.5) == ""  # the same second, another test


def test_a_token_stays_used_as_long_as_it_is_fresh(keys: Keys) -> None:
    there, early = door(keys), login(keys, at_s=AT_S + 10)
    assert there.fault(early, AT_S) == ""
    assert all("second time" in there.fault(early, AT_S + later) for later in (0, 10, 20))
    assert "clock" in there.fault(early, AT_S + 20.1)


@pytest.mark.parametrize(
    ("more", "now_s", "says"),
    [
        ({"password": PASSWORD + "x"}, AT_S, "wrong login"),
        ({"user": "nobody"}, AT_S, "wrong login"),
        ({"user": "tu"}, AT_S, "wrong login"),
        ({}, AT_S + 11, "clock"),
        ({}, AT_S - 11, "clock"),
        ({"at_s": AT_S + 10**9}, AT_S, "clock"),
    ],
)
def test_a_wrong_or_stale_login_opens_nothing(keys: Keys, more: dict[str, str], now_s: float, says: str) -> None:
    assert says in door(keys).fault(login(keys, **more), now_s)  # type: ignore[arg-type]


def test_only_the_paddings_asked_for_are_taken(keys: Keys) -> None:
    strict = door(keys, paddings=("oaep",))
    assert strict.fault(login(keys, padding="oaep"), AT_S) == ""
    assert "not under our key" in strict.fault(login(keys, padding="pkcs1"), AT_S)


def test_the_threshold_may_be_another(keys: Keys) -> None:
    assert door(keys, skew_s=100.0).fault(login(keys), AT_S + 99) == ""


@settings(max_examples=40, deadline=None)
@given(st.one_of(st.text(max_size=400), st.binary(max_size=400).map(lambda one: base64.b64encode(one).decode())))
def test_no_token_makes_a_door_raise_or_open(keys: Keys, text: str) -> None:
    assert door(keys).fault(text, AT_S)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2047), st.sampled_from(iperf3_login.PADDINGS))
def test_a_token_with_one_bit_turned_opens_nothing(keys: Keys, bit: int, padding: str) -> None:
    block = bytearray(base64.b64decode(login(keys, padding=padding)))
    block[bit // 8] ^= 1 << bit % 8
    assert door(keys).fault(base64.b64encode(block).decode(), AT_S)


@pytest.mark.parametrize("text", ["user: mai\npwd:  x", "user: \npwd:  x\nts:   1", "user: a\npwd:  b\nts:   1\nmore", "user: a\npwd:  b\nts:   nan", "\xff"])  # fmt: skip
def test_what_is_under_the_key_but_no_login_opens_nothing(keys: Keys, text: str) -> None:
    block = iperf3_login.encrypt(iperf3_login.public_key(keys.public.read_bytes()), text.encode("latin-1"), "oaep")
    assert "not under our key" in door(keys).fault(base64.b64encode(block).decode(), AT_S)


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("padding", iperf3_login.PADDINGS)
def test_what_openssl_encrypts_opens(keys: Keys, padding: str) -> None:
    command = ["openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", str(keys.public), "-pkeyopt", f"rsa_padding_mode:{padding}"]  # fmt: skip
    said = f"user: tu\npwd:  {WORD}\nts:   {AT_S}".encode()
    block = subprocess.run(command, input=said, capture_output=True, check=True).stdout
    assert door(keys).fault(base64.b64encode(block).decode(), AT_S) == ""


def test_a_hash_is_that_of_the_user_in_braces_and_the_password() -> None:
    # printf '{mario}rossi' | sha256sum, as iperf3's manual has it
    assert hash_of("mario", "rossi") == "bf7a49a846d44b454a5d11e7acfaf13d138bbe0b7483aa3e050879700572709b"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "0 users"),
        ("# nobody\n", "0 users"),
        ("mai\n", "line 1"),
        (f"mai,{'0' * 64}\ntu,{'0' * 63}\n", "line 2"),
        (f",{'0' * 64}\n", "line 1"),
        (f"mai,{'0' * 64}\nmai,{'1' * 64}\n", "twice"),
    ],
)
def test_a_list_of_users_that_is_none_is_told_with_its_line(text: str, says: str) -> None:
    with pytest.raises(BadSettings, match=says):
        users(text)


def test_wrong_keys_are_told(keys: Keys) -> None:
    for wrong in (b"", b"-----BEGIN PUBLIC KEY-----\n", keys.private.read_bytes()):
        with pytest.raises(BadSettings):
            iperf3_login.public_key(wrong)
    for wrong in (b"", keys.public.read_bytes()):
        with pytest.raises(BadSettings):
            iperf3_login.private_key(wrong)
    with pytest.raises(BadSettings, match="too long"):
        login(keys, password="x" * 300)


def test_without_cryptography_the_extra_is_named_and_nothing_else_imports_it(keys: Keys) -> None:
    code = (
        "import sys; sys.modules['cryptography'] = None\n"
        "import probes.kinds.throughput.kind, probes.answer.iperf3.server\n"
        "from probes.wire.iperf3 import login as iperf3_login\n"
        f"iperf3_login.public_key(open({str(keys.public)!r}, 'rb').read())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "BadSettings" in done.stderr and "cpnet-netmon[hub]" in done.stderr


def test_skew_is_that_of_iperf3() -> None:
    assert iperf3_login.SKEW_S == 10.0
