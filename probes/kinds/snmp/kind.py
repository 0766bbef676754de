"""SNMP: what a router, switch or UPS says of itself: interfaces and their load, battery, sensors, uptime.

A check is one interface of one device (or one UPS, or the device as a whole), for a point's tags name no interface.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from probes.base import Field, Kind, Measurement, Outcome, Target, Value
from probes.clean import clean
from probes.errors import BadSettings
from probes.io.snmp.device import AUTHS, PORT, PRIVS, Device, NoAnswer, SnmpAccess
from probes.io.snmp.open import open_device
from probes.io.snmp.walk import Getter, Walker
from probes.kinds.snmp import device as devices
from probes.kinds.snmp import interface as interfaces
from probes.kinds.snmp import oids
from probes.kinds.snmp.rates import FIRST, TOO_SOON, Poll, PollChange, Uptime, compare, is_clock_wrong
from probes.kinds.snmp.utilisation import Slots
from probes.settings import setting
from probes.target import Unresolved, parse, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class SnmpSettings:
    """Settings of `snmp`."""

    every_s: float = setting("time between measurements", unit="s", key="every", low=1, high=3600, default=30.0)
    timeout_s: float = setting(
        "give up on one question after (its one repeat included)", unit="s", key="timeout", low=0.1, high=30,
        default=2.0,
    )  # fmt: skip
    what: str = setting("what is looked at", choices=("interfaces", "ups", "sensors", "system"), default="interfaces")
    interface: str = setting("name or number of the one interface; without it the device as a whole", default="")
    capacity_bps: float = setting(
        "what the line may carry, when that is less than the interface's own speed", unit="bps", key="capacity", low=0,
        high=1e12, default=0.0,
    )  # fmt: skip
    version: str = setting("SNMP version", choices=("v2c", "v3"), default="v2c")
    community_file: str = setting("v2c: file with the community; without it `public`", default="", secret=True)
    user: str = setting("v3: user", default="")
    auth: str = setting("v3: how it authenticates", choices=AUTHS, default="sha256")
    auth_password_file: str = setting("v3: file with the authentication password", default="", secret=True)
    priv: str = setting("v3: how it encrypts", choices=PRIVS, default="aes")
    priv_password_file: str = setting("v3: file with the privacy password", default="", secret=True)


_ONE, _ALL = ("interface",), ("device",)
FIELDS = (
    Field("if_state", "", "1 up, 0 switched off, else ifOperStatus (2 down, 7 its carrier is down)", "int", of=_ONE),
    Field("rx_bps", "bit/s", "received since the last look, by the device's clock", of=_ONE),
    Field("tx_bps", "bit/s", "sent since the last look", of=_ONE),
    Field("rx_5m_share", "", "share of the capacity received in the five minutes just over (0 to 1)", of=_ONE),
    Field("tx_5m_share", "", "share of the capacity sent in the five minutes just over (0 to 1)", of=_ONE),
    Field("if_up", "interfaces", "that are up", "int", of=_ALL),
    Field("if_down", "interfaces", "that should be up and are not", "int", of=_ALL),
    Field("if_off", "interfaces", "that are switched off", "int", of=_ALL),
    Field("rx_busiest_share", "", "share of its speed the busiest interface received (0 to 1)", of=_ALL),
    Field("tx_busiest_share", "", "share of its speed the busiest interface sent (0 to 1)", of=_ALL),
    Field("errors", "packets", "errors of both directions since the last look", "int", of=_ONE + _ALL),
    Field("discards", "packets", "discards of both directions since the last look", "int", of=_ONE + _ALL),
    Field("uptime_s", "s", "since the device, or its SNMP, started", "int"),
    Field("battery_state", "", "1 unknown, 2 normal, 3 low, 4 empty (upsBatteryStatus)", "int", of=("ups",)),
    Field("power_source", "", "3 normal, 5 battery, others: upsOutputSource", "int", of=("ups",)),
    Field("on_battery_s", "s", "on battery for so long; 0: it is not", "int", of=("ups",)),
    Field("battery_left_s", "s", "what the battery is good for", "int", of=("ups",)),
    Field("charge_share", "", "charge of the battery (0 to 1)", of=("ups",)),
    Field("alarms", "alarms", "alarms the UPS has now", "int", of=("ups",)),
    Field("temp_max_c", "°C", "hottest sensor", of=("sensors",)),
    Field("humidity_max_share", "", "dampest sensor (0 to 1)", of=("sensors",)),
    Field("fan_min_rpm", "rpm", "slowest fan", of=("sensors",)),
    Field("sensors_ok", "sensors", "sensors that work", "int", of=("sensors",)),
    Field("sensors_bad", "sensors", "sensors that do not", "int", of=("sensors",)),
    Field("rtt_ms", "ms", "from a question to its answer", of=("system",)),
    Field("cpu_share", "", "load of the processors, mean (0 to 1)", of=("system",)),
    Field("mem_used_share", "", "share of RAM in use, as the device counts it", of=("system",)),
    Field("if_admin", "", "ifAdminStatus", "int", False),
    Field("if_oper", "", "ifOperStatus", "int", False),
    Field("rx_share", "", "rx_bps of the capacity", default=False),
    Field("tx_share", "", "tx_bps of the capacity", default=False),
    Field("speed_bps", "bit/s", "the capacity that was reckoned with", default=False),
)
_OUTCOMES = {
    "silence": Outcome.LOST,
    "stopped": Outcome.LOST,
    "lost": Outcome.LOST,
    "refused": Outcome.REFUSED,
    "auth": Outcome.REFUSED,
    "mute": Outcome.REFUSED,
    "malformed": Outcome.PROTOCOL,
    "absent": Outcome.PROTOCOL,
    "elsewhere": Outcome.PROTOCOL,
    "local": Outcome.LOCAL,
}
_SAID = {
    ("v2c", "silence"): "nothing came back in time; with v2c a wrong community is silence too",
    ("v2c", "stopped"): "it answered and then fell silent",
    ("v3", "stopped"): "it answered and then fell silent",
    ("v3", "silence"): "nothing came back in time",
    ("v2c", "auth"): "it does not let this community see what we ask for",
    (
        "v3",
        "auth",
    ): "it does not accept our user, passwords, protocols or level of security, or shows this user nothing",
    ("v3", "mute"): "it tells who it is, but is silent to us: the privacy password or protocol is likely wrong",
}
_UPS_ODD = "what it says of its UPS cannot be (battery, charge, source and alarms are all outside of their range)"
_LOOK_GAP_S = 1.0
_MAX_REMEMBERED = 8192


@dataclass(slots=True)
class _Memory:
    """What is kept of a device between two looks."""

    walker: Walker = field(default_factory=Walker)
    getter: Getter = field(default_factory=Getter)
    index: str = ""  # of the wanted interface
    polls: dict[str, Poll] = field(default_factory=dict)  # by interface number
    uptime: Uptime = field(default_factory=Uptime)
    slots: dict[str, Slots] = field(default_factory=lambda: {"rx": Slots(), "tx": Slots()})


_memories: OrderedDict[tuple[str, SnmpSettings], _Memory] = OrderedDict()


def _remembered(text: str, settings: SnmpSettings) -> _Memory:
    memory = _memories.setdefault((text, settings), _Memory())
    _memories.move_to_end((text, settings))
    if len(_memories) > _MAX_REMEMBERED:
        _memories.popitem(last=False)
    return memory


async def run(target: Target, settings: Any, count: int) -> Measurement:
    """One look; for `count` of more than 1 two, `count - 1` seconds apart, so that there are rates at once."""
    endpoint, access = parse(target.text, PORT), access_of(settings)
    at_ns, began = time.time_ns(), time.monotonic()

    def measurement(outcome: Outcome, values: dict[str, Value], why: str) -> Measurement:
        took_ms = round((time.monotonic() - began) * 1000.0, 3)
        return Measurement("snmp", target.text, at_ns, took_ms, outcome, values, clean(why, 400))

    try:
        family, sockaddr = (await resolve(endpoint))[0]
    except Unresolved as fault:
        return measurement(Outcome.UNRESOLVED, {}, str(fault))
    memory = _remembered(target.text, settings)
    try:
        values, why = await _opened(family, sockaddr, access, settings, memory)
        if count > 1 and settings.what == "interfaces":
            await asyncio.sleep((count - 1) * _LOOK_GAP_S)
            values, why = await _opened(family, sockaddr, access, settings, memory)
    except NoAnswer as fault:
        memory.getter.forget()
        return measurement(_OUTCOMES[fault.end], {}, _SAID.get((settings.version, fault.end), fault.why))
    return measurement(Outcome.OK, values, why)


async def _opened(
    family: int, sockaddr: tuple[Any, ...], access: SnmpAccess, settings: SnmpSettings, memory: _Memory
) -> tuple[dict[str, Value], str]:
    """One look in a conversation of its own: a v3 device that started again since the last one is another engine."""
    device = await open_device(family, sockaddr, access, settings.timeout_s)
    try:
        await memory.getter.begin(device)
        return await _look(device, settings, memory)
    finally:
        await device.close()


async def _look(device: Device, settings: SnmpSettings, memory: _Memory) -> tuple[dict[str, Value], str]:
    """Values and what is to be said; raises `NoAnswer`."""
    if settings.what != "interfaces":
        return await _LOOKS[settings.what](device, memory)
    return await (_interface if settings.interface else _device)(device, settings, memory)


async def _interface(device: Device, settings: SnmpSettings, memory: _Memory) -> tuple[dict[str, Value], str]:
    wanted, why = interfaces.name_of(settings.interface), ""
    memory.index = memory.index or await _find(device, wanted, memory)
    rows = await _ask(device, interfaces.asked(memory.index), memory)
    if not _is(rows, memory.index, wanted):  # the device gave its interfaces other numbers
        memory.index = await _find(device, wanted, memory)
        rows = await _ask(device, interfaces.asked(memory.index), memory)
    if not _is(rows, memory.index, wanted):
        memory.index = ""
        raise NoAnswer("absent", f"interface {wanted!r} comes and goes")
    interface = interfaces.read(rows, memory.index, time.monotonic())
    before = memory.polls.get(memory.index)
    if before and before.identity != interface.poll.identity:
        why = f"interface {wanted} was {before.identity.partition('/')[2]} and is {interface.poll.identity.partition('/')[2]}"
    memory.polls = {memory.index: interface.poll}
    change = compare(before, interface.poll)
    values = interfaces.values_of(interface, change, memory.slots, settings.capacity_bps, time.time())
    said = "; ".join(filter(None, (interfaces.words(interface), why or _no_rates(change))))
    return values | ({} if is_clock_wrong(before, interface.poll) else _uptime(rows, memory)), said


def _no_rates(change: PollChange) -> str:
    """What is said where two looks give no rates, "" where they do or none are due."""
    return "" if change.elapsed_s or change.why in (FIRST, TOO_SOON) else f"no rates: {change.why}"


def _is(rows: dict[str, Any], index: str, wanted: str) -> bool:
    names = interfaces.known_as(rows, index)
    return wanted in names or (wanted == index and bool(names or f"{oids.OPER}.{index}" in rows))


async def _find(device: Device, wanted: str, memory: _Memory) -> str:
    """Number of the wanted interface; raises `NoAnswer` when there is none, or more than one of that name."""
    columns: list[dict[str, Any]] = []
    for column in oids.NAMES:
        columns.append(await memory.walker.column(device, column))
        called = [index for index, name in columns[-1].items() if interfaces.text(name) == wanted]
        if len(called) > 1:
            raise NoAnswer("absent", interfaces.several(wanted, await _fellows(device, called, memory)))
        if called:
            return called[0]
    if wanted.isdecimal() and f"{oids.OPER}.{wanted}" in await _ask(
        device, [oids.UPTIME, f"{oids.OPER}.{wanted}"], memory
    ):
        return wanted
    raise NoAnswer("absent", interfaces.not_there(wanted, next(filter(None, columns), {})))


async def _fellows(device: Device, indexes: list[str], memory: _Memory) -> dict[str, str]:
    """Number of each → its description, which often tells interfaces of one name apart."""
    shown = await memory.walker.column(device, oids.NAMES[1])
    return {index: interfaces.text(shown.get(index)) for index in indexes}


async def _device(device: Device, settings: SnmpSettings, memory: _Memory) -> tuple[dict[str, Value], str]:
    rows = await _ask(device, [oids.UPTIME, oids.ENGINE_TIME], memory)
    at_s, seen = time.monotonic(), dict[str, interfaces.Interface]()
    indexes: set[str] = set()
    for column in interfaces.columns():
        cells = await memory.walker.column(device, column)
        rows |= {f"{column}.{index}": value for index, value in cells.items()}
        indexes |= set(cells)
    if not indexes:
        raise NoAnswer("absent", "it shows us no interfaces (IF-MIB)")
    lost = [oid for index in indexes if (oid := f"{oids.OPER}.{index}") not in rows]
    rows |= await memory.getter.get(device, lost)  # some walks leave a row out, or end early
    for index in sorted(indexes):
        seen[index] = interfaces.read(rows, index, at_s)
    changes = {index: compare(memory.polls.get(index), interface.poll) for index, interface in seen.items()}
    is_wrong = any(is_clock_wrong(memory.polls.get(index), interface.poll) for index, interface in seen.items())
    memory.polls = {index: interface.poll for index, interface in seen.items()}
    why = "" if any(change.elapsed_s for change in changes.values()) else next(map(_no_rates, changes.values()))
    return interfaces.summary(seen, changes) | ({} if is_wrong else _uptime(rows, memory)), why


async def _ups(device: Device, memory: _Memory) -> tuple[dict[str, Value], str]:
    rows = await _ask(device, [oids.UPTIME, oids.ENGINE_TIME, *oids.UPS.values()], memory)
    values = devices.ups(rows)
    if not values:
        is_there = any(oid in rows for oid in oids.UPS.values())
        raise NoAnswer("absent", _UPS_ODD if is_there else "it shows us no UPS (UPS-MIB)")
    return values | _uptime(rows, memory), devices.ups_words(values)


async def _sensors(device: Device, memory: _Memory) -> tuple[dict[str, Value], str]:
    rows = await _ask(device, [oids.UPTIME, oids.ENGINE_TIME], memory)
    columns = {column: await memory.walker.column(device, column) for column in oids.SENSOR}
    if not columns[oids.SENSOR_STATUS]:
        raise NoAnswer("absent", "it shows us no sensors (ENTITY-SENSOR-MIB)")
    return devices.sensors(columns) | _uptime(rows, memory), devices.sensor_words(columns)


async def _system(device: Device, memory: _Memory) -> tuple[dict[str, Value], str]:
    began = time.monotonic()
    rows = await _ask(device, [oids.UPTIME, oids.ENGINE_TIME], memory)
    values: dict[str, Value] = {"rtt_ms": round((time.monotonic() - began) * 1000.0, 3)}
    wanted = (oids.CPU_LOAD, oids.STORAGE_TYPE, oids.STORAGE_SIZE, oids.STORAGE_USED)
    columns = {column: await memory.walker.column(device, column) for column in wanted}
    return values | devices.system(columns) | _uptime(rows, memory), ""


_LOOKS = {"ups": _ups, "sensors": _sensors, "system": _system}


async def _ask(device: Device, wanted: list[str], memory: _Memory) -> dict[str, Any]:
    rows = await memory.getter.get(device, wanted)
    if not rows:
        raise NoAnswer("absent", "it answers, but shows us nothing of what we ask for (its view for us?)")
    return rows


def _uptime(rows: dict[str, Any], memory: _Memory) -> dict[str, Value]:
    ticks, engine_s = (interfaces.integer(rows.get(oid)) for oid in (oids.UPTIME, oids.ENGINE_TIME))
    up_s = memory.uptime.seconds(time.monotonic(), ticks, engine_s)
    return {} if up_s is None else {"uptime_s": up_s}


def access_of(settings: SnmpSettings) -> SnmpAccess:
    """Who we are, secrets read from their files; raises `BadSettings`."""
    if settings.version == "v2c":
        return SnmpAccess(_secret("community_file", settings.community_file) if settings.community_file else "public")
    if not settings.user:
        raise BadSettings("v3 needs a user (write user, and the password files)")
    if settings.auth == "none":
        return SnmpAccess("", settings.user)
    auth = _password("auth_password_file", settings.auth_password_file)
    if settings.priv == "none":
        return SnmpAccess("", settings.user, settings.auth, auth)
    privacy = _password("priv_password_file", settings.priv_password_file)
    return SnmpAccess("", settings.user, settings.auth, auth, settings.priv, privacy)


def _password(key: str, path: str) -> str:
    if not path:
        raise BadSettings(f"v3 needs {key} (or write {key.partition('_')[0]}: none)")
    password = _secret(key, path)
    if len(password) < 8:
        raise BadSettings(f"{key} {clean(path)}: a password of SNMP v3 has at least 8 characters (RFC 3414 §11.2)")
    return password


def _secret(key: str, path: str) -> str:
    try:
        with open(path, encoding="utf-8-sig") as file:
            secret = file.read(4096).strip("\r\n")
    except OSError as fault:
        raise BadSettings(f"{key} {clean(path)}: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise BadSettings(f"{key} {clean(path)}: not UTF-8 text") from None
    if not secret:
        raise BadSettings(f"{key} {clean(path)} is empty")
    return secret


SNMP = Kind("snmp", SnmpSettings, FIELDS, run, None, "what a router, switch or UPS says of itself over SNMP")
