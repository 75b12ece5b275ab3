"""The engine's numbers: positive, of their kind, and refused before anything is opened."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from flowforge_graph import InvalidExecution, TriggerEngine
from flowforge_graph.engine import Settings


@pytest.mark.parametrize("name", [field.name for field in fields(Settings)])
@pytest.mark.parametrize("value", [0, -1, True, "5", None, math.nan, math.inf])
def test_a_bad_number_names_its_setting(name: str, value: Any) -> None:
    """Nothing coerced, nothing endless."""
    with pytest.raises(InvalidExecution, match=f"{name} must be a (whole )?number above 0, not "):
        Settings.of({name: value})


def test_counts_are_whole() -> None:
    """Seconds and rates may be broken, attempts not."""
    assert Settings.of({"lease_seconds": 0.5, "max_attempts": 1}).lease_seconds == 0.5
    for name in ("max_attempts", "max_dispatch_failures", "max_cascade_executions"):
        with pytest.raises(InvalidExecution, match=f"{name} must be a whole number above 0, not 2.5"):
            Settings.of({name: 2.5})


def test_a_refused_engine_opens_no_database(tmp_path: Path) -> None:
    """Not even the file is made."""
    for keywords in ({"max_attempts": 0}, {"nonsense": 1}):
        with pytest.raises(InvalidExecution):
            TriggerEngine(f"sqlite:///{tmp_path / 'x.db'}", **keywords)
    assert list(tmp_path.iterdir()) == []
