"""A trigger file as workflows and triggers, each remembering where it stands in the file.

The keys of the file, beside the contract's example: a workflow takes ``name``, ``description``, ``run``, ``tags`` and
``triggers``; a run exactly one of ``command`` (with an optional ``timeout_seconds``), ``python`` and ``prefect``; every
trigger ``type``, ``name`` and ``enabled``, and by its type

- scheduled: ``cron``, ``timezone``, ``misfire_policy``, ``schedule_owner``
- dependency: ``depends_on``, ``condition``, ``delay_minutes``
- event: ``event_type``, ``event_config``

A key without a value counts as left out. A workflow without a body has no run (its host runs it) and no triggers.
"""

from __future__ import annotations

import difflib
import heapq
import os
from collections.abc import Callable, Collection, Iterable
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from flowforge_graph.definitions.places import Place
from flowforge_graph.definitions.trigger_ids import derived_id, described
from flowforge_graph.definitions.yaml_text import Mapping, Sequence, parse_yaml, read_text
from flowforge_graph.errors import FlowforgeGraphError, shown
from flowforge_graph.model import TRIGGER_TYPES, AnyTrigger, CommandRun, PythonRun, Workflow, parse_run, parse_trigger
from flowforge_graph.model.ids import MAX_ID_LENGTH, checked_name

VERSION: Final = 1

_TOP_KEYS: Final = ("version", "name", "workflows")
_WORKFLOW_KEYS: Final = ("name", "description", "run", "tags", "triggers")
_RUN_KEYS: Final = ("command", "python", "prefect", "timeout_seconds")
_COMMON_TRIGGER_KEYS: Final = {"type": "trigger_type", "name": "trigger_name", "enabled": "enabled"}
# Per type: the key in the file → the field of the value. The first is the one that cannot be left out.
OWN_TRIGGER_KEYS: Final[dict[str, dict[str, str]]] = {
    "manual": {},
    "scheduled": {
        "cron": "cron_expression",
        "timezone": "timezone",
        "misfire_policy": "misfire_policy",
        "schedule_owner": "schedule_owner",
    },
    "dependency": {
        "depends_on": "depends_on_workflow_id",
        "condition": "dependency_condition",
        "delay_minutes": "delay_minutes",
    },
    "event": {"event_type": "event_type", "event_config": "event_config"},
}
_OWNER_OF_KEY: Final = {key: kind for kind, keys in OWN_TRIGGER_KEYS.items() for key in keys}
_LOOKED_AT: Final = 10_000
_COMPARED_AT_LENGTH: Final = 10
_Built = TypeVar("_Built")


@dataclass(frozen=True, kw_only=True)
class Definitions:
    """What one file defines, in the file's order.

    ``name`` is the source that the rows of the file carry and ``folder`` the absolute folder in which its commands
    run (links in it are kept, so that a moved link is not a change). ``triggers`` carry their derived ids.
    ``stated_enabled`` holds the ids of the triggers that say whether they are enabled; the others keep what is stored.
    ``workflow_places`` and ``trigger_places`` say where in the file each id is defined.
    """

    name: str
    path: str
    folder: str
    workflows: tuple[Workflow, ...] = ()
    triggers: tuple[AnyTrigger, ...] = ()
    stated_enabled: frozenset[str] = frozenset()
    workflow_places: AnyMapping[str, Place] = field(default_factory=dict, repr=False)
    trigger_places: AnyMapping[str, Place] = field(default_factory=dict, repr=False)


def load_definitions(path: str | os.PathLike[str]) -> Definitions:
    """Read a trigger file.

    Args:
        path: the file; its folder is where its commands run, its stem the default of its name.

    Raises:
        InvalidDefinition: the file cannot be read or accepted; the sentence begins with path, line and key.
    """
    return parse_definitions(read_text(Path(path)), path=os.fspath(path))


def parse_definitions(text: str, *, path: str | os.PathLike[str]) -> Definitions:
    """Read the text of a trigger file that stands, or would stand, at ``path``. Raises InvalidDefinition."""
    reader = _Reader(parse_yaml(text, path=str(path)), str(path))
    reader.read()
    return reader.definitions()


class _Reader:
    """Walks the file's values once and collects what they define."""

    def __init__(self, top: Mapping, path: str) -> None:
        self._top = top
        self._path = path
        self._name = ""
        self._folder = os.path.dirname(os.path.abspath(path))
        self._workflows: list[Workflow] = []
        self._triggers: dict[str, AnyTrigger] = {}
        self._stated_enabled: set[str] = set()
        self._workflow_places: dict[str, Place] = {}
        self._trigger_places: dict[str, Place] = {}

    def definitions(self) -> Definitions:
        return Definitions(
            name=self._name,
            path=self._path,
            folder=self._folder,
            workflows=tuple(self._workflows),
            triggers=tuple(self._triggers.values()),
            stated_enabled=frozenset(self._stated_enabled),
            workflow_places=self._workflow_places,
            trigger_places=self._trigger_places,
        )

    def read(self) -> None:
        place = Place(self._path)
        _refuse_other_versions(self._top, place)
        _refuse_unknown_keys(self._top, place, _TOP_KEYS)
        self._name = self._source_name(place)
        for workflow_id, body, where in _entries(_workflows(self._top, place), place):
            self._read_workflow(workflow_id, body, where)

    def _source_name(self, place: Place) -> str:
        if self._top.get("name") is None:
            stem = Path(self._path).stem
            return _checked(lambda: checked_name(stem, field="the file's stem is its name, and"), place)
        where = place.at("name", self._top.lines["name"])
        return _checked(lambda: checked_name(self._top["name"], field="name"), where)

    def _read_workflow(self, workflow_id: str, body: Any, place: Place) -> None:
        body = Mapping(place.line) if body is None else body
        if not isinstance(body, Mapping):
            raise place.refuse(f"a workflow must be a mapping of {_listed(_WORKFLOW_KEYS)}, not {shown(body)}")
        _refuse_unknown_keys(body, place, _WORKFLOW_KEYS)
        workflow = self._workflow(workflow_id, body, place)
        self._workflows.append(workflow)
        self._workflow_places[workflow_id] = place
        for position, trigger in enumerate(triggers := _list_at(body, "triggers", place)):
            self._read_trigger(workflow_id, trigger, place.at("triggers", 0).at(position, triggers.lines[position]))

    def _workflow(self, workflow_id: str, body: Mapping, place: Place) -> Workflow:
        run = _run(body, place)
        fields = {"id": workflow_id, **_given(body, {"name": "name", "description": "description", "tags": "tags"})}
        if isinstance(run, CommandRun | PythonRun):
            fields["run_folder"] = self._folder
        if "name" in fields:
            where = place.at("name", body.lines["name"])
            _checked(lambda: checked_name(fields["name"], field="name"), where)
        return _checked(lambda: Workflow(**fields, run=run, source=self._name), place, body)

    def _read_trigger(self, workflow_id: str, body: Any, place: Place) -> None:
        if not isinstance(body, Mapping):
            raise place.refuse(f"a trigger must be a mapping, like {{type: manual}}, not {shown(body)}")
        keys = _trigger_keys(body, place)
        fields = {"workflow_id": workflow_id, **_given(body, keys), "source": self._name}
        trigger = _checked(lambda: parse_trigger(fields), place, body, keys, f"trigger of '{workflow_id}': ")
        # The id is made of checked values, so that it needs no check of its own.
        self._keep(trigger.model_copy(update={"id": derived_id(trigger, source=self._name)}), body, place)

    def _keep(self, trigger: AnyTrigger, body: Mapping, place: Place) -> None:
        if trigger.id in self._triggers:
            first = self._trigger_places[trigger.id].line
            hint = "" if trigger.trigger_type == "dependency" else "; give each a name of its own"
            raise place.refuse(f"the {described(trigger)} stands twice, first on line {first}{hint}")
        self._triggers[trigger.id] = trigger
        self._trigger_places[trigger.id] = _line_of_key("depends_on", body, place)
        if body.get("enabled") is not None:
            self._stated_enabled.add(trigger.id)


def _refuse_other_versions(top: Mapping, place: Place) -> None:
    version = top.get("version")
    if version is None:
        raise place.refuse(f"version is missing; write 'version: {VERSION}'")
    if isinstance(version, bool) or version != VERSION or not isinstance(version, int):
        where = place.at("version", top.lines["version"])
        raise where.refuse(f"this program reads version {VERSION} of the file, not {shown(version)}")


def _refuse_unknown_keys(body: Mapping, place: Place, known: Collection[str]) -> None:
    for key, line in body.lines.items():
        if key not in known:
            raise place.at(key, line).refuse(f"there is no key {shown(key)} here{nearest(key, known)}")


def nearest(word: object, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` with the known word nearest to ``word``; empty if none is near.

    Cost: linear in the first 10,000 known words. Only the most likely are compared at length, which takes time by the
    square of theirs.
    """
    honest = str(word)[:MAX_ID_LENGTH]
    matcher = difflib.SequenceMatcher(b=honest)

    def likeness(candidate: str) -> float:
        matcher.set_seq1(candidate)
        return matcher.quick_ratio()

    likely = heapq.nlargest(_COMPARED_AT_LENGTH, islice(known, _LOOKED_AT), key=likeness)
    near = difflib.get_close_matches(honest, likely, n=1)
    return f"; did you mean {shown(near[0])}?" if near else ""


def _entries(workflows: Mapping, place: Place) -> Iterable[tuple[str, Any, Place]]:
    above = place.at("workflows", 0)
    return ((key, body, above.at(key, workflows.lines[key])) for key, body in workflows.items())


def _workflows(top: Mapping, place: Place) -> Mapping:
    value = top.get("workflows")
    if value is None:
        raise _line_of_key("workflows", top, place).refuse("workflows is missing; write 'workflows: {}' for none")
    if not isinstance(value, Mapping):
        raise _line_of_key("workflows", top, place).refuse(f"workflows must be a mapping, not {shown(value)}")
    return value


def _list_at(body: Mapping, key: str, place: Place) -> Sequence:
    value = body.get(key)
    if value is None:
        return Sequence(place.line)
    if not isinstance(value, Sequence):
        raise place.at(key, body.lines[key]).refuse(f"{key} must be a list, not {shown(value)}")
    return value


def _run(body: Mapping, place: Place) -> Any:
    value = body.get("run")
    if value is None:
        return None
    where = place.at("run", body.lines["run"])
    if not isinstance(value, Mapping):
        raise where.refuse(f"run must be a mapping, like {{command: [program, argument]}}, not {shown(value)}")
    _refuse_unknown_keys(value, where, _RUN_KEYS)
    if "timeout_seconds" in value and "command" not in value:
        raise _line_of_key("timeout_seconds", value, where).refuse("timeout_seconds belongs to a command only")
    return _checked(lambda: parse_run(_given(value, {key: key for key in _RUN_KEYS})), where, value)


def _trigger_keys(body: Mapping, place: Place) -> dict[str, str]:
    """The keys that a trigger of this type takes, and the fields they mean."""
    kind = body.get("type")
    if kind is None:
        raise place.refuse(f"type is missing; it must be one of {_listed(TRIGGER_TYPES)}")
    if not isinstance(kind, str) or kind not in OWN_TRIGGER_KEYS:
        sentence = f"type must be one of {_listed(TRIGGER_TYPES)}, not {shown(kind)}{nearest(kind, TRIGGER_TYPES)}"
        raise _line_of_key("type", body, place).refuse(sentence)
    own = OWN_TRIGGER_KEYS[kind]
    _refuse_keys_of_other_types(kind, body, place)
    _refuse_unknown_keys(body, place, [*_COMMON_TRIGGER_KEYS, *own])
    for required in list(own)[:1]:
        if body.get(required) is None:
            raise place.refuse(f"{required} is missing; a trigger of type {kind} needs it")
    return _COMMON_TRIGGER_KEYS | own


def _refuse_keys_of_other_types(kind: str, body: Mapping, place: Place) -> None:
    for key, line in body.lines.items():
        owner = _OWNER_OF_KEY.get(key, kind)
        if owner != kind:
            sentence = f"{key} belongs to triggers of type {owner}, and this one is of type {kind}"
            raise place.at(key, line).refuse(sentence)


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}"


def _given(body: Mapping, keys: AnyMapping[str, str]) -> dict[str, Any]:
    """What ``body`` says, by field name; a key without a value counts as left out."""
    return {name: body[key] for key, name in keys.items() if body.get(key) is not None}


def _line_of_key(key: str, body: Mapping, place: Place) -> Place:
    return place.at(key, body.lines[key]) if key in body else place


def _checked(
    build: Callable[[], _Built],
    place: Place,
    body: Mapping | None = None,
    keys: AnyMapping[str, str] | None = None,
    needless: str = "",
) -> _Built:
    """What ``build`` returns; what it refuses is said of the key of ``body`` that holds the refused field.

    ``keys`` names the fields that keys mean, where they differ. ``needless`` is what the sentence begins with and the
    place says better.
    """
    try:
        return build()
    except (FlowforgeGraphError, ValueError) as error:
        refused = _refused_field(error)
        key = next((key for key, name in (keys or {}).items() if name == refused), refused)
        where = _line_of_key(key, body, place) if body is not None and key else place
        sentence = str(error).removeprefix(needless)
        if refused and key and sentence.startswith(f"{refused} "):
            sentence = key + sentence.removeprefix(refused)
        raise where.refuse(sentence) from error


def _refused_field(error: Exception) -> str | None:
    """The field that a value's constructor refused: its error was made from the ValidationError that names it."""
    if not isinstance(error.__context__, ValidationError):
        return None
    location = error.__context__.errors(include_url=False)[0]["loc"]
    return str(location[0]) if location else None
