"""Several who ask for a password on one way."""

from __future__ import annotations

from probes.wire.sip.digest import Credentials
from probes.wire.sip.login import Authorization
from probes.wire.sip.message import SipMessage

ME = Credentials("me", "secret")
SEED = "0123456789abcdef" * 2


def asks(status: int, realm: str, nonce: str = "n", stale: bool = False) -> SipMessage:
    header = "proxy-authenticate" if status == 407 else "www-authenticate"
    value = f'Digest realm="{realm}", nonce="{nonce}", qop="auth"' + (", stale=true" if stale else "")
    return SipMessage(status, "", "", "", ((header, value),))


def names(login: Authorization) -> list[str]:
    return [name for name, _ in login.headers("INVITE", "sip:a@b")]


def test_a_proxy_and_the_room_behind_it_both_get_an_answer() -> None:
    login = Authorization(ME, SEED)
    assert login.challenged(asks(407, "edge")) and names(login) == ["proxy-authorization"]
    assert login.challenged(asks(401, "mcu")) and names(login) == ["proxy-authorization", "authorization"]


def test_two_proxies_get_one_header_each() -> None:
    login = Authorization(ME, SEED)
    assert login.challenged(asks(407, "a")) and login.challenged(asks(407, "b"))
    values = [value for _, value in login.headers("INVITE", "sip:a@b")]
    assert ['realm="a"' in value or 'realm="b"' in value for value in values] == [True, True]


def test_two_who_ask_in_one_answer_both_get_theirs_and_both_refuse_at_once() -> None:
    login = Authorization(ME, SEED)
    both = SipMessage(407, "", "", "", asks(407, "a").headers + asks(407, "b").headers)
    assert login.challenged(both) and names(login) == ["proxy-authorization"] * 2
    assert not login.challenged(both)
    again = Authorization(ME, SEED)
    assert again.challenged(both) and not again.challenged(asks(407, "b", "other"))


def test_the_same_question_again_means_that_the_password_is_bad() -> None:
    login = Authorization(ME, SEED)
    assert login.challenged(asks(401, "mcu")) and login.tried
    assert not login.challenged(asks(401, "mcu", "other"))


def test_a_nonce_that_went_stale_or_was_for_one_request_is_answered_once_more() -> None:
    login = Authorization(ME, SEED)
    assert login.challenged(asks(401, "mcu")) and login.challenged(asks(401, "mcu", "m", stale=True))
    assert not login.challenged(asks(401, "mcu", "o", stale=True))
    proxied = Authorization(ME, SEED)
    assert proxied.challenged(asks(407, "edge")) and proxied.challenged(asks(401, "mcu"))
    assert proxied.challenged(asks(407, "edge", "second")) and not proxied.challenged(asks(407, "edge", "third"))


def test_another_request_may_be_asked_anew_and_counts_the_nonce_on() -> None:
    login = Authorization(ME, SEED)
    login.challenged(asks(401, "mcu"))
    assert "nc=00000001" in login.headers("INVITE", "sip:a@b")[0][1]
    assert "nc=00000002" in login.headers("BYE", "sip:a@b")[0][1]
    login.begin()
    assert login.challenged(asks(401, "mcu", "fresh")) and "nc=00000001" in login.headers("BYE", "sip:a@b")[0][1]


def test_without_a_password_nothing_is_answered_and_a_flood_of_realms_ends() -> None:
    assert not Authorization(None, SEED).challenged(asks(401, "mcu"))
    login = Authorization(ME, SEED)
    assert [login.challenged(asks(407, f"r{number}")) for number in range(6)].count(True) == 4
