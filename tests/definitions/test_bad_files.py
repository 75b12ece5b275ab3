"""What a file must not say, and where each complaint points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph.definitions import check_definitions, parse_definitions
from flowforge_graph.errors import (
    CycleError,
    InvalidDefinition,
    InvalidSchedule,
    InvalidTrigger,
    InvalidWorkflow,
)

FILE = """\
version: 1
name: sales
workflows:
  ingestion:
    name: Ingestion
    tags: [raw]
    run: {command: [python, ingest.py]}
    triggers:
      - {type: scheduled, cron: "0 2 * * *", timezone: Europe/Berlin}
  silver:
    triggers:
      - type: dependency
        depends_on: ingestion
        delay_minutes: 5
      - {type: event, event_type: paid}
      - {type: manual}
"""
SILVER = "workflows.silver.triggers"
INGESTION = "workflows.ingestion"

# What of FILE is replaced, by what, and where and what the complaint is.
BAD = {
    "no version": ("version: 1\n", "", "1: version is missing; write 'version: 1'"),
    "another version": ("version: 1", "version: 2", "1: version: this program reads version 1 of the file, not 2"),
    "version as text": ("version: 1", "version: '1'", "1: version: this program reads version 1 of the file, not '1'"),
    "version as a fraction": ("version: 1", "version: 1.0", "1: version: this program reads version 1"),
    "version as a boolean": ("version: 1", "version: true", "1: version: this program reads version 1"),
    "an unknown top key": ("name: sales", "nmae: sales", "2: nmae: there is no key 'nmae' here; did you mean 'name'?"),
    "a name of another kind": ("name: sales", "name: [a]", "2: name: name must be text"),
    "an empty name": ("name: sales", "name: ''", "2: name: name must be text of 1 to 200 printable characters, not ''"),
    "workflows as a list": ("workflows:\n", "workflows: []\nx:\n", "4: x: there is no key 'x' here"),
    "an unknown workflow key": (
        "tags: [raw]",
        "tag: [raw]",
        f"6: {INGESTION}.tag: there is no key 'tag' here; did you",
    ),
    "a schedule as a workflow key": ("tags: [raw]", "on: {x: 1}", f"6: {INGESTION}.on: there is no key 'on' here"),
    "an id with a slash": (
        "  silver:",
        "  a/b:",
        "10: workflows.'a/b': workflow id must have printable characters only",
    ),
    "an empty id": ("  silver:", "  '':", "10: workflows.'': workflow id must have 1 to 200 characters"),
    "an id with NUL": ("  silver:", '  "a\\0":', "10: workflows.'a\\x00': workflow id must have printable characters"),
    "an id with a line feed": ("  silver:", '  "a\\nb":', "10: workflows.'a\\nb': workflow id must have printable"),
    "a reserved id": (
        "  silver:",
        "  available-upstream:",
        "10: workflows.available-upstream: workflow id must not be",
    ),
    "a number as an id": ("  silver:", "  12:", '10: workflows: a key must be text; quote it: "12"'),
    "an id twice": ("  silver:", "  ingestion:", "10: workflows: the key 'ingestion' stands twice, first on line 4"),
    "a workflow name of another kind": ("name: Ingestion", "name: 0", f"5: {INGESTION}.name: name must be text"),
    "an empty workflow name": ("name: Ingestion", "name: ''", f"5: {INGESTION}.name: name must be text"),
    "tags as text": ("tags: [raw]", "tags: raw", f"6: {INGESTION}.tags: tags must be a list"),
    "a description of another kind": (
        "tags: [raw]",
        "description: 5",
        f"6: {INGESTION}.description: description must be",
    ),
    "run as text": ("run: {command: [python, ingest.py]}", "run: x.py", f"7: {INGESTION}.run: run must be a mapping"),
    "an empty run": ("{command: [python, ingest.py]}", "{}", f"7: {INGESTION}.run: run must have exactly one of"),
    "two runs": ("{command:", "{python: 'a:b', command:", f"7: {INGESTION}.run: run must have exactly one of"),
    "an unknown run key": (
        "{command:",
        "{comand:",
        f"7: {INGESTION}.run.comand: there is no key 'comand' here; did you",
    ),
    "a command as text": ("[python, ingest.py]", "x.py", f"7: {INGESTION}.run.command: command must be a list"),
    "a number in a command": (
        "ingest.py]",
        "5]",
        f"7: {INGESTION}.run.command: command must hold text only (quote num",
    ),
    "a bad callable": ("command: [python, ingest.py]", "python: x", f"7: {INGESTION}.run.python: python must be 'mod"),
    "a timeout without a command": (
        "command: [python, ingest.py]",
        "python: 'a:b', timeout_seconds: 5",
        f"7: {INGESTION}.run.timeout_seconds: timeout_seconds belongs to a command only",
    ),
    "a timeout of 0": (
        "ingest.py]",
        "x], timeout_seconds: 0",
        f"7: {INGESTION}.run.timeout_seconds: timeout_seconds must",
    ),
    "triggers as a mapping": (
        "  silver:\n",
        "  x: {triggers: {}}\n  silver:\n",
        "10: workflows.x.triggers: triggers must be",
    ),
    "a trigger as text": ("- {type: manual}", "- manual", f"16: {SILVER}[2]: a trigger must be a mapping"),
    "no type": ("type: manual", "name: x", f"16: {SILVER}[2]: type is missing; it must be one of manual, scheduled"),
    "an unknown type": ("type: manual", "type: manuel", f"16: {SILVER}[2].type: type must be one of manual, scheduled"),
    "a type of another kind": ("type: manual", "type: [manual]", f"16: {SILVER}[2].type: type must be one of manual"),
    "an unknown trigger key": (
        "type: manual",
        "type: manual, nam: x",
        f"16: {SILVER}[2].nam: there is no key 'nam' here",
    ),
    "a key of another type": (
        "type: manual",
        "type: manual, cron: '@daily'",
        f"16: {SILVER}[2].cron: cron belongs to triggers of type scheduled, and this one is of type manual",
    ),
    "yes for enabled": (
        "type: manual",
        "type: manual, enabled: yes",
        f"16: {SILVER}[2].enabled: enabled must be true or",
    ),
    "1 for enabled": (
        "type: manual",
        "type: manual, enabled: 1",
        f"16: {SILVER}[2].enabled: enabled must be true or fal",
    ),
    "a delay of 61": (
        "minutes: 5",
        "minutes: 61",
        f"14: {SILVER}[0].delay_minutes: delay_minutes must be between 0 and 60",
    ),
    "a delay of -1": (
        "minutes: 5",
        "minutes: -1",
        f"14: {SILVER}[0].delay_minutes: delay_minutes must be between 0 and 60",
    ),
    "a delay of 2.5": ("minutes: 5", "minutes: 2.5", f"14: {SILVER}[0].delay_minutes: delay_minutes must be a whole"),
    "a delay as text": ("minutes: 5", "minutes: '5'", f"14: {SILVER}[0].delay_minutes: delay_minutes must be a whole"),
    "no upstream": ("        depends_on: ingestion\n", "", f"12: {SILVER}[0]: depends_on is missing"),
    "an upstream of another kind": (
        "depends_on: ingestion",
        "depends_on: [a]",
        f"13: {SILVER}[0].depends_on: depends_on mu",
    ),
    "an unknown condition": (
        "delay_minutes: 5",
        "condition: success",
        f"14: {SILVER}[0].condition: condition must be one of",
    ),
    "no cron": ('cron: "0 2 * * *", ', "", f"9: {INGESTION}.triggers[0]: cron is missing"),
    "six cron fields": (
        "0 2 * * *",
        "0 0 2 * * *",
        f"9: {INGESTION}.triggers[0].cron: cron expression '0 0 2 * * *' has 6",
    ),
    "a cron that never fires": ("0 2 * * *", "0 0 30 2 *", f"9: {INGESTION}.triggers[0].cron: "),
    "a cron of another kind": ('"0 2 * * *"', "5", f"9: {INGESTION}.triggers[0].cron: "),
    "an unknown zone": ("Europe/Berlin", "Europe/Brlin", f"9: {INGESTION}.triggers[0].timezone: there is no time zone"),
    "a misfire policy": (
        "timezone: Europe/Berlin",
        "misfire_policy: last",
        f"9: {INGESTION}.triggers[0].misfire_policy: mi",
    ),
    "no event type": ("event_type: paid", "event_config: {}", f"15: {SILVER}[1]: event_type is missing"),
    "a list as an event configuration": (
        "event_type: paid",
        "event_type: p, event_config: [a]",
        f"15: {SILVER}[1].event_c",
    ),
    "infinity in a configuration": (
        "event_type: paid",
        "event_type: p, event_config: {a: .inf}",
        f"15: {SILVER}[1].event_c",
    ),
    "a trigger twice": (
        "- {type: event, event_type: paid}",
        "- {type: manual}",
        f"16: {SILVER}[2]: the manual trigger of ",
    ),
    "an alias": ("[raw]", "*x", f"6: {INGESTION}.tags: aliases are not allowed"),
    "a merge key": (
        "      - {type: manual}",
        "      - {<<: {type: manual}}",
        f"16: {SILVER}[2]: merge keys are not allowed",
    ),
    "not YAML": ("{type: manual}", "{type: manual", "17: this is not YAML: "),
    "an unknown upstream": (
        "depends_on: ingestion",
        "depends_on: ingestoin",
        f"13: {SILVER}[0].depends_on: there is no workflow 'ingestoin' in this file; did you mean 'ingestion'?",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_at_its_line_and_key(case: str) -> None:
    """One sentence that begins with the file, the line and the key path."""
    old, new, complaint = BAD[case]
    assert FILE.count(old) == 1
    with pytest.raises(InvalidDefinition) as refusal:
        check_definitions(parse_definitions(FILE.replace(old, new), path="f.yaml"))
    assert str(refusal.value).startswith(f"f.yaml:{complaint}")
    assert "\n" not in str(refusal.value)


def test_the_file_that_the_table_spoils_is_good() -> None:
    """Without the mistakes of the table nothing is refused."""
    graph = check_definitions(parse_definitions(FILE, path="f.yaml"))
    assert graph.upstream("silver") == ["ingestion"]


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ("minutes: 5", "minutes: 61", InvalidTrigger),
        ("0 2 * * *", "x", InvalidSchedule),
        ("[raw]", "raw", InvalidWorkflow),
    ],
)
def test_the_error_of_the_value_is_the_cause(old: str, new: str, cause: type[Exception]) -> None:
    """What the value said is kept for those who look."""
    with pytest.raises(InvalidDefinition) as refusal:
        parse_definitions(FILE.replace(old, new), path="f.yaml")
    assert isinstance(refusal.value.__cause__, cause)


@pytest.mark.parametrize(
    "pair",
    [
        ("{type: scheduled, name: n, cron: '@daily'}", "{type: scheduled, name: n, cron: '@hourly'}"),
        ("{type: scheduled, cron: '0  1 * * *'}", "{type: scheduled, cron: '0 1 * * *', misfire_policy: all}"),
        ("{type: event, event_type: e}", "{type: event, event_type: e, event_config: {a: 1}}"),
        ("{type: event, event_type: e, name: n}", "{type: event, event_type: f, name: n}"),
        ("{type: dependency, depends_on: x}", "{type: dependency, depends_on: x, delay_minutes: 3}"),
        ("{type: manual, name: n}", "{type: manual, name: n}"),
    ],
)
def test_two_triggers_with_one_natural_key_are_refused_with_both_lines(pair: tuple[str, str]) -> None:
    """They would have one id."""
    text = f"version: 1\nworkflows:\n  w:\n    triggers:\n    - {pair[0]}\n    - {pair[1]}\n"
    with pytest.raises(InvalidDefinition, match=r"^f\.yaml:6: workflows\.w\.triggers\[1\]: .* twice, first on line 5"):
        parse_definitions(text, path="f.yaml")


def test_a_stem_that_is_no_name_asks_for_one() -> None:
    """Where the file says no name, its stem must be one."""
    with pytest.raises(InvalidDefinition, match="the file's stem is its name, and must be text of 1 to 200"):
        parse_definitions("version: 1\nworkflows: {}", path="x" * 300 + ".yaml")


def test_workflows_are_not_forgotten_silently() -> None:
    """A file without workflows says so: an empty key by mistake would prune everything."""
    for text in ("version: 1", "version: 1\nworkflows:\n"):
        with pytest.raises(InvalidDefinition, match="workflows is missing; write 'workflows: "):
            parse_definitions(text, path="f.yaml")


def test_long_values_are_shortened_in_complaints() -> None:
    """A hostile value cannot flood a message."""
    text = FILE.replace("depends_on: ingestion", f"depends_on: {'x' * 10_000}").replace("type: paid", "type: p")
    with pytest.raises(InvalidDefinition) as refusal:
        parse_definitions(text, path="f.yaml")
    assert len(str(refusal.value)) < 400


def test_a_path_with_a_line_feed_stays_one_sentence() -> None:
    """File names are shown escaped where they are not printable."""
    with pytest.raises(InvalidDefinition) as refusal:
        parse_definitions("", path="a\nb.yaml")
    assert str(refusal.value).startswith("'a\\nb.yaml':1: ")


LINES = st.sampled_from([*FILE.splitlines(), "version: 1", "workflows: {a: , b: {triggers: [{type: manual}]}}"])
SPOILT = st.tuples(st.integers(0, len(FILE)), st.integers(0, 30), st.text(max_size=8)).map(
    lambda cut: FILE[: cut[0]] + cut[2] + FILE[cut[0] + cut[1] :]
)


@given(text=SPOILT | st.lists(LINES, max_size=20).map("\n".join) | st.text())
def test_any_text_is_accepted_or_refused(text: str) -> None:
    """Nothing but InvalidDefinition and CycleError ever leaves loading and checking."""
    refusal = refusal_of(text)
    assert refusal == "" or refusal.startswith("f.yaml:")
    assert "\n" not in refusal


def refusal_of(text: str) -> str:
    """What is said of a text; empty if it is accepted."""
    try:
        check_definitions(parse_definitions(text, path="f.yaml"))
    except (InvalidDefinition, CycleError) as refusal:
        return str(refusal)
    return ""
