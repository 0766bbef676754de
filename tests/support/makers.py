"""What the makers of on-call services say their requests look like, and whether one does. Transcribed from: PagerDuty "Send an Event"
(Events API v2), Alertmanager `api/v2/openapi.yaml` (`postableAlerts`), Telegram Bot API 8 (`sendMessage`), Zalo Bot Platform
(`sendMessage`), Slack "Incoming webhooks" and Block Kit's section, Teams "Workflows" with Adaptive Cards 1.4."""

from __future__ import annotations

import re
from typing import Any

_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
_TEXTS = {"type": dict, "values": {"type": str}}
_BLOCK = {
    "type": dict,
    "required": ("type", "text"),
    "keys": {
        "type": {"type": str, "of": ("section",)},
        "text": {
            "type": dict,
            "required": ("type", "text"),
            "keys": {
                "type": {"type": str, "of": ("mrkdwn", "plain_text")},
                "text": {"type": str, "min": 1, "max": 3000},
            },
        },
    },
}
_FACT = {"type": dict, "required": ("title", "value"), "keys": {"title": {"type": str}, "value": {"type": str}}}
_CARD = {
    "type": dict,
    "required": ("type", "version", "body"),
    "keys": {
        "$schema": {"type": str},
        "type": {"type": str, "of": ("AdaptiveCard",)},
        "version": {"type": str, "of": ("1.4",)},
        "msteams": {"type": dict, "keys": {"width": {"type": str, "of": ("Full",)}}},
        "body": {
            "type": list,
            "items": {
                "type": dict,
                "required": ("type",),
                "keys": {
                    "type": {"type": str, "of": ("TextBlock", "FactSet")},
                    "text": {"type": str, "min": 1},
                    "wrap": {"type": bool},
                    "weight": {"type": str, "of": ("default", "lighter", "bolder")},
                    "color": {
                        "type": str,
                        "of": ("default", "dark", "light", "accent", "good", "warning", "attention"),
                    },
                    "facts": {"type": list, "items": _FACT},
                },
            },
        },
    },
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "pagerduty": {
        "type": dict,
        "required": ("routing_key", "event_action"),
        "keys": {
            "routing_key": {"type": str, "min": 32, "max": 32},
            "event_action": {"type": str, "of": ("trigger", "acknowledge", "resolve")},
            "dedup_key": {"type": str, "max": 255},
            "client": {"type": str},
            "client_url": {"type": str},
            "payload": {
                "type": dict,
                "required": ("summary", "source", "severity"),
                "keys": {
                    "summary": {"type": str, "min": 1, "max": 1024},
                    "source": {"type": str, "min": 1},
                    "severity": {"type": str, "of": ("critical", "error", "warning", "info")},
                    "timestamp": {"type": str, "like": _TIME},
                    "component": {"type": str},
                    "group": {"type": str},
                    "class": {"type": str},
                    "custom_details": {"type": dict, "values": {}},
                },
            },
        },
    },
    "alertmanager": {
        "type": list,
        "items": {
            "type": dict,
            "required": ("labels",),
            "keys": {
                "labels": _TEXTS,
                "annotations": _TEXTS,
                "startsAt": {"type": str, "like": _TIME},
                "endsAt": {"type": str, "like": _TIME},
                "generatorURL": {"type": str, "min": 1},
            },
        },
    },
    "telegram": {
        "type": dict,
        "required": ("chat_id", "text"),
        "keys": {
            "chat_id": {"type": str, "min": 1},
            "message_thread_id": {"type": int},
            "text": {"type": str, "min": 1, "max": 4096},
            "disable_notification": {"type": bool},
            "link_preview_options": {"type": dict, "keys": {"is_disabled": {"type": bool}}},
        },
    },
    "zalo": {
        "type": dict,
        "required": ("chat_id", "text"),
        "keys": {"chat_id": {"type": str, "min": 1}, "text": {"type": str, "min": 1, "max": 2000}},
    },
    "slack": {
        "type": dict,
        "required": ("text",),
        "keys": {"text": {"type": str, "min": 1}, "blocks": {"type": list, "items": _BLOCK}},
    },
    "teams": {
        "type": dict,
        "required": ("type", "attachments"),
        "keys": {
            "type": {"type": str, "of": ("message",)},
            "attachments": {
                "type": list,
                "items": {
                    "type": dict,
                    "required": ("contentType", "content"),
                    "keys": {
                        "contentType": {"type": str, "of": ("application/vnd.microsoft.card.adaptive",)},
                        "contentUrl": {},
                        "content": _CARD,
                    },
                },
            },
        },
    },
}


def misfits(value: Any, schema: dict[str, Any], where: str = "$") -> list[str]:
    """What of a value is not as its schema says; keys it does not know are none of the maker's."""
    if not schema:
        return []
    if type(value) is not schema["type"]:
        return [f"{where}: {value!r} is no {schema['type'].__name__}"]
    if isinstance(value, str):
        return [
            f"{where}: {value!r}: {rule}" for rule in ("of", "min", "max", "like") if not _fits(value, schema, rule)
        ]
    if isinstance(value, list):
        return [
            fault for number, row in enumerate(value) for fault in misfits(row, schema["items"], f"{where}[{number}]")
        ]
    if not isinstance(value, dict):
        return []
    faults = [f"{where}.{key} is missing" for key in schema.get("required", ()) if key not in value]
    for key, row in value.items():
        inner = schema["values"] if "values" in schema else schema["keys"].get(key)
        faults += [f"{where}.{key} is unknown"] if inner is None else misfits(row, inner, f"{where}.{key}")
    return faults


def _fits(text: str, schema: dict[str, Any], rule: str) -> bool:
    if rule not in schema:
        return True
    wanted = schema[rule]
    checks = {
        "of": lambda: text in wanted,
        "min": lambda: len(text) >= wanted,
        "max": lambda: len(text) <= wanted,
        "like": lambda: re.fullmatch(wanted, text) is not None,
    }
    return bool(checks[rule]())
