"""What MCUs report, from documents written after their makers' guides; and from documents nobody should send."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcuserver import CMS_PAGES, GOLDEN, PARTICIPANT, PEXIP_PAGES

from netmon.conference.mcu import cms, pexip
from netmon.conference.mcu.base import BWD, FWD, Leg, McuAdapter, McuTrouble, number, percent
from netmon.conference.mcu.cms import Cms
from netmon.conference.mcu.pexip import Pexip

KINDS: list[tuple[McuAdapter, dict[str, str]]] = [(Cms(), CMS_PAGES), (Pexip(), PEXIP_PAGES)]


def polled(adapter: McuAdapter, pages: dict[str, str]) -> tuple[list[Leg], list[str]]:
    asked: list[str] = []

    def get(path: str) -> bytes | None:
        asked.append(path)
        return (GOLDEN / pages[path]).read_bytes() if path in pages else None

    return adapter.poll(get), asked


@pytest.mark.parametrize(("adapter", "pages"), KINDS)
def test_a_call_is_told_by_the_rooms_directions(adapter: McuAdapter, pages: dict[str, str]) -> None:
    leg = polled(adapter, pages)[0][0]
    assert leg.state == "connected" and leg.name and leg.conference in ("Hội nghị trực tuyến", "Giao ban")
    assert (leg.loss_percent(FWD), leg.jitter_ms(FWD), leg.resolution(FWD)) == (2.5, 11.0, "1280x720")
    assert (leg.jitter_ms(BWD), leg.resolution(BWD)) == (4.0, "1920x1080")
    assert leg.media == ("audio", "video", "presentation")


def test_a_cms_leg_has_rates_in_bits_and_its_longest_round_trip() -> None:
    leg = polled(Cms(), CMS_PAGES)[0][0]
    assert (leg.rate_bps(FWD), leg.rate_bps(BWD), leg.rtt_ms) == (1_514_000, 2_364_000, 71.0)
    assert leg.loss_percent(BWD) == 0.4 and leg.names[0] == "room@10.98.0.1"


def test_a_pexip_leg_has_rates_in_bits_the_loss_of_now_and_no_round_trip() -> None:
    leg = polled(Pexip(), PEXIP_PAGES)[0][0]
    assert (leg.rate_bps(FWD), leg.rate_bps(BWD), leg.rtt_ms) == (1_814_000, 2_063_000, None)
    shared = next(one for one in leg.way(FWD) if one.media == "presentation")
    assert shared.loss_percent == 0.0 and leg.loss_percent(BWD) == 0.1


def test_what_pexip_was_dialled_by_is_not_the_far_end() -> None:
    out, incoming, _ = polled(Pexip(), PEXIP_PAGES)[0]
    assert (
        "sip:room@10.98.0.1" in out.names and "giaoban@mcu.example" not in incoming.names and "2002" in incoming.names
    )


@pytest.mark.parametrize(("adapter", "pages"), KINDS)
def test_all_pages_are_asked_for_and_each_call_once(adapter: McuAdapter, pages: dict[str, str]) -> None:
    legs, asked = polled(adapter, pages)
    details = [path for path in asked if "?" not in path]
    assert set(pages) <= set(asked) and len(details) == len(set(details)) and adapter.complete
    assert len(legs) == (2 if pages is CMS_PAGES else 3)  # a CMS leg that hung up meanwhile is gone


@pytest.mark.parametrize(("adapter", "pages"), KINDS)
def test_a_call_without_media_has_no_numbers(adapter: McuAdapter, pages: dict[str, str]) -> None:
    leg = polled(adapter, pages)[0][1]
    values = (leg.loss_percent(FWD), leg.loss_percent(BWD), leg.rate_bps(FWD), leg.rtt_ms, leg.jitter_ms(FWD))
    assert values == (None,) * 5 and leg.media == () and leg.resolution(FWD) == ""


class Changing:
    """An MCU whose calls end and begin while its list is read. `change`: called before each page but the first."""

    def __init__(self, many: int, change: Callable[[Changing], object]) -> None:
        self.rooms = [f"{number:04d}" for number in range(many)]
        self.change, self.pages = change, 0

    def _page(self, at: int, most: int) -> list[str]:
        self.pages += 1
        if self.pages > 1:
            self.change(self)
        return self.rooms[at : at + most]

    def cms(self, path: str) -> bytes | None:
        if path.startswith("/api/v1/calls?"):
            return b'<calls total="0"></calls>'
        if "?" not in path:
            name = path.rpartition("/")[2]
            return f'<callLeg id="{name}"><name>{name}</name></callLeg>'.encode() if name in self.rooms else None
        at, most = (int(word.partition("=")[2]) for word in path.partition("?")[2].split("&"))
        rows = "".join(f'<callLeg id="{name}"/>' for name in self._page(at, min(most, 20)))
        return f'<callLegs total="{len(self.rooms)}">{rows}</callLegs>'.encode()

    def pexip(self, path: str) -> bytes | None:
        if "media_stream" in path:
            name = path.split("/")[-3]
            streams = [{"id": "0", "type": "audio", "rx_bitrate": 64}] if name in self.rooms else []
            return json.dumps({"meta": {"next": None}, "objects": streams}).encode()
        at = int(path.partition("offset=")[2] or 0)
        rows = [{"id": name, "display_name": name} for name in self._page(at, 20)]
        following = f"{PARTICIPANT}?limit=20&offset={at + 20}" if at + 20 < len(self.rooms) else None
        return json.dumps({"meta": {"next": following}, "objects": rows}).encode()


def hang_up_once(mcu: Changing) -> None:
    if mcu.pages in (2, 3):
        del mcu.rooms[0]


@pytest.mark.parametrize("kind", ["cms", "pexip"])
def test_a_call_that_ends_between_two_pages_hides_no_other(kind: str) -> None:
    mcu = Changing(65, hang_up_once)
    adapter: McuAdapter = Cms() if kind == "cms" else Pexip()
    legs = adapter.poll(getattr(mcu, kind))
    assert sorted(leg.id for leg in legs) == mcu.rooms and adapter.complete


@pytest.mark.parametrize("kind", ["cms", "pexip"])
def test_a_list_that_never_comes_to_rest_is_told_as_incomplete(kind: str) -> None:
    mcu = Changing(65, lambda mcu: mcu.rooms.insert(0, f"new{mcu.pages}"))
    adapter: McuAdapter = Cms() if kind == "cms" else Pexip()
    legs = adapter.poll(getattr(mcu, kind))
    assert len(legs) >= 65 and not adapter.complete and mcu.pages < 40


@pytest.mark.parametrize("kind", ["cms", "pexip"])
def test_whoever_stays_is_seen_or_the_list_is_told_as_incomplete(kind: str) -> None:
    for seed in range(150):
        chance = random.Random(seed)  # noqa: S311
        stays = {f"{number:04d}" for number in range(41)}

        def change(mcu: Changing, chance: random.Random = chance, stays: set[str] = stays) -> None:
            if chance.random() < 0.4:
                stays.discard(mcu.rooms.pop(chance.choice([0, 19])))
            elif chance.random() < 0.3:
                mcu.rooms.insert(0, mcu.rooms.pop(20))

        mcu = Changing(41, change)
        adapter: McuAdapter = Cms() if kind == "cms" else Pexip()
        seen = {leg.id for leg in adapter.poll(getattr(mcu, kind))}
        assert not adapter.complete or stays <= seen, seed


@pytest.mark.parametrize("kind", ["cms", "pexip"])
def test_a_list_of_one_page_is_read_once(kind: str) -> None:
    mcu = Changing(15, lambda mcu: None)
    adapter: McuAdapter = Cms() if kind == "cms" else Pexip()
    assert len(adapter.poll(getattr(mcu, kind))) == 15 and mcu.pages == 1 and adapter.complete


@pytest.mark.parametrize("total", ["", ' total=""', ' total="many"'])
def test_a_list_that_does_not_say_how_long_it_is_is_read_to_its_end(total: str) -> None:
    mcu = Changing(45, lambda mcu: None)
    adapter = Cms()
    legs = adapter.poll(lambda path: (mcu.cms(path) or b"").replace(b' total="45"', total.encode()))
    assert len(legs) == 45 and adapter.complete


def test_a_list_that_ends_before_it_said_it_would_may_miss_somebody() -> None:
    mcu, adapter = Changing(45, lambda mcu: None), Cms()
    legs = adapter.poll(lambda path: (mcu.cms(path) or b"").replace(b' total="45"', b' total="60"'))
    assert len(legs) == 45 and not adapter.complete


def test_a_list_that_never_ends_is_left() -> None:
    row = {"id": "x", "display_name": "a"}

    def endless(path: str) -> bytes:
        if "media_stream" in path:
            return b'{"objects": []}'
        at = int(path.rpartition("=")[2] or 0)
        return json.dumps({"meta": {"next": f"{PARTICIPANT}?offset={at + 1}"}, "objects": [row] * 1000}).encode()

    assert len(Pexip().poll(endless)) <= 6000

    def same(path: str) -> bytes:
        return json.dumps({"meta": {"next": path}, "objects": []}).encode()

    assert Pexip().poll(same) == []


@pytest.mark.parametrize(
    "following", ["https://evil.example/", "//evil.example/x", "/etc/passwd", f"{PARTICIPANT}../x/"]
)
def test_a_list_that_goes_on_elsewhere_is_not_followed(following: str) -> None:
    page = json.dumps({"meta": {"next": following}, "objects": []}).encode()
    asked: list[str] = []
    with pytest.raises(McuTrouble, match="not followed"):
        Pexip().poll(lambda path: asked.append(path) or page)  # type: ignore[func-returns-value]
    assert len(asked) == 1


@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b"{}", b'{"objects": 1}', b"\xff", b"[" * 100_000])
def test_a_document_that_is_none_of_theirs_is_trouble(data: bytes) -> None:
    for adapter, _ in KINDS:
        with pytest.raises(McuTrouble):
            adapter.poll(lambda path: data)


@pytest.mark.parametrize(("adapter", "pages"), KINDS)
def test_another_server_is_told_as_one(adapter: McuAdapter, pages: dict[str, str]) -> None:
    with pytest.raises(McuTrouble, match="is it a"):
        adapter.poll(lambda path: None)


def test_xml_entities_are_refused() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><callLeg id="1"><name>&a;</name></callLeg>'
    with pytest.raises(McuTrouble, match="no XML"):
        cms.leg(bomb, {})


@pytest.mark.parametrize("value", [None, "", "x", "-1", -0.5, "nan", "inf", True, [], {}, "1" * 50, 10**400])
def test_what_is_no_number_is_absent(value: object) -> None:
    assert number(value) is None and percent(value) is None


def test_more_than_all_packets_cannot_be_lost() -> None:
    assert percent(100.5) is None and percent("100") == 100.0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["meta", "next", "objects", "id", "type", "rx_bitrate", "rx_packet_loss", "has_media", "end_time"]), inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip


def understood(poll: Callable[[], object]) -> None:
    """Whatever else is raised fails the test."""
    with contextlib.suppress(McuTrouble):
        assert poll() is not None


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), JSON)
def test_any_document_is_legs_or_trouble(data: bytes, plain: object) -> None:
    text = json.dumps(plain).encode()
    objects = json.dumps({"meta": plain, "objects": [plain]}).encode()
    for document in (data, text, objects):
        for adapter, _ in KINDS:
            understood(lambda adapter=adapter, document=document: adapter.poll(lambda path: document))
        understood(lambda document=document: pexip.page(document))
        understood(lambda document=document: cms.leg(document, {}))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["cms-leg-1.xml", "cms-legs-0.xml", "cms-calls.xml"]), st.data())
def test_any_damage_to_a_cms_document_is_legs_or_trouble(name: str, draw: st.DataObject) -> None:
    whole = (GOLDEN / name).read_bytes()
    at = draw.draw(st.integers(0, len(whole)))
    broken = whole[:at] + draw.draw(st.binary(max_size=12)) + whole[at + draw.draw(st.integers(0, 12)) :]
    understood(lambda: cms.leg(broken, {}))
    understood(lambda: Cms().poll(lambda path: broken))
