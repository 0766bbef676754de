"""Pages as messages of a Zalo bot (Zalo Bot Platform). Pure."""

from __future__ import annotations

from alerts.notify.chat import bot
from alerts.notify.notice import Destination, Notice, Request
from alerts.notify.said import message

URL = "https://bot-api.zaloplatforms.com"
MAX_UNITS = 2000
read = bot.read


def request(notice: Notice, to: Destination, at_s: float) -> Request:
    """A message to the chat `to[0]`."""
    return bot.send_message(URL, to, {"chat_id": to.to[0], "text": message(notice, to.lang, MAX_UNITS)})
