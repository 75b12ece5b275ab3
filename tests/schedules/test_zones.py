"""Which time zones are accepted, and from which libraries: contract rule 21."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from importlib import resources
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest
import pytz

from flowforge_graph.errors import InvalidSchedule
from flowforge_graph.schedules import zone, zone_names, zone_names_of_country

REFUSED_NAMES = [
    "",
    " ",
    "localtime",
    "Factory",
    "posixrules",
    "Mars/Olympus",
    "europe/berlin",
    "EUROPE/BERLIN",
    " Europe/Berlin",
    "Europe/Berlin\n",
    "Europe/Berlin\x00",
    "Europe",
    "/Europe/Berlin",
    "/etc/localtime",
    "../zoneinfo/UTC",
    "Europe/../Europe/Berlin",
    "Europe//Berlin",
    "posix/Europe/Berlin",
    "right/Europe/Berlin",
    "zone.tab",
    "tzdata.zi",
    "EST5EDT4,M3.2.0",
    "UTC+2",
    "+02:00",
    "Europe/Bérlin",
    "x" * 10_000,
]
NOT_IANA = [
    None,
    5,
    b"UTC",
    ["UTC"],
    timezone(timedelta(hours=2)),
    pytz.FixedOffset(120),
    ZoneInfo.from_file(BytesIO(resources.files("tzdata").joinpath("zoneinfo/UTC").read_bytes())),
]


class Unnamed(tzinfo):
    """A zone of the caller's own, without an IANA name."""


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ("UTC", "UTC"),
        ("America/New_York", "America/New_York"),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("Etc/GMT+5", "Etc/GMT+5"),
        ("US/Eastern", "US/Eastern"),
        (UTC, "UTC"),
        (ZoneInfo("Europe/Berlin"), "Europe/Berlin"),
        (ZoneInfo.no_cache("Europe/Berlin"), "Europe/Berlin"),
        (pytz.utc, "UTC"),
        (pytz.timezone("Europe/Berlin"), "Europe/Berlin"),
        (pytz.timezone("Asia/Tokyo").localize(datetime(2026, 1, 1)).tzinfo, "Asia/Tokyo"),
    ],
)
def test_iana_names_and_the_zones_of_zoneinfo_and_pytz_are_accepted(given: object, key: str) -> None:
    """Whatever names an IANA zone becomes the one ZoneInfo of that name."""
    assert zone(given) is zone(key)
    assert zone(given).key == key


@pytest.mark.parametrize("name", REFUSED_NAMES)
def test_any_other_name_is_refused(name: str) -> None:
    """Machine-dependent, unknown, misspelt and path-like names: one printable sentence, however long the name."""
    with pytest.raises(InvalidSchedule) as refusal:
        zone(name)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 250


@pytest.mark.parametrize("value", [*NOT_IANA, Unnamed()])
def test_a_zone_without_an_iana_name_is_refused(value: object) -> None:
    """A bare offset does not say when clocks change."""
    with pytest.raises(InvalidSchedule, match="has no IANA name"):
        zone(value)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("europe/berlin", "Europe/Berlin"), ("America/New York", "America/New_York"), ("Asia/Calcuta", "Asia/Calcutta")],
)
def test_a_near_miss_is_answered_with_the_name_that_was_meant(name: str, meant: str) -> None:
    """A misspelt name costs the caller one look at the message."""
    with pytest.raises(InvalidSchedule, match=f"did you mean '{meant}'"):
        zone(name)


def test_every_name_of_tzdata_but_factory_is_accepted() -> None:
    """The allow-list is the data base's own list of names."""
    names = resources.files("tzdata").joinpath("zones").read_text().split()
    assert len(names) > 500
    assert [name for name in names if name != "Factory" and zone(name).key != name] == []


def test_people_are_offered_the_common_zones_of_pytz() -> None:
    """Sorted, all of them acceptable, none of the refused ones; by country too."""
    names = zone_names()
    assert {"UTC", "Europe/Berlin", "America/New_York"} <= set(names)
    assert list(names) == sorted(names)
    assert [name for name in names if zone(name).key != name] == []
    assert zone_names_of_country("nz") == ("Pacific/Auckland", "Pacific/Chatham")
    assert zone_names_of_country("ZZ") == ()


def test_zones_are_found_where_the_system_has_no_database() -> None:
    """With an empty search path the package tzdata serves them."""
    code = (
        "from flowforge_graph.schedules import calculate_next_run, zone; from datetime import UTC, datetime;"
        "print(calculate_next_run('0 2 * * *', 'America/New_York', datetime(2026, 3, 7, 12, tzinfo=UTC)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONTZPATH": "", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "2026-03-08 03:00:00-04:00\n"


def test_loading_the_schedules_does_not_load_croniter_or_pytz() -> None:
    """Both are needed by some calls only, and their import takes longer than all the rest."""
    code = "import sys, flowforge_graph.schedules; print(sorted({'croniter', 'pytz'} & set(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "[]\n"
