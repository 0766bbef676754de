"""Every reason the codec knows has words in both languages, and what has none does not fail."""

from __future__ import annotations

import pytest

from probes import causes as h323words
from probes.wire.h323 import types as h225types
from probes.wire.h323.call import _ELSEWHERE


def names(choice: object) -> set[str]:
    return set(choice._number)  # type: ignore[attr-defined]


def test_every_reason_of_the_codec_has_words_and_no_other() -> None:
    assert names(h225types.RELEASE_REASON) == set(h323words.RELEASES)
    assert names(h225types.GRJ_REASON) == set(h323words.GATEKEEPER_REJECTS)
    assert names(h225types.LRJ_REASON) == set(h323words.LOCATION_REJECTS)
    assert set(_ELSEWHERE) == set(h323words.FACILITIES)


@pytest.mark.parametrize(
    "table",
    [
        h323words.CAUSES,
        h323words.RELEASES,
        h323words.GATEKEEPER_REJECTS,
        h323words.LOCATION_REJECTS,
        h323words.FACILITIES,
    ],
)
def test_words_are_there_in_both_languages_and_printable(table: dict[object, tuple[str, str]]) -> None:
    for english, vietnamese in table.values():
        assert english and vietnamese and english != vietnamese
        assert english.isascii() and english.isprintable() and vietnamese.isprintable()


def test_the_caller_chooses_the_language() -> None:
    assert h323words.cause(17) == "the room is busy" and h323words.cause(17, "vi") == "phòng họp đang bận"
    assert h323words.release("inConf", "vi") != h323words.release("inConf")
    assert h323words.rejected("locationReject", "requestDenied") == "it knows no such room"
    assert h323words.rejected("gatekeeperReject", "terminalExcluded", "vi") == "không phục vụ máy này"
    assert h323words.facility("callForwarded") == "call another place instead"


def test_what_has_no_words_says_so() -> None:
    assert h323words.cause(126) == h323words.release("extension 44") == h323words.facility("") == "no words for it"
