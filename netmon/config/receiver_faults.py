"""What is wrong with a receiver's keys, kind by kind. Nothing is opened."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import NamedTuple
from urllib.parse import urlsplit

from netmon.addresses import is_clear_text
from netmon.config.receiver import PersonConfig, ReceiverConfig
from netmon.config.walker.decode import Reader
from netmon.config.walker.shape import shape_of
from probes.clean import clean

GAPS = ("to", "text", "sender", "id", "secret")
_GAP = re.compile(r"\{(\w*)\}")
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_PHONE = re.compile(r"\+?[0-9]{3,15}")
_CHAT = re.compile(r"-?[0-9A-Za-z_@]+(/[0-9]+)?")
_COMMON = {
    "name", "kind", "severities", "owners", "carriers", "elements", "provinces", "hours", "after", "repeat", "budget", "test_at", "lang",
    "timeout", "secret_file",
}  # what any kind reads  # fmt: skip
_ROTA = {"sms": "phone", "mail": "mail", "telegram": "chat", "zalo": "chat"}  # kind → what of a person it needs
_HTTP = ("http", "https")


class _Kind(NamedTuple):
    """What a kind reads beside the common keys, what it must have, and what its addresses look like."""

    needs: tuple[str, ...]
    may: tuple[str, ...] = ()
    schemes: tuple[str, ...] = _HTTP
    to: re.Pattern[str] = _CHAT
    write: str = ""
    many: bool = False


_KINDS = {
    "webhook": _Kind(("url", "secret_file"), ("unix_socket",)),
    "pagerduty": _Kind(("secret_file",), ("url", "ca_file")),
    "alertmanager": _Kind(("url",), ("user", "ca_file")),
    "telegram": _Kind(("secret_file", "to"), ("url", "ca_file"), write="write the chat's id, as -1001234, or @name"),
    "zalo": _Kind(("secret_file", "to"), ("url", "ca_file"), write="write the chat's id"),
    "slack": _Kind(("secret_file",), ("url", "ca_file")),
    "teams": _Kind(("secret_file",), ("url", "ca_file")),
    "sms": _Kind(
        ("url", "to"),
        ("from", "method", "content_type", "body", "accepted", "max_parts", "ca_file"),
        to=_PHONE,
        write="write a number, as +84912345678",
        many=True,
    ),
    "mail": _Kind(
        ("url", "to", "from"),
        ("user", "tls", "ca_file"),
        ("smtp", "smtps"),
        _ADDRESS,
        "write name@domain",
        many=True,
    ),
    "syslog": _Kind(("url",), ("facility", "ca_file"), ("udp", "tcp", "tls")),
    "apprise": _Kind(("secret_file",)),
}


def check(
    receivers: Iterable[ReceiverConfig],
    people: Iterable[PersonConfig],
    reader: Reader,
    url_fault: Callable[..., tuple[str, str] | None],
) -> None:
    """A fault for every key that is missing, that the kind does not read, or whose text it cannot use. `url_fault`: what
    is wrong with an address of certain schemes."""
    known = {person.name: person for person in people}
    for receiver in receivers:
        kind = _KINDS.get(receiver.kind)
        if kind is None or reader.line_of(receiver) < 1:  # told while it was decoded
            continue
        _missing(receiver, kind, reader)
        _unread(receiver, kind, reader)
        _whom(receiver, kind, reader)
        _url(receiver, kind, reader, url_fault)
        if receiver.kind == "sms":
            _gaps(receiver, reader)
        _rota(receiver, known, reader)
        if receiver.test_at and not _TIME.fullmatch(receiver.test_at):
            what = f"'{clean(receiver.test_at, 60)}' is no time of day"
            reader.fault_of(receiver, "test_at", what, "write it as 08:00")


def _value(receiver: ReceiverConfig, name: str) -> object:
    attribute: str = shape_of(ReceiverConfig).by_name[name].attribute
    return getattr(receiver, attribute)


def _missing(receiver: ReceiverConfig, kind: _Kind, reader: Reader) -> None:
    written = _written(receiver, reader)
    for name in kind.needs:
        if name == "to" and receiver.rota:
            continue
        if not _value(receiver, name) and name not in written:
            reader.fault_of(receiver, name, "is missing", shape_of(ReceiverConfig).by_name[name].meaning)
    if receiver.user and not receiver.secret_file:
        reader.fault_of(receiver, "secret_file", "is missing", "name the file with the user's password")


def _unread(receiver: ReceiverConfig, kind: _Kind, reader: Reader) -> None:
    """Keys that do nothing; one that says what it would be anyway is no harm (`config show` writes them all)."""
    for key in shape_of(ReceiverConfig).keys:
        known = key.name in _COMMON or key.name in kind.needs or key.name in kind.may
        known = known or (key.name in ("rota", "rota_from") and receiver.kind in _ROTA)
        if not known and getattr(receiver, key.attribute) != key.default:
            what = f"is nothing a receiver of kind {receiver.kind} reads"
            reader.fault_of(receiver, key.name, what, "leave it out (docs/channels.md)")


def _written(receiver: ReceiverConfig, reader: Reader) -> set[str]:
    table = reader.table_of(receiver)
    return set() if table is None else {entry.key for entry in table.entries}


def _whom(receiver: ReceiverConfig, kind: _Kind, reader: Reader) -> None:
    if "to" not in kind.needs:
        return
    for number, text in enumerate(receiver.to, 1):
        if not (text.isascii() and kind.to.fullmatch(text)):
            reader.fault_of(receiver, f"to[{number}]", f"'{clean(text, 60)}' cannot be used here", kind.write)
    if len(receiver.to) > 1 and not kind.many:
        reader.fault_of(receiver, "to[2]", "is one chat too many", "make a receiver for each chat")
    if (
        receiver.kind == "mail"
        and receiver.sender
        and not (receiver.sender.isascii() and _ADDRESS.fullmatch(receiver.sender))
    ):
        reader.fault_of(receiver, "from", f"'{clean(receiver.sender, 60)}' cannot be used here", kind.write)


def _url(
    receiver: ReceiverConfig, kind: _Kind, reader: Reader, url_fault: Callable[..., tuple[str, str] | None]
) -> None:
    url = _GAP.sub("1", receiver.url) if receiver.kind == "sms" else receiver.url
    if not url:
        return
    if fault := url_fault(url, kind.schemes):
        reader.fault_of(receiver, "url", *fault)
        return
    if kind.schemes != _HTTP and urlsplit(url).path.strip("/"):
        reader.fault_of(receiver, "url", "has a path", f"write {kind.schemes[0]}://host:port")
    sends_secret = receiver.secret_file and receiver.kind != "webhook"  # a webhook's stays here: it signs
    is_clear = is_clear_text(url) or (receiver.tls == "none" and is_clear_text(url.replace("smtp://", "http://", 1)))
    if sends_secret and is_clear:
        reader.fault_of(
            receiver, "url", "would send the secret in the clear", "use TLS; plain text stays on this machine"
        )


def _rota(receiver: ReceiverConfig, people: Mapping[str, PersonConfig], reader: Reader) -> None:
    """Everybody of a rota can be reached, and the week it begins with is one."""
    needed = _ROTA.get(receiver.kind)
    if not receiver.rota or needed is None:
        return
    if receiver.to:
        reader.fault_of(receiver, "to", "is not used beside a rota", "leave one of them out")
    for number, name in enumerate(receiver.rota, 1):
        person = people.get(name)
        if person is None:
            reader.fault_of(
                receiver, f"rota[{number}]", f"'{clean(name, 60)}' is nobody of people", "add them to people:"
            )
        elif not getattr(person, needed):
            reader.fault_of(receiver, f"rota[{number}]", f"'{clean(name, 60)}' has no {needed}", "add it in people:")
    if receiver.rota_from and not _is_day(receiver.rota_from):
        reader.fault_of(receiver, "rota_from", f"'{clean(receiver.rota_from, 60)}' is no day", "write it as 2026-11-30")


def check_people(people: Iterable[PersonConfig], reader: Reader) -> None:
    """A fault for every number, address or chat nobody could be reached by."""
    forms = {"phone": _KINDS["sms"], "mail": _KINDS["mail"], "chat": _KINDS["telegram"]}
    for person in people:
        for key, form in forms.items():
            text = getattr(person, key)
            if text and not (text.isascii() and form.to.fullmatch(text)):
                reader.fault_of(person, key, f"'{clean(text, 60)}' cannot be used here", form.write)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _gaps(receiver: ReceiverConfig, reader: Reader) -> None:
    for name, text in (("url", receiver.url), ("body", receiver.template)):
        for gap in _GAP.findall(text):
            if gap not in GAPS:
                known = " ".join(f"{{{gap}}}" for gap in GAPS)
                reader.fault_of(receiver, name, f"'{{{clean(gap, 30)}}}' is no gap netmon fills", f"known: {known}")
    if "{text}" not in receiver.url + receiver.template:
        reader.fault_of(
            receiver, "body", "has no {text}: messages would be empty", 'write it, as {"to":"{to}","text":"{text}"}'
        )
