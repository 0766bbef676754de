"""Is this a Vietnamese syllable? Texts in the letters of an old font are told from sound ones by that. Pure.

A syllable is an onset and a rime, with one tone. Words without accents are nobody's proof and are passed over.
"""

from __future__ import annotations

import re
import unicodedata

_TONES = "\u0300\u0301\u0303\u0309\u0323"  # grave, acute, tilde, hook, dot below
_ALL_ONSETS = "b c ch d đ g gh gi h k kh l m n ng ngh nh p ph q qu r s t th tr v x"
_ALL_RIMES = """
a ac ach ai am an ang anh ao ap at au ay ăc ăk ăm ăn ăng ăp ăt âc âm ân âng âp ât âu ây e ec em en eng eo ep et
ê êch êm ên êng ênh êp êt êu i ia ich iêc iêm iên iêng iêp iêt iêu im in inh ip it iu o oa oac oach oai oam oan oang
oanh oao oap oat oay oăc oăm oăn oăng oăt oc oe oen oeo oet oi om on ong ooc oong op ot ô ôc ôi ôm ôn ông ôp ôt ơ ơi
ơm ơn ơp ơt u ua uân uâng uât uây uc uê uêch uên uênh ui um un ung uơ uôc uôi uôm uôn uông uôt up ut uy uya uych uyên
uyêt uynh uyt uyu ư ưa ưc ưi ưm ưn ưng ươc ươi ươm ươn ương ươp ươt ươu ưt ưu y yêm yên yêng yêt yêu
"""
# Rimes whose last letter glides or fades: their tone never stands on it, so that `xaõ` is none.
_ALL_FADING = "ai ao au ay âu ây eo êu ia iêu iu oai oao oay oeo oi ôi ơi ua uây ui uôi uyu ưa ưi ươi ươu ưu yêu"
_ONSETS = ("", *_ALL_ONSETS.split())
_RIMES, _FADING = frozenset(_ALL_RIMES.split()), frozenset(_ALL_FADING.split())
_WORD = re.compile(r"[^\W\d_]+")
_SIGNS = "".join(map(chr, range(0x80, 0xC0))) + "™œšžŸ‚ƒ„†‡ˆ‰‹›"  # of old letters, and no letters to anybody else


def is_syllable(word: str) -> bool:
    """Could this word, accents and all, stand in a Vietnamese name?"""
    marks = unicodedata.normalize("NFD", word.casefold())
    if sum(char in _TONES for char in marks) > 1:
        return False
    plain = unicodedata.normalize("NFC", "".join(char for char in marks if char not in _TONES))
    ends_with_tone = marks[-1:] in _TONES if marks else False
    return any(_fits(plain, onset, ends_with_tone) for onset in _ONSETS)


def _fits(plain: str, onset: str, ends_with_tone: bool) -> bool:
    if not plain.startswith(onset):
        return False
    rime = plain[len(onset) :]
    if onset == "gi" and not rime:
        return True
    return rime in _RIMES and not (ends_with_tone and rime in _FADING)


def strange(text: str) -> int:
    """How many of a text's words have accents and are no Vietnamese syllables."""
    words = _WORD.findall(text)
    bad = sum(not word.isascii() and not is_syllable(word) for word in words)
    return bad + sum(char in _SIGNS for char in text)
