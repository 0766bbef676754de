"""Every reason the codec knows has words in both languages, and what has none does not fail."""

from __future__ import annotations

import pytest

from probes import causes
from probes.wire.h323 import types
from probes.wire.h323.call import _ELSEWHERE


def names(choice: object) -> set[str]:
    return set(choice._number)  # type: ignore[attr-defined]


def test_every_reason_of_the_codec_has_words_and_no_other() -> None:
    assert names(types.RELEASE_REASON) == set(causes.RELEASES)
    assert names(types.GRJ_REASON) == set(causes.GATEKEEPER_REJECTS)
    assert names(types.LRJ_REASON) == set(causes.LOCATION_REJECTS)
    assert set(_ELSEWHERE) == set(causes.FACILITIES)


@pytest.mark.parametrize(
    "table",
    [
        causes.CAUSES,
        causes.RELEASES,
        causes.GATEKEEPER_REJECTS,
        causes.LOCATION_REJECTS,
        causes.FACILITIES,
    ],
)
def test_words_are_there_in_both_languages_and_printable(table: dict[object, tuple[str, str]]) -> None:
    for english, vietnamese in table.values():
        assert english and vietnamese and english != vietnamese
        assert english.isascii() and english.isprintable() and vietnamese.isprintable()


def test_the_caller_chooses_the_language() -> None:
    assert causes.cause(17) == "the room is busy" and causes.cause(17, "vi") == "phòng họp đang bận"
    assert causes.release("inConf", "vi") != causes.release("inConf")
    assert causes.rejected("locationReject", "requestDenied") == "it knows no such room"
    assert causes.rejected("gatekeeperReject", "terminalExcluded", "vi") == "không phục vụ máy này"
    assert causes.facility("callForwarded") == "call another place instead"


def test_what_has_no_words_says_so() -> None:
    assert causes.cause(126) == causes.release("extension 44") == causes.facility("") == "no words for it"
