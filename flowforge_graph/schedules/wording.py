"""How the errors of this room show what they were given."""

from __future__ import annotations

_LONGEST = 80


def shown(value: object) -> str:
    """The value as Python writes it, shortened so that a message stays one readable sentence.

    Args:
        value: anything a caller handed over; its ``repr`` may be huge or may itself fail.

    Returns:
        At most 80 characters.
    """
    if isinstance(value, str):
        return _shortened(repr(value[:_LONGEST]), longer=len(value) > _LONGEST)
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a caller's broken repr must not hide the error that is being worded
        text = f"<{type(value).__name__}>"
    return _shortened(text, longer=False)


def _shortened(text: str, *, longer: bool) -> str:
    if len(text) <= _LONGEST and not longer:
        return text
    return text[: _LONGEST - 1] + "…"
