"""How well a text reads as one that somebody wrote: what tells one table of letters from another.

The commonest words of a language with Latin letters have no accents. They read the same in every encoding, so they say
which language it is; the letters and signs beyond ASCII, and where they stand, then say in which encoding that language
comes out. Other languages are known by how common each of their letters is.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import cache

from charset_normalizer.constant import FREQUENCIES

_LATIN = {  # its letters beyond ASCII, and common words of it, of which those without such letters are looked for
    "English": ("éèêïçñöü", "the of and to in is that for it was with as on be by this are not from have or an"),
    "French": (
        "éèêëàâîïôùûüçœæÿ",
        "le la les de des du un une et en est que qui dans pour sur pas par au avec il elle",
    ),
    "German": ("äöüß", "der die das und ist nicht ein eine zu den mit von dem des sich auf es im auch als an er sie"),
    "Spanish": ("áéíóúüñ", "el la los las de del que y en un una por con para su es no se lo al como sus"),
    "Portuguese": ("áâãàçéêíóôõúü", "o a os as de do da dos das que e em um uma para com por na no se ou seu mais"),
    "Italian": ("àèéìíòóùú", "il lo la i gli le di del della che e in un una per con non si da al dei sono ha"),
    "Catalan": ("àçéèíïóòúü", "el la els les de del que i en un una per amb no es al dels ha tota dret"),
    "Dutch": ("éëèïöüêó", "de het een van en in is dat op te zijn met voor niet aan er om ook als bij door of"),
    "Afrikaans": ("êëéèïîôöûü", "die het en van in is nie wat vir met om te aan deur sy reg of elke sal word hy as by"),
    "Danish": ("æøåéö", "og i at det en den til er som af de med for ikke der har et han ret eller enhver"),
    "Norwegian": ("æøåéòô", "og i det en den til er som av de med for ikke har et han rett eller enhver skal"),
    "Swedish": ("åäöéü", "och i att det en den till som av de med inte har ett han eller ska var vid om"),
    "Finnish": ("äöåšž", "ja on ei se ettei joka oli tai ovat mutta kun jos niin sen oikeus olla"),
    "Icelandic": ("áðéíóúýþæö", "og hann er um til af ekki sem en eru var hafa eiga skal hver"),
    "Czech": ("áčďéěíňóřšťúůýž", "a je se na v ze s do o by to za nebo ale jako po aby jeho pro"),
    "Slovak": ("áäčďéíĺľňóôŕšťúýž", "a je sa na v zo s do o by to za alebo ale ako po aby jeho pre aj vo"),
    "Polish": ("ąćęłńóśźż", "i w na z do nie jest to o przez oraz lub jego od dla po za przy ma prawo tego jako"),
    "Hungarian": ("áéíóöőúüű", "a az hogy nem egy van volt minden meg vagy csak mint ezt de ha ki joga annak sem el"),
    "Romanian": ("ăâîșțşţ", "de la cu un o pe din care nu este sunt sau orice se al ale pentru prin are unei"),
    "Croatian": ("čćđšž", "i u na je da se za su od ne ili pravo svatko svako ima kao sve iz po to"),
    "Slovene": ("čšž", "in je v da se na za ne ali pravico vsakdo ima pri po kot so tudi iz od do"),
    "Lithuanian": ("ąčęėįšųūž", "ir yra kad su tai bet ar kaip turi jo nuo iki ne savo kiekvienas po dar jos buvo"),
    "Latvian": ("āčēģīķļņōŗšūž", "un ir ar par no kas lai ka uz vai katram to tiek nav bet savu ne jo"),
    "Estonian": ("äöõüšž", "ja on ei et see kui ning oma ta igal tema selle ka mis aga inimesel olema ole"),
    "Turkish": ("çğıiöşüâîû", "ve bir bu da de ile ne her en olan veya hak kendi olarak daha ya gibi var"),
    "Albanian": ("ëç", "e dhe i me nga se ka drejt kush ose tij ndaj si nuk do duhet pa kjo"),
}
_OTHERS = {  # from the commonest letter on
    **{name: "".join(FREQUENCIES[name]) for name in ("Russian", "Ukrainian", "Bulgarian", "Greek", "Hebrew", "Arabic")},
    "Persian": "".join(FREQUENCIES["Farsi"]),
    "Thai": "".join(FREQUENCIES["Thai"]),
    "Japanese": "".join(FREQUENCIES["Japanese——"] + FREQUENCIES["Japanese—"] + FREQUENCIES["Japanese"]),
    "Chinese": "".join(FREQUENCIES["Chinese"]),
    "Korean": "".join(FREQUENCIES["Korean"]),
}
_ENOUGH = 3  # common words of one language, to say that a text is in it
_ASIDE = 0.6  # of the words that the likeliest language has: another one that has as many may be meant as well
_EAST = ("Japanese", "Chinese", "Korean")  # written without spaces, or beside anything
_SIGNS = frozenset("«»‹›“”„‘’‚¿¡–—…•§©®™°€£¢¥ªº¹²³½¼¾×±µ·\xad\xa0،؛؟")
_APART = frozenset("¢£¥½¼¾±×")  # from letters
_EAST_SIGNS = frozenset("、。，「」『』（）！？：；．・《》～　")
_WITHIN_WORDS = {"’": 1, "·": 1, "\xad": 1, "—": 0.2, "–": 0.2}
_BORROWED = frozenset("éèêëïçñöüàô")  # as in naïve and señor, whatever the language
_LAST_LATIN = "\u024f"
_COMMON_KANJI = [bytes([lead]) for lead in range(0x88, 0x99)]  # Shift JIS has the common ones first
# Letters of a language that are not among its commonest, from here to there, and how much they speak for it.
_RARER = {"Thai": ("\u0e01\u0e5b", 0.4), "Chinese": ("\u4e00\u9fff", 0.2)}
_RARER |= {"Korean": ("\uac00\ud7a3", 0.4), "Arabic": ("\u064b\u0652", 0.5), "Persian": ("\u0621\u0652", 0.2)}
_PLACES = re.compile(r"(?s)(?<=(.))([^\x00-\x7f])(?=(.))")
_ASCII_WORD = re.compile(rb"(?<![\w\x80-\xff])[A-Za-z]+(?![\w\x80-\xff])")


def languages(sample: bytes) -> frozenset[str]:
    """The languages with Latin letters that a text may be in, by its words of ASCII: all where no word is known."""
    words = Counter(_ASCII_WORD.findall(sample.lower()))
    found = {name: sum(words[word] for word in _common(name)) for name in _LATIN}
    most = max(found.values())
    return frozenset(name for name, number in found.items() if most < _ENOUGH or number >= most * _ASIDE)


def fit(text: str, latin: frozenset[str]) -> float:
    """How well the letters and signs beyond ASCII fit one of these languages, or any that is written otherwise.

    It is the mean over them: 1 where each is at home and stands where it may, below 0 where most are strange.
    """
    places: Counter[tuple[str, str, str]] = Counter(_PLACES.findall(f" {text} "))
    if not places:
        return 0
    letters = sum(number for (_, sign, _), number in places.items() if sign.isalpha() and sign > _LAST_LATIN)
    names = latin if letters * 2 < places.total() else _OTHERS
    return max(_sum(places, name) for name in names) / places.total()


def _sum(places: Counter[tuple[str, str, str]], name: str) -> float:
    return sum(_fit(before, sign, after, name) * number for (before, sign, after), number in places.items())


def _fit(before: str, sign: str, after: str, name: str) -> float:
    inside = before.isalpha() and after.isalpha()
    if sign in _SIGNS:
        if sign in _APART and (before.isalpha() or after.isalpha()):
            return -1
        return _WITHIN_WORDS.get(sign, -2) if inside and name not in _EAST else 0.5
    if sign in _EAST_SIGNS:
        return 1 if name in _EAST else -2
    if unicodedata.category(sign)[0] not in "LM":
        return -2
    if sign.isupper() and before.isalpha() and (before.islower() or after.islower()):
        return -2  # a capital within a word
    if sign.islower() and before.isupper() and after.isupper():
        return -1
    if name not in _LATIN and any(beside.isascii() and beside.isalpha() for beside in (before, after)):
        return -1 if name in _EAST else -2
    fits = _letters(name).get(sign.lower()[0]) or _rarer(sign, name)
    return fits if before.isalpha() or after.isalpha() else min(fits, 0.3)


def _rarer(sign: str, name: str) -> float:
    if name in _LATIN and (sign > _LAST_LATIN or sign.lower() in _BORROWED):
        return -2 if sign > _LAST_LATIN else 0
    if name == "Japanese" and "\u4e00" <= sign <= "\u9fff":
        return 0.5 if sign.encode("cp932", errors="ignore")[:1] in _COMMON_KANJI else -0.5
    first_and_last, worth = _RARER.get(name, ("\x00\x00", -1))
    return worth if first_and_last[0] <= sign <= first_and_last[1] else -1


@cache
def _letters(name: str) -> Mapping[str, float]:
    """How much each letter speaks for a language."""
    if name in _LATIN:
        return dict.fromkeys(_LATIN[name][0], 1)
    ranked = _OTHERS[name]
    return {letter: 1 - 0.5 * rank / len(ranked) for rank, letter in enumerate(ranked)}


@cache
def _common(name: str) -> frozenset[bytes]:
    return frozenset(word.encode() for word in _LATIN[name][1].split())
