"""What an agent's file says. The declaration is all there is: decoding, samples, schema and docs are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from probes.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckConfig:
    """One check. The kind's own settings stand beside these keys and are decoded into `settings`."""

    check: str = setting("name of the check, unique on this agent; links and owners are looked up by it")
    kind: str = setting("probe kind: ping, stamp, tcp, sip … (docs/probes has them all)")
    target: str = setting("what is measured: address, name, or host:port", default="")
    every_s: float = setting(
        "time between packets (ping, stamp) or between measurements; without it the kind's own",
        unit="s",
        key="every",
        low=0.001,
        high=604800,
        default=0.0,
    )
    about: str = setting(
        "what a failure speaks about in `netmon status`",
        choices=("link", "upstream", "service", "self"),
        default="link",
    )
    run_when: tuple[str, ...] = setting(
        "checks whose first failure runs this one at once; without it a path follows all checks of the same host",
        default=(),
    )
    also: tuple[str, ...] = setting(
        "values sent beside the kind's default ones (docs/probes names them all)", default=()
    )
    settings: Any = setting("settings of the probe kind", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationConfig:
    """Where points go. Each destination has its own cursor on the one spool."""

    name: str = setting("name of the destination, unique")
    url: str = setting("base address, as https://hub.example:8443 or https://influx.example:8086")
    kind: str = setting("how it is written to", choices=("hub", "influxdb", "influxdb1"), default="hub")
    token_file: str = setting("file with the token (hub, influxdb)", default="", secret=True)
    ca_file: str = setting("certificate authority to trust, and no other", default="")
    org: str = setting("organisation (influxdb 2)", default="-")
    bucket: str = setting("bucket (influxdb 2)", default="netmon")
    database: str = setting("database (influxdb1)", default="netmon")
    user: str = setting("user (influxdb1)", default="")
    password_file: str = setting("file with the password (influxdb1)", default="", secret=True)
    timeout_s: float = setting("give up on one request after", unit="s", key="timeout", low=0.5, high=120, default=10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolConfig:
    """The durable queue between measuring and sending."""

    quota_bytes: int = setting(
        "most disk the spool may take; the oldest goes first", unit="B", key="quota", low=65536, default=256_000_000
    )
    segment_bytes: int = setting("size of one segment file", unit="B", key="segment", low=4096, default=1_000_000)
    backlog_bps: int = setting(
        "most the backlog may send, live points not counted",
        unit="bps",
        key="backlog_rate",
        low=1000,
        default=2_000_000,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeavyConfig:
    """What heavy checks may do while no hub can be asked for a lease."""

    bytes_per_day: int = setting(
        "what they may send in a day of Viet Nam, both ways together; 0: nothing without a hub",
        unit="B",
        low=0,
        default=100_000_000,
    )
    at_once: int = setting("how many of them may run at one time", low=1, high=16, default=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactConfig:
    """Whom to call about one part."""

    about: str = setting("the part", choices=("link", "upstream", "service", "self"))
    who: str = setting("person or desk")
    phone: str = setting("telephone number", default="")
    circuit: str = setting("circuit id to quote", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrapsConfig:
    """SNMP traps of the devices this agent's `snmp` checks look at."""

    listen: str = setting("address and port traps come to, as 0.0.0.0:1162; empty: none are heard", default="")
    community_file: str = setting("v2c: file with the community of those that are heard", default="", secret=True)
    user: str = setting("v3: user of those that are heard", default="")
    auth: str = setting(
        "v3: how it authenticates",
        choices=("none", "md5", "sha", "sha224", "sha256", "sha384", "sha512"),
        default="sha256",
    )
    auth_password_file: str = setting("v3: file with the authentication password", default="", secret=True)
    priv: str = setting("v3: how it encrypts", choices=("none", "des", "aes", "aes192", "aes256"), default="aes")
    priv_password_file: str = setting("v3: file with the privacy password", default="", secret=True)
    engines: tuple[str, ...] = setting("v3: engine ids, in hex, of the devices whose traps are heard", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class LastResortConfig:
    """Whom the agent itself tells when no hub among its destinations answers."""

    url: str = setting("address of the webhook it is told to; empty: nobody", default="")
    secret_file: str = setting("file with the signing secret (`whsec_…` or plain text)", default="", secret=True)
    silent_s: float = setting(
        "hubs are silent for so long before it tells; each agent adds a part of a minute of its own",
        unit="s",
        key="silent",
        low=10,
        high=1800,
        default=60.0,
    )
    ca_file: str = setting("file with the certificate that signed its own; empty: those of the system", default="")
    timeout_s: float = setting("give up on one attempt after", unit="s", key="timeout", low=0.5, high=60, default=10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """An agent's file (`agent.yaml`)."""

    agent: str = setting("name of this agent, unique in the network")
    site: str = setting("id of the site it stands in")
    commune: str = setting("commune code, five digits; - at a site that is no commune", default="-")
    province: str = setting("province code, two digits", default="-")
    state_dir: str = setting("folder for the spool and the status socket", default="/var/lib/netmon/agent")
    flush_every_s: float = setting(
        "time between two sends", unit="s", key="flush_every", low=0.2, high=300, default=10.0
    )
    proof_every_s: float = setting(
        "time between two proofs of the agent's own floor (ten packets to itself)",
        unit="s",
        key="proof_every",
        low=1,
        high=3600,
        default=60.0,
    )
    lang: str = setting("language of `netmon status`", choices=("vi", "en"), default="vi")
    spool: SpoolConfig = setting("the spool", default=SpoolConfig())
    heavy: HeavyConfig = setting("what heavy checks may do while no hub can be asked", default=HeavyConfig())
    traps: TrapsConfig = setting("SNMP traps", default=TrapsConfig())
    last_resort: LastResortConfig = setting("who is told when no hub answers", default=LastResortConfig())
    contacts: tuple[ContactConfig, ...] = setting("whom to call", default=())
    destinations: tuple[DestinationConfig, ...] = setting("where points go")
    checks: tuple[CheckConfig, ...] = setting("what is measured")
