"""Time zones: which names are accepted, and where a zone's UTC offset changes.

A change of offset is found by comparing ``utcoffset()`` at instants, never by reading DST flags: Europe/Dublin's flag
is negative, Africa/Casablanca's is reversed, and Pacific/Apia lost a day with no flag at all (contract rule 21).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from flowforge_graph.errors import InvalidSchedule, shown

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_SECOND = timedelta(seconds=1)

MAXIMUM_NAME_LENGTH = 200
_NAME = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*", re.ASCII)
# "localtime" is whatever the machine is set to, "Factory" an unset machine: neither says when a schedule fires.
_REFUSED_NAMES = frozenset({"localtime", "Factory", "posixrules"})

_DAY = 86_400
FIRST_INSTANT = -62_135_596_800  # 0001-01-01T00:00:00Z
LAST_INSTANT = 253_402_300_799  # 9999-12-31T23:59:59Z
# Offsets stay below 24 hours either way, so inside these the wall clock is a date that Python can write.
_FIRST_PROBE = FIRST_INSTANT + 2 * _DAY
_LAST_PROBE = LAST_INSTANT - 2 * _DAY
# In all the zones of tzdata no two changes are closer than 3.98 days (Africa/Freetown, 1939).
_PROBE_DISTANCE = _DAY
_WINDOW_BITS = 21  # 24 days


class Stretch(NamedTuple):
    """Instants ``begin <= u < end``, in Unix seconds, over which a zone's UTC offset, in seconds, stays the same."""

    begin: int
    end: int
    offset: int


def zone(name_or_zone: object) -> ZoneInfo:
    """The IANA time zone that a caller means.

    Args:
        name_or_zone: an IANA name, a ``zoneinfo.ZoneInfo``, a pytz zone, or ``datetime.UTC``.

    Returns:
        The one ``ZoneInfo`` of that name, from the system's database or else from the package ``tzdata``.

    Raises:
        InvalidSchedule: no such zone, or none with an IANA name (``localtime``, ``Factory`` and bare offsets).
    """
    return _zone_named(_name_of(name_or_zone))


def zone_names() -> tuple[str, ...]:
    """The zone names to offer to people: pytz's catalogue of common ones, sorted."""
    import pytz

    return tuple(name for name in pytz.common_timezones if name in _known_names())


def zone_names_of_country(country_code: str) -> tuple[str, ...]:
    """The zone names of a country, the most populous first, by pytz's catalogue.

    Args:
        country_code: two letters of ISO 3166, in any case.

    Returns:
        The names; empty for a code that is not in the catalogue.
    """
    import pytz

    names = pytz.country_timezones.get(country_code.upper()) or ()
    return tuple(name for name in names if name in _known_names())


def _name_of(name_or_zone: object) -> str:
    if isinstance(name_or_zone, str):
        return str.__str__(name_or_zone)
    name = _name_of_tzinfo(name_or_zone) if isinstance(name_or_zone, tzinfo) else None
    if not isinstance(name, str):
        raise InvalidSchedule(f"time zone {shown(name_or_zone)} has no IANA name; give one such as 'Europe/Berlin'")
    return name


def _name_of_tzinfo(value: tzinfo) -> object:
    """The IANA name: ``key`` of a zoneinfo zone, ``zone`` of a pytz one; of bare offsets only UTC has one."""
    if isinstance(value, timezone):
        return "UTC" if value == UTC else None
    return getattr(value, "key", None) or getattr(value, "zone", None)


@lru_cache(maxsize=1024)
def _zone_named(name: str) -> ZoneInfo:
    if name in _REFUSED_NAMES:
        raise InvalidSchedule(f"time zone '{name}' depends on the machine; give an IANA name such as 'Europe/Berlin'")
    if not _is_known(name):
        raise InvalidSchedule(f"there is no time zone {shown(name)}{_suggestion(name)}")
    return ZoneInfo(name)


def _is_known(name: str) -> bool:
    # Never ask ZoneInfo about a name that is on no list: it opens files by it, in any case on some systems.
    if len(name) > MAXIMUM_NAME_LENGTH or not _NAME.fullmatch(name):
        return False
    return name in _known_names() or name in _system_names()


def _suggestion(name: str) -> str:
    by_lower = {known.lower(): known for known in _known_names() - _REFUSED_NAMES}
    near = difflib.get_close_matches(name[:MAXIMUM_NAME_LENGTH].lower().replace(" ", "_"), by_lower, n=1, cutoff=0.75)
    return f"; did you mean '{by_lower[near[0]]}'?" if near else "; give an IANA name such as 'Europe/Berlin'"


@lru_cache(maxsize=1)
def _known_names() -> frozenset[str]:
    """The names of the package ``tzdata``, which is the same list on every system."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


@lru_cache(maxsize=1)
def _system_names() -> frozenset[str]:
    """The names of the system's database: a zone may be newer there. This walks the disk, hence once a process."""
    return frozenset(available_timezones())


# Instants as numbers.


def unix_seconds(instant: datetime) -> int:
    """An aware datetime as whole Unix seconds, rounded down."""
    return (instant - EPOCH) // _ONE_SECOND


def unix_seconds_rounded_up(instant: datetime) -> int:
    """An aware datetime as whole Unix seconds, rounded up."""
    return -((EPOCH - instant) // _ONE_SECOND)


def instant_at(seconds: int) -> datetime:
    """Unix seconds as an aware UTC datetime."""
    return EPOCH + timedelta(0, seconds)


# Where offsets change.


def stretches_from(zone: ZoneInfo, instant: int) -> Iterator[Stretch]:
    """The stretches of constant offset, ascending and without holes, from the one that holds an instant to the end.

    Two neighbours may have the same offset, where a window of the search ends.

    Args:
        zone: the time zone.
        instant: Unix seconds within the years 1 to 9999.

    Returns:
        An iterator that ends with the year 9999.
    """
    fixed_offset = zone.utcoffset(None)
    if fixed_offset is not None:
        yield Stretch(FIRST_INSTANT, LAST_INSTANT + 1, fixed_offset // _ONE_SECOND)
        return
    for window in range(instant >> _WINDOW_BITS, (LAST_INSTANT >> _WINDOW_BITS) + 1):
        for stretch in _stretches_of_window(zone, window):
            if stretch.end > instant:
                yield stretch


@lru_cache(maxsize=16_384)
def _stretches_of_window(zone: ZoneInfo, window: int) -> tuple[Stretch, ...]:
    """The stretches of one window of 24 days: 25 look-ups of an offset, remembered."""
    begin, end = window << _WINDOW_BITS, min((window + 1) << _WINDOW_BITS, LAST_INSTANT + 1)
    bounds = [begin, *_changes(zone, after=begin, until=end - 1), end]
    return tuple(Stretch(begin, end, _offset(zone, begin)) for begin, end in pairwise(bounds))


def _changes(zone: ZoneInfo, *, after: int, until: int) -> Iterator[int]:
    """The instants in ``after < u <= until`` at which the offset differs from that of the second before."""
    low, offset = after, _offset(zone, after)
    while low < until:
        high = min(low + _PROBE_DISTANCE, until)
        if _offset(zone, high) == offset:
            low = high
        else:
            low = _first_difference(zone, low, high, offset)
            offset = _offset(zone, low)
            yield low


def _first_difference(zone: ZoneInfo, same: int, different: int, offset: int) -> int:
    while different - same > 1:
        middle = (same + different) // 2
        if _offset(zone, middle) == offset:
            same = middle
        else:
            different = middle
    return different


def _offset(zone: ZoneInfo, instant: int) -> int:
    probe = instant_at(min(max(instant, _FIRST_PROBE), _LAST_PROBE))
    offset = probe.astimezone(zone).utcoffset()
    if offset is None:
        raise InvalidSchedule(f"time zone {shown(zone)} names no UTC offset")
    return offset // _ONE_SECOND
