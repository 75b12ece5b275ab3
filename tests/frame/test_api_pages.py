"""The pages on the REST API show what a real server answers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents import ROOT, shown_commands

PAGES = [ROOT / "docs" / "api.md", *sorted((ROOT / "docs" / "api").glob("*.md"))]
_CHANGING = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT[\d:]+\.?\d*\+00:00"), "<instant>"),
    (re.compile(r"\b1[78]\d{8}\b"), "0"),
)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[str]:
    """The address of a server on an empty database."""
    command = (sys.executable, "-m", "flowforge_graph", "serve", "--port", "0")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FLOWFORGE_DATABASE_URL": f"sqlite:///{tmp_path}/api.db"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as server:
        assert server.stderr is not None
        began = server.stderr.readline()
        address = re.search(r"API on (\S+);", began)
        assert address, began + server.stderr.read()
        yield f"{address[1]}/api"
        server.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_shows_what_is_answered(page: Path, api: str, tmp_path: Path) -> None:
    """Each command of a page, one after the other, answers what stands below it."""
    commands = shown_commands(page)
    assert commands
    for shown in commands:
        ran = subprocess.run(
            ("bash", "-c", shown.command),
            cwd=tmp_path,
            env={**os.environ, "API": api},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert _comparable(ran.stdout) == _comparable(shown.output), f"{page.name}, line {shown.line}: {ran.stdout}"


def _comparable(output: str) -> Any:
    for pattern, word in _CHANGING:
        output = pattern.sub(word, output)
    text = output.strip()
    return json.loads(text) if text.startswith("{") else text
