"""The base of all documents, and how instants are written in them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

UnixSeconds = Annotated[int, Field(description="Unix seconds", examples=[1_705_726_800])]

_Document = TypeVar("_Document", bound="Document")


class Document(BaseModel):
    """A JSON document: its fields are camelCase in JSON, and all of them are always there."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        json_schema_serialization_defaults_required=True,
    )

    def as_json(self) -> dict[str, Any]:
        """The document as JSON has it: camelCase keys, plain values."""
        return self.model_dump(by_alias=True)

    def as_bytes(self) -> bytes:
        """The document as JSON text in UTF-8."""
        return self.model_dump_json(by_alias=True).encode()


def made(kind: type[_Document], /, **fields: Any) -> _Document:
    """The document of these fields, all of them, which were checked when their values were made.

    Nothing is looked at again: that would cost more than the rest of it, and a list has hundreds of documents.
    """
    document = kind.__new__(kind)
    _set(document, "__dict__", fields)
    _set(document, "__pydantic_fields_set__", set(fields))
    _set(document, "__pydantic_extra__", None)
    _set(document, "__pydantic_private__", None)
    return document


_set = object.__setattr__


def taken(kind: type[_Document], value: object, /, **others: Any) -> _Document:
    """As :func:`made`, of a value's fields of the same names; ``others`` are those that differ from them."""
    return made(kind, **{name: others[name] if name in others else getattr(value, name) for name in kind.model_fields})


def unix_seconds(instant: datetime | None) -> int | None:
    """Whole Unix seconds of an aware datetime; None stays None."""
    return None if instant is None else int(instant.timestamp())
