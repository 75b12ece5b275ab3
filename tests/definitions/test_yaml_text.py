"""What a YAML text may hold and how it is read: both of PyYAML's readers answer alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph.definitions.yaml_text import (
    FASTEST_LOADER,
    MAX_FILE_BYTES,
    Mapping,
    parse_yaml,
    read_text,
    resolve_plain,
)
from flowforge_graph.errors import InvalidDefinition

LOADERS = [yaml.SafeLoader, FASTEST_LOADER]
BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20)
)

REFUSED = {
    "nothing": ("", "f.yaml:1: the file is empty"),
    "only a comment": ("# nothing\n", "f.yaml:1: the file is empty"),
    "null": ("---\n", "f.yaml:1: the file is empty"),
    "a list": ("- a\n", "f.yaml:1: the file must hold a mapping"),
    "a word": ("hello", "f.yaml:1: the file must hold a mapping"),
    "two documents": ("a: 1\n---\nb: 2\n", "f.yaml:2: a second document begins"),
    "an alias": ("a: *b\n", "f.yaml:1: a: aliases are not allowed"),
    "an anchor": ("a: 1\nb:\n  - c: &x 1\n", "f.yaml:3: b[0].c: anchors are not allowed"),
    "an anchored mapping": ("a: &x {}\n", "f.yaml:1: a: anchors are not allowed"),
    "an alias as a key": ("? *x\n: 1\n", "f.yaml:1: aliases are not allowed"),
    "an alias bomb": (BOMB, "f.yaml:1: a: anchors are not allowed"),
    "a merge key": ("a:\n  <<: {b: 1}\n", "f.yaml:2: a: merge keys are not allowed"),
    "a tag": ("a: !!python/name:os.system x\n", "f.yaml:1: a: the tag 'tag:yaml.org,2002:python/name:os.system'"),
    "an own tag": ("a: !mine {}\n", "f.yaml:1: a: the tag '!mine' is not allowed"),
    "a tag that does not fit": ("a: !!int x\n", "f.yaml:1: a: the tag 'tag:yaml.org,2002:int' is not allowed"),
    "a key twice": ("a: 1\nb: 2\na: 3\n", "f.yaml:3: the key 'a' stands twice, first on line 1"),
    "a key twice, quoted": ('a: 1\n"a": 3\n', "f.yaml:2: the key 'a' stands twice, first on line 1"),
    "a number as a key": ("w:\n  123: x\n", 'f.yaml:2: w: a key must be text; quote it: "123"'),
    "a fraction as a key": ("1.5: x\n", 'f.yaml:1: a key must be text; quote it: "1.5"'),
    "null as a key": ("~: x\n", 'f.yaml:1: a key must be text; quote it: "~"'),
    "true as a key": ("true: x\n", 'f.yaml:1: a key must be text; quote it: "true"'),
    "a list as a key": ("? [a]\n: 1\n", "f.yaml:1: a key must be text, not a list"),
    "NUL": ("a: 1\nb: \0\n", "f.yaml:2: the character U+0000 is not allowed"),
    "a bell": ("a: \a\n", "f.yaml:1: the character U+0007 is not allowed"),
    "a lone surrogate": ("a: \ud800\n", "f.yaml:1: the character U+D800 is not allowed"),
    "an open bracket": ("a: [1\nb: 2\n", "f.yaml:2: this is not YAML: "),
    "a tab as indentation": ("a:\n\tb: 1\n", "f.yaml:2: this is not YAML: "),
    "an impossible escape": ('a: "\\U7fffffff"\n', "f.yaml:1: this is not YAML: "),
    "100,000 brackets": ("a: " + "[" * 100_000, "f.yaml:1: the file must be at most 64 levels deep"),
    "100,000 braces": ("{a: " * 100_000, "f.yaml:1: the file must be at most 64 levels deep"),
    "deep indentation": (
        "\n".join(" " * i + "a:" for i in range(500)),
        "f.yaml:65: the file must be at most 64",
    ),
}


def parsed(text: str, loader: Any = FASTEST_LOADER) -> Mapping:
    return parse_yaml(text, path="f.yaml", loader=loader)


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("case", REFUSED)
def test_what_surprises_is_refused_with_line_and_key(case: str, loader: Any) -> None:
    """Each refusal is one sentence that begins with the file, the line and the key path."""
    text, beginning = REFUSED[case]
    with pytest.raises(InvalidDefinition) as refusal:
        parsed(text, loader)
    assert str(refusal.value).startswith(beginning)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "y", "1:30", "2026-01-01", "0b1", "1_000", "=", "+", "."])
def test_words_that_only_yaml_1_1_gives_a_meaning_are_text(word: str) -> None:
    """By the YAML 1.2 core schema a plain word is itself."""
    assert resolve_plain(word) == word
    assert parsed(f"{word}: {word}\n") == {word: word}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("FALSE", False),
        ("007", 7),
        ("-12", -12),
        ("0o17", 15),
        ("0xff", 255),
        ("1.", 1.0),
        ("-1e3", -1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
    ],
)
def test_plain_scalars_follow_the_core_schema(word: str, value: object) -> None:
    """null, true, whole numbers and fractions are what YAML 1.2 says; in quotes they are text."""
    found = resolve_plain(word)
    assert found == value
    assert type(found) is type(value)
    assert parsed(f"a: '{word}'\n") == {"a": word}


def test_a_number_too_long_to_be_meant_stays_text() -> None:
    """5,000 digits are not a number anyone means, and Python refuses to read them."""
    assert parsed(f"a: {'9' * 5_000}\n") == {"a": "9" * 5_000}


def test_core_tags_that_fit_are_read() -> None:
    """``!!str 123`` says what quotes say."""
    assert parsed("a: !!str 123\nb: !!int 5\nc: !!map {d: !!seq [! 1]}\n") == {"a": "123", "b": 5, "c": {"d": ["1"]}}


def test_64_levels_are_read() -> None:
    """The limit itself is allowed: 63 lists in the file's mapping."""
    value = parsed("a: " + "[" * 63 + "]" * 63)["a"]
    for _ in range(62):
        (value,) = value
    assert value == []


def test_every_key_and_item_knows_its_line() -> None:
    """Lines count from 1 and are those of the keys."""
    top = parsed("a:\n  - x\n  -\n    y\nb: {c: 1,\n  d: 2}\n")
    assert top.lines == {"a": 1, "b": 5}
    assert top["a"].lines == [2, 4]
    assert top["b"].lines == {"c": 5, "d": 6}


def test_a_file_begins_after_its_byte_order_mark(tmp_path: Path) -> None:
    """Editors that write a byte order mark do not change what the file says."""
    file = tmp_path / "f.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: \xc3\xa9\n")
    assert read_text(file) == "a: é\n"


def test_a_file_that_is_not_utf_8_is_refused_with_its_line(tmp_path: Path) -> None:
    """The first wrong byte and its line are named."""
    file = tmp_path / "f.yaml"
    file.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(InvalidDefinition, match=r"f\.yaml:2: byte 0xff is not UTF-8 text$"):
        read_text(file)


def test_a_file_of_more_than_32_mib_is_refused(tmp_path: Path) -> None:
    """The size is limited before anything is parsed; a sparse file stands for any content."""
    file = tmp_path / "f.yaml"
    with file.open("wb") as out:
        out.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(InvalidDefinition, match=r"f\.yaml:1: the file must have at most 32 MiB$"):
        read_text(file)


@pytest.mark.parametrize("path", ["missing.yaml", ".", "a\0b.yaml"])
def test_a_file_that_cannot_be_read_is_refused(path: str, tmp_path: Path) -> None:
    """A missing file, a folder and an impossible name are bad files, not crashes."""
    with pytest.raises(InvalidDefinition, match="the file cannot be read: "):
        read_text(tmp_path / path)


YAML_PIECES = st.sampled_from(
    [
        *"[]{},:-?#&*!|>'\"%@` \n\t\\~aé1\u2028\ufeff\x85",
        *("\n  ", "- ", ": ", "<<", "---\n", "...", "!!str ", "%YAML 1.2\n", "%TAG ! x\n", "true", '"\\ud800"'),
    ]
)


@given(text=st.lists(YAML_PIECES, max_size=40).map("".join) | st.text(max_size=100))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but InvalidDefinition ever leaves the reader, whichever of PyYAML's readers is there."""
    for loader in LOADERS:
        value = value_or_refusal(text, loader)
        if isinstance(value, Mapping):
            assert value.keys() == value.lines.keys()
        else:
            assert value.startswith("f.yaml:")


def value_or_refusal(text: str, loader: Any) -> Mapping | str:
    """What a text holds, or what is said of it."""
    try:
        return parsed(text, loader)
    except InvalidDefinition as refusal:
        return str(refusal)
