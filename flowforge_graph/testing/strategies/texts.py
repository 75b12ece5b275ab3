"""Texts: plain ones, those that are known to make trouble, and a character of any script.

None is drawn by ``st.text``. Its first draw, of whatever alphabet, makes a table of all of Unicode, and another one
where a codec is named: seconds on a busy machine, where Hypothesis' own health check then fails a test for being slow.
A list of characters needs no table: which of them print, Python knows.
"""

from __future__ import annotations

from string import ascii_letters, digits, punctuation
from typing import Final

from hypothesis import strategies as st

# In the order of st.text, so that texts shrink to those that everybody knows from it.
_PLAIN: Final = digits + ascii_letters + punctuation + " "

# What one program takes for a value, a pattern, markup or a formula, and another for a name.
_TRAPS: Final = (
    *("null", "None", "true", "no", "~", "0", "-1", "007", "1e3", "1_000", "0x1f", "NaN", "inf", "2026-01-01", "12:30"),
    *("...", "--help", "*", "%s", "{}", "$HOME", "${x}", "`id`", "a b", "a'b", 'a"b', "a: b", "a #b", "- a", "[a]"),
    *("<b>", "&amp;", "=1+1", "@a", "!a", "a;b", "a,b", "a|b", "a->b", "a?b=c", "a%20b", "__proto__", "İı", "ǅ"),
)

# Of each kind that programs get wrong, some that print:
_TROUBLE: Final = (
    "ßẞſİıÅﬁéñǅ"  # other letters, or more of them, in the other case or the other normal form
    "\u0301\u0308\u0327\u20dd\ufe0f"  # marks, which join what stands before them
    "אבםعربي٣"  # from right to left
    "日本語カﾊ한글หิกำ"  # wide and narrow, without spaces between words
    "\u0410\u0430\u0391\u03bf\u212a\uff41"  # they look like A, a, A, o, K, a
    "\uff0f\uff3c\uff0e\uff1a\u2013\u2019«»…§"  # punctuation, some of it what ids forbid in another form
    "²½Ⅻ①߁"  # digits, some of them not to int()
    "😀👩🏽🇩🇪𝔘𐍈𠮷"  # beyond the first 65,536
)

# Nearly everything in these ranges prints. Beyond them are scripts of old, and much that does not.
_ANY: Final = (
    st.integers(0xA1, 0xD7FF)
    | st.integers(0xF900, 0xFFFD)
    | st.integers(0x1F300, 0x1F64F)
    | st.integers(0x20000, 0x2A6DF)
)
_PRINTABLE: Final = st.sampled_from(_PLAIN) | st.sampled_from(_TROUBLE) | _ANY.map(chr).filter(str.isprintable)

# What databases hold and no name does: control and format characters, private and unassigned ones.
_UNPRINTED: Final = "\t\n\r\x01\x1b\x7f\x85\xa0\xad\u200b\u200d\u2028\u202e\ufeff\ue000\ufffe\U000e0041\U0010ffff"
_STORABLE: Final = _PRINTABLE | st.sampled_from(_UNPRINTED)


def printable_texts(*, min_size: int = 0, max_size: int, without: str = "") -> st.SearchStrategy[str]:
    """Texts of printable characters, those in ``without`` excepted; now and then one that is known to make trouble."""
    traps = [trap for trap in _TRAPS if min_size <= len(trap) <= max_size and not set(trap) & set(without)]
    character = _PRINTABLE if not without else _PRINTABLE.filter(lambda each: each not in without)
    return _joined(character, min_size=min_size, max_size=max_size) | st.sampled_from(traps)


def storable_texts(*, max_size: int) -> st.SearchStrategy[str]:
    """Texts that every database holds: no NUL, no surrogates."""
    return _joined(_STORABLE, max_size=max_size)


def _joined(character: st.SearchStrategy[str], *, min_size: int = 0, max_size: int) -> st.SearchStrategy[str]:
    return st.lists(character, min_size=min_size, max_size=max_size).map("".join)
