"""The base of all values: frozen, strict, keyword-only, and one clear sentence for what they refuse."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from flowforge_graph.errors import (
    FlowforgeGraphError,
    InvalidDiagram,
    InvalidExecution,
    InvalidToken,
    InvalidTrigger,
    InvalidWorkflow,
    shown,
)
from flowforge_graph.schedules import aware


class Value(BaseModel):
    """A frozen value. Its constructor raises the package's own errors, never a multi-line pydantic message."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    refusal: ClassVar[type[InvalidDiagram | InvalidExecution | InvalidToken | InvalidTrigger | InvalidWorkflow]] = (
        InvalidExecution
    )

    def __init__(self, /, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise _sentence_of(error, type(self), fields) from None

    @classmethod
    def trusted(cls, **fields: Any) -> Self:
        """The value that the constructor would make of ``fields``, which are known to be as it would leave them.

        Nothing is looked at: for rows that were checked before they were stored, and for what is computed from checked
        values. A tenth of the constructor's price. Raises TypeError where a field without a default is missing.
        """
        defaults, required = _fields_of(cls)
        whole = {**defaults, **fields}
        if len(whole) != len(defaults) or required.difference(fields):
            raise TypeError(f"{cls.__name__} is not made of {sorted(fields)}")
        return cls._holding(whole, set(fields))

    def evolve(self, **changes: Any) -> Self:
        """A new value with ``changes`` applied and checked as the constructor would."""
        return type(self)(**(self.__dict__ | changes))

    def evolve_trusted(self, **changes: Any) -> Self:
        """As ``evolve``, of changes that ``trusted`` would take."""
        return self._holding(self.__dict__ | changes, self.model_fields_set | changes.keys())

    @classmethod
    def _holding(cls, fields: dict[str, Any], given: set[str]) -> Self:
        value = cls.__new__(cls)
        _set(value, "__dict__", fields)
        _set(value, "__pydantic_fields_set__", given)
        _set(value, "__pydantic_extra__", None)
        _set(value, "__pydantic_private__", None)
        return value


_set = object.__setattr__


@cache
def _fields_of(kind: type[Value]) -> tuple[dict[str, Any], frozenset[str]]:
    """All fields in their order with their defaults, and those that must be given: they have none, or one made anew."""
    fields = kind.model_fields.items()
    required = frozenset(name for name, field in fields if field.is_required() or field.default_factory is not None)
    return {name: field.default for name, field in fields}, required


def _sentence_of(error: ValidationError, kind: type[Value], fields: Mapping[str, Any]) -> FlowforgeGraphError:
    detail = error.errors(include_url=False)[0]
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, FlowforgeGraphError):
        return cause
    return kind.refusal(f"{_where(kind, fields)}{complaint(dict(detail), kind.model_fields)}")


def _where(kind: type[Value], fields: Mapping[str, Any]) -> str:
    owner = fields.get("workflow_id")
    return f"trigger of {shown(owner)}: " if isinstance(owner, str) and kind.__name__.endswith("Trigger") else ""


def complaint(detail: Mapping[str, Any], known: Collection[str] = (), *, show: Callable[[object], str] = shown) -> str:
    """What pydantic says of one field, in our words.

    ``known`` are the fields that there are; ``show`` writes a value as whoever sent it would.
    """
    field = ".".join(str(part) for part in detail["loc"]) or "value"
    context, kind = detail.get("ctx", {}), detail["type"]
    if kind in _MUST_BE:
        return f"{field} must be {_MUST_BE[kind].format(**context)}, not {show(detail['input'])}"
    match kind:
        case "missing":
            return f"{field} is missing"
        case "extra_forbidden":
            return f"there is no field {shown(field)}{_nearest(field, known)}"
        case "value_error":
            return str(context["error"])
        case _:
            return f"{field}: {detail['msg'][:1].lower()}{detail['msg'][1:]}, not {show(detail['input'])}"


# By pydantic's name of the fault.
_MUST_BE: Final = {
    "literal_error": "one of {expected}",
    **dict.fromkeys(("int_type", "int_from_float", "int_parsing"), "a whole number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    "string_type": "text",
    "dict_type": "an object",
    "list_type": "a list",
    "less_than_equal": "at most {le}",
    "greater_than_equal": "at least {ge}",
}


def _nearest(field: str, known: Collection[str]) -> str:
    near = [] if field in known else difflib.get_close_matches(field, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def as_instant(value: object, *, field: str = "time") -> datetime:
    """Return ``value`` as an aware UTC datetime; raise InvalidTime for anything that names no instant."""
    return aware(value, field)


Instant = Annotated[datetime, BeforeValidator(as_instant)]


def checked(check: Callable[..., Any], field: str, **options: Any) -> Any:
    """A validator that calls ``check(value, field=field, **options)``: the rule stays a plain function."""
    return BeforeValidator(lambda value: check(value, field=field, **options))


def within(low: int, high: int, *, field: str, unit: str = "") -> Any:
    """A validator for a whole number between ``low`` and ``high``, both included."""

    def check(value: int) -> int:
        if not low <= value <= high:
            raise ValueError(f"{field} must be between {low} and {high}{unit}, not {shown(value)}")
        return value

    return AfterValidator(check)
