"""The way by apprise, whether it is installed or not: a stand-in of its three calls."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from pages import notice

from alerts.notify import channels
from alerts.notify.notice import Destination
from alerts.notify.senders.http import post
from alerts.notify.webhook import Delivery

TO = Destination(secret="json://one.example\nmailto://two.example")


class Service:
    """What `apprise.Apprise` is asked for."""

    known = ("json", "mailto")
    takes = True
    told: list[dict[str, Any]] = []

    def __init__(self) -> None:
        self.addresses = list[str]()

    def add(self, address: str) -> bool:
        self.addresses.append(address)
        return address.partition(":")[0] in self.known

    def notify(self, **words: Any) -> bool:
        self.told.append(words | {"to": self.addresses})
        return self.takes


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> type[Service]:
    module: Any = ModuleType("apprise")
    module.Apprise = Service
    monkeypatch.setitem(sys.modules, "apprise", module)
    monkeypatch.setattr(Service, "told", [])
    return Service


def deliver(status: str = "firing", to: Destination = TO) -> Delivery:
    return channels.deliver("apprise", notice(status), to, 0.0, post)


def test_all_addresses_get_it(service: type[Service]) -> None:
    assert deliver().status == deliver("resolved").status == 200
    first, last = service.told
    assert first["to"] == ["json://one.example", "mailto://two.example"]
    assert "MẤT KẾT NỐI" in first["title"] and "Mã sự cố: 0123456789ab" in first["body"]
    assert (first["notify_type"], last["notify_type"]) == ("failure", "success")


def test_what_apprise_cannot_do_waits(service: type[Service], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "cannot read an address" in deliver(to=Destination(secret="nonsense://x")).trouble
    monkeypatch.setattr(service, "takes", False)
    assert deliver().status == 0


def test_without_apprise_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert "pip install" in deliver().trouble
