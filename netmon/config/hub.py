"""What a hub's file says."""

from __future__ import annotations

from dataclasses import dataclass

from netmon.config.receiver import PersonConfig, ReceiverConfig
from probes.kinds.room.settings import RoomTestSettings
from probes.settings import inherited, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkConfig:
    """An InfluxDB (or anything that takes its line protocol) the hub copies every point to."""

    name: str = setting("name of the sink, unique")
    url: str = setting("base address, as https://influx.example:8086")
    kind: str = setting(
        "API of the server: influxdb (1.8 and newer, VictoriaMetrics) or influxdb1",
        choices=("influxdb", "influxdb1"),
        default="influxdb",
    )
    org: str = setting("organisation (influxdb 2)", default="-")
    bucket: str = setting("bucket (influxdb 2)", default="netmon")
    database: str = setting("database (influxdb1)", default="netmon")
    token_file: str = setting("file with the token", default="", secret=True)
    user: str = setting("user (influxdb1)", default="")
    password_file: str = setting("file with the password (influxdb1)", default="", secret=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasesConfig:
    """How much heavy tests may do to links."""

    bytes_per_day: int = setting(
        "what heavy tests may send over one link in a day of Viet Nam, both ways together",
        unit="B",
        low=0,
        default=5_000_000_000,
    )
    share: float = setting(
        "the largest part of that one agent may use of a link over which others test too",
        low=0.001,
        high=1,
        default=0.25,
    )
    longest_s: float = setting(
        "longest one heavy test may last", unit="s", key="longest", low=1, high=600, default=180.0
    )
    margin_s: float = setting(
        "no heavy test on a conference's links from so long before it starts",
        unit="s",
        key="margin",
        low=0,
        high=86400,
        default=900.0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomTestConfig(RoomTestSettings):
    """How rooms are tried: settings of the kind `room` (docs/probes/room.md), by the same names; shorter, for there are many."""

    call_s: float = inherited(RoomTestSettings, "call_s", 2.0)
    media_s: float = inherited(RoomTestSettings, "media_s", 4.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferencesConfig:
    """How the hub rehearses the inventory's conferences."""

    enabled: bool = setting("rehearse them; the hub must stand where the MCU does", default=True)
    streams: int = setting("calls and streams at one time", low=1, high=200, default=12)
    stages: tuple[float, ...] = setting(
        "how long before the start; in its last ten minutes rooms are only asked",
        unit="s",
        low=1,
        high=30 * 86400,
        filled=True,
        default=(86400.0, 3600.0, 1800.0, 600.0),
    )
    light: bool = setting("only ask, at every stage: no call, no stream", default=False)
    settings: RoomTestConfig = setting("how rooms are tried", default=RoomTestConfig())


@dataclass(frozen=True, slots=True, kw_only=True)
class McuConfig:
    """The management interface of an MCU (`netmon conference legs` asks it what it sees of each room)."""

    mcu: str = setting("id of the MCU in the inventory")
    kind: str = setting("make: cms (Cisco Meeting Server) or pexip (Pexip Infinity)", choices=("cms", "pexip"))
    url: str = setting("address of its management interface, as https://mcu.example:445")
    user: str = setting("a user that may only read")
    password_file: str = setting("file with the user's password", secret=True)
    ca_file: str = setting("file with the certificate that signed its own; empty: those of the system", default="")
    timeout_s: float = setting(
        "longest one look at it may take", unit="s", key="timeout", low=1, high=300, default=30.0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatConfig:
    """A watcher outside that calls people when the hub is silent (a dead man's switch)."""

    url: str = setting("its address; empty, and no secret_file: there is none", default="")
    secret_file: str = setting("file with the address, when it is a secret", default="", secret=True)
    every_s: float = setting("time between two signs of life", unit="s", key="every", low=5, high=3600, default=60.0)
    method: str = setting("how it is asked: POST with the hub's state, or GET", choices=("POST", "GET"), default="POST")
    ca_file: str = setting("file with the certificate that signed its own; empty: those of the system", default="")
    timeout_s: float = setting("give up on one attempt after", unit="s", key="timeout", low=0.5, high=60, default=10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HubConfig:
    """A hub's file (`hub.yaml`)."""

    name: str = setting("name of this hub", default="hub")
    listen: str = setting(
        "address and port of the write and state API; off loopback it speaks TLS only", default="127.0.0.1:8443"
    )
    server_names: tuple[str, ...] = setting(
        "names and addresses agents reach it by (go into its certificate)",
        filled=True,
        default=("localhost", "127.0.0.1", "::1"),
    )
    state_dir: str = setting(
        "folder for segments, store, incidents, trust and the local socket", default="/var/lib/netmon/hub"
    )
    socket: str = setting(
        "local socket for the console and commands on this machine; empty: STATE_DIR/hub.sock",
        unit="path",
        default="",
    )
    inventory: str = setting("inventory file, relative to this file", unit="path", default="inventory.yaml")
    rules: str = setting("rules file, relative to this file; empty: the rules netmon ships", unit="path", default="")
    lang: str = setting("language of pages' summaries", choices=("vi", "en"), default="vi")
    settle_s: float = setting(
        "time for evidence to arrive before an incident opens", unit="s", key="settle", low=0, high=60, default=1.0
    )
    ack_for_s: float = setting(
        "an incident somebody took in hand is in nobody's again after so long, when they said no time; 0: it stays",
        unit="s",
        key="ack_for",
        low=0,
        high=30 * 86400,
        default=0.0,
    )
    retention_s: float = setting(
        "how long points are kept in the embedded store", unit="s", key="retention", low=3600, default=30 * 86400.0
    )
    quota_bytes: int = setting(
        "most disk the segments may take; the oldest goes first",
        unit="B",
        key="quota",
        low=1_000_000,
        default=4_000_000_000,
    )
    seal_every_s: float = setting(
        "time between two seals into Parquet", unit="s", key="seal_every", low=1, high=86400, default=600.0
    )
    leases: LeasesConfig = setting("how much heavy tests may do to links", default=LeasesConfig())
    conferences: ConferencesConfig = setting("how conferences are rehearsed", default=ConferencesConfig())
    sinks: tuple[SinkConfig, ...] = setting("databases that get a copy of every point", default=())
    receivers: tuple[ReceiverConfig, ...] = setting("who gets pages", default=())
    heartbeat: HeartbeatConfig = setting(
        "a watcher outside that calls people when the hub is silent", default=HeartbeatConfig()
    )
    people: tuple[PersonConfig, ...] = setting("who may be on duty, for receivers with a rota", default=())
    mcus: tuple[McuConfig, ...] = setting("management interfaces of MCUs, for `netmon conference legs`", default=())
