"""Pages as messages of a Telegram bot. Pure."""

from __future__ import annotations

from typing import Any

from alerts.notify.chat import bot
from alerts.notify.notice import Destination, Notice, Request
from alerts.notify.said import message

URL = "https://api.telegram.org"
MAX_UNITS = 4096  # of UTF-16
read = bot.read


def request(notice: Notice, to: Destination, at_s: float) -> Request:
    """A message to the chat `to[0]` (`ID`, or `ID/TOPIC` for one topic of a group); the end of something makes no sound."""
    chat, _, topic = to.to[0].partition("/")
    content: dict[str, Any] = {"chat_id": chat, "text": message(notice, to.lang, MAX_UNITS)}
    if topic:
        content["message_thread_id"] = int(topic)
    content |= {"disable_notification": notice.is_over, "link_preview_options": {"is_disabled": True}}
    return bot.send_message(URL, to, content)
