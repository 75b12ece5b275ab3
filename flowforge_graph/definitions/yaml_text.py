"""YAML text as plain values that remember their lines; everything surprising in YAML is refused.

The text is read as a stream of events, never as PyYAML's node tree, so that depth, aliases and duplicate keys are met
before anything is built from them and nothing recurses. Plain scalars follow the YAML 1.2 core schema, not YAML 1.1 as
PyYAML does: ``on``, ``yes``, ``1:30`` and ``2026-01-01`` are text, so an id or a name is never silently another value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from flowforge_graph.definitions.places import Place, shown_path
from flowforge_graph.errors import InvalidDefinition, shown

MAX_FILE_BYTES: Final = 32 * 1024 * 1024
MAX_DEPTH: Final = 64
# Two bytes of text can be a value of a hundred bytes in memory, so the size of the text alone bounds too little.
# A workflow with its triggers takes some fifteen values: room for a quarter of a million of them.
MAX_VALUES: Final = 4_000_000

# libyaml is about eight times as fast; PyYAML is built without it on some machines. Both answer the same here.
FASTEST_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NOT_YAML: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# libyaml compares each tag directive with all before it: a megabyte of them would take minutes before the first event.
_TAG_DIRECTIVE: Final = re.compile("(?:^|[\n\r\x85\u2028\u2029])%TAG")
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NUMBER_BEGINS: Final = frozenset("+-.0123456789")
_INT: Final = re.compile(r"[-+]?[0-9]{1,1000}")
_OTHER_BASE: Final = re.compile(r"0o[0-7]{1,1000}|0x[0-9a-fA-F]{1,1000}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_CORE_TAGS: Final = {
    f"tag:yaml.org,2002:{name}": kind
    for name, kind in [("null", type(None)), ("bool", bool), ("int", int), ("float", float), ("str", str)]
}


class Mapping(dict[str, Any]):
    """A mapping of the file: ``line`` is where it begins and ``lines`` the line of each key."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


class Sequence(list[Any]):
    """A list of the file: ``line`` is where it begins and ``lines`` the line of each item."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []


def read_text(path: Path) -> str:
    """The text of a file of at most 32 MiB in UTF-8; raise InvalidDefinition. Never reads more than that."""
    place = Place(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InvalidDefinition(f"{shown_path(str(path))}: the file cannot be read: {why}") from error
    if len(content) > MAX_FILE_BYTES:
        raise place.refuse(_TOO_LARGE)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Place(str(path), line).refuse(f"byte {content[error.start]:#04x} is not UTF-8 text") from error


_TOO_DEEP: Final = f"the file must be at most {MAX_DEPTH} levels deep"
_TOO_LARGE: Final = f"the file must have at most {MAX_FILE_BYTES // 1024 // 1024} MiB"


def parse_yaml(text: str, *, path: str, loader: Any = FASTEST_LOADER) -> Mapping:
    """The one mapping that ``text`` holds, as plain values; raise InvalidDefinition with the line and the key.

    Refused: anchors and aliases, merge keys, tags beyond the core schema, keys that are not text or stand twice,
    more than 64 levels, 4,000,000 values or 32 MiB, a second document, tag directives, characters that YAML does not
    allow. Each at the first event that shows it: nothing is built from that event or from any later one.

    Cost: linear in the text; each event is looked at once and builds at most one value.
    """
    if len(text) > MAX_FILE_BYTES:
        raise Place(path).refuse(_TOO_LARGE)
    _refuse_characters(text, path)
    _refuse_tag_directives(text, path)
    builder = _Builder(path)
    for event in _events(text, path, loader):
        builder.take(event)
    return builder.document()


def _refuse_characters(text: str, path: str) -> None:
    found = _NOT_YAML.search(text)
    if found:
        place = Place(path, text.count("\n", 0, found.start()) + 1)
        raise place.refuse(f"the character U+{ord(found.group()):04X} is not allowed in YAML")


def _refuse_tag_directives(text: str, path: str) -> None:
    found = _TAG_DIRECTIVE.search(text)
    if found:
        place = Place(path, text.count("\n", 0, found.end()) + 1)
        raise place.refuse("tag directives are not allowed; leave %TAG out, and the tags that it names")


def _events(text: str, path: str, loader: Any) -> Iterator[Any]:
    events = yaml.parse(text, Loader=loader)
    while True:
        try:
            event = next(events, None)
        # PyYAML's own scanner passes the escape "\U7fffffff" to chr(), which raises the latter two.
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            raise _unreadable(error, path) from error
        if event is None:
            return
        yield event


def _unreadable(error: Exception, path: str) -> InvalidDefinition:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "context", None) or str(error)
    place = Place(path, mark.line + 1 if mark else 1)
    # libyaml reads ahead, up to a limit of depth of its own, before the event that is too deep for us comes.
    if "maximum nesting depth" in str(problem):
        return place.refuse(_TOO_DEEP)
    column = f" at column {mark.column + 1}" if mark else ""
    sentence = " ".join(str(problem).split())
    return place.refuse(f"this is not YAML: {sentence[:200]}{column}")


class _Builder:
    """Takes events one by one and keeps the open mappings and lists in a list of its own."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open: list[Mapping | Sequence] = []
        self._keys: list[tuple[str, int] | None] = []
        self._documents: list[Mapping | None] = []
        self._values = 0

    def document(self) -> Mapping:
        """The whole file, once all events were taken."""
        if not self._documents or self._documents[0] is None:
            raise Place(self._path).refuse("the file is empty; it must begin with 'version: 1'")
        return self._documents[0]

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._take_scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._open.pop()
            self._keys.pop()
        elif isinstance(event, yaml.AliasEvent):
            raise self._place(_line(event)).refuse("aliases are not allowed; write the value out")
        elif isinstance(event, yaml.DocumentStartEvent) and self._documents:
            raise Place(self._path, _line(event)).refuse("a second document begins; a file holds exactly one")

    def _take_scalar(self, event: Any) -> None:
        self._refuse_anchor(event)
        line = _line(event)
        value = self._resolve(event, line)
        if self._awaits_key():
            self._take_key(value, line, event)
        else:
            self._put(value, line)

    def _resolve(self, event: Any, line: int) -> Any:
        if event.tag is None or event.tag == "!":
            return resolve_plain(event.value) if event.implicit[0] and event.tag is None else event.value
        kind = _CORE_TAGS.get(event.tag)
        if kind is str:
            return event.value
        value = resolve_plain(event.value)
        if kind is None or type(value) is not kind:
            raise self._place(line).refuse(f"the tag {shown(event.tag)} is not allowed here; leave it out")
        return value

    def _begin(self, event: Any) -> None:
        self._refuse_anchor(event)
        line, is_mapping = _line(event), isinstance(event, yaml.MappingStartEvent)
        if self._awaits_key():
            raise self._place(line).refuse("a key must be text, not a list or a mapping")
        if event.tag not in (None, "!", f"tag:yaml.org,2002:{'map' if is_mapping else 'seq'}"):
            raise self._place(line).refuse(f"the tag {shown(event.tag)} is not allowed here; leave it out")
        if len(self._open) >= MAX_DEPTH:
            raise Place(self._path, line).refuse(_TOO_DEEP)
        value = Mapping(line) if is_mapping else Sequence(line)
        self._put(value, line)
        self._open.append(value)
        self._keys.append(None)

    def _refuse_anchor(self, event: Any) -> None:
        if event.anchor is not None:
            raise self._place(_line(event)).refuse("anchors are not allowed; write the value out where it is used")

    def _awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1], Mapping) and self._keys[-1] is None

    def _take_key(self, key: Any, line: int, event: Any) -> None:
        mapping = self._open[-1]
        assert isinstance(mapping, Mapping)
        if not isinstance(key, str):
            raise self._place(line).refuse(f'a key must be text; quote it: "{shown(event.value)[1:-1]}"')
        if key == "<<" and event.implicit[0]:
            raise self._place(line).refuse("merge keys are not allowed; write the keys out")
        if key in mapping:
            first = mapping.lines[key]
            raise self._place(line).refuse(f"the key {shown(key)} stands twice, first on line {first}")
        mapping.lines[key] = line
        self._keys[-1] = (key, line)

    def _put(self, value: Any, line: int) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            raise Place(self._path, line).refuse(f"the file must hold at most {MAX_VALUES:,} values")
        if not self._open:
            self._put_document(value)
            return
        within = self._open[-1]
        if isinstance(within, Sequence):
            within.append(value)
            within.lines.append(line)
            return
        pending = self._keys[-1]
        assert pending is not None
        within[pending[0]] = value
        self._keys[-1] = None

    def _put_document(self, value: Any) -> None:
        if value is not None and not isinstance(value, Mapping):
            raise Place(self._path).refuse("the file must hold a mapping with the keys version and workflows")
        self._documents.append(value)

    def _place(self, line: int) -> Place:
        """The place of what comes next: each open value but the last is the newest entry of the one that holds it."""
        steps: list[str | int] = [
            len(value) - 1 if isinstance(value, Sequence) else next(reversed(value)) for value in self._open[:-1]
        ]
        if self._open and isinstance(self._open[-1], Sequence):
            steps.append(len(self._open[-1]))
        elif self._open and self._keys[-1]:
            steps.append(self._keys[-1][0])
        return Place(self._path, line, tuple(steps))


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def resolve_plain(text: str) -> Any:
    """The value of an unquoted scalar by the YAML 1.2 core schema; numbers too long to be meant as such stay text."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if text[0] not in _NUMBER_BEGINS:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _OTHER_BASE.fullmatch(text):
        return int(text, 0)
    if _INFINITE.fullmatch(text):
        return float(text.replace(".", ""))
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text
