"""What a hub's file says of somebody who gets pages."""

from __future__ import annotations

from dataclasses import dataclass

from probes.settings import setting

KINDS = (
    "webhook", "pagerduty", "alertmanager", "telegram", "zalo", "slack", "teams", "sms", "mail", "syslog", "apprise",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonConfig:
    """Somebody who may be on duty."""

    name: str = setting("name of the person, unique")
    phone: str = setting("number for short messages", default="")
    mail: str = setting("address of mail", default="")
    chat: str = setting("id of the chat with the bot (telegram, zalo)", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverConfig:
    """Somebody who gets pages. Which kinds read which keys: docs/channels.md."""

    name: str = setting("name of the receiver, unique")
    kind: str = setting("the way pages go", choices=KINDS, default="webhook")
    url: str = setting(
        "address pages are sent to; of pagerduty, telegram and zalo only where it is not the maker's own", default=""
    )
    secret_file: str = setting(
        "file with the signing secret (`whsec_…` or plain text), key, token or password; of slack and teams with the address",
        default="",
        secret=True,
    )
    severities: tuple[str, ...] = setting(
        "severities it wants", choices=("critical", "warning", "info"), filled=True, default=("critical", "warning")
    )
    owners: tuple[str, ...] = setting("owners whose elements it wants; empty: all", default=())
    carriers: tuple[str, ...] = setting("carriers whose links it wants; empty: all", default=())
    elements: tuple[str, ...] = setting(
        "elements (or patterns, as link:p79-*) it wants, with what is behind them; empty: all", default=()
    )
    provinces: tuple[str, ...] = setting(
        "codes of provinces it wants: what is in them, and what they hang on; empty: all", default=()
    )
    hours: str = setting(
        "when it takes pages: always, in office hours of Viet Nam, or off them (nights, weekends, holidays)",
        choices=("always", "office", "off"),
        default="always",
    )
    after_s: float = setting(
        "it is told only when nobody acknowledged the incident for so long",
        unit="s",
        key="after",
        low=0,
        high=7 * 86400,
        default=0.0,
    )
    repeat_s: float = setting(
        "told again so often until somebody acknowledges; 0: once",
        unit="s",
        key="repeat",
        low=0,
        high=7 * 86400,
        default=0.0,
    )
    hands: bool = setting("it is told, too, who took an incident in hand and to whom a task was given", default=False)
    budget: int = setting(
        "pages an hour it wants; more, but for root causes, come as one digest each quarter of an hour; 0: all",
        low=0,
        high=1000,
        default=0,
    )
    test_at: str = setting(
        "each day at this time of Viet Nam a test page tries whether it comes through, as 08:00", default=""
    )
    rota: tuple[str, ...] = setting(
        "people (of `people`) who take turns, a week each from Monday 08:00 in Viet Nam: messages go to who is on duty",
        default=(),
    )
    rota_from: str = setting("a day of the week in which the first of the rota is on duty, as 2026-11-30", default="")
    to: tuple[str, ...] = setting("whom a message is for: addresses of mail, numbers of phones, one chat", default=())
    sender: str = setting("address mail comes from, or the name a short message shows", key="from", default="")
    user: str = setting("user (mail; alertmanager behind a password)", default="")
    tls: str = setting(
        "mail: starttls needs it, none does without (with smtps:// it is there from the start)",
        choices=("starttls", "none"),
        default="starttls",
    )
    ca_file: str = setting(
        "file with the certificate that signed the receiver's; empty: those of the system", default=""
    )
    facility: int = setting("syslog: facility (RFC 5424 §6.2.1)", low=0, high=23, default=16)
    method: str = setting("sms: method of the gateway's request", choices=("POST", "GET", "PUT"), default="POST")
    content_type: str = setting("sms: type of the gateway's request", default="application/json")
    template: str = setting(
        "sms: body of the gateway's request, with gaps {to} {text} {sender} {id} {secret} (the url may have them, too)",
        key="body",
        default="",
    )
    accepted: str = setting(
        "sms: a text the gateway's answer has when it took the message; empty: 2xx is enough", default=""
    )
    max_parts: int = setting("sms: parts of one message at most", low=1, high=10, default=3)
    lang: str = setting("language of its messages; empty: the hub's", choices=("", "vi", "en"), default="")
    unix_socket: str = setting("webhook: reach the address through this Unix socket", default="")
    timeout_s: float = setting("give up on one attempt after", unit="s", key="timeout", low=0.5, high=60, default=10.0)
