"""What is stored as the text of a trigger file that loads back to the same workflows and triggers.

Written by hand and not by PyYAML: a trigger stays on one line, and text is quoted wherever YAML 1.1 or 1.2 would read
anything but that text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from flowforge_graph.definitions.loading import OWN_TRIGGER_KEYS, VERSION
from flowforge_graph.definitions.planning import DefinitionStore
from flowforge_graph.definitions.trigger_ids import described, full_key
from flowforge_graph.definitions.yaml_text import parse_yaml, resolve_plain
from flowforge_graph.errors import InvalidDefinition
from flowforge_graph.model import TRIGGER_CLASSES, AnyTrigger, Run, Workflow
from flowforge_graph.model.ids import MAX_ID_LENGTH

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")
# Words that other YAML programs read as booleans.
_YAML_1_1_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
# What never depends on a default that could change.
_ALWAYS_SAID: Final = frozenset({"dependency_condition", "timezone"})


def export_definitions(engine: DefinitionStore, *, source: str | None = None) -> str:
    """The stored workflows and triggers as the text of one trigger file.

    Args:
        engine: the engine whose database is read.
        source: only what the file of this name defined; by default everything.

    Returns:
        YAML, workflows by id and triggers in creation order. It has a ``name`` where all rows have the same source.
        The folder that commands run in is the one the file is applied from, and so not in the text.

    Raises:
        InvalidDefinition: an event configuration is too deep, or a key in it too long, for a file.
    """
    stored = engine.stored_definitions()
    workflows = [row for row in stored.workflows.values() if source in (None, row.source)]
    triggers = [row for row in stored.triggers.values() if source in (None, row.source)]
    return definitions_text(workflows, triggers, name=source or _only_source(workflows, triggers))


def _only_source(workflows: Iterable[Workflow], triggers: Iterable[AnyTrigger]) -> str | None:
    sources = {row.source for row in (*workflows, *triggers)}
    return sources.pop() if len(sources) == 1 else None


def definitions_text(workflows: Iterable[Workflow], triggers: Iterable[AnyTrigger], *, name: str | None = None) -> str:
    """The text of a trigger file that defines ``workflows`` and their ``triggers``, in the order given.

    Triggers that the API may hold but that a file could not tell apart get a name with a number.
    """
    per_workflow: dict[str, list[AnyTrigger]] = {}
    for trigger in _told_apart(triggers):
        per_workflow.setdefault(trigger.workflow_id, []).append(trigger)
    ordered = sorted(workflows, key=lambda workflow: workflow.id)
    lines = [f"version: {VERSION}", *([f"name: {_text(name)}"] if name else []), ""]
    lines += ["workflows:"] if ordered else ["workflows: {}"]
    for workflow in ordered:
        lines += _workflow_lines(workflow, per_workflow.get(workflow.id, []))
    return "\n".join(lines) + "\n"


def _told_apart(triggers: Iterable[AnyTrigger]) -> Iterator[AnyTrigger]:
    triggers = tuple(triggers)
    used: set[tuple[str, ...]] = set()
    reserved = {full_key(trigger) for trigger in triggers}
    for trigger in triggers:
        distinct = trigger
        if full_key(trigger) in used:
            distinct = next(other for other in _numbered(trigger) if full_key(other) not in used | reserved)
        used.add(full_key(distinct))
        yield distinct


def _numbered(trigger: AnyTrigger) -> Iterator[AnyTrigger]:
    name = trigger.trigger_name or trigger.trigger_type
    for number in range(2, 1_000_000):
        ending = f" ({number})"
        yield trigger.evolve(trigger_name=name[: MAX_ID_LENGTH - len(ending)] + ending)


def _workflow_lines(workflow: Workflow, triggers: list[AnyTrigger]) -> Iterator[str]:
    body = [*_described_lines(workflow), *(f"      - {_trigger_text(trigger)}" for trigger in triggers)]
    if triggers:
        body.insert(len(body) - len(triggers), "    triggers:")
    yield f"  {_text(workflow.id)}:"
    yield from body


def _described_lines(workflow: Workflow) -> Iterator[str]:
    if workflow.name != workflow.id:
        yield f"    name: {_text(workflow.name)}"
    if workflow.description is not None:
        yield from _description_lines(workflow.description)
    if workflow.tags:
        yield f"    tags: {_flow_list(workflow.tags)}"
    if workflow.run is not None:
        yield f"    run: {_run_text(workflow.run)}"


def _description_lines(text: str) -> Iterator[str]:
    """As a block where the lines can stand as they are, else in quotes."""
    lines = text.removesuffix("\n").split("\n")
    fits = all(line.isprintable() and not line.startswith(" ") for line in lines) and lines[0] and lines[-1]
    if len(lines) == 1 or not fits:
        yield f"    description: {_text(text)}"
        return
    yield f"    description: {'|' if text.endswith(chr(10)) else '|-'}"
    yield from (f"      {line}" if line else "" for line in lines)


def _run_text(run: Run) -> str:
    return _flow_mapping({key: value for key, value in run if value is not None})


def _trigger_text(trigger: AnyTrigger) -> str:
    said: dict[str, Any] = {"type": trigger.trigger_type}
    if trigger.trigger_name is not None:
        said["name"] = trigger.trigger_name
    for key, name in OWN_TRIGGER_KEYS[trigger.trigger_type].items():
        value = getattr(trigger, name)
        default = TRIGGER_CLASSES[trigger.trigger_type].model_fields[name].default
        if name in _ALWAYS_SAID or value != default:
            said[key] = value
    if not trigger.enabled:
        said["enabled"] = False
    return _readable(_flow_mapping(said), trigger)


def _readable(text: str, trigger: AnyTrigger) -> str:
    """``text`` itself; an event configuration may be deeper, or have longer keys, than YAML or a file allows."""
    if trigger.trigger_type == "event":
        try:
            parse_yaml(f"{{a: {{b: {{c: [{text}]}}}}}}", path="export")
        except InvalidDefinition as error:
            raise InvalidDefinition(f"the {described(trigger)} cannot be written to a file: {error}") from error
    return text


def _flow_mapping(values: dict[str, Any]) -> str:
    return f"{{{', '.join(f'{_text(key)}: {_value(value)}' for key, value in values.items())}}}"


def _flow_list(values: Iterable[Any]) -> str:
    return f"[{', '.join(map(_value, values))}]"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    return _flow_list(value) if isinstance(value, tuple) else _escaped(json.dumps(value, ensure_ascii=False))


def _text(text: str) -> str:
    """``text`` as a scalar: as it stands where every YAML reads it as text, else in double quotes as JSON has them."""
    if _PLAIN.fullmatch(text) and text.lower() not in _YAML_1_1_WORDS and resolve_plain(text) == text:
        return text
    return _escaped(json.dumps(text, ensure_ascii=False))


def _escaped(quoted: str) -> str:
    """JSON as YAML: what is not printable stands inside quotes only, and YAML has an escape for each of it."""
    if quoted.isprintable():
        return quoted
    return "".join(character if character.isprintable() else f"\\U{ord(character):08x}" for character in quoted)
