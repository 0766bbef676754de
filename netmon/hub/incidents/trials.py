"""Pages that only try whether pages come through: on demand, and each day at a time of the receiver's choice."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from alerts.notify import webhook
from netmon import zone
from netmon.config.hub import HubConfig
from netmon.config.receiver import ReceiverConfig
from netmon.hub.outbox_table import NewPage

STATUS = "test"
_TEXTS = {
    "vi": "TIN THỬ từ trung tâm {hub}: không có sự cố, chỉ thử đường báo tin lúc {at}",
    "en": "TEST from hub {hub}: nothing is wrong, pages are tried at {at}",
}


class Trials:
    """Which test pages are due. Whoever calls holds the board's lock."""

    def __init__(self, config: HubConfig) -> None:
        self._config = config
        self._looked_s: float | None = None

    def due(self, now_s: float) -> list[NewPage]:
        """Test pages whose time of day has come since the last call."""
        before_s, self._looked_s = self._looked_s, now_s
        daily = [receiver for receiver in self._config.receivers if receiver.test_at]
        if before_s is None or not daily:
            return []
        before, now = (datetime.fromtimestamp(at_s, zone.VIET_NAM) for at_s in (before_s, now_s))
        return [
            self._page(receiver, f"test-{now:%Y-%m-%d}-{receiver.name}", now_s)
            for receiver in daily
            if _has_come(receiver.test_at, before, now)
        ]

    def wanted(self, names: Collection[str], now_s: float) -> list[NewPage]:
        """A test page for each of these receivers, or for all when none is named. `KeyError` for one nobody knows."""
        known = {receiver.name: receiver for receiver in self._config.receivers}
        receivers: Sequence[ReceiverConfig] = [known[name] for name in names] or list(known.values())
        return [self._page(receiver, f"test-{int(now_s * 1000)}-{receiver.name}", now_s) for receiver in receivers]

    def _page(self, receiver: ReceiverConfig, key: str, now_s: float) -> NewPage:
        words = {"hub": self._config.name, "at": zone.moment(now_s, zone.MINUTES)}
        texts = {lang: text.format(**words) for lang, text in _TEXTS.items()}
        raw = webhook.own_page(
            key,
            "test",
            "info",
            texts,
            {"test": True},
            int(now_s * 1000),
            receiver.name,
            self._config.name,
            self._config.lang,
        )
        return NewPage(webhook.page_id(key, receiver.name, STATUS), key, receiver.name, STATUS, raw)


def _has_come(test_at: str, before: datetime, now: datetime) -> bool:
    hour, _, minute = test_at.partition(":")
    at = now.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    return before < at <= now
