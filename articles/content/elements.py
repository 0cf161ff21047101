"""The elements of HTML, by what they are to a text."""

from __future__ import annotations


def names(text: str) -> set[str]:
    """The words of a text, as a set."""
    return set(text.split())


HEADINGS = names("h1 h2 h3 h4 h5 h6")
BLOCKS = HEADINGS | names(
    "p ul ol li dl dt dd blockquote pre hr table caption thead tbody tfoot tr th td figure figcaption aside section div"
    " article header footer main"
)
OTHER_BLOCKS = names("address center details summary nav fieldset legend form dialog hgroup search optgroup menu dir")
INLINE = names(
    "a abbr b bdi bdo br cite code del em i img ins kbd mark q rp rt ruby s samp small span strong sub sup time u var"
    " wbr"
)
VOID = names("area base br col embed hr img input link meta param source track wbr")
DROPPED_WHOLE = names(
    "script style template noscript title head iframe object svg math select textarea noembed noframes"
)
FORMULAS = names(
    "math mi mn mo ms mtext mrow mfrac msqrt mroot mstyle merror mpadded mphantom mfenced menclose msub msup msubsup"
    " munder mover munderover mmultiscripts mprescripts mtable mtr mtd mlabeledtr maction semantics"
)
ALL = (
    BLOCKS
    | OTHER_BLOCKS
    | INLINE
    | DROPPED_WHOLE
    | FORMULAS
    | names(
        "html body base link meta col colgroup button input label option datalist output progress meter data slot"
        " canvas audio video source track embed param picture map area big tt font nobr acronym strike"
        " applet basefont bgsound blink frame frameset keygen listing marquee plaintext rb rtc spacer xmp isindex"
    )
)
