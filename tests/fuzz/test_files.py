"""Fuzz target: trigger files, as text."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph.definitions import apply_definitions, check_definitions, export_definitions, parse_definitions
from flowforge_graph.definitions.loading import Definitions
from flowforge_graph.definitions.planning import plan_definitions
from flowforge_graph.errors import CycleError, InvalidDefinition
from tests.definitions.memory_store import MemoryStore
from tests.fuzz.refusals import accepted
from tests.fuzz.test_values import spoilt
from tests.support.nasty import nasty_texts

KEYS = ["version", "name", "workflows", "run", "command", "python", "tags", "triggers", "type", "cron", "depends_on"]
WORDS = [
    "1",
    "manual",
    "scheduled",
    "dependency",
    "event",
    "@daily",
    "0 2 * * *",
    "true",
    "~",
    "a",
    "b",
    "[a, b]",
    "{}",
]
FILE = """\
version: 1
name: sales
workflows:
  a:
    name: Ingest
    run: {command: [python, ingest.py], timeout_seconds: 5}
    tags: [raw]
    triggers:
      - {type: scheduled, cron: "0 2 * * *", timezone: Europe/Berlin}
      - {type: event, event_type: paid, event_config: {a: [1, 2.5, null, x]}}
  b:
    description: |
      Two
      lines
    triggers:
      - type: dependency
        depends_on: a
        delay_minutes: 5
      - {type: manual, enabled: false}
"""


def quoted(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """As YAML writes any text at all: JSON's quotes."""
    return texts.map(json.dumps)


def flow_values() -> st.SearchStrategy[str]:
    """Values as text on one line, some with what is never allowed."""
    scalars = st.sampled_from([*WORDS, "*a", "&a x", "!!python/object:os.system {}", "!t x", "<<"]) | quoted(
        nasty_texts()
    )
    keys = st.sampled_from(KEYS) | quoted(nasty_texts())
    return st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]")
            | st.lists(st.tuples(keys, inner), max_size=4).map(
                lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
            )
        ),
        max_leaves=10,
    )


def files() -> st.SearchStrategy[str]:
    """Files that are nearly good: a good one spoilt, its lines in disorder, and any values for workflows."""
    line = st.sampled_from(FILE.splitlines())
    return (
        spoilt(st.just(FILE))
        | st.lists(line, max_size=25).map("\n".join)
        | st.dictionaries(quoted(nasty_texts()) | st.sampled_from(["a", "b"]), flow_values(), max_size=4).map(
            lambda body: "version: 1\nworkflows:\n" + "".join(f"  {key}: {value}\n" for key, value in body.items())
        )
        | st.lists(flow_values(), max_size=3).map(
            lambda bodies: f"version: 1\nworkflows:\n  a:\n    triggers: [{', '.join(bodies)}]\n  b: {{}}\n"
        )
        | quoted(nasty_texts()).map(
            lambda text: (
                f"version: 1\nworkflows:\n  a:\n    description: {text}\n    run: {{command: [x, {text}]}}\n"
                f"    triggers: [{{type: event, event_type: e, event_config: {{k: [{text}]}}}}]\n"
            )
        )
        | nasty_texts()
        | st.text(max_size=200)
    )


def loaded(text: str) -> Definitions:
    definitions = parse_definitions(text, path="/srv/f.yaml")
    check_definitions(definitions)
    return definitions


@given(text=files())
def test_trigger_files(text: str) -> None:
    """An accepted file, applied, exported and read again, leaves nothing to change."""
    definitions = accepted(lambda: loaded(text), size=len(text), refusals=(InvalidDefinition, CycleError))
    if definitions is not None:
        store = MemoryStore()
        apply_definitions(store, definitions)
        exported = export_definitions(store, source=definitions.name)
        again = parse_definitions(exported, path="/srv/again.yaml")
        assert plan_definitions(store, again, prune=True).is_empty
