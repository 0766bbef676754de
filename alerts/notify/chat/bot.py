"""Bots of Telegram and of Zalo: `POST /botTOKEN/sendMessage`, and an answer that says in JSON whether it is good. Pure.

Sources: core.telegram.org/bots/api#sendmessage (4,096 characters; `parameters.retry_after`); bot.zaloplatforms.com/docs
(2,000 characters; a fault may come with HTTP 200 and `ok: false`).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from alerts.notify.notice import Destination, Request, json_request
from alerts.notify.webhook import Delivery


def send_message(base: str, to: Destination, message: dict[str, Any]) -> Request:
    """A request of the bot whose token is the secret."""
    return json_request(f"{(to.url or base).rstrip('/')}/bot{to.secret}/sendMessage", message)


def read(answer: Delivery, to: Destination) -> Delivery:
    """What the JSON says, over what the status says."""
    try:
        content = json.loads(answer.body)
        if content["ok"] is True:
            return answer
        parameters = content.get("parameters") or {}
        code = content.get("error_code")
        why = f"{code}: {str(content.get('description', ''))[:200]}"
    except (ValueError, TypeError, KeyError, AttributeError):
        return (
            replace(answer, status=502, trouble="answered no JSON of a bot") if 200 <= answer.status < 300 else answer
        )
    wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
    status = code if isinstance(code, int) and 300 <= code < 600 else 502
    return replace(answer, status=status, trouble=why, retry_after=str(wait) if wait else answer.retry_after)
