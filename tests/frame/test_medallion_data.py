"""The example's files are what its pages say of them."""

from __future__ import annotations

import difflib
import hashlib
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "medallion"
DATA = EXAMPLE / "data"


def test_the_delivery_is_the_published_one() -> None:
    """The committed table is, byte for byte, the one whose checksum its source page gives."""
    checksum = hashlib.sha256((DATA / "penguins-raw.csv").read_bytes()).hexdigest()
    assert checksum in (DATA / "SOURCE.md").read_text(encoding="utf-8")


def test_the_bad_delivery_is_the_same_data_spoiled(tmp_path: Path) -> None:
    """``spoil.py`` makes the second delivery from the first, and nothing else is in it."""
    for name in ("penguins-raw.csv", "spoil.py"):
        (tmp_path / name).write_bytes((DATA / name).read_bytes())
    subprocess.run([sys.executable, tmp_path / "spoil.py"], check=True)
    spoiled = (tmp_path / "penguins-decimal-commas.csv").read_bytes()
    assert spoiled == (DATA / "penguins-decimal-commas.csv").read_bytes()


def test_the_two_files_differ_in_the_delivery_alone() -> None:
    """What goes another way in the second file does so for the data's sake."""
    good, bad = (
        (EXAMPLE / name).read_text(encoding="utf-8").splitlines()
        for name in ("flowforge.yaml", "flowforge-bad-delivery.yaml")
    )
    changes = [line[1:] for line in difflib.ndiff(good, bad) if line[0] in "-+" and not line[2:].startswith("#")]
    assert [line.strip() for line in changes] == [
        "run: {command: [python, landing.py, data/penguins-raw.csv]}",
        "run: {command: [python, landing.py, data/penguins-decimal-commas.csv]}",
    ]
