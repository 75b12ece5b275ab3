"""Does a client in JavaScript, written from the contract's table alone, find each row as the table says?

``node/client.mjs`` knows nothing of the server but that table. One process of Node tells every row to one real server;
each row is a test here, so that a failure names its row. (``/graph.*`` is asked elsewhere.)
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import PostgresServer
from tests.support.serving import HANG_SECONDS, serving

FOLDER = Path(__file__).parent / "node"
ROWS: list[str] = json.loads((FOLDER / "rows.json").read_text(encoding="utf-8"))

# A Prefect is connected, which does not answer for the one trigger that says so by its name.
_WITH_PREFECT = """
import flowforge_graph.engine
from flowforge_graph.errors import DeploymentError
from flowforge_graph.testing import MemoryDeployments

AWAY = "prefect is away"

class Deployments(MemoryDeployments):
    away = set()

    def plan(self, trigger, workflow):
        if trigger.trigger_name == AWAY:
            self.away.add(trigger.id)
            raise DeploymentError("Prefect does not answer", "connection refused")
        return super().plan(trigger, workflow)

    def stored(self, trigger_id=None):
        if trigger_id in self.away:
            raise DeploymentError("Prefect does not answer", "connection refused")
        return super().stored(trigger_id)

deployments, make = Deployments(), flowforge_graph.engine.TriggerEngine

def make_with_prefect(*arguments, **named):
    return make(*arguments, **{**named, "deployments": deployments})

flowforge_graph.engine.TriggerEngine = make_with_prefect
"""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def answers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer
) -> Iterator[dict[str, str | None]]:
    """What Node found wrong with each row, None where nothing is."""
    folder = tmp_path_factory.mktemp("node")
    if request.param == "sqlite":
        yield _told(f"sqlite:///{folder / 'flowforge.db'}", folder)
        return
    with postgres_server.fresh_database() as url:
        yield _told(url, folder)


def _told(database: str, folder: Path) -> dict[str, str | None]:
    node = shutil.which("node")
    assert node is not None, "these tests need Node 18 or later: apt-get install nodejs"
    with serving(database, folder=folder, prelude=_WITH_PREFECT) as served:
        command = [node, str(FOLDER / "rows.mjs"), served.url]
        told = subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS)
        assert served.stop() == 0, served.said
    assert told.returncode == 0, told.stderr
    return {line["row"]: line["error"] for line in map(json.loads, told.stdout.splitlines())}


@pytest.mark.parametrize("row", [pytest.param(row, id=row) for row in ROWS])
def test_a_row_of_the_contract_is_as_it_says(answers: dict[str, str | None], row: str) -> None:
    """What the client expects of this row by the contract is what the server answers."""
    assert answers[row] is None, answers[row]


def test_nothing_but_the_rows_was_told(answers: dict[str, str | None]) -> None:
    """Both sides know the same rows, in the same order."""
    assert list(answers) == ROWS
