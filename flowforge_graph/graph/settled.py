"""A dictionary that grows old once, whatever is put into it."""

from __future__ import annotations

from typing import TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class SettledDict(dict[_Key, _Value]):
    """A dict for plain values that is changed one item at a time and may be very large.

    Python's garbage collector drops an ordinary dict of plain values from its lists at a full pass, and the next item
    puts it among the youngest objects again: the next short pass then walks through all of it, for a graph of a million
    triggers through a million entries. Of a subclass the collector does no such thing, so that this one stays among the
    oldest, where only full passes look.
    """

    __slots__ = ()
