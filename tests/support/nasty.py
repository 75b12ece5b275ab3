"""Text that a terminal may obey, a log may take for two lines, or a reader may take for other text."""

from __future__ import annotations

from hypothesis import strategies as st

NASTY = {
    "clears the screen": "\x1b[2J\x1b[1;1H",
    "colours": "\x1b[31mred\x1b[0m",
    "sets the title": "\x1b]0;owned\x07",
    "writes the clipboard": "\x1b]52;c;b3duZWQ=\x1b\\",
    "links elsewhere": "\x1b]8;;https://elsewhere.example\x1b\\here\x1b]8;;\x1b\\",
    "asks the terminal": "\x1b[6n\x1b[c",
    "C1 CSI": "\x9b2J",
    "C1 OSC": "\x9d0;owned\x9c",
    "a forged line": "done\n2026-01-01T00:00:00Z completed silver",
    "a forged line, over the last": "failed\rcompleted",
    "the other line ends": "a\x85b\u2028c\u2029d\x0be\x0cf",
    "right to left": "a\u202egnp.exe",
    "isolates": "\u2066a\u2067b\u2068c\u2069",
    "zero width": "sil\u200bver\u200d\u2060\ufeff",
    "tags": "\U000e0041\U000e0042\U000e007f",
    "backspaces": "silver\b\b\b\b\b\bgold  ",
    "delete": "a\x7fb",
    "markup": "[bold red]x[/] [link=https://elsewhere.example]y[/link]",
    "private use": "\ue000\U0010fffd",
}

# Everything that matters to a terminal stands in these; whole sequences come of their own accord beside each other.
_CHARACTERS = st.sampled_from(
    "\x00\x07\x08\t\n\r\x1b[]0;2Jm\\\x7f\x85\x9b\x9d\u200b\u202e\u2028\u2066\ufeff\ud800a é日\U000e0041"
)


def nasty_texts() -> st.SearchStrategy[str]:
    """Sequences that terminals obey, parts of them, and any text between."""
    pieces = st.sampled_from(sorted(NASTY.values())) | st.text(_CHARACTERS, max_size=6) | st.text(max_size=6)
    return st.lists(pieces, max_size=4).map("".join)


def is_safe(shown: str) -> bool:
    """Whether every line of what was shown is printable, so that a terminal only writes it."""
    return all(line.isprintable() for line in shown.split("\n"))
