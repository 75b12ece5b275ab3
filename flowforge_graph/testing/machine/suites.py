"""The ``TestCase`` of a machine, with settings that suit an engine."""

from __future__ import annotations

from typing import Any, ClassVar, cast
from unittest import TestCase
from weakref import WeakSet

import hypothesis
from hypothesis import Phase, settings


class Suite(TestCase):
    """What type checkers know of a machine's ``TestCase``."""

    settings: ClassVar[hypothesis.settings]


class QuickTestCase:
    """``TestCase`` with settings without Hypothesis' explanations, which would trace every line of the engine."""

    def __init__(self) -> None:
        self._made: WeakSet[type[TestCase]] = WeakSet()

    def __set_name__(self, owner: type[Any], _: str) -> None:
        self._owner = owner

    def __get__(self, _: object, machine: type[Any]) -> type[Suite]:
        case: Any = cast("Any", super(self._owner, machine)).TestCase
        if case not in self._made:
            # Once: what a suite then assigns is the suite's.
            case.settings = settings(case.settings, phases=set(case.settings.phases) - {Phase.explain})
            self._made.add(case)
        return cast("type[Suite]", case)
