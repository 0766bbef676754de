"""The roles' files loaded: what only a whole file can be wrong about is checked here."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from inventory.codes import SAY_NAME, is_commune, is_name, is_province
from netmon.addresses import is_clear_text
from netmon.config import receiver_faults
from netmon.config.agent import AgentConfig, CheckConfig, ContactConfig, TrapsConfig
from netmon.config.check import decode_check
from netmon.config.hub import HubConfig
from netmon.config.receiver import ReceiverConfig
from netmon.config.walker import decode
from netmon.config.walker.decode import Reader
from netmon.config.walker.value import meant
from netmon.config.walker.words import for_people
from probes import catalog
from probes.base import Cost
from probes.clean import clean
from probes.errors import ProbeError

_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")
_HALF = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ENGINE = re.compile(r"(?:[0-9A-Fa-f]{2}){5,32}")  # RFC 3411 §5: SnmpEngineID
_AGENT_KEYS: tuple[tuple[str, Callable[[str], bool], str], ...] = (
    ("agent", is_name, SAY_NAME),
    ("site", is_name, SAY_NAME),
    ("commune", lambda text: text == "-" or is_commune(text), "write five digits, as 00123"),
    ("province", lambda text: text == "-" or is_province(text), "write two digits, as 01"),
)


def load_agent(path: Path) -> AgentConfig:
    """An agent's file; raises `ConfigError` with all its faults."""
    config, reader = read_agent(path)
    reader.check()
    return config


def load_hub(path: Path) -> HubConfig:
    """A hub's file; raises `ConfigError` with all its faults. The files it names are not opened."""
    config, reader = read_hub(path)
    reader.check()
    return config


def read_agent(path: Path) -> tuple[AgentConfig, Reader]:
    """An agent's file and its faults."""
    config, reader = decode.read(path, AgentConfig, {CheckConfig: decode_check})
    for key, fits, write in _AGENT_KEYS:
        _match(reader, config, key, fits, write)
    _traps(reader, config.traps)
    _identified(reader, config.checks, "check")
    _identified(reader, config.destinations, "name")
    _urls(reader, config.destinations)
    _last_resort(reader, config)
    _clear_text(reader, config.destinations)
    _run_when(reader, config.checks)
    shown = tuple(_for_people(reader, contact) for contact in config.contacts)
    return reader.again(config, replace(config, contacts=shown)), reader


def _last_resort(reader: Reader, config: AgentConfig) -> None:
    """A page nobody can tell from a forged one wakes nobody; without a hub there is no silence to tell of."""
    resort = config.last_resort
    if not resort.url:
        return
    _urls(reader, [resort])
    if not resort.secret_file:
        reader.fault_of(resort, "secret_file", "is missing", "name the file with the secret the page is signed with")
    if not any(destination.kind == "hub" for destination in config.destinations):
        reader.fault_of(resort, "url", "no destination is a hub", "leave it out, or name a hub among destinations")


def _run_when(reader: Reader, checks: Iterable[CheckConfig]) -> None:
    """Checks that run because of others must name others there are."""
    names = {check.check for check in checks}
    for check in checks:
        for name in check.run_when:
            if name not in names - {check.check}:
                what = f"'{clean(name, 60)}' is not another check of this agent"
                reader.fault_of(check, "run_when", what, meant(name, names))


def _traps(reader: Reader, traps: TrapsConfig) -> None:
    for number, engine in enumerate(traps.engines, 1):
        if not _ENGINE.fullmatch(engine):
            what = f"'{clean(engine, 60)}' is not an engine id in hex"
            reader.fault_of(traps, f"engines[{number}]", what, "write 5 to 32 bytes, as 80001f8804")
    if not traps.listen:
        return
    if not listen_parts(traps.listen):
        what = f"'{clean(traps.listen, 60)}' is not ADDRESS:PORT"
        reader.fault_of(traps, "listen", what, "write 0.0.0.0:1162 or [::]:1162")
    if not (traps.community_file or traps.user):
        reader.fault_of(traps, "listen", "nobody's traps would be heard", "write community_file, user, or both")


def cost_of(check: CheckConfig) -> Cost | None:
    """What a run of a heavy check costs at most; None for a light one, and for what cannot be run at all."""
    try:
        kind = catalog.load(check.kind)
        return None if kind.cost is None or check.settings is None else kind.cost(check.settings)
    except (ImportError, ProbeError):  # told while its settings were decoded, or by the run itself
        return None


def _for_people(reader: Reader, contact: ContactConfig) -> ContactConfig:
    """Texts harmless on a terminal, in one normal form."""
    texts = {key: for_people(getattr(contact, key)) for key in ("who", "phone", "circuit")}
    return reader.again(contact, replace(contact, **texts))


def read_hub(path: Path) -> tuple[HubConfig, Reader]:
    """A hub's file and its faults."""
    config, reader = decode.read(path, HubConfig)
    if not listen_parts(config.listen):
        what = f"'{clean(config.listen, 60)}' is not ADDRESS:PORT"
        reader.fault_of(config, "listen", what, "write 127.0.0.1:8443 or [::1]:8443")
    for rows, attribute in ((config.sinks, "name"), (config.receivers, "name"), (config.mcus, "mcu")):
        _identified(reader, rows, attribute)
    _urls(reader, config.sinks)
    _urls(reader, config.mcus)
    _urls(reader, [config.heartbeat])
    receiver_faults.check(config.receivers, config.people, reader, url_fault)
    receiver_faults.check_people(config.people, reader)
    reader.unique(config.people, "name")
    _clear_text(reader, config.sinks)
    for mcu in config.mcus:
        if mcu.url.lower().startswith("http:"):
            reader.fault_of(mcu, "url", "would send the password in the clear", "write https://…")
    shown = replace(config, receivers=tuple(_matching(reader, receiver) for receiver in config.receivers))
    return reader.again(config, shown), reader


def _matching(reader: Reader, receiver: ReceiverConfig) -> ReceiverConfig:
    """Owners and carriers in the form the inventory has them."""
    owners, carriers = (tuple(map(for_people, names)) for names in (receiver.owners, receiver.carriers))
    return reader.again(receiver, replace(receiver, owners=owners, carriers=carriers))


def listen_parts(text: str) -> tuple[str, int] | None:
    """(host, port) of `host:port` or `[v6]:port`, None when it is neither."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\[\]:/\s]+)):(\d{1,5})", text)
    if match is None or int(match[3]) > 65535:
        return None
    return match[1] or match[2], int(match[3])


def _match(reader: Reader, record: Any, key: str, fits: Callable[[str], bool], write: str) -> None:
    text = getattr(record, key)
    if text and not fits(text):
        reader.fault_of(record, key, f"'{clean(text, 60)}' cannot be used here", write)


def _identified(reader: Reader, rows: Iterable[Any], attribute: str) -> None:
    """Rows are told apart by a name that nobody else has."""
    reader.unique(rows, attribute)
    for row in rows:
        _match(reader, row, attribute, is_name, SAY_NAME)


def _urls(reader: Reader, rows: Iterable[Any]) -> None:
    for row in rows:
        if row.url and (fault := url_fault(row.url)):
            reader.fault_of(row, "url", *fault)


def _clear_text(reader: Reader, rows: Iterable[Any]) -> None:
    """Tokens and passwords leave this machine over TLS only."""
    for row in rows:
        named = "token" if row.token_file else "password" if row.password_file else ""
        if named and is_clear_text(row.url):
            what, write = f"would send the {named} in the clear", "write https://…; plain HTTP stays on this machine"
            reader.fault_of(row, "url", what, write)


def url_fault(url: str, schemes: tuple[str, ...] = ("http", "https")) -> tuple[str, str] | None:
    """(what is wrong, what to write) of an address of these schemes, None when it is good. Never repeats a password in it."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        port, host, parts = None, None, None
    if parts is None or parts.scheme not in schemes or not host or port == 0:
        kind = "a web address" if "https" in schemes else f"an address of {' or '.join(schemes)}"
        return f"is not {kind}", f"write {schemes[-1]}://host:port"
    if not (url.isascii() and url.isprintable()) or " " in url:
        return "has blanks or letters beyond ASCII", "write them encoded, as %20 or %C4%91, and a host's name as xn--…"
    if "@" in parts.netloc:
        return "has a user or password in it", "put the secret into a file and name the file"
    if "#" in url:
        return "has a #: what follows it is never sent", "write %23 for one that belongs to it, or leave it out"
    if _HALF.search(url):
        return "has a % that encodes nothing", "write %25 for the sign itself"
    if not (is_host(host) or _is_address(host)):
        return "names no host", "write its name as the DNS has it, or its address (IPv6 in brackets)"
    return None


def is_host(text: str) -> bool:
    """Can it be asked for in the DNS? Labels of 1 to 63 characters, 253 altogether (RFC 1035 §2.3.4)."""
    return len(text) <= 254 and all(map(_LABEL.fullmatch, text.removesuffix(".").split(".")))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
