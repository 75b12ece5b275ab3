"""A hostile YAML text costs no more than reading it: events looked at and values built are counted, never time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowforge_graph.definitions import yaml_text
from flowforge_graph.definitions.loading import nearest, parse_definitions
from flowforge_graph.definitions.yaml_text import FASTEST_LOADER, MAX_VALUES, Mapping, Sequence, parse_yaml, read_text
from flowforge_graph.errors import InvalidDefinition

MANY = 200_000


class Watch:
    """A loader for :func:`parse_yaml` that counts the events it is asked for."""

    def __init__(self, loader: Any) -> None:
        self.events = 0
        watch = self

        class Counting(loader):  # type: ignore[misc]
            def get_event(self) -> Any:
                watch.events += 1
                return super().get_event()

        self.loader = Counting


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every mapping and list that reading has made."""
    made: list[object] = []
    for kind in (Mapping, Sequence):
        original = kind.__init__

        def noted(self: Any, line: int, original: Any = original) -> None:
            made.append(self)
            original(self, line)

        monkeypatch.setattr(kind, "__init__", noted)
    return made


# What is bad, and how many events may be looked at until it is refused: those of the stream, the document and the
# outermost mapping are three.
REFUSED_AT_ONCE = {
    "billion laughs": ("a: &a [lol]\n" + "".join(f"a{n}: [{'*a, ' * 9}*a]\n" for n in range(MANY // 40)), 5),
    "an alias first": ("a: *a\n" + "b: [1]\n" * MANY, 5),
    "a merge key": ("<<: {a: 1}\n" + "b: [1]\n" * MANY, 4),
    "a tag that makes objects": ("a: !!python/object/apply:os.system [x]\n" + "b: [1]\n" * MANY, 5),
    "a tag of another module": ("a: !!python/object:decimal.Decimal {}\n" + "b: [1]\n" * MANY, 5),
    "a binary": ("a: !!binary aGVsbG8=\n" + "b: [1]\n" * MANY, 5),
    "a set": ("a: !!set {b, c}\n" + "b: [1]\n" * MANY, 5),
    "a timestamp": ("a: !!timestamp 2026-01-01\n" + "b: [1]\n" * MANY, 5),
    "lists in lists": ("a: " + "[" * MANY, 3 + 1 + 64),
    "mappings in mappings": ("{a: " * MANY, 3 + 2 * 64),
    "lists in lists, by lines": ("a:\n  " + "- " * MANY, 3 + 1 + 64),
    "a key twice": ("a: 1\na: 2\n" + "b: [1]\n" * MANY, 6),
    "complex keys in complex keys": ("? " * MANY, 4),
    "a list that is no file": ("[" + "a, " * MANY + "]", 3),
    "a hundred documents": ("a: 1\n---\n" * 100, 8),
    "directives": ("".join(f"%TAG !t{n}! tag:x,2026:\n" for n in range(MANY)) + "---\na: 1\n", 0),
    "a directive of the other line ends": ("# x\x85%TAG ! x\n---\na: 1\n", 0),
    "NUL at the end": ("a: [1]\n" * MANY + "\0", 0),
    "a lone surrogate at the end": ("a: [1]\n" * MANY + "\udfff", 0),
    "an escape sequence": ("a: \x1b[2J\n" + "b: [1]\n" * MANY, 0),
    "a control of the second set": ("a: \x9b2J\n" + "b: [1]\n" * MANY, 0),
}


@pytest.mark.parametrize("loader", [yaml.SafeLoader, FASTEST_LOADER])
@pytest.mark.parametrize("case", REFUSED_AT_ONCE)
def test_a_bomb_is_refused_at_its_first_bad_event(case: str, loader: Any, built: list[object]) -> None:
    """No event after the bad one is looked at, nothing is built from it, and one short sentence says why."""
    text, most_events = REFUSED_AT_ONCE[case]
    watch = Watch(loader)
    with pytest.raises(InvalidDefinition) as refusal:
        parse_yaml(text, path="f.yaml", loader=watch.loader)
    assert watch.events <= most_events
    assert len(built) <= watch.events
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 400


MANY_VALUES = {
    "zeros": "a: [" + "0," * 200 + "]",
    "nothings": "a:\n" + "-\n" * 200,
    "keys": "".join(f"k{n}:\n" for n in range(200)),
    "empty mappings": "a: [" + "{}," * 200 + "]",
    "mappings with a key": "a: {" + ",".join(f"k{n}: {{b: c}}" for n in range(60)) + "}",
}


@pytest.mark.parametrize("case", MANY_VALUES)
def test_the_number_of_values_is_bounded(case: str, built: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two bytes can be a value, so the size of the file alone does not bound the memory; here with a small bound."""
    text = MANY_VALUES[case]
    assert parse_yaml(text, path="f.yaml")
    monkeypatch.setattr(yaml_text, "MAX_VALUES", 100)
    built.clear()
    watch = Watch(FASTEST_LOADER)
    with pytest.raises(InvalidDefinition, match=r"^f\.yaml:\d+: the file must hold at most 100 values$"):
        parse_yaml(text, path="f.yaml", loader=watch.loader)
    assert len(built) <= 101
    assert watch.events <= 3 + 3 * 101


def test_the_bound_leaves_room_for_what_people_write() -> None:
    """A hundred thousand workflows with a command and two triggers each stay below it."""
    workflow = "w{n}: {run: {command: [a, b]}, triggers: [{type: manual}, {type: dependency, depends_on: w}]}"
    one = parse_yaml(workflow.replace("{n}", ""), path="f.yaml")
    assert values_in(one) * 100_000 < MAX_VALUES


def values_in(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(values_in, inner))


def test_a_huge_scalar_is_one_value(built: list[object]) -> None:
    """Sixteen megabytes of text are read as one value, and a field that cannot hold it says so in one short line."""
    text = f"version: 1\nname: {'x' * 16_000_000}\nworkflows: {{}}\n"
    with pytest.raises(InvalidDefinition) as refusal:
        parse_definitions(text, path="f.yaml")
    assert len(built) == 2
    assert len(str(refusal.value)) < 400


def test_a_misspelt_name_is_compared_with_a_bounded_number() -> None:
    """The hint of an error looks at ten thousand names, and compares ten of them in full."""
    looked_at = 0

    def names() -> Iterator[str]:
        nonlocal looked_at
        for number in range(1_000_000):
            looked_at += 1
            yield "a" * 96 + f"{number:08}" + "b" * 96

    assert "did you mean" in nearest("a" * 96 + "00000042" + "b" * 95, names())
    assert looked_at == 10_000


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("a: 1\n".encode("utf-16"), "byte 0xff is not UTF-8 text"),
        ("a: 1\n".encode("utf-16-be"), "the character U+0000 is not allowed"),
        ("a: 1\n".encode("utf-32-le"), "the character U+0000 is not allowed"),
        (b"a: \xed\xa0\x80\n", "byte 0xed is not UTF-8 text"),  # a surrogate, written as if it were a character
        (b"a: \xc0\x80\n", "byte 0xc0 is not UTF-8 text"),  # NUL in two bytes
        (b"a: \xf4\x90\x80\x80\n", "byte 0xf4 is not UTF-8 text"),  # beyond the last character
        (b"\x00" * 1_000, "the character U+0000 is not allowed"),
    ],
)
def test_what_is_not_utf_8_is_refused(content: bytes, complaint: str, tmp_path: Path) -> None:
    """UTF-16 with or without its mark, overlong and impossible sequences: the first that is wrong is named."""
    (tmp_path / "f.yaml").write_bytes(content)
    with pytest.raises(InvalidDefinition, match=complaint.replace("+", r"\+")):
        parse_yaml(read_text(tmp_path / "f.yaml"), path="f.yaml")


@pytest.mark.parametrize("text", ["\ufeff\ufeffversion: 1\n", "a: 1\n\ufeffb: 2\n", "a: \ufeff\n"])
def test_a_second_byte_order_mark_is_never_silently_part_of_a_key(text: str) -> None:
    """One mark begins a file; any other is refused, or stays in a value that its field then checks."""
    try:
        top = parse_yaml(text, path="f.yaml")
    except InvalidDefinition:
        return
    assert not any(key.isprintable() and "\ufeff" in key for key in top)
